"""A market of candles whose list of products is that of the instant: what is not there yet, or is gone, has no row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from desk.backtest.data.universe import PointInTimeUniverse
from desk.backtest.series import ColumnSeries
from desk.markets.candle_market import CandleMarket, SeriesKey
from trader.errors import DataError, MissingData
from trader.model.ids import ProductId
from trader.model.market import Product
from trader.ports import Clock
from trader.settings.app import SimulationSettings


class ListedMarket(CandleMarket):
    """Quotes, bars and depth are those of the candles; the rows of products come and go with the universe."""

    def __init__(
        self,
        universe: PointInTimeUniverse,
        products: Sequence[Product],
        series: Mapping[SeriesKey, ColumnSeries],
        settings: SimulationSettings,
        clock: Clock,
    ) -> None:
        super().__init__(products, series, settings, clock)
        self._universe, self._now = universe, clock.now

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        if product_ids is None:
            # In the order in which they are recorded, as the venue's own list has one.
            return super().products([each for each in self._products if self.is_listed(each)])
        found = dict(super().products(product_ids))
        gone = (each for each in product_ids if not self.is_listed(each))
        return found | {each: MissingData(f"{each} is not listed") for each in gone}

    def is_listed(self, product_id: ProductId) -> bool:
        """Whether the venue lists a product now."""
        return self._universe.is_listed(product_id, self._now())
