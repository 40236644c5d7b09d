"""The screen of the benchmark's breakout: its two conditions in columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from desk.backtest.data.columns import Floats
from desk.backtest.grid import MARGIN, MarketGrid
from desk.backtest.screen.codes import encode_verdict
from desk.backtest.screen.strategies import Answers, Regimes
from desk.backtest.series import fill_holes
from desk.bench.breakout import BreakoutTerms
from trader.model.denials import DenialCode
from trader.model.ids import ProductId

_MOVE_BELOW_MIN = np.int8(encode_verdict(DenialCode.MOVE_BELOW_MIN))
_POSITION_HELD = np.int8(encode_verdict(DenialCode.POSITION_HELD))


def assess(grid: MarketGrid, terms: BreakoutTerms, regimes: Regimes) -> Mapping[ProductId, Answers]:  # noqa: ARG001 - it minds no regime
    """Say where a close may lie above every close before it on enough volume."""
    return {product_id: _answer(grid, terms, product_id) for product_id in grid.products}


def _answer(grid: MarketGrid, terms: BreakoutTerms, product_id: ProductId) -> Answers:
    count = len(grid)
    series = grid.series(product_id, grid.settings.bars.granularity)
    if series is None or not series.has_candles:
        return Answers.unknown(count)
    bars = fill_holes(series.columns)
    close, volume = bars.close, bars.volume
    look = terms.lookback_bars
    fires = np.zeros(len(close), dtype=np.bool_)
    if len(close) > look:
        highest = _rolling_max(close, look)
        total = np.concatenate(([0.0], np.cumsum(volume)))
        mean = (total[look:] - total[:-look]) / look
        # What a running sum of so many numbers may have lost is less than a million millionth of it.
        limit = terms.volume_ratio * (mean[1:] * (1 - MARGIN) - 1e-12 * total[-1])
        fires[look:] = (close[look:] > highest[: len(close) - look] * (1 - MARGIN)) & (volume[look:] > limit)
    # A tick without its newest bar has no candidate: what is said of it here counts for nothing.
    place = (
        grid.ticks // bars.granularity.seconds * bars.granularity.seconds - bars.start[0]
    ) // bars.granularity.seconds
    proposes = fires[np.clip(place - 1, 0, len(close) - 1)]
    return Answers(
        proposes,
        np.broadcast_to(np.bool_(False), count),
        np.broadcast_to(_MOVE_BELOW_MIN, count),
        np.broadcast_to(_POSITION_HELD, count),
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
