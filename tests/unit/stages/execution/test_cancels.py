"""Which of our own orders must go, looked at in every cycle."""

from __future__ import annotations

from typing import Any

import pytest

from factories import NOW, a_bracket_intent, a_held_ledger, a_ledger, an_exit_intent, an_intent, an_order_record
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import ATTACHED, OrderConfiguration, OrderPurpose
from trader.model.trading_state import TradingState
from trader.stages.execution.cancels import find_stale_orders

PERIOD = 300


def stale(
    ledger: Ledger, *, now: int = NOW, switch: TradingState = TradingState.RUN, entries_allowed: bool = True
) -> list[str]:
    return list(find_stale_orders(ledger, Instant(now), PERIOD, switch, entries_allowed=entries_allowed))


@pytest.mark.parametrize(("second", "expected"), [(-1, []), (0, ["t247-entry"]), (1, ["t247-entry"])])
def test_entry_goes_when_its_time_is_over(second: int, expected: list[str]) -> None:
    """At the instant it was to die by itself."""
    ledger = a_ledger(working=[an_order_record()])

    assert expected == stale(ledger, now=NOW + 600 + second)


def test_entry_goes_when_entries_are_not_allowed() -> None:
    """A crash, REDUCE_ONLY or HALT: a working entry is new risk."""
    assert ["t247-entry"] == stale(a_ledger(working=[an_order_record()]), entries_allowed=False)


@pytest.mark.parametrize(
    "status",
    [
        OrderStatus.INTENDED,
        OrderStatus.IN_DOUBT,
        OrderStatus.CANCEL_QUEUED,
        OrderStatus.CANCELLED,
        OrderStatus.FILLED,
    ],
)
def test_order_that_cannot_be_cancelled_is_not_named(status: OrderStatus) -> None:
    """The venue has not spoken of it, it is going already, or it is over."""
    record = an_order_record(status=status, reported_filled=Quantity(1))

    assert [] == stale(a_ledger(working=[record]), switch=TradingState.FLATTEN, entries_allowed=False)


@pytest.mark.parametrize(
    "intent", [an_exit_intent(), an_intent(configuration=OrderConfiguration.LIMIT_IOC, expires_at=None)]
)
@pytest.mark.parametrize(("age", "goes"), [(PERIOD - 1, False), (PERIOD, True)])
def test_immediate_order_that_still_rests_goes_after_a_cycle(intent: Any, age: int, goes: bool) -> None:
    """Exit or taker entry alike: it should have been over at once."""
    ledger = a_ledger(working=[an_order_record(intent)])

    assert ([intent.client_order_id] if goes else []) == stale(ledger, now=NOW + age)


def test_exit_that_is_meant_to_rest_stays() -> None:
    """It has no time limit of its own, and what it sells is still held."""
    resting = an_exit_intent(configuration=OrderConfiguration.POST_ONLY_GTD)

    assert [] == stale(a_held_ledger(None, an_order_record(resting)), now=NOW + 99_999)


def test_protection_stays_while_there_is_something_to_protect() -> None:
    """Whether or not entries are allowed."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()))

    assert [[], []] == [stale(ledger, now=NOW + 99_999, entries_allowed=each) for each in (True, False)]


def test_protection_goes_when_nothing_is_left_to_protect() -> None:
    """The lot is gone and its entry is over."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()))
    sold = ledger.with_closed_lot(next(iter(ledger.lots.values())))

    assert ["t247-bracket"] == stale(sold)


def test_protection_stays_while_its_entry_may_still_fill() -> None:
    """The first fill may be a second away."""
    ledger = a_ledger(working=[an_order_record(), an_order_record(a_bracket_intent())])

    assert [] == stale(ledger)


def test_halt_leaves_protection_at_the_venue() -> None:
    """Our working entries go, nothing else."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()), an_order_record(an_intent("more")))

    assert ["t247-more"] == stale(ledger, switch=TradingState.HALT, entries_allowed=False)


def test_flatten_cancels_entries_and_exits_and_leaves_brackets_to_the_sale() -> None:
    """Oldest first. A lot that cannot be sold this time, for want of a price perhaps, keeps its bracket."""
    ledger = a_held_ledger(
        None,
        an_order_record(a_bracket_intent(decided_at=Instant(NOW - 9))),
        an_order_record(an_intent("more")),
        an_order_record(an_exit_intent(decided_at=Instant(NOW - 5))),
    )

    assert ["t247-exit", "t247-more"] == stale(ledger, switch=TradingState.FLATTEN, entries_allowed=False)


@pytest.mark.parametrize("configuration", [OrderConfiguration.LIMIT_GTC, OrderConfiguration.POST_ONLY_GTC])
def test_flatten_leaves_a_sale_that_rests_to_the_exit(configuration: OrderConfiguration) -> None:
    """It goes in the turn of the exit, if the market takes that; else it is all that sells the lot."""
    ledger = a_held_ledger(None, an_order_record(an_exit_intent(configuration=configuration)))

    assert [] == stale(ledger, switch=TradingState.FLATTEN, entries_allowed=False)


@pytest.mark.parametrize(
    ("switch", "status", "expected"),
    [
        (TradingState.RUN, OrderStatus.OPEN, ["t247-ours"]),
        (TradingState.HALT, OrderStatus.OPEN, []),
        (TradingState.RUN, OrderStatus.CANCELLED, []),
    ],
)
def test_bracket_of_ours_goes_when_the_entrys_own_shows_after_all(
    switch: TradingState, status: OrderStatus, expected: list[str]
) -> None:
    """12: at the stop both would sell, one of them coins of the owner."""
    ours, theirs = a_bracket_intent("ours"), a_bracket_intent("theirs", reason=ATTACHED)
    ledger = a_held_ledger(an_intent(attach_bracket=True), an_order_record(ours), an_order_record(theirs, status))

    assert expected == stale(ledger, switch=switch)


@pytest.mark.parametrize("state", TradingState)
@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": OrderPurpose.keep("HEDGE")},
        {"configuration": OrderConfiguration.keep("PEGGED_GTC")},
    ],
)
def test_order_of_a_newer_release_is_never_cancelled(changes: Any, state: TradingState) -> None:
    """Whatever the operator says: nobody here knows what it is for."""
    newer = an_order_record(an_intent(expires_at=Instant(NOW - 1), **changes))

    assert [] == stale(a_ledger(working=[newer]), switch=state, entries_allowed=False)
