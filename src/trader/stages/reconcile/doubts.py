"""Orders of which nobody knows whether the venue has them: which are sent once more, which are given up."""

from __future__ import annotations

from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Side
from trader.model.parent_life import ParentState
from trader.settings import Settings
from trader.stages.reconcile.ownership import extract_base

#: The lease of releases that did not write down until when their runs could send.
_OLD_LEASE_SECONDS = 120
#: So often a sale is sent again that nobody answers; then it is waited for like a buy, and decided anew.
_REPEATS_MAX = 3


def is_resendable(ledger: Ledger, record: OrderRecord, now: Instant, settings: Settings) -> bool:
    """Whether a remembered intent is to be sent, byte for byte, once more.

    A buy must be young, its parent still worked, and the ledger no newer release's. A sale or a protection is sent
    again as long as there is what it sells, for the same id can only bring the order there is, and its own price bounds
    it. That is at any age, but not for ever: a lot must not wait for an id that the venue never answers.
    """
    if not record.is_in_doubt or not record.is_understood:
        return False
    age = now - record.intent.decided_at
    if record.intent.side is Side.SELL:
        settled = Instant(now - settings.cycle.quiet_period_seconds)
        return record.repeats < _REPEATS_MAX and _is_there_to_sell(ledger, record, settled)
    parent = ledger.parents.get(record.intent.lot_id)
    if parent is not None and parent.state is not ParentState.WORKING:
        return False
    # A clock that was put back makes no order young.
    return 0 <= age <= settings.cycle.max_tick_age_seconds and ledger.newer is None


def _is_there_to_sell(ledger: Ledger, record: OrderRecord, settled: Instant) -> bool:
    """Whether the lot has what the order sells, beside what others still sell of it.

    An exit ends what covers the lot, the order of a raised stop those that it depends on.
    """
    lot = ledger.lots.get(record.intent.lot_id)
    covers = (each.intent.client_order_id for each in ledger.orders_of(record.intent.lot_id) if each.intent.covers_lot)
    without = {record.intent.client_order_id, *(covers if record.intent.is_exit else record.intent.depends_on)}
    others = ledger.quantity_on_sale(record.intent.lot_id, settled, without)
    return lot is not None and others + record.intent.quantity <= lot.quantity


def find_resendable(ledger: Ledger, now: Instant, settings: Settings) -> tuple[ClientOrderId, ...]:
    """Name the remembered intents that are to be sent once more."""
    return tuple(
        record.intent.client_order_id for record in ledger.active_orders if is_resendable(ledger, record, now, settings)
    )


def resolve_doubts(ledger: Ledger, view: AccountView, settings: Settings, notes: list[AuditNote]) -> Ledger:
    """Give up what was not seen for a quiet period after its sender could last have sent it; sales with a lot wait.

    Where a row may be of a buy in doubt, and that could not be found out, it is waited for as long as ended orders are
    remembered. A row that may be somebody else's keeps no lot from being sold.
    """
    now, quiet_seconds = view.read_at, settings.cycle.quiet_period_seconds
    unresolved = {extract_base(product_id) for product_id in view.unresolved}
    for key, record in sorted(ledger.orders.items()):
        if not record.is_in_doubt or not record.is_understood or is_resendable(ledger, record, now, settings):
            continue
        begun = max(record.sent_at or record.intent.decided_at, record.intent.decided_at)
        # Its sender may have stalled, and sent it at the last instant it had.
        last_sent = record.sender_until or Instant(begun + _OLD_LEASE_SECONDS)
        is_unresolved = record.intent.side is Side.BUY and record.intent.base in unresolved
        if now - last_sent < (settings.cycle.order_memory_seconds if is_unresolved else quiet_seconds):
            continue
        body = {"order": key, "was": record.status, "is": OrderStatus.ABANDONED, "quiet_seconds": now - last_sent}
        notes.append(AuditNote(EventKind.ORDER_OBSERVED, f"{key}|{OrderStatus.ABANDONED}", body))
        ledger = ledger.with_order(replace(record, status=OrderStatus.ABANDONED, final_at=now))
    return ledger
