"""Tokens are what the venue demands, fresh each time, and their secret is seen nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trader.adapters.coinbase.auth import Credentials, Signer, choose_signer, hide_tokens
from trader.errors import ConfigError
from unit.adapters.coinbase.stub import CREDENTIALS, EC_KEY, KEY_NAME, PEM

NOW = 1_790_000_000.0
PATH = "/api/v3/brokerage/accounts"
ED_KEY = ed25519.Ed25519PrivateKey.generate()
SEED = ED_KEY.private_bytes_raw()
PAIR = SEED + ED_KEY.public_key().public_bytes_raw()


def pkcs8(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def token_of(signer: Signer, method: str = "GET") -> str:
    headers = signer.headers(method, "api.coinbase.com", PATH, b"")
    assert ["Authorization"] == list(headers)
    return headers["Authorization"].removeprefix("Bearer ")


def claims_of(token: str, key: Any, algorithm: str) -> dict[str, Any]:
    options = {"verify_exp": False, "verify_nbf": False}
    return jwt.decode(token, key, algorithms=[algorithm], options=options)


@pytest.mark.parametrize(
    "secret", [PEM, PEM.replace("\n", "\\n"), f'"{PEM}"', pkcs8(EC_KEY), pkcs8(EC_KEY).replace("\n", "\\n")]
)
def test_pem_of_a_curve_key_signs_es256(secret: str) -> None:
    """Old and new containers, with line ends or the letters backslash and n."""
    token = token_of(choose_signer(Credentials(KEY_NAME, secret), lambda: NOW))

    claims = claims_of(token, EC_KEY.public_key(), "ES256")
    assert {
        "sub": KEY_NAME,
        "iss": "cdp",
        "nbf": int(NOW) - 5,
        "exp": int(NOW) + 115,
        "uri": f"GET api.coinbase.com{PATH}",
    } == claims
    header = jwt.get_unverified_header(token)
    assert ("ES256", "JWT", KEY_NAME) == (header["alg"], header["typ"], header["kid"])


@pytest.mark.parametrize(
    "secret",
    [
        base64.b64encode(PAIR).decode(),
        base64.b64encode(SEED).decode(),
        base64.encodebytes(PAIR).decode(),
        pkcs8(ED_KEY),
    ],
    ids=["pair", "seed", "wrapped", "pem"],
)
def test_edwards_key_signs_eddsa(secret: str) -> None:
    """The venue's own form, the bare seed, and the standard container."""
    token = token_of(choose_signer(Credentials("key", secret), lambda: NOW), "POST")

    assert f"POST api.coinbase.com{PATH}" == claims_of(token, ED_KEY.public_key(), "EdDSA")["uri"]


def test_every_attempt_has_a_token_of_its_own() -> None:
    """Same request, same second, another nonce."""
    signer = choose_signer(CREDENTIALS, lambda: NOW)

    nonces = {jwt.get_unverified_header(token_of(signer))["nonce"] for _ in range(20)}

    assert 20 == len(nonces)
    assert all(len(nonce) >= 32 for nonce in nonces)


def test_old_secret_signs_with_its_headers() -> None:
    """Timestamp, method, path and body under the secret."""
    secret = "abcdefghijklmnopqrstuvwxyz012345"
    headers = choose_signer(Credentials("oldkey", secret), lambda: NOW).headers("POST", "host", PATH, b'{"a":1}')

    message = f"{int(NOW)}POST{PATH}".encode() + b'{"a":1}'
    assert {
        "CB-ACCESS-KEY": "oldkey",
        "CB-ACCESS-SIGN": hmac.new(secret.encode(), message, hashlib.sha256).hexdigest(),
        "CB-ACCESS-TIMESTAMP": str(int(NOW)),
    } == headers


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "planted-secret",
        "-----BEGIN EC PRIVATE KEY-----\nplanted-secret\n-----END EC PRIVATE KEY-----",
        pkcs8(ec.generate_private_key(ec.SECP384R1())),
        base64.b64encode(SEED + bytes(32)).decode(),
        base64.b64encode(bytes(48)).decode(),
    ],
    ids=["empty", "prose", "damaged", "other curve", "halves of two keys", "other length"],
)
def test_secret_of_no_known_shape_refuses_to_start_and_is_not_shown(secret: str) -> None:
    """The message says what is wanted, not what was there; nor does anything chained to it."""
    with pytest.raises(ConfigError) as caught:
        choose_signer(Credentials("planted-name", secret))

    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"key_name": KEY_NAME, "private_key": PEM}),
        json.dumps({"name": KEY_NAME, "privateKey": PEM}),
        json.dumps({"id": KEY_NAME, "privateKey": PEM}),
    ],
)
def test_key_is_read_from_our_secret_and_from_the_portals_files(text: str) -> None:
    """Three spellings of the same two facts."""
    assert Credentials(KEY_NAME, PEM) == Credentials.from_json(text)


