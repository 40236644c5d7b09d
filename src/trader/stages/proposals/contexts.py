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
from trader.settings import Settings
from trader.stages.proposals.readiness import Readiness


def make_contexts(
    ready: Readiness,
    inputs: CycleInputs,
    ledger: Ledger,
    regime: Regime,
    selection: UniverseSelection,
    detection: Detection,
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
    return {
        strategy_id: _with_own_bars(_with_lots(market, strategy_id, inputs, ledger, selection), strategy_id, ready)
        for strategy_id in ready.asked
    }


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


def _with_lots(
    market: StrategyContext,
    strategy_id: StrategyId,
    inputs: CycleInputs,
    ledger: Ledger,
    selection: UniverseSelection,
) -> StrategyContext:
    lots = tuple(lot for lot in ledger.lots.values() if lot.strategy == strategy_id)
    held = {lot.product_id: _held_product(lot, inputs, selection.products) for lot in lots}
    return replace(market, lots=lots, held=MappingProxyType(held))


def _held_product(lot: Lot, inputs: CycleInputs, products: Mapping[Asset, ProductId]) -> HeldProduct:
    quote = inputs.quotes.get(lot.product_id)
    # Bars are read once for each base asset, of the product it is looked at through: BTC-USD for a lot of BTC-USDC.
    bars = inputs.bars.get(products.get(lot.base, lot.product_id))
    return HeldProduct(
        base=lot.base,
        quote=quote,
        bars=bars if isinstance(bars, Bars) else None,
    )
