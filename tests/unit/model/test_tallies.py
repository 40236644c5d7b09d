"""What became of orders: counts instead of records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories import NOW, PREFIX, a_bracket_intent, an_exit_intent, an_intent
from trader.model.ids import Instant
from trader.model.orders import OrderIntent, Rejected
from trader.model.refusals import RefusalClass
from trader.model.tallies import OrderTally, name_tally

WAITS = (60, 900)


def refused(tally: OrderTally, reason: str, at: int = NOW) -> OrderTally:
    return tally.count_refusal(Rejected(reason), Instant(at), WAITS)


def seconds(tally: OrderTally, now: int = NOW) -> int:
    waiting = tally.why_wait(Instant(now))
    return waiting.until - now if waiting is not None else 0


@pytest.mark.parametrize(
    ("intent", "key"),
    [
        (an_intent(), "rules_engine|ETH|ENTRY"),
        (an_exit_intent(), f"{PREFIX}entry|EXIT"),
        (a_bracket_intent(), f"{PREFIX}entry|PROTECTION"),
    ],
)
def test_orders_count_for_their_lot_or_for_the_wish_behind_them(intent: OrderIntent, key: str) -> None:
    """And for their purpose."""
    assert key == name_tally(intent)


def test_number_only_rises() -> None:
    """Whatever is told in whatever order, and whatever became of an order."""
    tally = OrderTally().count_made(an_intent(n=4), NOW).count_made(an_intent(n=2), NOW)

    assert 5 == tally.made
    assert 5 == tally.count_success(NOW).made == refused(tally, "INSUFFICIENT_FUND").made


@pytest.mark.parametrize(("later", "tries"), [(59, 1), (60, 2)])
def test_ladder_is_climbed_by_one_step_a_minute(later: int, tries: int) -> None:
    """However often the market was tried in between."""
    assert tries == OrderTally().count_try(NOW).count_try(Instant(NOW + later)).tries


def test_wait_doubles_with_each_refusal_for_the_same_reason_up_to_the_longest() -> None:
    """A minute, two, four, eight, and then a quarter of an hour."""
    tally, waits = OrderTally(), []
    for _ in range(6):
        tally = refused(tally, "PERMISSION_DENIED")
        waits.append(seconds(tally))

    assert [60, 120, 240, 480, 900, 900] == waits


def test_another_reason_of_the_same_class_goes_on_counting() -> None:
    """Some reasons hold a number, and are another text each time."""
    tally = refused(refused(OrderTally(), "PERMISSION_DENIED"), "GEOFENCING_RESTRICTION")

    assert (120, 2) == (seconds(tally), tally.refusals[RefusalClass.PERMISSION].count)


def test_longest_wait_of_several_classes_stands() -> None:
    """One class says nothing of another."""
    tally = refused(refused(refused(OrderTally(), "INSUFFICIENT_FUND"), "INSUFFICIENT_FUND"), "UNTRADABLE_PRODUCT")

    assert 120 == seconds(tally)
    assert {RefusalClass.FUNDS, RefusalClass.MARKET_STATE} == tally.refusals.keys()


def test_market_is_not_waited_out() -> None:
    """It is counted, and tried again at the next look."""
    tally = refused(OrderTally(), "INVALID_LIMIT_PRICE_POST_ONLY")

    assert (0, 1) == (seconds(tally), tally.refusals[RefusalClass.MARKET].count)


def test_wait_ends_at_its_instant() -> None:
    """Then the next try is due."""
    tally = refused(OrderTally(), "INSUFFICIENT_FUND")

    assert [1, 0] == [seconds(tally, NOW + 59), seconds(tally, NOW + 60)]


def test_success_forgets_tries_and_refusals() -> None:
    """Not the number."""
    tally = replace(refused(OrderTally(made=3).count_try(NOW), "INSUFFICIENT_FUND"), made=3).count_success(NOW)

    assert (3, 0, {}) == (tally.made, tally.tries, tally.refusals)
