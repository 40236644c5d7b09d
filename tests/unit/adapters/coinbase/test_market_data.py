"""The public half: paging, what is asked where, what is answered for each product."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from factories_venue import SOL, START
from trader.adapters.coinbase.market_data import BUCKETS_MAX
from trader.errors import DataError, MalformedData, MissingData, StaleData, VenueError, VenueProtocol, VenueUnavailable
from trader.model.ids import Instant, ProductId
from trader.model.listings import UNNAMED, UnusableSizes
from trader.model.market import Bars, Depth, Granularity, Product, Quote
from trader.model.money import Price
from unit.adapters.coinbase.stub import HTML, FakeTime, Reply, Request, Stub, a_market, a_wire_product, an_exchange

FIVE = Granularity.FIVE_MINUTE
ETH = ProductId("ETH-USD")
BOOKS, PUBLIC, KEYED = "/market/product_book", "/market/products", "/products"


def candles_at(product_id: str) -> str:
    return f"/market/products/{product_id}/candles"


def ticker_at(product_id: str) -> str:
    return f"/market/products/{product_id}/ticker"


def a_row(start: int, close: str = "100") -> dict[str, str]:
    return {"start": str(start), "open": "100", "high": "101", "low": "99", "close": close, "volume": "5"}


def every_candle(request: Request) -> Reply:
    """All buckets asked for, both ends included, newest first, as the venue has them."""
    query = dict(request.query)
    first, last = int(query["start"]), int(query["end"])
    return Reply({"candles": [a_row(start) for start in range(last, first - 1, -FIVE.seconds)]})


def a_list(*rows: dict[str, Any]) -> Reply:
    return Reply({"products": list(rows), "num_products": len(rows), "pagination": None})


# --- products


def test_products_are_read_page_by_page_until_nothing_is_new(venue: Stub) -> None:
    """Whatever number the venue grants a page: the offset moves on by what came."""
    pages = [a_list(a_wire_product("A-USD"), a_wire_product("B-USD")), a_list(a_wire_product("C-USD")), a_list()]
    venue.on("GET", PUBLIC, pages)

    found = a_market(venue).products()

    assert ["A-USD", "B-USD", "C-USD"] == list(found)
    queries = [dict(request.query) for request in venue.requests]
    assert ["0", "2", "3"] == [query["offset"] for query in queries]
    assert {"SPOT"} == {query["product_type"] for query in queries}


def test_venue_that_ignores_the_offset_is_not_asked_for_ever(venue: Stub) -> None:
    """The same page again holds nothing new."""
    venue.on("GET", PUBLIC, a_list(a_wire_product("A-USD")))

    assert 1 == len(a_market(venue).products())
    assert 2 == len(venue.requests)


def test_venue_without_an_end_is_given_up(venue: Stub) -> None:
    """A limit on everything."""
    venue.on("GET", PUBLIC, lambda request: a_list(a_wire_product(f"{dict(request.query)['offset']}-USD")))

    with pytest.raises(VenueProtocol, match="more than 40 pages"):
        a_market(venue).products()


def test_key_tells_more_of_a_product(venue: Stub) -> None:
    """Whether we may trade it is told on the private route only."""
    venue.on("GET", KEYED, a_list(a_wire_product("A-USD", view_only=True)), a_list())

    (product,) = an_exchange(venue).products().values()

    assert isinstance(product, Product)
    assert product.view_only
    assert ("get_tradability_status", "true") in venue.requests[0].query
    assert "Authorization" in venue.requests[0].headers


def test_product_that_makes_no_sense_says_why(venue: Stub) -> None:
    """Other kinds of product are left out; the rest is as good as ever."""
    rows = [
        a_wire_product("A-USD", base_increment=""),
        a_wire_product("B-USD"),
        a_wire_product("", base_increment=""),
        a_wire_product("C", product_type="FUTURE"),
    ]
    venue.on("GET", PUBLIC, a_list(*rows), a_list())

    found = a_market(venue).products()

    kinds = {"A-USD": UnusableSizes, "B-USD": Product, UNNAMED: MalformedData}
    assert kinds == {key: type(each) for key, each in found.items()}
    assert "GET /market/products: A-USD: base_increment: Field required" == str(found[ProductId("A-USD")])


def test_product_with_senseless_numbers_tells_its_flags(venue: Stub) -> None:
    """Accident 42: also where it is the only one that was asked for."""
    venue.on("GET", KEYED, a_list(a_wire_product("SOL-USD", base_increment="0", cancel_only=True)))

    (answer,) = an_exchange(venue).products([SOL]).values()

    assert isinstance(answer, UnusableSizes)
    assert (True, "online") == (answer.told["cancel_only"], answer.told["status"])
    assert "GET /products: SOL-USD: base_increment: 0 must be above 0" == str(answer)


@pytest.mark.parametrize("sound_first", [True, False])
def test_sound_row_stands_whatever_another_of_its_name_says(venue: Stub, sound_first: bool) -> None:
    """A product listed twice, once without sense, can be traded."""
    rows = [a_wire_product("A-USD"), a_wire_product("A-USD", base_increment="")]
    venue.on("GET", PUBLIC, a_list(*(rows if sound_first else reversed(rows))), a_list())

    assert isinstance(a_market(venue).products()[ProductId("A-USD")], Product)


def test_products_that_are_named_are_one_question(venue: Stub) -> None:
    """Each once; one that the venue drops in silence is missing, and one that nobody asked for is not there."""
    venue.on("GET", KEYED, a_list(*(a_wire_product(name) for name in ("SOL-USD", "NOBODY-ASKED"))))

    found = an_exchange(venue).products([SOL, ETH, SOL])

    assert [SOL, ETH] == list(found)
    assert isinstance(found[SOL], Product)
    assert (MissingData, "GET /products: ETH-USD: not in the answer") == (type(found[ETH]), str(found[ETH]))
    (request,) = venue.requests
    asked = [("product_ids", "SOL-USD"), ("product_ids", "ETH-USD")]
    assert [*asked, ("product_type", "SPOT"), ("get_tradability_status", "true")] == list(request.query)


def test_products_are_asked_for_by_name_without_a_key_too(venue: Stub) -> None:
    """Publicly; and many of them in batches, because an address has a length."""
    venue.on("GET", PUBLIC, lambda r: a_list(*(a_wire_product(name) for key, name in r.query if key == "product_ids")))

    found = a_market(venue).products([ProductId(f"P{number}-USD") for number in range(450)])

    assert all(isinstance(each, Product) for each in found.values())
    assert 450 == len(found)
    assert [51, 201, 201] == sorted(len(request.query) for request in venue.requests)


def test_batch_that_fails_is_missing_for_its_products_only(venue: Stub) -> None:
    """The others are as good as ever."""

    def reply(request: Request) -> Reply:
        names = [name for key, name in request.query if key == "product_ids"]
        return Reply("", 503) if "P0-USD" in names else a_list(*map(a_wire_product, names))

    venue.on("GET", PUBLIC, reply)
    names = [ProductId(f"P{number}-USD") for number in range(250)]

    found = a_market(venue).products(names)

    assert (names, 50) == (list(found), sum(isinstance(each, Product) for each in found.values()))
    assert "GET /market/products: HTTP 503" == str(found[names[0]])


def test_field_that_vanished_from_all_products_is_named(venue: Stub) -> None:
    """Accident 37: the venue changed, not the products; of those that are asked for by name each says so."""
    rows = [a_wire_product(name) for name in ("SOL-USD", "ETH-USD")]
    for row in rows:
        del row["quote_increment"]
    venue.on("GET", KEYED, a_list(*rows), a_list())

    with pytest.raises(VenueProtocol, match=r"^GET /products: SOL-USD: quote_increment: Field required$"):
        an_exchange(venue).products()

    venue.on("GET", KEYED, a_list(*rows))
    said = {each: f"UnusableSizes: GET /products: {each}: quote_increment: Field required" for each in (SOL, ETH)}
    assert said == {key: shown(each) for key, each in an_exchange(venue).products([SOL, ETH]).items()}


def test_products_without_their_names_are_an_error(venue: Stub) -> None:
    """Not an empty list: what is missing is the name of everything."""
    rows = [a_wire_product("", price="1"), a_wire_product("", price="2")]
    venue.on("GET", KEYED, a_list(*rows), a_list())

    with pytest.raises(VenueProtocol, match=r"^GET /products: product_id: Field required"):
        an_exchange(venue).products()

    venue.on("GET", KEYED, a_list(*rows))
    assert shown(an_exchange(venue).products([SOL])[SOL]).startswith("MalformedData: GET /products: product_id: Field")


@pytest.mark.parametrize("rows", [[], [a_wire_product("C", product_type="FUTURE")], [5]], ids=["none", "future", "odd"])
def test_venue_without_a_spot_product_is_an_error(venue: Stub, rows: list[Any]) -> None:
    """An empty list would empty the universe for an hour."""
    venue.on("GET", PUBLIC, a_list(*rows), a_list())

    with pytest.raises(VenueProtocol, match=r"^GET /market/products: "):
        a_market(venue).products()


def test_product_that_does_not_say_its_kind_is_a_spot_one(venue: Stub) -> None:
    """We asked for no other."""
    row = a_wire_product("B-USD")
    del row["product_type"]
    venue.on("GET", PUBLIC, a_list(row), a_list())

    assert ["B-USD"] == list(a_market(venue).products())


def test_future_that_is_named_like_a_spot_product_is_left_out(venue: Stub) -> None:
    """The kind counts, not the name; and a page is asked for with its size."""
    venue.on("GET", PUBLIC, a_list(a_wire_product("A-USD"), a_wire_product("B-USD", product_type="FUTURE")), a_list())

    assert ["A-USD"] == list(a_market(venue).products())
    assert all(int(dict(request.query)["limit"]) > 1 for request in venue.requests)


def test_list_of_which_nothing_makes_sense_is_an_error(venue: Stub) -> None:
    """The venue changed, not the products."""
    venue.on("GET", PUBLIC, a_list(a_wire_product("A-USD", base_increment="")), a_list())

    with pytest.raises(VenueProtocol, match="base_increment"):
        a_market(venue).products()


def test_answer_without_a_list_is_not_an_empty_list(venue: Stub) -> None:
    """Accident 9, of products."""
    venue.on("GET", PUBLIC, {"error": "nothing today"})

    with pytest.raises(VenueProtocol, match="there is no list"):
        a_market(venue).products()


# --- quotes


def a_book(product_id: str, **changes: Any) -> dict[str, Any]:
    best: dict[str, Any] = {"bids": [{"price": "99", "size": "1"}], "asks": [{"price": "101", "size": "2"}]}
    return {"product_id": product_id, **best, "time": "2026-11-22T12:00:00.5Z", **changes}


def shown(quote: Any) -> Any:
    """The numbers of a quote, or the cause why there is none."""
    return (quote.bid, quote.ask, quote.time) if isinstance(quote, Quote) else f"{type(quote).__name__}: {quote}"


def test_quotes_with_a_key_are_one_question(venue: Stub) -> None:
    """Each product once, the key repeated; what has no market says so."""
    books = [a_book("SOL-USD"), a_book("ETH-USD", bids=[]), a_book("X-USD", time=""), a_book("NOBODY-ASKED")]
    venue.on("GET", "/best_bid_ask", {"pricebooks": books})

    quotes = an_exchange(venue).quotes([SOL, ETH, SOL, ProductId("X-USD"), ProductId("NONE-USD")])

    assert {
        "SOL-USD": (Price(99), Price(101), START),
        "ETH-USD": "MissingData: GET /best_bid_ask: ETH-USD: bids: empty",
        "X-USD": "MalformedData: GET /best_bid_ask: X-USD: time: there is none",
        "NONE-USD": "MissingData: GET /best_bid_ask: NONE-USD: not in the answer",
    } == {key: shown(quote) for key, quote in quotes.items()}
    (request,) = venue.requests
    assert [("product_ids", each) for each in ("SOL-USD", "ETH-USD", "X-USD", "NONE-USD")] == list(request.query)


def test_many_quotes_are_asked_for_in_batches(venue: Stub) -> None:
    """An address has a length."""
    venue.on("GET", "/best_bid_ask", lambda r: Reply({"pricebooks": [a_book(name) for _, name in r.query]}))

    quotes = an_exchange(venue).quotes([ProductId(f"P{number}-USD") for number in range(450)])

    assert 450 == len(quotes)
    assert [50, 200, 200] == sorted(len(request.query) for request in venue.requests)


@pytest.mark.parametrize(
    ("key", "said"), [("bids", "SOL-USD: bids"), ("asks", "SOL-USD: asks"), ("product_id", "product_id")]
)
def test_field_that_vanished_from_all_quotes_is_named_for_each(venue: Stub, key: str, said: str) -> None:
    """Accident 37, also where it is the name of the product that is missing."""
    book = a_book("SOL-USD")
    del book[key]
    venue.on("GET", "/best_bid_ask", {"pricebooks": [book]})

    assert f"MalformedData: GET /best_bid_ask: {said}: Field required" == shown(an_exchange(venue).quotes([SOL])[SOL])


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply("", 503), "HTTP 503"),
        (Reply({}), "pricebooks: there is no list"),
        (Reply("", 403), "HTTP 403"),
        (Reply("", 404), "HTTP 404"),
        (Reply(HTML, 403), "HTTP 403: a page"),
    ],
    ids=str,
)
def test_bulk_quotes_that_cannot_be_read_are_an_error(venue: Stub, reply: Reply, said: str) -> None:
    """No quotes and no answer are two things."""
    venue.on("GET", "/best_bid_ask", reply)

    with pytest.raises(VenueError, match=f"^GET /best_bid_ask: {said}$"):
        an_exchange(venue).quotes([SOL])


def test_quotes_without_a_key_are_a_question_for_each(venue: Stub) -> None:
    """Publicly, and one that fails says why."""
    venue.on(
        "GET", ticker_at("SOL-USD"), {"trades": [{"time": "2026-11-22T12:00:00Z"}], "best_bid": "99", "best_ask": "101"}
    )
    venue.on("GET", ticker_at("ETH-USD"), {"trades": [], "best_bid": "", "best_ask": ""})
    venue.on("GET", ticker_at("X-USD"), {"trades": "none"})

    quotes = a_market(venue).quotes([SOL, ETH, ProductId("X-USD"), ProductId("NONE-USD")])

    assert {
        "SOL-USD": (Price(99), Price(101), START),
        "ETH-USD": f"MissingData: GET {ticker_at('ETH-USD')}: best_bid and best_ask and trades: empty",
        "X-USD": f"MalformedData: GET {ticker_at('X-USD')}: trades: Input should be a valid list",
        "NONE-USD": f"MissingData: GET {ticker_at('NONE-USD')}: HTTP 404: unknown: Not Found",
    } == {key: shown(quote) for key, quote in quotes.items()}
    assert all("Authorization" not in request.headers for request in venue.requests)


def test_no_products_are_no_questions(venue: Stub) -> None:
    """And no bulk quote of everything there is."""
    for market in (a_market(venue), an_exchange(venue)):
        assert {} == market.quotes([]) == market.bars([], FIVE, 10, START) == market.depth([], Decimal(20))
        assert {} == market.products([])

    assert [] == venue.requests


# --- one odd id among many

REFUSALS = [
    Reply({"error": "INVALID_ARGUMENT", "error_details": "valid product_id is required", "message": "no"}, 400),
    Reply({"error": "NOT_FOUND", "error_details": "valid product_id is required", "message": "no"}, 404),
    Reply({"error": "NOT_FOUND", "message": "Product ODD-USD not supported"}, 404),
]
MANY = [ProductId(f"P{number}-USD") for number in range(23)]
#: What is asked, where, and how a row of the answer looks.
BULKS: dict[str, tuple[str, str, Any]] = {
    "products": (KEYED, "products", a_wire_product),
    "quotes": ("/best_bid_ask", "pricebooks", a_book),
}
each_bulk = pytest.mark.parametrize("what", BULKS)
each_refusal = pytest.mark.parametrize("refusal", REFUSALS, ids=["400", "404", "404 of the public route"])


def asked_for(request: Request) -> list[str]:
    return [name for key, name in request.query if key == "product_ids"]


def refuse_for(venue: Stub, what: str, odd: set[str], refusal: Reply) -> None:
    """From now on a request for one of these is refused as a whole, any other is answered."""
    path, key, row = BULKS[what]

    def reply(request: Request) -> Reply:
        names = asked_for(request)
        return refusal if odd.intersection(names) else Reply({key: [row(name) for name in names]})

    venue.on("GET", path, reply)


def ask(venue: Stub, what: str, names: list[ProductId]) -> dict[ProductId, Any]:
    return dict(getattr(an_exchange(venue), what)(names))


@each_bulk
@each_refusal
@pytest.mark.parametrize("place", [0, 7, 22, 23])
def test_odd_id_does_not_take_the_others_along(venue: Stub, what: str, refusal: Reply, place: int) -> None:
    """It says why it has no answer; the others are asked for again without it, in few requests."""
    odd = ProductId("ODD-USD")
    names = [*MANY[:place], odd, *MANY[place:]]
    refuse_for(venue, what, {odd}, refusal)

    found = ask(venue, what, names)

    assert names == list(found)
    assert [odd] == [name for name, each in found.items() if isinstance(each, DataError)]
    assert isinstance(found[odd], MissingData)
    assert str(found[odd]).startswith(f"GET {BULKS[what][0]}: HTTP {refusal.status}: {refusal.body['error']}: ")
    assert len(venue.requests) <= 11


@each_bulk
@each_refusal
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_odd_ids_alone_are_no_failure_of_the_venue(venue: Stub, what: str, refusal: Reply, count: int) -> None:
    """It has answered, of each: a held coin that was taken off the list must not stop everything else."""
    refuse_for(venue, what, set(MANY), refusal)

    found = ask(venue, what, MANY[:count])

    assert {MissingData} == {type(each) for each in found.values()}
    assert 2 * count - 1 == len(venue.requests)


@each_refusal
def test_odd_ids_alone_are_no_failure_without_a_key_either(venue: Stub, refusal: Reply) -> None:
    """Each is asked for by itself then, its quote, its bars and its book."""
    for path in (ticker_at("SOL-USD"), candles_at("SOL-USD"), BOOKS):
        venue.on("GET", path, refusal)
    market = a_market(venue)

    found = [market.quotes([SOL]), market.bars([SOL], FIVE, 5, START), market.depth([SOL], Decimal(20))]

    assert [MissingData] * 3 == [type(each[SOL]) for each in found]
    assert all(f"HTTP {refusal.status}: {refusal.body['error']}" in str(each[SOL]) for each in found)


@each_bulk
def test_search_for_odd_ids_has_an_end(venue: Stub, what: str) -> None:
    """Where all are refused, something else is wrong; each has its cause all the same."""
    names = [ProductId(f"P{number}-USD") for number in range(450)]
    refuse_for(venue, what, set(names), REFUSALS[0])

    found = ask(venue, what, names)

    assert (names, {MissingData}) == (list(found), {type(each) for each in found.values()})
    assert len(venue.requests) <= 63


@each_bulk
@pytest.mark.parametrize(
    "reply",
    [
        Reply({"error": "unknown", "error_details": "Not Found", "message": "Not Found"}, 404),
        Reply({"error": "unknown", "message": 'parsing field "product_type": "X" is not a valid value'}, 400),
        Reply({"error": "PERMISSION_DENIED", "message": "no"}, 403),
        Reply("", 404),
        Reply(HTML, 404),
        Reply(HTML, 400),
    ],
    ids=lambda reply: f"{reply.status} {reply.body!s:.40}",
)
def test_request_that_is_refused_for_another_reason_is_not_taken_apart(venue: Stub, what: str, reply: Reply) -> None:
    """No id makes the path, the key or the edge say no."""
    venue.on("GET", BULKS[what][0], reply)

    with pytest.raises(VenueError, match=f"^GET {BULKS[what][0]}: HTTP {reply.status}"):
        ask(venue, what, MANY)

    assert 1 == len(venue.requests)


@each_bulk
def test_half_that_is_not_answered_is_missing_alone(venue: Stub, what: str) -> None:
    """One id is refused, and while it is searched for the venue goes away for some."""
    path, key, row = BULKS[what]

    def reply(request: Request) -> Reply:
        names = asked_for(request)
        if "P0-USD" in names:
            return REFUSALS[1]
        return Reply("", 503) if "P22-USD" in names else Reply({key: [row(name) for name in names]})

    venue.on("GET", path, reply)

    found = ask(venue, what, MANY)

    missing = {name: str(each) for name, each in found.items() if isinstance(each, DataError)}
    assert {"P0-USD", *MANY[12:]} == set(missing)
    assert f"GET {path}: HTTP 503" == missing[MANY[22]]
    assert missing[MANY[0]].startswith(f"GET {path}: HTTP 404: NOT_FOUND")


@each_bulk
def test_odd_rows_spoil_nobody_elses_answer(venue: Stub, what: str) -> None:
    """One is left out, one comes twice, one without sense, some that nobody asked for and some that are no rows."""
    path, key, row = BULKS[what]
    field = "base_increment" if what == "products" else "bids"
    rows = [row("P0-USD"), {**row("P1-USD"), field: "?"}, None, 7, "P3-USD", [], {}, row("P2-USD"), row("P2-USD")]
    venue.on("GET", path, {key: [*rows, row("P9-USD"), {**row("P2-USD"), field: "?"}]})

    found = ask(venue, what, MANY[:4])

    assert MANY[:4] == list(found)
    assert ["P0-USD", "P2-USD"] == [name for name, each in found.items() if not isinstance(each, DataError)]
    assert str(found[MANY[1]]).startswith(f"GET {path}: P1-USD: {field}: ")
    assert isinstance(found[MANY[3]], MalformedData)
    assert str(found[MANY[3]]).startswith(f"GET {path}: ")
    assert 1 == len(venue.requests)


# --- bars


def test_bars_are_asked_for_exactly_and_come_oldest_first(venue: Stub) -> None:
    """Ten closed buckets, the running one not among them, past every cache."""
    venue.on("GET", candles_at("SOL-USD"), every_candle)

    bars = a_market(venue).bars([SOL], FIVE, 10, START)[SOL]

    assert isinstance(bars, Bars)
    assert [START - 300 * back for back in range(10, 0, -1)] == list(bars.start)
    (request,) = venue.requests
    expected = (("start", str(START - 3000)), ("end", str(START - 300)), ("granularity", "FIVE_MINUTE"))
    assert expected == request.query
    assert "no-cache" == request.headers["Cache-Control"]


@pytest.mark.parametrize("count", [1, 349, 350, 700, 1000])
def test_no_call_asks_for_more_buckets_than_the_venue_gives(venue: Stub, count: int) -> None:
    """The windows touch and do not overlap."""
    venue.on("GET", candles_at("SOL-USD"), every_candle)

    bars = a_market(venue).bars([SOL], FIVE, count, START)[SOL]

    assert isinstance(bars, Bars)
    assert (count, 0) == (len(bars), bars.filled)
    windows = [(int(dict(each.query)["start"]), int(dict(each.query)["end"])) for each in venue.requests]
    sizes = [(last - first) // 300 + 1 for first, last in windows]
    assert max(sizes) <= BUCKETS_MAX
    assert count == sum(sizes)


def test_candles_are_told_as_they_are(venue: Stub) -> None:
    """Window by window, oldest first, the running bucket and the holes as the venue has them."""

    def odd_candles(request: Request) -> Reply:
        first = int(dict(request.query)["start"])
        return Reply({"candles": [a_row(start) for start in range(first + 1200, first - 1, -600)]})

    venue.on("GET", candles_at("SOL-USD"), odd_candles)

    pages = a_market(venue).candles(SOL, FIVE, [(START - 3000, START - 1800), (START - 1500, START)])

    firsts = (START - 3000, START - 1500)
    assert [[first, first + 600, first + 1200] for first in firsts] == [[each.start for each in page] for page in pages]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(HTML, 502), VenueUnavailable),
        (Reply({"candles": [{"start": "soon"}]}), VenueProtocol),
        (Reply({}), VenueProtocol),
    ],
)
def test_candles_are_all_of_them_or_an_error(venue: Stub, reply: Reply, error: type[VenueError]) -> None:
    """Some without the others would look like a hole."""

    def sometimes(request: Request) -> Reply:
        return reply if dict(request.query)["start"] == "0" else every_candle(request)

    venue.on("GET", candles_at("SOL-USD"), sometimes)

    with pytest.raises(error, match="SOL-USD/candles"):
        a_market(venue).candles(SOL, FIVE, [(START - 600, START - 300), (0, 300)])


def test_every_product_is_answered(venue: Stub) -> None:
    """With its bars or with the reason, each its own."""
    venue.on("GET", candles_at("SOL-USD"), every_candle)
    venue.on("GET", candles_at("EMPTY-USD"), {"candles": []})
    venue.on("GET", candles_at("ODD-USD"), {"candles": [{"start": "soon"}]})
    venue.on("GET", candles_at("BAD-USD"), Reply({"candles": [a_row(START - 300, close="-1")]}))
    venue.on("GET", candles_at("DOWN-USD"), Reply(HTML, 502))
    names = [ProductId(f"{each}-USD") for each in ("SOL", "EMPTY", "ODD", "BAD", "DOWN", "GONE")]

    found = a_market(venue).bars(names, FIVE, 5, START)

    kinds = [Bars, MissingData, MalformedData, MalformedData, MissingData, MissingData]
    assert dict(zip(names, kinds, strict=True)) == {name: type(each) for name, each in found.items()}
    said = {
        "EMPTY": "no closed FIVE_MINUTE candle between",
        "ODD": "candles.0.start: ",
        "BAD": "FIVE_MINUTE candle at ",
        "DOWN": "HTTP 502",
        "GONE": "HTTP 404",
    }
    for name, words in said.items():
        assert str(found[ProductId(f"{name}-USD")]).startswith(f"GET {candles_at(f'{name}-USD')}: {words}")


@pytest.mark.parametrize("key", ["start", "open", "high", "low", "close", "volume"])
def test_field_that_vanished_from_candles_is_named(venue: Stub, key: str) -> None:
    """Accident 37: in the bars of each product."""
    row = a_row(START - 300)
    del row[key]
    venue.on("GET", candles_at("SOL-USD"), {"candles": [row]})

    bars = a_market(venue).bars([SOL], FIVE, 1, START)[SOL]

    assert isinstance(bars, MalformedData)
    assert f"GET {candles_at('SOL-USD')}: candles.0.{key}: Field required" == str(bars)


def test_venue_that_answers_for_no_product_is_an_error(venue: Stub) -> None:
    """That is no property of the products."""
    for name in ("SOL-USD", "ETH-USD"):
        venue.on("GET", candles_at(name), Reply("", 503))

    with pytest.raises(VenueUnavailable):
        a_market(venue).bars([SOL, ETH], FIVE, 5, START)


def without_newest(_: Request) -> Reply:
    return Reply({"candles": [a_row(START - 600)]})


def test_bucket_that_has_just_closed_is_waited_for_once(venue: Stub, time: FakeTime) -> None:
    """Until it has settled, and only where it is missing."""
    venue.on(
        "GET",
        candles_at("SOL-USD"),
        [without_newest(None), Reply({"candles": [a_row(START - 300), a_row(START - 600)]})],
    )  # type: ignore[arg-type]
    venue.on("GET", candles_at("ETH-USD"), every_candle)

    found = a_market(venue, time).bars([SOL, ETH], FIVE, 5, Instant(START + 1))

    assert all(isinstance(each, Bars) for each in found.values())
    assert [4.0] == time.waits
    assert (2, 1) == (len(venue.asked("GET", candles_at("SOL-USD"))), len(venue.asked("GET", candles_at("ETH-USD"))))


def test_bucket_that_stays_missing_makes_the_product_stale(venue: Stub, time: FakeTime) -> None:
    """One more question, not more."""
    venue.on("GET", candles_at("SOL-USD"), without_newest)

    found = a_market(venue, time).bars([SOL], FIVE, 5, Instant(START + 14))[SOL]

    assert isinstance(found, StaleData)
    assert START - 600 == found.newest
    assert 2 == len(venue.requests)
    assert [1.5] == time.waits


def test_bucket_missing_for_long_had_no_trade(venue: Stub, time: FakeTime) -> None:
    """Asking again would only cost."""
    venue.on("GET", candles_at("SOL-USD"), without_newest)

    found = a_market(venue, time).bars([SOL], FIVE, 5, Instant(START + 60))

    assert isinstance(found[SOL], DataError)
    assert 1 == len(venue.requests)


# --- depth and time


def test_depth_is_read_for_each_product(venue: Stub) -> None:
    """One that cannot be read says why."""
    books = {"SOL-USD": Reply({"pricebook": a_book("SOL-USD")}), "ETH-USD": Reply({"pricebook": {}})}
    venue.on("GET", BOOKS, lambda request: books.get(dict(request.query)["product_id"], Reply("", 404)))

    found = a_market(venue).depth([SOL, ETH, ProductId("NONE-USD")], Decimal(100))

    sol, eth, none = found.values()
    assert isinstance(sol, Depth)
    assert (99, 202) == (sol.bid_notional, sol.ask_notional)
    assert (MalformedData, MissingData) == (type(eth), type(none))
    assert str(eth).startswith(f"GET {BOOKS}: pricebook.product_id: Field required")
    assert f"GET {BOOKS}: HTTP 404" == str(none)


def test_depth_of_nothing_that_answers_is_an_error(venue: Stub) -> None:
    """The cycle then goes on without any."""
    venue.on("GET", BOOKS, Reply("", 500))

    with pytest.raises(VenueUnavailable):
        a_market(venue).depth([SOL, ETH], Decimal(20))


def test_clock_learns_how_far_the_venue_is_ahead(venue: Stub, time: FakeTime) -> None:
    """Tokens are dated by the venue's time from then on."""
    venue.on("GET", "/time", {"iso": "x", "epochSeconds": "1790000007", "epochMillis": "1790000007500"})
    market = a_market(venue, time)

    assert 1790000007 == market.server_time()
    assert 7.5 == market.clock.skew_seconds
    assert time.start + 7.5 == pytest.approx(market.clock.now(), abs=0.01)


def test_market_can_be_closed(venue: Stub) -> None:
    """Threads and connections go."""
    venue.on("GET", candles_at("SOL-USD"), every_candle)
    market = a_market(venue)
    market.bars([SOL, ETH], FIVE, 5, START)

    market.close()
    market.close()
