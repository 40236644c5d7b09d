"""Money is Decimal, with its unit in the type's name.

Arithmetic on these types gives plain ``Decimal``; naming the result's unit again is deliberate, because
price × quantity is neither. A float never becomes one of them.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
BPS = Decimal(10_000)


class Price(Decimal):
    """Quote asset per unit of base asset."""

    __slots__ = ()


class Quantity(Decimal):
    """Units of the base asset, unsigned."""

    __slots__ = ()


class Notional(Decimal):
    """An amount of a quote asset."""

    __slots__ = ()


def notional(price: Decimal, quantity: Decimal) -> Notional:
    """Multiply a price by a quantity."""
    return Notional(price * quantity)


def share(amount: Decimal, pct: Decimal) -> Decimal:
    """Take *pct* percent of an amount."""
    return amount * pct / HUNDRED


def floor_to(value: Decimal, increment: Decimal) -> Decimal:
    """Round down to a multiple of the increment.

    Rounding: towards minus infinity. Raises: ValueError if the increment is not positive.
    """
    return _round_to(value, increment, ROUND_FLOOR)


def ceil_to(value: Decimal, increment: Decimal) -> Decimal:
    """Round up to a multiple of the increment.

    Rounding: towards plus infinity. Raises: ValueError if the increment is not positive.
    """
    return _round_to(value, increment, ROUND_CEILING)


def is_multiple(value: Decimal, increment: Decimal) -> bool:
    """Tell whether a value is a whole number of increments. Raises: ValueError if the increment is not positive."""
    # The remainder of a division raises where the quotient has more digits than Decimal computes with.
    return _round_to(value, increment, ROUND_FLOOR) == value


def _round_to(value: Decimal, increment: Decimal, rounding: str) -> Decimal:
    if increment <= 0:
        raise ValueError(f"increment {increment} must be above 0")
    return (value / increment).to_integral_value(rounding=rounding) * increment


def plain(value: Decimal) -> str:
    """Write a number without an exponent and without trailing zeros; the only form a venue accepts."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def from_float(value: float, digits: int = 12) -> Decimal:
    """Turn a statistic into a pure ratio, rounded to *digits* significant digits; never into money."""
    return Decimal(format(value, f".{digits}g"))


#: The stop of the venue is no market order: triggered, it is a limit this much below its trigger.
_STOP_LIMIT_RATIO = Decimal("0.95")


def limit_of_stop(stop_price: Price, increment: Decimal) -> Price:
    """Return the limit at which a stop sells once it is triggered: 5 % below its trigger.

    Through a larger gap it rests and fills nothing. Rounding: down to the increment, which the venue does not document.
    Source: Coinbase Advanced Trade, the field ``stop_trigger_price`` of ``trigger_bracket_gtc``.
    """
    return Price(floor_to(stop_price * _STOP_LIMIT_RATIO, increment))
