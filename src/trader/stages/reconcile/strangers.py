"""Orders at the venue that carry our prefix and that the ledger does not know: looked up before anything is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trader.model.booking import seal_fills
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant, name_attached
from trader.model.ledger import Ledger
from trader.model.order_life import may_follow
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderStatusReport
from trader.settings import Settings
from trader.stages.reconcile.ownership import extract_base, find_last_look

#: How the reason begins for which an asset takes no entries until a person has looked.
UNKNOWN = "an order that carries our prefix is in no book"


def find_strangers(
    ledger: Ledger, reports: Iterable[OrderStatusReport], now: Instant, settings: Settings
) -> tuple[OrderStatusReport, ...]:
    """Find orders of ours that the ledger should know, and does not: open ones, and those too young to be forgotten."""
    known = {record.venue_order_id for record in ledger.orders.values()}
    since = find_last_look(ledger, now) - settings.cycle.order_memory_seconds
    prefix = settings.execution.order_prefix
    return tuple(
        report
        for report in reports
        if report.client_order_id.startswith(prefix)
        and report.client_order_id not in ledger.orders
        and report.venue_order_id not in known
        and (not report.status.is_final or (report.created_at > since and report.filled_quantity > 0))
    )


def recall_orders(
    ledger: Ledger, records: Sequence[OrderRecord], strangers: Iterable[OrderStatusReport]
) -> tuple[Ledger, tuple[AuditNote, ...]]:
    """Take finished orders back into the ledger of which the venue tells news: its word counts for more.

    One that it shows as it ended, booked whole, stays where it is. What the venue says of the others is applied like
    anything else it says. A bracket that came with its entry comes back with it, as it ended.
    """
    told = {report.client_order_id: report for report in strangers}
    recalled = {each.intent.client_order_id for each in records if _is_news(each, told)}
    notes = []
    for record in records:
        if record.intent.client_order_id not in recalled and record.intent.lot_id not in recalled:
            continue
        order_id = record.intent.client_order_id
        body = {"order": order_id, "was": record.status, "reason": "the venue shows an order that had ended"}
        notes.append(AuditNote(EventKind.ORDER_RECALLED, order_id, body))
        # What it had filled is in the lot that carries it, or in one that is closed and gone.
        last = max((fill.time for fill in record.fills), default=Instant(0))
        ledger = ledger.with_order(seal_fills(record, last))
    return ledger, tuple(notes)


def name_brackets(records: Iterable[OrderRecord], prefix: str) -> tuple[ClientOrderId, ...]:
    """Name the brackets that came with these entries: the venue's rows of them bear none of our names."""
    entries = (record.intent for record in records if record.intent.is_entry and record.intent.attach_bracket)
    return tuple(name_attached(prefix, intent.client_order_id) for intent in entries)


def _is_news(record: OrderRecord, told: Mapping[ClientOrderId, OrderStatusReport]) -> bool:
    report = told.get(record.intent.client_order_id)
    if report is None:
        return False
    return may_follow(record.status, report.status) or report.filled_quantity > record.reported_filled


def note_strangers(
    ledger: Ledger, strangers: Iterable[OrderStatusReport], recalled: Iterable[ClientOrderId]
) -> tuple[Ledger, tuple[AuditNote, ...]]:
    """Forbid entries into the assets of open orders that were found nowhere, until a person adopts or acknowledges."""
    notes, known = [], set(recalled)
    for report in strangers:
        if report.client_order_id in known or report.status.is_final:
            continue
        base = extract_base(report.product_id)
        body = {"reason": UNKNOWN, "order": report}
        notes.append(AuditNote(EventKind.MISMATCH_FOUND, report.venue_order_id, body))
        why = ledger.reduce_only.get(base, f"{UNKNOWN}: {report.client_order_id}")
        ledger = replace(ledger, reduce_only={**ledger.reduce_only, base: why})
    return ledger, tuple(notes)
