"""One product's candles of one granularity, indexed so that any instant is found by bisection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from operator import attrgetter, le, lt
from typing import Protocol

from trader.errors import ConfigError
from trader.model.ids import Instant
from trader.model.market import Bars, Candle, Granularity, bars_from_candles, expected_last_start

#: A market is quoted for this long after its last trade, or for two bars if those are longer.
QUIET_SECONDS_MAX = 3600


class Series(Protocol):
    """One product's candles of one granularity. Nothing at or after *now* is looked at, except where it says so."""

    @property
    def granularity(self) -> Granularity:
        """How long a bar is."""

    @property
    def has_candles(self) -> bool:
        """Whether there is any candle."""

    def bars(self, count: int, now: Instant) -> Bars:
        """Return *count* closed bars, exactly as ``bars_from_candles`` would. Raises: DataError."""

    def last_closed(self, now: Instant) -> Candle | None:
        """Return the newest closed candle, unless it is so old that the market must be taken for shut."""

    def running_open(self, now: Instant) -> float | None:
        """Return the first price of the bar that runs at *now*: what an order sent now meets. Never for a decision."""

    def between(self, since: Instant, until: Instant) -> tuple[Candle, ...]:
        """Return the candles that closed after *since* and not after *until*."""

    def day_notional(self, now: Instant) -> float:
        """Sum close × volume over the bars that lie entirely within the 24 hours before *now*."""

    def aggregate(self, granularity: Granularity) -> Series:
        """Put the candles into longer bars. Raises: ConfigError if they are not a multiple of these."""


class CandleSeries:
    """Candles in time order. Nothing at or after *now* is ever looked at, except by ``running_open`` and ``between``.

    Shape: any order, duplicates allowed (the last one wins). Costly columns are made on first use and kept.
    """

    def __init__(self, granularity: Granularity, candles: Sequence[Candle]) -> None:
        self.granularity = granularity
        self.candles = tuple(candles)
        self.starts = tuple(candle.start for candle in self.candles)
        if not all(map(lt, self.starts, self.starts[1:])):
            by_start = {candle.start: candle for candle in self.candles}
            self.candles = tuple(sorted(by_start.values(), key=attrgetter("start")))
            self.starts = tuple(candle.start for candle in self.candles)

    @property
    def has_candles(self) -> bool:
        """Whether there is any candle."""
        return bool(self.starts)

    def bars(self, count: int, now: Instant) -> Bars:
        """Return *count* closed bars, exactly as ``bars_from_candles`` would. Raises: DataError."""
        step = self.granularity.seconds
        last = expected_last_start(self.granularity, now)
        first = last - (count - 1) * step
        low, high = bisect_left(self.starts, first), bisect_right(self.starts, last)
        # Sorted and unique: as many as the grid has, from its first to its last, leaves no room for a hole.
        if high - low == count and self.starts[low] == first and self.starts[high - 1] == last and self._is_sound:
            opens, highs, lows, closes, volumes = (column[low:high] for column in self._columns)
            return Bars(self.granularity, self.starts[low:high], opens, highs, lows, closes, volumes)
        return bars_from_candles(self.candles[low:high], self.granularity, now, count)

    def last_closed(self, now: Instant) -> Candle | None:
        """Return the newest closed candle, unless it is so old that the market must be taken for shut."""
        step = self.granularity.seconds
        index = bisect_right(self.starts, now - step) - 1
        if index < 0 or self.starts[index] + step < now - max(QUIET_SECONDS_MAX, 2 * step):
            return None
        return self.candles[index]

    def running_open(self, now: Instant) -> float | None:
        """Return the first price of the bar that runs at *now*: what an order sent now meets. Never for a decision."""
        index = bisect_right(self.starts, now) - 1
        if index < 0 or self.starts[index] + self.granularity.seconds <= now:
            return None
        return self.candles[index].open

    def between(self, since: Instant, until: Instant) -> tuple[Candle, ...]:
        """Return the candles that closed after *since* and not after *until*."""
        step = self.granularity.seconds
        return self.candles[bisect_right(self.starts, since - step) : bisect_right(self.starts, until - step)]

    def day_notional(self, now: Instant) -> float:
        """Sum close × volume over the bars that lie entirely within the 24 hours before *now*."""
        step = self.granularity.seconds
        low, high = bisect_left(self.starts, now - 86_400), bisect_right(self.starts, now - step)
        return self._notional_until[high] - self._notional_until[low] if low < high else 0.0

    def aggregate(self, granularity: Granularity) -> CandleSeries:
        """Put the candles into longer bars; a bar lacks what its candles lack.

        Raises: ConfigError if the longer bar is not a multiple of this one.
        """
        step = granularity.seconds
        if step % self.granularity.seconds:
            raise ConfigError(f"{self.granularity} candles cannot be put into {granularity} bars")
        rows: list[Candle] = []
        for start, opened, high, low, close, volume in self.candles:
            bucket = start // step * step
            if rows and rows[-1].start == bucket:
                last = rows[-1]
                rows[-1] = Candle(
                    bucket, last.open, max(last.high, high), min(last.low, low), close, last.volume + volume
                )
            else:
                rows.append(Candle(bucket, opened, high, low, close, volume))
        return CandleSeries(granularity, rows)

    @cached_property
    def _columns(self) -> tuple[tuple[float, ...], ...]:
        # Open, high, low, close, volume.
        return tuple(zip(*(candle[1:] for candle in self.candles), strict=True))

    @cached_property
    def _notional_until(self) -> tuple[float, ...]:
        return tuple(accumulate((candle.close * candle.volume for candle in self.candles), initial=0.0))

    @cached_property
    def _is_sound(self) -> bool:
        # If any candle of the series makes no sense, every window is checked candle by candle instead.
        opens, highs, lows, closes, volumes = self._columns
        return (
            all(low > 0 for low in lows)
            and all(map(le, lows, opens))
            and all(map(le, opens, highs))
            and all(map(le, lows, closes))
            and all(map(le, closes, highs))
            and all(high < float("inf") for high in highs)
            and all(0 <= volume < float("inf") for volume in volumes)
        )
