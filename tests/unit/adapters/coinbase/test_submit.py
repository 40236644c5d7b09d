"""An order reaches the venue once, or we say that we do not know: every path of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from factories_venue import (
    SOL_USDC,
    START,
    USDC,
    a_bracket,
    a_limit,
    a_protected_intent,
    a_stop_limit,
    a_taker,
    an_exit,
    an_intent,
)
from trader.adapters.coinbase.submit import TRANSIENT_REJECTIONS
from trader.model.ids import ProductId, VenueOrderId, rfc3339
from trader.model.money import Price, Quantity
from trader.model.orders import Accepted, OrderConfiguration, OrderIntent, Rejected, Side, Submission, Unknown
from trader.model.refusals import RefusalClass
from trader.ports import TimeBudget
from unit.adapters.coinbase.stub import (
    HTML,
    FakeTime,
    Reply,
    Request,
    Stub,
    a_page,
    a_wire_order,
    an_exchange,
    refused,
    taken,
)

ORDERS, LISTING, ORDER = "/orders", "/orders/historical/batch", "/orders/historical/order-1"
ACCEPTED = Accepted(VenueOrderId("order-1"))
NOT_FOUND = Reply({"error": "NOT_FOUND", "message": "order with this orderID was not found"}, 404)

NOTHING = Reply(a_page("orders", []))

#: After these nobody knows what the venue did.
NO_ANSWERS = [
    Reply(fate="hang"),
    Reply(fate="reset"),
    Reply(taken(), fate="cut"),
    Reply(HTML, 429),
    Reply({"errors": [{"message": "Too many requests"}]}, 429),
    Reply({"error": "INTERNAL"}, 500),
    Reply(HTML, 502),
    Reply("", 503),
    Reply(HTML),
    Reply('{"success": tr'),
    Reply({"success": "perhaps"}),
    Reply({"success": True, "success_response": None}),
    Reply("", 404),
]
no_answer = pytest.mark.parametrize(
    "lost", NO_ANSWERS, ids=lambda reply: f"{reply.status} {reply.fate or reply.body!s:.20}"
)


def submit(venue: Stub, time: FakeTime, intent: OrderIntent | None = None) -> Submission:
    return an_exchange(venue, time).submit(an_intent() if intent is None else intent)


def bodies(venue: Stub) -> list[bytes]:
    return [request.body for request in venue.asked("POST", ORDERS)]


# --- taken


@pytest.mark.parametrize(
    "intent",
    [
        an_intent(),
        a_protected_intent(),
        a_taker(),
        an_exit(),
        a_bracket(),
        a_stop_limit(),
        a_limit(),
        a_limit(configuration=OrderConfiguration.POST_ONLY_GTC),
    ],
    ids=lambda each: each.configuration.value,
)
def test_taken_order_is_read_back_and_accepted(venue: Stub, time: FakeTime, intent: OrderIntent) -> None:
    """One POST, one GET; the echo, which is nonsense here, plays no part."""
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(intent)})

    assert ACCEPTED == submit(venue, time, intent)
    assert [("POST", ORDERS), ("GET", ORDER)] == [(each.method, each.path) for each in venue.requests]


def test_entry_leaves_with_its_post_only_flag(venue: Stub, time: FakeTime) -> None:
    """Accident 18, on the wire."""
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(an_intent())})

    submit(venue, time)

    (request,) = venue.asked("POST", ORDERS)
    assert request.json["order_configuration"]["limit_limit_gtd"]["post_only"] is True
    assert "application/json" == request.headers["Content-Type"]


def test_child_of_an_attached_bracket_is_known_from_the_start(venue: Stub, time: FakeTime) -> None:
    """Where the venue names it."""
    bracket = {"trigger_bracket_gtc": {"limit_price": "110.00", "stop_trigger_price": "95"}}
    order = a_wire_order(a_protected_intent(), attached_order_id="child", attached_order_configuration=bracket)
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": order})

    expected = Accepted(VenueOrderId("order-1"), VenueOrderId("child"))
    assert expected == submit(venue, time, a_protected_intent())


def test_order_through_the_other_door_may_be_reported_under_the_canonical_product(venue: Stub, time: FakeTime) -> None:
    """SOL-USDC is SOL-USD's book."""
    intent = a_taker(product_id=SOL_USDC, quote=USDC)
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(intent, product_id="SOL-USD")})

    assert ACCEPTED == submit(venue, time, intent)


