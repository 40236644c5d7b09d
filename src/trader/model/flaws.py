"""What makes no sense about the numbers of a product, so that no order could keep them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trader.model.market import Product

_INCREMENTS = ("base_increment", "price_increment", "quote_increment")
#: Every number of a product.
NUMBERS = (
    *_INCREMENTS,
    "base_size_min",
    "base_size_max",
    "quote_size_min",
    "quote_size_max",
    "volume_24h",
    "price",
)
_read_numbers = attrgetter(*NUMBERS)
#: No asset is divided further, and no order is larger.
_PLACES_MAX = 18
_LEAST, _BEYOND = Decimal(f"1e-{_PLACES_MAX}"), Decimal(f"1e{_PLACES_MAX + 1}")


def find_flaw(product: Product) -> str | None:
    """Return what makes no sense about the numbers of a product, so that no order could keep them; None if they do.

    An increment is above 0; a step of the price is no more than the price, one of the quantity no more than the largest
    order. A minimum is from 0 to its maximum.
    """
    found = find_nonsense(product) or find_coarse(product)
    return next(iter(found.values()), None) or _find_contradiction(product)


def find_nonsense(product: Product) -> Mapping[str, str]:
    """Name the numbers that cannot be meant, with what they must be."""
    found: dict[str, str] = {}
    for name, value in zip(NUMBERS, _read_numbers(product), strict=True):
        # Said first, because nearly every number is such: the list of products has nine of each.
        if value is None or (value.is_finite() and _LEAST <= value < _BEYOND):
            continue
        if not is_in_reach(value) or value < 0:
            found[name] = f"{name}: {value} must be a number from 0 up that can be computed with"
        elif value == 0 and name in _INCREMENTS:
            found[name] = f"{name}: {value} must be above 0"
    return found


def is_in_reach(value: Decimal) -> bool:
    """Whether a number may be meant, and can be computed with: what is beyond overflows, or has too many digits."""
    return value.is_finite() and abs(value.adjusted()) <= (_PLACES_MAX if value else 2 * _PLACES_MAX)


def find_coarse(product: Product) -> Mapping[str, str]:
    """Name the increments that leave room for no order: one step is more than all there may be."""
    price, most = product.price, product.quote_size_max
    steps = (
        ("base_increment", product.base_increment, product.base_size_max),
        ("quote_increment", product.quote_increment, most),
        ("price_increment", product.price_increment, price or most),
    )
    return {name: f"{name}: {step} must be at most {limit}" for name, step, limit in steps if 0 < limit < step}


def _find_contradiction(product: Product) -> str | None:
    sizes = (
        ("base_size", product.base_size_min, product.base_size_max),
        ("quote_size", product.quote_size_min, product.quote_size_max),
    )
    for size, least, most in sizes:
        if not 0 < most >= least:
            return f"{size}_max: {most} must be above 0 and at least {size}_min, {least}"
    worth, dearest = product.base_size_min * (product.price or 0), product.quote_size_max
    return None if worth <= dearest else f"base_size_min: worth {worth}, it must be at most quote_size_max, {dearest}"
