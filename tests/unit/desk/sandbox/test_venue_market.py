"""Products, candles, trades, books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from desk.markets.candle_market import CandleMarket
from desk.sandbox.options import Lags
from factories_venue import SOL, START, STEP, Bar, a_path, a_product
from trader.adapters.coinbase.wire.market import read_depth
from trader.model.ids import Instant
from trader.model.market import Granularity
from unit.desk.sandbox.conftest import Open
from unit.desk.sandbox.venues import Client

CANDLES = "/market/products/SOL-USD/candles"


def test_product_has_the_members_of_today_as_text(client: Client) -> None:
    """Numbers are text, flags are flags; the middle is empty, and there are more than fifty members."""
    product = client.public("/market/products/SOL-USD").json()

    told = {name: product[name] for name in ("price", "base_increment", "price_increment", "quote_min_size", "status")}
    assert {
        "price": "100",
        "base_increment": "0.001",
        "price_increment": "0.01",
        "quote_min_size": "1",
        "status": "online",
    } == told
    assert ("", False, None) == (
        product["mid_market_price"],
        product["trading_disabled"],
        product["fcm_trading_session_details"],
    )
    assert len(product) >= 48


def test_twin_names_the_book_it_shares(client: Client) -> None:
    products = {row["product_id"]: row for row in client.public("/market/products").json()["products"]}

    assert (["SOL-USDC"], "") == (products["SOL-USD"]["alias_to"], products["SOL-USD"]["alias"])
    assert ([], "SOL-USD") == (products["SOL-USDC"]["alias_to"], products["SOL-USDC"]["alias"])
    assert ("USDC", "USD") == (products["SOL-USDC"]["quote_currency_id"], products["SOL-USDC"]["quote_display_symbol"])


def test_products_are_filtered_and_paged(client: Client) -> None:
    """Unknown ids are dropped, booleans may be written in Python, futures do not exist, an unknown type is refused."""
    one = client.get("/products", product_ids=["SOL-USD", "NONE-USD"], get_all_products="False")
    second = client.get("/products", limit=1, offset=1)
    futures = client.get("/products", product_type="FUTURE")
    wrong = client.send("GET", "/products", product_type="OPTIONS")

    assert (["SOL-USD"], 1) == ([row["product_id"] for row in one["products"]], one["num_products"])
    assert 1 == len(second["products"])
    assert [] == futures["products"]
    assert (400, 'parsing field "product_type": "OPTIONS" is not a valid value') == (
        wrong.status_code,
        wrong.json()["message"],
    )


def test_view_only_is_told_to_those_who_ask_on_the_private_path(open_venue: Open) -> None:
    client = open_venue(product=a_product(SOL, view_only=True))

    asked = client.get("/products/SOL-USD", get_tradability_status="true")["view_only"]
    silent = client.get("/products/SOL-USD")["view_only"]
    public = client.public("/market/products/SOL-USD", get_tradability_status="true").json()["view_only"]

    assert (True, False, False) == (asked, silent, public)


def test_unknown_product_has_two_ways_of_not_being_found(client: Client) -> None:
    private, public = client.send("GET", "/products/NONE-USD"), client.public("/market/products/NONE-USD")

    assert (404, "valid product_id is required") == (private.status_code, private.json()["error_details"])
    assert (404, {"error": "NOT_FOUND", "message": "Product NONE-USD not supported"}) == (
        public.status_code,
        public.json(),
    )


def test_candles_come_newest_first_with_both_ends_and_the_running_bucket(client: Client) -> None:
    """START runs; its volume is a part of what it will be."""
    rows = client.public(CANDLES, start=START - 2 * STEP, end=START + 9999, granularity="FIVE_MINUTE").json()["candles"]

    assert [START, START - STEP, START - 2 * STEP] == [int(row["start"]) for row in rows]
    assert {"start", "low", "high", "open", "close", "volume"} == set(rows[0])
    assert ("100", "1000") == (rows[1]["close"], rows[1]["volume"])
    assert float(rows[0]["volume"]) < 1000


def test_running_bucket_does_not_know_its_end(open_venue: Open) -> None:
    """Its low of 90 comes in the second minute."""
    client = open_venue(a_path(Bar(low=90.0, high=120.0, close=110.0)))
    window = {"start": START, "end": START, "granularity": "FIVE_MINUTE"}

    first = client.public(CANDLES, **window).json()["candles"][0]
    client.pass_seconds(130)
    later = client.public(CANDLES, **window).json()["candles"][0]
    client.pass_seconds(300)
    closed = client.public(CANDLES, **window).json()["candles"][0]

    assert ("100", "100") == (first["low"], first["high"])
    assert "90" == later["low"]
    assert ("90", "120", "110") == (closed["low"], closed["high"], closed["close"])


def test_bucket_without_a_trade_is_absent(open_venue: Open) -> None:
    path = a_path(Bar(), Bar(), Bar())
    del path[-2]
    client = open_venue(path)
    client.pass_bars(3)

    rows = client.public(CANDLES, start=START, end=START + 2 * STEP, granularity="FIVE_MINUTE").json()["candles"]

    assert [START + 2 * STEP, START] == [int(row["start"]) for row in rows]


def test_finer_and_longer_candles_agree_with_the_bars(open_venue: Open) -> None:
    """Five minutes make their bar; twelve bars make an hour."""
    client = open_venue(a_path(Bar(low=90.0, high=120.0, close=110.0)))
    client.pass_bars()

    minutes = client.public(CANDLES, start=START, end=START + 299, granularity="ONE_MINUTE").json()["candles"]
    hours = client.public(CANDLES, start=START - 3600, end=START - 3600, granularity="ONE_HOUR").json()["candles"]

    assert [START + 60 * index for index in (4, 3, 2, 1, 0)] == [int(row["start"]) for row in minutes]
    assert (90.0, 120.0) == (min(float(row["low"]) for row in minutes), max(float(row["high"]) for row in minutes))
    assert ("100", "110") == (minutes[-1]["open"], minutes[0]["close"])
    assert ["12000"] == [row["volume"] for row in hours]


@pytest.mark.parametrize(("buckets", "status"), [(350, 200), (351, 400)])
def test_window_is_capped(client: Client, buckets: int, status: int) -> None:
    end = START - STEP
    answer = client.public(CANDLES, start=end - (buckets - 1) * STEP, end=end, granularity="FIVE_MINUTE")

    assert status == answer.status_code
    if status == 400:
        expected = "start and end argument is invalid - number of candles requested should be less than 350"
        assert ("INVALID_ARGUMENT", expected) == (answer.json()["error"], answer.json()["error_details"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"start": START, "end": START, "granularity": "ONE_WEEK"}, "is not a valid value"),
        ({"start": START, "end": START}, "are required"),
        ({"end": START, "granularity": "ONE_HOUR"}, "are required"),
        ({"start": "2026-11-22T00:00:00Z", "end": START, "granularity": "ONE_HOUR"}, "UNIX timestamp"),
    ],
)
def test_candles_need_sound_arguments(client: Client, query: dict[str, object], message: str) -> None:
    answer = client.public(CANDLES, **query)

    assert 400 == answer.status_code
    assert message in answer.json()["message"]


def test_before_the_listing_there_is_nothing(client: Client) -> None:
    long_ago = START - 900 * STEP

    assert {"candles": []} == client.public(CANDLES, start=long_ago, end=long_ago, granularity="FIVE_MINUTE").json()


def test_ticker_tells_touch_and_trades_newest_first(client: Client) -> None:
    ticker = client.public("/market/products/SOL-USD/ticker", limit=5).json()

    times = [row["time"] for row in ticker["trades"]]
    assert ("99.95", "100.05", 5) == (ticker["best_bid"], ticker["best_ask"], len(times))
    assert sorted(times, reverse=True) == times
    assert ("", "") == (ticker["trades"][0]["bid"], ticker["trades"][0]["ask"])


def test_ticker_is_cut_silently_and_breaks_beyond_a_thousand(client: Client) -> None:
    cut = client.public("/market/products/SOL-USD/ticker", limit=500).json()
    broken = client.public("/market/products/SOL-USD/ticker", limit=1001)

    assert 100 == len(cut["trades"])
    assert (500, "INTERNAL") == (broken.status_code, broken.json()["error"])


def test_book_shows_what_the_venue_lets_take(client: Client) -> None:
    """120,000 on each side, best first, all of it within 20 bps of the middle."""
    book = client.public("/market/product_book", product_id="SOL-USD").json()

    asks = [(float(row["price"]), float(row["size"])) for row in book["pricebook"]["asks"]]
    bids = [float(row["price"]) for row in book["pricebook"]["bids"]]
    assert sorted(asks) == asks
    assert sorted(bids, reverse=True) == bids
    assert 119_900 < sum(price * size for price, size in asks) <= 120_000
    assert asks[-1][0] < 100.2
    assert ("100", "100", "0.1") == (book["mid_market"], book["last"], book["spread_absolute"])


def test_best_bid_and_ask_of_several_products(client: Client) -> None:
    books = client.get("/best_bid_ask", product_ids=["SOL-USD", "SOL-USDC"])["pricebooks"]

    assert [("SOL-USD", "99.95"), ("SOL-USDC", "99.95")] == [
        (book["product_id"], book["bids"][0]["price"]) for book in books
    ]
    assert 2 == len(client.get("/best_bid_ask")["pricebooks"])


def test_market_that_is_shut_has_empty_sides(client: Client) -> None:
    client.pass_seconds(2 * 86_400)

    assert [[]] == [book["bids"] for book in client.get("/best_bid_ask", product_ids=["SOL-USD"])["pricebooks"]]
    assert "" == client.public("/market/products/SOL-USD").json()["price"]


def test_public_answers_are_a_second_old_unless_asked_afresh(open_venue: Open) -> None:
    client = open_venue(public_cache_seconds=1.0)
    ticker = "/market/products/SOL-USD/ticker"

    def ask(headers: dict[str, str] | None = None) -> str:
        return str(client.public(ticker, headers).json()["best_bid"])

    before = ask()
    client.venue.set_price("SOL-USD", "50")
    cached, fresh = ask(), ask({"Cache-Control": "no-cache"})
    client.pass_seconds(2)

    assert ("99.95", "99.95", "49.97", "49.97") == (before, cached, fresh, ask())
    assert "49.97" == client.get("/products/SOL-USD/ticker")["best_bid"]


def test_time_is_text_in_camel_case(client: Client) -> None:
    told = client.public("/time").json()

    assert {"iso": "2026-11-22T12:00:00Z", "epochSeconds": str(START)} == {
        key: told[key] for key in ("iso", "epochSeconds")
    }
    assert Instant(START) == int(told["epochMillis"]) // 1000


def test_prints_move_the_touch_and_make_candles(client: Client) -> None:
    """Two trades in the bucket of START, on both doors to the book."""
    client.venue.set_price("SOL-USD", "105")
    client.venue.set_price("SOL-USD", "104")

    (row,) = client.public(CANDLES, start=START, end=START, granularity="FIVE_MINUTE").json()["candles"]

    assert ("105", "104") == (row["high"], row["close"])
    assert "104" == client.public("/market/products/SOL-USDC").json()["price"]


def test_candles_of_a_venue_that_lags_come_late(open_venue: Open) -> None:
    """Neither the bar that closed a moment ago is published, nor the one that runs."""
    client = open_venue(path=a_path(Bar(), Bar()), lags=Lags(candles=30))
    window = {"start": START - 2 * STEP, "end": START, "granularity": "FIVE_MINUTE"}

    at_once = client.public(CANDLES, **window).json()["candles"]
    client.venue.time.clock.advance(30)  # type: ignore[attr-defined]
    later = client.public(CANDLES, **window).json()["candles"]

    assert [START - 2 * STEP] == [int(row["start"]) for row in at_once]
    assert [START - STEP, START - 2 * STEP] == [int(row["start"]) for row in later]


def test_book_is_as_deep_as_the_market_of_candles_says(client: Client) -> None:
    """Who reads the book over HTTP and who reads the candles in a backtest see the same, in any band."""
    settings, clock = client.venue.settings, client.venue.time.clock
    market = CandleMarket([a_product()], {(SOL, Granularity.FIVE_MINUTE): a_path(Bar())}, settings, clock)
    raw = client.public("/market/product_book", product_id=SOL).json()

    for band in (Decimal("6.5"), Decimal(20)):
        assert market.depth([SOL], band)[SOL] == read_depth(raw, band)