def test_new_order_that_cannot_be_found_yet_is_looked_for(venue: Stub, time: FakeTime) -> None:
    """The venue's other half may be some seconds behind."""
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, NOT_FOUND, NOT_FOUND, NOT_FOUND, Reply({"order": a_wire_order(an_intent())}))

    assert ACCEPTED == submit(venue, time)
    assert 1 == len(bodies(venue))


def test_new_order_that_stays_unfound_is_unknown(venue: Stub, time: FakeTime) -> None:
    """Not for ever, and not accepted either."""
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, NOT_FOUND)

    assert Unknown("taken as order-1, which cannot be found") == submit(venue, time)
    assert 8 <= sum(time.waits) <= 12


@pytest.mark.parametrize("reply", [Reply("", 500), Reply(HTML), Reply({"order": {}}), Reply("Unauthorized", 401)])
def test_new_order_that_cannot_be_read_back_is_unknown(venue: Stub, time: FakeTime, reply: Reply) -> None:
    """Taken, perhaps, and perhaps somebody else's."""
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, reply)

    submission = submit(venue, time)
    assert isinstance(submission, Unknown)
    assert submission.reason.startswith("taken as order-1; ")


# --- another order under our id


MISMATCHES: list[tuple[str, dict[str, Any]]] = [
    ("client_order_id", {"client_order_id": "t-other"}),
    ("side", {"side": "SELL"}),
    ("product_id", {"product_id": "ETH-USD"}),
    ("product_id", {"product_id": "SOL-EUR"}),
    (
        "base_size",
        {"order_configuration": {"limit_limit_gtd": {"base_size": "3", "limit_price": "99.9", "post_only": True}}},
    ),
    (
        "limit_price",
        {"order_configuration": {"limit_limit_gtd": {"base_size": "2", "limit_price": "99.8", "post_only": True}}},
    ),
    (
        "post_only",
        {"order_configuration": {"limit_limit_gtd": {"base_size": "2", "limit_price": "99.9", "post_only": False}}},
    ),
    ("base_size", {"order_configuration": {"market_market_ioc": {"quote_size": "199.8"}}}),
    ("base_size", {"order_configuration": {}}),
    ("created_time", {"created_time": rfc3339(START).replace("2026", "2025")}),
    (
        "attached limit_price",
        {"attached_order_configuration": {"trigger_bracket_gtc": {"limit_price": "111", "stop_trigger_price": "95"}}},
    ),
    (
        "attached stop_trigger_price",
        {"attached_order_configuration": {"trigger_bracket_gtc": {"limit_price": "110", "stop_trigger_price": "94"}}},
    ),
]


@pytest.mark.parametrize(("name", "changes"), MISMATCHES, ids=[name for name, _ in MISMATCHES])
def test_order_that_is_not_the_one_we_sent_is_never_accepted(
    venue: Stub, time: FakeTime, name: str, changes: dict[str, Any]
) -> None:
    """A reused id gets the old order's id and an echo of the new request; the reason names the field."""
    intent = a_protected_intent()
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(intent, **changes)})

    submission = submit(venue, time, intent)

    assert isinstance(submission, Unknown)
    assert submission.reason.startswith(f"order order-1 is not the one that was sent: {name} is ")
    assert 1 == len(bodies(venue))


def test_bracket_with_another_stop_is_not_ours(venue: Stub, time: FakeTime) -> None:
    """The stop is compared too."""
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(a_bracket(stop="94"))})

    submission = submit(venue, time, a_bracket())
    assert isinstance(submission, Unknown)
    assert "stop_trigger_price is 94, sent was 95" in submission.reason


