"""Which settings of mean reversion leave its band, or its edge, nothing to decide."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from trader.model import feasibility_entries as entries
from trader.model.ids import StrategyId
from trader.model.money import from_float
from trader.model.settings import Settings
from trader.strategies.mean_reversion import MeanReversionSettings


def find_contradictions(strategy_id: StrategyId, settings: Settings) -> tuple[str, ...]:
    """Name what keeps it from ever buying, and a strength that says nothing."""
    own = settings.strategies[strategy_id].settings
    assert isinstance(own, MeanReversionSettings)
    key = f"strategies.{strategy_id}.settings"
    return (
        *_band(key, own),
        *entries.check_stakes(key, own.risk_per_trade_pct, own.volatility_target_pct, own.edge_multiple),
        *entries.check_window(f"{key}.band_bars", own.band_bars, settings),
        *entries.check_window(f"{key}.volatility_bars", own.volatility_bars + 1, settings),
        *entries.check_edge(key, own, own.edge_multiple, settings),
        *entries.check_size(key, own.size_factor * from_float(own.confidence), settings),
    )


def _band(key: str, own: MeanReversionSettings) -> Iterator[str]:
    # The last close is one of those its own mean and deviation are made of, so there is a furthest it can be.
    furthest = (own.band_bars - 1) / sqrt(own.band_bars)
    if own.entry_z >= furthest:
        yield (
            f"{key}.entry_z: {own.entry_z:g} can never be reached by one of {key}.band_bars {own.band_bars}; "
            f"allowed is below {furthest:.4g}"
        )
    if own.strength_span_z <= own.entry_z:
        yield (
            f"{key}.strength_span_z: {own.strength_span_z:g} makes every entry full strength; "
            f"allowed is above {key}.entry_z {own.entry_z:g}"
        )
