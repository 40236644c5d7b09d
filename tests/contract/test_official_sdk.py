"""The official Python client drives the simulated venue: where they disagree, the venue is wrong.

The client speaks https only, so an adapter of its session brings the requests to the venue's plain address; path,
query, headers and body are the client's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from coinbase.rest import RESTClient
from requests.adapters import HTTPAdapter

from desk.sandbox.auth import Algorithm, Permission, make_key
from desk.sandbox.server import VenueServer
from factories_venue import START, STEP
from unit.desk.sandbox.venues import a_venue

PRODUCT = "SOL-USD"


class ToTheVenue(HTTPAdapter):
    """Sends what is meant for one address to another."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = self._url + request.path_url
        return super().send(request, *args, **kwargs)


def client_of(server: VenueServer, key: Any = None) -> RESTClient:
    """The official client with a key of the venue."""
    signer = key or server.key
    client = RESTClient(api_key=signer.name, api_secret=signer.secret, timeout=30, rate_limit_headers=True)
    client.session.trust_env = False
    client.session.mount("https://", ToTheVenue(server.url))
    return client


@pytest.fixture
def server() -> Iterator[VenueServer]:
    with VenueServer(a_venue()) as opened:
        yield opened


@pytest.fixture
def client(server: VenueServer) -> Iterator[RESTClient]:
    client = client_of(server)
    yield client
    client.session.close()


def order_id(answer: Any) -> str:
    """The id of an order that must have been taken."""
    assert answer["success"], answer.to_dict()
    return str(answer["success_response"]["order_id"])


def look(client: RESTClient, name: str) -> Any:
    """An order as the client tells it."""
    return client.get_order(name)["order"]


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_both_kinds_of_key_are_accepted(server: VenueServer, algorithm: Algorithm) -> None:
    """Also in the shape in which environment variables carry them."""
    key = server.venue.add_key(make_key(algorithm))
    client = client_of(server, key)

    assert client.get_api_key_permissions()["can_trade"]
    client.session.close()


def test_key_that_may_only_look_is_told_so(server: VenueServer) -> None:
    """The client recognises the refusal by its text."""
    client = client_of(server, server.venue.add_key(make_key(permissions=frozenset({Permission.VIEW}))))

    with pytest.raises(requests.HTTPError, match="Missing Required Scopes"):
        client.market_order_buy("x", PRODUCT, quote_size="10")

    client.session.close()


def test_products(client: RESTClient) -> None:
    """Private and public, all and one; the client always sends two booleans in Python's spelling."""
    everything = client.get_products(product_type="SPOT")
    one = client.get_product(PRODUCT)
    public = client.get_public_product(PRODUCT)

    assert ({"SOL-USD", "SOL-USDC"}, 2) == (
        {product["product_id"] for product in everything["products"]},
        everything["num_products"],
    )
    assert ("0.01", "100", "online") == (one["price_increment"], one["price"], one["status"])
    (listed,) = client.get_public_products(product_ids=[PRODUCT])["products"]
    assert [PRODUCT, PRODUCT] == [public["product_id"], listed["product_id"]]
    with pytest.raises(requests.HTTPError, match="404"):
        client.get_product("NONE-USD")


def test_candles(client: RESTClient) -> None:
    """Newest first on both paths; a window too long is an error that says so."""
    window = {"start": str(START - 5 * STEP), "end": str(START - STEP), "granularity": "FIVE_MINUTE"}

    private = client.get_candles(PRODUCT, **window)["candles"]
    public = client.get_public_candles(PRODUCT, **window, limit=2)["candles"]

    assert [str(START - back * STEP) for back in (1, 2, 3, 4, 5)] == [candle["start"] for candle in private]
    assert [candle["start"] for candle in private[:2]] == [candle["start"] for candle in public]
    with pytest.raises(requests.HTTPError, match="less than 350"):
        client.get_candles(PRODUCT, str(START - 400 * STEP), str(START), "FIVE_MINUTE")


def test_prices(client: RESTClient) -> None:
    """Trades, book, best bid and ask, time."""
    trades = client.get_market_trades(PRODUCT, limit=3)
    book = client.get_product_book(PRODUCT, limit=2)
    (best,) = client.get_best_bid_ask([PRODUCT])["pricebooks"]

    assert (
        ("99.95", "100.05")
        == (trades["best_bid"], trades["best_ask"])
        == (
            best["bids"][0]["price"],
            best["asks"][0]["price"],
        )
    )
    assert (3, 2) == (len(trades["trades"]), len(book["pricebook"]["bids"]))
    assert "100" == book["mid_market"] == client.get_public_product_book(PRODUCT)["mid_market"]
    assert 1 == len(client.get_public_market_trades(PRODUCT, limit=1)["trades"])
    assert str(START) == client.get_unix_time()["epoch_seconds"]