def test_numbers_are_compared_as_numbers(venue: Stub, time: FakeTime) -> None:
    """2 and 2.000 are one size."""
    terms = {"base_size": "2.000", "limit_price": "99.90000000", "post_only": True}
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(an_intent(), order_configuration={"limit_limit_gtd": terms})})

    assert ACCEPTED == submit(venue, time)


# --- no answer


@no_answer
def test_unanswered_order_is_sent_again_byte_for_byte_with_a_fresh_token(
    venue: Stub, time: FakeTime, lost: Reply
) -> None:
    """Accident 1: the venue has it or it has not; the same id makes it the same order. It was looked for before."""
    venue.on("POST", ORDERS, lost, Reply(taken()))
    venue.on("GET", LISTING, NOTHING)
    venue.on("GET", ORDER, {"order": a_wire_order(an_intent())})

    assert ACCEPTED == submit(venue, time)
    first, second = venue.asked("POST", ORDERS)
    assert first.body == second.body
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert [0.5] == time.waits


@no_answer
def test_order_that_is_never_answered_is_found_in_the_listing(venue: Stub, time: FakeTime, lost: Reply) -> None:
    """Once listings are up to date: by its id, among strangers, over two pages, from a minute before the decision."""
    stranger = a_wire_order(an_intent(), "order-0", client_order_id="t-entry2", side="SELL")
    venue.on("POST", ORDERS, lost)
    pages = a_page("orders", [stranger, {"order_id": "x"}], "7"), a_page("orders", [a_wire_order(an_intent())])
    venue.on("GET", LISTING, *[NOTHING] * 4, Reply(pages[0]), Reply(pages[1]))

    assert ACCEPTED == submit(venue, time)
    assert 1 == len(set(bodies(venue)))
    assert 5 == len(bodies(venue))
    assert [0.5, 1.0, 2.0, 4.0] == time.waits
    query = dict(venue.asked("GET", LISTING)[0].query)
    assert rfc3339(START).replace("12:00:00", "11:59:00") == query["start_date"]
    assert "order_status" not in query


@no_answer
def test_order_that_is_listed_after_no_answer_is_not_sent_again(venue: Stub, time: FakeTime, lost: Reply) -> None:
    """Whether or not the venue would know its id again."""
    venue.on("POST", ORDERS, lost)
    venue.on("GET", LISTING, a_page("orders", [a_wire_order(an_intent())]))

    assert ACCEPTED == submit(venue, time)
    assert 1 == len(bodies(venue))


def test_order_is_not_sent_again_before_it_was_looked_for(venue: Stub, time: FakeTime) -> None:
    """While the listing cannot be read nothing is sent; when it can, and the order is not there, it is."""
    venue.on("POST", ORDERS, Reply("", 500), Reply(taken()))
    venue.on("GET", LISTING, Reply("", 400), Reply("", 400), NOTHING)
    venue.on("GET", ORDER, {"order": a_wire_order(an_intent())})

    assert ACCEPTED == submit(venue, time)
    asked = [(each.method, each.path) for each in venue.requests]
    assert [("POST", ORDERS), *[("GET", LISTING)] * 3, ("POST", ORDERS), ("GET", ORDER)] == asked


@no_answer
def test_order_that_is_nowhere_is_unknown(venue: Stub, time: FakeTime, lost: Reply) -> None:
    """Accident 20: absence proves nothing, listings lag."""
    venue.on("POST", ORDERS, lost)
    venue.on("GET", LISTING, a_page("orders", []))

    submission = submit(venue, time)

    assert isinstance(submission, Unknown)
    assert submission.reason.endswith("not listed, which proves nothing")


def test_order_listed_under_our_id_is_compared_as_well(venue: Stub, time: FakeTime) -> None:
    """However it was found."""
    venue.on("POST", ORDERS, Reply("", 500))
    venue.on("GET", LISTING, a_page("orders", [a_wire_order(an_intent(), side="SELL")]))

    assert isinstance(submit(venue, time), Unknown)


