"""What slides over a series: right at every place, and not worn out by what lies far behind."""

from __future__ import annotations

from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.backtest.windows import fill_series, roll_count, roll_max, roll_min, roll_sum
from recorded_candles import BEGIN, Weather, make_random_series
from trader.errors import DataError
from trader.model.ids import Instant


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=60), st.integers(1, 70))
def test_windows_slide(values: list[float], width: int) -> None:
    """Sums, extremes and counts are those of the last so many values, or of all where there are fewer."""
    column = np.array(values)
    windows = [values[max(end - width, 0) : end] for end in range(1, len(values) + 1)]

    assert roll_max(column, width).tolist() == [max(each) for each in windows]
    assert roll_min(column, width).tolist() == [min(each) for each in windows]
    assert roll_count(column > 1, width).tolist() == [sum(value > 1 for value in each) for each in windows]
    assert roll_sum(column, width).tolist() == pytest.approx([fsum(each) for each in windows], rel=1e-14)


def test_sum_does_not_wear_out() -> None:
    """A thousand trillions that lie behind take nothing from a window of small numbers."""
    column = np.concatenate((np.full(10_000, 1e15), np.full(400, 1e-3)))

    assert roll_sum(column, 300)[-1] == pytest.approx(0.3, rel=1e-14)


def test_what_was_given_is_left_as_it_was() -> None:
    """The columns of a series are read, never written."""
    column = np.arange(10.0)

    for roll in (roll_sum, roll_max, roll_min):
        roll(column, 7)

    assert column.tolist() == list(range(10))


@given(st.integers(0, 1_000), st.integers(1, 40), st.sampled_from([0, 10, 50]), st.integers(-20, 5))
def test_ticks_are_shown_the_bars_that_the_market_hands_out(seed: int, count: int, holes: int, begin: int) -> None:
    """Before the first candle, at holes and past the last: as many bars, with the same numbers."""
    series = make_random_series(Weather(seed, bars=30, holes=holes))
    ticks = BEGIN + np.arange(begin, begin + 45, dtype=np.int64) * 300

    bars = fill_series(series, ticks, count)

    for row, now in enumerate(ticks.tolist()):
        length, last = int(bars.length[row]), int(bars.last[row])
        try:
            exact = series.bars(count, Instant(now))
        except DataError:
            assert length == 0
            continue
        assert len(exact) == length
        for name in ("high", "low", "close", "volume"):
            assert tuple(getattr(bars, name)[last - length + 1 : last + 1].tolist()) == getattr(exact, name)
