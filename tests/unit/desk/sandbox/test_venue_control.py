"""A venue in another process: its control path, and the command that starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from factories_venue import START
from unit.desk.sandbox.venues import PATIENCE_SECONDS, Client, bracket, limit, market, stop_limit

START_THE_COMMAND = (
    "import sys, typer\nfrom desk.cli import sandbox\napp = typer.Typer()\nsandbox.register(app)\napp(sys.argv[1:])"
)

#: Of a limit, a bracket and a stop-limit.
SIDES = ("BUY", "SELL", "SELL")


def control(url: str, method: str, name: str, body: Any = None) -> requests.Response:
    """One request to the control path."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, f"{url}/__sandbox/{name}", json=body, timeout=PATIENCE_SECONDS)


def test_keys_are_made_and_revoked_from_outside(client: Client) -> None:
    url, old = client.server.url, client.server.key

    files = [control(url, "POST", "keys", given).json() for given in ({}, {"algorithm": "EdDSA"})]
    left = control(url, "DELETE", "keys", {"name": old.name}).json()["keys"]

    assert [["name", "privateKey"], ["id", "privateKey"]] == [sorted(file) for file in files]
    assert sorted(file.get("name") or file["id"] for file in files) == left
    assert 401 == client.send("GET", "/accounts", token=client.token("GET", "/accounts", old)).status_code
    assert 400 == control(url, "DELETE", "keys", {"name": old.name}).status_code


def test_faults_are_scripted_from_outside(client: Client) -> None:
    url = client.server.url

    added = control(url, "POST", "faults", [{"fault": "unavailable", "method": "GET", "path": "/accounts", "nth": 2}])
    statuses = [client.send("GET", "/accounts").status_code for _ in range(3)]
    fired = control(url, "GET", "faults").json()["faults"][0]["fired"]
    control(url, "DELETE", "faults")

    assert ("unavailable", [200, 503, 200], 1) == (added.json()["faults"][0]["fault"], statuses, fired)
    assert [] == control(url, "GET", "faults").json()["faults"]


def test_clock_prices_and_money_are_moved_from_outside(client: Client) -> None:
    url = client.server.url
    order_id = client.placed(limit())

    now = control(url, "POST", "clock", {"advance": 60}).json()["now"]
    control(url, "POST", "price", {"product_id": "SOL-USD", "price": "99"})
    balances = control(url, "POST", "deposit", {"asset": "USD", "amount": "5"}).json()
    state = control(url, "GET", "state").json()

    assert START + 60 == now == state["now"]
    assert "FILLED" == client.look(order_id)["status"] == state["orders"][0]["status"]
    assert {"available": "9804.0012", "hold": "0"} == balances["USD"]
    assert 1 == len(state["fills"])
    assert 1 <= state["requests"]["totals"]["private"]


def test_options_and_products_are_changed_from_outside(client: Client) -> None:
    url = client.server.url

    lags = control(url, "POST", "options", {"lags": {"order": 5}, "slices": 2}).json()["lags"]
    control(url, "POST", "product", {"product_id": "SOL-USD", "trading_disabled": True})

    assert (5, 2) == (lags["order"], client.venue.options.slices)
    assert "TRADING_DISABLED" == client.order(limit())["error_response"]["error"]
    control(url, "DELETE", "requests")
    assert 0 == client.venue.traffic.totals()["private"]


FLAGS = ["is_disabled", "trading_disabled", "cancel_only", "auction_mode", "view_only"]


@pytest.mark.parametrize(
    ("changes", "undo", "reason"),
    [
        *(({flag: True}, {flag: False}, "TRADING_DISABLED" if flag.startswith("t") else None) for flag in FLAGS),
        ({"status": "delisted"}, {"status": "online"}, None),
    ],
    ids=str,
)
def test_product_is_closed_and_opened_from_outside(
    client: Client, changes: dict[str, Any], undo: dict[str, Any], reason: str | None
) -> None:
    """Every flag of the wire and the status; no kind of order is taken meanwhile, protection neither."""
    url, kinds = client.server.url, (limit(), bracket(), stop_limit("95", "94"))

    control(url, "POST", "product", {"product_id": "SOL-USD", **changes})
    told = client.get("/products/SOL-USD", get_tradability_status="true")
    answers = [client.order(kind, side) for kind, side in zip(kinds, SIDES, strict=True)]
    control(url, "POST", "product", {"product_id": "SOL-USD", **undo})

    assert changes == {name: told[name] for name in changes}
    assert {reason or "ORDER_ENTRY_DISABLED"} == {answer["error_response"]["error"] for answer in answers}
    assert client.order(limit())["success"]


