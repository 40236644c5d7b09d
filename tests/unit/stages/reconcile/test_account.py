"""Bringing the books up to what the venue says: nothing assumed, nothing twice, nothing of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from factories import (
    NOW,
    PREFIX,
    RULES,
    USD,
    a_bracket_intent,
    a_convert_intent,
    a_fill,
    a_held_ledger,
    a_ledger,
    a_lot,
    a_view,
    an_exit_intent,
    an_intent,
    an_order_record,
    an_order_state,
    shipped_settings,
    venue_id_of,
)
from trader.model.capital import find_imbalance
from trader.model.conversions import ConversionRecord, ConversionStatus
from trader.model.events import EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, TradeId, VenueOrderId, client_order_id
from trader.model.ledger import Ledger
from trader.model.lots import Dust
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import TRANSITIONS, OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderConfiguration, OrderIntent, OrderPurpose, OrderStatusReport, Side
from trader.model.schema import SCHEMA
from trader.model.unknown import UnknownFields
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.cash import NEGATIVE_CASH
from trader.stages.reconcile.doubts import is_resendable
from trader.stages.reconcile.ownership import VANISHED

SETTINGS = shipped_settings()
ENTRY, EXIT = ClientOrderId(PREFIX + "entry"), ClientOrderId(PREFIX + "exit")
ETH = Asset("ETH")
#: Quiet period and lease: how long an order may be missing before it is taken for never arrived.
PATIENCE = SETTINGS.cycle.quiet_period_seconds + 120


def look(
    ledger: Ledger, *orders: OrderStatusReport, fills: Sequence[Fill] = (), at: int = NOW + 120, **view: Any
) -> Reconciled:
    return reconcile(ledger, a_view(at=at, orders=orders, fills=tuple(fills), **view), SETTINGS)


def a_working_ledger(*more: OrderIntent | OrderRecord) -> Ledger:
    """An entry that rests at the venue."""
    return a_ledger(working=[an_order_record(), *more])


def kinds(done: Reconciled) -> list[EventKind]:
    return [kind for kind, _, _ in done.notes]


# --- order states


#: What the venue never says.
OURS = (OrderStatus.CONTINGENT, OrderStatus.INTENDED, OrderStatus.IN_DOUBT)


@pytest.mark.parametrize("before", [s for s in OrderStatus if s is not OrderStatus.CONTINGENT])
@pytest.mark.parametrize("seen", [s for s in OrderStatus if s not in OURS])
def test_status_follows_the_table_and_nothing_else(before: OrderStatus, seen: OrderStatus) -> None:
    """Every row and column: what may follow is adopted, an illegal regression is an old page."""
    ledger = a_ledger(working=[an_order_record(status=before)])

    after = look(ledger, an_order_state(status=seen)).ledger.orders[ENTRY].status

    assert (seen if seen in TRANSITIONS[before] else before) is after


def test_order_in_doubt_is_adopted_with_the_venues_id() -> None:
    """Accident 1: the reply was lost, the order was not."""
    done = look(a_ledger(working=[an_intent()]), an_order_state())

    record = done.ledger.orders[ENTRY]
    assert (OrderStatus.OPEN, venue_id_of(an_intent())) == (record.status, record.venue_order_id)
    assert EventKind.ORDER_OBSERVED in kinds(done)


def test_every_change_of_an_order_is_noted_under_its_own_subject() -> None:
    """The id of the event is made of it: two changes in one cycle are two events."""
    done = look(a_working_ledger(), an_order_state(status=OrderStatus.CANCELLED))

    assert [f"{ENTRY}|CANCELLED"] == [note.subject for note in done.notes if note.kind is EventKind.ORDER_OBSERVED]


def test_order_is_recognised_by_the_venues_id_too() -> None:
    """A listing may leave our id out."""
    state = an_order_state(status=OrderStatus.CANCELLED, client_order_id=ClientOrderId(""))

    assert OrderStatus.CANCELLED is look(a_working_ledger(), state).ledger.orders[ENTRY].status


def test_order_is_over_from_when_we_first_saw_it_so() -> None:
    """Later pages do not make it younger."""
    first = look(a_working_ledger(), an_order_state(status=OrderStatus.CANCELLED), at=NOW + 100).ledger

    again = look(first, an_order_state(status=OrderStatus.CANCELLED), at=NOW + 200).ledger

    assert NOW + 100 == first.orders[ENTRY].final_at == again.orders[ENTRY].final_at


def test_order_that_shows_up_after_being_given_up_is_alive_again() -> None:
    """Nothing of its end is remembered."""
    given_up = an_order_record(status=OrderStatus.ABANDONED, final_at=NOW)

    record = look(a_ledger(working=[given_up]), an_order_state()).ledger.orders[ENTRY]

    assert (OrderStatus.OPEN, None, True) == (record.status, record.final_at, record.is_active)


def test_fill_after_the_cancel_is_booked() -> None:
    """The venue took the cancel and filled all the same."""
    cancelled = look(a_working_ledger(), an_order_state(status=OrderStatus.CANCELLED)).ledger

    done = look(cancelled, an_order_state(status=OrderStatus.FILLED, filled_quantity=1), fills=[a_fill()])

    assert (OrderStatus.FILLED, Quantity(1)) == (
        done.ledger.orders[ENTRY].status,
        done.ledger.lots[ENTRY].quantity,
    )


def test_claimed_fills_keep_an_order_alive_until_they_are_listed() -> None:
    """The state says filled, the fills come a page later; meanwhile it is exposure."""
    state = an_order_state(status=OrderStatus.FILLED, filled_quantity=1)

    waiting = look(a_working_ledger(), state).ledger
    done = look(waiting, state, fills=[a_fill()]).ledger

    assert (True, {}) == (waiting.orders[ENTRY].is_active, waiting.lots)
    assert (False, [ENTRY]) == (done.orders[ENTRY].is_active, list(done.lots))


def test_claim_never_shrinks() -> None:
    """An older page knows less, not better."""
    later = look(a_working_ledger(), an_order_state(filled_quantity="0.7")).ledger

    assert Quantity("0.7") == look(later, an_order_state(filled_quantity="0.2")).ledger.orders[ENTRY].reported_filled


# --- fills


def test_fill_is_booked_and_handed_on_for_storage() -> None:
    """Cash, lot, record, and a line for the audit."""
    done = look(a_working_ledger(), fills=[a_fill()])

    assert (Notional("9899.50"), Quantity(1), (a_fill(),)) == (
        done.ledger.cash[USD],
        done.ledger.lots[ENTRY].quantity,
        done.new_fills,
    )
    assert EventKind.FILL_APPLIED in kinds(done)


def test_booked_fill_counts_as_claimed() -> None:
    """Whether or not the order's state has said so yet."""
    record = look(a_working_ledger(), fills=[a_fill(quantity="0.4")]).ledger.orders[ENTRY]

    assert Quantity("0.4") == record.reported_filled