def test_accounts(client: RESTClient) -> None:
    """Over pages, and one by its id."""
    first = client.get_accounts(limit=2)
    rest = client.get_accounts(limit=2, cursor=first["cursor"])

    names = [account["currency"] for page in (first, rest) for account in page["accounts"]]
    dollars = client.get_account(first["accounts"][0]["uuid"])["account"]
    assert ["USD", "USDC", "SOL"] == names
    assert ("10000", "0") == (dollars["available_balance"]["value"], dollars["hold"]["value"])


def test_market_orders(client: RESTClient) -> None:
    """A buy in quote costs what was said; a sale is in base; the fills say which size is meant."""
    bought = order_id(client.market_order_buy("buy", PRODUCT, quote_size="101.20"))
    sold = order_id(client.market_order_sell("sell", PRODUCT, base_size="2"))

    buy, sell = look(client, bought), look(client, sold)
    fills = {fill["order_id"]: fill for fill in client.get_fills(order_ids=[bought, sold])["fills"]}
    assert ("FILLED", "101.2", "100", "1.2") == (
        buy["status"],
        buy["total_value_after_fees"],
        buy["filled_value"],
        buy["total_fees"],
    )
    assert ("FILLED", "2", "2.3976") == (sell["status"], sell["filled_size"], sell["total_fees"])
    assert (True, "100", False, "2") == (
        fills[bought]["size_in_quote"],
        fills[bought]["size"],
        fills[sold]["size_in_quote"],
        fills[sold]["size"],
    )


