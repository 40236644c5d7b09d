"""What the venue's rows about products come to: whether orders can be made by them, and which share an order book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trader.errors import DataError, MalformedData
from trader.model.flaws import NUMBERS, find_coarse, find_nonsense
from trader.model.frozen import replace
from trader.model.ids import ProductId
from trader.model.market import Product

#: Under this id stands what is wrong with a row that does not say which product it is about.
UNNAMED = ProductId("")


class UnusableSizes(MalformedData):
    """The numbers of a product make no sense. ``told``: what its row says that can be read, its flags among it."""

    def __init__(self, message: str, told: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.told = told


def merge_row(answer: Product | DataError, before: Product | None) -> tuple[Product | None, str]:
    """Return what orders can be made by after an answer about a product, and what is wrong with the answer.

    Flags are those of the answer, always. A number that cannot be meant gives way to the one of *before*; limits that
    contradict each other may be meant, and allow no order. Without anything before, and where the answer is about
    other assets or says nothing, there is no product. What is wrong is empty if nothing is.
    """
    # What covers a lot is not to be taken away where the venue says that it takes no other order.
    row = answer
    if isinstance(answer, UnusableSizes) and before is not None:
        row = replace(before, **answer.told)
    if isinstance(row, DataError):
        return None, str(row)
    if before is not None and (before.base, before.quote) != (row.base, row.quote):
        return None, f"the row is about {row.base} and {row.quote}"
    flaw = str(answer) if isinstance(answer, DataError) else row.flaw
    if flaw is None:
        return row, ""
    if before is None:
        return None, flaw
    for find in (find_nonsense, find_coarse):
        row = replace(row, **{name: getattr(before, name) for name in find(row)})
    return row, flaw


def remember_row(answer: Product | DataError, before: Product | None) -> tuple[Product | None, str]:
    """Merge a row for later: what is wrong with it will not be for good, so all its numbers give way if they must."""
    row, cause = merge_row(answer, before)
    if row is not None and before is not None and row.flaw is not None:
        row = replace(row, **{name: getattr(before, name) for name in NUMBERS})
    return row, cause


def list_books(products: Iterable[Product]) -> Mapping[ProductId, tuple[ProductId, ...]]:
    """Name the products of each order book, by the canonical one: those that take orders first, then that itself."""
    books: dict[ProductId, list[Product]] = {}
    for product in products:
        books.setdefault(product.canonical_id, []).append(product)
    return {book: _name_in_order(book, listings) for book, listings in books.items()}


def _name_in_order(book: ProductId, listings: Sequence[Product]) -> tuple[ProductId, ...]:
    if len(listings) > 1:
        listings = sorted(
            listings, key=lambda each: (bool(each.trading_restrictions), each.product_id != book, each.product_id)
        )
    return tuple(each.product_id for each in listings)
