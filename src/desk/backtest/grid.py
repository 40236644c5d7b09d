"""What every tick of a run sees of every product, in columns: computed once, read by all screens.

Floats here say where to look, never what is decided: wherever they come near a threshold, the tick is run exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    ``bid`` is rounded to the increment as the market's is, one increment off at most; NaN where the market is shut.
    ``low`` and ``high`` are the extremes of what closed since the tick before; infinite where nothing did.
    ``is_listed``: where the venue has the product on its list.
    """

    product: Product
    bid: Floats
    low: Floats
    high: Floats
    is_listed: Flags

    @property
    def has_quote(self) -> Flags:
        """Where there is a market."""
        return ~np.isnan(self.bid)


class MarketGrid:
    """All products of a recorded market at the instants of a run. Shape: every column has one row a tick.

    A row is what is seen when its tick begins; *exact* are the rows that are run whatever is seen there.
    """

    def __init__(self, recorded: Recorded, ticks: Sequence[Instant], exact: Sequence[int] = ()) -> None:
        self.recorded = recorded
        self.settings: Settings = recorded.settings
        self.ticks: Integers = np.array(ticks, dtype=np.int64)
        self.exact = np.zeros(len(ticks), dtype=np.bool_)
        self.exact[[*exact, *([len(ticks) - 1] if ticks else [])]] = True
        self._newest_places: tuple[ColumnSeries, Integers] | None = None
        self._newest_prices: tuple[ProductId, Floats] | None = None
        self._universe = recorded.list_universe()
        self.products: dict[ProductId, ProductColumns] = {
            product.product_id: self._columns(product, choose_finest(recorded, product.product_id))
            for product in recorded.products
        }

    def __len__(self) -> int:
        return len(self.ticks)

    def at(self, tick: int) -> Instant:
        """Return the instant of a tick."""
        return Instant(self.ticks.item(tick))

    def find(self, instant: int) -> int:
        """Return the first tick at or after an instant; the count of ticks if there is none."""
        return int(self.ticks.searchsorted(instant, side="left"))

    def finest(self, product_id: ProductId) -> ColumnSeries:
        """Return a product's finest candles."""
        return choose_finest(self.recorded, product_id)

    def forget_newest(self) -> None:
        """Let go of the columns that were kept for whoever asks next: all screens have asked."""
        self._newest_places = self._newest_prices = None

    def series(self, product_id: ProductId, granularity: Granularity) -> ColumnSeries | None:
        """Return a product's bars of a length, made of its finest candles if need be; None where that cannot be."""
        return make_series(self.recorded, product_id, granularity)

    def places(self, series: ColumnSeries) -> Integers:
        """Return, per tick, how many candles of a series have closed."""
        # One product's screens ask one after the other; a column of each would be much to keep.
        if self._newest_places is None or self._newest_places[0] is not series:
            end = self.ticks - series.granularity.seconds
            self._newest_places = series, series.columns.start.searchsorted(end, side="right")
        return self._newest_places[1]

    def prices(self, product_id: ProductId) -> Floats:
        """Return the last close at each tick; NaN where the market is shut."""
        if self._newest_prices is None or self._newest_prices[0] != product_id:
            self._newest_prices = product_id, self._find_prices(self.finest(product_id))
        return self._newest_prices[1]

    def _find_prices(self, series: ColumnSeries) -> Floats:
        columns, step = series.columns, series.granularity.seconds
        if not len(columns):
            return np.full(len(self), np.nan)
        closed = self.places(series)
        last = np.maximum(closed - 1, 0)
        is_open = (closed > 0) & (columns.start[last] + step >= self.ticks - max(QUIET_SECONDS_MAX, 2 * step))
        return np.where(is_open, columns.close[last], np.nan)

    def spreads(self, product_id: ProductId) -> Floats:
        """Return the spread at each tick. Units: basis points of the mid; an increment off at most."""
        product = self.products[product_id].product
        bid, increment = self.products[product_id].bid, float(product.price_increment)
        # A hundred-thousandth of an increment: what a float lacks to the whole number it stands for is far less.
        ask = np.ceil(self.prices(product_id) * (1 + self._half) / increment - 1e-5) * increment
        ask = np.maximum(ask, bid + increment)
        return (ask - bid) / (ask + bid) * 2e4

    @property
    def _half(self) -> float:
        return float(self.settings.simulation.spread_bps / BPS / 2)

    def _columns(self, product: Product, series: ColumnSeries) -> ProductColumns:
        increment, columns = float(product.price_increment), series.columns
        bid = np.floor(self.prices(product.product_id) * (1 - self._half) / increment + 1e-5) * increment
        closed = self.places(series)
        before = np.concatenate(([0], closed[:-1]))
        low = _extremes(np.minimum, columns.low, before, closed, np.inf)
        high = _extremes(np.maximum, columns.high, before, closed, -np.inf)
        is_listed = self._universe.listings[product.product_id].find_listed(self.ticks)
        return ProductColumns(product, bid, low, high, is_listed)


def _extremes(take: np.ufunc, values: Floats, low: Integers, high: Integers, nothing: float) -> Floats:
    """Take the extreme of values[low:high] for each pair; *nothing* where that is empty."""
    if len(low) and np.array_equal(high, low + 1):
        # One candle a tick: the column itself.
        return values[low[0] : high[-1]]
    found = np.full(len(low), nothing)
    some = np.flatnonzero(high > low)
    if not len(some):
        return found
    # Neighbours share their edge, so one pass does; what lies between two stretches belongs to neither.
    edges = np.column_stack((low[some], high[some])).ravel()
    padded = np.append(values, nothing)
    found[some] = take.reduceat(padded, edges)[::2]
    return found
