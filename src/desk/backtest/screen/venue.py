"""``trader.sim`` in columns: the next tick before which the simulated venue may have executed or ended an order.

Wider than every fill model: a bar that touches a price may fill it.
"""

from __future__ import annotations

from desk.backtest.grid import MARGIN, MarketGrid
from desk.backtest.screen.watch import Watch
from trader.model.orders import OrderConfiguration, Side
from trader.sim.orders import SimOrder


class VenueScreen:
    """Where the market reaches what an order waits for."""

    def __init__(self, grid: MarketGrid, watch: Watch) -> None:
        self._grid, self._watch = grid, watch

    def next_tick(self, order: SimOrder, begin: int) -> int:
        """Return the first tick from *begin* on by which an order may have executed, triggered or expired."""
        columns = self._grid.products.get(order.product_id)
        if columns is None or not order.is_understood or order.is_triggered:
            return begin
        # When a product leaves, what is held of it has no price, and what is bought of it a parent: neither is calm.
        found = len(self._grid)
        if order.expires_at is not None:
            found = min(found, self._grid.find(order.expires_at))
        name, limit = order.venue_order_id, float(order.limit_price)
        if order.side is Side.BUY:
            price = limit * (1 + MARGIN)
            return min(found, self._watch.first_at_or_below((name, "limit", price), columns.low, price, begin))
        if order.stop_price is not None:
            stop = float(order.stop_price) * (1 + MARGIN)
            found = min(found, self._watch.first_at_or_below((name, "stop", stop), columns.low, stop, begin))
        if order.configuration is not OrderConfiguration.STOP_LIMIT_GTC:
            price = limit * (1 - MARGIN)
            found = min(found, self._watch.first_at_or_above((name, "limit", price), columns.high, price, begin))
        return found
