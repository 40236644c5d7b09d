"""``trader.strategies.mean_reversion`` in columns: where a close lies far enough below its mean, or is back there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from desk.backtest.data.columns import Floats
from desk.backtest.grid import MARGIN, MarketGrid
from desk.backtest.screen.codes import ABSENT, PASS, encode_verdict
from desk.backtest.screen.strategies import Answers, Regimes
from desk.backtest.windows import TickBars, fill_bars
from trader.model.denials import DenialCode
from trader.model.ids import ProductId
from trader.strategies.mean_reversion import MeanReversionSettings

#: So many numbers are held at once while windows are measured.
_CHUNK = 262_144


def assess(grid: MarketGrid, settings: MeanReversionSettings, regimes: Regimes) -> Mapping[ProductId, Answers]:  # noqa: ARG001 - it minds no regime
    """Answer every product at every tick, held or not."""
    answers = {}
    for product_id in grid.products:
        bars = fill_bars(grid, product_id)
        answers[product_id] = Answers.silent(len(grid)) if bars is None else _answer(settings, bars)
    return answers


def measure_z(bars: TickBars, count: int) -> Floats:
    """Return how many standard deviations each tick's close is from the mean of the last *count*; NaN for too few.

    Differences from the last close are summed window by window, so that nothing is lost that the window did not hold:
    the last close is one of its values, and a sum of so few differences is small against their spread by a factor of
    their number times the machine's precision at most.
    """
    z = np.full(len(bars.last), np.nan)
    wanted = np.flatnonzero(bars.length >= count)
    if not len(wanted):
        return z
    windows = sliding_window_view(bars.close, count)
    rows = max(_CHUNK // count, 1)
    for low in range(0, len(wanted), rows):
        ticks = wanted[low : low + rows]
        away = windows[bars.last[ticks] - count + 1] - bars.close[bars.last[ticks], np.newaxis]
        mean = away.mean(axis=1)
        away -= mean[:, np.newaxis]
        spread = np.sqrt(np.einsum("ij,ij->i", away, away) / (count - 1))
        z[ticks] = np.divide(-mean, spread, out=np.zeros(len(ticks)), where=spread > 0)
    return z


def _answer(settings: MeanReversionSettings, bars: TickBars) -> Answers:
    count = bars.count(settings.band_window)
    z = measure_z(bars, count)
    with np.errstate(invalid="ignore"):
        is_inside, near_entry = z > -settings.entry_z, _is_near(z, settings.entry_z)
        is_back, near_exit = z >= -settings.exit_z, _is_near(z, settings.exit_z)
    is_short = bars.length < max(count, bars.count(settings.volatility_window) + 1)
    free = np.full(len(z), PASS, dtype=np.int8)
    free[is_inside] = encode_verdict(DenialCode.MOVE_BELOW_MIN)
    free[is_short] = encode_verdict(DenialCode.HISTORY_TOO_SHORT)
    proposes = (free == PASS) | ~is_short & near_entry
    held = np.full(len(z), encode_verdict(DenialCode.POSITION_HELD), dtype=np.int8)
    held[bars.length < count] = encode_verdict(DenialCode.HISTORY_TOO_SHORT)
    # Without bars nothing is said: the universe has said why.
    held[bars.length == 0] = ABSENT
    return Answers(proposes, is_back | near_exit, free, held, is_loyal=True)


def _is_near(z: Floats, limit: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.abs(z + limit) <= MARGIN * max(limit, 1.0)
    return found
