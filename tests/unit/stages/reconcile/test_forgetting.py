"""The ledger holds what is open: orders that are long over leave it, and their lots stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from factories import (
    NOW,
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
)
from trader.model.booking import book_fill
from trader.model.capital import find_imbalance
from trader.model.codec import canonical_json
from trader.model.ids import Asset, Instant, VenueOrderId
from trader.model.ledger import Ledger
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import ATTACHED, Fill, OrderIntent
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.forgetting import forget_orders
from trader.stages.reconcile.strangers import recall_orders

SETTINGS = shipped_settings()
MEMORY = SETTINGS.cycle.order_memory_seconds
LATER = Instant(NOW + 10 * MEMORY)
ENTRY = an_intent(decided_at=Instant(NOW - 3600), attach_bracket=False)


def look(ledger: Ledger, *orders: object, fills: Sequence[Fill] = (), at: int = LATER) -> Reconciled:
    return reconcile(ledger, a_view(at=at, orders=tuple(orders), fills=tuple(fills)), SETTINGS)


def sold(ledger: Ledger, intent: OrderIntent, *quantities: str, at: int = NOW, is_open: bool = False) -> Ledger:
    """Sell so much of the lot by this order, a minute apart; it is over with the last of them."""
    total = sum((Quantity(each) for each in quantities), Quantity(0))
    record = an_order_record(intent, OrderStatus.OPEN if is_open else OrderStatus.CANCELLED, reported_filled=total)
    ledger = ledger.with_order(replace(record, final_at=None if is_open else Instant(at + 60 * len(quantities))))
    for number, quantity in enumerate(quantities):
        fill = a_fill(intent, number, quantity=quantity, fee="0.07", time=at + 60 * number)
        ledger = book_fill(ledger, intent.client_order_id, fill)
    return ledger


def figures(ledger: Ledger) -> tuple[object, ...]:
    """What the books say of money and lots, whatever carries it."""
    return ledger.cash, ledger.by_strategy, {key: replace(lot, carried=None) for key, lot in ledger.lots.items()}


def test_entry_that_is_long_over_leaves_although_its_lot_is_open() -> None:
    """The lot carries what it bought; the order is stored as it ended."""
    ledger = a_held_ledger(ENTRY)

    done = look(ledger)

    assert ({}, [ENTRY.client_order_id]) == (
        done.ledger.orders,
        [each.intent.client_order_id for each in done.finished],
    )
    assert figures(ledger) == figures(done.ledger)
    assert [(ENTRY, 1, ())] == [(each.intent, each.filled, each.fills) for each in done.finished]


def test_order_is_remembered_until_its_time_is_over() -> None:
    """A cancelled order may still be filled, for a while."""
    entry = replace(ENTRY, decided_at=NOW)
    ledger, ended = a_held_ledger(entry), NOW + 100

    young, old = look(ledger, at=ended + MEMORY - 1), look(ledger, at=ended + MEMORY)

    assert (1, 0) == (len(young.ledger.orders), len(old.ledger.orders))


def test_fills_of_an_order_that_rests_on_are_carried_one_after_another() -> None:
    """31: a bracket that fills in small parts for days: the ledger keeps those of the last hour, and every sum."""
    bracket = a_bracket_intent(decided_at=NOW)
    ledger = a_held_ledger(ENTRY).with_order(an_order_record(bracket))
    sizes, told = [], Quantity(0)
    for number in range(300):
        at, told = NOW + 300 * number, Quantity(told + Quantity("0.001"))
        part = a_fill(bracket, number, quantity="0.001", fee="0.0005", time=at)
        ledger = look(ledger, an_order_state(bracket, filled_quantity=told), fills=[part], at=at).ledger
        sizes.append(len(canonical_json(ledger)))

    (record,), (lot,) = ledger.orders.values(), ledger.lots.values()
    assert (Quantity("0.300"), Quantity("0.700"), Quantity("33.600")) == (record.filled, lot.quantity, record.spent)
    assert len(record.fills) <= 13
    assert max(sizes[150:]) - min(sizes[150:]) < 32
    assert set(find_imbalance(ledger).values()) == {0}
    again = [a_fill(bracket, number, quantity="0.001", fee="0.0005", time=NOW + 300 * number) for number in range(300)]
    assert figures(ledger) == figures(look(ledger, fills=again, at=NOW + 300 * 300).ledger)


def test_fills_are_not_carried_while_others_of_the_lot_are_awaited() -> None:
    """After a pause a listing may show them in parts: what comes late is new, however old."""
    bracket = a_bracket_intent(decided_at=NOW)
    ledger = a_held_ledger(ENTRY).with_order(an_order_record(bracket))
    report = an_order_state(bracket, filled_quantity="0.4")
    first, second = (a_fill(bracket, n, quantity="0.2", time=NOW + 60 * n) for n in (1, 2))

    part = look(ledger, report, fills=[first]).ledger
    whole = look(part, report, fills=[first, second], at=LATER + 60).ledger

    assert {Quantity("0.6")} == {lot.quantity for lot in whole.lots.values()}


def test_part_that_is_sold_after_its_entry_left_is_booked_like_any_other() -> None:
    """Cost and result are the same as if the entry had stayed, to the last digit."""
    ledger = a_held_ledger(ENTRY)
    parts = [("one", "0.3", LATER), ("two", "0.333", LATER + 300), ("three", "0.1", LATER + 600)]

    stays, leaves = ledger, look(ledger).ledger
    for name, quantity, at in parts:
        intent = an_exit_intent(name, decided_at=Instant(at))
        stays = sold(stays, intent, quantity, at=at)
        leaves = look(sold(leaves, intent, quantity, at=at), at=at + 2 * MEMORY).ledger

    assert {} == leaves.orders
    assert figures(stays) == figures(leaves)
    assert set(find_imbalance(leaves).values()) == {0}


def test_lot_that_is_sold_out_after_its_entry_left_closes_with_its_whole_result() -> None:
    """The last sale finds what the lot carries."""
    ledger, intent = look(a_held_ledger(ENTRY)).ledger, an_exit_intent("all", decided_at=LATER)
    report = an_order_state(intent, OrderStatus.FILLED, filled_quantity=1)

    done = look(ledger.with_order(an_order_record(intent)), report, fills=[a_fill(intent, price="101")], at=LATER + 60)

    (lot,) = done.ledger.closed_lots.values()
    assert ({}, "0.00") == (done.ledger.lots, str(lot.realized))
    assert {} == look(done.ledger, at=LATER + 2 * MEMORY).ledger.closed_lots


def test_sale_that_fills_late_after_its_entry_left_reopens_the_lot_it_closed() -> None:
    """A closed lot is kept as long as an order of it is; what it carries is kept with it."""
    ledger, intent = look(a_held_ledger(ENTRY)).ledger, an_exit_intent("all", decided_at=LATER)
    first, late = (a_fill(intent, number, quantity="0.5") for number in (1, 2))
    record = an_order_record(intent, OrderStatus.CANCELLED, final_at=LATER)
    half = look(ledger.with_order(record), fills=[first], at=LATER + 60).ledger

    whole = look(half, fills=[first, late], at=LATER + 120).ledger

    assert {Quantity("0.5")} == {lot.quantity for lot in half.lots.values()}
    assert {Quantity(0)} == {lot.quantity for lot in whole.closed_lots.values()}


def test_two_hundred_protections_one_after_another_leave_one() -> None:
    """Accident 31's kind: a healthy lot whose bracket is cancelled and placed anew."""
    ledger = a_held_ledger(ENTRY)
    for number in range(200):
        at = Instant(NOW + 600 * number)
        ended = an_order_record(
            a_bracket_intent(f"b-{number}", decided_at=at), OrderStatus.CANCELLED, final_at=Instant(at + 60)
        )
        ledger = look(ledger.with_order(ended), at=at + 300).ledger

    assert len(ledger.orders) <= MEMORY // 600 + 1


