"""Who we are to the venue: one header set per attempt, made from a secret that nothing ever prints.

The shape of the secret tells the algorithm: a PEM is ES256 or Ed25519, base64 of 32 or 64 bytes is Ed25519, 32
letters and digits are a legacy HMAC secret. The libraries behind the first two cost a cold start a quarter of a
second, so they are imported only where there is such a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from trader.errors import ConfigError

# The token lives 120 s. Starting it early keeps the span and absorbs a clock that runs a little fast.
_BEFORE_SECONDS = 5
_AFTER_SECONDS = 115

_LEGACY_SECRET = re.compile(r"[A-Za-z0-9]{32}")
_SEED_BYTES = 32
_PAIR_BYTES = 64
_NAMES = ("key_name", "name", "id")
_SECRETS = ("private_key", "privateKey")
#: What a key has to be, for whoever stored something else.
EXPECTED = (
    "must hold Coinbase's key file as downloaded, a JSON object with the texts name (or id) and privateKey; "
    "key_name and private_key will do, too"
)
# A downloaded file has less than a thousand characters, one with an RSA key, which is none of ours, four thousand.
_FILE_LENGTH_MAX = 8192
_HIDDEN = "[hidden]"
# Shorter than any key or name the venue gives out: blanking out less would spoil honest text.
_SECRET_LENGTH = 12
_TOKEN = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
_PEM = re.compile(r"-----BEGIN.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_PEM_PARTS = re.compile(r"(-----BEGIN [A-Z ]+-----)(.*?)(-----END [A-Z ]+-----)", re.DOTALL)

Now = Callable[[], float]


def hide_tokens(text: str) -> str:
    """Blank out whatever looks like a web token or a PEM, no matter whose."""
    return _PEM.sub(_HIDDEN, _TOKEN.sub(_HIDDEN, text))


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key. Neither half appears in its ``repr``; ``origin`` says in errors where it was read.

    Blanks and quotes around it, and the way its line ends are written, are no part of a key.
    """

    key_name: str = field(repr=False)
    secret: str = field(repr=False)
    origin: str = "the API key"

    def __post_init__(self) -> None:
        bare = self.secret.strip().strip("\"'").replace("\\r", "").replace("\\n", "\n").replace("\r", "")
        object.__setattr__(self, "secret", bare.strip())
        object.__setattr__(self, "key_name", self.key_name.strip())

    @classmethod
    def from_json(cls, text: str, origin: str = "the API key") -> Credentials:
        """Read a file of the venue's portal as it was downloaded, or ``{"key_name", "private_key"}``.

        Raises: ConfigError, which names the *origin*, says what it has to hold and nothing of what is there.
        """
        try:
            # Not strict, because a shell may have made line ends of the letters that stood for them in the PEM.
            found = json.loads(text.lstrip("\ufeff"), strict=False) if len(text) <= _FILE_LENGTH_MAX else None
        except (ValueError, RecursionError):
            found = None
        told = found if isinstance(found, dict) else {}
        key_name, secret = (next((told[key] for key in keys if told.get(key)), None) for keys in (_NAMES, _SECRETS))
        if not isinstance(key_name, str) or not isinstance(secret, str) or not _is_name(key_name.strip()):
            # Outside of the handler, whose error would carry the text along.
            raise ConfigError(f"{origin}: {EXPECTED}")
        return cls(key_name, secret, origin)

    def redact(self, text: str) -> str:
        """Blank out whatever of this key, or of a token made with it, a text contains."""
        text = hide_tokens(text)
        for part in (self.secret, self.secret.replace("\n", "\\n"), self.secret.replace("\n", "\r\n"), self.key_name):
            text = text.replace(part, _HIDDEN) if len(part) >= _SECRET_LENGTH else text
        return text


