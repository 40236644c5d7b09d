"""Orders that close lots: exits, and the brackets that protect what is held."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from trader.model.decisions import Approval, Denial
from trader.model.denials import DenialCode
from trader.model.ids import ClientOrderId, Instant, client_order_id
from trader.model.ledger import Ledger, Lot
from trader.model.market import Product
from trader.model.money import BPS, ONE, ZERO, Price, Quantity, ceil_to
from trader.model.orders import OrderIntent, OrderPurpose, OrderRecord, Side
from trader.settings.policy import ExecutionSettings
from trader.stages.execution.context import STAGE, ExecutionContext, round_sellable


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """An exit order, or why there is none, and what is to be cancelled at once.

    An exit that is sent takes its brackets away itself, in its own turn. A lot too small to sell loses its bracket too:
    then nothing of it is alive, and it is swept up as dust. An entry that still buys for the lot ends, either way.
    """

    intent: OrderIntent | None = None
    denial: Denial | None = None
    cancels: tuple[ClientOrderId, ...] = ()


def plan_exit(
    approval: Approval, ledger: Ledger, context: ExecutionContext, rules: ExecutionSettings, quiet_seconds: int
) -> ExitOrder:
    """Sell a lot at once, at a bounded distance below the bid that widens with every attempt.

    The order may leave only when the lot's brackets are over. One that the venue has not shown yet, or of which we do
    not know whether it exists, may have sold the lot already: it is waited for, and an entry that could still bring
    one is ended. Rounding: quantity down, price up.
    """
    proposal = approval.proposal
    lot = ledger.lots[proposal.lot_id] if proposal.lot_id else None
    product = context.products.get(proposal.product_id)
    quote = context.quotes.get(proposal.product_id)
    if lot is None or product is None:
        return ExitOrder(denial=proposal.deny(STAGE, DenialCode.PRODUCT_MISSING, product=proposal.product_id))
    if quote is None or quote.is_crossed:
        return ExitOrder(denial=proposal.deny(STAGE, DenialCode.QUOTE_MISSING, product=proposal.product_id))
    records, settled = ledger.orders_of(lot.lot_id), Instant(context.now - quiet_seconds)
    ends = _ids(record for record in records if record.intent.is_entry and _at_venue(record))
    brackets = [record for record in records if record.intent.is_protection and record.awaits_fills(settled)]
    awaited = any(_awaits_bracket(record, ledger, settled) for record in records)
    if awaited or any(record.is_in_doubt for record in brackets):
        denial = proposal.deny(STAGE, DenialCode.ORDER_IN_DOUBT, lot=lot.lot_id, unseen="its bracket")
        return ExitOrder(denial=denial, cancels=ends)
    held = _unsold(lot, records, settled)
    quantity = round_sellable(held, product, quote.bid)
    if quantity <= 0:
        denial = proposal.deny(
            STAGE, DenialCode.NOTIONAL_BELOW_MIN, quantity=held, price=quote.bid, min=product.quote_size_min
        )
        return ExitOrder(denial=denial, cancels=(*ends, *_ids(brackets)))
    attempt = count_exit_attempts(ledger, lot)
    order_id = _order_id(context, rules, lot, OrderPurpose.EXIT, ledger, attempt)
    price = _limit_price(quote.bid, product, quantity, attempt, rules)
    intent = replace(
        lot.sell(order_id, context.cycle_id, context.now, quantity, price),
        attempt=attempt,
        depends_on=_ids(brackets),
        reason=proposal.reason,
    )
    return ExitOrder(intent, cancels=ends)


def _unsold(lot: Lot, records: Iterable[OrderRecord], settled: Instant) -> Quantity:
    # What a finished exit reports and nobody lists is waited for no longer than that; it is not sold again.
    sells = (each for each in records if each.intent.side is Side.SELL and not each.awaits_fills(settled))
    sold = sum((each.unreported_quantity for each in sells), ZERO)
    return Quantity(max(lot.quantity - sold, ZERO))


def _limit_price(bid: Price, product: Product, quantity: Quantity, attempt: int, rules: ExecutionSettings) -> Price:
    slippage_bps = min(rules.exit_slippage_bps + rules.exit_slippage_step_bps * attempt, rules.exit_slippage_bps_max)
    # Near the venue's minimum the slippage gives way: an order worth less than that would be refused, time and again.
    least = product.quote_size_min / quantity
    return Price(ceil_to(max(bid * (ONE - slippage_bps / BPS), least), product.price_increment))


def _at_venue(record: OrderRecord) -> bool:
    return record.venue_order_id is not None and not record.status.is_final


def _ids(records: Iterable[OrderRecord]) -> tuple[ClientOrderId, ...]:
    return tuple(record.intent.client_order_id for record in records)


def count_exit_attempts(ledger: Ledger, lot: Lot) -> int:
    """Count the exits of this lot that are over and left something unsold; one that was never sent was no attempt."""
    return sum(
        record.intent.is_exit and record.status.is_final and not record.status.is_unseen
        for record in ledger.orders_of(lot.lot_id)
    )


def plan_protection(
    ledger: Ledger,
    context: ExecutionContext,
    rules: ExecutionSettings,
    quiet_seconds: int,
    exiting: Collection[ClientOrderId],
) -> list[OrderIntent]:
    """Make a bracket for every lot, or part of one, that no active order at the venue protects and no exit sells.

    Below its stop or above its target a lot gets no bracket: the exit engine sells it this very cycle.
    """
    settled = Instant(context.now - quiet_seconds)
    orders = []
    for lot in sorted(ledger.lots.values(), key=lambda each: each.lot_id):
        product, quote = context.products.get(lot.product_id), context.quotes.get(lot.product_id)
        if lot.lot_id in exiting or product is None or quote is None or quote.is_crossed:
            continue
        if not lot.bracket.is_around(quote.bid):
            continue
        bracket = lot.bracket
        quantity = round_sellable(
            compute_unprotected(ledger, lot, settled), product, bracket.stop_price, bracket.target_price
        )
        if quantity > 0:
            order_id = _order_id(context, rules, lot, OrderPurpose.PROTECTION, ledger, 0)
            increment = product.price_increment
            orders.append(lot.protect(order_id, context.cycle_id, context.now, quantity, increment))
    return orders


def compute_unprotected(ledger: Ledger, lot: Lot, settled: Instant) -> Quantity:
    """Return how much of a lot neither an active protective or exit order, nor its entry's own bracket, covers.

    An order in doubt covers: sending a second one would be worse than waiting. What was over by *settled* the venue
    has had its time to show.
    """
    covered = ZERO
    for record in ledger.orders_of(lot.lot_id):
        if record.intent.side is Side.SELL and record.is_active:
            covered += record.remaining
        elif _awaits_bracket(record, ledger, settled):
            return Quantity(0)
    return Quantity(max(lot.quantity - covered, ZERO))


def _awaits_bracket(record: OrderRecord, ledger: Ledger, settled: Instant) -> bool:
    """Whether this is an attached entry whose bracket the venue has not shown us yet, and still may.

    Listings lag: next to a bracket not yet listed, a second one or an exit could sell coins of the account's owner.
    Once the entry itself is over, a quiet period ends the wait, whatever fills of it are still to come.
    """
    if not record.intent.is_entry or not record.intent.attach_bracket:
        return False
    if any(other.intent.is_attached for other in ledger.orders_of(record.intent.lot_id)):
        return False
    return not record.status.is_final or record.final_at is None or record.final_at > settled


def _order_id(
    context: ExecutionContext, rules: ExecutionSettings, lot: Lot, purpose: OrderPurpose, ledger: Ledger, attempt: int
) -> ClientOrderId:
    return client_order_id(
        rules.order_prefix,
        ledger.scope,
        context.cycle_id,
        lot.strategy,
        lot.product_id,
        Side.SELL,
        f"{purpose}:{lot.lot_id}",
        attempt,
    )