@pytest.mark.parametrize(
    ("mode", "refused"),
    [("post_only", ["market", "ioc", "limit"]), ("limit_only", ["market"])],
)
def test_mode_is_changed_from_outside(client: Client, mode: str, refused: list[str]) -> None:
    """What protects is taken in both, and so is what never takes."""
    orders = {
        "market": (market(base_size="1"), "SELL"),
        "ioc": ({"sor_limit_ioc": {"base_size": "1", "limit_price": "99"}}, "SELL"),
        "limit": (limit("99.90", post_only=False), "BUY"),
        "maker": (limit("99.90"), "BUY"),
        "bracket": (bracket(), "SELL"),
        "stop": (stop_limit("95", "94"), "SELL"),
    }

    control(client.server.url, "POST", "product", {"product_id": "SOL-USD", mode: True})
    answers = {name: client.order(*order) for name, order in orders.items()}

    assert refused == [name for name, answer in answers.items() if not answer["success"]]
    assert {"PREVIEW_NOT_ALLOWED_BY_MARKET_STATE"} == {
        answers[name]["error_response"]["preview_failure_reason"] for name in refused
    }


def test_hold_of_a_cancelled_order_is_free_after_a_while(client: Client) -> None:
    """Until then its coins are held, it is not settled, and a sale of them is refused."""
    control(client.server.url, "POST", "options", {"lags": {"hold": 5}})
    order_id = client.placed(bracket(size="10"), "SELL")
    client.cancel(order_id)

    held, waiting = client.money("SOL"), client.look(order_id)
    refused = client.order(market(base_size="10"), "SELL")
    client.pass_seconds(5)
    free, settled = client.money("SOL"), client.look(order_id)

    names = ("status", "settled", "outstanding_hold_amount")
    assert ("CANCELLED", False, "10") == tuple(waiting[name] for name in names)
    assert ("CANCELLED", True, "0") == tuple(settled[name] for name in names)
    assert ((0, 10), (10, 0)) == (held, free)
    assert "INSUFFICIENT_FUND" == refused["error_response"]["error"]
    assert client.order(market(base_size="10"), "SELL")["success"]


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("POST", "product", {"product_id": "SOL-USD", "unheard_of": True}, 400),
        ("POST", "product", {"product_id": "SOL-USD", "status": True}, 400),
        ("POST", "product", {"product_id": "SOL-USD", "cancel_only": "yes"}, 400),
        ("POST", "faults", {"fault": "unheard_of"}, 400),
        ("POST", "price", {"price": "1"}, 400),
        ("POST", "clock", {}, 400),
        ("POST", "deposit", {"asset": "USD", "amount": "-20000"}, 400),
        ("POST", "options", {"unheard_of": 1}, 400),
        ("POST", "product", {"product_id": "NONE-USD"}, 404),
        ("GET", "nothing", None, 404),
    ],
)
def test_control_refuses_what_it_cannot_do(client: Client, method: str, name: str, body: Any, status: int) -> None:
    assert status == control(client.server.url, method, name, body).status_code


def test_real_clock_is_not_set() -> None:
    with VenueServer() as server:
        assert 409 == control(server.url, "POST", "clock", {"at": 0}).status_code
        before = int(time.time())
        assert before <= control(server.url, "GET", "clock").json()["now"] <= time.time()


def test_bug_of_the_venue_comes_to_light() -> None:
    """Nobody can mistake it for a closed connection."""
    server = VenueServer(Venue())
    del server.venue.market

    with pytest.raises(AttributeError), server, pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/api/v3/brokerage/market/products", timeout=PATIENCE_SECONDS)


def test_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """It tells where it is and the key it takes; the rest is HTTP."""
    key_file = tmp_path / "key.json"
    script = tmp_path / "script.jsonl"
    script.write_text('{"after": 0, "product_id": "BTC-USD", "price": "50000"}\n', encoding="utf-8")
    words = ["sandbox", "venue", "--port", "0", "--clock", "virtual", "--at", "2026-11-22T12:00:00Z", "--cash", "USD=5"]
    more = ["--script", str(script), "--products", "20", "--key-file", str(key_file)]
    command = [sys.executable, "-c", START_THE_COMMAND, *words, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            told = json.loads(process.stdout.readline())
            said = process.stderr.readline()
            listing = f"{told['url']}/api/v3/brokerage/market/products"
            products = requests.get(listing, timeout=PATIENCE_SECONDS).json()["products"]
            state = control(told["url"], "GET", "state").json()
        finally:
            process.terminate()

    assert (20, "50000") == (len(products), next(row["price"] for row in products if row["product_id"] == "BTC-USD"))
    assert {"USD": {"available": "5", "hold": "0"}} == state["balances"]
    assert f"serving a simulated Coinbase at {told['url']} until Ctrl-C; its key is made up and opens nothing\n" == said
    assert {"name", "privateKey"} == set(json.loads(key_file.read_text(encoding="utf-8")))
    assert 0o600 == key_file.stat().st_mode & 0o777
