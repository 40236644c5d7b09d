"""Orders that open lots: maker first, taker last, always with a stop and a target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from trader.model.converts import ConvertIntent
from trader.model.costs import expected_edge_pct, hurdle_pct, round_trip_ratio
from trader.model.decisions import Approval, Denial, Numbers, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.facts import Candidate
from trader.model.ids import Instant, client_order_id
from trader.model.ledger import Ledger
from trader.model.market import Product
from trader.model.money import BPS, HUNDRED, ONE, Notional, Price, Quantity, ceil_to, floor_to
from trader.model.orders import Bracket, Leg, OrderIntent, OrderKind, OrderStatus, Side
from trader.model.settings import Settings
from trader.stages.execution.market import Market, refused
from trader.stages.execution.purse import Purse

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry order, with the conversion that pays for it and the cut it suffered, if any."""

    intent: OrderIntent
    convert: ConvertIntent | None = None
    trim: Trim | None = None


@dataclass(frozen=True, slots=True)
class _Terms:
    """What was settled before an entry is written down: where, at what price, how much, at which fee, which try."""

    book: Product
    price: Price
    quantity: Quantity
    fee_rate: Decimal
    attempt: int
    takes: bool


def entry_order(approval: Approval, ledger: Ledger, market: Market, settings: Settings, purse: Purse) -> Entry | Denial:
    """Buy what was approved: post-only at the best bid; after too many tries unfilled, at a bounded taker price.

    Rounding: quantity down, price down, stop and target up. The notional never exceeds what was approved.
    """
    proposal = approval.proposal
    candidate = market.candidates.get(proposal.product_id)
    if candidate is None:
        return refused(proposal, DenialCode.PRODUCT_MISSING, {"product": proposal.product_id})
    attempt = unfilled_entries(ledger, proposal, market.now, settings)
    takes = attempt > settings.execution.max_reprices
    if takes and (denial := _refuse_taking(proposal, candidate, market, settings, attempt)):
        return denial
    price = _limit_price(candidate, settings, takes=takes)
    if takes and price < candidate.quote.ask:
        numbers: Numbers = {"ask": candidate.quote.ask, "limit": price}
        return refused(proposal, DenialCode.PRICE_EXCEEDS_BAND, numbers)
    fee_rate = market.fees.taker if takes else market.fees.maker
    cost = Notional(approval.notional * (ONE + fee_rate))
    funding = purse.fund(candidate.books, cost)
    if funding is None:
        return refused(proposal, DenialCode.QUOTE_ASSET_MISSING, {"cost": cost})
    cut = DenialCode.CAPITAL_EXCEEDED if funding.amount < cost else None
    spend = funding.amount / (ONE + fee_rate) if cut else Decimal(approval.notional)
    if spend > (venue_max := _venue_max(funding.book, price)):
        cut, spend = DenialCode.NOTIONAL_EXCEEDS_MAX, venue_max
    quantity = _quantity(spend, price, funding.book)
    if quantity <= 0:
        numbers = {"notional": spend, "min": funding.book.quote_size_min, "approved": approval.notional}
        return refused(proposal, cut or DenialCode.NOTIONAL_BELOW_MIN, numbers)
    terms = _Terms(funding.book, price, quantity, fee_rate, attempt, takes)
    intent = _intent(proposal, terms, ledger, market, settings)
    convert = purse.spend(funding, intent.cost_max)
    if convert is not None:
        intent = replace(intent, after=(convert.convert_id,))
    return Entry(intent, convert, Trim(proposal, intent.notional, cut) if cut else None)


