"""What leaves the ledger, so that it is as large as what is open, and no larger for its age.

An order leaves once it is long over and all it reports is booked, its lot open or not. Its lot carries its fills on.
"""

from __future__ import annotations

from collections.abc import Sequence

from trader.model.booking import carry_fills
from trader.model.frozen import replace
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.parents import name_wish
from trader.model.protection import find_bracket
from trader.model.tallies import OrderTally, name_parent
from trader.settings import Settings

#: An order that is repriced for so long is no new entry.
_PACED_SECONDS = 86_400


def forget_orders(ledger: Ledger, now: Instant, memory_seconds: int) -> tuple[Ledger, tuple[OrderRecord, ...]]:
    """Take orders out that are long over, and closed lots with the last of their orders; return them as they ended."""
    for lot_id in ledger.lots:
        ledger = carry_fills(ledger, lot_id, Instant(now - memory_seconds))
    gone: list[OrderRecord] = []
    for lot_id, records in ledger.orders_by_lot.items():
        old = [each for each in records if _is_long_over(each, now, memory_seconds)]
        if lot_id in ledger.lots:
            gone += _leave_open_lot(records, old)
        elif lot_id not in ledger.closed_lots or len(old) == len(records):
            gone += old
    finished = tuple(sorted(gone, key=lambda record: record.intent.client_order_id))
    ledger = ledger.without((), (each.intent.client_order_id for each in finished))
    return ledger.without(ledger.closed_lots.keys() - ledger.orders_by_lot.keys(), ()), finished


def _leave_open_lot(records: Sequence[OrderRecord], old: Sequence[OrderRecord]) -> list[OrderRecord]:
    """Choose the old orders of an open lot that may leave it: those of which the lot carries every fill.

    An entry stays until the bracket that came with it was seen, and a bracket as long as its entry: by the one the
    other is known.
    """
    leaving = [each for each in old if not each.fills and not _awaits_bracket(each, records)]
    staying = [each for each in records if each.intent.is_entry and each not in leaving]
    brackets = [find_bracket(each, records) for each in staying]
    return [each for each in leaving if each not in brackets]


def _awaits_bracket(record: OrderRecord, records: Sequence[OrderRecord]) -> bool:
    is_attached = record.intent.is_entry and record.intent.attach_bracket and record.filled > 0
    return is_attached and find_bracket(record, records) is None


def forget_entries(ledger: Ledger, now: Instant, settings: Settings) -> Ledger:
    """Forget when assets were last bought, once nothing is paced by it any more."""
    pacing, window = ledger.entry_pacing, max(settings.risk.product_spacing_minutes * 60, _PACED_SECONDS)
    kept = {base: at for base, at in pacing.last_entry.items() if now - at < window}
    if len(kept) == len(pacing.last_entry):
        return ledger
    return replace(ledger, entry_pacing=replace(pacing, last_entry=kept))


def forget_tallies(ledger: Ledger, now: Instant, settings: Settings) -> Ledger:
    """Forget the counts of lots that are gone, and of wishes that nobody has had for a while."""
    wanted = {*ledger.lots, *(name_parent(record.intent) for record in ledger.orders.values())}
    wanted |= {name_wish(each.strategy, each.base) for each in ledger.parents.values()}
    window = max(2 * settings.execution.refusal_wait_seconds_max, settings.cycle.order_memory_seconds)
    kept = {
        key: tally
        for key, tally in ledger.tallies.items()
        if key.rpartition("|")[0] in wanted or _is_fresh(tally, now, window)
    }
    return ledger if len(kept) == len(ledger.tallies) else replace(ledger, tallies=kept)


def _is_fresh(tally: OrderTally, now: Instant, window: int) -> bool:
    return now - tally.touched_at < window


def _is_long_over(record: OrderRecord, now: Instant, memory_seconds: int) -> bool:
    return not record.is_active and record.final_at is not None and now - record.final_at >= memory_seconds
