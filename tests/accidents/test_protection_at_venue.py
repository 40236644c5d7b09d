"""Accident 54: a stop-limit was taken for a stop, and the market fell through it.

The simulated venue has to fill what protects as Coinbase does: triggered, it is a limit, a bracket's 5 % below its
trigger; it takes its share of what was traded, and the rest stays on the book.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from factories_venue import BASE, Bar, Venue, a_bracket, a_path, a_simulated_venue, a_simulation, a_stop_limit
from trader.model.ids import Instant
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Liquidity, OrderIntent
from trader.settings.app import FillModel

EVER = Instant(0)
HELD = Quantity(500)

BRACKET = a_bracket(stop="95", target="110", quantity=HELD)
STOP_LIMIT = a_stop_limit(stop="95", limit="90.25", quantity=HELD)
each_protection = pytest.mark.parametrize("protection", [BRACKET, STOP_LIMIT], ids=["bracket", "without a target"])


def a_market(*bars: Bar, fills: FillModel = FillModel.NEUTRAL) -> Venue:
    """500 units held, a quiet bar at 100, then what is given."""
    path = a_path(Bar(), *bars)
    return a_simulated_venue(path, opening={BASE: Decimal(HELD)}, settings=a_simulation(fills=fills))


def sold_by(venue: Venue, protection: OrderIntent, bars: int) -> list[tuple[Price, Quantity, Liquidity]]:
    """What an order placed in the quiet bar sells in the bars after it."""
    venue.accepted(venue.exchange.submit(protection))
    venue.pass_bars(1 + bars)
    return [(fill.price, fill.quantity, fill.liquidity) for fill in venue.exchange.fills(EVER)]


@each_protection
def test_market_that_fell_through_a_stop_leaves_it_on_the_book(protection: OrderIntent) -> None:
    """54: a bar from 100 to 60 in which 3 units were traded sells 0.3 of 500; at 60 nobody buys at 90.25."""
    venue = a_market(Bar(low=60.0, close=60.0, volume=3.0), *[Bar(open=60.0)] * 3)

    sold = sold_by(venue, protection, 4)

    (order,) = venue.exchange.orders(EVER)
    assert [(Price("94.90"), Quantity("0.3"), Liquidity.TAKER)] == sold
    assert (OrderStatus.OPEN, Quantity("0.3")) == (order.status, order.filled_quantity)
    assert (Decimal(0), Decimal("499.7")) == venue.money(BASE)


@each_protection
@pytest.mark.parametrize("model", list(FillModel))
def test_gap_of_more_than_five_percent_sells_nothing(protection: OrderIntent, model: FillModel) -> None:
    """54: nothing was traded between 100 and 90.24, however much was below."""
    venue = a_market(Bar(open=90.24, low=60.0, close=61.0, volume=1e6), Bar(open=61.0, volume=1e6), fills=model)

    assert [] == sold_by(venue, protection, 2)
    assert (Decimal(0), Decimal(HELD)) == venue.money(BASE)


@each_protection
def test_gap_inside_five_percent_sells_at_the_open(protection: OrderIntent) -> None:
    """54: opened at 92, it sells for 91.90, and not at 95."""
    venue = a_market(Bar(open=92.0, low=91.0, close=91.0, volume=1e6))

    assert [(Price("91.90"), HELD, Liquidity.TAKER)] == sold_by(venue, protection, 1)


@each_protection
def test_thin_market_above_the_limit_takes_a_stop_bar_by_bar(protection: OrderIntent) -> None:
    """54: a tenth of what each bar traded, at its open; a high of 120 is no target any more."""
    venue = a_market(
        Bar(low=94.0, close=94.0, volume=3.0),
        Bar(open=94.0, high=120.0, volume=50.0),
        Bar(open=91.0, volume=1e6),
    )

    assert [
        (Price("94.90"), Quantity("0.3"), Liquidity.TAKER),
        (Price("93.90"), Quantity(5), Liquidity.TAKER),
        (Price("90.90"), Quantity("494.7"), Liquidity.TAKER),
    ] == sold_by(venue, protection, 3)


@each_protection
def test_price_that_comes_back_meets_the_order_at_its_limit(protection: OrderIntent) -> None:
    """54: it rests below the gap, and a bar that trades through it by one increment fills it as a maker."""
    venue = a_market(Bar(open=80.0), Bar(open=80.0, high=90.25), Bar(open=80.0, high=90.26, volume=1e6))

    assert [(Price("90.25"), HELD, Liquidity.MAKER)] == sold_by(venue, protection, 3)


@pytest.mark.parametrize("model", list(FillModel))
def test_no_temper_of_the_venue_sells_below_the_limit(model: FillModel) -> None:
    """54: not the pessimist either, who meets the market at the bar's low."""
    bars = [Bar(low=low, close=low, volume=1e4) for low in (94.0, 90.3, 90.25, 90.2, 60.0)]
    bars += [Bar(low=60.0, close=95.0, volume=1e4)]

    prices = [price for bar in bars for price, _, _ in sold_by(a_market(bar, fills=model), BRACKET, 1)]

    assert prices
    assert all(Price("90.25") <= price <= Price(95) for price in prices)