@pytest.mark.parametrize("text", ["planted-secret", '["planted-secret"]', '{"name": "planted-secret"}', '{"name": 1}'])
def test_key_that_cannot_be_read_is_not_shown(text: str) -> None:
    """A secret pasted into the wrong place is the likeliest mistake of all."""
    with pytest.raises(ConfigError) as caught:
        Credentials.from_json(text)

    assert "planted" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "name", [" ", "planted\r\nX-Evil: 1", "planted\tname", "planted\ud800", "plant\u00e9d", "planted\u200b"], ids=ascii
)
def test_name_that_no_header_and_no_token_can_carry_is_refused_when_it_is_read(name: str) -> None:
    """Not later, by a library whose error quotes it."""
    with pytest.raises(ConfigError, match="must hold Coinbase's key file as downloaded") as caught:
        Credentials.from_json(json.dumps({"name": name, "privateKey": PEM}))

    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("piece", ["-----BEGIN A-----", "A", "eyJ", "\\n", "[", " "], ids=ascii)
def test_text_far_longer_than_a_key_is_refused_at_once(piece: str) -> None:
    """A megabyte of the wrong file, or one made to keep us busy."""
    text = json.dumps({"name": KEY_NAME, "privateKey": piece * (1_000_000 // len(piece))})
    begun = time.perf_counter()

    with pytest.raises(ConfigError, match="must hold Coinbase's key file as downloaded"):
        Credentials.from_json(text)

    assert time.perf_counter() - begun < 1


def test_nothing_that_holds_the_key_shows_it() -> None:
    """repr, str, format, and a signer's as well."""
    signer = choose_signer(CREDENTIALS)

    for shown in (repr(CREDENTIALS), str(CREDENTIALS), f"{CREDENTIALS}", repr(signer), str(signer)):
        assert "planted" not in shown
        assert "BEGIN" not in shown


def test_what_quotes_the_key_is_blanked_out() -> None:
    """An edge that prints the request back must not put it into our logs."""
    token = token_of(choose_signer(CREDENTIALS))

    said = choose_signer(CREDENTIALS).redact(f"bad key {KEY_NAME}: Bearer {token} from {PEM} or {CREDENTIALS.secret}")

    assert "planted" not in said
    assert token not in said
    assert "PRIVATE" not in said
    assert said.startswith("bad key [hidden]: Bearer [hidden] from [hidden]")


def test_foreign_tokens_and_keys_are_blanked_out_too() -> None:
    """Whatever reaches a log: one line or many, whole or cut."""
    token = token_of(choose_signer(CREDENTIALS))
    shown = hide_tokens(f"a {token} b {token[:40]} c {PEM} d {json.dumps(PEM)} e {PEM[:90]}")

    assert 'a [hidden] b [hidden] c [hidden]\n d "[hidden]\\n" e [hidden]' == shown


def test_the_public_half_does_not_load_the_libraries_for_signing() -> None:
    """They are a quarter of a second of a cold start that a dry run has no use for."""
    code = "import sys, trader.adapters.coinbase.adapter; print('jwt' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "False" == printed.strip()


def test_key_is_taken_however_it_was_pasted() -> None:
    """A mark in front, line ends behind, a PEM with real, written or lost line ends, quotes and blanks around it."""
    pems = (PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n"), PEM.replace("\n", " "), f' "{PEM}" ')
    files = [json.dumps({"name": f" {KEY_NAME}\n", "privateKey": pem}, indent=2) for pem in pems]
    # What a shell's echo makes of a file: the letters have become line ends.
    files.append(files[0].replace("\\n", "\n"))

    for text in (f"\ufeff{file}\r\n" for file in files):
        found = Credentials.from_json(text)

        assert KEY_NAME == found.key_name
        assert KEY_NAME == claims_of(token_of(choose_signer(found, lambda: NOW)), EC_KEY.public_key(), "ES256")["sub"]


@pytest.mark.parametrize(
    "secret",
    ["planted-secret", PEM[:90], base64.b64encode(bytes(48)).decode()],
    # The key is another one in each process, and a test's name must be the same in all.
    ids=["a word", "half a PEM", "48 bytes"],
)
def test_error_about_a_key_names_where_it_came_from(secret: str) -> None:
    """There may be several; one line says which, and what it must be."""
    with pytest.raises(ConfigError) as caught:
        choose_signer(Credentials("planted-name", secret, "secret trader/key"))

    assert str(caught.value).startswith("secret trader/key: its ")
    assert str(caught.value).endswith("it must be as Coinbase's key file has it")
    assert "planted" not in str(caught.value)
