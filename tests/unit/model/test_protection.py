"""Between its stop and its own limit the venue's protective order sells; above it waits, below it only rests."""

from __future__ import annotations

from typing import Any

import pytest

from factories import a_bracket_intent, an_exit_intent, an_order_record
from trader.model.ids import VenueOrderId
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration
from trader.model.protection import find_venue_sale

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
    found = [
        find_venue_sale([an_order_record(a_bracket_intent(**over))], Price(bid)) is not None
        for over in ({}, STOP_LIMIT)
    ]

    assert [bracket_sells, stop_limit_sells] == found


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

    assert sells is (find_venue_sale([record], Price(93)) is not None)


def test_only_an_order_with_a_stop_protects() -> None:
    """An exit that rests, or a bracket with nothing left, does not."""
    resting = an_order_record(an_exit_intent(configuration=OrderConfiguration.LIMIT_GTC))
    spent = an_order_record(a_bracket_intent(quantity=Quantity(0)))
    unknown = an_order_record(a_bracket_intent(stop_price=None))

    assert find_venue_sale([resting, spent, unknown], Price(93)) is None


def test_order_that_sells_is_found_among_others() -> None:
    """Whatever stands in front of it."""
    records = [
        an_order_record(a_bracket_intent("over"), OrderStatus.CANCELLED, venue_order_id=VenueOrderId("x")),
        an_order_record(a_bracket_intent()),
    ]

    assert records[1] == find_venue_sale(records, Price(93))
