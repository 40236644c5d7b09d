"""How a fill changes the ledger: cash at once, and the lot rebuilt from all fills of its orders.

Rebuilding makes the result independent of the order in which fills arrive: they are sorted by trade time first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from trader.errors import InvariantViolation
from trader.model.ids import ClientOrderId, Instant
from trader.model.ledger import Dust, Ledger, Lot, SubLedger
from trader.model.money import ZERO, Notional, Price, Quantity, floor_to
from trader.model.orders import Fill, OrderRecord, Side

#: Fills may exceed the intent by this much: venues report sizes that were divided out of a quote amount.
_SIZE_TOLERANCE = Decimal("1e-12")
#: What a part of a lot cost is rounded down to this; the difference stays with the rest of the lot.
_COST_INCREMENT = Decimal("1e-12")


def exceeds_intent(record: OrderRecord, fill: Fill) -> bool:
    """Whether booking this fill would take the order beyond its intent, in quantity or, for a buy, in notional.

    A size in quote currency read as base units shows up here before it reaches the ledger.
    """
    intent = record.intent
    if record.filled + fill.quantity > intent.quantity * (1 + _SIZE_TOLERANCE):
        return True
    if intent.side is Side.SELL:
        return False
    spent = sum((each.notional for each in record.fills), ZERO) + fill.notional
    return spent > intent.notional * (1 + _SIZE_TOLERANCE)


def book_fill(ledger: Ledger, order_id: ClientOrderId, fill: Fill) -> Ledger:
    """Book one new fill: cash, fees, the order's record, the lot.

    Raises: InvariantViolation if the trade id is booked already; the caller deduplicates.
    """
    record = ledger.orders[order_id]
    if any(known.trade_id == fill.trade_id for known in record.fills):
        raise InvariantViolation(f"fill {fill.trade_id} is booked already")
    change = fill.notional - fill.fee if fill.side is Side.SELL else -(fill.notional + fill.fee)
    strategy = record.intent.strategy
    ledger = ledger.with_cash(record.intent.quote, change, strategy)
    part = ledger.by_strategy[strategy]
    ledger = replace(
        ledger, by_strategy={**ledger.by_strategy, strategy: replace(part, fees=Notional(part.fees + fill.fee))}
    ).with_order(replace(record, fills=_in_order((*record.fills, fill))))
    return _with_rebuilt_lot(ledger, record.intent.lot_id)


def _in_order(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.time, fill.side is Side.SELL, fill.trade_id)))


def _with_rebuilt_lot(ledger: Ledger, lot_id: ClientOrderId) -> Ledger:
    records = ledger.orders_of(lot_id)
    old = ledger.lots.get(lot_id) or ledger.closed_lots.get(lot_id)
    lot = _fold(records, old)
    if lot is None:
        return ledger
    gained = lot.realized - (old.realized if old else ZERO)
    part = ledger.by_strategy.get(lot.strategy, SubLedger())
    by_strategy = {**ledger.by_strategy, lot.strategy: replace(part, realized=Notional(part.realized + gained))}
    closed = {key: other for key, other in ledger.closed_lots.items() if key != lot_id}
    return replace(ledger, by_strategy=by_strategy, closed_lots=closed).with_lot(lot)


def _fold(records: Iterable[OrderRecord], old: Lot | None) -> Lot | None:
    records = tuple(records)
    entry = next((record for record in records if record.intent.is_entry), None)
    if entry is None or entry.intent.bracket is None or entry.intent.max_hold_until is None:
        raise InvariantViolation(f"no entry with a bracket is remembered for {[r.intent.lot_id for r in records]}")
    quantity = cost = fees = realized = ZERO
    waiting = list(_in_order(fill for record in records for fill in record.fills))
    while waiting:
        # A sell that bears an earlier time than what it sold waits for it; the caller saw to it that all of it is here.
        at = next((n for n, each in enumerate(waiting) if each.side is Side.BUY or each.quantity <= quantity), None)
        if at is None:
            raise InvariantViolation(f"more was sold than bought of {entry.intent.lot_id}")
        fill = waiting.pop(at)
        if fill.side is Side.BUY:
            quantity, cost, fees = quantity + fill.quantity, cost + fill.notional, fees + fill.fee
            continue
        paid, charged = (_portion(amount, fill.quantity, quantity) for amount in (cost, fees))
        realized += fill.notional - fill.fee - paid - charged
        quantity, cost, fees = quantity - fill.quantity, cost - paid, fees - charged
    if not entry.fills:
        return None
    intent = entry.intent
    return Lot(
        lot_id=intent.lot_id,
        strategy=intent.strategy,
        product_id=intent.product_id,
        base=intent.base,
        quote=intent.quote,
        quantity=Quantity(quantity),
        cost=Notional(cost),
        entry_fees=Notional(fees),
        opened_at=Instant(min(fill.time for fill in entry.fills)),
        bracket=entry.intent.bracket,
        max_hold_until=entry.intent.max_hold_until,
        realized=Notional(realized),
        peak_price=max(*(fill.price for fill in entry.fills), old.peak_price if old else Price(0)),
    )


def _portion(amount: Decimal, sold: Decimal, held: Decimal) -> Decimal:
    # Rounded, so that every sum over lots and strategies is exact; the last unit takes all that is left.
    return amount if sold == held else floor_to(amount * sold / held, _COST_INCREMENT)


def would_oversell(ledger: Ledger, record: OrderRecord, fill: Fill) -> bool:
    """Whether a sell fill arrived before the buy it belongs to; it is left for a later cycle."""
    if fill.side is Side.BUY:
        return False
    lot = ledger.lots.get(record.intent.lot_id)
    return lot is None or fill.quantity > lot.quantity


def book_dust(ledger: Ledger, lot: Lot) -> Ledger:
    """Write off what is left of a lot below what the venue lets us sell; the quantity joins the asset's dust."""
    left = Dust(lot.strategy, lot.base, lot.quantity, Notional(lot.cost + lot.entry_fees))
    same = (*(each for each in ledger.dust if each.base == lot.base), left)
    dust = Dust(
        strategy=lot.strategy if {each.strategy for each in same} == {lot.strategy} else None,
        base=lot.base,
        quantity=Quantity(sum((each.quantity for each in same), ZERO)),
        cost=Notional(sum((each.cost for each in same), ZERO)),
    )
    others = (each for each in ledger.dust if each.base != lot.base)
    return replace(ledger.with_closed_lot(lot), dust=(*others, dust))