def test_same_page_ten_times_changes_nothing_after_the_first() -> None:
    """Accident 8: one fill is booked once, by its trade id."""
    page = a_view(
        orders=(an_order_state(status=OrderStatus.FILLED, filled_quantity=1),),
        fills=(a_fill(),) * 10,
    )
    first = reconcile(a_working_ledger(), page, SETTINGS)

    ledger = first.ledger
    for _ in range(10):
        done = reconcile(ledger, page, SETTINGS)
        ledger = done.ledger
        assert ((), ()) == (done.new_fills, done.notes)

    assert first.ledger == ledger
    assert (a_fill(),) == first.new_fills


def test_fills_out_of_order_and_over_pages_give_the_same_books() -> None:
    """Accident 8: every order of arrival, one by one, ends in one ledger."""
    sale = an_exit_intent()
    fills = [
        a_fill(number=1, quantity="0.4", price="90", time=NOW + 10),
        a_fill(number=2, quantity="0.6", price="95", time=NOW + 20),
        a_fill(sale, number=3, quantity="0.5", price="110", time=NOW + 30),
        a_fill(sale, number=4, quantity="0.3", price="111", time=NOW + 40),
    ]
    before = a_working_ledger(an_order_record(sale))
    whole = look(before, fills=fills).ledger

    for order in permutations(fills):
        ledger = before
        for fill in order:
            ledger = look(ledger, fills=[fill]).ledger
        # What came too early is listed again: pages overlap.
        ledger = look(ledger, fills=fills).ledger
        assert (whole.cash, whole.lots, whole.by_strategy) == (ledger.cash, ledger.lots, ledger.by_strategy)


def test_sale_before_its_buy_waits_for_it() -> None:
    """It is booked once what it sold is there."""
    ledger = a_working_ledger(an_order_record(an_exit_intent()))
    sale = a_fill(an_exit_intent())

    early = look(ledger, fills=[sale])
    later = look(early.ledger, fills=[sale, a_fill()])

    assert ((), {}) == (early.new_fills, early.ledger.lots)
    assert {sale.trade_id, a_fill().trade_id} == {fill.trade_id for fill in later.new_fills}


