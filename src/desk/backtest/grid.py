"""What every tick of a run sees of every product, in columns: computed once, read by all screens.

Floats here say where to look, never what is decided: wherever they come near a threshold, the tick is run exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.columns import Floats, Integers
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded, choose_finest, make_series
from desk.markets.series import QUIET_SECONDS_MAX
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity, Product
from trader.model.money import BPS
from trader.settings import Settings

Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

#: So far apart, relative to their size, two floats may be that stand for one decimal, or for one sum in two orders.
MARGIN = 1e-9


@dataclass(frozen=True)
class ProductColumns:
    """One product at every tick.

    ``price`` is the last close, as far as the market is not shut; NaN where there is none. ``bid`` and ``ask`` are
    rounded to the increment as the market's are, one increment apart at most. ``low`` and ``high`` are the extremes of
    what closed since the tick before; infinite where nothing did.
    """

    product: Product
    price: Floats
    bid: Floats
    ask: Floats
    low: Floats
    high: Floats

    @cached_property
    def has_quote(self) -> Flags:
        """Where there is a market."""
        return ~np.isnan(self.price)


class MarketGrid:
    """All products of a recorded market at the instants of a run. Shape: every column has one row a tick."""

    def __init__(self, recorded: Recorded, ticks: Sequence[Instant]) -> None:
        self.recorded = recorded
        self.settings: Settings = recorded.settings
        self.ticks: Integers = np.array(ticks, dtype=np.int64)
        self.products: dict[ProductId, ProductColumns] = {
            product.product_id: self._columns(product, choose_finest(recorded, product.product_id))
            for product in recorded.products
        }

    def __len__(self) -> int:
        return len(self.ticks)

    def at(self, tick: int) -> Instant:
        """Return the instant of a tick."""
        return Instant(int(self.ticks[tick]))

    def find(self, instant: int) -> int:
        """Return the first tick at or after an instant; the count of ticks if there is none."""
        return int(np.searchsorted(self.ticks, instant, side="left"))

    def finest(self, product_id: ProductId) -> ColumnSeries:
        """Return a product's finest candles."""
        return choose_finest(self.recorded, product_id)

    def series(self, product_id: ProductId, granularity: Granularity) -> ColumnSeries | None:
        """Return a product's bars of a length, made of its finest candles if need be; None where that cannot be."""
        return make_series(self.recorded, product_id, granularity)

    def places(self, series: ColumnSeries) -> Integers:
        """Return, per tick, how many candles of a series have closed."""
        return np.searchsorted(series.columns.start, self.ticks - series.granularity.seconds, side="right")

    def _columns(self, product: Product, series: ColumnSeries) -> ProductColumns:
        columns, step = series.columns, series.granularity.seconds
        closed = self.places(series)
        last = np.maximum(closed - 1, 0)
        if len(columns):
            is_open = (closed > 0) & (columns.start[last] + step >= self.ticks - max(QUIET_SECONDS_MAX, 2 * step))
            price = np.where(is_open, columns.close[last], np.nan)
            before = np.concatenate(([0], closed[:-1]))
            low = _extremes(np.minimum, columns.low, before, closed, np.inf)
            high = _extremes(np.maximum, columns.high, before, closed, -np.inf)
        else:
            price = np.full(len(self), np.nan)
            low, high = np.full(len(self), np.inf), np.full(len(self), -np.inf)
        increment = float(product.price_increment)
        half = float(self.settings.simulation.spread_bps / BPS / 2)
        # A hundred-thousandth of an increment: what a float lacks to the whole number it stands for is far less.
        bid = np.floor(price * (1 - half) / increment + 1e-5) * increment
        ask = np.maximum(np.ceil(price * (1 + half) / increment - 1e-5) * increment, bid + increment)
        return ProductColumns(product, price, bid, ask, low, high)


def _extremes(take: np.ufunc, values: Floats, low: Integers, high: Integers, nothing: float) -> Floats:
    """Take the extreme of values[low:high] for each pair; *nothing* where that is empty."""
    found = np.full(len(low), nothing)
    if np.array_equal(high, low + 1):
        return values[low]
    some = np.flatnonzero(high > low)
    if not len(some):
        return found
    # Neighbours share their edge, so one pass does; what lies between two stretches belongs to neither.
    edges = np.column_stack((low[some], high[some])).ravel()
    padded = np.append(values, nothing)
    found[some] = take.reduceat(padded, edges)[::2]
    return found
