"""What the venue's rows about products come to: whether orders can be made by them, and which share an order book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from trader.errors import DataError, MalformedData
from trader.model.ids import ProductId
from trader.model.market import Product

#: Under this id stands what is wrong with a row that does not say which product it is about.
UNNAMED = ProductId("")

_INCREMENTS = ("base_increment", "price_increment", "quote_increment")
_NUMBERS = (
    *_INCREMENTS,
    "base_size_min",
    "base_size_max",
    "quote_size_min",
    "quote_size_max",
    "volume_24h",
    "price",
)
#: No asset is divided further, and no order is larger.
_PLACES_MAX = 18


class UnusableSizes(MalformedData):
    """The numbers of a product make no sense. ``told``: what its row says that can be read, its flags among it."""

    def __init__(self, message: str, told: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.told = told


def find_flaw(product: Product) -> str | None:
    """Return what makes no sense about the numbers of a product, so that no order could keep them; None if they do.

    An increment is above 0; a step of the price is no more than the price, one of the quantity no more than the largest
    order. A minimum is from 0 to its maximum.
    """
    found = _find_nonsense(product) or _find_coarse(product)
    return next(iter(found.values()), None) or _find_contradiction(product)


def _find_nonsense(product: Product) -> Mapping[str, str]:
    """Name the numbers that cannot be meant, with what they must be."""
    found: dict[str, str] = {}
    for name in _NUMBERS:
        value = getattr(product, name)
        if value is not None and (not is_in_reach(value) or value < 0):
            found[name] = f"{name}: {value} must be a number from 0 up that can be computed with"
        elif value == 0 and name in _INCREMENTS:
            found[name] = f"{name}: {value} must be above 0"
    return found


def is_in_reach(value: Decimal) -> bool:
    """Whether a number may be meant, and can be computed with: what is beyond overflows, or has too many digits."""
    return value.is_finite() and abs(value.adjusted()) <= (_PLACES_MAX if value else 2 * _PLACES_MAX)


def _find_coarse(product: Product) -> Mapping[str, str]:
    """Name the increments that leave room for no order: one step is more than all there may be."""
    price, most = product.price, product.quote_size_max
    limits = {"base_increment": product.base_size_max, "quote_increment": most, "price_increment": price or most}
    return {
        name: f"{name}: {getattr(product, name)} must be at most {limit}"
        for name, limit in limits.items()
        if 0 < limit < getattr(product, name)
    }


def _find_contradiction(product: Product) -> str | None:
    for size in ("base_size", "quote_size"):
        least, most = getattr(product, f"{size}_min"), getattr(product, f"{size}_max")
        if not 0 < most >= least:
            return f"{size}_max: {most} must be above 0 and at least {size}_min, {least}"
    least, most = product.base_size_min * (product.price or 0), product.quote_size_max
    return None if least <= most else f"base_size_min: worth {least}, it must be at most quote_size_max, {most}"


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
    flaw = str(answer) if isinstance(answer, DataError) else find_flaw(row)
    if flaw is None:
        return row, ""
    if before is None:
        return None, flaw
    for find in (_find_nonsense, _find_coarse):
        row = replace(row, **{name: getattr(before, name) for name in find(row)})
    return row, flaw


def remember_row(answer: Product | DataError, before: Product | None) -> tuple[Product | None, str]:
    """Merge a row for later: what is wrong with it will not be for good, so all its numbers give way if they must."""
    row, cause = merge_row(answer, before)
    if row is not None and before is not None and find_flaw(row) is not None:
        row = replace(row, **{name: getattr(before, name) for name in _NUMBERS})
    return row, cause


def list_books(products: Iterable[Product]) -> Mapping[ProductId, tuple[ProductId, ...]]:
    """Name the products of each order book, by the canonical one: those that take orders first, then that itself."""
    books: dict[ProductId, list[Product]] = {}
    for product in products:
        books.setdefault(product.canonical_id, []).append(product)
    return {
        book: tuple(
            each.product_id
            for each in sorted(
                listings, key=lambda each: (bool(each.trading_restrictions()), each.product_id != book, each.product_id)
            )
        )
        for book, listings in books.items()
    }