class Signer(Protocol):
    """Whatever can prove who we are. Every attempt asks anew: a token is used once."""

    @property
    def algorithm(self) -> str:
        """How the key signs: ES256, EdDSA, or HMAC."""

    def headers(self, method: str, host: str, path: str, body: bytes) -> Mapping[str, str]:
        """Return the headers for one attempt; *path* without its query string."""

    def redact(self, text: str) -> str:
        """Blank out whatever a text contains of the secrets held here."""


def choose_signer(credentials: Credentials, now: Now = time.time) -> Signer:
    """Choose the way to sign by the shape of the secret; *now* is the venue's time in seconds.

    Raises: ConfigError if the secret has no known shape.
    """
    secret, origin = credentials.secret, credentials.origin
    if "-----BEGIN" in secret:
        return _TokenSigner(credentials, *_pem_key(secret, origin), now)
    if _LEGACY_SECRET.fullmatch(secret):
        return _HmacSigner(credentials, secret, now)
    raw = _base64_bytes(secret)
    if len(raw) in (_SEED_BYTES, _PAIR_BYTES):
        return _TokenSigner(credentials, _seed_key(raw, origin), "EdDSA", now)
    raise ConfigError(
        f"{origin}: its private key is neither a PEM, nor base64 of 32 or 64 bytes, nor a legacy secret; it must be as "
        "Coinbase's key file has it"
    )


def _is_name(text: str) -> bool:
    # It travels in a header, or in a token.
    return text != "" and text.isascii() and text.isprintable()


def _base64_bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _pem_key(pem: str, origin: str) -> tuple[Any, str]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see the module's docstring
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    key: Any = None
    if parts := _PEM_PARTS.search(pem):
        # A field for one line leaves blanks where line ends were, or nothing.
        pem = "\n".join((parts[1], "".join(parts[2].split()), parts[3]))
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key, "EdDSA"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key, "ES256"
    raise ConfigError(
        f"{origin}: its PEM is no unencrypted P-256 or Ed25519 private key; it must be as Coinbase's key file has it"
    )


def _seed_key(raw: bytes, origin: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])
    if len(raw) == _PAIR_BYTES and key.public_key().public_bytes_raw() != raw[_SEED_BYTES:]:
        raise ConfigError(
            f"{origin}: its private key is damaged, the two halves do not belong together; it must be as Coinbase's "
            "key file has it"
        )
    return key


class _TokenSigner:
    """A fresh JSON web token for each attempt, bound to method, host and path."""

    def __init__(self, credentials: Credentials, key: Any, algorithm: str, now: Now) -> None:
        import jwt  # noqa: PLC0415 - see the module's docstring

        self.algorithm = algorithm
        self._credentials = credentials
        self._key = key
        self._now = now
        self._encode = jwt.encode

    def headers(self, method: str, host: str, path: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - HMAC's
        name, now = self._credentials.key_name, int(self._now())
        claims = {
            "sub": name,
            "iss": "cdp",
            "nbf": now - _BEFORE_SECONDS,
            "exp": now + _AFTER_SECONDS,
            "uri": f"{method} {host}{path}",
        }
        header = {"kid": name, "nonce": secrets.token_hex(16)}
        return {"Authorization": f"Bearer {self._encode(claims, self._key, self.algorithm, headers=header)}"}

    def redact(self, text: str) -> str:
        return self._credentials.redact(text)


class _HmacSigner:
    """The headers of keys from before 2025, which the venue has switched off; kept for venues that speak them."""

    algorithm = "HMAC"

    def __init__(self, credentials: Credentials, secret: str, now: Now) -> None:
        self._credentials = credentials
        self._secret = secret.encode()
        self._now = now

    def headers(self, method: str, host: str, path: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - token's
        stamp = str(int(self._now()))
        message = f"{stamp}{method}{path}".encode() + body
        return {
            "CB-ACCESS-KEY": self._credentials.key_name,
            "CB-ACCESS-SIGN": hmac.new(self._secret, message, hashlib.sha256).hexdigest(),
            "CB-ACCESS-TIMESTAMP": stamp,
        }

    def redact(self, text: str) -> str:
        return self._credentials.redact(text)
