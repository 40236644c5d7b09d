"""Look at one thing while acting, and wait for it: an order that ends, coins that become free, a product's flags."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from trader.errors import DataError, VenueError
from trader.model.cycle_state import ProductCache
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId
from trader.model.listings import list_books, merge_row
from trader.model.market import Product, Quote

if TYPE_CHECKING:
    from trader.cycle.act import Executor

_POLLS = 4
_POLL_SECONDS = 0.5
#: How often, and how far apart, balances are looked at until what a cancelled order held is free.
_FREE_LOOKS, _FREE_SECONDS = 12, 1.0


def await_final(hands: Executor, order_ids: Iterable[ClientOrderId]) -> None:
    """Read the final state of orders back; a cancel that was taken is not yet a cancelled order."""
    waiting = tuple(order_ids)
    for poll in range(_POLLS):
        if hands.look(waiting) and not any(_is_active(hands, each) for each in waiting):
            return
        if poll + 1 == _POLLS or not hands.time.has_time(hands.time.order_seconds()):
            return
        hands.ports.clock.wait(_POLL_SECONDS)


def await_free(hands: Executor, asset: Asset, quantity: Decimal) -> bool:
    """Wait until so much of an asset is free, which a cancelled order of ours held; False if it does not become."""
    for _ in range(_FREE_LOOKS):
        if not hands.time.has_time(hands.time.order_seconds()):
            return False
        try:
            balance = hands.exchange.balances().get(asset)
        except VenueError:
            return False
        # A wallet that cannot be read tells nothing, however long it is looked at: the venue says whether it is free.
        if isinstance(balance, DataError) or (balance is not None and balance.available >= quantity):
            return True
        hands.ports.clock.wait(_FREE_SECONDS)
    return False


def read_product(hands: Executor, product_id: ProductId, *, enters: bool = False) -> Product | str:
    """Read a product's flags and increments anew, and remember them; a text says why they could not be read.

    Of numbers that make no sense those of before count, unless somebody *enters* by them.
    """
    try:
        answers = hands.ports.market.products((product_id,))
    except VenueError as error:
        return f"its flags could not be read: {error}"
    known = hands.ledger.products or ProductCache(Instant(0), ())
    product, cause = merge_row(answers[product_id], known.by_id.get(product_id))
    hands.ledger = replace(hands.ledger, products=known.renew(answers))
    if product is None:
        return f"its flags could not be read: {cause}"
    return cause if enters and cause else product


def read_quote(hands: Executor, product: Product) -> Quote | None:
    """Read the quote of a product's order book, by whichever of its listings gives one; None if none does."""
    books = list_books(hands.ledger.known_products.values())
    names = books.get(product.canonical_id, (product.product_id,))
    try:
        answers = hands.ports.market.quotes(names)
    except VenueError:
        return None
    found = (answers.get(name) for name in names)
    return next((each for each in found if isinstance(each, Quote)), None)


def _is_active(hands: Executor, order_id: ClientOrderId) -> bool:
    return order_id in hands.ledger.orders and hands.ledger.orders[order_id].is_active
