"""Rounding, plain notation, and the one way from a statistic to a ratio."""

from decimal import Decimal

import pytest

from trader.model.money import (
    Notional,
    Price,
    Quantity,
    ceil_to,
    floor_to,
    from_float,
    is_multiple,
    notional,
    plain,
    share,
)


@pytest.mark.parametrize(
    ("value", "increment", "down", "up"),
    [
        ("1.005", "0.01", "1.00", "1.01"),
        ("1.01", "0.01", "1.01", "1.01"),
        ("7", "5", "5", "10"),
        ("0.00000001", "0.00000001", "0.00000001", "0.00000001"),
        ("0.1", "0.25", "0", "0.25"),
        ("-1.005", "0.01", "-1.01", "-1.00"),
    ],
)
def test_rounding_goes_to_a_multiple_of_the_increment(value: str, increment: str, down: str, up: str) -> None:
    """Down is towards minus infinity, up towards plus infinity; a multiple stays."""
    rounded = floor_to(Decimal(value), Decimal(increment)), ceil_to(Decimal(value), Decimal(increment))

    assert (Decimal(down), Decimal(up)) == rounded


@pytest.mark.parametrize("value", ["0", "100000", "123456789.000000000000000001", "1e18"])
def test_fine_increment_is_computed_with(value: str) -> None:
    """The remainder of so long a division raises in Decimal."""
    assert is_multiple(Decimal(value), Decimal("1e-18"))
    assert not is_multiple(Decimal(value) + Decimal("1e-6"), Decimal("1e-5"))


@pytest.mark.parametrize("increment", ["0", "-0.01"])
def test_increment_that_is_not_positive_is_refused(increment: str) -> None:
    """A venue that says 0 is not guessed at."""
    with pytest.raises(ValueError, match=f"increment {increment} must be above 0"):
        floor_to(Decimal(1), Decimal(increment))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"),
        ("0.00000001", "0.00000001"),
        ("1E-8", "0.00000001"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("0.00", "0"),
        ("-2.50", "-2.5"),
    ],
)
def test_number_is_written_plainly(value: str, text: str) -> None:
    """No exponent, no trailing zeros."""
    assert text == plain(Decimal(value))


def test_price_times_quantity_is_a_notional() -> None:
    """The unit is named again, because the product of two units is a third."""
    value = notional(Price("99.90"), Quantity(2))

    assert (Notional("199.80"), Notional) == (value, type(value))


def test_arithmetic_forgets_the_unit() -> None:
    """A price and a price make no price until somebody says so."""
    assert Decimal is type(Price(1) + Price(2))


def test_share_is_a_percentage() -> None:
    """Three percent of 10,000."""
    assert Decimal(300) == share(Decimal(10_000), Decimal(3))


def test_statistic_becomes_a_ratio_of_so_many_digits() -> None:
    """Binary noise does not reach a decision."""
    assert Decimal("0.3") == from_float(0.1 + 0.2)
