"""Who is let in: tokens, keys, permissions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from desk.sandbox.auth import Algorithm, Permission, make_key
from unit.desk.sandbox.conftest import Open
from unit.desk.sandbox.venues import API, Client, limit

PATH = API + "/accounts"


def test_token_of_the_official_layout_is_let_in(client: Client) -> None:
    assert 200 == client.send("GET", "/accounts").status_code


@pytest.mark.parametrize(
    "claims",
    [
        {"uri": None, "uris": [f"GET api.coinbase.com{PATH}"]},
        {"uri": f"GET http://127.0.0.1:18080{PATH}", "iss": "coinbase-cloud", "aud": ["retail_rest_api_proxy"]},
        {"uri": f"GET localhost:18443{PATH}"},
    ],
    ids=["uris", "scheme and other issuer", "other host"],
)
def test_variants_that_working_clients_send_are_let_in(client: Client, claims: dict[str, Any]) -> None:
    assert 200 == client.send("GET", "/accounts", token=client.token("GET", PATH, **claims)).status_code


NOW = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {"uri": f"GET api.coinbase.com{PATH}?limit=1"},
        {"uri": f"POST api.coinbase.com{PATH}"},
        {"uri": None},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"nbf": NOW + 3600, "exp": NOW + 3700},
        {"nbf": NOW - 3600, "exp": NOW - 3500},
        {"nbf": NOW - 10, "exp": NOW + 600},
        {"exp": None},
    ],
    ids=["query", "method", "no uri", "issuer", "sub", "early", "late", "long", "no end"],
)
def test_token_with_a_fault_is_refused_with_one_word(client: Client, claims: dict[str, Any]) -> None:
    answer = client.send("GET", "/accounts", token=client.token("GET", PATH, **claims))

    assert (401, "Unauthorized") == (answer.status_code, answer.text)
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("token", ["", "a.b.c", "nothing"])
def test_what_is_no_token_is_refused(client: Client, token: str) -> None:
    assert 401 == client.send("GET", "/accounts", token=token).status_code


def test_token_of_another_key_is_refused(client: Client) -> None:
    """Same name, other secret."""
    stranger = make_key(name=client.server.key.name)

    assert 401 == client.send("GET", "/accounts", token=client.token("GET", PATH, stranger)).status_code


def test_both_kinds_of_key_sign(client: Client) -> None:
    """P-256 under an organisation's name, and Ed25519 under a bare id with 88 characters of secret."""
    edwards = client.venue.add_key(make_key(Algorithm.EDDSA))

    assert 88 == len(edwards.secret)
    assert {"id", "privateKey"} == set(edwards.file())
    assert {"name", "privateKey"} == set(client.server.key.file())
    assert 200 == client.send("GET", "/accounts", token=client.token("GET", PATH, edwards)).status_code


def test_venue_whose_clock_is_ahead_refuses_tokens_of_now(open_venue: Open) -> None:
    """It says so itself under /time; a token made for its time is good."""
    client = open_venue(clock_offset_seconds=3600)
    theirs = int(client.public("/time").json()["epochSeconds"])

    late = client.send("GET", "/accounts", token=client.token("GET", PATH, nbf=theirs - 400, exp=theirs - 300))
    good = client.send("GET", "/accounts", token=client.token("GET", PATH, nbf=theirs, exp=theirs + 120))

    assert (401, 200) == (late.status_code, good.status_code)


@pytest.mark.parametrize(
    ("may", "method", "path", "status"),
    [
        ({Permission.VIEW}, "GET", "/accounts", 200),
        ({Permission.VIEW}, "POST", "/orders/preview", 200),
        ({Permission.VIEW}, "POST", "/orders", 403),
        ({Permission.VIEW}, "POST", "/orders/batch_cancel", 403),
        ({Permission.VIEW}, "POST", "/convert/quote", 403),
        ({Permission.TRADE}, "GET", "/accounts", 403),
    ],
)
def test_permission_is_asked_for(client: Client, may: set[Permission], method: str, path: str, status: int) -> None:
    key = client.venue.add_key(make_key(permissions=frozenset(may)))
    body = {"product_id": "SOL-USD", "side": "BUY", "order_configuration": limit(), "order_ids": []}

    answer = client.send(method, path, body, token=client.token(method, API + path, key))

    assert status == answer.status_code
    if status == 403:
        assert '"error_details":"Missing required scopes"' in answer.text


def test_public_paths_need_no_token(client: Client) -> None:
    for path in ("/time", "/market/products", "/market/products/SOL-USD", "/market/products/SOL-USD/ticker"):
        assert 200 == client.public(path).status_code
    assert 401 == client.public("/best_bid_ask").status_code


def test_unknown_path_says_so_in_json(client: Client) -> None:
    answer = client.public("/nothing/here")

    assert 404 == answer.status_code
    assert {"error": "unknown", "error_details": "Not Found", "message": "Not Found"} == answer.json()


def test_secret_does_not_show(client: Client) -> None:
    assert client.server.key.secret not in repr(client.server.key)
    client.get("/accounts")
    assert "Bearer" not in repr(client.venue.traffic.log())
