"""The next instant at which the ledger itself may change something, whatever the market does.

Every field that holds an instant is named here: as one that is due, as one that whoever looks next clears away just as
well, or as history that nothing waits for. A test finds those that are not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from trader.model.ids import Instant, StrategyId
from trader.model.ledger import Ledger

_NEVER = 1 << 62

#: Fields at whose instant something changes: the tick at or after it is run exactly.
DUE = frozenset({"Lot.max_hold_until", "OrderIntent.expires_at", "ParentOrder.give_up_at"})
#: Fields that end something which matters to purchases only, or which leave the ledger some time after their instant:
#: a purchase is never decided by a screen, and what is old is dropped by the next exact tick as by any before it.
CLEARED_LATER = frozenset(
    {
        "Cooldown.until",
        "FailureStreak.cooldown_until",
        "LossStreak.cooldown_until",
        "Ledger.depegged",
        "EntryPacing.entries",
        "EntryPacing.last_entry",
        "OrderRecord.final_at",
        "OrderTally.touched_at",
        "OrderTally.tried_at",
        "ConversionRecord.final_at",
        "Refusals.until",
        "Ledger.strategy_runs",
        "ProductCache.fetched_at",
        "FeeCache.fetched_at",
    }
)
#: Fields that say when something was, and are read by nobody who waits.
HISTORY = frozenset(
    {
        "AcceptedMark.at",
        "AlarmState.ringing",
        "CarriedFills.until",
        "CommandMark.issued_at",
        "ConversionIntent.decided_at",
        "EquityMark.at",
        "Fill.time",
        "Ledger.bars_on_record",
        "Ledger.fills_known_until",
        "Ledger.unbelieved",
        "Lot.opened_at",
        "Lot.stop_changed_at",
        "OrderIntent.decided_at",
        "OrderIntent.max_hold_until",
        "OrderRecord.missing_since",
        "OrderRecord.sender_until",
        "OrderRecord.sent_at",
        "ParentOrder.decided_at",
        "ParentOrder.max_hold_until",
        "ParentOrder.paced_at",
        "ParentOrder.taken_at",
        "Product.listed_at",
        "RoundTrip.closed_at",
        "RoundTrip.opened_at",
        "RunMark.began_at",
        "RunMark.ended_at",
    }
)


def find_next_due(ledger: Ledger, now: Instant, timeless: Collection[StrategyId] = ()) -> Instant:
    """Return the earliest instant after *now* at which something of the ledger falls due; a far one if nothing does.

    To the lots of *timeless* strategies no exit by time applies. The turns of strategies are no matter of the ledger
    alone: ``Foresight`` knows their schedules. Days and weeks need no tick of their own: their marks are carried over
    midnight, see ``advance``.
    """
    return Instant(max(min(_list_due(ledger, timeless), default=_NEVER), now + 1))


def _list_due(ledger: Ledger, timeless: Collection[StrategyId]) -> Iterator[int]:
    for lot in ledger.lots.values():
        if lot.max_hold_until is not None and lot.strategy not in timeless:
            yield lot.max_hold_until
    for parent in ledger.parents.values():
        yield parent.give_up_at
    for record in ledger.orders.values():
        if record.is_active and record.intent.expires_at is not None:
            yield record.intent.expires_at
