"""Whose a row is, how far back is looked, and what an odd row of ours does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from factories import (
    NOW,
    PREFIX,
    USD,
    a_bracket_intent,
    a_fill,
    a_held_ledger,
    a_ledger,
    a_view,
    an_exit_intent,
    an_intent,
    an_order_record,
    an_order_state,
    shipped_settings,
    venue_id_of,
)
from trader.model.events import EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, VenueOrderId
from trader.model.inputs import OddRow
from trader.model.ledger import Ledger
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.model.tallies import NO_TALLY
from trader.stages.reconcile.account import Reconciled, apply_reports, reconcile
from trader.stages.reconcile.ownership import (
    find_fills_start,
    find_known_orders,
    find_late_orders,
    find_orders_start,
    find_unexplained,
    remember_look,
)

SETTINGS = shipped_settings()
ETH, SOL = Asset("ETH"), Asset("SOL")
HOUR = 3600
OURS, THEIRS = venue_id_of(an_intent()), VenueOrderId("theirs")


def look(ledger: Ledger, *, at: int = NOW + 120, **view: Any) -> Reconciled:
    return reconcile(ledger, a_view(at=at, **view), SETTINGS)


def odd(**names: Any) -> OddRow:
    return OddRow("it makes no sense", **names)


# --- how far back


def test_listing_begins_an_hour_back_where_nothing_is_remembered() -> None:
    """An order of ours that was given up and forgotten may show all the same."""
    assert NOW - HOUR == find_orders_start(a_ledger(), NOW, HOUR)


def test_listing_begins_an_hour_back_where_all_that_is_remembered_is_a_count() -> None:
    """Or where there is but one order, which the venue has named."""
    counted = a_ledger().with_tally(an_intent(), NO_TALLY.count_made(an_intent(), NOW))

    assert NOW - HOUR == find_orders_start(counted, NOW, HOUR)
    assert NOW - HOUR == find_orders_start(a_ledger(working=[an_order_record()]), NOW, HOUR)


@pytest.mark.parametrize("age", [0, 3 * HOUR, 180 * 24 * HOUR])
def test_orders_at_the_venue_are_read_by_id_and_none_by_age(age: int) -> None:
    """However old a lot is: the listing begins an hour back."""
    entry = an_intent(decided_at=Instant(NOW - age - HOUR))
    ledger = a_held_ledger(entry, an_order_record(a_bracket_intent(decided_at=Instant(NOW - age))))
    ledger = replace(ledger, fills_known_until=Instant(NOW - 300))

    assert NOW - HOUR == find_orders_start(ledger, NOW, HOUR)
    assert venue_id_of(a_bracket_intent()) in find_known_orders(ledger, NOW, HOUR)


@pytest.mark.parametrize("status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.ABANDONED])
def test_order_without_an_id_of_the_venue_is_looked_for_since_it_was_decided(status: OrderStatus) -> None:
    """It is in the listing or nowhere."""
    record = an_order_record(an_intent(decided_at=Instant(NOW - 9000)), status)

    assert NOW - 9000 == find_orders_start(a_ledger(working=[record]), NOW, HOUR)


def test_look_after_a_long_pause_goes_back_to_the_last_one() -> None:
    """What was sent just before the pause may show although it had been refused."""
    ledger = a_ledger(working=[an_order_record()], fills_known_until=Instant(NOW - 9 * HOUR))

    assert NOW - 9 * HOUR == find_orders_start(ledger, NOW, HOUR) == find_fills_start(ledger, NOW)


def test_clock_that_was_ahead_hides_no_fill() -> None:
    """Fills are read from now on then; older ones are asked for by their order."""
    assert NOW == find_fills_start(a_ledger(fills_known_until=Instant(NOW + 99_999)), NOW)


def test_books_of_before_begin_with_their_oldest_order() -> None:
    """They do not know how far they have read."""
    ledger = a_ledger(working=[an_intent(decided_at=Instant(NOW - 700)), an_intent("b")])

    assert (NOW - 700, NOW) == (find_fills_start(ledger, NOW), find_fills_start(a_ledger(), NOW))


def test_child_is_asked_for_by_the_id_that_its_parent_tells() -> None:
    """Once the parent has told it, whether or not a listing has shown it."""
    parent = an_order_record(attached_order_id=VenueOrderId("child"))

    assert (OURS, "child") == find_known_orders(a_ledger(working=[parent]), NOW, HOUR)


def test_order_that_is_long_over_is_not_asked_for() -> None:
    """One of which fills are still to come is."""
    ended = an_order_record(status=OrderStatus.FILLED, final_at=Instant(NOW - HOUR))

    assert () == find_known_orders(a_ledger(working=[ended]), NOW, HOUR)
    assert 1 == len(find_known_orders(a_ledger(working=[replace(ended, reported_filled=Quantity(1))]), NOW, HOUR))


# --- up to where all fills are known


def test_look_moves_the_mark_to_its_own_beginning() -> None:
    """A lot of any age does not hold it."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent(decided_at=Instant(NOW - 9999))))

    assert NOW + 120 == remember_look(ledger, a_view()).fills_known_until


