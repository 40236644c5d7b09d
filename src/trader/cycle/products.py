"""Read the venue's whole list of products now and then: what can matter of it, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trader.errors import DataError, MissingData
from trader.model.cycle_state import ProductCache
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.listings import UNNAMED, remember_row
from trader.model.lots import Lot
from trader.model.market import Product
from trader.model.orders import OrderIntent
from trader.model.parents import ParentOrder
from trader.ports import MarketData
from trader.stages.pipeline import Pipeline
from trader.stages.universe.checks import UNLISTED


def list_holdings(ledger: Ledger) -> Iterator[Lot | ParentOrder | OrderIntent]:
    """Name what we hold, what is still to be bought, and what works for us at the venue."""
    yield from ledger.lots.values()
    yield from ledger.parents.values()
    yield from (record.intent for record in ledger.active_orders)


def load_products(ledger: Ledger, pipeline: Pipeline, market: MarketData, now: Instant) -> Ledger:
    """Read the list anew when it is old, or leaves open what became of something of ours or of the configuration.

    Raises: VenueError.
    """
    cache, minutes = ledger.products, pipeline.settings.universe.products_cache_minutes
    ours = {each.product_id: each.base for each in list_holdings(ledger)}
    if cache is not None and now - cache.fetched_at < minutes * 60 and _covers(cache, ours, pipeline):
        return ledger
    return replace(ledger, products=_choose(market.products(), ledger.known_products, ours, pipeline, now))


def _covers(cache: ProductCache, ours: Mapping[ProductId, Asset], pipeline: Pipeline) -> bool:
    """Tell whether it is known, of all that is ours or configured, that it is listed, why not, or that it is not."""
    rows, products = pipeline.universe.rows, cache.by_id
    bases = {each.base for each in products.values()}.union(cache.unlisted)
    wanted = rows.name_bases(frozenset(ours.values()))
    return ours.keys() <= products.keys() | cache.causes.keys() and all(
        base in bases or not cache.causes.keys().isdisjoint(rows.name_listings(base)) for base in wanted
    )


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
    flaws: dict[ProductId, str] = {}
    for product_id, answer in answers.items():
        product, cause = remember_row(answer, None)
        if product is None:
            flaws[product_id] = cause
        else:
            usable[product_id] = product
    held = frozenset(ours.values())
    causes, unlisted = _explain_missing(usable, flaws, held, pipeline)
    pegs = {product_id for path in pipeline.settings.risk.pegs.values() for product_id in path}
    causes |= {product_id: flaws[product_id] for product_id in pegs & flaws.keys()}
    chosen = {product.product_id: product for product in pipeline.universe.shortlist(usable.values(), held)}
    chosen |= {product_id: usable[product_id] for product_id in sorted(pegs & usable.keys())}
    for product_id in ours:
        product, cause = remember_row(answers.get(product_id, MissingData(UNLISTED)), known.get(product_id))
        product = product or known.get(product_id)
        chosen |= {} if product is None else {product_id: product}
        causes |= {product_id: cause} if cause else {}
    return ProductCache(now, tuple(chosen.values()), causes, unlisted)


def _explain_missing(
    usable: Mapping[ProductId, Product], flaws: Mapping[ProductId, str], held: frozenset[Asset], pipeline: Pipeline
) -> tuple[dict[ProductId, str], tuple[Asset, ...]]:
    """Return why expected rows make no sense, and which configured or held bases have no row at all.

    A row that names no product may be that of any base which has none: then that is its cause.
    """
    rows, bases = pipeline.universe.rows, {each.base for each in usable.values()}
    causes: dict[ProductId, str] = {}
    unlisted = []
    for base in rows.name_bases(held):
        names = rows.name_listings(base)
        found = {name: flaws[name] for name in names if name in flaws}
        if not found and base not in bases and UNNAMED in flaws:
            found = {names[0]: flaws[UNNAMED]}
        causes |= found
        if not found and base not in bases:
            unlisted.append(base)
    return causes, tuple(sorted(unlisted))
