"""What reports make of parent orders: which are done, and which have nothing more to wait for."""

from __future__ import annotations

from trader.model.events import AuditNote, EventKind
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.parent_life import ParentEnd, ParentState
from trader.model.parents import ParentOrder
from trader.settings import Settings


def settle_parents(ledger: Ledger, now: Instant, settings: Settings, notes: list[AuditNote]) -> Ledger:
    """End the parents that are filled, or something of whose lot was sold; take out those that ended.

    One leaves once no child of it, and no fill of one, is waited for.
    """
    settled = Instant(now - settings.cycle.quiet_period_seconds)
    for parent in sorted(ledger.parents.values(), key=lambda each: each.parent_id):
        if not parent.is_understood:
            continue
        ended = _end(ledger, parent)
        if ended.state is not ParentState.ENDING or ledger.has_open_entry(parent.parent_id, settled):
            ledger = ledger if ended is parent else ledger.with_parent(ended)
            continue
        ledger = ledger.without_parent(parent.parent_id)
        notes.append(AuditNote(EventKind.PARENT_ENDED, parent.parent_id, {"parent": ended}))
    return ledger


def _end(ledger: Ledger, parent: ParentOrder) -> ParentOrder:
    lot = ledger.lots.get(parent.parent_id)
    if parent.filled > 0 and (lot is None or lot.quantity < parent.filled):
        return parent.turn(ParentState.ENDING, ParentEnd.SOLD)
    if parent.quantity_left <= 0:
        return parent.turn(ParentState.ENDING, ParentEnd.FILLED)
    return parent
