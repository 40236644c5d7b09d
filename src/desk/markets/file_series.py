"""The candles of a file, kept as its columns: a candle is made only of a row that is asked for.

Of a file of years a cycle needs a day. All rows were checked when they were read, so that no answer has to look at
any but its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import accumulate, repeat
from operator import mul

from desk.markets.candle_rows import Columns
from desk.markets.series import QUIET_SECONDS_MAX, CandleSeries
from trader.model.ids import Instant
from trader.model.market import Bars, Candle, Granularity, bars_from_candles, expected_last_start


class FileSeries:
    """One file's candles as a ``Series``. Shape: columns as ``parse_columns`` returns them, all of them sound."""

    def __init__(self, granularity: Granularity, columns: Columns) -> None:
        self.granularity = granularity
        self._columns = columns
        self._starts: list[int] = columns[0]

    @property
    def has_candles(self) -> bool:
        """Whether there is any candle."""
        return bool(self._starts)

    def take_newest(self, count: int) -> list[Candle]:
        """Return the newest candles of the file, oldest first: so many, or all there are."""
        return self._make_candles(max(0, len(self._starts) - count), len(self._starts))

    def bars(self, count: int, now: Instant) -> Bars:
        """Return *count* closed bars, exactly as ``bars_from_candles`` would. Raises: DataError."""
        last = expected_last_start(self.granularity, now)
        first = last - (count - 1) * self.granularity.seconds
        low, high = bisect_left(self._starts, first), bisect_right(self._starts, last)
        # Ascending: as many as the grid has, from its first to its last, leaves no room for a hole.
        if high - low == count and self._starts[low] == first and self._starts[high - 1] == last:
            starts, opens, highs, lows, closes, volumes = (tuple(column[low:high]) for column in self._columns)
            return Bars(self.granularity, starts, opens, highs, lows, closes, volumes)
        return bars_from_candles(self._make_candles(low, high), self.granularity, now, count)

    def last_closed(self, now: Instant) -> Candle | None:
        """Return the newest closed candle, unless it is so old that the market must be taken for shut."""
        step = self.granularity.seconds
        index = bisect_right(self._starts, now - step) - 1
        if index < 0 or self._starts[index] + step < now - max(QUIET_SECONDS_MAX, 2 * step):
            return None
        return self._make_candles(index, index + 1)[0]

    def running_open(self, now: Instant) -> float | None:
        """Return the first price of the bar that runs at *now*: what an order sent now meets. Never for a decision."""
        index = bisect_right(self._starts, now) - 1
        if index < 0 or self._starts[index] + self.granularity.seconds <= now:
            return None
        return self._make_candles(index, index + 1)[0].open

    def between(self, since: Instant, until: Instant) -> tuple[Candle, ...]:
        """Return the candles that closed after *since* and not after *until*."""
        step = self.granularity.seconds
        low, high = bisect_right(self._starts, since - step), bisect_right(self._starts, until - step)
        return tuple(self._make_candles(low, high))

    def day_notional(self, now: Instant) -> float:
        """Sum close × volume over the bars that lie entirely within the 24 hours before *now*."""
        low, high = bisect_left(self._starts, now - 86_400), bisect_right(self._starts, now - self.granularity.seconds)
        return self._notional_until[high] - self._notional_until[low] if low < high else 0.0

    def aggregate(self, granularity: Granularity) -> CandleSeries:
        """Put the candles into longer bars; a bar lacks what its candles lack.

        Raises: ConfigError if the longer bar is not a multiple of this one.
        """
        return CandleSeries(self.granularity, self._make_candles(0, len(self._starts))).aggregate(granularity)

    @cached_property
    def _notional_until(self) -> list[float]:
        # From the first row on, as of all candles: the sum of a part alone would be rounded otherwise.
        _, _, _, _, closes, volumes = self._columns
        return list(accumulate(map(mul, closes, volumes), initial=0.0))

    def _make_candles(self, low: int, high: int) -> list[Candle]:
        # The tuple's own constructor, which is quick: the rows are checked.
        rows = zip(*(column[low:high] for column in self._columns), strict=True)
        return list(map(tuple.__new__, repeat(Candle), rows))
