"""Series for tests of the backtest: real candles where there is a folder of them, and random ones of two kinds."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
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
    """What a random series is like; each is the share of bars that it happens to, in percent.

    ``turnover`` is about what is traded in a day, in the asset that pays; 0 leaves the volumes as they are drawn.
    """

    seed: int
    bars: int = 90
    scale: int = 2
    digits: int = 4
    wild_bps: int = 60
    jumps: int = 2
    flats: int = 10
    holes: int = 5
    unsold: int = 5
    turnover: float = 0


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
    columns = Columns(granularity, start[kept], *prices, volume[kept])
    if weather.turnover:
        a_day = float(np.mean(columns.close * columns.volume)) * (86_400 // granularity.seconds)
        columns = replace(columns, volume=np.round(columns.volume * (weather.turnover / a_day), 6))
    return ColumnSeries(columns)


@dataclass(frozen=True)
class Spells:
    """What a series of calm and wild hours is like: its moves are large now and then, its volumes never small.

    Units: ``sigma`` is the usual move in five minutes, ``holes`` the share of bars that are missing.
    """

    seed: tuple[int, int]
    bars: int
    price: float = 100.0
    sigma: float = 0.004
    holes: float = 0.0


def make_spelled_series(spells: Spells, granularity: Granularity = Granularity.FIVE_MINUTE) -> ColumnSeries:
    """Make a series of calm and wild spells of 24 bars each, and now and then a jump."""
    chance, count = np.random.default_rng(spells.seed), spells.bars
    sigma = spells.sigma * (granularity.seconds / 300) ** 0.5
    wild = np.repeat(chance.choice((0.4, 1.0, 2.5), count // 24 + 1), 24)[:count]
    steps = chance.standard_normal(count) * sigma * wild
    steps += (chance.random(count) < 0.01) * chance.standard_normal(count) * sigma * 8
    close = np.round(spells.price * np.exp(np.cumsum(steps)), 4)
    opened = np.concatenate(([close[0]], close[:-1]))
    reach = np.abs(chance.standard_normal((2, count))) * sigma * 0.5
    high = np.round(np.maximum(opened, close) * (1 + reach[0]), 4)
    low = np.round(np.minimum(opened, close) * (1 - reach[1]), 4)
    volume = np.round(np.exp(chance.standard_normal(count) * 0.6) * 1e6 / spells.price, 3)
    start = BEGIN + np.arange(count, dtype=np.int64) * granularity.seconds
    kept = chance.random(count) >= spells.holes
    kept[0] = True
    return ColumnSeries(Columns(granularity, *(each[kept] for each in (start, opened, high, low, close, volume))))