@pytest.mark.parametrize(
    "listing", [Reply("", 500), Reply({}), Reply(a_page("orders", [], proof_token_required=True)), Reply("x", 401)]
)
def test_listing_that_cannot_be_read_leaves_it_unknown(venue: Stub, time: FakeTime, listing: Reply) -> None:
    """Nothing is raised past a submission."""
    venue.on("POST", ORDERS, Reply("", 500))
    venue.on("GET", LISTING, listing)

    submission = submit(venue, time)
    assert isinstance(submission, Unknown)
    assert submission.reason.startswith("POST /orders: HTTP 500; ")


def test_retry_after_is_honoured_and_ends_the_sending_beyond_the_budget(venue: Stub, time: FakeTime) -> None:
    """A minute is more than an order has."""
    venue.on("POST", ORDERS, Reply("", 429, {"Retry-After": "3"}), Reply("", 429, {"Retry-After": "60"}))
    venue.on("GET", LISTING, a_page("orders", []))

    assert isinstance(submit(venue, time), Unknown)
    assert 2 == len(bodies(venue))
    assert [3.0] == time.waits


def taking(time: FakeTime, seconds: float, *replies: Reply) -> Callable[[Request], Reply]:
    """Answer after so long; the last reply stays."""
    left = list(replies)

    def reply(_: Request) -> Reply:
        time.passed += seconds
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


def test_no_copy_leaves_once_the_time_for_sending_is_over(venue: Stub, time: FakeTime) -> None:
    """Of 40 seconds, 4 may be overrun and 24 are for sending: a slow look does not add to them."""
    venue.on("POST", ORDERS, Reply("", 500))
    venue.on("GET", LISTING, taking(time, 23.6, NOTHING))

    assert isinstance(submit(venue, time), Unknown)
    assert 1 == len(bodies(venue))


@pytest.mark.parametrize("lost", [Reply("", 500), Reply(taken())])
@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.0])
def test_submission_ends_in_the_time_it_was_given(venue: Stub, time: FakeTime, seconds: float, lost: Reply) -> None:
    """However slow the answers, and whichever way they fail."""
    venue.on("POST", ORDERS, taking(time, seconds, lost))
    venue.on("GET", LISTING, taking(time, seconds, Reply("", 500)))
    venue.on("GET", ORDER, taking(time, seconds, NOT_FOUND))

    budget = TimeBudget()
    budget.begin(time.timing().wall() + 20)

    assert isinstance(an_exchange(venue, time, budget=budget).submit(an_intent()), Unknown)
    assert time.passed <= 20


def test_nobody_at_home_is_unknown(time: FakeTime) -> None:
    """And raises nothing."""
    nowhere = Stub()
    nowhere.url = "http://127.0.0.1:1"

    assert isinstance(submit(nowhere, time), Unknown)


# --- 401


def test_refused_token_is_followed_by_a_fresh_one(venue: Stub, time: FakeTime) -> None:
    """After at least a second."""
    venue.on("POST", ORDERS, Reply("Unauthorized", 401), Reply(taken()))
    venue.on("GET", ORDER, {"order": a_wire_order(an_intent())})

    assert ACCEPTED == submit(venue, time)
    assert time.waits[0] >= 1


def test_key_that_is_refused_twice_leaves_the_order_unknown(venue: Stub, time: FakeTime) -> None:
    """Asking more often makes nothing better."""
    venue.on("POST", ORDERS, Reply("Unauthorized", 401))

    assert Unknown("POST /orders: HTTP 401: Unauthorized") == submit(venue, time)
    assert 2 == len(venue.asked("POST", ORDERS))


