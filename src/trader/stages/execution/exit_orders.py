"""Orders that close lots, and what is remembered with them: the order that covers a rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trader.model.decisions import Approval, Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Product, Quote
from trader.model.money import BPS, ONE, ZERO, Price, Quantity, ceil_to
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.protection import awaits_bracket
from trader.settings.policy import ExecutionSettings
from trader.stages.execution.context import STAGE, ExecutionContext, name_restrictions, round_sellable
from trader.stages.execution.protection import name_order, plan_protective_order


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """An exit order, or why there is none, and what is to be cancelled at once.

    An exit that is sent takes away what covers its lot in its own turn. ``cover`` is contingent on it: what is placed
    if the sale is refused or leaves a rest. A lot too small to sell loses its protection: then nothing of it is alive,
    and it is swept up as dust. An entry that still buys for a lot that cannot be sold just now ends.
    """

    intent: OrderIntent | None = None
    cover: OrderIntent | None = None
    denial: Denial | None = None
    cancels: tuple[ClientOrderId, ...] = ()


def plan_exit(
    approval: Approval,
    ledger: Ledger,
    context: ExecutionContext,
    rules: ExecutionSettings,
    quiet_seconds: int,
    dust_value_max: Decimal,
    *,
    is_patient: bool = True,
) -> ExitOrder:
    """Sell a lot at once, at a bounded distance below the bid that widens with every try.

    Of a part it is the same, but the rest is protected before, and none is sold while fills of a sale of the lot are
    not listed. Where the book takes no such order, what covers the lot stays; a lot without cover is offered at the
    ask, if the book takes that. A lot is left alone for a while after a refusal, unless the exit is not *patient*. What
    was not shown yet, or may not exist, may have sold the lot already: it is waited for, and an entry that could still
    bring a bracket is ended; one that has bought nothing brings none. An order of a newer release keeps what it may
    sell. Rounding: quantity down, price up.
    """
    proposal, product_id = approval.proposal, approval.proposal.product_id
    lot = ledger.lots[proposal.lot_id] if proposal.lot_id else None
    product, quote = context.products.get(product_id), context.quotes.get(product_id)
    if lot is None or product is None:
        return ExitOrder(denial=proposal.deny(STAGE, DenialCode.PRODUCT_MISSING, product=proposal.product_id))
    if quote is None or quote.is_crossed:
        return ExitOrder(denial=proposal.deny(STAGE, DenialCode.QUOTE_MISSING, product=proposal.product_id))
    records, settled = ledger.orders_of(lot.lot_id), Instant(context.now - quiet_seconds)
    known = [record for record in records if record.is_understood]
    ends = _ids(record for record in known if record.intent.is_entry and record.is_at_venue)
    covers = [record for record in known if record.intent.covers_lot and record.awaits_fills(settled)]
    unseen = any(record.filled > 0 and awaits_bracket(record, ledger, settled) for record in records)
    if unseen or any(each.is_in_doubt for each in covers):
        denial = proposal.deny(STAGE, DenialCode.ORDER_IN_DOUBT, lot=lot.lot_id, unseen="its bracket")
        return ExitOrder(denial=denial, cancels=ends)
    kind = choose_sale(product)
    is_protected = any(each.intent.is_protection for each in covers)
    if (closed := _name_restrictions(product, kind, is_protected=is_protected)) is not None:
        denial = proposal.deny(STAGE, DenialCode.NOT_TRADABLE, lot=lot.lot_id, trading_restrictions=closed)
        return ExitOrder(denial=denial, cancels=ends)
    held = _unsold(lot, known, settled, withheld := ledger.quantity_withheld(lot.lot_id))
    quantity = round_sellable(held, product, quote.bid)
    if quantity <= 0:
        # A lot that only the price of the moment, or an odd row of the product, makes so small is none to be given up.
        is_dust = _is_worth_no_more(lot, quote, dust_value_max) and round_sellable(held, product, lot.entry_price) <= 0
        small = _deny_small(proposal, held, withheld, quote, product)
        return ExitOrder(denial=small, cancels=(*ends, *(_ids(covers) if is_dust and not withheld else ())))
    part, wants_part = _choose_part(approval, lot, held, product, quote), approval.quantity < lot.quantity
    if wants_part and (refusal := _refuse_part(proposal, part, records, quote, product, kind)) is not None:
        return ExitOrder(denial=refusal)
    tally = ledger.lot_tally(lot.lot_id, OrderPurpose.EXIT)
    if is_patient and (waiting := tally.why_wait(context.now)) is not None:
        told = {"lot": lot.lot_id, **waiting.details(context.now)}
        return ExitOrder(denial=proposal.deny(STAGE, DenialCode.REFUSAL_RECENT, **told), cancels=ends)
    order_id, n = name_order(ledger, lot, OrderPurpose.EXIT, context.cycle_id, rules)
    quantity = quantity if part is None else part
    price = price_sale(quote, product, quantity, tally.tries, rules)
    sale = lot.sell(order_id, context.cycle_id, context.now, quantity, price)
    sale = replace(sale, configuration=kind, attempt=tally.tries, n=n, depends_on=_ids(covers))
    sale = replace(sale, reason=proposal.reason, keeps_rest=part is not None)
    return ExitOrder(sale, plan_cover(ledger, lot, sale, product, quote, rules), cancels=ends)


def _name_restrictions(product: Product, kind: OrderConfiguration, *, is_protected: bool) -> str | None:
    """Name what keeps a lot from being sold at once; a protected one is not offered at the ask instead."""
    closed = name_restrictions(product, kind)
    if is_protected and kind is not OrderConfiguration.LIMIT_IOC:
        closed = name_restrictions(product, OrderConfiguration.LIMIT_IOC)
    return ", ".join(closed) or None


def choose_sale(product: Product) -> OrderConfiguration:
    """Choose how to sell at once: by an order that takes what is there; where none may, by one that rests."""
    return OrderConfiguration.POST_ONLY_GTC if product.post_only else OrderConfiguration.LIMIT_IOC


def price_sale(quote: Quote, product: Product, quantity: Quantity, tries: int, rules: ExecutionSettings) -> Price:
    """Bound the price of a sale: below the bid, one step more for each try; at the ask where only makers may trade."""
    if product.post_only:
        return Price(ceil_to(quote.ask, product.price_increment))
    slippage_bps = min(rules.exit_slippage_bps + rules.exit_slippage_step_bps * tries, rules.exit_slippage_bps_max)
    # Near the venue's minimum the slippage gives way: an order worth less than that would be refused, time and again.
    least = product.quote_size_min / quantity
    return Price(ceil_to(max(quote.bid * (ONE - slippage_bps / BPS), least), product.price_increment))


def plan_cover(
    ledger: Ledger, lot: Lot, sale: OrderIntent, product: Product, quote: Quote, rules: ExecutionSettings
) -> OrderIntent | None:
    """Plan what covers the rest that a sale leaves: the protective order again; through the stop, a resting sale.

    It is contingent on the sale, and for the same quantity: for another rest another order is made.
    """
    if sale.configuration is not OrderConfiguration.LIMIT_IOC:
        return None
    if quote.bid <= lot.bracket.stop_price:
        return replace(plan_resting_sale(ledger, sale, product, rules, made=1), contingent_on=sale.client_order_id)
    cover = plan_protective_order(ledger, lot, sale.quantity, product, (sale.cycle_id, sale.decided_at), rules)
    return None if cover is None else replace(cover, contingent_on=sale.client_order_id)


def plan_resting_sale(
    ledger: Ledger, sale: OrderIntent, product: Product, rules: ExecutionSettings, made: int = 0
) -> OrderIntent:
    """Let a sale rest at its bounded price; *made* orders of its kind are planned and not counted yet."""
    lot = ledger.lots[sale.lot_id]
    order_id, n = name_order(ledger, lot, OrderPurpose.EXIT, sale.cycle_id, rules, made)
    kind = OrderConfiguration.POST_ONLY_GTC if product.post_only else OrderConfiguration.LIMIT_GTC
    return replace(sale, client_order_id=order_id, n=n, configuration=kind, depends_on=(), contingent_on=None)


def _deny_small(proposal: TradeProposal, held: Quantity, withheld: Quantity, quote: Quote, product: Product) -> Denial:
    if withheld > 0:
        return proposal.deny(STAGE, DenialCode.LEDGER_NEWER, lot=str(proposal.lot_id), quantity=withheld)
    return proposal.deny(
        STAGE, DenialCode.NOTIONAL_BELOW_MIN, quantity=held, price=quote.bid, min=product.quote_size_min
    )


def _choose_part(approval: Approval, lot: Lot, held: Quantity, product: Product, quote: Quote) -> Quantity | None:
    """Return how much of a lot is to be sold; None for all of it, as where the rest could not be protected."""
    if approval.quantity >= min(lot.quantity, held):
        return None
    part = round_sellable(approval.quantity, product, quote.bid)
    rest = Quantity(held - part)
    if round_sellable(rest, product, lot.bracket.stop_price, lot.bracket.target_price) <= 0:
        return None
    return part


def _refuse_part(
    proposal: TradeProposal,
    part: Quantity | None,
    records: Iterable[OrderRecord],
    quote: Quote,
    product: Product,
    kind: OrderConfiguration,
) -> Denial | None:
    """Say why no part is sold now, of which nothing is urgent; *part* is None where all of the lot goes with it."""
    if (unlisted := _find_unlisted(records)) is not None:
        return proposal.deny(STAGE, DenialCode.ORDER_WORKING, lot=str(proposal.lot_id), unlisted=unlisted)
    if part is None:
        return None
    if part <= 0:
        told = {"quantity": proposal.quantity or ZERO, "price": quote.bid, "min": product.quote_size_min}
        return proposal.deny(STAGE, DenialCode.NOTIONAL_BELOW_MIN, **told)
    if kind is not OrderConfiguration.LIMIT_IOC:
        return proposal.deny(STAGE, DenialCode.NOT_TRADABLE, trading_restrictions=f"no {kind.value} of a part")
    return None


def _is_worth_no_more(lot: Lot, quote: Quote, most: Decimal) -> bool:
    return max(lot.cost, lot.quantity * quote.bid) <= most


def _unsold(lot: Lot, records: Iterable[OrderRecord], settled: Instant, withheld: Quantity) -> Quantity:
    # What a finished exit reports and nobody lists is waited for no longer than that; it is not sold again.
    sells = (each for each in records if each.intent.side is Side.SELL and not each.awaits_fills(settled))
    sold = sum((each.unreported_quantity for each in sells), ZERO)
    return Quantity(max(lot.quantity - sold - withheld, ZERO))


def _find_unlisted(records: Iterable[OrderRecord]) -> ClientOrderId | None:
    """Name a sale that has sold what is still in the lot: whoever chose how much to sell did not know of it."""
    sales = (each for each in records if each.intent.side is Side.SELL and each.unreported_quantity > 0)
    return next((each.intent.client_order_id for each in sales), None)


def _ids(records: Iterable[OrderRecord]) -> tuple[ClientOrderId, ...]:
    return tuple(record.intent.client_order_id for record in records)
