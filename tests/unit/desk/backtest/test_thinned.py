"""Thinned prices: a band that no price leaves, and holes that stay holes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desk.backtest.data.columns import Columns
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.thinned import STRETCHES_MAX, build_thinned_prices, reduce_columns
from factories_figures import HOUR, MIDNIGHT
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity


def hours(numbers: list[int], closes: list[float]) -> Columns:
    """Candles of these hours after midnight; high and low lie 1 above and below the close."""
    close = np.array(closes, dtype=np.float64)
    start = MIDNIGHT + HOUR * np.array(numbers, dtype=np.int64)
    return Columns(Granularity.ONE_HOUR, start, close, close + 1, close - 1, close, close)


@given(st.data())
def test_no_price_leaves_the_band(data: st.DataObject) -> None:
    """Of every candle of the run; a stretch without one has no numbers."""
    numbers = sorted(data.draw(st.sets(st.integers(0, 3000), min_size=1)))
    closes = [100.0 + number * 7 % 50 for number in numbers]
    thinned = reduce_columns(hours(numbers, closes), Instant(MIDNIGHT), Instant(MIDNIGHT + 3001 * HOUR))
    assert thinned is not None
    low, high, close = (thinned[each] for each in ("low", "high", "close"))
    places = [(MIDNIGHT + number * HOUR - thinned["start"]) // thinned["step"] for number in numbers]

    assert len(low) == len(high) == len(close) == places[-1] + 1 <= STRETCHES_MAX
    for place, price in zip(places, closes, strict=True):
        assert low[place] <= price - 1 < price + 1 <= high[place]
    assert [place for place, each in enumerate(close) if each is not None] == sorted(set(places))
    assert close[-1] == closes[-1]


def test_candles_outside_the_run_are_left_out() -> None:
    """One that is not over at its end as well; a product without any has no prices."""
    columns = hours([0, 1, 2, 3], [10.0, 20.0, 30.0, 40.0])
    prices = PriceHistory({ProductId("BTC-USD"): columns, ProductId("ETH-USD"): hours([9], [1.0])})
    found = build_thinned_prices(prices, Instant(MIDNIGHT + HOUR), Instant(MIDNIGHT + 3 * HOUR + 60))

    assert {
        "BTC-USD": {
            "start": MIDNIGHT + HOUR,
            "step": HOUR,
            "low": [19.0, 29.0],
            "high": [21.0, 31.0],
            "close": [20.0, 30.0],
        }
    } == found
