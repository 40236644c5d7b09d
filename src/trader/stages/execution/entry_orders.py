"""Orders that open lots: maker first, taker last, always with a stop and a target."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trader.model.conversions import ConversionIntent
from trader.model.costs import expected_edge_pct, hurdle_pct, round_trip_ratio
from trader.model.decisions import Approval, Denial, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.frozen import replace
from trader.model.ids import Instant, client_order_id
from trader.model.inputs import Candidate
from trader.model.ledger import Ledger
from trader.model.market import Product
from trader.model.money import BPS, ONE, Notional, Price, Quantity, floor_to
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.tallies import name_tally_for
from trader.settings import Settings
from trader.stages.execution.context import STAGE, ExecutionContext
from trader.stages.execution.funding import BuyingPower

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry order, with the conversion that pays for it and the cut it suffered, if any."""

    intent: OrderIntent
    conversion: ConversionIntent | None = None
    trim: Trim | None = None


@dataclass(frozen=True, slots=True)
class EntryTerms:
    """What was settled before an entry is written down: where, at what price, how much, at which fee, which try."""

    product: Product
    price: Price
    bracket: Bracket
    quantity: Quantity
    fee_rate: Decimal
    attempt: int
    takes: bool


def plan_entry(
    approval: Approval, ledger: Ledger, context: ExecutionContext, settings: Settings, buying_power: BuyingPower
) -> Entry | Denial:
    """Buy what was approved: post-only at the best bid; after too many tries unfilled, at a bounded taker price.

    Rounding: quantity down, price down, stop and target up. The notional never exceeds what was approved.
    """
    proposal = approval.proposal
    candidate = context.candidates.get(proposal.product_id)
    if candidate is None:
        return proposal.deny(STAGE, DenialCode.PRODUCT_MISSING, product=proposal.product_id)
    if (waiting := ledger.tally(name_wish(proposal)).why_wait(context.now)) is not None:
        return proposal.deny(STAGE, DenialCode.REFUSAL_RECENT, **waiting.details(context.now))
    attempt = count_unfilled_entries(ledger, proposal, context.now, settings)
    takes = attempt > settings.execution.max_reprices
    if takes and (denial := _refuse_taking(proposal, candidate, context, settings, attempt)):
        return denial
    price = _limit_price(candidate, settings, takes=takes)
    if takes and price < candidate.quote.ask:
        return proposal.deny(STAGE, DenialCode.PRICE_EXCEEDS_BAND, ask=candidate.quote.ask, limit=price)
    fee_rate = context.fees.taker if takes else context.fees.maker
    cost = Notional(approval.notional * (ONE + fee_rate))
    funding = buying_power.reserve(candidate.listings, cost)
    if funding is None:
        return proposal.deny(STAGE, DenialCode.QUOTE_ASSET_MISSING, cost=cost)
    cut = DenialCode.CAPITAL_EXCEEDED if funding.amount < cost else None
    spend = funding.amount / (ONE + fee_rate) if cut else Decimal(approval.notional)
    if spend > (venue_max := _venue_max(funding.product, price)):
        cut, spend = DenialCode.NOTIONAL_EXCEEDS_MAX, venue_max
    quantity = _quantity(spend, price, funding.product)
    if quantity <= 0:
        return proposal.deny(
            STAGE,
            cut or DenialCode.NOTIONAL_BELOW_MIN,
            notional=spend,
            min=funding.product.quote_size_min,
            approved=approval.notional,
        )
    bracket = proposal.make_bracket(price, funding.product.price_increment)
    if not bracket.is_around(price):
        # It was checked at the bid of the canonical product; a taker's price and an alias's increment may be others.
        return proposal.deny(
            STAGE,
            DenialCode.PROPOSAL_INVALID,
            price=price,
            stop=bracket.stop_price,
            target=bracket.target_price or "none",
        )
    terms = EntryTerms(funding.product, price, bracket, quantity, fee_rate, attempt, takes)
    intent = _intent(proposal, terms, ledger, context, settings)
    conversion = buying_power.use(funding, intent.cost_max)
    if conversion is not None:
        intent = replace(intent, depends_on=(conversion.conversion_id,))
    return Entry(intent, conversion, Trim(proposal, intent.notional, cut) if cut else None)


