"""Every order lives by the table of legal steps: all of them are visited, none besides, and the venue agrees.

Two ways, counted apart. Scripts take each legal step once, so that coverage owes nothing to luck. Chance drives the
same operations for thousands of steps against the model and the venue's book, and is there for what nobody thought of.
"""

from __future__ import annotations

import sys

import pytest

from simulation.order_life.ledger_under_test import LedgerUnderTest
from simulation.order_life.model import Step, Tally, may_step
from simulation.order_life.venue import Way
from simulation.order_life.visits import visits
from trader.model.order_life import OrderStatus, may_follow

_CHANCE_DONE_MIN = 2500
_CHANCE_VISITED_MIN = 25


def test_every_legal_step_is_visited_and_no_other() -> None:
    """One script for each row and column of the table, and what chance adds."""
    counted = visits()
    sys.stdout.write(f"\n{counted.table()}\n")

    assert 0 == counted.illegal
    assert [] == counted.scripts.unvisited


def test_chance_does_enough_to_mean_something() -> None:
    """A machine whose rules hardly apply would find nothing and pass."""
    chance = visits().chance

    assert chance.done >= _CHANCE_DONE_MIN
    assert len(chance.visited) >= _CHANCE_VISITED_MIN


def test_table_is_what_its_rules_say() -> None:
    """The table that the documents are made from, and four rules in words of their own."""
    pairs = [(was, then) for was in OrderStatus for then in OrderStatus]

    assert [pair for pair in pairs if may_follow(*pair)] == [pair for pair in pairs if may_step(*pair)]


@pytest.mark.parametrize(
    "step",
    [
        (OrderStatus.FILLED, OrderStatus.OPEN),
        (OrderStatus.CANCELLED, OrderStatus.OPEN),
        (OrderStatus.OPEN, OrderStatus.ABANDONED),
        (OrderStatus.IN_DOUBT, OrderStatus.WITHHELD),
        (OrderStatus.PENDING, OrderStatus.IN_DOUBT),
        (OrderStatus.INTENDED, OrderStatus.CONTINGENT),
        (OrderStatus.CONTINGENT, OrderStatus.IN_DOUBT),
        (OrderStatus.CONTINGENT, OrderStatus.REJECTED),
    ],
)
def test_illegal_step_is_counted(step: Step) -> None:
    """The count can be other than nought."""
    tally = Tally()

    assert not tally.saw(*step)
    assert {step: 1} == dict(tally.illegal)


def test_order_that_another_invocation_took_up_is_not_given_up_too_soon() -> None:
    """It stalled for 89 seconds, sent, and died; the venue takes 45 seconds to list; nobody gives up in between."""
    with LedgerUnderTest(Tally()) as subject:
        subject.venue.lag(listing=45)
        order_id = subject.decide(way=None)
        subject.resend(order_id, Way.CRASHED_AFTER, stall_seconds=89)
        subject.look()

        assert OrderStatus.INTENDED is subject.status_of(order_id)
        subject.wait(60)
        subject.look()
        assert OrderStatus.OPEN is subject.status_of(order_id)


def test_order_that_may_have_left_stays_in_doubt_when_it_is_withheld() -> None:
    """The switch forbids sending it again; that says nothing of the first copy."""
    with LedgerUnderTest(Tally()) as subject:
        order_id = subject.decide(way=Way.LOST_BEFORE)
        subject.resend(order_id, Way.SWITCHED_OFF)

        assert OrderStatus.IN_DOUBT is subject.status_of(order_id)


def test_older_view_takes_no_claim_back() -> None:
    """Filled and not told of its fills yet: a view from before changes nothing of that."""
    with LedgerUnderTest(Tally()) as subject:
        order_id = subject.decide()
        subject.look()
        subject.venue.lag(fills=90)
        subject.wait(1)
        subject.venue.price("99", "1000")
        subject.look()
        filled = subject.ledger.orders[order_id]
        subject.hear_again(1)

        assert (OrderStatus.FILLED, 2, 0) == (filled.status, filled.reported_filled, filled.filled)
        assert filled == subject.ledger.orders[order_id]


def test_refused_order_leaves_the_ledger_at_once() -> None:
    """The venue refused its only copy, which would cross: nothing of it exists."""
    with LedgerUnderTest(Tally()) as subject:
        order_id = subject.decide(price="101")

        assert order_id not in subject.ledger.orders
        assert OrderStatus.REJECTED is subject.status_of(order_id)


def test_order_refused_after_a_doubt_stays() -> None:
    """The refusal is about the second copy; the first may be at the venue."""
    with LedgerUnderTest(Tally()) as subject:
        order_id = subject.decide(way=Way.LOST_BEFORE)
        subject.resend(order_id, Way.REFUSED)

        assert OrderStatus.REJECTED is subject.ledger.orders[order_id].status


def test_order_that_was_refused_without_a_reason_and_taken_is_followed() -> None:
    """Trouble of the venue's own is no word on an order: it stays in the ledger, and is alive when it shows."""
    with LedgerUnderTest(Tally()) as subject:
        order_id = subject.decide(way=Way.REFUSED_YET_TAKEN)
        subject.look()

        assert OrderStatus.OPEN is subject.ledger.orders[order_id].status
        assert set() == subject.strays


def test_cover_of_a_sale_that_may_have_left_waits() -> None:
    """Nobody answered the sale: it may have sold the lot, and what covers a rest must not leave."""
    with LedgerUnderTest(Tally()) as subject:
        lot_id = subject.decide()
        subject.wait(1)
        subject.venue.price("99", "1000")
        subject.venue.price("100", "1000")
        subject.look()
        sale = subject.sell(lot_id, "99.95", Way.LOST_BEFORE)

        assert OrderStatus.IN_DOUBT is subject.status_of(sale)
        assert OrderStatus.CONTINGENT is subject.status_of(subject.cover_of(sale))