def test_fill_of_an_order_still_in_doubt_is_booked_once_the_order_is_seen() -> None:
    """Without the venue's id nobody knows whose it is."""
    early = look(a_ledger(working=[an_intent()]), fills=[a_fill()]).ledger

    later = look(early, an_order_state(), fills=[a_fill()]).ledger

    assert ({}, [ENTRY]) == (early.lots, list(later.lots))


@pytest.mark.parametrize(
    "fill",
    [
        a_fill(quantity="3000"),
        a_fill(quantity="100", price="1"),
        a_fill(price="101"),
    ],
)
def test_fill_larger_than_its_intent_is_refused_and_the_asset_reduce_only(fill: Fill) -> None:
    """Accident 4: a size in dollars read as coins does not reach the books."""
    done = look(a_working_ledger(), fills=[fill])

    assert ({}, Notional(10_000), ()) == (done.ledger.lots, done.ledger.cash[USD], done.new_fills)
    assert [ETH] == list(done.ledger.reduce_only)
    assert EventKind.MISMATCH_FOUND in kinds(done)


def test_asset_stays_reduce_only_after_a_fill_that_was_refused() -> None:
    """Balances cannot prove that one wrong: a person must look."""
    refused = look(a_working_ledger(), fills=[a_fill(quantity="3000")]).ledger

    later = look(refused, an_order_state(status=OrderStatus.CANCELLED), at=NOW + 9000).ledger

    assert [ETH] == list(later.reduce_only)


@pytest.mark.parametrize("over", [{"price": Price(99_500)}, {"fee": Notional(10**6)}, {"fee": Notional(-(10**6))}])
def test_fill_whose_numbers_cannot_be_is_booked_once_and_noted_once(over: dict[str, Any]) -> None:
    """The lot is sold as the venue says; the asset waits for a person, who reads both numbers."""
    sale = an_order_record(an_exit_intent())
    fill = a_fill(sale.intent, 9, **{"side": Side.SELL, "quantity": Quantity(1), "price": Price("99.5"), **over})
    report = an_order_state(sale.intent, OrderStatus.FILLED, filled_quantity=Quantity(1))

    done = look(a_held_ledger(None, sale), report, fills=[fill])
    again = look(done.ledger, report, fills=[fill])

    assert (fill,) == done.new_fills
    assert not done.ledger.lots
    (why,) = done.ledger.reduce_only.values()
    assert f"{next(iter(over.values()))}" in why
    assert "allowed is from" in why
    also = [NEGATIVE_CASH] * (done.ledger.cash[USD] < 0)
    assert [why, *also] == [body["reason"] for kind, _, body in done.notes if kind is EventKind.MISMATCH_FOUND]
    assert (done.ledger.reduce_only, ()) == (again.ledger.reduce_only, again.new_fills)
    assert EventKind.MISMATCH_FOUND not in kinds(again)


def test_other_reason_does_not_take_the_place_of_a_fill_that_cannot_be() -> None:
    """As long as it stands nobody believes the cash; a second fill that is too large changes nothing about that."""
    sale = an_order_record(an_exit_intent())
    absurd = a_fill(sale.intent, 8, side=Side.SELL, quantity=Quantity("0.5"), price=Price("99.5"), fee=Notional(10**6))
    large = replace(absurd, trade_id=TradeId("large"), fee=Notional(0), quantity=Quantity(1))

    done = look(a_held_ledger(None, sale), fills=[absurd, replace(large, time=Instant(absurd.time + 1))])

    assert EventKind.MISMATCH_FOUND in kinds(done)
    assert "fee 1000000" in done.ledger.reduce_only[ETH]


# --- what is not ours


def test_orders_of_others_are_none_of_our_business() -> None:
    """Accident 12: the owner's own order, whatever its state, is not adopted."""
    foreign = an_order_state(client_order_id=ClientOrderId("by-hand"), venue_order_id=VenueOrderId("theirs"))
    ledger = a_ledger()

    assert Reconciled(ledger) == look(ledger, foreign)


def test_fills_of_others_are_none_of_our_business() -> None:
    """Accident 12: of our very products too."""
    ledger = a_working_ledger()

    assert Reconciled(ledger) == look(ledger, fills=[a_fill(venue_order_id=VenueOrderId("theirs"))])


