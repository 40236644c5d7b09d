"""What is about to leave is in the ledger first: as it was decided, and counted for the pace of entries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories import NOW, a_convert_intent, a_ledger, an_exit_intent, an_intent, an_order_record
from trader.model.conversions import ConversionRecord
from trader.model.cycle_state import EntryPacing
from trader.model.decisions import Plan
from trader.model.ids import Instant, utc_day
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.stages.submission import remember_plan, withhold_order

#: The end of the run that sends.
UNTIL = Instant(NOW + 210)


def test_what_is_planned_is_remembered_as_it_was_decided() -> None:
    """Every order and conversion under its own id; nothing is known of it but what we want."""
    orders, conversion = (an_intent(), an_exit_intent()), a_convert_intent()

    ledger = remember_plan(a_ledger(), Plan(orders, conversions=(conversion,)), (), NOW, UNTIL)

    assert {intent.client_order_id: OrderRecord(intent, sender_until=UNTIL) for intent in orders} == ledger.orders
    assert {conversion.conversion_id: ConversionRecord(conversion)} == ledger.conversions


def test_what_is_sent_again_says_since_when_and_nothing_else_changes() -> None:
    """The wait for it counts from there; another order in doubt keeps its own instant."""
    again, other = (
        an_order_record(an_intent(name), OrderStatus.IN_DOUBT, sent_at=Instant(NOW - 300))
        for name in ("again", "other")
    )

    ledger = remember_plan(a_ledger(working=[again, other]), Plan(), (again.intent.client_order_id,), NOW, UNTIL)

    after = [ledger.orders[each.intent.client_order_id] for each in (again, other)]
    assert [(NOW, UNTIL), (NOW - 300, None)] == [(record.sent_at, record.sender_until) for record in after]


def test_entry_is_remembered_for_less_than_a_day() -> None:
    """A day old to the second is forgotten, and yesterday's trades are not counted today."""
    kept, gone = Instant(NOW - 86_399), Instant(NOW - 86_400)

    pacing = remember_plan(a_ledger(entry_pacing=EntryPacing("2026-11-21", 9, (gone, kept))), Plan(), (), NOW, UNTIL)

    assert EntryPacing("2026-11-22", 0, (kept,)) == pacing.entry_pacing


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_order_that_never_left_is_no_trade_of_either_day(seconds: int) -> None:
    """Decided just before or after midnight, remembered two seconds later: what was counted is given back."""
    midnight = Instant(NOW - NOW % 86_400 + 86_400)
    intent = replace(an_exit_intent(), decided_at=Instant(midnight + seconds))
    before = a_ledger(entry_pacing=EntryPacing(utc_day(Instant(midnight + 2)), 5))

    ledger = remember_plan(before, Plan((intent,)), (), Instant(intent.decided_at + 2), UNTIL)
    ledger = withhold_order(ledger, intent.client_order_id, "no time", Instant(midnight + 3)).ledger

    assert 5 == ledger.entry_pacing.trades_today
