"""Series for tests of the backtest: real candles where there is a folder of them, and random ones full of faults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from desk.backtest.data.columns import Columns
from desk.backtest.series import ColumnSeries
from desk.markets.candle_folder import CandleFolder
from trader.model.ids import ProductId
from trader.model.market import Granularity

FOLDER = Path(os.environ.get("CANDLES", Path(__file__).parents[2] / "shared" / "data" / "candles"))
#: Where random series begin: the start of a day.
BEGIN = 1_735_689_600


@cache
def load_series(product_id: str, granularity: Granularity) -> ColumnSeries:
    """Read real candles; skips the test where they are not."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded candles in {FOLDER}")
    return ColumnSeries(
        Columns.from_candles(granularity, CandleFolder(FOLDER).load(ProductId(product_id), granularity))
    )


@dataclass(frozen=True)
class Weather:
    """What a random series is like; each is the share of bars that it happens to, in percent."""

    seed: int
    bars: int = 90
    scale: int = 2
    digits: int = 4
    wild_bps: int = 60
    jumps: int = 2
    flats: int = 10
    holes: int = 5
    unsold: int = 5


def make_random_series(weather: Weather, granularity: Granularity = Granularity.FIVE_MINUTE) -> ColumnSeries:
    """Make a series of some weather. Prices have few digits, so that equal ones are met."""
    random = np.random.default_rng(weather.seed)
    count = weather.bars

    def happens(percent: int) -> np.ndarray:
        return random.random(count) * 100 < percent

    moves = random.normal(0, weather.wild_bps / 1e4, count)
    moves = np.where(happens(weather.jumps), moves * 12, moves)
    moves = np.where(happens(weather.flats), 0.0, moves)
    price = 10.0**weather.scale
    unit = price / 10.0**weather.digits
    close = np.maximum(np.round(price * np.exp(np.cumsum(moves)) / unit), 2) * unit
    opened = np.concatenate((close[:1], close[:-1]))
    wick = np.where(happens(weather.flats), 0.0, np.round(random.random(count) * weather.wild_bps / 1e4 * close / unit))
    high = np.maximum(opened, close) + wick * unit
    low = np.maximum(np.minimum(opened, close) - wick * unit, unit)
    volume = np.where(happens(weather.unsold), 0.0, np.round(random.lognormal(3, 1.5, count), 1))
    kept = ~happens(weather.holes)
    kept[0] = True
    start = BEGIN + np.arange(count, dtype=np.int64) * granularity.seconds
    # As they would be written down: the sixth digit of a price is no 0.300000000000000004.
    prices = (np.round(each[kept], max(weather.digits - weather.scale, 0)) for each in (opened, high, low, close))
    return ColumnSeries(Columns(granularity, start[kept], *prices, volume[kept]))
