"""Read the venue's whole list of products now and then: what can matter of it, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from trader.errors import DataError, MissingData
from trader.model.cycle_state import ProductCache
from trader.model.ids import Asset, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.listings import remember_row
from trader.model.lots import Lot
from trader.model.market import Product
from trader.model.orders import OrderIntent
from trader.ports import MarketData
from trader.stages.pipeline import Pipeline
from trader.stages.universe.checks import UNLISTED


def list_holdings(ledger: Ledger) -> Iterator[Lot | OrderIntent]:
    """Name what we hold, and what works for us at the venue."""
    yield from ledger.lots.values()
    yield from (record.intent for record in ledger.active_orders())


def load_products(ledger: Ledger, pipeline: Pipeline, market: MarketData, now: Instant) -> Ledger:
    """Read the list anew when it is old, or nothing is known of a book on which we hold or may come to hold something.

    Raises: VenueError.
    """
    cache, minutes = ledger.products, pipeline.settings.universe.products_cache_minutes
    ours = {each.product_id: each.base for each in list_holdings(ledger)}
    known = ledger.known_products
    if (
        cache is not None
        and now - cache.fetched_at < minutes * 60
        and ours.keys() <= known.keys() | cache.causes.keys()
    ):
        return ledger
    return replace(ledger, products=_choose(market.products(), known, ours, pipeline, now))


def _choose(
    answers: Mapping[ProductId, Product | DataError],
    known: Mapping[ProductId, Product],
    ours: Mapping[ProductId, Asset],
    pipeline: Pipeline,
    now: Instant,
) -> ProductCache:
    """Keep of the list what can matter, and of the rows that make no sense why, as far as anybody expects them.

    What was taken off the universe, or off the list, while an order was working for it must still be protected and
    sold: of what is ours the last metadata that made sense stay.
    """
    usable: dict[ProductId, Product] = {}
    causes: dict[ProductId, str] = {}
    for product_id, answer in answers.items():
        product, cause = remember_row(answer, None)
        if product is None:
            causes[product_id] = cause
        else:
            usable[product_id] = product
    rows, held = pipeline.universe.rows, frozenset(ours.values())
    pegs = {product_id for path in pipeline.settings.risk.pegs.values() for product_id in path}
    chosen = {product.product_id: product for product in pipeline.universe.shortlist(usable.values(), held)}
    chosen |= {product_id: product for product_id, product in usable.items() if product_id in pegs}
    expected = pegs.union(*(rows.name_listings(base) for base in rows.name_bases(held)))
    causes = {product_id: cause for product_id, cause in causes.items() if product_id in expected}
    for product_id in ours:
        product, cause = remember_row(answers.get(product_id, MissingData(UNLISTED)), known.get(product_id))
        product = product or known.get(product_id)
        chosen |= {} if product is None else {product_id: product}
        causes |= {product_id: cause} if cause else {}
    return ProductCache(now, tuple(chosen.values()), causes)