def unfilled_entries(ledger: Ledger, proposal: TradeProposal, now: Instant, settings: Settings) -> int:
    """Count this strategy's entries into this asset that ended unfilled, back to the last one that filled.

    One that never reached the venue was no try.
    """
    window = settings.execution.chase_memory_cycles * settings.cycle.period_seconds
    records = sorted(
        (
            record
            for record in ledger.orders.values()
            if record.intent.leg is Leg.ENTRY
            and record.intent.strategy == proposal.strategy
            and record.intent.base == proposal.base
            and record.status.is_terminal
            and record.status is not OrderStatus.LAPSED
            and now - record.intent.decided_at <= window
        ),
        key=lambda record: record.intent.decided_at,
        reverse=True,
    )
    count = 0
    for record in records:
        if record.filled_claimed > 0:
            break
        count += 1
    return count


def _refuse_taking(
    proposal: TradeProposal, candidate: Candidate, market: Market, settings: Settings, attempt: int
) -> Denial | None:
    limit = settings.execution.max_reprices + 1
    if attempt > limit:
        return refused(proposal, DenialCode.REPRICES_EXCEED_MAX, {"attempts": attempt, "limit": limit})
    edge = expected_edge_pct(proposal.take_profit_pct, proposal.stop_loss_pct, proposal.hit_ratio)
    costs = settings.costs
    cost = round_trip_ratio(market.fees, candidate.quote, costs.slippage_bps, entry_takes=True)
    hurdle = hurdle_pct(cost, proposal.edge_multiple)
    if edge <= hurdle:
        return refused(proposal, DenialCode.EDGE_BELOW_COST, {"edge_pct": edge, "hurdle_pct": hurdle, "as": "taker"})
    return None


def _limit_price(candidate: Candidate, settings: Settings, *, takes: bool) -> Price:
    quote, increment = candidate.quote, candidate.product.price_increment
    if not takes:
        return Price(floor_to(quote.bid, increment))
    slippage_bps = settings.universe.tiers[candidate.tier].slippage_bps_max
    return Price(floor_to(quote.mid * (ONE + slippage_bps / BPS), increment))


def _venue_max(book: Product, price: Price) -> Decimal:
    return min(Decimal(book.quote_size_max), book.base_size_max * price)


def _quantity(spend: Decimal, price: Price, book: Product) -> Quantity:
    quantity = floor_to(spend / price, book.base_increment)
    if quantity < book.base_size_min or quantity * price < book.quote_size_min:
        return Quantity(0)
    return Quantity(quantity)


def _intent(proposal: TradeProposal, terms: _Terms, ledger: Ledger, market: Market, settings: Settings) -> OrderIntent:
    rules, book = settings.execution, terms.book
    order_id = client_order_id(
        rules.order_prefix,
        ledger.scope,
        market.cycle_id,
        proposal.strategy,
        book.product_id,
        Side.BUY,
        Leg.ENTRY,
        terms.attempt,
    )
    ttl = rules.entry_ttl_cycles * settings.cycle.period_seconds
    return OrderIntent(
        client_order_id=order_id,
        cycle_id=market.cycle_id,
        strategy=proposal.strategy,
        product_id=book.product_id,
        base=book.base,
        quote=book.quote,
        side=Side.BUY,
        leg=Leg.ENTRY,
        kind=OrderKind.LIMIT_IOC if terms.takes else OrderKind.POST_ONLY_GTD,
        quantity=terms.quantity,
        limit_price=terms.price,
        lot_id=order_id,
        decided_at=market.now,
        attempt=terms.attempt,
        expires_at=None if terms.takes else Instant(market.scheduled_at + ttl),
        bracket=_bracket(proposal, terms.price, book),
        attach=rules.attach_brackets,
        max_hold_until=Instant(market.scheduled_at + proposal.max_hold_hours * _HOUR),
        fee_rate_max=terms.fee_rate,
        reason=proposal.reason,
    )


def _bracket(proposal: TradeProposal, price: Price, book: Product) -> Bracket:
    stop = price * (ONE - proposal.stop_loss_pct / HUNDRED)
    target = price * (ONE + proposal.take_profit_pct / HUNDRED)
    return Bracket(
        stop_price=Price(ceil_to(stop, book.price_increment)),
        target_price=Price(ceil_to(target, book.price_increment)),
    )
