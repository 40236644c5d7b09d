"""Whatever the venue says and in whatever order it is heard: an order moves only along the documented ways."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from factories_market import NOW
from factories_settings import shipped_settings
from property.histories import History, balances, histories
from trader.model.ids import Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus, may_follow
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderPurpose, OrderStatusReport, Side
from trader.stages.reconcile.account import reconcile

SETTINGS = shipped_settings()
STATUSES = st.sampled_from(tuple(OrderStatus))
#: Status as it is told, part of the order as filled in per mille, seconds since the look before.
TALES = st.lists(st.tuples(STATUSES, st.integers(0, 1000), st.integers(0, 120)), max_size=12)

#: The documented ways out of an end: the last fill of what was cancelled or expired, and what was given up too soon.
LAST_FILL = {(OrderStatus.CANCELLED, OrderStatus.FILLED), (OrderStatus.EXPIRED, OrderStatus.FILLED)}
GIVEN_UP = {OrderStatus.REJECTED, OrderStatus.WITHHELD, OrderStatus.ABANDONED}
OURS_ALONE = {OrderStatus.CONTINGENT, OrderStatus.INTENDED, OrderStatus.IN_DOUBT, *GIVEN_UP}


@given(STATUSES, STATUSES)
def test_only_documented_steps_leave_an_end(was: OrderStatus, told: OrderStatus) -> None:
    """From a terminal status: a last fill, or the venue's word on what we had given up; nothing else."""
    if was.is_final and may_follow(was, told):
        assert (was, told) in LAST_FILL or (was in GIVEN_UP and told not in OURS_ALONE)


@given(STATUSES)
def test_same_status_again_is_no_news(status: OrderStatus) -> None:
    """Nothing follows itself, and nothing goes back to before it was sent; only what waits may be released."""
    assert not may_follow(status, status)
    assert status is OrderStatus.INTENDED or not may_follow(status, OrderStatus.IN_DOUBT)
    assert status is OrderStatus.CONTINGENT or not may_follow(status, OrderStatus.INTENDED)
    assert not may_follow(status, OrderStatus.CONTINGENT)


@given(histories(views_max=0), STATUSES, TALES)
def test_order_never_comes_back_to_life(
    history: History, first: OrderStatus, tales: list[tuple[OrderStatus, int, int]]
) -> None:
    """Through whole reconciliations: an end is left only by the documented ways, and the claim never shrinks."""
    story = next(order for order in history.orders if order.intent.side is Side.BUY)
    assert story.record is not None
    record = replace(story.record, status=first, final_at=NOW if first.is_final else None)
    ledger, now = history.ledger.with_order(record), int(NOW)

    for told, filled, pause in tales:
        now += pause
        before = ledger.orders[record.intent.client_order_id]
        ledger = heard(ledger, story.states[0], told, filled, now)
        after = ledger.orders.get(record.intent.client_order_id)
        if after is None:
            assert not before.is_active
            return
        assert_is_sound(after)
        assert after.reported_filled >= before.reported_filled
        # A doubt that nobody resolved in time is given up within the look that told nothing new.
        assert (
            after.status in {before.status, OrderStatus.ABANDONED}
            or may_follow(before.status, after.status)
            or (told is OrderStatus.IN_DOUBT and after.status is OrderStatus.ABANDONED)
        )
        if before.status.is_final and after.status is not before.status:
            assert (before.status, after.status) in LAST_FILL or before.status in GIVEN_UP


@given(histories())
def test_records_stay_sound_through_any_views(history: History) -> None:
    """Nothing remains of less than nothing, only what may still change is live, and what is over has an instant."""
    ledger = history.ledger
    for view in (*history.views, history.full_view()):
        ledger = reconcile(ledger, view, SETTINGS).ledger
        for record in ledger.orders.values():
            assert_is_sound(record)


@given(histories())
def test_children_of_a_parent_are_of_one_lot(history: History) -> None:
    """A bracket that the venue made is recognised by its parent: it protects that lot, for no more than was bought."""
    ledger = reconcile(history.ledger, history.full_view(), SETTINGS).ledger
    for record in ledger.orders.values():
        if record.intent.purpose is OrderPurpose.PROTECTION:
            of_lot = ledger.orders_of(record.intent.lot_id)
            (parent,) = (each for each in of_lot if each.intent.purpose is OrderPurpose.ENTRY)
            assert record.intent.quantity == parent.intent.quantity
            assert record.filled <= parent.filled


def heard(ledger: Ledger, state: OrderStatusReport, told: OrderStatus, filled: int, now: int) -> Ledger:
    """The ledger after a look at one order."""
    whole = ledger.orders[state.client_order_id].intent.quantity
    claim = type(whole)(whole * filled / 1000)
    shown = replace(state, status=told, filled_quantity=claim)
    return reconcile(ledger, AccountView(Instant(now), balances(), (shown,)), SETTINGS).ledger


def assert_is_sound(record: OrderRecord) -> None:
    """What must hold of a record at any moment."""
    whole, over = record.intent.quantity, record.status.is_final
    owed = record.reported_filled - record.filled
    assert 0 <= record.remaining <= max(whole, record.reported_filled)
    assert record.remaining == max((owed if over else whole - record.filled), 0)
    assert record.is_active == (not over or owed > 0)
    assert record.is_active or record.remaining == 0
    assert over == (record.final_at is not None)
    assert record.open_cost >= 0
    assert not (record.is_in_doubt and over)
    assert record.reported_filled >= record.filled
