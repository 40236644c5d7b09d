"""``trader.model.costs`` in columns: where a trade is expected to earn its round trip."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from desk.backtest.data.columns import Floats, Integers
from desk.backtest.grid import MARGIN, Flags, MarketGrid
from trader.model.costs import expected_edge_pct
from trader.model.ids import ProductId


@dataclass(frozen=True)
class Hurdle:
    """The edge that a trade of one product must exceed at every tick, as far as it is known: from *low* to *high*."""

    low: Floats
    high: Floats

    @classmethod
    def of(cls, grid: MarketGrid, product_id: ProductId, edge_multiple: Decimal) -> Hurdle:
        """Take the fees of the simulated venue, and each side of the quote an increment off at most."""
        simulation, increment = grid.settings.simulation, float(grid.products[product_id].product.price_increment)
        fees = float(simulation.maker_fee_ratio + simulation.taker_fee_ratio)
        slippage, multiple = float(grid.settings.costs.slippage_bps) / 1e4, float(edge_multiple)
        spread = grid.spreads(product_id) / 1e4
        with np.errstate(divide="ignore", invalid="ignore"):
            room = 2 * increment / grid.prices(product_id) + MARGIN * (fees + spread + slippage)
        needed = (fees + spread + slippage) * 100 * multiple
        return cls(needed - room * 100 * multiple, needed + room * 100 * multiple)

    def compare(
        self, target_pct: Decimal, stop_pct: Decimal, hit_ratio: Decimal, rows: Integers | slice = slice(None)
    ) -> tuple[Flags, Flags]:
        """Return at which ticks, or *rows* of them, some terms do not exceed it, and where that cannot be said."""
        edge = float(expected_edge_pct(target_pct, stop_pct, hit_ratio))
        fails = edge <= self.low[rows]
        return fails, ~fails & (edge <= self.high[rows])
