"""What sending makes of the ledger: before, it remembers what is about to leave; after, what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from trader.model.conversions import ConversionRecord
from trader.model.cycle_state import EntryPacing
from trader.model.decisions import Plan
from trader.model.ids import ClientOrderId, Instant, utc_day
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, OrderRecord, Rejected, Submission

_PACING_MEMORY_SECONDS = 86_400


def apply_submission(record: OrderRecord, submission: Submission, now: Instant) -> OrderRecord:
    """Say what a submission makes of an order: Unknown is doubt, not failure; its sender sends it no more."""
    if isinstance(submission, Accepted):
        return replace(
            record,
            status=OrderStatus.PENDING,
            venue_order_id=submission.venue_order_id,
            attached_order_id=submission.attached_order_id,
            sent_at=None,
            sender_until=None,
            repeats=0,
        )
    if isinstance(submission, Rejected):
        return replace(
            record,
            status=OrderStatus.REJECTED,
            final_at=now,
            sent_at=None,
            sender_until=None,
            repeats=0,
            note=submission.reason,
        )
    return replace(record, status=OrderStatus.IN_DOUBT, sent_at=now, sender_until=now, note=submission.reason)


def remember_plan(
    ledger: Ledger, plan: Plan, resent: Iterable[ClientOrderId], now: Instant, until: Instant | None
) -> Ledger:
    """Put into the ledger what is about to be sent: from the commit of this on, it exists and counts for pacing.

    *until* is the last instant at which this run can send: if we stall or die around sending, the wait for it counts
    from there. A reprice is not a new entry: only first attempts count as entries.
    """
    for order_id in resent:
        record = ledger.orders[order_id]
        ledger = ledger.with_order(replace(record, sent_at=now, sender_until=until, repeats=record.repeats + 1))
    for conversion in plan.conversions:
        ledger = ledger.with_conversion(ConversionRecord(conversion))
    for intent in plan.intents:
        ledger = ledger.with_order(OrderRecord(intent, sender_until=until))
    day, old = utc_day(now), ledger.entry_pacing
    entries = [intent for intent in plan.intents if intent.is_entry and intent.attempt == 0]
    trades = sum(not intent.is_protection for intent in plan.intents)
    pacing = EntryPacing(
        day=day,
        trades_today=(old.trades_today if old.day == day else 0) + trades,
        entries=(*(at for at in old.entries if now - at < _PACING_MEMORY_SECONDS), *(now for _ in entries)),
        last_entry={**old.last_entry, **{intent.base: now for intent in entries}},
    )
    return replace(ledger, entry_pacing=pacing)
