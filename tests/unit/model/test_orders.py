"""The life of an order: what may follow what, and what it may still cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from factories import a_fill, an_exit_intent, an_intent, an_order_record
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import TRANSITIONS, OrderStatus, may_follow
from trader.model.orders import Bracket

S = OrderStatus
OURS = {S.INTENDED, S.IN_DOUBT}
RESTING = {S.PENDING, S.QUEUED, S.OPEN, S.EDIT_QUEUED, S.CANCEL_QUEUED, S.UNKNOWN_ORDER_STATUS}
OVER = {S.FILLED, S.CANCELLED, S.EXPIRED, S.FAILED}
GIVEN_UP = {S.REJECTED, S.WITHHELD, S.ABANDONED}


@pytest.mark.parametrize(
    ("stop", "price", "target", "around"),
    [
        ("94", "100", "112", True),
        ("0.01", "0.02", "0.03", True),
        ("0", "100", "112", False),
        ("-20", "100", "112", False),
        ("100", "100", "112", False),
        ("105", "100", "112", False),
        ("94", "100", "100", False),
        ("94", "100", "88", False),
    ],
)
def test_bracket_is_around_a_price_between_its_ends(stop: str, price: str, target: str, around: bool) -> None:
    """Strictly, and above zero."""
    assert around is Bracket(Price(stop), Price(target)).is_around(Decimal(price))


@pytest.mark.parametrize("status", OrderStatus)
def test_every_status_has_its_row(status: OrderStatus) -> None:
    """And none follows itself: the same again is not news."""
    assert status in TRANSITIONS
    assert not may_follow(status, status)


@pytest.mark.parametrize("status", sorted(RESTING))
def test_resting_order_may_become_anything_the_venue_knows(status: OrderStatus) -> None:
    """Steps are skipped, and the venue goes back and forth between queued and open."""
    assert (RESTING | OVER) - {status} == set(TRANSITIONS[status])


@pytest.mark.parametrize("status", sorted(OVER | {S.CANCELLED}))
def test_finished_order_never_comes_back_to_life(status: OrderStatus) -> None:
    """An old page is not news."""
    assert set() == TRANSITIONS[status] & RESTING


@pytest.mark.parametrize("status", [S.CANCELLED, S.EXPIRED])
def test_last_fill_may_still_turn_a_cancelled_order_filled(status: OrderStatus) -> None:
    """The cancel was accepted, the fill was first: nothing else may follow."""
    assert {S.FILLED} == set(TRANSITIONS[status])


@pytest.mark.parametrize("status", [S.FILLED, S.FAILED])
def test_nothing_follows_filled_or_failed(status: OrderStatus) -> None:
    """These are the venue's last words."""
    assert set() == set(TRANSITIONS[status])


@pytest.mark.parametrize("status", sorted(GIVEN_UP))
def test_order_given_up_may_show_up_after_all(status: OrderStatus) -> None:
    """We gave it up; the venue may know better."""
    assert RESTING | OVER == set(TRANSITIONS[status])


@pytest.mark.parametrize("status", sorted(OURS))
def test_order_never_goes_back_to_intended(status: OrderStatus) -> None:
    """From our own words anything at the venue may follow, also being given up."""
    assert S.INTENDED not in TRANSITIONS[status]
    assert RESTING | OVER | {S.REJECTED, S.ABANDONED} <= TRANSITIONS[status]


def test_only_an_order_that_was_never_sent_is_withheld() -> None:
    """After an unanswered attempt nobody can be certain that it never left."""
    assert S.WITHHELD in TRANSITIONS[S.INTENDED]
    assert S.WITHHELD not in TRANSITIONS[S.IN_DOUBT]


@pytest.mark.parametrize("status", OrderStatus)
def test_terminal_is_whatever_nothing_more_can_happen_to(status: OrderStatus) -> None:
    """Over at the venue, or given up by us."""
    assert (status in OVER | GIVEN_UP) is status.is_final


@pytest.mark.parametrize("status", OrderStatus)
def test_doubt_is_an_order_the_venue_has_not_spoken_of(status: OrderStatus) -> None:
    """Intended counts: a crash may have come after the sending."""
    assert (status in OURS) is an_order_record(status=status).is_in_doubt


def test_cost_of_a_buy_includes_the_highest_fee() -> None:
    """100 and 0.9 % of it."""
    assert Notional("100.9") == an_intent(fee_rate_max=Decimal("0.009")).cost_max


def test_partly_filled_order_may_still_fill_the_rest() -> None:
    """A quarter is booked, three quarters may come, at 75 and the fee of it."""
    record = an_order_record(an_intent(fee_rate_max=Decimal("0.01")), fills=(a_fill(quantity="0.25"),))

    assert (Quantity("0.75"), Notional("75.75"), True) == (record.remaining, record.open_cost, record.is_active)


def test_cancelled_order_costs_nothing_more() -> None:
    """What is not filled never will be."""
    record = an_order_record(status=S.CANCELLED)

    assert (Quantity(0), Notional(0), False) == (record.remaining, record.open_cost, record.is_active)


def test_finished_order_is_alive_until_its_claimed_fills_are_booked() -> None:
    """The venue says 1 is filled, the fills list shows 0.4: 0.6 are still to come and still cost."""
    record = an_order_record(status=S.FILLED, reported_filled=Quantity(1), fills=(a_fill(quantity="0.4"),))

    assert (True, Quantity("0.6"), Notional("60.0")) == (record.is_active, record.remaining, record.open_cost)


def test_sale_takes_no_cash() -> None:
    """However much of it is still open."""
    assert Notional(0) == an_order_record(an_exit_intent()).open_cost


def test_value_of_a_fill_leaves_the_fee_out() -> None:
    """Price times quantity; the fee comes on top."""
    assert Notional("49.95") == a_fill(price="99.90", quantity="0.5", fee="0.30").notional


def test_units_of_an_intent_are_in_its_types() -> None:
    """Price times quantity."""
    assert Notional("199.8") == an_intent(limit_price=Price("99.90"), quantity=Quantity(2)).notional


@pytest.mark.parametrize(("claimed", "live"), [("1", False), ("1.0000000000001", False), ("1.00001", True)])
def test_claim_that_differs_from_the_fills_by_its_rounding_is_fulfilled(claimed: str, live: bool) -> None:
    """Otherwise the order would be waited for, and its lot blocked, for ever."""
    record = an_order_record(
        status=OrderStatus.FILLED, fills=(a_fill(quantity="1"),), reported_filled=Quantity(claimed)
    )

    assert live == record.is_active
    assert live == (record.remaining > 0)
