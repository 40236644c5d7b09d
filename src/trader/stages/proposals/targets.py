"""From target weights to trades: what is to be bought, sold, or no longer bought, and what stays as it is.

A target is compared with what is held, less what is being sold, and what a parent order of the strategy may still buy.
A parent that would buy beyond its target is made smaller, or ended, whatever the band says, and whatever risk says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

from trader.model.decisions import Denial, Details, TradeProposal
from trader.model.denials import DenialCode
from trader.model.edges import WEIGHT_RULE
from trader.model.ids import Asset, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Quote
from trader.model.money import HUNDRED, ZERO, Notional, Quantity
from trader.model.orders import Side
from trader.model.targets import TargetWeight
from trader.strategies.base import STAGE

#: Cut, so that no size is larger than what was wanted.
_DIGITS = Context(prec=12, rounding=ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class ResolvedTargets:
    """The trades that targets come to, why others are none, and how much parents may still buy, zero to end them."""

    proposals: tuple[TradeProposal, ...]
    denials: tuple[Denial, ...]
    limits: Mapping[tuple[StrategyId, Asset], Notional]


@dataclass(frozen=True, slots=True)
class _Holding:
    """What a strategy has of an asset, at the bid: its lots, how much of them is being sold, and its parent's rest."""

    lots: tuple[Lot, ...]
    held: Decimal
    selling: Decimal
    buying: Decimal
    spent: Decimal

    @property
    def kept(self) -> Decimal:
        return self.held - self.selling


def resolve_targets(
    targets: Iterable[TargetWeight],
    ledger: Ledger,
    contexts: Mapping[StrategyId, StrategyContext],
    quotes: Mapping[ProductId, Quote],
    notional_min: Notional,
) -> ResolvedTargets:
    """Turn targets into trades. *quotes* are believed ones; less than *notional_min* is not bought.

    Rounding: sizes are cut to twelve digits.
    """
    proposals: list[TradeProposal] = []
    denials: list[Denial] = []
    limits: dict[tuple[StrategyId, Asset], Notional] = {}
    told_before: set[tuple[StrategyId, Asset]] = set()
    for target in targets:
        context, key = contexts[target.strategy], (target.strategy, target.base)
        if key in told_before:
            denials.append(_deny(target, DenialCode.PROPOSAL_INVALID, field="base", allowed="one for each asset"))
            continue
        told_before.add(key)
        if context.capital is None or context.equity is None:
            denials.append(_deny(target, DenialCode.EQUITY_UNKNOWN))
            continue
        holding = _find_holding(target, ledger, quotes)
        if holding is None:
            denials.append(_deny(target, DenialCode.QUOTE_MISSING, product=target.product_id))
            continue
        wanted = context.capital * target.weight
        left, least = wanted - holding.kept - holding.buying, context.capital * target.band
        to_buy = wanted - holding.kept
        if holding.buying > 0 > left:
            limits[key] = Notional(to_buy if to_buy >= notional_min else ZERO)
        if left > least and to_buy >= notional_min and target.product_id in context.candidates:
            proposals.append(_buy(target, Notional(holding.spent + to_buy), context.equity))
            continue
        sales = _sell(target, holding, -to_buy, quotes) if target.weight == 0 or -to_buy > least else []
        proposals += sales
        if not sales:
            told = {"wanted": wanted, "held": holding.kept, "buying": holding.buying, "band": least}
            lacks = left > least and target.product_id not in context.candidates
            denials.append(_deny(target, DenialCode.PRODUCT_MISSING if lacks else DenialCode.TARGET_HELD, **told))
    return ResolvedTargets(tuple(proposals), tuple(denials), limits)


def _find_holding(target: TargetWeight, ledger: Ledger, quotes: Mapping[ProductId, Quote]) -> _Holding | None:
    """Sum what there is; None where a lot has no price."""
    mine = (lot for lot in ledger.lots.values() if (lot.strategy, lot.base) == (target.strategy, target.base))
    lots = tuple(sorted(mine, key=lambda each: (each.opened_at, each.lot_id)))
    if any(lot.product_id not in quotes for lot in lots):
        return None
    held = sum((lot.quantity * quotes[lot.product_id].bid for lot in lots), ZERO)
    selling = ZERO
    for lot in lots:
        sales = (each.remaining for each in ledger.orders_of(lot.lot_id) if each.intent.is_exit and each.is_active)
        selling += min(sum(sales, ZERO), lot.quantity) * quotes[lot.product_id].bid
    parent = ledger.find_parent(target.strategy, target.base)
    buying, spent = (ZERO, ZERO) if parent is None else (Decimal(parent.notional_left), Decimal(parent.spent))
    return _Holding(lots, held, selling, buying, spent)


def _buy(target: TargetWeight, total: Notional, equity: Notional) -> TradeProposal:
    """Propose to buy so much in all, what a parent has spent already included."""
    return TradeProposal(
        strategy=target.strategy,
        product_id=target.product_id,
        base=target.base,
        side=Side.BUY,
        size_pct=_DIGITS.create_decimal(min(total / equity * HUNDRED, HUNDRED)),
        confidence=1.0,
        conviction=target.conviction,
        reason=target.reason,
        stop_loss_pct=target.stop_loss_pct,
        take_profit_pct=target.take_profit_pct,
        max_hold_hours=target.max_hold_hours,
        give_up_minutes=target.give_up_minutes,
        style=target.style,
        rule=WEIGHT_RULE,
        components={"target_weight": float(target.weight)},
    )


def _sell(
    target: TargetWeight, holding: _Holding, amount: Decimal, quotes: Mapping[ProductId, Quote]
) -> list[TradeProposal]:
    """Propose sales worth so much, of the oldest lots first; of all of them where nothing is wanted any more."""
    sales: list[TradeProposal] = []
    for lot in holding.lots:
        bid = quotes[lot.product_id].bid
        if target.weight == 0 or amount >= lot.quantity * bid:
            sales.append(TradeProposal.sell(lot, target.reason))
        elif amount > 0:
            sales.append(TradeProposal.sell(lot, target.reason, Quantity(amount / bid)))
        amount -= lot.quantity * bid
    return sales


def _deny(target: TargetWeight, code: DenialCode, **details: Decimal | str) -> Denial:
    told: Details = {"weight": target.weight, **details}
    return Denial(target.product_id, code, STAGE, told, target.strategy)
