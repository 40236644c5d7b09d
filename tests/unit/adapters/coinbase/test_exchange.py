"""The account half: who we are, what we hold, ordered and executed, and conversions."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import jwt
import pytest

from factories_venue import START, USD, USDC, a_bracket, a_convert, a_taker, an_intent
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.wire.orders import Preview
from trader.errors import (
    ConfigError,
    InvariantViolation,
    VenueAuth,
    VenueError,
    VenueProtocol,
    VenueThrottled,
    VenueUnavailable,
)
from trader.model.conversions import ConversionReport, ConversionStatus
from trader.model.ids import Instant, VenueOrderId, rfc3339
from trader.model.inputs import OddRow
from trader.model.market import Balance, FeeRates
from trader.model.money import Notional
from trader.model.orders import Fill, OrderStatusReport
from unit.adapters.coinbase.stub import (
    CREDENTIALS,
    PATIENCE_SECONDS,
    FakeTime,
    Reply,
    Request,
    Stub,
    a_page,
    a_wire_order,
    an_exchange,
    refused,
)
from unit.adapters.coinbase.test_wire import a_wallet, a_wire_fill

LISTING, FILLS, ACCOUNTS = "/orders/historical/batch", "/orders/historical/fills", "/accounts"
GOOD_KEY = {"can_view": True, "can_trade": True, "can_transfer": False, "portfolio_type": "DEFAULT"}


# --- before anything else


def test_key_that_may_trade_and_nothing_more_passes(venue: Stub, time: FakeTime) -> None:
    """The clocks are compared first: the token is dated by the venue's time."""
    venue.on("GET", "/time", {"epochMillis": str(int(time.start * 1000) + 60_000)})
    venue.on("GET", "/key_permissions", GOOD_KEY)

    assert an_exchange(venue, time).self_test().can_trade

    token = venue.asked("GET", "/key_permissions")[0].headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert int(time.start) + 60 - 5 == claims["nbf"]


def test_clock_that_was_set_since_is_compared_again_when_a_token_is_refused(venue: Stub, time: FakeTime) -> None:
    """A process that lives for weeks, on a machine whose clock was an hour ahead when it began, and is right now."""
    right = time.start
    time.start += 3600
    venue.on("GET", "/key_permissions", lambda request: Reply(GOOD_KEY) if is_dated(request, now()) else Reply("", 401))
    venue.on("GET", "/time", lambda _: Reply({"epochMillis": str(int(now() * 1000))}))

    def now() -> float:
        return right + time.passed

    exchange = an_exchange(venue, time)
    exchange.self_test()
    time.start = right

    assert exchange.key_permissions().can_trade
    assert 2 == len(venue.asked("GET", "/time"))


