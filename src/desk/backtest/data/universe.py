"""The point-in-time universe: which products there were at an instant, as far as their data tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from desk.backtest.data.columns import CandleSource
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity


@dataclass(frozen=True, slots=True)
class Listing:
    """A product, and from when on and before when it has data. Units: epoch seconds; *end* is its last bar's close."""

    product_id: ProductId
    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class PointInTimeUniverse:
    """Every product of a source with its data's beginning and end.

    A product enters when its data begin and leaves when they end; a hole in between is a hole, no absence. What is in
    no file at all, such as coins that died before the files were made, is missing: results flatter.
    """

    listings: tuple[Listing, ...]

    def listed_at(self, at: Instant) -> tuple[ProductId, ...]:
        """Return the products there were at an instant, by name."""
        return tuple(each.product_id for each in self.listings if each.start <= at < each.end)

    def changes(self) -> tuple[Instant, ...]:
        """Return every instant at which a product enters or leaves, in order."""
        return tuple(sorted({at for each in self.listings for at in (each.start, each.end)}))


def make_universe(
    source: CandleSource, granularity: Granularity, product_ids: Sequence[ProductId] | None = None
) -> PointInTimeUniverse:
    """Look up when the data of each product with bars of this length begin and end; of all if none are named.

    Raises: ConfigError for a product that is named and has no such bars; DataError.
    """
    wanted = source.products() if product_ids is None else product_ids
    named = product_ids is not None
    listings = []
    for product_id in sorted(set(wanted)):
        if named or granularity in source.granularities(product_id):
            start = source.load(product_id, granularity).start
            end = Instant(int(start[-1]) + granularity.seconds)
            listings.append(Listing(product_id, Instant(int(start[0])), end))
    return PointInTimeUniverse(tuple(listings))