def test_order_with_our_prefix_that_the_ledger_does_not_know_is_not_adopted() -> None:
    """Whose lot would it be? It is looked up elsewhere, and named."""
    stray = an_order_state(client_order_id=ClientOrderId(PREFIX + "stray"), venue_order_id=VenueOrderId("stray"))
    ledger = a_ledger()

    done = look(ledger, stray)

    assert (ledger, []) == (done.ledger, kinds(done))


# --- attached brackets


CHILD = an_order_state(
    a_bracket_intent(),
    client_order_id=ClientOrderId("named-by-the-venue"),
    venue_order_id=VenueOrderId("venue-child"),
    originating_order_id=venue_id_of(an_intent()),
    created_at=NOW + 60,
)
CHILD_ID = client_order_id(PREFIX, "attached", ENTRY)


def test_attached_bracket_gets_a_record_of_its_own() -> None:
    """Recognised by its parent, under an id that follows from the parent's, with the parent's terms."""
    parent = an_order_state(status=OrderStatus.FILLED, filled_quantity=1, attached_order_id=CHILD.venue_order_id)

    ledger = look(a_working_ledger(), CHILD, parent, fills=[a_fill()]).ledger

    child, intent = ledger.orders[CHILD_ID], an_intent()
    assert (OrderPurpose.PROTECTION, OrderConfiguration.BRACKET_GTC, Side.SELL, intent.lot_id, intent.quantity) == (
        child.intent.purpose,
        child.intent.configuration,
        child.intent.side,
        child.intent.lot_id,
        child.intent.quantity,
    )
    assert intent.bracket is not None
    assert (intent.bracket.target_price, intent.bracket.stop_price) == (
        child.intent.limit_price,
        child.intent.stop_price,
    )
    assert (OrderStatus.OPEN, CHILD.venue_order_id) == (child.status, child.venue_order_id)


def test_attached_bracket_is_recognised_though_its_parent_was_in_doubt_and_comes_later_in_the_page() -> None:
    """Parents are looked at first: only then is the venue's id known that the child refers to."""
    ledger = look(a_ledger(working=[an_intent()]), replace(CHILD, created_at=Instant(NOW - 1)), an_order_state()).ledger

    assert [ENTRY, CHILD_ID] == list(ledger.orders)


def test_venues_name_for_the_bracket_is_kept() -> None:
    """A later page may leave it out."""
    told = look(a_working_ledger(), an_order_state(attached_order_id=CHILD.venue_order_id)).ledger

    later = look(told, an_order_state(status=OrderStatus.FILLED)).ledger

    assert CHILD.venue_order_id == later.orders[ENTRY].attached_order_id


def test_attached_bracket_is_adopted_once() -> None:
    """The same page again finds it by the venue's id."""
    once = look(a_working_ledger(), an_order_state(), CHILD).ledger

    assert once == look(once, an_order_state(), CHILD).ledger


def test_attached_bracket_closes_the_lot_it_protects() -> None:
    """Its fill is a sale of its parent's lot."""
    held = look(a_working_ledger(), an_order_state(status=OrderStatus.FILLED), CHILD, fills=[a_fill()]).ledger
    sale = a_fill(
        a_bracket_intent(), trade_id=TradeId("stopped"), venue_order_id=CHILD.venue_order_id, price="93", time=NOW + 90
    )

    done = look(held, replace(CHILD, status=OrderStatus.FILLED), fills=[sale])

    assert ({}, [ENTRY]) == (done.ledger.lots, list(done.ledger.closed_lots))
    assert "stop" == done.ledger.cooldowns[ETH].reason


def test_child_of_a_stranger_is_a_stranger() -> None:
    """Accident 12: the bracket of the owner's own entry is not ours."""
    ledger = a_ledger()

    assert ledger == look(ledger, replace(CHILD, originating_order_id=VenueOrderId("theirs"))).ledger


# --- doubts


