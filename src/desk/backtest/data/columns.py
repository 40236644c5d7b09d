"""Candles of one product in NumPy columns, as every source hands them out and the backtest reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trader.model.ids import ProductId
from trader.model.market import Candle, Granularity

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Closed candles of one product, oldest first, as they were recorded: a bucket without a trade is absent.

    Shape: one row a candle in every column; ``start`` ascends strictly, on the grid of the granularity. Units: start in
    epoch seconds, volume in base units. Sound: 0 < low <= open, close <= high, all finite, volume not negative.
    """

    granularity: Granularity
    start: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def from_candles(cls, granularity: Granularity, candles: Iterable[Candle]) -> Columns:
        """Put sound candles, in time order, into columns."""
        rows = list(candles)
        start = np.array([row.start for row in rows], dtype=np.int64)
        prices = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 5)
        return cls(granularity, start, *(np.ascontiguousarray(prices[:, at]) for at in range(5)))


class CandleSource(Protocol):
    """Where recorded candles come from."""

    @property
    def has_only_closes(self) -> bool:
        """Whether open, high and low are the close and volumes are zero: no stop can be judged by such bars."""

    def granularities(self, product_id: ProductId) -> tuple[Granularity, ...]:
        """Return the lengths of bar there are for a product, finest first; none for one that is not known."""

    def products(self) -> tuple[ProductId, ...]:
        """Return every product there is something of, by name."""

    def load(self, product_id: ProductId, granularity: Granularity) -> Columns:
        """Return all there is of a product. Raises: ConfigError if there is nothing; DataError naming the place."""