@pytest.mark.parametrize(
    ("intent", "name", "changed"),
    [
        (a_stop_limit(), "stop_price", {"stop_price": "94"}),
        (a_stop_limit(), "limit_price", {"limit_price": "90.26"}),
        (a_limit(configuration=OrderConfiguration.POST_ONLY_GTC), "post_only", {"post_only": False}),
        (a_limit(configuration=OrderConfiguration.POST_ONLY_GTC), "post_only", {"post_only": None}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_stop_and_post_only_are_read_back(
    venue: Stub, time: FakeTime, intent: OrderIntent, name: str, changed: dict[str, Any]
) -> None:
    """A known id is answered with the order that has it, whatever was sent."""
    order = a_wire_order(intent)
    ((variant, terms),) = order["order_configuration"].items()
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": {**order, "order_configuration": {variant: {**terms, **changed}}}})

    submission = submit(venue, time, intent)

    assert isinstance(submission, Unknown)
    assert f"order order-1 is not the one that was sent: {name} is " in submission.reason


# --- refused


def test_refused_order_is_rejected_with_its_reason(venue: Stub, time: FakeTime) -> None:
    """Once, and nothing is looked up."""
    venue.on("POST", ORDERS, refused(error="E", preview_failure_reason="PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"))

    assert Rejected("INVALID_LIMIT_PRICE_POST_ONLY") == submit(venue, time)
    assert 1 == len(venue.requests)


@pytest.mark.parametrize("status", [400, 403])
def test_malformed_or_forbidden_order_is_rejected(venue: Stub, time: FakeTime, status: int) -> None:
    """Nothing was accepted."""
    venue.on("POST", ORDERS, Reply({"error": "PERMISSION_DENIED", "message": "Missing required scopes"}, status))

    reason = f"POST /orders: HTTP {status}: PERMISSION_DENIED: Missing required scopes"
    assert Rejected(reason, RefusalClass.PERMISSION) == submit(venue, time)
    assert 1 == len(venue.requests)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(HTML, 403), RefusalClass.EDGE),
        (Reply("error code: 1020", 403), RefusalClass.EDGE),
        (Reply("Forbidden", 403), RefusalClass.EDGE),
        (Reply("", 403), RefusalClass.EDGE),
        (Reply({"message": "Forbidden"}, 403), RefusalClass.EDGE),
        (Reply("PERMISSION_DENIED", 403), RefusalClass.EDGE),
        (Reply({"error": "unknown", "message": "Missing Required Scopes"}, 403), RefusalClass.PERMISSION),
        (Reply({"error": "INVALID_ARGUMENT", "message": "account is not available"}, 400), RefusalClass.PERMISSION),
        (Reply({"error": "INVALID_ARGUMENT", "message": "Invalid product_id"}, 400), RefusalClass.MARKET_STATE),
        (Reply({"message": "PREVIEW_INSUFFICIENT_FUND"}, 400), RefusalClass.FUNDS),
        (Reply({"error": "INVALID_ARGUMENT", "message": "something new"}, 400), RefusalClass.EDGE),
        (Reply(HTML, 400), RefusalClass.EDGE),
        (Reply("", 400), RefusalClass.EDGE),
        (Reply(refused(error="RISK_PROXY_FAILURE")), RefusalClass.EDGE),
        (Reply(refused(error="", message="")), RefusalClass.EDGE),
        (Reply(refused(error="ORDER_ENTRY_DISABLED")), RefusalClass.MARKET_STATE),
        (Reply(refused(message="account is not available")), RefusalClass.PERMISSION),
    ],
    ids=str,
)
def test_refusal_has_its_class(venue: Stub, time: FakeTime, reply: Reply, kind: RefusalClass) -> None:
    """A 403 in the venue's words is a permission's, any other the edge's; the rest is told by words known or not."""
    venue.on("POST", ORDERS, reply)

    submission = submit(venue, time)

    assert isinstance(submission, Rejected)
    assert kind is submission.refusal


@pytest.mark.parametrize("reason", sorted(TRANSIENT_REJECTIONS))
def test_trouble_of_the_venues_own_is_given_a_moment(venue: Stub, time: FakeTime, reason: str) -> None:
    """The same body may be taken then."""
    venue.on("POST", ORDERS, Reply(refused(error=reason)), Reply(taken()))
    venue.on("GET", ORDER, {"order": a_wire_order(an_intent())})

    assert ACCEPTED == submit(venue, time)
    assert 1 == len(set(bodies(venue)))


