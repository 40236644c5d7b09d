"""What each strategy may look at: the market, and what it holds whatever the universe says of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trader.model.costs import round_trip_ratio
from trader.model.cycle_state import Regime
from trader.model.frozen import replace
from trader.model.ids import Asset, ProductId, StrategyId
from trader.model.inputs import CycleInputs, Detection, HeldProduct, StrategyContext, UniverseSelection
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Bars
from trader.model.money import ZERO, Notional, share
from trader.settings import Settings
from trader.stages.proposals.readiness import Readiness


def make_contexts(
    ready: Readiness,
    inputs: CycleInputs,
    ledger: Ledger,
    regime: Regime,
    selection: UniverseSelection,
    detection: Detection,
    equity: Notional | None,
    settings: Settings,
) -> Mapping[StrategyId, StrategyContext]:
    """Show each strategy the market and its own lots, read only: none can spoil what another sees."""
    candidates, tiers = selection.candidates, settings.universe.tiers
    core = next(iter(tiers))
    market = StrategyContext(
        now=inputs.now,
        regime=regime,
        candidates=MappingProxyType(candidates),
        triggers=MappingProxyType(detection.triggers),
        lots=(),
        round_trip_ratio=MappingProxyType(
            {
                product_id: round_trip_ratio(
                    inputs.fees, candidate.quote, settings.costs.slippage_bps, entry_takes=False
                )
                for product_id, candidate in candidates.items()
            }
        ),
        base_size_pct=MappingProxyType(
            {product_id: tiers[candidate.tier].base_size_pct for product_id, candidate in candidates.items()}
        ),
        core_products=frozenset(p for p, candidate in candidates.items() if candidate.tier == core),
    )
    contexts = {}
    for strategy_id in ready.asked:
        context = _with_lots(market, strategy_id, inputs, ledger, selection)
        if equity is not None:
            context = _with_money(context, strategy_id, equity, ledger, settings)
        contexts[strategy_id] = _with_own_bars(context, strategy_id, ready)
    return contexts


def _with_lots(
    market: StrategyContext,
    strategy_id: StrategyId,
    inputs: CycleInputs,
    ledger: Ledger,
    selection: UniverseSelection,
) -> StrategyContext:
    lots = tuple(lot for lot in ledger.lots.values() if lot.strategy == strategy_id)
    held = {lot.product_id: _held_product(lot, inputs, selection.products) for lot in lots}
    ended = tuple(each for each in ledger.round_trips if each.strategy == strategy_id)
    return replace(market, lots=lots, held=MappingProxyType(held), round_trips=ended)


def _with_money(
    context: StrategyContext, strategy_id: StrategyId, equity: Notional, ledger: Ledger, settings: Settings
) -> StrategyContext:
    """Show a strategy what its part of the equity is, and what of it nothing takes yet; at least zero."""
    capital = share(share(equity, settings.risk.total_pct_max), settings.strategies[strategy_id].weight_pct)
    marks = ledger.accepted_marks
    used = sum((marks[lot.base].price * lot.quantity if lot.base in marks else lot.cost for lot in context.lots), ZERO)
    buying = (each for each in ledger.active_orders if each.intent.strategy == strategy_id)
    used += sum((each.open_cost for each in buying), ZERO)
    return replace(context, equity=equity, capital=Notional(capital), cash=Notional(max(capital - used, ZERO)))


def _with_own_bars(context: StrategyContext, strategy_id: StrategyId, ready: Readiness) -> StrategyContext:
    """Show a strategy the bars that it needs, and no candidate of which some are missing."""
    series, lacking = ready.series.get(strategy_id), ready.lacking.get(strategy_id)
    if series:
        context = replace(context, series=MappingProxyType(series))
    if lacking:
        candidates = {each: found for each, found in context.candidates.items() if each not in lacking}
        triggers = {each: found for each, found in context.triggers.items() if each not in lacking}
        context = replace(context, candidates=MappingProxyType(candidates), triggers=MappingProxyType(triggers))
    return context


def _held_product(lot: Lot, inputs: CycleInputs, products: Mapping[Asset, ProductId]) -> HeldProduct:
    quote = inputs.quotes.get(lot.product_id)
    # Bars are read once for each base asset, of the product it is looked at through: BTC-USD for a lot of BTC-USDC.
    bars = inputs.bars.get(products.get(lot.base, lot.product_id))
    return HeldProduct(
        base=lot.base,
        quote=quote,
        bars=bars if isinstance(bars, Bars) else None,
    )
