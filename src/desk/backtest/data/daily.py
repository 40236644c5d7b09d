"""Daily closes of many coins from one file: a column a coin, a line a day, an empty field where it was not listed.

There is nothing in it but closes: a day's open, high and low are its close, and it has no volume. So no stop or target
inside a day can be judged, and no size by what was traded: whoever reports a result on them has to say so.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from desk.backtest.data.columns import Columns, Floats, Integers
from desk.markets.candle_files import QUOTES, read_plain
from trader.errors import ConfigError, MalformedData
from trader.model.ids import Asset, ProductId
from trader.model.market import Granularity

_DAY = Granularity.ONE_DAY
_COIN = re.compile(r"[A-Z0-9]+")


class DailyCloseSource:
    """CandleSource over a file ``date,BTC,ETH,...`` of closes in one quote asset; the file is read at once."""

    has_only_closes = True

    def __init__(self, file: Path, quote: Asset = Asset("USDT")) -> None:
        """Read the file.

        Raises: ConfigError if there is none, or for a quote asset that is none of ours; DataError for one that cannot
        be read; MalformedData naming file, line and value.
        """
        if not file.is_file():
            raise ConfigError(f"{file} is not there; allowed is a file of daily closes")
        if quote not in QUOTES:
            raise ConfigError(f"{quote}: no quote asset; allowed are {', '.join(QUOTES)}")
        self.path = file
        self._columns = {ProductId(f"{coin}-{quote}"): each for coin, each in _read_closes(file).items()}

    def products(self) -> tuple[ProductId, ...]:
        """Return every product with a close, by name."""
        return tuple(sorted(self._columns))

    def granularities(self, product_id: ProductId) -> tuple[Granularity, ...]:
        """Return the one length there is."""
        return (_DAY,) if product_id in self._columns else ()

    def load(self, product_id: ProductId, granularity: Granularity) -> Columns:
        """Return the days on which a product was listed. Raises: ConfigError if there are none."""
        if product_id not in self._columns or granularity is not _DAY:
            raise ConfigError(f"{self.path}: there are no {granularity} candles of {product_id}")
        return self._columns[product_id]


def _read_closes(file: Path) -> dict[str, Columns]:
    header, *lines = read_plain(file).decode().rstrip("\n").split("\n")
    first, *coins = header.split(",")
    if first != "date" or not coins or len({*coins}) != len(coins) or not all(map(_COIN.fullmatch, coins)):
        raise MalformedData(f"{file}, line 1: expected 'date,BTC,ETH,...', found {header!r}")
    starts: list[int] = []
    closes: list[list[float]] = []
    for number, line in enumerate(lines, start=2):
        place = f"{file}, line {number}"
        day, *cells = line.split(",")
        if len(cells) != len(coins):
            raise MalformedData(f"{place}: {len(cells) + 1} cells instead of {len(coins) + 1}: {line!r}")
        starts.append(_read_day(place, day))
        if len(starts) > 1 and starts[-1] <= starts[-2]:
            raise MalformedData(f"{place}: date {day} does not follow the one before")
        closes.append([_read_close(f"{place}: {coin}", cell) for coin, cell in zip(coins, cells, strict=True)])
    start = np.array(starts, dtype=np.int64)
    table = np.array(closes, dtype=np.float64).reshape(len(starts), len(coins))
    return {coin: each for at, coin in enumerate(coins) if len(each := _make_columns(start, table[:, at]))}


def _make_columns(start: Integers, closes: Floats) -> Columns:
    is_listed = ~np.isnan(closes)
    close = closes[is_listed]
    return Columns(_DAY, start[is_listed], close, close, close, close, np.zeros(len(close)))


def _read_day(place: str, day: str) -> int:
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise MalformedData(f"{place}: date {day!r} is no day like 2025-10-27") from error


def _read_close(place: str, cell: str) -> float:
    if not cell:
        return float("nan")
    try:
        close = float(cell)
    except ValueError as error:
        raise MalformedData(f"{place}: {cell!r} is not a number") from error
    if not 0 < close < float("inf"):
        raise MalformedData(f"{place}: {cell!r} is no price")
    return close
