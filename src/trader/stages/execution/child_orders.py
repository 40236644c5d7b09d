"""How a parent is worked: one child order at a time, as a maker first, and what ends it or lets it sleep."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from trader.model.costs import hurdle_pct, round_trip_ratio
from trader.model.decisions import Denial, Detail
from trader.model.denials import DenialCode
from trader.model.edges import EdgeSource
from trader.model.ids import Asset, ClientOrderId, Instant, StrategyId, client_order_id, is_tick_id
from trader.model.ledger import Ledger
from trader.model.market import Product, Quote
from trader.model.money import ONE, ZERO, Price, Quantity, floor_to
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.parent_life import ParentEnd, ParentState, ParentStyle
from trader.model.parents import ParentOrder, name_wish
from trader.model.tallies import OrderTally, name_tally_for
from trader.settings import Settings
from trader.stages.execution.context import STAGE, ExecutionContext, name_restrictions
from trader.stages.execution.funding import BuyingPower
from trader.stages.execution.parent_orders import floor_quantity

_TICK_SECONDS = 60
_DOUBTFUL = (OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.ABANDONED)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What is sold in this plan, so that no parent buys it: lots, and assets by the strategy that sells them."""

    lots: Collection[ClientOrderId] = ()
    bases: Collection[tuple[StrategyId, Asset]] = ()


@dataclass(frozen=True, slots=True)
class Worked:
    """What a run makes of one parent: its new state, the child to cancel or to send, or why there is none."""

    parent: ParentOrder
    cancels: tuple[ClientOrderId, ...] = ()
    child: OrderIntent | None = None
    denial: Denial | None = None


def work_parent(
    parent: ParentOrder,
    ledger: Ledger,
    context: ExecutionContext,
    settings: Settings,
    buying_power: BuyingPower,
    resting: Denial | None,
    leaving: Leaving,
    *,
    ends_by_command: bool,
) -> Worked:
    """Work a parent as far as it goes in one run. *resting* says why nothing may be bought just now.

    A child on the book is left there until its time is over, unless the bid has left it behind for
    ``execution.reprice_seconds``, or more is on the book than is wanted. The next one follows when the last one is over
    and booked: it never is beside it. One that was given up after a doubt may be there all the same, as long as it is
    remembered.
    """
    children = [each for each in ledger.orders_of(parent.parent_id) if _may_fill(each)]
    quote = context.quotes.get(parent.product_id)
    end = _find_end(parent, context, quote, resting, leaving, ends_by_command=ends_by_command)
    if end is not None:
        return Worked(parent.turn(ParentState.ENDING, end), _ids(children), denial=_deny_more(parent, end))
    if resting is not None:
        return Worked(parent.turn(ParentState.SLEEPING), _ids(children), denial=resting)
    parent = parent.turn(ParentState.WORKING)
    if children:
        moved = _find_moved(children, parent, context, settings)
        return Worked(parent, _ids(moved), denial=_deny_second(parent, children))
    if _is_too_little(parent, context, settings):
        end = ParentEnd.BELOW_MINIMUM
        return Worked(parent.turn(ParentState.ENDING, end), denial=_deny_more(parent, end))
    child = plan_child(parent, ledger, context, settings, buying_power)
    return Worked(parent, denial=child) if isinstance(child, Denial) else Worked(parent, child=child)


def _find_end(
    parent: ParentOrder,
    context: ExecutionContext,
    quote: Quote | None,
    resting: Denial | None,
    leaving: Leaving,
    *,
    ends_by_command: bool,
) -> ParentEnd | None:
    if ends_by_command:
        return ParentEnd.COMMAND
    if parent.parent_id in leaving.lots:
        return ParentEnd.SOLD
    if (parent.strategy, parent.base) in leaving.bases:
        return ParentEnd.OPPOSED
    if resting is not None and resting.code is DenialCode.REGIME_CRASH:
        return ParentEnd.CRASH
    if context.now >= min(parent.give_up_at, parent.max_hold_until or parent.give_up_at):
        return ParentEnd.GAVE_UP
    if quote is not None and not quote.is_crossed and not parent.bracket.is_around(quote.bid):
        return ParentEnd.PRICE_REACHED
    return None


def _may_fill(child: OrderRecord) -> bool:
    return child.intent.is_entry and (child.is_active or child.status is OrderStatus.ABANDONED)


