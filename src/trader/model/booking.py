"""How a fill changes the ledger: cash at once, and the lot rebuilt from all fills of its orders.

Rebuilding makes the result independent of the order in which fills arrive: they are sorted by trade time first. It
begins with what the lot carries of older ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

from trader.errors import InvariantViolation
from trader.model.carried import ENTRIES_MAX, CarriedFills, CarriedLot
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant
from trader.model.ledger import Ledger, SubLedger
from trader.model.lots import Dust, Lot
from trader.model.money import ZERO, Notional, Price, Quantity, floor_to
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, Fill, Side
from trader.model.unknown import NONE_UNKNOWN

#: Fills may exceed the intent by this much: venues report sizes that were divided out of a quote amount.
_SIZE_TOLERANCE = Decimal("1e-12")
#: What a part of a lot cost is rounded down to this; the difference stays with the rest of the lot.
_COST_INCREMENT = Decimal("1e-12")
_NOTHING_CARRIED = CarriedLot(Quantity(0), Notional(0), Notional(0), Notional(0))


def exceeds_intent(record: OrderRecord, fill: Fill) -> bool:
    """Whether booking this fill would take the order beyond its intent, in quantity or, for a buy, in notional.

    A size in quote currency read as base units shows up here before it reaches the ledger.
    """
    intent = record.intent
    if record.filled + fill.quantity > intent.quantity * (1 + _SIZE_TOLERANCE):
        return True
    if intent.side is Side.SELL:
        return False
    return record.spent + fill.notional > intent.notional * (1 + _SIZE_TOLERANCE)


def book_fill(ledger: Ledger, order_id: ClientOrderId, fill: Fill) -> Ledger:
    """Book one new fill: cash, fees, the order's record, the lot.

    Raises: InvariantViolation if the trade id is booked already; the caller deduplicates.
    """
    record = ledger.orders[order_id]
    if record.has_booked(fill):
        raise InvariantViolation(f"fill {fill.trade_id} is booked already")
    change = fill.notional - fill.fee if fill.side is Side.SELL else -(fill.notional + fill.fee)
    strategy = record.intent.strategy
    ledger = ledger.with_cash(record.intent.quote, change, strategy)
    part = ledger.by_strategy[strategy]
    ledger = replace(
        ledger, by_strategy={**ledger.by_strategy, strategy: replace(part, fees=Notional(part.fees + fill.fee))}
    ).with_order(replace(record, fills=_in_order((*record.fills, fill))))
    parent = ledger.parents.get(record.intent.lot_id) if record.intent.is_entry else None
    if parent is not None:
        ledger = ledger.with_parent(parent.book(fill))
    return _with_rebuilt_lot(ledger, record.intent.lot_id)


def carry_fills(ledger: Ledger, lot_id: ClientOrderId, until: Instant) -> Ledger:
    """Let a lot carry the fills of its orders up to an instant, which are not remembered one by one from then on.

    The ledger stays as it is while fills of the lot are awaited, and if the lot would not stay what it is, as where a
    sale bears an earlier time than its buy.
    """
    lot, records = ledger.lots[lot_id], ledger.orders_of(lot_id)
    has_old = any(fill.time <= until for each in records for fill in each.fills)
    if not has_old or any(ledger.awaits_listing(each) for each in records):
        return ledger
    old = [replace(each, fills=tuple(fill for fill in each.fills if fill.time <= until)) for each in records]
    taken = build_lot(old, lot)
    if taken is None:
        return ledger
    before = lot.carried or _NOTHING_CARRIED
    # By their times, so that it is no matter in how many parts they are folded.
    bought = sorted((fill.time, fill.venue_order_id) for each in old for fill in each.fills if fill.side is Side.BUY)
    entries = tuple(dict.fromkeys((*before.entries, *(order_id for _, order_id in bought))))[:ENTRIES_MAX]
    sums = taken.quantity, taken.cost, taken.entry_fees, taken.realized
    carried = CarriedLot(*sums, entries, before.unknown)
    staying = [seal_fills(record, until) for record in records]
    after = build_lot(staying, replace(lot, carried=carried))
    if after is None or replace(after, carried=lot.carried) != lot:
        return ledger
    for record in staying:
        ledger = ledger.with_order(record)
    return ledger.with_lot(after)


def seal_fills(record: OrderRecord, until: Instant) -> OrderRecord:
    """Carry the fills of an order up to an instant as sums; they are known by the time of the last of them."""
    old = [fill for fill in record.fills if fill.time <= until]
    if not old:
        return record
    fees = sum((fill.fee for fill in old), record.carried.fees if record.carried is not None else ZERO)
    kept = replace(record, fills=tuple(fill for fill in record.fills if fill.time > until))
    bare = replace(kept, carried=None)
    quantity, spent = Quantity(record.filled - bare.filled), Notional(record.spent - bare.spent)
    unknown = record.carried.unknown if record.carried is not None else NONE_UNKNOWN
    return replace(kept, carried=CarriedFills(quantity, spent, Notional(fees), max(fill.time for fill in old), unknown))


def _in_order(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.time, fill.side is Side.SELL, fill.trade_id)))


def _with_rebuilt_lot(ledger: Ledger, lot_id: ClientOrderId) -> Ledger:
    records = ledger.orders_of(lot_id)
    old = ledger.lots.get(lot_id) or ledger.closed_lots.get(lot_id)
    lot = build_lot(records, old)
    if lot is None:
        raise InvariantViolation(f"more was sold than bought of {lot_id}, or its entry is not remembered")
    gained = lot.realized - (old.realized if old else ZERO)
    part = ledger.by_strategy.get(lot.strategy, SubLedger())
    by_strategy = {**ledger.by_strategy, lot.strategy: replace(part, realized=Notional(part.realized + gained))}
    closed = {key: other for key, other in ledger.closed_lots.items() if key != lot_id}
    return replace(ledger, by_strategy=by_strategy, closed_lots=closed).with_lot(lot)


def build_lot(records: Collection[OrderRecord], old: Lot | None) -> Lot | None:
    """Add up what a lot carries and the fills of these records; None if they sell more than there is."""
    entries = [record for record in records if record.intent.is_entry and record.fills]
    begun = old if old is not None and old.carried is not None else _begin_lot(entries, old)
    if begun is None:
        return None
    carried = begun.carried or _NOTHING_CARRIED
    quantity, cost, fees, realized = carried.quantity, carried.cost, carried.entry_fees, carried.realized
    waiting = list(_in_order(fill for record in records for fill in record.fills))
    while waiting:
        # A sell that bears an earlier time than what it sold waits for it; the caller saw to it that all of it is here.
        at = next((n for n, each in enumerate(waiting) if each.side is Side.BUY or each.quantity <= quantity), None)
        if at is None:
            return None
        fill = waiting.pop(at)
        if fill.side is Side.BUY:
            quantity, cost = Quantity(quantity + fill.quantity), Notional(cost + fill.notional)
            fees = Notional(fees + fill.fee)
            continue
        paid, charged = (_portion(amount, fill.quantity, quantity) for amount in (cost, fees))
        realized = Notional(realized + fill.notional - fill.fee - paid - charged)
        quantity, cost = Quantity(quantity - fill.quantity), Notional(cost - paid)
        fees = Notional(fees - charged)
    bought = [fill.price for entry in entries for fill in entry.fills]
    peak = max(*bought, begun.peak_price, old.peak_price if old is not None else ZERO)
    return replace(begun, quantity=quantity, cost=cost, entry_fees=fees, realized=realized, peak_price=Price(peak))


def _begin_lot(entries: Collection[OrderRecord], old: Lot | None) -> Lot | None:
    """Begin the lot of its entries, empty; None if nothing of them was filled.

    What a newer release added stays, and a stop that was raised.
    """
    if not entries:
        return None
    intent = min((each.intent for each in entries), key=lambda each: (each.decided_at, each.client_order_id))
    if intent.bracket is None:
        raise InvariantViolation(f"entry {intent.client_order_id} has no bracket")
    return Lot(
        lot_id=intent.lot_id,
        strategy=intent.strategy,
        product_id=intent.product_id,
        base=intent.base,
        quote=intent.quote,
        quantity=Quantity(0),
        cost=Notional(0),
        entry_fees=Notional(0),
        opened_at=Instant(min(fill.time for entry in entries for fill in entry.fills)),
        bracket=_find_bracket(intent.bracket, old),
        max_hold_until=intent.max_hold_until,
        stop_changed_at=old.stop_changed_at if old is not None else None,
        unknown=old.unknown if old is not None else NONE_UNKNOWN,
    )


def _find_bracket(bracket: Bracket, old: Lot | None) -> Bracket:
    if old is None:
        return bracket
    return old.bracket if old.stop_changed_at is not None else replace(bracket, unknown=old.bracket.unknown)


def _portion(amount: Decimal, sold: Decimal, held: Decimal) -> Decimal:
    # Rounded, so that every sum over lots and strategies is exact; the last unit takes all that is left.
    return amount if sold == held else floor_to(amount * sold / held, _COST_INCREMENT)


def would_oversell(ledger: Ledger, record: OrderRecord, fill: Fill) -> bool:
    """Whether a sell fill arrived before the buy it belongs to; it is left for a later cycle."""
    if fill.side is Side.BUY:
        return False
    lot = ledger.lots.get(record.intent.lot_id)
    return lot is None or fill.quantity > lot.quantity


def has_no_lot(ledger: Ledger, record: OrderRecord, fill: Fill) -> bool:
    """Whether a buy, of a purpose that this release does not know, belongs to no lot: it cannot begin one here."""
    is_new = record.intent.lot_id not in ledger.lots and record.intent.lot_id not in ledger.closed_lots
    return fill.side is Side.BUY and not record.intent.is_entry and is_new


def book_dust(ledger: Ledger, lot: Lot) -> Ledger:
    """Write off what is left of a lot below what the venue lets us sell; the quantity joins the asset's dust."""
    left = Dust(lot.strategy, lot.base, lot.quantity, Notional(lot.cost + lot.entry_fees))
    same = (*(each for each in ledger.dust if each.base == lot.base), left)
    dust = Dust(
        strategy=lot.strategy if {each.strategy for each in same} == {lot.strategy} else None,
        base=lot.base,
        quantity=Quantity(sum((each.quantity for each in same), ZERO)),
        cost=Notional(sum((each.cost for each in same), ZERO)),
        unknown=same[0].unknown,
    )
    others = (each for each in ledger.dust if each.base != lot.base)
    return replace(ledger.with_closed_lot(lot), dust=(*others, dust))