def is_dated(request: Request, now: float) -> bool:
    """Whether a token is of this time."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    return bool(claims["nbf"] <= now < claims["exp"])


def test_clocks_are_not_compared_for_every_refusal(venue: Stub, time: FakeTime) -> None:
    """A key that was revoked is refused in every request."""
    venue.on("GET", "/time", {"epochMillis": str(int(time.start * 1000))})
    venue.on("GET", "/key_permissions", Reply("", 401))
    exchange = an_exchange(venue, time)

    for _ in range(5):
        with pytest.raises(VenueAuth):
            exchange.key_permissions()

    assert 1 == len(venue.asked("GET", "/time"))


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"can_transfer": True}, "transfer"), ({"can_trade": False}, "may not trade"), ({"can_view": False}, "read")],
)
def test_key_that_may_too_much_or_too_little_refuses_to_start(venue: Stub, changes: dict[str, bool], word: str) -> None:
    """A key that can move money out has no business here."""
    venue.on("GET", "/time", {"epochMillis": "1790000000000"})
    venue.on("GET", "/key_permissions", {**GOOD_KEY, **changes})

    with pytest.raises(ConfigError, match=word):
        an_exchange(venue).self_test()


# --- the account


def test_balances_are_read_over_all_pages(venue: Stub) -> None:
    """Several wallets of one asset, a vault among them."""
    first = a_page("accounts", [a_wallet(available="5"), a_wallet("SOL", "7", "1")], "uuid-1", size=2)
    second = a_page("accounts", [a_wallet(available="1.5"), a_wallet("SOL", "99", type="ACCOUNT_TYPE_VAULT")])
    venue.on("GET", ACCOUNTS, Reply(first), Reply(second))

    found = an_exchange(venue).balances()

    assert {USD: Balance(USD, Decimal("6.5"), Decimal(0)), "SOL": Balance("SOL", Decimal(7), Decimal(1))} == found  # type: ignore[arg-type]
    assert [None, "uuid-1"] == [dict(request.query).get("cursor") for request in venue.requests]


LISTS = [
    (ACCOUNTS, "accounts", lambda exchange: exchange.balances()),
    (LISTING, "orders", lambda exchange: exchange.orders(START)),
    (FILLS, "fills", lambda exchange: exchange.fills(START)),
    (FILLS, "fills", lambda exchange: exchange.order_fills([VenueOrderId("order-1")])),
]
NAMES = [f"{key}-{number}" for number, (_, key, _) in enumerate(LISTS)]
each_list = pytest.mark.parametrize(("path", "key", "read"), LISTS, ids=NAMES)


@each_list
def test_cursor_that_comes_again_is_no_list(venue: Stub, path: str, key: str, read: Any) -> None:
    """A venue that turns in circles would be believed for ever."""
    venue.on("GET", path, a_page(key, [], "again"))

    with pytest.raises(VenueProtocol, match="same cursor again"):
        read(an_exchange(venue))

    assert 2 == len(venue.requests)


@each_list
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({}), VenueProtocol),
        (Reply({"error": "x"}), VenueProtocol),
        (Reply("", 500), VenueUnavailable),
        (Reply("<html>", 200), VenueUnavailable),
        (Reply("", 429), VenueThrottled),
        (Reply("Unauthorized", 401), VenueAuth),
        (Reply({"error": "PERMISSION_DENIED"}, 403), VenueAuth),
        (Reply("error code: 1020", 403), VenueUnavailable),
        (Reply("", 403), VenueUnavailable),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_list_that_cannot_be_read_is_an_error_and_never_empty(
    venue: Stub, path: str, key: str, read: Any, reply: Reply, kind: type[VenueError]
) -> None:
    """Accident 9: an error read as an empty list closed live orders."""
    venue.on("GET", path, reply)

    with pytest.raises(kind, match=f"^GET {path}: "):
        read(an_exchange(venue))


@each_list
def test_list_whose_second_page_fails_is_an_error(venue: Stub, path: str, key: str, read: Any) -> None:
    """Half a list is no list."""
    venue.on("GET", path, Reply(a_page(key, [], "next")), Reply("", 503))

    with pytest.raises(VenueUnavailable):
        read(an_exchange(venue))


@pytest.mark.parametrize(("path", "key", "read"), LISTS[1:], ids=NAMES[1:])
def test_history_that_is_withheld_is_an_error(venue: Stub, path: str, key: str, read: Any) -> None:
    """Some accounts need a proof token for it."""
    venue.on("GET", path, a_page(key, [], proof_token_required=True))

    with pytest.raises(VenueProtocol, match="proof token"):
        read(an_exchange(venue))


def test_fee_rates_are_those_of_spot(venue: Stub) -> None:
    """Of the account's tier."""
    venue.on("GET", "/transaction_summary", {"fee_tier": {"maker_fee_rate": "0.0025", "taker_fee_rate": "0.004"}})

    assert FeeRates(Decimal("0.0025"), Decimal("0.004")) == an_exchange(venue).fee_rates()
    assert (("product_type", "SPOT"),) == venue.requests[0].query


# --- orders


def test_orders_are_asked_for_in_every_state(venue: Stub) -> None:
    """A filter by state would hide those that are on their way."""
    venue.on("GET", LISTING, a_page("orders", []))

    an_exchange(venue).orders(START)

    query = dict(venue.requests[0].query)
    assert (rfc3339(START), "SPOT") == (query["start_date"], query["product_type"])
    assert not {"order_status", "product_id", "product_ids"} & set(query)


def test_rows_of_everybody_are_listed_and_odd_ones_set_aside(venue: Stub) -> None:
    """Whose they are the ledger says: an odd row tells as much as can be read of it."""
    child = a_wire_order(a_bracket(), "child", client_order_id="venue-made", originating_order_id="ours")
    stranger = {"order_id": "theirs", "client_order_id": "manual", "side": "", "status": 5}
    rows = [child, stranger, a_wire_order(an_intent(), "ours"), None, {"order_id": "x" * 129, "product_id": "\udcff"}]
    venue.on("GET", LISTING, Reply(a_page("orders", rows[:2], "7")), Reply(a_page("orders", rows[1:])))

    found = an_exchange(venue).orders(START)

    assert ["child", "ours"] == [each.venue_order_id for each in found if isinstance(each, OrderStatusReport)]
    odd = [each for each in found if isinstance(each, OddRow)]
    assert [("theirs", "manual"), ("theirs", "manual"), (None, None), (None, None)] == [
        (each.venue_order_id, each.client_order_id) for each in odd
    ]
    assert all(each.reason.startswith(f"GET {LISTING}: order: ") for each in odd)
    assert 2 == len(venue.requests)