def _deny_second(parent: ParentOrder, children: Sequence[OrderRecord]) -> Denial:
    """Say which child is waited for; of several one in doubt."""
    child = min(children, key=lambda each: each.status not in _DOUBTFUL)
    code = DenialCode.ORDER_IN_DOUBT if child.status in _DOUBTFUL else DenialCode.ORDER_WORKING
    return deny(parent, code, order=child.intent.client_order_id, status=child.status.value)


def _deny_more(parent: ParentOrder, end: ParentEnd) -> Denial:
    """Say why a parent gets no child any more."""
    return deny(parent, DenialCode.PARENT_ENDING, end=end.value, filled=parent.filled, quantity=parent.quantity)


def _find_moved(
    children: Sequence[OrderRecord], parent: ParentOrder, context: ExecutionContext, settings: Settings
) -> list[OrderRecord]:
    """Find the children to be taken off the book: the newest of more than is wanted, and what the bid left behind."""
    moved, kept = [], ZERO
    for child in sorted(children, key=lambda each: (each.intent.decided_at, each.intent.client_order_id)):
        kept += child.remaining
        if kept > parent.quantity_left or _is_left_behind(child, parent, context, settings):
            moved.append(child)
    return moved


def _is_left_behind(child: OrderRecord, parent: ParentOrder, context: ExecutionContext, settings: Settings) -> bool:
    intent, quote = child.intent, context.entry_quotes.get(parent.product_id)
    if quote is None or intent.configuration is not OrderConfiguration.POST_ONLY_GTD:
        return False
    product = context.products.get(parent.product_id)
    price = quote.bid if product is None else floor_to(quote.bid, product.price_increment)
    # A tick follows the market with whatever is a minute old; the looks between them only with what has rested longer.
    age, waits = context.now - intent.decided_at, settings.execution.reprice_seconds
    is_due = age >= min(waits, _TICK_SECONDS if is_tick_id(context.cycle_id) else waits)
    return is_due and intent.limit_price < price <= parent.price_max


def _is_too_little(parent: ParentOrder, context: ExecutionContext, settings: Settings) -> bool:
    """Whether what is left is no purchase worth making, or none that the venue takes, at the most that may be paid."""
    product = context.products.get(parent.product_id)
    if product is None or parent.filled <= 0:
        return False
    left = floor_to(parent.quantity_left, product.base_increment)
    least = max(product.quote_size_min, settings.risk.notional_min)
    return left < product.base_size_min or left * parent.price_max < least


def plan_child(
    parent: ParentOrder, ledger: Ledger, context: ExecutionContext, settings: Settings, buying_power: BuyingPower
) -> OrderIntent | Denial:
    """Plan the next child: post-only at the best bid; after its tries, if the style may, at a bounded taker price.

    Rounding: quantity down, price down. It never is for more than the parent has left.
    """
    product, quote = context.products.get(parent.product_id), context.entry_quotes.get(parent.product_id)
    if (waiting := _find_tally(parent, ledger).why_wait(context.now)) is not None:
        return deny(parent, DenialCode.REFUSAL_RECENT, **waiting.details(context.now))
    if product is None:
        return deny(parent, DenialCode.PRODUCT_MISSING, product=parent.product_id)
    if quote is None:
        return deny(parent, DenialCode.QUOTE_MISSING, product=parent.product_id)
    refusal = _refuse_taking(parent, quote, context, settings)
    takes = refusal is None
    if refusal is not None and parent.style is ParentStyle.TAKER:
        return refusal
    price = Price(floor_to(parent.price_max if takes else quote.bid, product.price_increment))
    if price > parent.price_max:
        return deny(parent, DenialCode.PRICE_EXCEEDS_BAND, bid=quote.bid, limit=parent.price_max)
    kind = OrderConfiguration.LIMIT_IOC if takes else OrderConfiguration.POST_ONLY_GTD
    if closed := name_restrictions(product, kind):
        return deny(parent, DenialCode.NOT_TRADABLE, trading_restrictions=", ".join(closed))
    fee_rate = context.fees.taker if takes else context.fees.maker
    spend = min(parent.quantity_left * price, buying_power.find_spendable(parent) / (ONE + fee_rate))
    quantity = floor_quantity(spend, price, product)
    if quantity <= 0:
        return deny(parent, DenialCode.NOTIONAL_BELOW_MIN, notional=spend, min=product.quote_size_min)
    child = _make_child(parent, ledger, context, settings, product, kind, price, quantity)
    if child.bracket is None or not child.bracket.is_around(price):
        stop, target = parent.bracket.stop_price, parent.bracket.target_price or "none"
        return deny(parent, DenialCode.PROPOSAL_INVALID, price=price, stop=stop, target=target)
    buying_power.spend(parent, child.cost_max)
    return child


