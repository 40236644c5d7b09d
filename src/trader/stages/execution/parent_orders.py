"""From an approval to a parent order: how much of it, at which price at most, until when, paid with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trader.model.conversions import ConversionIntent
from trader.model.decisions import Approval, Denial, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.frozen import replace
from trader.model.ids import Instant, Scope, client_order_id
from trader.model.inputs import Candidate
from trader.model.ledger import Ledger
from trader.model.market import Product
from trader.model.money import BPS, ONE, ZERO, Notional, Price, Quantity, floor_to
from trader.model.orders import Bracket
from trader.model.parents import ParentOrder, name_wish
from trader.settings import Settings
from trader.settings.policy import ExecutionSettings
from trader.stages.execution.context import STAGE, ExecutionContext
from trader.stages.execution.funding import BuyingPower

_HOUR, _MINUTE = 3600, 60
_SAME_RATIO = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PlannedParent:
    """A parent, opened or changed, with the conversion that pays for it and the cut it suffered, if any."""

    parent: ParentOrder
    conversion: ConversionIntent | None = None
    trim: Trim | None = None


def plan_parent(
    approval: Approval, ledger: Ledger, context: ExecutionContext, settings: Settings, buying_power: BuyingPower
) -> PlannedParent | Denial:
    """Open a parent for what was approved; where its strategy buys the asset already, change that one instead.

    It is sized at the worst price that it may pay, so that it never costs more than was approved, fees aside. Of one
    that is changed, what is spent already counts, and a difference of a hundredth is none. Rounding:
    quantity and prices down, stop and target up.
    """
    proposal = approval.proposal
    candidate = context.candidates.get(proposal.product_id)
    if candidate is None:
        return proposal.deny(STAGE, DenialCode.PRODUCT_MISSING, product=proposal.product_id)
    before = ledger.find_parent(proposal.strategy, proposal.base)
    if before is None:
        return _plan(approval, None, candidate, candidate.listings, ledger, context, settings, buying_power)
    product = context.products.get(before.product_id)
    if product is None:
        return proposal.deny(STAGE, DenialCode.PRODUCT_MISSING, product=before.product_id)
    # Its lot is of one listing. As long as nothing of it can be bought, another of the same book may take its place.
    is_bound = before.filled > 0 or any(each.is_active for each in ledger.orders_of(before.parent_id))
    buying_power.give_back(before)
    listings = (product,) if is_bound else candidate.listings
    planned = _plan(approval, before, candidate, listings, ledger, context, settings, buying_power)
    buying_power.hold(before)
    if is_bound and not isinstance(planned, Denial):
        # Where and when its lot ends stays: a part of it may be there already.
        kept = replace(planned.parent, bracket=before.bracket, max_hold_until=before.max_hold_until)
        planned = replace(planned, parent=kept)
    if isinstance(planned, Denial):
        buying_power.take(before)
    return planned


def _plan(
    approval: Approval,
    before: ParentOrder | None,
    candidate: Candidate,
    listings: Sequence[Product],
    ledger: Ledger,
    context: ExecutionContext,
    settings: Settings,
    buying_power: BuyingPower,
) -> PlannedParent | Denial:
    proposal = approval.proposal
    spent = before.spent if before is not None else Notional(0)
    wanted = Notional(max(approval.notional - spent, ZERO))
    fee_rate = context.fees.taker if proposal.style.may_take else context.fees.maker
    cost = Notional(wanted * (ONE + fee_rate))
    funding = buying_power.reserve(listings, cost)
    if funding is None:
        return proposal.deny(STAGE, DenialCode.QUOTE_ASSET_MISSING, cost=cost)
    cut = DenialCode.CAPITAL_EXCEEDED if funding.amount < cost else None
    spend = funding.amount / (ONE + fee_rate) if cut else Decimal(wanted)
    price = Price(floor_to(candidate.quote.bid, funding.product.price_increment))
    price_max = _price_max(candidate, funding.product, settings)
    if spend > (venue_max := _venue_max(funding.product, price_max)):
        cut, spend = DenialCode.NOTIONAL_EXCEEDS_MAX, venue_max
    quantity = floor_quantity(spend, price_max, funding.product)
    if quantity <= 0 and before is not None and cut is None:
        # It has bought all that is wanted now: a child for more than that is taken off the book.
        return PlannedParent(replace(before, quantity=before.filled))
    if quantity <= 0:
        details = {"notional": spend, "min": funding.product.quote_size_min, "approved": approval.notional}
        return proposal.deny(STAGE, cut or DenialCode.NOTIONAL_BELOW_MIN, **details)
    bracket = proposal.make_bracket(price, funding.product.price_increment)
    if not bracket.is_around(price):
        # It was checked at the bid of the canonical product; an alias's increment may be another.
        target = bracket.target_price or "none"
        return proposal.deny(STAGE, DenialCode.PROPOSAL_INVALID, price=price, stop=bracket.stop_price, target=target)
    terms: dict[str, Any] = {
        "quantity": quantity,
        "price_max": price_max,
        "style": proposal.style,
        "give_up_at": _find_give_up(proposal, context, settings),
        "edge_pct": proposal.edge.pct or ZERO,
        "edge_multiple": proposal.edge_multiple,
        "edge_source": proposal.edge.source,
        "reason": proposal.reason,
    }
    if before is None:
        terms["fee_rate_max"] = fee_rate
        parent = _open(proposal, funding.product, bracket, context, settings.execution, ledger.scope, terms)
    else:
        total = Quantity(before.filled + quantity)
        # Equity and prices move a little all the time: no child leaves the book for that.
        is_same = abs(total - before.quantity) <= before.quantity * _SAME_RATIO
        terms["quantity"] = before.quantity if is_same else total
        terms |= {"product_id": funding.product.product_id, "quote": funding.product.quote}
        terms |= {"bracket": bracket, "max_hold_until": _find_hold_end(proposal, context)}
        parent = replace(before, **terms, fee_rate_max=max(fee_rate, before.fee_rate_max))
    conversion = buying_power.use(funding, parent.reserve)
    return PlannedParent(parent, conversion, Trim(proposal, Notional(quantity * price_max), cut) if cut else None)


def _open(
    proposal: TradeProposal,
    product: Product,
    bracket: Bracket,
    context: ExecutionContext,
    rules: ExecutionSettings,
    scope: Scope,
    terms: Mapping[str, Any],
) -> ParentOrder:
    wish = name_wish(proposal.strategy, proposal.base)
    return ParentOrder(
        parent_id=client_order_id(rules.order_prefix, scope, context.cycle_id, wish, "PARENT"),
        strategy=proposal.strategy,
        product_id=product.product_id,
        base=product.base,
        quote=product.quote,
        bracket=bracket,
        max_hold_until=_find_hold_end(proposal, context),
        decided_at=context.now,
        **terms,
    )


def floor_quantity(spend: Decimal, price: Price, product: Product) -> Quantity:
    """Return what can be bought for so much at a price. Rounding: down, and zero below a minimum of the venue."""
    quantity = floor_to(spend / price, product.base_increment)
    if quantity < product.base_size_min or quantity * price < product.quote_size_min:
        return Quantity(0)
    return Quantity(quantity)


def _price_max(candidate: Candidate, product: Product, settings: Settings) -> Price:
    slippage_bps = settings.universe.tiers[candidate.tier].slippage_bps_max
    return Price(floor_to(candidate.quote.mid * (ONE + slippage_bps / BPS), product.price_increment))


def _find_hold_end(proposal: TradeProposal, context: ExecutionContext) -> Instant | None:
    hours = proposal.max_hold_hours
    return None if hours is None else Instant(context.scheduled_at + hours * _HOUR)


def _find_give_up(proposal: TradeProposal, context: ExecutionContext, settings: Settings) -> Instant:
    pace = settings.strategies[proposal.strategy].schedule.every_minutes
    minutes = proposal.give_up_minutes or settings.execution.give_up_minutes
    # Before its strategy's next turn; one that is asked in every cycle says anew what it wants each time.
    return Instant(context.scheduled_at + min(minutes, pace or minutes) * _MINUTE)


def _venue_max(product: Product, price: Price) -> Decimal:
    return min(Decimal(product.quote_size_max), product.base_size_max * price)
