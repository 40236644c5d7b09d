"""The screen of the benchmark's breakout: its two conditions in columns."""

from __future__ import annotations

import numpy as np

from desk.backtest.data.columns import Floats
from desk.backtest.grid import MARGIN, MarketGrid
from desk.backtest.screen.codes import encode_verdict
from desk.backtest.screen.strategies import Answers
from desk.bench.breakout import BreakoutTerms
from trader.model.cycle_state import Regime
from trader.model.denials import DenialCode
from trader.model.ids import ProductId


def screen(grid: MarketGrid, terms: BreakoutTerms, product_id: ProductId, regimes: list[Regime]) -> Answers:  # noqa: ARG001 - it minds no regime
    """Say where a close may lie above every close before it on enough volume."""
    count = len(grid)
    series = grid.series(product_id, grid.settings.bars.granularity)
    assert series is not None
    close, volume = series.columns.close, series.columns.volume
    look = terms.lookback_bars
    fires = np.zeros(len(close), dtype=np.bool_)
    if len(close) > look:
        highest = _rolling_max(close, look)
        total = np.concatenate(([0.0], np.cumsum(volume)))
        mean = (total[look:] - total[:-look]) / look
        limit = terms.volume_ratio * mean[1:] * (1 - MARGIN) - MARGIN * total[-1] / len(total)
        fires[look:] = (close[look:] > highest[: len(close) - look] * (1 - MARGIN)) & (volume[look:] > limit)
    place = grid.places(series) - 1
    proposes = np.where(place >= 0, fires[np.maximum(place, 0)], True)
    return Answers(
        proposes,
        np.zeros(count, dtype=np.bool_),
        np.full(count, encode_verdict(DenialCode.MOVE_BELOW_MIN), dtype=np.int8),
        np.full(count, encode_verdict(DenialCode.POSITION_HELD), dtype=np.int8),
    )


def _rolling_max(values: Floats, count: int) -> Floats:
    """Return the highest of each *count* neighbours, by doubling: log2(count) passes."""
    found, width = values.copy(), 1
    while width * 2 <= count:
        found[: len(found) - width] = np.maximum(found[: len(found) - width], found[width:])
        width *= 2
    rest = count - width
    highest: Floats = np.maximum(found[: len(values) - count + 1], found[rest : rest + len(values) - count + 1])
    return highest