@pytest.mark.parametrize(
    "record",
    [
        an_order_record(an_intent(decided_at=Instant(NOW - 500)), OrderStatus.IN_DOUBT),
        an_order_record(an_intent(decided_at=Instant(NOW - 500)), reported_filled=Quantity(1)),
    ],
    ids=["in doubt", "fills not listed"],
)
def test_mark_stays_before_an_order_that_awaits_fills(record: Any) -> None:
    """Or where it was, if that is later: what came before is known."""
    ledger = a_ledger(working=[record])

    assert NOW - 500 == remember_look(ledger, a_view()).fills_known_until
    known = replace(ledger, fills_known_until=Instant(NOW - 100))
    assert NOW - 100 == remember_look(known, a_view()).fills_known_until


def test_order_that_reports_more_than_is_listed_is_asked_for_its_fills() -> None:
    """They may have been traded before the listing begins."""
    ledger = a_ledger(working=[an_order_record()])
    report = an_order_state(filled_quantity="0.7")
    some, all_of_it = a_fill(quantity="0.4"), a_fill(number=2, quantity="0.3")

    assert (OURS,) == find_late_orders(ledger, [report], [some]) == find_late_orders(ledger, [report], [])
    assert () == find_late_orders(ledger, [report], [some, all_of_it, all_of_it])
    assert () == find_late_orders(ledger, [], [])


# --- while an order is in doubt


def test_unknown_order_in_the_product_of_a_doubt_must_be_read() -> None:
    """By a fill or by an odd row; on either listing of its order book."""
    ledger = a_ledger(working=[an_intent()])
    fills = [
        replace(a_fill(), venue_order_id=VenueOrderId("usdc"), product_id=ProductId("ETH-USDC")),
        replace(a_fill(), venue_order_id=VenueOrderId("other"), product_id=ProductId("SOL-USD")),
        odd(venue_order_id=VenueOrderId("odd"), product_id=ProductId("ETH-USD")),
        odd(venue_order_id=VenueOrderId("nowhere")),
        odd(product_id=ProductId("ETH-USD")),
    ]

    assert {"usdc", "odd"} == set(find_unexplained(ledger, [], fills))
    assert {} == find_unexplained(a_ledger(working=[an_order_record()]), [], fills)


def test_order_whose_row_names_a_client_is_explained() -> None:
    """It is ours or it is not: nothing has to be read for that."""
    ledger = a_ledger(working=[an_intent()])
    fill = replace(a_fill(), venue_order_id=THEIRS)
    row = odd(venue_order_id=THEIRS, client_order_id=ClientOrderId("manual"))
    report = an_order_state(client_order_id=ClientOrderId("manual"), venue_order_id=THEIRS)

    assert {} == find_unexplained(ledger, [row], [fill]) == find_unexplained(ledger, [report], [fill])
    assert {THEIRS: "ETH-USD"} == find_unexplained(ledger, [replace(report, client_order_id=ClientOrderId(""))], [fill])