# --- what is known by its id


def test_known_orders_are_asked_for_by_their_ids_beside_the_new_ones(venue: Stub) -> None:
    """In one request, without a date: a bracket may have rested for half a year."""
    venue.on("GET", ACCOUNTS, a_page("accounts", []))
    venue.on("GET", LISTING, lambda request: Reply(a_page("orders", _known(request, "old", "odd"))))

    orders = an_exchange(venue).account(START, [VenueOrderId(each) for each in ("old", "gone", "old")]).orders

    asked = [dict(each.query) for each in venue.asked("GET", LISTING) if "order_ids" in dict(each.query)]
    assert (["old"], 1) == ([each.venue_order_id for each in orders], len(asked))
    assert "start_date" not in asked[0]


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("at", [0, 2, 4])
def test_one_id_that_the_venue_refuses_does_not_fail_the_others(venue: Stub, status: int, at: int) -> None:
    """The request is halved until it is alone."""
    names = [f"o-{number}" for number in range(4)]
    names.insert(at, "odd")

    def answer(request: Any) -> Reply:
        wanted = [value for key, value in request.query if key == "order_ids"]
        if "odd" in wanted:
            return Reply({"error": "INVALID_ARGUMENT", "message": "malformed id"}, status)
        return Reply(a_page("orders", [a_wire_order(an_intent(each), each) for each in wanted]))

    venue.on("GET", ACCOUNTS, a_page("accounts", []))
    venue.on("GET", LISTING, answer)

    orders = an_exchange(venue).account(START, [VenueOrderId(each) for each in names]).orders

    assert set(names) - {"odd"} == {each.venue_order_id for each in orders}


def test_venue_that_is_down_is_not_asked_for_half_of_it(venue: Stub) -> None:
    """That is no word on an id."""
    venue.on("GET", ACCOUNTS, a_page("accounts", []))
    venue.on(
        "GET",
        LISTING,
        lambda request: Reply("", 503) if "order_ids" in dict(request.query) else Reply(a_page("orders", [])),
    )

    with pytest.raises(VenueUnavailable):
        an_exchange(venue).account(START, [VenueOrderId(each) for each in "abcd"])


def _known(request: Any, *names: str) -> list[Any]:
    wanted = [value for key, value in request.query if key == "order_ids"]
    return [a_wire_order(an_intent(each), each) for each in names if each in wanted]


def test_order_is_read_by_its_id(venue: Stub) -> None:
    """One request, for what may be older than any listing."""
    venue.on("GET", "/orders/historical/order-1", {"order": a_wire_order(an_intent(), filled_size="1.5")})

    order = an_exchange(venue).order(VenueOrderId("order-1"))

    assert (("order-1", Decimal("1.5")), 1) == ((order.venue_order_id, order.filled_quantity), len(venue.requests))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply({"message": "order with this orderID was not found"}, 404), "HTTP 404: order with this"),
        (Reply("", 503), "HTTP 503"),
        (Reply({}), "order: order: Field required"),
        (Reply({"order": a_wire_order(an_intent(), "order-1", side="")}), r"order: order\.side: "),
        (Reply({"order": a_wire_order(an_intent(), "order-2")}), "order order-2 was answered"),
    ],
    ids=["not found", "down", "no order", "no side", "another order"],
)
def test_order_that_cannot_be_read_names_its_cause(venue: Stub, reply: Reply, said: str) -> None:
    """The endpoint, and its status or the field."""
    venue.on("GET", "/orders/historical/order-1", reply)

    with pytest.raises(VenueError, match=f"^GET /orders/historical/order-1: {said}"):
        an_exchange(venue).order(VenueOrderId("order-1"))


def test_nothing_is_asked_of_an_order_without_an_id(venue: Stub) -> None:
    """The venue would take it for a question about all orders."""
    exchange = an_exchange(venue)

    with pytest.raises(InvariantViolation):
        exchange.order(VenueOrderId(""))
    with pytest.raises(InvariantViolation):
        exchange.order_fills([VenueOrderId("")])
    assert ((), []) == (exchange.order_fills([]), venue.requests)