@pytest.mark.parametrize("is_open", [True, False])
def test_order_with_a_fill_in_between_stays_until_the_lot_stays_what_it_is(is_open: bool) -> None:
    """A bracket that sold a part rests on: what was sold after that part cannot be carried before it."""
    ledger = sold(a_held_ledger(ENTRY), a_bracket_intent(decided_at=NOW), "0.123456789", at=NOW, is_open=is_open)
    exit_intent = an_exit_intent(decided_at=Instant(NOW + 600))
    ledger = sold(ledger, exit_intent, "0.3333333333", at=NOW + 600)

    done = look(ledger)

    left = {each.client_order_id for each in (a_bracket_intent(),)} if is_open else set()
    assert left <= set(done.ledger.orders)
    assert figures(ledger) == figures(done.ledger)
    assert ENTRY.client_order_id not in done.ledger.orders


# --- brackets that come with their entry


def an_attached_lot(*, is_seen: bool = True, child: OrderStatus = OrderStatus.OPEN) -> Ledger:
    """A lot whose entry brought its bracket, which the venue has shown or not."""
    entry = an_intent(decided_at=Instant(NOW - 3600))
    ledger = a_held_ledger(entry)
    parent = replace(ledger.orders[entry.client_order_id], attached_order_id=VenueOrderId("child"))
    ledger = ledger.with_order(parent)
    if not is_seen:
        return ledger
    bracket = a_bracket_intent("child", reason=ATTACHED, decided_at=entry.decided_at)
    final_at = Instant(NOW) if child.is_final else None
    return ledger.with_order(an_order_record(bracket, child, venue_order_id=VenueOrderId("child"), final_at=final_at))