def test_doubt_is_not_given_up_while_a_row_may_be_its() -> None:
    """Not for as long as ended orders are remembered; then no row can keep it."""
    ledger, rows = a_ledger(working=[an_intent()]), frozenset({ProductId("ETH-USDC")})

    free = look(ledger, at=NOW + 999).ledger
    held = look(ledger, at=NOW + 999, unresolved=rows).ledger
    late = look(ledger, at=NOW + 120 + HOUR, unresolved=rows).ledger

    statuses = [each.orders[an_intent().client_order_id].status for each in (free, held, late)]
    assert [OrderStatus.ABANDONED, OrderStatus.IN_DOUBT, OrderStatus.ABANDONED] == statuses


def test_row_that_may_be_somebody_elses_keeps_no_lot_from_being_sold() -> None:
    """A sale in doubt is given up after the quiet period, whatever else is traded in its product."""
    sale = an_exit_intent()
    ledger = a_held_ledger(None, an_order_record(sale, OrderStatus.IN_DOUBT, repeats=3))
    rows = frozenset({ProductId("ETH-USD")})

    held, free = (look(ledger, at=NOW + seconds, unresolved=rows).ledger for seconds in (179, 180))

    statuses = [each.orders[sale.client_order_id].status for each in (held, free)]
    assert [OrderStatus.IN_DOUBT, OrderStatus.ABANDONED] == statuses


# --- odd rows


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"venue_order_id": THEIRS},
        {"client_order_id": ClientOrderId("manual"), "product_id": ProductId("ETH-USD")},
        {"originating_order_id": THEIRS, "product_id": ProductId("ETH-USD")},
        {"product_id": ProductId("ETH-USD")},
    ],
    ids=str,
)
def test_odd_row_that_is_not_ours_changes_nothing(names: dict[str, Any]) -> None:
    """36: not even a note."""
    ledger = a_held_ledger()

    done = look(ledger, odd_orders=(odd(**names),), odd_fills=(odd(**names),))

    assert (ledger, ()) == (done.ledger, done.notes)


@pytest.mark.parametrize(
    "names",
    [
        {"venue_order_id": OURS},
        {"client_order_id": an_intent().client_order_id},
        {"originating_order_id": OURS},
        {"client_order_id": ClientOrderId(PREFIX + "of-nobody"), "product_id": ProductId("ETH-USDC")},
    ],
    ids=str,
)
def test_odd_order_of_ours_keeps_its_asset_from_being_bought_until_it_can_be_read(names: dict[str, Any]) -> None:
    """36: that asset alone, with its text, and noted once."""
    ledger = a_ledger(working=[an_order_record()])

    first = look(ledger, odd_orders=(odd(**names),))
    second = look(first.ledger, odd_orders=(odd(**names),), at=NOW + 420)
    third = look(second.ledger, at=NOW + 720)

    assert {ETH: "a row of ours cannot be read: it makes no sense"} == first.ledger.reduce_only
    assert (1, 0) == (len(first.notes), len(second.notes))
    assert {} == third.ledger.reduce_only


def test_odd_fill_of_ours_keeps_its_asset_from_being_bought_until_a_person_looks() -> None:
    """36: what it did to the account nobody knows, and the listing goes on without it."""
    ledger = a_ledger(working=[an_order_record()])

    first = look(ledger, odd_fills=(odd(venue_order_id=OURS),))
    second = look(first.ledger, at=NOW + 420)

    assert {ETH: "a fill of ours cannot be read: it makes no sense"} == first.ledger.reduce_only
    assert first.ledger.reduce_only == second.ledger.reduce_only
    assert [EventKind.MISMATCH_FOUND] == [note.kind for note in first.notes]


def test_other_reason_for_reducing_stays_before_an_odd_row() -> None:
    """It does not go away by itself, and must not with the row."""
    ledger = a_ledger(working=[an_order_record()], reduce_only={ETH: "a person said so"})
    rows = (odd(venue_order_id=OURS),)

    done = look(look(ledger, odd_orders=rows, odd_fills=rows).ledger, at=NOW + 420)

    assert {ETH: "a person said so"} == done.ledger.reduce_only


