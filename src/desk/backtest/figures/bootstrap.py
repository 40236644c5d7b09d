"""How far figures of a curve may be by chance: the stationary bootstrap of its daily returns.

Days that follow one another are drawn together, in blocks of random length, since returns of neighboring days are not
independent. Source: Politis, Romano, The Stationary Bootstrap (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from desk.backtest.data.columns import Floats
from desk.backtest.figures.curve import DAYS_PER_YEAR

BLOCK_DAYS = 20
RESAMPLES = 1000
SEED = 1
#: Both ends of an interval.
_QUANTILES = (0.025, 0.975)
#: So many of the samples must have a figure for its interval to say something.
_DEFINED_MIN = 0.9
#: So many samples are drawn at once: it bounds the memory.
_CHUNK = 250
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies in 95 of 100 samples."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of three figures; None where they are undefined in more than a tenth of the samples."""

    cagr: Interval | None
    sharpe: Interval | None
    max_drawdown: Interval | None


def compute_intervals(
    returns: Sequence[float] | None, *, block_days: int = BLOCK_DAYS, resamples: int = RESAMPLES, seed: int = SEED
) -> Intervals:
    """Resample daily returns and take the middle 95 % of each figure; None of any with fewer than two blocks of days.

    The same returns and seed give the same intervals.
    """
    if returns is None or len(returns) < 2 * block_days:
        return Intervals(None, None, None)
    chance, values = np.random.Generator(np.random.PCG64(seed)), np.array(returns, dtype=np.float64)
    parts = [
        _measure(values[_draw(chance, len(values), min(_CHUNK, resamples - begin), block_days)])
        for begin in range(0, resamples, _CHUNK)
    ]
    cagr, sharpe, depth = (_find_interval(np.concatenate(each)) for each in zip(*parts, strict=True))
    return Intervals(cagr, sharpe, depth)


def _draw(chance: np.random.Generator, days: int, rows: int, block_days: int) -> np.ndarray:
    """Draw the places of days: each follows the one before it, or, once in a block's length, begins a new block."""
    begins = chance.random((days, rows)) < 1 / block_days
    fresh = (chance.random((days, rows)) * days).astype(np.int64)
    places = fresh.copy()
    for at in range(1, days):
        places[at] = np.where(begins[at], fresh[at], (places[at - 1] + 1) % days)
    return places


def _measure(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Measure CAGR, Sharpe and deepest drawdown of samples, a column each; NaN where one is undefined."""
    days = len(samples)
    nav = np.cumprod(1 + samples, axis=0)
    peak = np.maximum(np.maximum.accumulate(nav, axis=0), 1.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        cagr = nav[-1] ** (DAYS_PER_YEAR / days) - 1
        deviation = np.where(np.ptp(samples, axis=0) > _SAME, samples.std(axis=0, ddof=1), np.nan)
        sharpe = samples.mean(axis=0) / deviation * np.sqrt(DAYS_PER_YEAR)
    return cagr, sharpe, np.minimum((nav / peak - 1).min(axis=0), 0.0)


def _find_interval(values: Floats) -> Interval | None:
    known = values[np.isfinite(values)]
    if len(known) < _DEFINED_MIN * len(values):
        return None
    low, high = np.quantile(known, _QUANTILES).tolist()
    return Interval(low, high)