def test_orders_from_before_are_left_out(venue: Stub) -> None:
    """Even if the venue lists them."""
    old = a_wire_order(a_taker("old"), "old", created_time=rfc3339(Instant(START - 1)))
    venue.on("GET", LISTING, a_page("orders", [a_wire_order(a_taker("new"), "new"), old]))

    assert ["new"] == [each.venue_order_id for each in an_exchange(venue).orders(START)]


def test_cancellation_tells_of_each_order(venue: Stub) -> None:
    """What the answer does not name was not taken; each is asked for once."""
    rows = [{"success": True, "order_id": "a"}, {"success": False, "failure_reason": "X", "order_id": "b"}]
    venue.on("POST", "/orders/batch_cancel", {"results": rows})

    answer = an_exchange(venue).cancel([VenueOrderId(each) for each in "abca"])

    assert {"a": True, "b": False, "c": False} == answer
    assert {"order_ids": ["a", "b", "c"]} == venue.requests[0].json


def test_many_cancellations_go_in_hundreds(venue: Stub) -> None:
    """The venue refuses more."""
    venue.on(
        "POST",
        "/orders/batch_cancel",
        lambda r: Reply({"results": [{"success": True, "order_id": each} for each in r.json["order_ids"]]}),
    )

    answer = an_exchange(venue).cancel([VenueOrderId(f"o-{number}") for number in range(250)])

    assert [100, 100, 50] == [len(request.json["order_ids"]) for request in venue.requests]
    assert 250 == sum(answer.values())


def test_cancelling_nothing_asks_nothing_and_an_empty_id_hangs_nothing(venue: Stub) -> None:
    """An empty id makes the venue's request hang."""
    assert {} == an_exchange(venue).cancel([])
    with pytest.raises(InvariantViolation):
        an_exchange(venue).cancel([VenueOrderId("")])

    assert [] == venue.requests


def test_cancellation_without_an_answer_is_not_repeated(venue: Stub) -> None:
    """The final state is read anyway."""
    venue.on("POST", "/orders/batch_cancel", Reply("", 503))

    with pytest.raises(VenueUnavailable):
        an_exchange(venue).cancel([VenueOrderId("a")])

    assert 1 == len(venue.requests)


def test_preview_asks_without_an_id(venue: Stub) -> None:
    """And tells reasons and costs."""
    venue.on("POST", "/orders/preview", {"errs": ["PREVIEW_INSUFFICIENT_FUND"], "order_total": "30.105"})

    assert Preview(("INSUFFICIENT_FUND",), Notional("30.105"), None) == an_exchange(venue).preview(an_intent())
    assert "client_order_id" not in venue.requests[0].json


# --- fills


def test_fills_are_read_until_the_cursor_is_empty(venue: Stub) -> None:
    """A short page is not the last one; a fill on two pages is one fill; oldest first, as they happened."""
    pages = [
        {"fills": [a_wire_fill(entry_id="3")], "cursor": "114994851"},
        {"fills": [], "cursor": "9"},
        {"fills": [a_wire_fill(entry_id="3"), a_wire_fill(entry_id="2")], "cursor": ""},
    ]
    venue.on("GET", FILLS, [Reply(page) for page in pages])

    found = an_exchange(venue).fills(START)

    assert ["2", "3"] == [fill.trade_id for fill in found]
    assert rfc3339(START) == dict(venue.requests[0].query)["start_sequence_timestamp"]


def test_fills_from_before_are_left_out(venue: Stub) -> None:
    """Even if the venue lists them."""
    old = a_wire_fill(entry_id="old", trade_time=rfc3339(Instant(START - 1)))
    venue.on("GET", FILLS, {"fills": [old, a_wire_fill()], "cursor": ""})

    assert ["entry-1"] == [fill.trade_id for fill in an_exchange(venue).fills(START)]


def test_fills_of_some_orders_are_asked_for_by_their_ids(venue: Stub) -> None:
    """Over all pages, whatever their age, and nothing but theirs even if the venue does not filter."""
    old = a_wire_fill(entry_id="1", trade_time=rfc3339(Instant(START - 86_400)))
    foreign = a_wire_fill(entry_id="3", order_id="order-3")
    venue.on(
        "GET", FILLS, Reply({"fills": [foreign, a_wire_fill(entry_id="2")], "cursor": "9"}), Reply({"fills": [old]})
    )

    found = an_exchange(venue).order_fills([VenueOrderId(each) for each in ("order-1", "order-2", "order-1")])

    assert ["1", "2"] == [fill.trade_id for fill in found]
    assert [("order_ids", "order-1"), ("order_ids", "order-2")] == list(venue.requests[0].query[1:])
    assert "start_sequence_timestamp" not in dict(venue.requests[0].query)


