"""The simulated account's owner follows the capital, as a person does who changes the setting."""

from __future__ import annotations

from decimal import Decimal

import pytest

from factories import USD
from trader.sim.account import SimAccount


def paid(amount: str, total: str | None = None) -> SimAccount:
    """An account with so much paid in, of which the total is left."""
    return SimAccount(totals={USD: Decimal(amount if total is None else total)}, paid_in={USD: Decimal(amount)})


@pytest.mark.parametrize(
    ("capital", "total", "expected", "expected_paid"),
    [
        ("10000", "8000", "8000", "10000"),
        ("12000", "8000", "10000", "12000"),
        ("9000", "8000", "7000", "9000"),
        ("1000", "8000", "0", "2000"),
    ],
    ids=["unchanged", "raised", "lowered", "lowered below what is free"],
)
def test_a_change_of_the_capital_is_paid_in_or_out(capital: str, total: str, expected: str, expected_paid: str) -> None:
    """Of 10,000 that were paid in 2,000 are gone; nobody takes out what is not free."""
    account = paid("10000", total).follow_capital({USD: Decimal(capital)})

    assert account.totals == {USD: Decimal(expected)}
    assert account.paid_in == {USD: Decimal(expected_paid)}


def test_what_could_not_be_taken_out_goes_as_soon_as_it_is_free() -> None:
    """A sale brings 3,000: the rest of the withdrawal follows."""
    account = paid("10000", "0").follow_capital({USD: Decimal(8000)}).with_change(USD, Decimal(3000))

    account = account.follow_capital({USD: Decimal(8000)})

    assert (account.totals[USD], account.paid_in[USD]) == (1000, 8000)


def test_an_account_of_a_release_before_is_taken_as_paid_in_whole() -> None:
    """It does not say what was paid in: nothing moves."""
    account = SimAccount(totals={USD: Decimal(7000)}).follow_capital({USD: Decimal(10_000)})

    assert (account.totals, account.paid_in) == ({USD: Decimal(7000)}, {USD: Decimal(10_000)})
