"""Matching of one order against one bar or one touch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from factories_venue import BASE, SOL, START, STEP, USD, Bar, a_simulation
from trader.model.ids import ClientOrderId, Instant, VenueOrderId
from trader.model.market import Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import Liquidity, OrderConfiguration, Side
from trader.settings.app import FillModel
from trader.sim.fills import fill_marketable, fill_protective, fill_resting, would_cross
from trader.sim.orders import Execution, SimOrder

TOUCH = Quote(SOL, Price("99.95"), Price("100.05"), START)
DEEP = Notional(1_000_000)
END = Instant(START + STEP)
NEUTRAL, OPTIMISTIC, PESSIMISTIC = (a_simulation(fills=model) for model in FillModel)


def a_venue_order(**changes: Any) -> SimOrder:
    """A resting buy of 2 at 99.90."""
    given: dict[str, Any] = {
        "venue_order_id": VenueOrderId("v1"),
        "client_order_id": ClientOrderId("t-1"),
        "root": ClientOrderId("t-1"),
        "product_id": SOL,
        "base": BASE,
        "quote": USD,
        "side": Side.BUY,
        "configuration": OrderConfiguration.POST_ONLY_GTD,
        "quantity": Quantity(2),
        "limit_price": Price("99.90"),
        "created_at": Instant(START),
        "price_increment": Price("0.01"),
        "base_increment": Quantity("0.001"),
        "fee_rate": Decimal("0.006"),
    }
    return SimOrder(**{**given, **changes})


def a_guard(**changes: Any) -> SimOrder:
    """A bracket around 2: stop 95, target 110."""
    given: dict[str, Any] = {
        "side": Side.SELL,
        "configuration": OrderConfiguration.BRACKET_GTC,
        "limit_price": Price(110),
        "stop_price": Price(95),
    }
    return a_venue_order(**{**given, **changes})


@pytest.mark.parametrize(
    ("low", "settings", "fills"),
    [
        (99.91, OPTIMISTIC, False),
        (99.90, OPTIMISTIC, True),
        (99.90, NEUTRAL, False),
        (99.89, NEUTRAL, True),
        (99.90, PESSIMISTIC, False),
        (99.89, PESSIMISTIC, True),
    ],
)
def test_resting_buy_needs_the_price_its_model_asks_for(low: float, settings: Any, fills: bool) -> None:
    """Touching is enough for optimists; the others want to see the price one increment lower."""
    execution = fill_resting(a_venue_order(), Bar(low=low).candle(START), settings)

    assert (Execution(Price("99.90"), Quantity(2), Liquidity.MAKER) if fills else None) == execution


@pytest.mark.parametrize(("high", "fills"), [(110.0, False), (110.01, True)])
def test_resting_sell_needs_the_price_above_its_limit(high: float, fills: bool) -> None:
    """The same on the other side."""
    order = a_venue_order(side=Side.SELL, limit_price=Price(110))

    execution = fill_resting(order, Bar(high=high).candle(START), NEUTRAL)

    assert (Execution(Price(110), Quantity(2), Liquidity.MAKER) if fills else None) == execution


@pytest.mark.parametrize(("settings", "quantity"), [(NEUTRAL, "0.123"), (OPTIMISTIC, "0.123"), (PESSIMISTIC, "0.061")])
def test_one_bar_fills_no_more_than_a_share_of_its_volume(settings: Any, quantity: str) -> None:
    """A tenth of 1.239, or half of that, rounded down to the base increment."""
    execution = fill_resting(a_venue_order(), Bar(low=99.0, volume=1.239).candle(START), settings)

    assert Execution(Price("99.90"), Quantity(quantity), Liquidity.MAKER) == execution


def test_bar_without_volume_fills_nothing() -> None:
    """A price without a trade is no counterparty."""
    assert fill_resting(a_venue_order(), Bar(low=99.0, volume=0.0).candle(START), NEUTRAL) is None


def test_gap_below_a_resting_buy_fills_it_at_its_own_price() -> None:
    """It was there first: a maker gets its limit, not the better open."""
    execution = fill_resting(a_venue_order(), Bar(open=98.0, low=97.0).candle(START), NEUTRAL)

    assert Execution(Price("99.90"), Quantity(2), Liquidity.MAKER) == execution


@pytest.mark.parametrize(
    ("side", "limit", "crosses"),
    [
        (Side.BUY, "100.04", False),
        (Side.BUY, "100.05", True),
        (Side.SELL, "99.96", False),
        (Side.SELL, "99.95", True),
    ],
)
def test_limit_at_the_other_side_crosses(side: Side, limit: str, crosses: bool) -> None:
    """Meeting the touch is executing."""
    assert crosses is would_cross(side, Price(limit), TOUCH)


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (Side.BUY, "101", "100.11"),
        (Side.BUY, "100.08", "100.08"),
        (Side.SELL, "99", "99.90"),
        (Side.SELL, "99.93", "99.93"),
    ],
)
def test_taker_pays_touch_and_impact_up_to_its_limit(side: Side, limit: str, price: str) -> None:
    """100.05 × 1.0005 rounded up, 99.95 × 0.9995 rounded down, and never beyond the limit."""
    order = a_venue_order(side=side, configuration=OrderConfiguration.LIMIT_IOC, limit_price=Price(limit))

    assert Execution(Price(price), Quantity(2), Liquidity.TAKER) == fill_marketable(order, TOUCH, DEEP, NEUTRAL)


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "100.04"), (Side.SELL, "99.96")])
def test_taker_beyond_its_limit_does_nothing(side: Side, limit: str) -> None:
    """No execution is better than one at a price that was not agreed to."""
    order = a_venue_order(side=side, configuration=OrderConfiguration.LIMIT_IOC, limit_price=Price(limit))

    assert fill_marketable(order, TOUCH, DEEP, NEUTRAL) is None


@pytest.mark.parametrize(("settings", "quantity"), [(NEUTRAL, "0.999"), (PESSIMISTIC, "0.499")])
def test_taker_takes_no_more_than_the_book_shows(settings: Any, quantity: str) -> None:
    """100 of quote at 100.05 are 0.9995 units; pessimists see half of it."""
    order = a_venue_order(configuration=OrderConfiguration.LIMIT_IOC, limit_price=Price(101))

    execution = fill_marketable(order, TOUCH, Notional(100), settings)

    assert execution is not None
    assert Quantity(quantity) == execution.quantity


def test_empty_book_executes_nothing() -> None:
    """Accident 24: an exit into an empty book waits, it does not sell at any price."""
    order = a_venue_order(side=Side.SELL, configuration=OrderConfiguration.LIMIT_IOC, limit_price=Price("0.01"))

    assert fill_marketable(order, TOUCH, Notional(0), NEUTRAL) is None


def served(order: SimOrder, settings: Any = NEUTRAL, *, entered: bool = False, **bar: float) -> Execution | None:
    """What an order with a stop executes in one bar."""
    return fill_protective(order, Bar(**bar).candle(START), END, settings, entered=entered)[1]


def test_stop_comes_before_the_target_inside_one_bar() -> None:
    """A bar that reaches both does not tell which came first, so the worse is assumed."""
    assert Execution(Price("94.90"), Quantity(2), Liquidity.TAKER) == served(a_guard(), high=111.0, low=94.0)


def test_gap_below_the_stop_is_served_at_the_open() -> None:
    """93 less 10 bps: nobody got the 95 in between."""
    assert Execution(Price("92.90"), Quantity(2), Liquidity.TAKER) == served(a_guard(), open=93.0, low=92.0)


def test_pessimist_is_stopped_at_the_low() -> None:
    """94 less 10 bps, although the stop was at 95."""
    assert Execution(Price("93.90"), Quantity(2), Liquidity.TAKER) == served(a_guard(), PESSIMISTIC, low=94.0)


@pytest.mark.parametrize(("settings", "quantity"), [(NEUTRAL, "0.3"), (OPTIMISTIC, "0.3"), (PESSIMISTIC, "0.15")])
def test_stop_sells_no_more_than_a_share_of_the_volume(settings: Any, quantity: str) -> None:
    """Three units were traded: a tenth of them, or half of that."""
    execution = served(a_guard(), settings, low=94.0, volume=3.0)

    assert execution is not None
    assert Quantity(quantity) == execution.quantity


def test_stop_at_its_very_price_is_triggered() -> None:
    """A trade at 95 is enough, in every model."""
    order, execution = fill_protective(a_guard(), Bar(low=95.0).candle(START), END, OPTIMISTIC)

    assert (END, True) == (order.triggered_at, execution is not None)


@pytest.mark.parametrize("settings", [NEUTRAL, OPTIMISTIC, PESSIMISTIC])
def test_gap_through_the_limit_of_a_stop_fills_nothing(settings: Any) -> None:
    """The stop at 95 sells down to 90.25; the bar knows 90 and less."""
    order, execution = fill_protective(a_guard(), Bar(open=90.0, low=60.0).candle(START), END, settings)

    assert (True, Price("90.25"), None) == (order.is_triggered, order.working_limit, execution)


def test_pessimist_lets_a_bar_fall_through_stop_and_limit_unfilled() -> None:
    """Its high of 100 was before the stop, and proves nothing."""
    assert served(a_guard(), PESSIMISTIC, low=60.0, close=90.25) is None


def test_pessimist_who_fell_through_stop_and_limit_sells_at_the_limit_if_the_bar_came_back() -> None:
    """Its close was after the low: on its way up the market met the order, and not at a better price a bar later."""
    execution = served(a_guard(), PESSIMISTIC, low=60.0, close=90.26)

    assert Execution(Price("90.25"), Quantity(2), Liquidity.MAKER) == execution


@pytest.mark.parametrize(("high", "price"), [(90.25, None), (90.26, "90.25")])
def test_stop_below_the_market_rests_at_its_limit(high: float, price: str | None) -> None:
    """A bar that opened below it has to trade through it by one increment; then it is a maker."""
    expected = None if price is None else Execution(Price(price), Quantity(2), Liquidity.MAKER)

    assert expected == served(a_guard(), open=80.0, high=high)
    assert expected == served(a_guard(triggered_at=START), open=80.0, high=high)


@pytest.mark.parametrize(("opened", "price"), [(92.0, "91.90"), (90.30, "90.25"), (90.25, "90.25")])
def test_rest_of_a_triggered_stop_is_sold_at_the_next_open(opened: float, price: str) -> None:
    """At or above its limit the open meets a marketable order: less 10 bps, and never below 90.25."""
    assert Execution(Price(price), Quantity(2), Liquidity.TAKER) == served(a_guard(triggered_at=START), open=opened)


def test_triggered_bracket_has_no_target_any_more() -> None:
    """A bar at 120 sells at the limit of the stop or better, with its market."""
    execution = served(a_guard(triggered_at=START), open=89.0, high=120.0)

    assert Execution(Price("90.25"), Quantity(2), Liquidity.MAKER) == execution


def test_stop_limit_sells_down_to_its_own_limit() -> None:
    """At 95 less 10 bps; a bar that opens at 93 is below its limit of 94."""
    order = a_guard(configuration=OrderConfiguration.STOP_LIMIT_GTC, limit_price=Price(94))

    assert served(order, high=111.0) is None
    assert Execution(Price("94.90"), Quantity(2), Liquidity.TAKER) == served(order, low=60.0)
    assert served(order, open=93.0) is None
    assert Execution(Price(94), Quantity(2), Liquidity.MAKER) == served(order, open=93.0, high=94.5)


def test_gap_above_the_target_sells_at_the_target() -> None:
    """It rested there."""
    assert Execution(Price(110), Quantity(2), Liquidity.MAKER) == served(a_guard(), open=112.0)


def test_target_is_out_of_reach_in_the_bar_of_the_entry() -> None:
    """Nobody knows whether the high came before the entry; the low came after it or with it."""
    assert served(a_guard(), entered=True, high=111.0, low=99.0) is None
    assert served(a_guard(), entered=False, high=111.0, low=99.0) is not None


def test_quiet_bar_leaves_a_bracket_alone() -> None:
    """Between stop and target nothing happens."""
    guard = a_guard()

    order, execution = fill_protective(guard, Bar(high=109.0, low=96.0).candle(START), END, OPTIMISTIC)

    assert (True, None) == (order is guard, execution)


def test_price_far_below_one_keeps_its_digits() -> None:
    """2.113e-05 is read as 0.00002113, not as the nearest binary fraction."""
    order = a_venue_order(limit_price=Price("0.00002114"), price_increment=Price("0.00000001"), quantity=Quantity(1000))

    execution = fill_resting(order, Bar(open=0.00002120, low=0.00002113, volume=1e9).candle(START), NEUTRAL)

    assert Execution(Price("0.00002114"), Quantity(1000), Liquidity.MAKER) == execution
