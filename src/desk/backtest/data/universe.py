"""The point-in-time universe: which products there were at an instant, as far as was known by then.

Candles do not tell a product that is gone from one in which nothing trades. So a product is listed from the close of
its first candle on, is taken for gone when candles have stayed away for a while, and is back with the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.columns import Columns, Integers
from desk.markets.series import QUIET_SECONDS_MAX
from trader.model.ids import Instant, ProductId

#: Candles that stay away for longer than this were those of a product that is gone, unless its bars are very long.
ABSENCE_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Listing:
    """When a product came and when it went.

    Shape: it enters first, then leaves and enters by turns. Units: epoch seconds; it is listed at an instant at which
    it enters, and not at one at which it leaves.
    """

    enters: tuple[Instant, ...] = ()
    leaves: tuple[Instant, ...] = ()

    def is_listed(self, at: Instant) -> bool:
        """Whether it is listed at an instant."""
        return bisect_right(self.enters, at) > bisect_right(self.leaves, at)

    def find_listed(self, ticks: Integers) -> NDArray[np.bool_]:
        """Return at which of these instants it is listed."""
        entered = np.searchsorted(np.array(self.enters, dtype=np.int64), ticks, side="right")
        left = np.searchsorted(np.array(self.leaves, dtype=np.int64), ticks, side="right")
        found: NDArray[np.bool_] = entered > left
        return found


@dataclass(frozen=True, slots=True)
class PointInTimeUniverse:
    """Every product with its comings and goings.

    What is in no file at all, such as coins that died before the files were made, is missing: results flatter.
    """

    listings: Mapping[ProductId, Listing]

    def is_listed(self, product_id: ProductId, at: Instant) -> bool:
        """Whether a product is listed at an instant; one without candles never is."""
        found = self.listings.get(product_id)
        return found is not None and found.is_listed(at)

    def listed_at(self, at: Instant) -> tuple[ProductId, ...]:
        """Return the products there were at an instant, in the order in which they were given."""
        return tuple(product_id for product_id, each in self.listings.items() if each.is_listed(at))

    def changes(self) -> tuple[Instant, ...]:
        """Return every instant at which a product enters or leaves, in order."""
        return tuple(sorted({at for each in self.listings.values() for at in (*each.enters, *each.leaves)}))


def make_universe(
    candles: Iterable[tuple[ProductId, Columns]], absence_seconds: int = ABSENCE_SECONDS
) -> PointInTimeUniverse:
    """Find out when each product came and went, from its finest candles.

    A product leaves *absence_seconds* after the close of a candle that none follows until then; later if its market is
    not shut by then. Without candles it is never listed.
    """
    return PointInTimeUniverse({product_id: _list(columns, absence_seconds) for product_id, columns in candles})


def _list(columns: Columns, absence_seconds: int) -> Listing:
    if not len(columns):
        return Listing()
    step = columns.granularity.seconds
    absence = max(absence_seconds, max(QUIET_SECONDS_MAX, 2 * step) + step)
    closed = columns.start + step
    # Nobody knows at the first of these instants whether there is a next candle, nor when.
    last = np.flatnonzero(np.diff(closed) > absence)
    enters, leaves = closed[np.append(0, last + 1)], closed[np.append(last, len(closed) - 1)] + absence
    return Listing(tuple(map(Instant, enters.tolist())), tuple(map(Instant, leaves.tolist())))
