"""Orders at the venue that carry our prefix and that the ledger does not know."""

from __future__ import annotations

from typing import Any

import pytest

from factories import (
    NOW,
    PREFIX,
    a_bracket_intent,
    a_ledger,
    an_intent,
    an_order_record,
    an_order_state,
    shipped_settings,
)
from trader.model.events import EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, VenueOrderId, name_attached
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import ATTACHED, OrderStatusReport
from trader.stages.reconcile.strangers import UNKNOWN, find_strangers, name_brackets, note_strangers, recall_orders

SETTINGS = shipped_settings()
MEMORY = SETTINGS.cycle.order_memory_seconds
STRAY = ClientOrderId(PREFIX + "stray")


def a_stray(**over: Any) -> OrderStatusReport:
    plain = {"client_order_id": STRAY, "venue_order_id": VenueOrderId("stray"), "created_at": NOW}
    return an_order_state(**{**plain, **over})


@pytest.mark.parametrize(
    ("over", "is_found"),
    [
        ({}, True),
        ({"created_at": Instant(NOW - 10 * MEMORY)}, True),
        ({"status": OrderStatus.FILLED, "filled_quantity": "1"}, True),
        ({"status": OrderStatus.FILLED, "filled_quantity": "1", "created_at": Instant(NOW - MEMORY)}, False),
        ({"status": OrderStatus.CANCELLED}, False),
        ({"client_order_id": ClientOrderId("somebody-else")}, False),
        ({"client_order_id": an_intent().client_order_id}, False),
        ({"venue_order_id": an_order_record().venue_order_id}, False),
    ],
)
def test_stranger_is_open_or_too_young_to_be_forgotten(over: dict[str, Any], is_found: bool) -> None:
    """Not what the ledger knows by either id, nor what ended with nothing, nor what it has long forgotten."""
    ledger = a_ledger(working=[an_order_record()])

    assert is_found == bool(find_strangers(ledger, [a_stray(**over)], NOW, SETTINGS))


def test_finished_order_that_shows_after_all_is_known_again() -> None:
    """It was withheld, for certain: the venue's word counts for more, and is applied to it as to any other."""
    withheld = an_order_record(status=OrderStatus.WITHHELD)

    ledger, notes = recall_orders(a_ledger(), [withheld], [an_order_state()])

    assert {withheld.intent.client_order_id: withheld} == ledger.orders
    assert [EventKind.ORDER_RECALLED] == [note.kind for note in notes]


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.CANCELLED])
def test_finished_order_that_is_shown_as_it_ended_or_before_stays_where_it_is(status: OrderStatus) -> None:
    """An old page, or a longer memory than before: all of it is booked."""
    record = an_order_record(status=OrderStatus.FILLED, reported_filled=Quantity(1))

    assert (a_ledger(), ()) == recall_orders(a_ledger(), [record], [an_order_state(status=status, filled_quantity=1)])


def test_bracket_comes_back_with_its_entry() -> None:
    """The venue's rows of it bear none of our names: it would be taken for another one, and booked again."""
    entry = an_order_record(status=OrderStatus.CANCELLED, reported_filled=Quantity("0.5"))
    bracket = an_order_record(a_bracket_intent(reason=ATTACHED), OrderStatus.FILLED, reported_filled=Quantity("0.5"))
    report = an_order_state(status=OrderStatus.FILLED, filled_quantity=1)

    ledger, _ = recall_orders(a_ledger(), [entry, bracket], [report])

    assert {each.intent.client_order_id for each in (entry, bracket)} == set(ledger.orders)
    assert (name_attached(PREFIX, entry.intent.client_order_id),) == name_brackets([entry, bracket], PREFIX)


def test_order_that_is_in_no_book_closes_its_asset() -> None:
    """Exits go on; a person adopts it or cancels it."""
    ledger, notes = note_strangers(a_ledger(), [a_stray()], ())

    assert {Asset("ETH"): f"{UNKNOWN}: {STRAY}"} == ledger.reduce_only
    assert [EventKind.MISMATCH_FOUND] == [note.kind for note in notes]


def test_order_that_was_found_closes_nothing() -> None:
    """Nor does one that is over and was never ours to follow."""
    over = a_stray(status=OrderStatus.FILLED, filled_quantity="1", client_order_id=ClientOrderId(PREFIX + "other"))

    assert (a_ledger(), ()) == note_strangers(a_ledger(), [a_stray(), over], [STRAY])
