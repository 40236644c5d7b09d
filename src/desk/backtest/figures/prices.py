"""Recorded prices by product and instant, as the figures need them: mids, and how far a price went in between."""

from __future__ import annotations

from collections.abc import Mapping

from desk.backtest.data.columns import Columns
from trader.model.ids import Instant, ProductId
from trader.model.money import Price
from trader.sim.fills import to_price


class PriceHistory:
    """The finest candles of each product. A close is the mid: the simulated venue lays its spread around it."""

    def __init__(self, columns: Mapping[ProductId, Columns]) -> None:
        self.columns = {product_id: each for product_id, each in columns.items() if len(each)}

    def find_mid(self, product_id: ProductId, at: Instant) -> Price | None:
        """Return the close of the newest candle that was over by an instant; None before the first.

        A product whose candles have ended stays at its last close.
        """
        columns = self.columns.get(product_id)
        if columns is None:
            return None
        place = int(columns.start.searchsorted(at - columns.granularity.seconds, side="right")) - 1
        return to_price(float(columns.close[place])) if place >= 0 else None

    def find_opening_mid(self, product_id: ProductId, at: Instant, until: Instant) -> Price | None:
        """Return the mid at an instant or, where a product has none yet, its first close until another; else None.

        A product whose candles had ended by then has none: what nobody could buy any more is not held.
        """
        mid, columns = self.find_mid(product_id, at), self.columns.get(product_id)
        if columns is not None and columns.start[-1] + columns.granularity.seconds < at:
            return None
        if mid is not None or columns is None or columns.start[0] + columns.granularity.seconds > until:
            return mid
        return to_price(float(columns.close[0]))

    def find_extremes(self, product_id: ProductId, since: Instant, until: Instant) -> tuple[float, float] | None:
        """Return highest high and lowest low of the candles that lie wholly between two instants; None without any."""
        columns = self.columns.get(product_id)
        if columns is None:
            return None
        low = int(columns.start.searchsorted(since, side="left"))
        high = int(columns.start.searchsorted(until - columns.granularity.seconds, side="right"))
        if low >= high:
            return None
        return float(columns.high[low:high].max()), float(columns.low[low:high].min())
