"""What the venue's reports make of parents: which are filled, which lost their lot, which leave the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories import NOW, a_fill, a_ledger, a_parent, an_intent, an_order_record, shipped_settings
from trader.model.booking import book_fill
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.parent_life import ParentEnd, ParentState, ParentStyle
from trader.model.parents import ParentOrder
from trader.stages.reconcile.parents import settle_parents

PARENT = a_parent()


def books(parent: ParentOrder, status: OrderStatus = OrderStatus.OPEN, *, ended_at: int = NOW - 3600) -> Ledger:
    child = an_order_record(an_intent("child", lot_id=parent.parent_id), status)
    if status.is_final:
        child = replace(child, final_at=Instant(ended_at))
    return a_ledger(parents={parent.parent_id: parent}, working=[child])


def bought(quantity: str, status: OrderStatus = OrderStatus.OPEN) -> Ledger:
    """One child of the parent bought so much."""
    ledger = books(PARENT, status)
    (child,) = ledger.orders.values()
    fill = a_fill(child.intent, quantity=Quantity(quantity), price=Price(100))
    return book_fill(ledger, child.intent.client_order_id, fill)


def settle(ledger: Ledger) -> tuple[Ledger, list[AuditNote]]:
    notes: list[AuditNote] = []
    return settle_parents(ledger, NOW, shipped_settings(), notes), notes


def test_fill_of_a_child_is_one_of_its_parent() -> None:
    """Quantity and money."""
    parent = bought("0.4").parents[PARENT.parent_id]

    assert (Quantity("0.4"), 40, Quantity("0.6")) == (parent.filled, parent.spent, parent.quantity_left)


def test_filled_parent_leaves_once_its_child_is_over() -> None:
    """And its last event says how it ended."""
    waiting, no_notes = settle(bought("1"))
    gone, notes = settle(bought("1", OrderStatus.FILLED))

    assert (ParentState.ENDING, []) == (waiting.parents[PARENT.parent_id].state, no_notes)
    assert {} == gone.parents
    assert [(EventKind.PARENT_ENDED, ParentEnd.FILLED)] == [(each.kind, each.body["parent"].end) for each in notes]


def test_parent_that_still_buys_stays() -> None:
    """Nothing is said of it."""
    ledger = bought("0.4")

    assert (ledger, []) == settle(ledger)


def test_parent_whose_lot_was_sold_from_buys_no_more() -> None:
    """A stop that sold a part would be bought back."""
    ledger = bought("0.4", OrderStatus.EXPIRED)
    (lot,) = ledger.lots.values()

    after, notes = settle(ledger.with_lot(replace(lot, quantity=Quantity("0.1"))))

    assert {} == after.parents
    assert [ParentEnd.SOLD] == [each.body["parent"].end for each in notes]


@pytest.mark.parametrize(("ended_at", "stays"), [(NOW - 30, True), (NOW - 3600, False)])
def test_parent_waits_for_the_fills_of_a_child_that_is_over(ended_at: int, stays: bool) -> None:
    """What it reports may be listed later."""
    ledger = books(
        replace(PARENT, state=ParentState.ENDING, end=ParentEnd.GAVE_UP), OrderStatus.CANCELLED, ended_at=ended_at
    )
    (child,) = ledger.orders.values()
    ledger = ledger.with_order(replace(child, reported_filled=Quantity("0.2")))

    assert stays is bool(settle(ledger)[0].parents)


def test_parent_of_a_newer_release_is_left_to_that() -> None:
    """Whatever it has bought."""
    newer = replace(PARENT, style=ParentStyle.keep("ICEBERG"), filled=PARENT.quantity)
    ledger = a_ledger(parents={newer.parent_id: newer})

    assert (ledger, []) == settle(ledger)
