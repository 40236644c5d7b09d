"""One product's candles in columns, read at any instant without touching what lies after it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from desk.backtest.data.columns import Columns, Floats
from desk.markets.series import QUIET_SECONDS_MAX
from trader.errors import ConfigError, MissingData, StaleData
from trader.model.ids import Instant
from trader.model.market import Bars, Candle, Granularity

_NAMES = ("open", "high", "low", "close", "volume")
_COLUMNS = ("start", *_NAMES)
#: So many numbers of a column are made at once: a window moves by a bar a tick.
_BLOCK = 2048


class WindowBars(Bars):
    """Bars that read a column of a series when somebody asks for it; equal to the same bars made at once."""

    def __init__(self, series: ColumnSeries, low: int, high: int, filled: int = 0) -> None:
        own: dict[str, Any] = self.__dict__
        own.update(granularity=series.granularity, filled=filled, _series=series, _low=low, _high=high)

    def __len__(self) -> int:
        own = self.__dict__
        return int(own["_high"] - own["_low"])

    def __getattr__(self, name: str) -> Any:
        # Only asked for what is not there yet.
        if name not in _COLUMNS:
            raise AttributeError(name)
        own = self.__dict__
        column = own[name] = own["_series"].read(name, own["_low"], own["_high"])
        return column

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bars) and _as_tuple(self) == _as_tuple(other)

    def __hash__(self) -> int:
        return hash(_as_tuple(self))


def _as_tuple(bars: Bars) -> tuple[object, ...]:
    return bars.granularity, bars.filled, bars.start, *(getattr(bars, name) for name in _NAMES)


class ColumnSeries:
    """What ``desk.markets.series.CandleSeries`` answers, from arrays. A bucket without a trade is absent."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.granularity = columns.granularity
        self._step = columns.granularity.seconds
        self._quiet_seconds = max(QUIET_SECONDS_MAX, 2 * self._step)
        self._count = count = len(columns)
        self._first = int(columns.start[0]) if count else 0
        # On a full grid a place is a division; otherwise it is searched.
        self._is_full = bool(count) and int(columns.start[-1]) - self._first == (count - 1) * self._step
        # A single number is read twice as fast from here as from an array, and is Python's own.
        self._start, *self._prices = (memoryview(getattr(columns, name)) for name in _COLUMNS)
        self._newest_window: tuple[int, int, Bars] | None = None
        self._blocks: dict[str, tuple[int, tuple[float, ...]]] = {}
        self._longer: dict[Granularity, ColumnSeries] = {}

    @property
    def has_candles(self) -> bool:
        """Whether there is any candle."""
        return self._count > 0

    def count_until(self, instant: int) -> int:
        """Count the candles that start at or before an instant."""
        if self._is_full:
            place = (instant - self._first) // self._step + 1
            return 0 if place < 0 else min(place, self._count)
        return int(self.columns.start.searchsorted(instant, side="right"))

    def bars(self, count: int, now: Instant) -> Bars:
        """Return *count* closed bars on a full grid; holes hold the close before. Raises: DataError."""
        step = self._step
        last = now // step * step - step
        high = self.count_until(last)
        low = self.count_until(last - count * step)
        if high == low:
            first = last - (count - 1) * step
            raise MissingData(f"no closed {self.granularity} candle between {first} and {last}")
        newest = self._start[high - 1]
        if newest != last:
            raise StaleData(f"newest closed {self.granularity} candle starts at {newest}, expected {last}", newest)
        # The window of a long bar is the same at many ticks, and so is what was made of it.
        known = self._newest_window
        if known is None or known[:2] != (low, high):
            known = self._newest_window = low, high, self._make_bars(low, high)
        return known[2]

    def _make_bars(self, low: int, high: int) -> Bars:
        if self._start[high - 1] - self._start[low] == (high - low - 1) * self._step:
            return WindowBars(self, low, high)
        window = [getattr(self.columns, name)[low:high] for name in _COLUMNS]
        laid = fill_holes(Columns(self.granularity, *window))
        return WindowBars(ColumnSeries(laid), 0, len(laid), len(laid) - (high - low))

    def read(self, name: str, low: int, high: int) -> tuple[float, ...]:
        """Return a part of a column. Neighboring parts share their numbers, which are made a block at a time."""
        begin, block = self._blocks.get(name, (0, ()))
        if low < begin or high > begin + len(block):
            begin, values = low, getattr(self.columns, name)[low : max(low + _BLOCK, high)]
            block = tuple(values.tolist())
            self._blocks[name] = begin, block
        return block[low - begin : high - begin]

    def last_closed(self, now: Instant) -> Candle | None:
        """Return the newest closed candle, unless it is so old that the market must be taken for shut."""
        index = self.count_until(now - self._step) - 1
        if index < 0 or self._start[index] + self._step < now - self._quiet_seconds:
            return None
        return self._candle(index)

    def running_open(self, now: Instant) -> float | None:
        """Return the first price of the bar that runs at *now*: what an order sent now meets. Never for a decision."""
        index = self.count_until(now) - 1
        if index < 0 or self._start[index] + self._step <= now:
            return None
        return float(self._prices[0][index])

    def between(self, since: Instant, until: Instant) -> tuple[Candle, ...]:
        """Return the candles that closed after *since* and not after *until*."""
        low, high = self.count_until(since - self._step), self.count_until(until - self._step)
        return tuple(self._candle(index) for index in range(low, high))

    def day_notional(self, now: Instant) -> float:
        """Sum close × volume over the bars that lie entirely within the 24 hours before *now*."""
        low, high = self.count_until(now - 86_400 - 1), self.count_until(now - self._step)
        until = self._notional_until
        return until.item(high) - until.item(low) if low < high else 0.0

    def aggregate(self, granularity: Granularity) -> ColumnSeries:
        """Put the candles into longer bars; a bar lacks what its candles lack.

        Raises: ConfigError if the longer bar is not a multiple of this one.
        """
        longer = self._longer.get(granularity)
        if longer is None:
            longer = self._longer[granularity] = self._aggregate(granularity)
        return longer

    def _aggregate(self, granularity: Granularity) -> ColumnSeries:
        step = granularity.seconds
        if step % self._step:
            raise ConfigError(f"{self.granularity} candles cannot be put into {granularity} bars")
        columns = self.columns
        buckets = columns.start // step * step
        first = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1]))) if len(columns) else np.array([])
        if not len(first):
            return ColumnSeries(Columns.from_candles(granularity, ()))
        last = np.concatenate((first[1:], [len(columns)])) - 1
        # Added up one after the other, as Python does it, not pairwise: to the last bit the same as candle by candle.
        volume = np.array([_sum(columns.volume[low : high + 1]) for low, high in zip(first, last, strict=True)])
        return ColumnSeries(
            Columns(
                granularity,
                buckets[first],
                columns.open[first],
                np.maximum.reduceat(columns.high, first),
                np.minimum.reduceat(columns.low, first),
                columns.close[last],
                volume,
            )
        )

    def _candle(self, index: int) -> Candle:
        opened, high, low, close, volume = self._prices
        return Candle(self._start[index], opened[index], high[index], low[index], close[index], volume[index])

    @cached_property
    def _notional_until(self) -> Floats:
        # cumsum adds one after the other, as accumulate does.
        return np.concatenate(([0.0], np.cumsum(self.columns.close * self.columns.volume)))


def _sum(values: Floats) -> float:
    return float(np.cumsum(values)[-1])


def fill_holes(columns: Columns) -> Columns:
    """Lay candles on their whole grid: a bucket without a trade holds the close before it, and no volume."""
    step, start = columns.granularity.seconds, columns.start
    if not len(start) or int(start[-1]) - int(start[0]) == (len(start) - 1) * step:
        return columns
    grid = np.arange(start[0], start[-1] + 1, step)
    place = np.searchsorted(start, grid, side="right") - 1
    is_hole = start[place] != grid
    close = columns.close[place]
    opened, high, low = (np.where(is_hole, close, getattr(columns, name)[place]) for name in ("open", "high", "low"))
    volume = np.where(is_hole, 0.0, columns.volume[place])
    return Columns(columns.granularity, grid, opened, high, low, close, volume)