def count_unfilled_entries(ledger: Ledger, proposal: TradeProposal, now: Instant, settings: Settings) -> int:
    """Count this strategy's entries into this asset that the market left unfilled, back to the last one that filled.

    Tries of long ago are forgotten.
    """
    tally = ledger.tally(name_wish(proposal))
    window = settings.execution.chase_memory_cycles * settings.cycle.period_seconds
    return tally.tries if now - tally.tried_at <= window else 0


def name_wish(proposal: TradeProposal) -> str:
    """Name what the entries of a strategy into an asset count for."""
    return name_tally_for(f"{proposal.strategy}|{proposal.base}", OrderPurpose.ENTRY)


def _refuse_taking(
    proposal: TradeProposal, candidate: Candidate, context: ExecutionContext, settings: Settings, attempt: int
) -> Denial | None:
    limit = settings.execution.max_reprices + 1
    if attempt > limit:
        return proposal.deny(STAGE, DenialCode.REPRICES_EXCEED_MAX, attempts=attempt, limit=limit)
    edge = expected_edge_pct(proposal.take_profit_pct, proposal.stop_loss_pct, proposal.hit_ratio)
    costs = settings.costs
    cost = round_trip_ratio(context.fees, candidate.quote, costs.slippage_bps, entry_takes=True)
    hurdle = hurdle_pct(cost, proposal.edge_multiple)
    if edge <= hurdle:
        return proposal.deny(STAGE, DenialCode.EDGE_BELOW_COST, edge_pct=edge, hurdle_pct=hurdle, liquidity="TAKER")
    return None


def _limit_price(candidate: Candidate, settings: Settings, *, takes: bool) -> Price:
    quote, increment = candidate.quote, candidate.product.price_increment
    if not takes:
        return Price(floor_to(quote.bid, increment))
    slippage_bps = settings.universe.tiers[candidate.tier].slippage_bps_max
    return Price(floor_to(quote.mid * (ONE + slippage_bps / BPS), increment))


def _venue_max(product: Product, price: Price) -> Decimal:
    return min(Decimal(product.quote_size_max), product.base_size_max * price)


def _quantity(spend: Decimal, price: Price, product: Product) -> Quantity:
    quantity = floor_to(spend / price, product.base_increment)
    if quantity < product.base_size_min or quantity * price < product.quote_size_min:
        return Quantity(0)
    return Quantity(quantity)


def _intent(
    proposal: TradeProposal, terms: EntryTerms, ledger: Ledger, context: ExecutionContext, settings: Settings
) -> OrderIntent:
    rules, product = settings.execution, terms.product
    n = ledger.tally(name_wish(proposal)).made
    wish = f"{proposal.strategy}|{proposal.base}"
    order_id = client_order_id(rules.order_prefix, ledger.scope, context.cycle_id, wish, OrderPurpose.ENTRY, n)
    ttl, hours = rules.entry_ttl_cycles * settings.cycle.period_seconds, proposal.max_hold_hours
    return OrderIntent(
        client_order_id=order_id,
        cycle_id=context.cycle_id,
        strategy=proposal.strategy,
        product_id=product.product_id,
        base=product.base,
        quote=product.quote,
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.LIMIT_IOC if terms.takes else OrderConfiguration.POST_ONLY_GTD,
        quantity=terms.quantity,
        limit_price=terms.price,
        lot_id=order_id,
        decided_at=context.now,
        attempt=terms.attempt,
        n=n,
        expires_at=None if terms.takes else Instant(context.scheduled_at + ttl),
        bracket=terms.bracket,
        attach_bracket=rules.attach_brackets and terms.bracket.target_price is not None,
        max_hold_until=None if hours is None else Instant(context.scheduled_at + hours * _HOUR),
        fee_rate_max=terms.fee_rate,
        reason=proposal.reason,
    )
