"""How a parent is worked from one run to the next: what it waits for, what is taken off the book, what ends it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    CYCLE,
    NOW,
    RULES,
    a_ledger,
    a_market,
    a_parent,
    a_portfolio,
    a_product,
    a_quote,
    an_intent,
    an_order_record,
    shipped_settings,
)
from trader.model.decisions import Denial
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration
from trader.model.parent_life import PARENT_TRANSITIONS, ParentEnd, ParentState, ParentStyle
from trader.model.parents import ParentOrder
from trader.stages.execution.child_orders import Leaving, Worked, work_parent
from trader.stages.execution.funding import BuyingPower

PARENT = a_parent()
NOTHING_LEAVES = Leaving()
LOOK = CycleId(f"{CYCLE}-watch")


def child(status: OrderStatus = OrderStatus.OPEN, *, age: int = 0, **over: Any) -> Any:
    intent = an_intent("child", lot_id=PARENT.parent_id, decided_at=Instant(NOW - age), **over)
    return an_order_record(intent, status)


def work(
    parent: ParentOrder = PARENT,
    *children: Any,
    resting: DenialCode | None = None,
    leaving: Leaving = NOTHING_LEAVES,
    ends_by_command: bool = False,
    bid: str = "99.99",
    ask: str = "100.01",
    **market: Any,
) -> Worked:
    settings = shipped_settings()
    ledger = a_ledger(parents={parent.parent_id: parent}, working=children)
    outside = a_market(a_product("ETH-USD"), quotes=[a_quote("ETH-USD", bid=bid, ask=ask)], **market)
    buying_power = BuyingPower(settings.execution, settings.risk, a_portfolio(ledger), outside)
    denial = None if resting is None else Denial(parent.product_id, resting, "risk")
    return work_parent(
        parent, ledger, outside, settings, buying_power, denial, leaving, ends_by_command=ends_by_command
    )


def test_parent_without_a_child_gets_one() -> None:
    """For all that it may still buy, at the bid."""
    worked = work(replace(PARENT, filled=Quantity("0.4")))

    assert worked.child is not None
    assert (Quantity("0.6"), Price("99.99")) == (worked.child.quantity, worked.child.limit_price)
    assert PARENT.parent_id == worked.child.lot_id


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (OrderStatus.OPEN, DenialCode.ORDER_WORKING),
        (OrderStatus.PENDING, DenialCode.ORDER_WORKING),
        (OrderStatus.INTENDED, DenialCode.ORDER_IN_DOUBT),
        (OrderStatus.IN_DOUBT, DenialCode.ORDER_IN_DOUBT),
        (OrderStatus.ABANDONED, DenialCode.ORDER_IN_DOUBT),
    ],
)
def test_second_child_waits_for_the_first(status: OrderStatus, code: DenialCode) -> None:
    """One that was given up after a doubt may be there all the same."""
    worked = work(PARENT, child(status))

    assert (None, ()) == (worked.child, worked.cancels)
    assert worked.denial is not None
    assert code is worked.denial.code


@pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.REJECTED])
def test_next_child_follows_one_that_is_over(status: OrderStatus) -> None:
    """Whatever ended it."""
    assert work(PARENT, child(status)).child is not None


@pytest.mark.parametrize(
    ("run", "age", "limit", "moves"),
    [
        (CYCLE, 60, "99.98", True),
        (CYCLE, 59, "99.98", False),
        (CYCLE, 3000, "99.99", False),
        (LOOK, 299, "99.98", False),
        (LOOK, 300, "99.98", True),
    ],
)
def test_child_that_the_bid_has_left_behind_is_taken_off_the_book(
    run: CycleId, age: int, limit: str, moves: bool
) -> None:
    """By a tick once it is a minute old, by a look once it has rested for ``reprice_seconds``; not while it is best."""
    worked = work(PARENT, child(age=age, limit_price=Price(limit)), cycle_id=run)

    assert moves is bool(worked.cancels)
    assert worked.child is None


def test_bid_beyond_the_worst_price_is_not_followed() -> None:
    """The child rests where it is: the price may come back."""
    worked = work(PARENT, child(age=3000, limit_price=Price(100)), bid="100.30", ask="100.31")

    assert () == worked.cancels
    assert ParentState.WORKING is worked.parent.state


def test_child_for_more_than_is_wanted_now_is_taken_off_the_book() -> None:
    """A new wish was smaller."""
    worked = work(replace(PARENT, quantity=Quantity("0.5")), child())

    assert (ClientOrderId("t247-child"),) == worked.cancels


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"ends_by_command": True}, ParentEnd.COMMAND),
        ({"leaving": Leaving(lots={PARENT.parent_id})}, ParentEnd.SOLD),
        ({"leaving": Leaving(bases={(RULES, Asset("ETH"))})}, ParentEnd.OPPOSED),
        ({"resting": DenialCode.REGIME_CRASH}, ParentEnd.CRASH),
        ({"parent": replace(PARENT, give_up_at=NOW)}, ParentEnd.GAVE_UP),
        ({"parent": replace(PARENT, max_hold_until=NOW)}, ParentEnd.GAVE_UP),
        ({"bid": "94", "ask": "94.01"}, ParentEnd.PRICE_REACHED),
        ({"bid": "112", "ask": "112.01"}, ParentEnd.PRICE_REACHED),
    ],
)
def test_parent_ends_and_takes_its_child_along(changes: dict[str, Any], end: ParentEnd) -> None:
    """What is bought of it stays, with its stop and target."""
    parent = changes.pop("parent", PARENT)
    worked = work(parent, child(), **changes)

    assert (ParentState.ENDING, end) == (worked.parent.state, worked.parent.end)
    assert ((ClientOrderId("t247-child"),), None) == (worked.cancels, worked.child)


@pytest.mark.parametrize(
    "code", [DenialCode.SWITCH_NOT_RUN, DenialCode.PRODUCT_PAUSED, DenialCode.DAY_LOSS_EXCEEDS_MAX]
)
def test_parent_sleeps_while_nothing_may_be_bought(code: DenialCode) -> None:
    """Its child is taken off the book; awake again it gets another."""
    asleep = work(PARENT, child(), resting=code)
    awake = work(asleep.parent)

    assert (ParentState.SLEEPING, (ClientOrderId("t247-child"),)) == (asleep.parent.state, asleep.cancels)
    assert ParentState.WORKING is awake.parent.state
    assert awake.child is not None


def test_asleep_it_ends_at_its_time_all_the_same() -> None:
    """Nobody wants it any more."""
    parent = replace(PARENT, state=ParentState.SLEEPING, give_up_at=NOW)

    assert ParentEnd.GAVE_UP is work(parent, resting=DenialCode.SWITCH_NOT_RUN).parent.end


@pytest.mark.parametrize(("filled", "ends"), [("0.89", False), ("0.91", True)])
def test_rest_that_is_no_purchase_worth_making_is_left(filled: str, ends: bool) -> None:
    """Below 10 in all nothing is bought: a ninth of one at 100.20 is 11.02."""
    worked = work(replace(PARENT, filled=Quantity(filled)))

    assert ends is (worked.parent.end is ParentEnd.BELOW_MINIMUM)
    assert ends is (worked.child is None)


def test_without_a_sound_quote_nothing_is_sent_and_nothing_ends() -> None:
    """What rests rests on."""
    worked = work(PARENT, entry_quotes={})

    assert (None, ParentState.WORKING) == (worked.child, worked.parent.state)
    assert worked.denial is not None
    assert DenialCode.QUOTE_MISSING is worked.denial.code


def test_taker_buys_what_is_left_at_the_worst_price_at_most() -> None:
    """After its tries in vain."""
    worked = work(replace(PARENT, tries=3))

    assert worked.child is not None
    assert (OrderConfiguration.LIMIT_IOC, Price("100.20")) == (worked.child.configuration, worked.child.limit_price)


def test_money_that_is_not_there_makes_the_child_smaller() -> None:
    """What the owner has taken out of the account cannot be spent."""
    worked = work(PARENT, available={PARENT.quote: Decimal(50)})

    assert worked.child is not None
    assert worked.child.cost_max <= 50


@pytest.mark.parametrize("state", ParentState)
@pytest.mark.parametrize("to", ParentState)
def test_state_follows_as_the_table_says(state: ParentState, to: ParentState) -> None:
    """And no otherwise."""
    turned = replace(PARENT, state=state).turn(to)

    assert (to if to in PARENT_TRANSITIONS[state] else state) is turned.state


def test_parent_of_a_word_that_nobody_knows_is_left_as_it_is() -> None:
    """It counts as exposure all the same."""
    newer = replace(PARENT, state=ParentState.keep("PONDERING"))

    assert newer == newer.turn(ParentState.ENDING)
    assert (False, True) == (newer.is_understood, newer.may_buy)
    books = a_ledger(parents={newer.parent_id: newer})
    assert {(RULES, Asset("ETH")): newer.notional_left} == a_portfolio(books).exposures()


@pytest.mark.parametrize(
    ("style", "left", "rests"),
    [
        (ParentStyle.PASSIVE_THEN_TAKER, 1800, 600),
        (ParentStyle.PASSIVE_THEN_TAKER, 900, 600),
        (ParentStyle.PASSIVE_THEN_TAKER, 899, 599),
        (ParentStyle.PASSIVE_THEN_TAKER, 600, 300),
        (ParentStyle.PASSIVE_THEN_TAKER, 599, 599),
        (ParentStyle.PASSIVE_THEN_TAKER, 300, 300),
        (ParentStyle.PASSIVE, 899, 600),
        (ParentStyle.PASSIVE, 599, 599),
    ],
)
def test_child_rests_until_there_is_just_time_to_take(style: ParentStyle, left: int, rests: int) -> None:
    """Two cycles at most. A style that takes last keeps the last cycle for that, unless nothing else would be left."""
    worked = work(replace(PARENT, style=style, give_up_at=Instant(NOW + left)))

    assert worked.child is not None
    assert OrderConfiguration.POST_ONLY_GTD is worked.child.configuration
    assert NOW + rests == worked.child.expires_at


@pytest.mark.parametrize(
    ("style", "tries", "left", "takes"),
    [
        (ParentStyle.PASSIVE_THEN_TAKER, 1, 300, True),
        (ParentStyle.PASSIVE_THEN_TAKER, 1, 301, False),
        (ParentStyle.PASSIVE_THEN_TAKER, 0, 300, False),
        (ParentStyle.PASSIVE, 1, 300, False),
    ],
)
def test_last_cycle_is_for_taking(style: ParentStyle, tries: int, left: int, takes: bool) -> None:
    """Whatever tries are left, if it has rested once."""
    worked = work(replace(PARENT, style=style, tries=tries, give_up_at=Instant(NOW + left)))

    assert worked.child is not None
    assert takes == (worked.child.configuration is OrderConfiguration.LIMIT_IOC)