def test_limit_orders_of_every_kind(client: RESTClient, server: VenueServer) -> None:
    """Good till cancelled, till a date, immediate, or nothing at all."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + STEP))
    names = [
        order_id(client.limit_order_gtc_buy("gtc", PRODUCT, "2", "99.90", post_only=True)),
        order_id(client.limit_order_gtd_sell("gtd", PRODUCT, "2", "101", end)),
        order_id(client.limit_order_ioc_buy("ioc", PRODUCT, "2", "101")),
        order_id(client.limit_order_fok_sell("fok", PRODUCT, "2", "99.95")),
        order_id(client.limit_order_fok_sell("fok-too-high", PRODUCT, "2", "100")),
    ]
    before = [look(client, name)["status"] for name in names]
    server.venue.time.clock.advance(STEP)  # type: ignore[attr-defined]

    kinds = [(look(client, name)["order_type"], look(client, name)["time_in_force"]) for name in names[:4]]
    assert ["OPEN", "OPEN", "FILLED", "FILLED", "CANCELLED"] == before
    assert ["OPEN", "EXPIRED"] == [look(client, name)["status"] for name in names[:2]]
    assert [
        ("LIMIT", "GOOD_UNTIL_CANCELLED"),
        ("LIMIT", "GOOD_UNTIL_DATE_TIME"),
        ("LIMIT", "IMMEDIATE_OR_CANCEL"),
        ("LIMIT", "FILL_OR_KILL"),
    ] == kinds


def test_stop_and_bracket_orders(client: RESTClient, server: VenueServer) -> None:
    """Both wait; a print at their stop sets them off."""
    stop = order_id(client.stop_limit_order_gtc_sell("stop", PRODUCT, "2", "94", "95", "STOP_DIRECTION_STOP_DOWN"))
    bracket = order_id(client.trigger_bracket_order_gtc_sell("bracket", PRODUCT, "2", "110", "95"))
    far = order_id(client.trigger_bracket_order_gtc_sell("far", PRODUCT, "2", "110", "90"))
    waiting = [look(client, name)["trigger_status"] for name in (stop, bracket)]

    server.venue.set_price(PRODUCT, "95")

    assert ["STOP_PENDING", "STOP_PENDING"] == waiting
    orders = [look(client, name) for name in (stop, bracket, far)]
    assert [("FILLED", "STOP_LIMIT"), ("FILLED", "BRACKET"), ("OPEN", "BRACKET")] == [
        (order["status"], order["order_type"]) for order in orders
    ]


def test_stop_limit_fills_down_to_its_limit_and_rests_below(client: RESTClient, server: VenueServer) -> None:
    """A tenth of three units is sold at the stop; below the limit of 94 nothing is, and at 94.01 the rest."""
    stop = order_id(client.stop_limit_order_gtc_sell("stop", PRODUCT, "2", "94", "95", "STOP_DIRECTION_STOP_DOWN"))
    seen = []
    for price, volume in (("95", "3"), ("93", "1000000"), ("60", "1000000"), ("94.01", "1000000")):
        server.venue.set_price(PRODUCT, price, volume)
        order = look(client, stop)
        seen.append((order["status"], order["trigger_status"], order["filled_size"]))

    prices = [fill["price"] for fill in client.get_fills(order_ids=[stop])["fills"]]
    assert [
        ("OPEN", "STOP_TRIGGERED", "0.3"),
        ("OPEN", "STOP_TRIGGERED", "0.3"),
        ("OPEN", "STOP_TRIGGERED", "0.3"),
        ("FILLED", "STOP_TRIGGERED", "2"),
    ] == seen
    assert ["94", "94.9"] == prices


def test_bracket_through_a_gap_of_more_than_five_percent_stays_on_the_book(
    client: RESTClient, server: VenueServer
) -> None:
    """From 100 to 90: its stop at 95 sells down to 90.25, so nothing is sold, and its coins stay held."""
    bracket = order_id(client.trigger_bracket_order_gtc_sell("bracket", PRODUCT, "2", "110", "95"))

    server.venue.set_price(PRODUCT, "90")

    order = look(client, bracket)
    assert ("OPEN", "STOP_TRIGGERED", "0", "2") == (
        order["status"],
        order["trigger_status"],
        order["filled_size"],
        order["outstanding_hold_amount"],
    )
    assert [] == client.get_fills(order_ids=[bracket])["fills"]


def test_attached_bracket(client: RESTClient) -> None:
    """The client has no parameter for it and passes it on all the same."""
    attached = {"trigger_bracket_gtc": {"limit_price": "110", "stop_trigger_price": "95"}}
    answer = client.market_order_buy("entry", PRODUCT, quote_size="101.20", attached_order_configuration=attached)

    child = look(client, answer["success_response"]["attached_order_id"])

    assert (order_id(answer), "SELL", "OPEN") == (child["originating_order_id"], child["side"], child["status"])


def test_preview(client: RESTClient) -> None:
    """What an order would cost; and that there is not enough."""
    enough = client.preview_limit_order_gtc_buy(PRODUCT, "2", "99.90", post_only=True)
    poor = client.preview_market_order_sell(PRODUCT, base_size="1000")

    assert ("200.9988", "1.1988", []) == (enough["order_total"], enough["commission_total"], enough["errs"])
    assert ["PREVIEW_INSUFFICIENT_FUND"] == poor["errs"]


def test_cancel_edit_and_list(client: RESTClient) -> None:
    """The listing is filtered by repeated keys and told newest first."""
    first = order_id(client.limit_order_gtc_buy("first", PRODUCT, "2", "99.90"))
    second = order_id(client.limit_order_gtc_buy("second", PRODUCT, "2", "99.80"))

    edited = client.edit_order(first, size="3", price="99.70")
    rows = client.cancel_orders([second, "31d8810d-41dc-4321-b734-0a44495294a2"])["results"]
    open_ones = client.list_orders(product_ids=[PRODUCT], order_status=["OPEN"])["orders"]
    everything = client.list_orders(start_date="2026-11-22T00:00:00Z", limit=1)

    assert edited["success"]
    assert [(True, "UNKNOWN_CANCEL_FAILURE_REASON"), (False, "UNKNOWN_CANCEL_ORDER")] == [
        (row["success"], row["failure_reason"]) for row in rows
    ]
    assert [first] == [order["order_id"] for order in open_ones]
    assert ([second], True) == ([order["order_id"] for order in everything["orders"]], everything["has_next"])


def test_refused_order_raises_nothing(client: RESTClient) -> None:
    """success is false; the reason is in the answer."""
    answer = client.limit_order_gtc_buy("crossing", PRODUCT, "2", "100.05", post_only=True)

    assert (False, "INVALID_LIMIT_PRICE_POST_ONLY") == (answer["success"], answer["error_response"]["error"])


def test_client_makes_an_id_if_there_is_none(client: RESTClient, server: VenueServer) -> None:
    """32 hexadecimal digits."""
    client.market_order_sell("", PRODUCT, base_size="1")

    assert 32 == len(server.venue.orders()[0].core.client_order_id)


def test_convert(client: RESTClient) -> None:
    """Quote, commit, look."""
    sides = {"from_account": "USD", "to_account": "USDC"}
    trade_id = client.create_convert_quote(**sides, amount="100")["trade"]["id"]

    done = client.commit_convert_trade(trade_id, **sides)["trade"]
    found = client.get_convert_trade(trade_id, **sides)["trade"]

    assert ("TRADE_STATUS_COMPLETED", "TRADE_STATUS_COMPLETED", "100") == (
        done["status"],
        found["status"],
        found["total"]["value"],
    )
    assert Decimal(1100) == Decimal(client.get_accounts()["accounts"][1]["available_balance"]["value"])


def test_fees_portfolios_and_payment_methods(client: RESTClient) -> None:
    fees = client.get_transaction_summary(product_type="SPOT")
    (portfolio,) = client.get_portfolios()["portfolios"]
    (bank,) = client.list_payment_methods()["payment_methods"]

    assert ("0.012", "0.006") == (fees["fee_tier"]["taker_fee_rate"], fees["fee_tier"]["maker_fee_rate"])
    assert client.get_portfolio_breakdown(portfolio["uuid"])["breakdown"]["portfolio"]["uuid"] == portfolio["uuid"]
    assert client.get_payment_method(bank["id"])["payment_method"]["currency"] == "USD"