def test_fills_of_many_orders_are_asked_for_in_hundreds(venue: Stub) -> None:
    """An address has a length."""
    venue.on("GET", FILLS, {"fills": [], "cursor": ""})

    an_exchange(venue).order_fills([VenueOrderId(f"o-{number}") for number in range(250)])

    assert [101, 101, 51] == [len(request.query) for request in venue.requests]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "odd",
    [a_wire_fill(trade_type="REVERSAL", entry_id="odd"), a_wire_fill(price="", entry_id="odd"), None, "row", {}],
    ids=["reversal", "no price", "null", "text", "empty"],
)
def test_odd_row_among_the_fills_is_set_aside(venue: Stub, odd: Any, at: int) -> None:
    """36: the others are read, wherever it stands; what it is about is told as far as it says so."""
    rows = [a_wire_fill(entry_id="1"), a_wire_fill(entry_id="2")]
    rows.insert(at, odd)
    venue.on("GET", FILLS, {"fills": rows, "cursor": ""})

    found = an_exchange(venue).fills(START)

    *fills, aside = found
    assert {"1", "2"} == {fill.trade_id for fill in fills if isinstance(fill, Fill)}
    assert isinstance(aside, OddRow)
    assert aside.reason.startswith(f"GET {FILLS}: fill")
    assert aside.venue_order_id == ("order-1" if isinstance(odd, dict) and odd else None)


def test_odd_fill_of_an_order_that_was_asked_for_is_told(venue: Stub) -> None:
    """A correction of our own order is for a person to look at; one of another order is not."""
    rows = [a_wire_fill(trade_type="REVERSAL"), a_wire_fill(trade_type="REVERSAL", order_id="order-2")]
    venue.on("GET", FILLS, {"fills": rows, "cursor": ""})

    (odd,) = an_exchange(venue).order_fills([VenueOrderId("order-1")])

    assert f"GET {FILLS}: fill of order order-1 is a REVERSAL; a person must look" == odd.reason  # type: ignore[union-attr]


# --- the account at one look


def test_account_is_balances_beside_orders(venue: Stub) -> None:
    """Each is answered only when both have been asked for."""
    both = threading.Barrier(2)

    def answer(body: dict[str, Any]) -> Any:
        return lambda _: (both.wait(PATIENCE_SECONDS), Reply(body))[1]

    venue.on("GET", ACCOUNTS, answer(a_page("accounts", [a_wallet(available="5")])))
    venue.on("GET", LISTING, answer(a_page("orders", [a_wire_order(an_intent())])))

    listing = an_exchange(venue).account(START)

    assert ([USD], ["order-1"]) == (list(listing.balances), [each.venue_order_id for each in listing.orders])


def test_account_without_orders_to_look_for_is_balances(venue: Stub) -> None:
    """There is nothing to list."""
    venue.on("GET", ACCOUNTS, a_page("accounts", [a_wallet(available="5")]))

    listing = an_exchange(venue).account(None)

    assert ([USD], (), 1) == (list(listing.balances), listing.orders, len(venue.requests))


@pytest.mark.parametrize("broken", [ACCOUNTS, LISTING])
def test_half_an_account_is_none(venue: Stub, broken: str) -> None:
    """Whichever half is missing is named."""
    venue.on("GET", ACCOUNTS, a_page("accounts", []))
    venue.on("GET", LISTING, a_page("orders", []))
    venue.on("GET", broken, Reply("", 500))

    with pytest.raises(VenueUnavailable, match=f"GET {broken}: HTTP 500"):
        an_exchange(venue).account(START)


# --- conversions


def a_trade(status: str, **more: Any) -> dict[str, Any]:
    return {"trade": {"id": "c-9", "status": status, "amount": {"value": "100", "currency": "USDC"}, **more}}


def test_conversion_is_quoted_committed_and_followed(venue: Stub) -> None:
    """Both assets are named each time."""
    venue.on("POST", "/convert/quote", a_trade("TRADE_STATUS_CREATED"))
    venue.on("POST", "/convert/trade/c-9", a_trade("TRADE_STATUS_STARTED"))
    venue.on("GET", "/convert/trade/c-9", a_trade("TRADE_STATUS_COMPLETED"))
    exchange, intent = an_exchange(venue), a_convert()

    name = exchange.quote_conversion(intent)
    exchange.commit_conversion(name, intent)
    state = exchange.read_conversion(name, intent)

    assert ConversionReport("c-9", ConversionStatus.COMPLETED, Notional(100)) == state
    assert [{"amount": "100", "from_account": USD, "to_account": USDC}, {"from_account": USD, "to_account": USDC}] == [
        request.json for request in venue.requests[:2]
    ]
    assert (("from_account", "USD"), ("to_account", "USDC")) == venue.requests[2].query