def test_empty_listing_closes_nothing_and_opens_nothing() -> None:
    """Accident 9: everything at the venue stays as it was, however often nothing is listed."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()), an_order_record(an_intent("more")))

    soon, later = (look(ledger, at=NOW + seconds) for seconds in (120, 100_000))

    assert Reconciled(ledger) == soon
    assert ledger.active_orders == later.ledger.active_orders
    assert [lot.quantity for lot in ledger.lots.values()] == [lot.quantity for lot in later.ledger.lots.values()]


@pytest.mark.parametrize("status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT])
@pytest.mark.parametrize(("waited", "expected"), [(PATIENCE - 1, None), (PATIENCE, OrderStatus.ABANDONED)])
def test_order_not_found_stays_in_doubt_until_a_quiet_period_after_the_lease(
    status: OrderStatus, waited: int, expected: OrderStatus | None
) -> None:
    """Accident 20: the invocation that stalled could have sent it to the end of its lease."""
    ledger = a_ledger(working=[an_order_record(status=status)])

    after = look(ledger, at=NOW + waited).ledger.orders[ENTRY]

    assert (expected or status) is after.status
    assert (expected is not None) is (after.final_at is not None)


def test_patience_begins_with_the_last_sending() -> None:
    """What was sent again a minute ago may arrive for as long again."""
    record = an_order_record(status=OrderStatus.IN_DOUBT, sent_at=Instant(NOW + 60))
    ledger = a_ledger(working=[record])

    after = [look(ledger, at=NOW + waited).ledger.orders[ENTRY].status for waited in (PATIENCE + 59, PATIENCE + 60)]

    assert [OrderStatus.IN_DOUBT, OrderStatus.ABANDONED] == after


def test_end_of_patience_is_noted_with_how_long_it_lasted() -> None:
    """Which order, what it was, what it is, and for how long nothing of it was seen."""
    done = look(a_ledger(working=[an_intent()]), at=NOW + 500)

    body = {
        "order": ENTRY,
        "was": OrderStatus.IN_DOUBT,
        "is": OrderStatus.ABANDONED,
        "quiet_seconds": 380,
        "read_at": NOW + 500,
    }
    assert ((EventKind.ORDER_OBSERVED, f"{ENTRY}|ABANDONED", body),) == done.notes


def test_order_in_doubt_that_is_listed_in_time_is_not_abandoned() -> None:
    """However long the silence was."""
    done = look(a_ledger(working=[an_intent()]), an_order_state(), at=NOW + 9999)

    assert OrderStatus.OPEN is done.ledger.orders[ENTRY].status


@pytest.mark.parametrize(("age", "expected"), [(120, True), (121, False)])
def test_intent_is_sent_again_while_it_is_as_fresh_as_a_tick(age: int, expected: bool) -> None:
    """After that its price is history."""
    record = an_order_record(status=OrderStatus.IN_DOUBT)

    assert expected is is_resendable(a_ledger(), record, Instant(NOW + age), SETTINGS)


@pytest.mark.parametrize(("age", "left", "expected"), [(86_400, "1", True), (86_400, "0.9", False), (5, "0.9", False)])
def test_sale_is_sent_again_at_any_age_as_long_as_its_lot_has_it(age: int, left: str, expected: bool) -> None:
    """The same id brings the order there is, and its own price bounds it; what is not there cannot be sold."""
    record = an_order_record(an_exit_intent(quantity=Quantity(1)), OrderStatus.IN_DOUBT)
    ledger = a_ledger(lots=[a_lot("ETH-USD", lot_id=record.intent.lot_id, quantity=Quantity(left))], working=[record])

    assert expected is is_resendable(ledger, record, Instant(NOW + age), SETTINGS)


@pytest.mark.parametrize(
    "cover", [a_bracket_intent(), an_exit_intent("rest", configuration=OrderConfiguration.LIMIT_GTC)]
)
def test_sale_is_sent_again_although_an_order_covers_its_lot(cover: OrderIntent) -> None:
    """Bracket or resting sale: it goes in the turn of the sale, which looks again before it sends."""
    sale = an_order_record(an_exit_intent(), OrderStatus.IN_DOUBT)
    lot = a_lot("ETH-USD", lot_id=sale.intent.lot_id, quantity=Quantity(1))

    assert is_resendable(a_ledger(lots=[lot], working=[sale, an_order_record(cover)]), sale, NOW, SETTINGS)


@pytest.mark.parametrize(("waited", "expected"), [(59, OrderStatus.INTENDED), (60, OrderStatus.ABANDONED)])
def test_patience_begins_with_the_last_instant_its_sender_had(waited: int, expected: OrderStatus) -> None:
    """A stalled run may have sent it at the very end of its time."""
    record = an_order_record(status=OrderStatus.INTENDED, sender_until=Instant(NOW + 210))

    assert expected is look(a_ledger(working=[record]), at=NOW + 210 + waited).ledger.orders[ENTRY].status


def test_order_at_the_venue_is_never_sent_again() -> None:
    """There is nothing to doubt."""
    assert not is_resendable(a_ledger(), an_order_record(), NOW, SETTINGS)


# --- orders that are shown no longer


QUIET = SETTINGS.cycle.quiet_period_seconds
LOST = frozenset({venue_id_of(an_intent())})


def test_order_is_missing_for_a_quiet_period_before_a_person_must_look() -> None:
    """Listings lag; then it is noted once, stays what it was, and its asset takes no entries."""
    first = look(a_working_ledger(), missing=LOST, at=NOW)
    early = look(first.ledger, missing=LOST, at=NOW + QUIET - 1)
    late = look(early.ledger, missing=LOST, at=NOW + QUIET)
    again = look(late.ledger, missing=LOST, at=NOW + 2 * QUIET)

    assert ([], [], [EventKind.MISMATCH_FOUND], []) == tuple(kinds(each) for each in (first, early, late, again))
    assert ({}, {}) == (first.ledger.reduce_only, early.ledger.reduce_only)
    assert f"{ENTRY} ({venue_id_of(an_intent())}), OPEN" in late.ledger.reduce_only[ETH]
    assert late.ledger == again.ledger
    assert OrderStatus.OPEN is again.ledger.orders[ENTRY].status


def test_order_that_nobody_asked_for_is_not_missing() -> None:
    """A view without it proves nothing: not even that it was looked for."""
    ledger = a_working_ledger()

    assert ledger == look(look(ledger, at=NOW).ledger, at=NOW + 9 * QUIET).ledger


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED])
def test_order_that_is_shown_again_is_missing_no_longer(status: OrderStatus) -> None:
    """In whatever state: its asset is free again, and it begins anew if it goes once more."""
    lost = look(look(a_working_ledger(), missing=LOST, at=NOW).ledger, missing=LOST, at=NOW + QUIET).ledger

    found = look(lost, an_order_state(status=status), at=NOW + 2 * QUIET).ledger

    assert {} == found.reduce_only
    assert (None, "") == (found.orders[ENTRY].missing_since, found.orders[ENTRY].note)


def test_reason_that_a_person_must_lift_is_not_lifted_with_it() -> None:
    """An order that is found again says nothing of a fill that was odd; what heals by itself gives way to it."""
    odd, short = {ETH: "fill 1 exceeds its lot"}, {ETH: "less at the venue than in the ledger: ledger 1, venue 0"}
    ledgers = [replace(a_working_ledger(), reduce_only=why) for why in (odd, short)]

    lost = [look(look(each, missing=LOST, at=NOW).ledger, missing=LOST, at=NOW + QUIET).ledger for each in ledgers]
    found = look(lost[0], an_order_state(), at=NOW + 2 * QUIET).ledger

    assert (odd, odd) == (lost[0].reduce_only, found.reduce_only)
    assert lost[1].reduce_only[ETH].startswith(VANISHED)


def test_order_that_is_over_or_never_acknowledged_does_not_vanish() -> None:
    """The first is read on for its fills, the second is in doubt."""
    records = [an_order_record(status=each) for each in (OrderStatus.CANCELLED, OrderStatus.IN_DOUBT)]

    for record in records:
        done = look(look(a_ledger(working=[record]), missing=LOST, at=NOW).ledger, missing=LOST, at=NOW + QUIET)
        assert {} == done.ledger.reduce_only


# --- balances


def shortfall(found: str, ledger: Ledger | None = None) -> Reconciled:
    return look(a_held_ledger() if ledger is None else ledger, balances={"ETH": found})


@pytest.mark.parametrize(("found", "short"), [("1", False), ("0.999", False), ("0.998", True), ("0", True)])
def test_balance_below_the_books_makes_the_asset_reduce_only(found: str, short: bool) -> None:
    """A thousandth is tolerated; the note says both numbers."""
    done = shortfall(found)

    assert ([ETH] if short else []) == list(done.ledger.reduce_only)
    bodies = [body for kind, _, body in done.notes if kind is EventKind.MISMATCH_FOUND]
    assert [(Quantity(1), Quantity(found))] * short == [(body["ledger"], body["venue"]) for body in bodies]


def test_asset_the_venue_does_not_list_at_all_is_missing() -> None:
    """No wallet means zero."""
    assert [ETH] == list(look(a_held_ledger(), balances={"USD": "1"}).ledger.reduce_only)


def test_bracket_whose_fill_is_still_to_come_is_no_shortfall() -> None:
    """It sold, the coins are gone, and the fill is listed a moment later."""
    bracket = a_bracket_intent()
    ledger = a_held_ledger(None, an_order_record(bracket))

    done = look(ledger, an_order_state(bracket, OrderStatus.FILLED, filled_quantity=Quantity(1)), balances={"USD": "1"})

    assert {} == done.ledger.reduce_only


def test_sale_beyond_its_lot_is_said_once_its_purchase_is_over() -> None:
    """Nothing will ever cover it: it is not booked, and the asset is only reduced from here on."""
    exits = an_exit_intent(quantity=Quantity(9))
    ledger = a_held_ledger(None, an_order_record(exits))

    done = look(ledger, fills=[a_fill(exits, quantity="9")], balances={"ETH": "1"})

    assert [ETH] == list(done.ledger.reduce_only)
    assert ledger.lots == done.ledger.lots
    assert ["a sell exceeds its lot and was not booked"] == [
        body["reason"] for kind, _, body in done.notes if kind is EventKind.MISMATCH_FOUND
    ]


def test_ledger_is_not_rewritten_by_a_balance() -> None:
    """The lot stays what its fills made it."""
    assert a_held_ledger().lots == shortfall("0").ledger.lots


def test_asset_recovers_with_its_balance() -> None:
    """It was a listing that lagged."""
    short = shortfall("0").ledger

    assert {} == shortfall("1", short).ledger.reduce_only


def test_coins_of_the_owner_are_no_mismatch() -> None:
    """Accident 12: more at the venue than in the books is simply not ours."""
    done = shortfall("1000")

    assert ({}, ()) == (done.ledger.reduce_only, done.notes)


def test_dust_counts_as_ours() -> None:
    """What is written off is still there."""
    ledger = a_held_ledger(dust=(Dust(RULES, ETH, Quantity("0.5"), Notional(1)),))

    assert ([ETH], []) == (
        list(shortfall("1.2", ledger).ledger.reduce_only),
        list(shortfall("1.5", ledger).ledger.reduce_only),
    )


@pytest.mark.parametrize("intent", [an_intent("more"), an_exit_intent()])
def test_asset_with_an_order_under_way_is_not_judged(intent: OrderIntent) -> None:
    """Between the balance and the fills a trade may have happened."""
    assert {} == shortfall("0", a_held_ledger(None, an_order_record(intent))).ledger.reduce_only


# --- memory


def test_orders_long_over_are_forgotten_with_their_lot_and_handed_on() -> None:
    """An hour after the last of them ended."""
    held = a_held_ledger(an_intent(decided_at=Instant(NOW - 9000)), an_order_record(an_exit_intent()))
    fill = a_fill(an_exit_intent())
    sold = look(held, an_order_state(an_exit_intent(), OrderStatus.FILLED), fills=[fill], at=NOW + 100).ledger

    kept = look(sold, at=NOW + 100 + 3599)
    gone = look(sold, at=NOW + 100 + 3600)

    assert (2, [ENTRY]) == (len(kept.ledger.orders), list(kept.ledger.closed_lots))
    assert ({}, {}) == (gone.ledger.orders, gone.ledger.closed_lots)
    assert (ENTRY, EXIT) == tuple(record.intent.client_order_id for record in gone.finished)
    assert () == kept.finished


def test_finished_order_with_fills_to_come_is_not_forgotten() -> None:
    """It may still change the books; the asset takes no entries until a person has looked, and it is told of once."""
    record = an_order_record(status=OrderStatus.FILLED, reported_filled=Quantity(1), final_at=NOW)
    ledger = a_ledger(working=[record])

    first = look(ledger, at=NOW + 999_999)
    second = look(first.ledger, at=NOW + 1_000_299)

    assert [record.intent.client_order_id] == list(first.ledger.orders)
    assert [record.intent.base] == list(first.ledger.reduce_only)
    assert ([EventKind.MISMATCH_FOUND], []) == ([each.kind for each in first.notes], list(second.notes))
    assert first.ledger == second.ledger


def test_unfilled_entry_is_forgotten_alone() -> None:
    """It never had a lot."""
    done = look(a_ledger(working=[an_order_record(status=OrderStatus.EXPIRED, final_at=NOW)]), at=NOW + 3600)

    assert ({}, 1) == (done.ledger.orders, len(done.finished))


# --- all together


def test_books_balance_after_everything_at_once() -> None:
    """Fills, a closed lot, a conversion that failed: the parts add up to the whole."""
    ledger = a_held_ledger(None, an_order_record(an_exit_intent()), an_order_record(an_intent("more")))
    ledger = replace(ledger, conversions={"c": ConversionRecord(a_convert_intent("c", decided_at=Instant(NOW - 999)))})

    done = look(
        ledger,
        an_order_state(an_exit_intent(), OrderStatus.FILLED),
        fills=[a_fill(an_exit_intent(), price="93"), a_fill(an_intent("more"), quantity="0.25")],
    )

    assert {USD: 0} == find_imbalance(done.ledger)
    assert [PREFIX + "more"] == list(done.ledger.lots)


def test_account_that_says_nothing_new_changes_nothing() -> None:
    """And says nothing in the record."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()))

    assert Reconciled(ledger) == look(ledger)


