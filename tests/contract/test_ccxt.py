"""ccxt's coinbase class drives the simulated venue: where they disagree, the venue is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from desk.sandbox.auth import Algorithm, make_key
from desk.sandbox.server import VenueServer
from factories_venue import START, STEP
from unit.desk.sandbox.venues import a_venue

SYMBOL = "SOL/USD"


@pytest.fixture(params=list(Algorithm))
def server(request: pytest.FixtureRequest) -> Iterator[VenueServer]:
    venue = a_venue()
    venue.keys = {key.name: key for key in [make_key(request.param)]}
    with VenueServer(venue) as opened:
        yield opened


@pytest.fixture
def exchange(server: VenueServer) -> Iterator[Any]:
    config: Any = {"apiKey": server.key.name, "secret": server.key.secret, "enableRateLimit": False, "timeout": 30_000}
    exchange = ccxt.coinbase(config)
    exchange.session.trust_env = False
    exchange.urls["api"]["rest"] = server.url
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def test_markets(exchange: Any) -> None:
    """Increments become precision, the tier becomes fees, the twin an alias."""
    market = exchange.market(SYMBOL)

    assert {"SOL/USD", "SOL/USDC"} == set(exchange.markets)
    assert (0.001, 0.01, 0.006, 0.012) == (
        market["precision"]["amount"],
        market["precision"]["price"],
        market["maker"],
        market["taker"],
    )
    assert (True, True, 0.002, 1.0) == (
        market["spot"],
        market["active"],
        market["limits"]["amount"]["min"],
        market["limits"]["cost"]["min"],
    )
    assert "SOL-USDC" == market["alias"]


def test_candles(exchange: Any) -> None:
    """Oldest first once ccxt has turned them round."""
    since = (START - 3 * STEP) * 1000

    rows = exchange.fetch_ohlcv(SYMBOL, "5m", since=since, limit=3)
    public = exchange.fetch_ohlcv(SYMBOL, "1h", since=(START - 7200) * 1000, limit=1, params={"usePrivate": False})

    assert [[since + index * STEP * 1000, 100.0, 100.0, 100.0, 100.0, 1000.0] for index in range(3)] == rows
    assert [12_000.0] == [row[5] for row in public]


def test_prices(exchange: Any) -> None:
    """Ticker, book, trades, time."""
    ticker, book = exchange.fetch_ticker(SYMBOL), exchange.fetch_order_book(SYMBOL, 2)

    assert (99.95, 100.05, 100.0) == (ticker["bid"], ticker["ask"], ticker["last"])
    assert ([99.95, 100.05], 2) == ([book["bids"][0][0], book["asks"][0][0]], len(book["bids"]))
    assert 3 == len(exchange.fetch_trades(SYMBOL, limit=3))
    assert START * 1000 == exchange.fetch_time()
    assert {"SOL", "USD", "USDC"} <= set(exchange.fetch_currencies())


@pytest.mark.parametrize("params", [{"v3": True}, {}])
def test_balance(exchange: Any, params: dict[str, Any]) -> None:
    """On both generations of the accounts path."""
    balance = exchange.fetch_balance(params)

    assert (10_000.0, 10.0) == (balance["USD"]["total"], balance["SOL"]["total"])


def test_life_of_a_limit_order(exchange: Any) -> None:
    """Placed, listed, holding money, cancelled."""
    placed = exchange.create_order(SYMBOL, "limit", "buy", 2, 99.9, {"postOnly": True, "client_order_id": "mine"})
    listed = exchange.fetch_open_orders(SYMBOL)
    held = exchange.fetch_balance({"v3": True})["USD"]["used"]
    taken = exchange.cancel_order(placed["id"])
    over = exchange.fetch_order(placed["id"])

    assert [(placed["id"], "mine", "open", 99.9, 2.0)] == [
        (order["id"], order["clientOrderId"], order["status"], order["price"], order["amount"]) for order in listed
    ]
    assert (200.9988, True) == (held, taken["info"]["success"])
    assert ("canceled", 0.0) == (over["status"], over["filled"])
    assert [placed["id"]] == [order["id"] for order in exchange.fetch_canceled_orders(SYMBOL)]


def test_life_of_a_market_order(exchange: Any) -> None:
    """What was spent, what was got, and the fee; the fill's size is understood to be in quote."""
    placed = exchange.create_market_buy_order_with_cost(SYMBOL, 101.2)

    order = exchange.fetch_order(placed["id"])
    (trade,) = exchange.fetch_my_trades(SYMBOL)

    assert ("closed", "market", "buy") == (order["status"], order["type"], order["side"])
    assert (100.0, 1.2) == (pytest.approx(order["cost"]), pytest.approx(float(order["fee"]["cost"])))
    assert order["filled"] == pytest.approx(trade["amount"]) == pytest.approx(100 / 100.11)
    assert (placed["id"], "taker", 100.11) == (trade["order"], trade["takerOrMaker"], pytest.approx(trade["price"]))


def test_order_fills_while_it_rests(exchange: Any, server: VenueServer) -> None:
    placed = exchange.create_order(SYMBOL, "limit", "sell", 2, 101)

    server.venue.set_price("SOL-USD", "102")

    order = exchange.fetch_order(placed["id"])
    assert ("closed", 2.0, 101.0) == (order["status"], order["filled"], order["average"])
    assert [placed["id"]] == [each["id"] for each in exchange.fetch_closed_orders(SYMBOL)]


def test_stop_order_waits(exchange: Any) -> None:
    placed = exchange.create_order(SYMBOL, "limit", "sell", 2, 94, {"stopLossPrice": 95})

    order = exchange.fetch_order(placed["id"])

    assert ("open", 95.0, 94.0) == (order["status"], order["triggerPrice"], order["price"])


def test_refusals_become_the_right_errors(exchange: Any, server: VenueServer) -> None:
    """Not enough money, a crossing post-only order, a request too many, a token refused."""
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(SYMBOL, "market", "sell", 1000)
    with pytest.raises(ccxt.ExchangeError, match="INVALID_LIMIT_PRICE_POST_ONLY"):
        exchange.create_order(SYMBOL, "limit", "buy", 2, 100.05, {"postOnly": True})
    server.venue.faults.add("rate_limited_json")
    with pytest.raises(ccxt.RateLimitExceeded):
        exchange.fetch_balance({"v3": True})
    server.venue.faults.add("unauthorized")
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance({"v3": True})


def test_edit_and_preview(exchange: Any) -> None:
    placed = exchange.create_order(SYMBOL, "limit", "buy", 2, 99.9)

    edited = exchange.edit_order(placed["id"], SYMBOL, "limit", "buy", 3, 99.8)
    exchange.create_order(SYMBOL, "limit", "buy", 2, 99.9, {"preview": True})

    assert edited["info"]["success"]
    assert [3.0] == [order["amount"] for order in exchange.fetch_open_orders(SYMBOL)]
