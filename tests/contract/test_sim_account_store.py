"""What every book store must do: give back the simulated venue's book as it was saved."""

from __future__ import annotations

from decimal import Decimal

from factories_venue import USD, Bar, a_convert, a_path, a_protected_intent, a_simulated_venue, a_taker
from trader.model.ids import Instant
from trader.sim.account import SimAccount, SimAccountStore


def test_store_that_was_never_written_has_no_book(book_store: SimAccountStore) -> None:
    """So that the venue opens with its opening balances."""
    assert book_store.load() is None


def test_book_comes_back_as_it_was_saved(book_store: SimAccountStore) -> None:
    """Amounts keep every digit."""
    book = SimAccount(totals={USD: Decimal("0.000000000001")})

    book_store.save(book)

    assert book == book_store.load()


def test_unchanged_book_is_the_same_object(book_store: SimAccountStore) -> None:
    """A venue loads its book at every call, so that must cost nothing."""
    book_store.save(SimAccount(totals={USD: Decimal(1)}))

    assert book_store.load() is book_store.load()


def test_two_venues_over_one_store_are_one_venue(book_store: SimAccountStore) -> None:
    """Orders, brackets, fills and conversions of the first are there in the second, to the last digit."""
    path = a_path(Bar(low=99.0, volume=15.0))
    first = a_simulated_venue(path, accounts=book_store)
    first.exchange.submit(a_protected_intent())
    first.exchange.submit(a_taker())
    first.exchange.commit_conversion(first.exchange.quote_conversion(a_convert()), a_convert())
    first.pass_bars()
    expected = (first.exchange.orders(Instant(0)), first.exchange.fills(Instant(0)), first.exchange.balances())

    second = a_simulated_venue(path, accounts=book_store)
    second.pass_bars()

    assert expected == (
        second.exchange.orders(Instant(0)),
        second.exchange.fills(Instant(0)),
        second.exchange.balances(),
    )
