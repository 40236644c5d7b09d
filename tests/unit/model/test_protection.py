"""Between its stop and its own limit the venue's protective order sells; above it waits, below it only rests."""

from __future__ import annotations

from typing import Any

import pytest

from factories import PREFIX, a_bracket_intent, a_held_ledger, an_exit_intent, an_order_record
from trader.model.ids import ClientOrderId, VenueOrderId
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderConfiguration
from trader.model.protection import find_venue_sale

LOT = ClientOrderId(PREFIX + "entry")


def found(bid: str, *records: OrderRecord) -> OrderRecord | None:
    """The order that sells a lot of one unit, of which these are the orders beside its entry."""
    ledger = a_held_ledger(None, *records)
    return find_venue_sale(ledger, ledger.lots[LOT], Price(bid))


STOP_LIMIT: dict[str, Any] = {"configuration": OrderConfiguration.STOP_LIMIT_GTC, "limit_price": Price("92.5")}


@pytest.mark.parametrize(
    ("bid", "bracket_sells", "stop_limit_sells"),
    [
        ("94.01", False, False),
        ("94", True, True),
        ("92.50", True, True),
        ("92.49", True, False),
        ("89.30", True, False),
        ("89.29", False, False),
    ],
)
def test_order_sells_from_its_stop_down_to_its_limit(bid: str, bracket_sells: bool, stop_limit_sells: bool) -> None:
    """A bracket 5 % below its stop of 94, a stop-limit at the limit it was given; both ends included."""
    orders = [an_order_record(a_bracket_intent(**over)) for over in ({}, STOP_LIMIT)]

    assert [bracket_sells, stop_limit_sells] == [found(bid, order) is not None for order in orders]


@pytest.mark.parametrize(
    ("status", "over", "sells"),
    [
        (OrderStatus.OPEN, {}, True),
        (OrderStatus.PENDING, {}, True),
        (OrderStatus.CANCEL_QUEUED, {}, False),
        (OrderStatus.CANCELLED, {}, False),
        (OrderStatus.IN_DOUBT, {}, False),
        (OrderStatus.OPEN, {"venue_order_id": None}, False),
        (OrderStatus.FILLED, {"reported_filled": Quantity(1)}, False),
    ],
)
def test_only_an_order_that_rests_at_the_venue_sells(status: OrderStatus, over: dict[str, Any], sells: bool) -> None:
    """Not one in doubt, one that is over, or one whose end is on its way."""
    record = an_order_record(a_bracket_intent(), status, **over)

    assert sells is (found("93", record) is not None)


def test_only_an_order_with_a_stop_protects() -> None:
    """An exit that rests, or a bracket with nothing left, does not."""
    resting = an_order_record(an_exit_intent("resting", configuration=OrderConfiguration.LIMIT_GTC))
    spent = an_order_record(a_bracket_intent("spent", quantity=Quantity(0)))
    unknown = an_order_record(a_bracket_intent("unknown", stop_price=None))

    assert found("93", resting, spent, unknown) is None


def test_order_that_sells_is_found_among_others() -> None:
    """Whatever stands in front of it."""
    records = [
        an_order_record(a_bracket_intent("over"), OrderStatus.CANCELLED, venue_order_id=VenueOrderId("x")),
        an_order_record(a_bracket_intent()),
    ]

    assert records[1] == found("93", *records)


@pytest.mark.parametrize(("parts", "sells"), [(("0.4", "0.6"), True), (("0.4", "0.5"), False), (("0.9",), False)])
def test_lot_of_which_a_part_is_bare_is_not_left_to_the_venue(parts: tuple[str, ...], sells: bool) -> None:
    """All of it must be covered by what sells: the rest would wait for nothing."""
    records = [an_order_record(a_bracket_intent(f"part-{n}", quantity=Quantity(part))) for n, part in enumerate(parts)]

    assert (records[0] if sells else None) == found("93", *records)


def test_part_whose_stop_is_not_reached_does_not_cover() -> None:
    """At 93 one half sells, the other still waits for 90."""
    halves = [
        an_order_record(a_bracket_intent(f"half-{stop}", quantity=Quantity("0.5"), stop_price=Price(stop)))
        for stop in (94, 90)
    ]

    assert found("93", *halves) is None
