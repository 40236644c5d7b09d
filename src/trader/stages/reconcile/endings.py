"""What is remembered of orders that ended, when they themselves may go."""

from __future__ import annotations

from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderIntent, Rejected
from trader.model.parent_life import ParentState
from trader.model.refusals import RefusalClass
from trader.model.tallies import FAILED_LATER
from trader.settings import Settings
from trader.stages.reconcile.ownership import UNLISTED, VANISHED, reduce_until_looked

_ROUNDED = "it reports a hair more than its fills"


def count_end(ledger: Ledger, ended: OrderRecord, now: Instant, settings: Settings) -> Ledger:
    """Count what an order came to that the venue has just shown to be over.

    What the market left unfilled is a try. What was taken and failed afterwards was none: it is waited out. Of an order
    of a newer release nobody here knows what its end means.
    """
    if not ended.is_understood:
        return ledger
    intent, tally = ended.intent, ledger.tally(ended.intent)
    if ended.status is OrderStatus.FAILED:
        refused = Rejected(FAILED_LATER, RefusalClass.EDGE)
        # Waited for since it was made: what failed after a long rest is covered again by the cycle that sees it.
        tally = tally.count_refusal(refused, intent.decided_at, settings.execution.refusal_waits)
        return ledger.with_tally(intent, replace(tally, touched_at=now))
    if intent.is_protection:
        return ledger
    if ended.status is OrderStatus.CANCELLED and intent.expires_at is not None and now < intent.expires_at:
        # Nobody but ourselves takes an entry away before its time: it says nothing of the market.
        return (
            _count(ledger, intent, now, has_filled=True) if ended.reported_filled > 0 else _count_left(ledger, intent)
        )
    left = intent.quantity - ended.reported_filled
    has_filled = ended.reported_filled > 0 if intent.is_entry else left <= 0
    return _count(ledger, intent, now, has_filled=has_filled)


def _count(ledger: Ledger, intent: OrderIntent, now: Instant, *, has_filled: bool) -> Ledger:
    tally = ledger.tally(intent)
    after = tally.count_success(now) if has_filled else tally.count_try(now)
    ledger = ledger if after == tally else ledger.with_tally(intent, after)
    return ledger.count_try(intent, has_filled=has_filled)


def _count_left(ledger: Ledger, intent: OrderIntent) -> Ledger:
    """Count a try of a parent that took its child away to follow the market; any other end says nothing of that."""
    parent = ledger.parents.get(intent.lot_id)
    if parent is None or parent.state is not ParentState.WORKING:
        return ledger
    return ledger.count_try(intent, has_filled=False)


def count_open(ledger: Ledger, opened: OrderRecord) -> Ledger:
    """Forget the refusals of an order that rests on the book at last."""
    tally = ledger.tally(opened.intent)
    return ledger.with_tally(opened.intent, replace(tally, refusals={})) if tally.refusals else ledger


def accept_rounding(ledger: Ledger, now: Instant, settings: Settings, notes: list[AuditNote]) -> Ledger:
    """Wait no longer for fills of less than half a base increment that an order reports and nobody lists.

    Some venues round what an order reports; its lot would never close. It is told of once, although every listing
    reports it again. What is more than that, and long missing, puts the asset in reduce-only, whether the order rests
    on or is over.
    """
    memory_seconds, quiet_seconds = settings.cycle.order_memory_seconds, settings.cycle.quiet_period_seconds
    for key, record in sorted(ledger.orders.items()):
        if not record.unreported_quantity and record.note != UNLISTED:
            continue
        body = {
            "order": key,
            "reported": record.reported_filled,
            "listed": record.filled,
            "tolerated": ledger.tolerated_quantity(record),
        }
        if ledger.awaits_listing(record):
            if record.note not in (UNLISTED, VANISHED) and _lacks_fills_since(ledger, record, now) >= memory_seconds:
                notes.append(AuditNote(EventKind.MISMATCH_FOUND, f"{key}|fills", {**body, "reason": UNLISTED}))
                ledger = reduce_until_looked(ledger, record.intent.base, f"order {key}: {UNLISTED}")
                ledger = ledger.with_order(replace(record, note=UNLISTED))
        elif record.note == UNLISTED:
            ledger = ledger.with_order(replace(record, note=""))
        elif record.unreported_quantity and not record.awaits_fills(Instant(now - quiet_seconds)):
            if record.note != _ROUNDED:
                notes.append(AuditNote(EventKind.ORDER_ROUNDED, key, {**body, "reason": _ROUNDED}))
            ledger = ledger.with_order(replace(record, reported_filled=record.filled, note=_ROUNDED))
    return ledger


def _lacks_fills_since(ledger: Ledger, record: OrderRecord, now: Instant) -> int:
    """Count the seconds for which fills are awaited: since it was over, or since the last look that awaited none."""
    if record.status.is_final:
        return now - record.final_at if record.final_at is not None else 0
    return now - ledger.fills_known_until if ledger.fills_known_until else 0


def withhold_contingent(ledger: Ledger, now: Instant) -> tuple[Ledger, tuple[OrderRecord, ...]]:
    """Take out what waited for the end of a sale that is over: what is left of its lot is looked at anew."""
    dropped = []
    for key, record in sorted(ledger.orders.items()):
        sale = ledger.orders.get(record.intent.contingent_on) if record.intent.contingent_on is not None else None
        if record.is_contingent and record.is_understood and (sale is None or not sale.is_active):
            dropped.append(replace(record, status=OrderStatus.WITHHELD, final_at=now, note="its sale is over"))
            ledger = ledger.without((), (key,))
    return ledger, tuple(dropped)
