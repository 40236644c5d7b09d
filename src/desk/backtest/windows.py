"""One product's bars at every tick on a full grid, and what slides over them.

Sliding sums are made by doubling: the sum of eight neighbours is that of two sums of four. Of values that are not
negative nothing cancels out, so a sum of any width is right to some thirty units in the last place, far within
``grid.MARGIN``; a cumulative sum would lose what the years before have gained. It takes log2(width) passes and one
column of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.columns import Floats, Integers
from desk.backtest.grid import Flags, MarketGrid
from desk.backtest.series import ColumnSeries
from trader.model.durations import Duration, count_in
from trader.model.ids import ProductId

ScalarT = TypeVar("ScalarT", bound="np.generic[Any]")


@dataclass(frozen=True)
class TickBars:
    """The bars that each tick is shown, all of them in one set of columns: holes hold the close before, no volume.

    ``last`` is the place of a tick's newest closed bar; ``length`` how many bars it is shown, ending there, 0 where
    there are none to show. What lies before them may be read and means nothing. Each is *seconds* long.
    Shape: the columns have one row a bar, ``last`` and ``length`` one a tick; no tick's place is below ``before``.
    """

    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    last: Integers
    length: Integers
    before: int
    seconds: int

    def count(self, duration: Duration) -> int:
        """Say how many of these bars a look-back is."""
        return count_in(duration, self.seconds)

    def at(self, values: NDArray[ScalarT], back: int = 0) -> NDArray[ScalarT]:
        """Return per tick the value so many bars before its newest one. Shape: *back* is at most ``before``."""
        if self._is_bar_a_tick:
            first = int(self.last[0]) - back
            return values[first : first + len(self.last)]
        return values[self.last - back]

    @cached_property
    def _is_bar_a_tick(self) -> bool:
        return bool((self.last[1:] - self.last[:-1] == 1).all())


def fill_bars(grid: MarketGrid, product_id: ProductId) -> TickBars | None:
    """Lay a product's bars on a full grid that reaches one window before the first tick; None if there are none."""
    wanted = grid.settings.bars
    series = grid.series(product_id, wanted.granularity)
    if series is None or not series.has_candles or not len(grid):
        return None
    return fill_series(series, grid.ticks, wanted.count)


def fill_series(series: ColumnSeries, ticks: Integers, count: int) -> TickBars:
    """Lay a series on the grid of some ticks that are shown *count* bars each."""
    step, columns = series.granularity.seconds, series.columns
    newest = ticks // step * step - step
    first = int(newest[0]) - count * step
    low, high = np.searchsorted(columns.start, (first, int(newest[-1]) + 1))
    size = (int(newest[-1]) - first) // step + 1
    places = (columns.start[low:high] - first) // step
    last = (newest - first) // step
    if not len(places):
        nothing = np.ones(size)
        return TickBars(nothing, nothing, nothing, np.zeros(size), last, np.zeros(len(ticks), np.int64), count, step)
    is_recorded = np.zeros(size, dtype=np.bool_)
    is_recorded[places] = True
    source = np.zeros(size, dtype=np.int64)
    source[places] = np.arange(len(places))
    source = np.maximum.accumulate(source) + low
    following = np.full(size, size, dtype=np.int64)
    following[places] = places
    following = np.minimum.accumulate(following[::-1])[::-1]
    length = np.where(is_recorded[last], last - following[last - count + 1] + 1, 0)
    close = columns.close[source]
    return TickBars(
        high=np.where(is_recorded, columns.high[source], close),
        low=np.where(is_recorded, columns.low[source], close),
        close=close,
        volume=np.where(is_recorded, columns.volume[source], 0.0),
        last=last,
        length=length,
        before=count,
        seconds=step,
    )


def roll_sum(values: Floats, width: int) -> Floats:
    """Sum each *width* neighbours that end at a place, fewer at the beginning. Shape: values are not negative."""
    part, total, offset, size = values.copy(), np.zeros(len(values)), 0, 1
    while size <= width:
        if width & size:
            total[offset:] += part[: max(len(part) - offset, 0)]
            offset += size
        part[size:] += part[: max(len(part) - size, 0)].copy()
        size *= 2
    return total


def roll_max(values: Floats, width: int) -> Floats:
    """Return the highest of each *width* neighbours that end at a place, of fewer at the beginning."""
    return _roll_extreme(np.maximum, values, width)


def roll_min(values: Floats, width: int) -> Floats:
    """Return the lowest of each *width* neighbours that end at a place, of fewer at the beginning."""
    return _roll_extreme(np.minimum, values, width)


def roll_count(flags: Flags, width: int) -> Integers:
    """Count the flags among each *width* neighbours that end at a place, among fewer at the beginning."""
    until = np.cumsum(flags, dtype=np.int64)
    count = until.copy()
    count[width:] -= until[: max(len(until) - width, 0)]
    return count


def _roll_extreme(take: Callable[..., Floats], values: Floats, width: int) -> Floats:
    found, size = values.copy(), 1
    while size * 2 <= width:
        take(found[size:], found[: max(len(found) - size, 0)].copy(), out=found[size:])
        size *= 2
    if rest := width - size:
        take(found[rest:], found[: max(len(found) - rest, 0)].copy(), out=found[rest:])
    return found