@pytest.mark.parametrize("status", [401, 408, 429, 500, 502])
def test_commit_is_sent_once_whatever_comes(venue: Stub, status: int) -> None:
    """A second commit may be a second conversion."""
    venue.on("POST", "/convert/trade/c-9", Reply("", status))

    with pytest.raises(VenueError):
        an_exchange(venue).commit_conversion("c-9", a_convert())

    assert 1 == len(venue.asked("POST", "/convert/trade/c-9"))


def test_refused_conversion_is_our_request_that_was_wrong(venue: Stub) -> None:
    """In the venue's words."""
    venue.on("POST", "/convert/quote", Reply({"error": "INVALID_ARGUMENT", "message": "Unsupported account"}, 400))

    with pytest.raises(VenueProtocol, match="Unsupported account"):
        an_exchange(venue).quote_conversion(a_convert())


# --- secrets


def everything(exchange: Any) -> list[Any]:
    """Every way to ask the venue."""
    since = START
    return [
        exchange.self_test,
        exchange.products,
        exchange.balances,
        exchange.fee_rates,
        lambda: exchange.quotes(["SOL-USD"]),
        lambda: exchange.orders(since),
        lambda: exchange.fills(since),
        lambda: exchange.account(since),
        lambda: exchange.order("a"),
        lambda: exchange.order_fills(["a"]),
        lambda: exchange.cancel(["a"]),
        lambda: exchange.submit(an_intent()),
        lambda: exchange.preview(an_intent()),
        lambda: exchange.quote_conversion(a_convert()),
        lambda: exchange.commit_conversion("c", a_convert()),
        lambda: exchange.read_conversion("c", a_convert()),
    ]


def echo(status: int) -> Any:
    """An edge that prints the request back, headers and all."""
    return lambda request: Reply({"error": str(request.headers), "message": str(request.headers)}, status)


OLD_KEY = Credentials("planted-old-name", "plantedplantedplantedplanted0123")


SCRIPTS = {"400": echo(400), "401": echo(401), "500": echo(500), "reset": Reply(fate="reset"), "200": echo(200)}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("credentials", [CREDENTIALS, OLD_KEY], ids=["token", "legacy"])
def test_planted_key_appears_nowhere(
    venue: Stub, time: FakeTime, caplog: pytest.LogCaptureFixture, script: Any, credentials: Credentials
) -> None:
    """Accident 29: not in messages, nor in what is chained to them, nor in logs, nor in any repr."""
    caplog.set_level(0)
    places = [(r, p) for r in ("GET", "POST") for p in ("/time", "/key_permissions", "/products", ACCOUNTS, "/orders")]
    places += [("GET", path) for path in ("/transaction_summary", "/best_bid_ask", LISTING, FILLS, "/convert/trade/c")]
    places += [
        ("POST", f"/{path}") for path in ("orders/batch_cancel", "orders/preview", "convert/quote", "convert/trade/c")
    ]
    for place in places:
        venue.on(*place, script)
    exchange = an_exchange(venue, time, credentials=credentials)
    seen = [repr(exchange), repr(vars(exchange)), repr(vars(exchange._transport)), repr(credentials)]

    for ask in everything(exchange):
        try:
            seen.append(repr(ask()))
        except VenueError as error:
            chain: BaseException | None = error
            while chain is not None:
                seen += [str(chain), repr(chain), repr(vars(chain))]
                chain = chain.__cause__ or chain.__context__

    said = "\n".join([*seen, caplog.text])
    assert len(seen) > 16
    for secret in ("planted", "BEGIN", "PRIVATE KEY", "Bearer eyJ", CREDENTIALS.secret[40:60]):
        assert secret not in said


def test_refusal_in_the_venues_words_does_not_carry_the_key(venue: Stub) -> None:
    """A reason ends up in the ledger and in the audit."""
    venue.on("POST", "/orders", lambda request: Reply(refused(message=str(request.headers["Authorization"]))))

    assert "eyJ" not in repr(an_exchange(venue).submit(an_intent()))
