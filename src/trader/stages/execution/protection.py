"""What protects lots at the venue: which are uncovered, and the order that covers them."""

from __future__ import annotations

from collections.abc import Collection

from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, CycleId, Instant, client_order_id
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Product
from trader.model.money import ZERO, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord, compute_left
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.protection import awaits_bracket
from trader.settings.policy import ExecutionSettings
from trader.stages.execution.context import ExecutionContext, name_restrictions, round_sellable

#: Why an order protects that comes in the place of one with a lower stop.
RAISED = "raised stop"
#: So long after a new stop was refused it is tried again.
_RETRY_SECONDS = 3600


def plan_protection(
    ledger: Ledger,
    context: ExecutionContext,
    rules: ExecutionSettings,
    quiet_seconds: int,
    exiting: Collection[ClientOrderId],
) -> list[OrderIntent]:
    """Protect every lot, or part of one, that no active order at the venue protects and no exit sells.

    A lot whose stop was raised gets an order in place of those with the stop of before, which it depends on, as on the
    children that would go on buying under them.
    Below its stop or above its target a lot gets no bracket: the exit engine sells it this very cycle. Without a quote
    nobody knows, and it is tried. After a refusal it is left for a while, as is a lot whose book takes no order.
    """
    settled = Instant(context.now - quiet_seconds)
    orders = []
    for lot in sorted(ledger.lots.values(), key=lambda each: each.lot_id):
        product, quote = context.products.get(lot.product_id), context.quotes.get(lot.product_id)
        if lot.lot_id in exiting or product is None or name_restrictions(product, OrderConfiguration.BRACKET_GTC):
            continue
        if quote is not None and not quote.is_crossed and not lot.bracket.is_around(quote.bid):
            continue
        if ledger.lot_tally(lot.lot_id, OrderPurpose.PROTECTION).why_wait(context.now) is not None:
            continue
        outdated = find_outdated(ledger, lot, context.now, settled)
        replaced = (compute_left(each, ledger.orders_of(lot.lot_id)) for each in outdated)
        unsold = sum(replaced, compute_uncovered(ledger, lot, settled))
        decided = (context.cycle_id, context.now)
        order = plan_protective_order(ledger, lot, Quantity(unsold), product, decided, rules)
        if order is not None and outdated:
            before = (*_find_buying(ledger, lot), *outdated)
            names = tuple(each.intent.client_order_id for each in before)
            order = replace(order, depends_on=names, reason=RAISED)
        orders += [order] if order is not None else []
    return orders


def find_outdated(ledger: Ledger, lot: Lot, now: Instant, settled: Instant) -> tuple[OrderRecord, ...]:
    """Find the orders at the venue that protect a lot with a lower stop than it has by now.

    One of ours that is younger than its stop stands where the venue refused the new one: that is tried again hourly.
    """
    changed_at = lot.stop_changed_at
    if changed_at is None:
        return ()
    records = ledger.orders_of(lot.lot_id)
    if any(record.filled > 0 and awaits_bracket(record, ledger, settled) for record in records):
        return ()
    return tuple(
        record
        for record in records
        if record.intent.is_protection
        and record.is_at_venue
        and record.is_understood
        and record.status is not OrderStatus.CANCEL_QUEUED
        and record.intent.stop_price is not None
        and record.intent.stop_price < lot.bracket.stop_price
        and not _stands_refused(record.intent, changed_at, now)
    )


def _stands_refused(intent: OrderIntent, changed_at: Instant, now: Instant) -> bool:
    """Whether an order has the old stop as the venue refused the new one lately; a bracket has it from its entry."""
    return not intent.is_attached and intent.decided_at >= changed_at and now - intent.decided_at < _RETRY_SECONDS


def _find_buying(ledger: Ledger, lot: Lot) -> tuple[OrderRecord, ...]:
    entries = (each for each in ledger.orders_of(lot.lot_id) if each.intent.is_entry and each.intent.attach_bracket)
    return tuple(each for each in entries if each.is_at_venue and each.is_understood)