def test_trouble_of_the_venues_own_that_stays_is_a_rejection(venue: Stub, time: FakeTime) -> None:
    """Three times the same answer is an answer."""
    venue.on("POST", ORDERS, refused(error="", message=""))

    assert Rejected("UNKNOWN_FAILURE_REASON") == submit(venue, time)
    assert 3 == len(bodies(venue))


def test_another_refusal_after_trouble_of_the_venues_own_is_final(venue: Stub, time: FakeTime) -> None:
    """It is about this order, and the next copy would be refused as well."""
    venue.on("POST", ORDERS, Reply(refused(error="RISK_PROXY_FAILURE")), Reply(refused(error="INSUFFICIENT_FUND")))

    assert Rejected("INSUFFICIENT_FUND") == submit(venue, time)
    assert 2 == len(bodies(venue))


@no_answer
def test_refusal_of_the_second_copy_proves_nothing_about_the_first(venue: Stub, time: FakeTime, lost: Reply) -> None:
    """Its money may be held by the first: only the listing can tell."""
    venue.on("POST", ORDERS, lost, Reply(refused(error="INSUFFICIENT_FUND")))
    venue.on("GET", LISTING, a_page("orders", [a_wire_order(an_intent())]))

    assert ACCEPTED == submit(venue, time)


def test_refusal_of_the_second_copy_with_the_first_unlisted_is_unknown(venue: Stub, time: FakeTime) -> None:
    """Not rejected: the first may still turn up."""
    venue.on("POST", ORDERS, Reply(fate="reset"), Reply(refused(error="INSUFFICIENT_FUND")))
    venue.on("GET", LISTING, a_page("orders", []))

    assert Unknown("INSUFFICIENT_FUND; not listed, which proves nothing") == submit(venue, time)


@pytest.mark.parametrize("code", ["DUPLICATE_CLIENT_ORDER_ID", "PREVIEW_DUPLICATE_CLIENT_ORDER_ID"])
def test_duplicate_id_means_that_the_order_exists(venue: Stub, time: FakeTime, code: str) -> None:
    """It is found by its id; not found is unknown."""
    venue.on("POST", ORDERS, refused(error=code))
    venue.on("GET", LISTING, Reply(a_page("orders", [a_wire_order(an_intent())])), Reply(a_page("orders", [])))

    assert ACCEPTED == submit(venue, time)
    assert isinstance(submit(venue, time), Unknown)


# --- what is never raised


@pytest.mark.parametrize("reply", [*NO_ANSWERS, Reply("", 302), Reply("", 418), Reply([]), Reply("Unauthorized", 401)])
def test_submission_raises_nothing_and_ends(venue: Stub, time: FakeTime, reply: Reply) -> None:
    """Whatever the venue answers, to everything."""
    for place in (("POST", ORDERS), ("GET", LISTING), ("GET", ORDER)):
        venue.on(*place, reply)

    assert isinstance(submit(venue, time), Unknown)
    assert sum(time.waits) < 40


def test_intent_is_what_is_compared_not_what_it_became(venue: Stub, time: FakeTime) -> None:
    """An order that is over already, with fills, is as good as an open one."""
    order = a_wire_order(a_taker(), status="CANCELLED", filled_size="1.5", settled=True)
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": order})

    assert ACCEPTED == submit(venue, time, a_taker())


def test_other_base_against_the_same_quote_is_another_book(venue: Stub, time: FakeTime) -> None:
    """Only USD and USDC share a book, and only for one base."""
    intent = replace(a_taker(), product_id=ProductId("ETH-USDC"), quantity=Quantity(2), limit_price=Price(101))
    venue.on("POST", ORDERS, taken())
    venue.on("GET", ORDER, {"order": a_wire_order(intent, product_id="SOL-USD")})

    submission = submit(venue, time, intent)
    assert Side.BUY is intent.side
    assert isinstance(submission, Unknown)