@pytest.mark.parametrize(
    "changes", [{"side": Side.SELL}, {"product_id": ProductId("SOL-USD")}, {"product_id": ProductId("")}], ids=str
)
@pytest.mark.parametrize("look_at", ["account", "one order"])
def test_row_with_our_id_that_speaks_of_something_else_is_odd(changes: dict[str, Any], look_at: str) -> None:
    """4: neither its status nor its quantity is believed, and nothing is booked."""
    ledger = a_ledger(working=[an_order_record()])
    report = an_order_state(status=OrderStatus.FILLED, filled_quantity=1, **changes)
    view = a_view(orders=(report,), fills=(replace(a_fill(), **changes),))

    done = reconcile(ledger, view, SETTINGS) if look_at == "account" else apply_reports(ledger, view, SETTINGS)

    assert (ledger.orders, ledger.cash, {}) == (done.ledger.orders, done.ledger.cash, done.ledger.lots)
    assert [ETH] == list(done.ledger.reduce_only)


def test_other_listing_of_the_same_book_is_no_other_product() -> None:
    """An order for ETH-USD may be reported under ETH-USDC."""
    ledger = a_ledger(working=[an_order_record()])
    other = ProductId("ETH-USDC")

    done = look(
        ledger,
        orders=(an_order_state(status=OrderStatus.FILLED, filled_quantity=1, product_id=other),),
        fills=(replace(a_fill(), product_id=other),),
    )

    assert (1, {}) == (len(done.ledger.lots), done.ledger.reduce_only)


# --- wallets


@pytest.mark.parametrize(
    ("ledger", "asset", "matters"),
    [
        (a_held_ledger(), ETH, True),
        (a_ledger(), USD, True),
        (a_ledger(working=[an_order_record()]), ETH, True),
        (a_ledger(), ETH, False),
        (a_held_ledger(), SOL, False),
    ],
    ids=["held", "paid with", "bought", "not ours", "of the owner"],
)
def test_odd_wallet_matters_where_we_hold_buy_or_pay(ledger: Ledger, asset: Asset, *, matters: bool) -> None:
    """And no longer than it cannot be read."""
    done = look(ledger, odd_wallets={asset: "hold: Field required"})

    assert ([asset] if matters else []) == list(done.ledger.reduce_only)
    assert {} == look(done.ledger, at=NOW + 420).ledger.reduce_only


def test_lot_whose_wallet_cannot_be_read_is_not_called_missing() -> None:
    """Nobody has seen that it is."""
    done = look(a_held_ledger(), balances={"USD": "10000"}, odd_wallets={ETH: "hold: Field required"})

    assert {ETH: "a row of ours cannot be read: hold: Field required"} == done.ledger.reduce_only
    assert frozenset() == done.shortages


# --- whose account it is


def test_portfolio_is_remembered_once_it_is_told() -> None:
    """Two at once, or none, tell nothing."""
    told = [frozenset(each) for each in ((), ("a", "b"), ("a",))]

    assert ["", "", "a"] == [remember_look(a_ledger(), a_view(portfolios=each)).portfolio for each in told]
    assert "old" == remember_look(a_ledger(portfolio="old"), a_view(portfolios=frozenset({"a"}))).portfolio


def test_sale_that_exceeds_a_lot_whose_entry_has_left_is_told_of() -> None:
    """Nothing will ever cover it."""
    entry = an_intent(decided_at=Instant(NOW - HOUR), attach_bracket=False)
    ledger = look(a_held_ledger(entry), at=NOW + 2 * HOUR).ledger
    sale = an_exit_intent(quantity=Quantity(2), decided_at=Instant(NOW + 2 * HOUR))

    done = look(ledger.with_order(an_order_record(sale)), fills=(a_fill(sale),), at=NOW + 2 * HOUR + 120)

    assert [ETH] == list(done.ledger.reduce_only)
    assert [EventKind.MISMATCH_FOUND] == [note.kind for note in done.notes]
