"""Ranges and shapes say yes at their edges and no beyond them, with the value and what is allowed."""

from decimal import Decimal

import pytest

from factories import shipped_settings
from trader.settings.bounds import Between, Matching


@pytest.mark.parametrize("value", [0, 100, Decimal(0), Decimal("100.0"), 0.0, 99.999, Decimal("1e-20")])
def test_value_within_the_range_is_returned_as_it_came(value: object) -> None:
    """Both ends belong to the range, for every type of number."""
    assert value is Between("0", "100").check(value)


@pytest.mark.parametrize("value", [-1, 101, Decimal("100.00000000000000000001"), 100.1, -1e-20])
def test_value_outside_is_refused_with_the_value_and_the_range(value: object) -> None:
    """However little it is outside."""
    with pytest.raises(ValueError, match="out of range") as caught:
        Between("0", "100").check(value)

    assert f"{value} is out of range; allowed is 0 to 100" == str(caught.value)


def test_float_is_compared_by_what_it_shows() -> None:
    """0.1 is the number written 0.1, not the binary one next to it."""
    assert 0.1 == Between("0.1", "0.1").check(0.1)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), Decimal("Infinity")])
def test_infinity_is_outside_every_range(value: object) -> None:
    """An endless number is no setting."""
    with pytest.raises(ValueError, match="out of range"):
        Between("0", "100").check(value)


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN")])
def test_what_is_no_number_passes_no_range(value: object) -> None:
    """A comparison with it must not come out true by accident."""
    with pytest.raises((ValueError, ArithmeticError)):
        Between("0", "100").check(value)


def test_text_of_the_shape_is_returned() -> None:
    """The whole text matches."""
    assert "main-2" == Matching("[a-z0-9-]+", "lower case").check("main-2")


@pytest.mark.parametrize("value", ["Main", "main ", "", "main\n"])
def test_text_of_another_shape_is_refused_in_words(value: str) -> None:
    """A match of a part, or up to a line's end, is none."""
    with pytest.raises(ValueError, match="wrong shape") as caught:
        Matching("[a-z0-9-]+", "lower case").check(value)

    assert f"{value} has the wrong shape; allowed is lower case" == str(caught.value)


@pytest.mark.parametrize(("period", "expected"), [(180, 90), (300, 210), (900, 810), (3600, 840)])
def test_run_is_over_before_the_next_tick(period: int, expected: int) -> None:
    """However late the schedule wakes it, and no later than Lambda allows."""
    cycle = shipped_settings({"cycle.period_seconds": period}).cycle

    assert expected == cycle.run_seconds