def test_entry_whose_bracket_was_never_seen_stays() -> None:
    """It is what the bracket would be known by."""
    done = look(an_attached_lot(is_seen=False))

    assert 1 == len(done.ledger.orders)


def test_entry_leaves_its_resting_bracket_behind() -> None:
    """The bracket is known by its own id from then on."""
    done = look(an_attached_lot())

    assert [ATTACHED] == [each.intent.reason for each in done.ledger.orders.values()]


def test_bracket_is_never_taken_for_another_one_after_it_left_with_its_entry() -> None:
    """An old row of it is nobody's, and its fills are booked once."""
    ledger = an_attached_lot(child=OrderStatus.CANCELLED)
    child = a_bracket_intent("child", reason=ATTACHED)
    row = an_order_state(
        child,
        OrderStatus.CANCELLED,
        venue_order_id=VenueOrderId("child"),
        client_order_id="made by the venue",
        originating_order_id=VenueOrderId(f"venue-{ENTRY.client_order_id}"),
    )
    fill = a_fill(child, venue_order_id=VenueOrderId("child"), quantity="0.5")

    gone = look(ledger).ledger
    again = look(gone, row, fills=[fill], at=LATER + 300).ledger

    assert {} == gone.orders == again.orders
    assert figures(gone) == figures(again)


# --- what had left, and shows


def test_recalled_order_counts_nothing_twice() -> None:
    """Its fills are part of what the lot carries; a fill that is new is booked."""
    ledger = a_held_ledger(ENTRY)
    done = look(ledger)
    (record,) = done.finished

    recalled, _ = recall_orders(done.ledger, [record], [an_order_state(ENTRY, OrderStatus.FILLED, filled_quantity=2)])
    same = look(recalled, fills=[a_fill(ENTRY)], at=LATER + 60).ledger

    assert figures(ledger) == figures(recalled) == figures(same)


def test_lot_without_orders_that_is_written_off_is_not_remembered_for_ever() -> None:
    """Nothing can be booked on it any more."""
    ledger = look(a_held_ledger(ENTRY)).ledger
    (lot,) = ledger.lots.values()

    assert {} == look(ledger.with_closed_lot(lot)).ledger.closed_lots


def test_order_that_awaits_fills_does_not_leave() -> None:
    """Its lot would be another one once they come."""
    record = an_order_record(ENTRY, OrderStatus.FILLED, reported_filled=Quantity(2), final_at=NOW)
    ledger = book_fill(a_ledger(working=[record]), ENTRY.client_order_id, a_fill(ENTRY))

    after, finished = forget_orders(ledger, LATER, MEMORY)

    assert (ledger, ()) == (after, finished)


def test_assets_that_were_bought_long_ago_are_forgotten() -> None:
    """What was entered within a day is remembered, or as long as it paces anything."""
    pacing = replace(
        a_ledger().entry_pacing, last_entry={Asset("OLD"): Instant(NOW - 86_400), Asset("NEW"): Instant(NOW - 86_399)}
    )

    done = look(a_ledger(entry_pacing=pacing), at=NOW)

    assert ["NEW"] == list(done.ledger.entry_pacing.last_entry)
