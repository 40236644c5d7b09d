"""What is under way explains a shortage, at most to its own size; what is over long enough explains none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from factories import (
    NOW,
    USD,
    USDC,
    a_convert_intent,
    a_fill,
    a_ledger,
    a_view,
    an_exit_intent,
    an_intent,
    an_order_record,
    shipped_settings,
)
from trader.errors import DataError
from trader.model.conversions import ConversionRecord, ConversionStatus
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.stages.reconcile.cash import check_cash, list_short, note_negative, sum_under_way

SETTINGS = shipped_settings()
QUIET = SETTINGS.cycle.quiet_period_seconds
#: What 0.1 % of the capital of 10,000 is, the shipped tolerance.
TOLERANCE = SETTINGS.app.capital * SETTINGS.exchange.balance_tolerance_ratio


def looked(ledger: Ledger, balances: dict[str, str], *, unconfirmed: bool = False) -> tuple[Ledger, list[AuditNote]]:
    notes: list[AuditNote] = []
    view = a_view(balances={"USD": "0", "USDC": "0", **balances})
    return check_cash(ledger, view, {USD} if unconfirmed else (), SETTINGS, notes), notes


@pytest.mark.parametrize(("less", "is_missing"), [(Decimal(0), False), (Decimal("0.01"), True)])
def test_the_tolerance_is_a_share_of_the_capital(less: Decimal, is_missing: bool) -> None:
    """Exactly so much less is let pass, a cent more is not; both numbers are kept."""
    there = 10_000 - TOLERANCE - less

    ledger, notes = looked(a_ledger(), {"USD": str(there)})

    assert is_missing is (ledger.cash_shortage is not None)
    assert is_missing is bool(notes)
    if ledger.cash_shortage is not None:
        assert (ledger.cash_shortage.booked, ledger.cash_shortage.found) == (10_000, there)
        assert list_short(a_ledger(), ledger) == (USD,)
        assert not list_short(ledger, ledger)


def test_a_first_look_alone_is_believed_only_where_it_shows_nothing_new() -> None:
    """Unconfirmed, a shortage is none yet; one that is known gets its newer number."""
    assert looked(a_ledger(), {"USD": "10"}, unconfirmed=True) == (a_ledger(), [])

    known, _ = looked(a_ledger(), {"USD": "10"})
    later, notes = looked(known, {"USD": "20"}, unconfirmed=True)

    assert later.cash_shortage is not None
    assert later.cash_shortage.found == 20
    assert notes == []


def test_a_wallet_that_cannot_be_read_changes_nothing() -> None:
    """Neither is something missing, nor is it back."""
    known, _ = looked(a_ledger(), {"USD": "10"})
    view = a_view(odd_wallets={USDC: DataError("odd")})

    assert check_cash(known, view, (), SETTINGS, []) is known


def test_cash_in_another_quote_asset_is_noted_once() -> None:
    """The books say 10,000 dollars; the account has 4,000 of them and 6,000 USDC."""
    ledger, notes = looked(a_ledger(), {"USD": "4000", "USDC": "6000"})
    again, more = looked(ledger, {"USD": "4000", "USDC": "6000"})

    assert (ledger.cash_shortage, ledger.cash_shifted) == (None, (USD,))
    assert [EventKind.MISMATCH_FOUND] == [note.kind for note in notes]
    assert (again, more) == (ledger, [])


def test_an_open_purchase_may_hold_all_that_is_left_of_it_and_the_taker_fee() -> None:
    """The whole of it at its limit, and the greater of the two rates: nobody says with which one it is held."""
    order = an_order_record(an_intent(), OrderStatus.OPEN)
    ledger = a_ledger(working=[order])

    under_way = sum_under_way(ledger, Instant(NOW), SETTINGS)

    rate = max(SETTINGS.exchange.assumed_taker_fee_ratio, order.intent.fee_rate_max)
    assert {USD: order.intent.limit_price * order.intent.quantity * (1 + rate)} == under_way


@pytest.mark.parametrize(("ago", "counts"), [(QUIET - 1, True), (QUIET, False)])
def test_what_ended_counts_within_the_quiet_period_only(ago: int, counts: bool) -> None:
    """A cancelled purchase, whose hold the venue may not have let go; a sale, whose proceeds may not be listed."""
    at = Instant(NOW - ago)
    cancelled = an_order_record(an_intent(), OrderStatus.CANCELLED, final_at=at)
    sale = an_exit_intent()
    sold = an_order_record(sale, OrderStatus.FILLED, fills=(a_fill(sale, price="110", time=at),), final_at=at)

    assert counts is bool(sum_under_way(a_ledger(working=[cancelled]), Instant(NOW), SETTINGS))
    assert ({USD: Decimal(110)} if counts else {}) == sum_under_way(a_ledger(working=[sold]), Instant(NOW), SETTINGS)


def test_an_order_in_doubt_may_have_been_filled() -> None:
    """Nobody knows whether it was: as much as it can have spent may be gone."""
    doubt = an_order_record(an_intent(), OrderStatus.IN_DOUBT)
    spent = sum_under_way(a_ledger(working=[doubt]), Instant(NOW), SETTINGS)[USD]

    explained, _ = looked(a_ledger(working=[doubt]), {"USD": str(10_000 - spent)})
    missing, _ = looked(a_ledger(working=[doubt]), {"USD": str(10_000 - spent - TOLERANCE - 1)})

    assert explained.cash_shortage is None
    assert missing.cash_shortage is not None


def test_a_conversion_may_have_moved_either_side() -> None:
    """While it is open nobody knows which of the two assets has its amount."""
    intent = a_convert_intent()
    ledger = a_ledger(conversions=(ConversionRecord(intent, ConversionStatus.QUOTED),))

    assert {intent.source: intent.amount, intent.target: intent.amount} == sum_under_way(ledger, Instant(NOW), SETTINGS)


def test_cash_below_zero_is_noted_when_it_begins() -> None:
    """Once, with the amount; not again while it stays so."""
    negative = a_ledger(cash={"USD": "-5", "USDC": "10"})

    (note,) = note_negative(a_ledger().cash, negative)

    assert (note.body["asset"], note.body["cash"]) == (USD, -5)
    assert note_negative(negative.cash, negative) == []
