"""Sums and quotients of money: sums are exact, to the last unit, whatever they add up."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

from trader.model.money import ZERO

#: Prices, quantities and rates have some twenty decimals at most when multiplied; nothing is rounded at this.
_EXACT = Context(prec=100)
#: A quotient of money is rounded to so many decimals: a mean gain has no end otherwise.
_DECIMALS = Decimal("1e-8")
_PRICE = Context(prec=12)


def add_exactly(values: Iterable[Decimal]) -> Decimal:
    """Add amounts up without rounding."""
    total = ZERO
    for each in values:
        total = _EXACT.add(total, each)
    return total


def compute_mean_amount(values: Iterable[Decimal]) -> Decimal | None:
    """Return the mean of amounts; None without any. Rounding: half even, to eight decimals."""
    known = tuple(values)
    return round_amount(add_exactly(known) / len(known)) if known else None


def round_amount(amount: Decimal) -> Decimal:
    """Round an amount that was divided. Rounding: half even, to eight decimals."""
    return amount.quantize(_DECIMALS)


def compute_mean_price(paid: Decimal, quantity: Decimal) -> Decimal:
    """Return the mean price of what was bought or sold. Rounding: half even, to twelve significant digits."""
    return _PRICE.divide(paid, quantity)


def compute_ratio(part: Decimal, whole: Decimal) -> float | None:
    """Divide an amount by another into a statistic; None by zero or less."""
    return float(part / whole) if whole > 0 else None