def plan_protective_order(
    ledger: Ledger,
    lot: Lot,
    quantity: Quantity,
    product: Product,
    decided: tuple[CycleId, Instant],
    rules: ExecutionSettings,
) -> OrderIntent | None:
    """Plan the order that protects so much of a lot; None if that is too little for the venue."""
    run_id, now = decided
    bracket = lot.bracket
    sellable = round_sellable(quantity, product, bracket.stop_price, bracket.target_price)
    if sellable <= 0:
        return None
    order_id, n = name_order(ledger, lot, OrderPurpose.PROTECTION, run_id, rules)
    return lot.protect(order_id, run_id, now, sellable, product.price_increment, n)


def name_order(
    ledger: Ledger, lot: Lot, purpose: OrderPurpose, run_id: CycleId, rules: ExecutionSettings, made: int = 0
) -> tuple[ClientOrderId, int]:
    """Name the next order of a lot for this purpose, and number it; *made* are planned and not counted yet."""
    n = ledger.lot_tally(lot.lot_id, purpose).made + made
    return client_order_id(rules.order_prefix, ledger.scope, run_id, lot.lot_id, purpose, n), n


def compute_uncovered(ledger: Ledger, lot: Lot, settled: Instant) -> Quantity:
    """Return how much of a lot neither an active protective or exit order, nor its entry's own bracket, covers.

    An order in doubt covers: sending a second one would be worse than waiting. What was over by *settled* the venue
    has had its time to show. A bracket that is not shown yet covers what its own entry bought, and nothing else.
    """
    covered, records = ZERO, ledger.orders_of(lot.lot_id)
    for record in records:
        if record.intent.side is Side.SELL and record.is_active:
            covered += compute_left(record, records)
        elif awaits_bracket(record, ledger, settled):
            covered += record.filled
    return Quantity(max(lot.quantity - covered, ZERO))


def find_exposed(ledger: Ledger, now: Instant, quiet_seconds: int) -> tuple[ClientOrderId, ...]:
    """Name the lots that are neither covered nor being sold, as far as the venue could sell what is left of them.

    An immediate sale that was taken, and is not over after the quiet period, sells nothing any more as far as we know.
    """
    products = ledger.known_products
    settled = Instant(now - quiet_seconds)
    exposed = []
    for lot_id, lot in sorted(ledger.lots.items()):
        uncovered, product = compute_uncovered(ledger, lot, settled), products.get(lot.product_id)
        uncovered = Quantity(uncovered + sum((each.remaining for each in _overdue(ledger, lot_id, settled)), ZERO))
        if uncovered <= 0:
            continue
        if product is None or round_sellable(uncovered, product, lot.bracket.stop_price) > 0:
            exposed.append(lot_id)
    return tuple(exposed)


def _overdue(ledger: Ledger, lot_id: ClientOrderId, settled: Instant) -> list[OrderRecord]:
    return [
        record
        for record in ledger.orders_of(lot_id)
        if record.intent.is_exit
        and record.intent.configuration is OrderConfiguration.LIMIT_IOC
        and record.is_at_venue
        and record.intent.decided_at <= settled
    ]


def why_exposed(ledger: Ledger, lot_id: ClientOrderId, now: Instant, quiet_seconds: int) -> str:
    """Say why nothing covers a lot, as far as the ledger knows."""
    for record in _overdue(ledger, lot_id, Instant(now - quiet_seconds)):
        return f"its sale {record.intent.client_order_id} was taken and the venue does not end it: {record.status}"
    for purpose in (OrderPurpose.PROTECTION, OrderPurpose.EXIT):
        if (waiting := ledger.lot_tally(lot_id, purpose).why_wait(now)) is not None:
            return f"refused {waiting.count} times: {waiting.reason}; the next try is due in {waiting.until - now} s"
    products = ledger.known_products
    product = products.get(ledger.lots[lot_id].product_id)
    if product is None:
        return "its product is not known"
    closed = name_restrictions(product, OrderConfiguration.BRACKET_GTC)
    return f"the venue takes no order now: {', '.join(closed)}" if closed else "no order for it is at the venue"