def _make_child(
    parent: ParentOrder,
    ledger: Ledger,
    context: ExecutionContext,
    settings: Settings,
    product: Product,
    kind: OrderConfiguration,
    price: Price,
    quantity: Quantity,
) -> OrderIntent:
    rules, n = settings.execution, _find_tally(parent, ledger).made
    ttl = rules.entry_ttl_cycles * settings.cycle.period_seconds
    takes = kind is OrderConfiguration.LIMIT_IOC
    # The increments may be others by now than when the parent was opened.
    bracket = parent.bracket.ceil_to(product.price_increment)
    return OrderIntent(
        client_order_id=client_order_id(
            rules.order_prefix, ledger.scope, context.cycle_id, parent.parent_id, OrderPurpose.ENTRY, n
        ),
        cycle_id=context.cycle_id,
        strategy=parent.strategy,
        product_id=parent.product_id,
        base=parent.base,
        quote=parent.quote,
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=kind,
        quantity=quantity,
        limit_price=price,
        lot_id=parent.parent_id,
        decided_at=context.now,
        attempt=parent.tries,
        n=n,
        expires_at=None if takes else min(Instant(context.scheduled_at + ttl), _find_last(parent, context, settings)),
        bracket=bracket,
        attach_bracket=rules.attach_brackets and bracket.target_price is not None,
        max_hold_until=parent.max_hold_until,
        fee_rate_max=context.fees.taker if takes else context.fees.maker,
        reason=parent.reason,
    )


def _find_last(parent: ParentOrder, context: ExecutionContext, settings: Settings) -> Instant:
    """Find until when a child may rest: a style that may take keeps the last period for that, if it is not all."""
    period = settings.cycle.period_seconds
    last = Instant(parent.give_up_at - period)
    return last if parent.style.may_take and last >= context.scheduled_at + period else parent.give_up_at


def _find_tally(parent: ParentOrder, ledger: Ledger) -> OrderTally:
    """Find what became of the orders for the same wish, those of earlier parents included."""
    return ledger.tally(name_tally_for(name_wish(parent.strategy, parent.base), OrderPurpose.ENTRY))


def deny(parent: ParentOrder, code: DenialCode, **details: Detail) -> Denial:
    """Say why a parent gets no child just now, with the numbers."""
    return Denial(parent.product_id, code, STAGE, {"parent": parent.parent_id, **details}, parent.strategy)


def _refuse_taking(parent: ParentOrder, quote: Quote, context: ExecutionContext, settings: Settings) -> Denial | None:
    """Say why the next child must not take what is on the book; None if it may."""
    tries_left = settings.execution.max_reprices + 1 - parent.tries
    if parent.tries > 0 and parent.give_up_at - context.now <= settings.cycle.period_seconds:
        tries_left = 0  # there is no time to rest once more
    if parent.style is not ParentStyle.TAKER and (parent.style is ParentStyle.PASSIVE or tries_left > 0):
        return deny(parent, DenialCode.ORDER_WORKING, tries=parent.tries)
    if quote.ask > parent.price_max:
        return deny(parent, DenialCode.PRICE_EXCEEDS_BAND, ask=quote.ask, limit=parent.price_max)
    product = context.products.get(parent.product_id)
    if product is None or not parent.bracket.ceil_to(product.price_increment).is_around(parent.price_max):
        return deny(parent, DenialCode.PROPOSAL_INVALID, price=parent.price_max, stop=parent.bracket.stop_price)
    cost = round_trip_ratio(context.fees, quote, settings.costs.slippage_bps, entry_takes=True)
    hurdle = hurdle_pct(cost, parent.edge_multiple)
    if parent.edge_source is EdgeSource.NONE or parent.edge_pct > hurdle:
        return None
    return deny(parent, DenialCode.EDGE_BELOW_COST, edge_pct=parent.edge_pct, hurdle_pct=hurdle, liquidity="TAKER")


def _ids(records: Iterable[OrderRecord]) -> tuple[ClientOrderId, ...]:
    return tuple(each.intent.client_order_id for each in records if each.is_at_venue and each.is_understood)