# --- orders of a newer release


def newer(intent: OrderIntent, **changes: Any) -> OrderIntent:
    return replace(intent, **(changes or {"purpose": OrderPurpose.keep("HEDGE")}))


@pytest.mark.parametrize("status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT])
def test_doubtful_order_of_a_newer_release_is_neither_sent_nor_given_up(status: OrderStatus) -> None:
    """Sent again, it would be this release's guess of what it was to be."""
    record = OrderRecord(newer(an_exit_intent(decided_at=NOW)), status)
    ledger = a_held_ledger(None, record)

    after = look(ledger, at=NOW + 10 * PATIENCE).ledger

    assert not is_resendable(ledger, record, Instant(NOW + 60), SETTINGS)
    assert record == after.orders[EXIT]


def test_young_entry_is_not_sent_again_by_an_older_release() -> None:
    """It certainly may never have left: then sending it would be to enter."""
    record = OrderRecord(an_intent(decided_at=NOW))

    assert is_resendable(a_ledger(working=[record]), record, Instant(NOW + 60), SETTINGS)
    assert not is_resendable(a_ledger(working=[record], schema=SCHEMA + 1), record, Instant(NOW + 60), SETTINGS)


def test_fills_of_an_order_of_a_newer_release_are_booked() -> None:
    """Money moved, whatever it was for: cash and lot follow, and the order stays as it was."""
    intent = newer(an_exit_intent())
    ledger = a_held_ledger(None, an_order_record(intent))

    done = look(ledger, an_order_state(intent, filled_quantity="0.4"), fills=[a_fill(intent, quantity=Quantity("0.4"))])

    assert Quantity("0.6") == done.ledger.lots[ENTRY].quantity
    assert intent == done.ledger.orders[EXIT].intent
    assert not any(find_imbalance(done.ledger).values())


def test_buy_of_an_unknown_purpose_that_belongs_to_no_lot_is_left_to_the_newer_release() -> None:
    """It reports more than is booked, so that whoever can book it asks for its fills."""
    intent = newer(an_intent(bracket=None, max_hold_until=None))

    done = look(
        a_ledger(working=[an_order_record(intent)]), an_order_state(intent, filled_quantity="1"), fills=[a_fill(intent)]
    )

    assert {} == done.ledger.lots
    assert Quantity(1) == done.ledger.orders[ENTRY].unreported_quantity


def test_order_of_an_unknown_status_stays_in_it_whatever_the_venue_shows() -> None:
    """Its venue id and what it filled are learnt all the same."""
    record = an_order_record(an_exit_intent(), status=OrderStatus.keep("PARKED"), venue_order_id=None)

    after = look(a_held_ledger(None, record), an_order_state(record.intent, OrderStatus.CANCELLED)).ledger.orders[EXIT]

    assert ("PARKED", venue_id_of(record.intent)) == (after.status, after.venue_order_id)


def test_conversion_of_an_unknown_status_is_open_and_stays() -> None:
    """Its amount is spoken for."""
    record = ConversionRecord(a_convert_intent(), ConversionStatus.keep("SPLIT"))

    after = look(a_ledger(conversions=[record]), at=NOW + 10 * PATIENCE).ledger

    assert record.is_open
    assert {record.intent.conversion_id: record} == after.conversions


def test_fields_that_a_newer_release_added_to_a_lot_survive_its_fills() -> None:
    """A lot is rebuilt from its fills; what is not made from them stays."""
    kept = UnknownFields((("next_release", "1"),))
    intent = an_exit_intent()
    ledger = a_held_ledger(None, an_order_record(intent))
    lot = ledger.lots[ENTRY]
    ledger = ledger.with_lot(replace(lot, unknown=kept, bracket=replace(lot.bracket, unknown=kept)))

    after = look(
        ledger, an_order_state(intent, filled_quantity="0.4"), fills=[a_fill(intent, quantity=Quantity("0.4"))]
    ).ledger

    assert (kept, kept) == (after.lots[ENTRY].unknown, after.lots[ENTRY].bracket.unknown)
