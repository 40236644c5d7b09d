"""Round trips and their costs, by numbers that can be checked with a pencil."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from desk.backtest.figures.activity import count_entries, count_refusals, measure_activity, measure_costs
from desk.backtest.figures.attribution import UNASSIGNED, find_largest_days, find_largest_products, split_net
from desk.backtest.figures.curve import build_curve
from desk.backtest.figures.round_trips import list_round_trips
from factories_figures import DAY, FREE, HOUR, MIDNIGHT, BooksMaker, hourly_prices
from trader.model.ids import TradeId
from trader.model.money import Price
from trader.model.order_life import OrderStatus
from trader.model.orders import Liquidity, OrderConfiguration

#: Mids of 100 until 01:00, then 102, 108, 97, 110 and 110.
PRICES = hourly_prices(BTC=[100, 100, 102, 108, 97, 110, *[110] * 60], ETH=[50] * 70)


def test_round_trip_by_hand() -> None:
    """10 at 100.10 for 1001 and 6.006 of fee; sold at 109.90 for 1099 less 6.594: 85.40 are left."""
    books = BooksMaker()
    books.buy("lot", "100.10", "10", 0)
    books.sell("lot", "109.90", "10", 5, reason="target")
    (trip,) = list_round_trips(books.record(), PRICES)

    assert Decimal("85.400") == trip.net == trip.realized
    assert Decimal("12.600") == trip.fees
    assert trip.return_ratio == pytest.approx(85.4 / 1001)
    assert ("breakout up", "target") == (trip.rule, trip.exit_reason)
    assert (MIDNIGHT, MIDNIGHT + 5 * HOUR) == (trip.opened_at, trip.closed_at)
    # From 100.10 to a stop at 90, ten times.
    assert Decimal("101.00") == trip.risk
    assert trip.r_multiple == pytest.approx(85.4 / 101)


def test_spread_and_slippage_by_hand() -> None:
    """The mid is 100 and the half spread 0.05: of 0.10 above the mid, 0.05 are spread; 110 less 109.90 likewise."""
    books = BooksMaker()
    books.buy("lot", "100.10", "10", 0)
    books.sell("lot", "109.90", "10", 5)
    (trip,) = list_round_trips(books.record(), PRICES)

    assert Decimal("0.5") + Decimal("0.55") == trip.spread
    assert Decimal("0.5") + Decimal("0.45") == trip.slippage


def test_order_that_rested_pays_no_spread() -> None:
    """0.05 below the mid, ten times, is for us."""
    books = BooksMaker()
    books.buy("lot", "99.95", "10", 0, liquidity=Liquidity.MAKER)
    (trip,) = list_round_trips(books.record({"BTC": "109"}), PRICES)

    assert (Decimal(0), Decimal("-0.5")) == (trip.spread, trip.slippage)


@pytest.mark.parametrize(("price", "slippage"), [("94.00", Decimal("9.525")), ("120.00", Decimal("-0.6"))])
def test_protective_order_is_held_against_its_stop_or_its_target(price: str, slippage: Decimal) -> None:
    """Stop 95 and sold at 94: 1 worse, less half a spread of 0.0475; a target is met at its limit."""
    books = BooksMaker(rates=replace(FREE, spread_bps=Decimal(10)))
    books.buy("lot", "100", "10", 0)
    books.sell("lot", price, "10", 5, configuration=OrderConfiguration.BRACKET_GTC, stop_price=Price("95"))
    record = books.record()
    (name,) = (each for each, order in record.books.orders.items() if order.intent.is_exit)
    sale = record.books.orders[name]
    protective = replace(
        sale, intent=replace(sale.intent, purpose=sale.intent.purpose.PROTECTION, limit_price=Price("120"))
    )
    orders = {**record.books.orders, name: protective}
    (trip,) = list_round_trips(replace(record, books=replace(record.books, orders=orders)), PRICES)
    bought = Decimal("-0.5")

    assert bought + slippage == trip.slippage
    assert ("target" if price == "120.00" else "stop") == trip.exit_reason


def test_excursions_are_those_of_whole_candles_and_of_the_sale() -> None:
    """Between 01:00 and 03:00 the high is 109 and the low 101; it is sold at 99, below all of them."""
    books = BooksMaker()
    books.buy("lot", "100", "1", 1)
    books.sell("lot", "99", "1", 3)
    (trip,) = list_round_trips(books.record(), PRICES)

    assert trip.mfe == pytest.approx(0.09)
    assert trip.mae == pytest.approx(-0.01)


def test_excursions_within_one_candle_are_those_of_its_fills() -> None:
    """What else the candle saw may have been before or after."""
    books = BooksMaker()
    books.buy("lot", "100", "1", 1)
    books.sell("lot", "101", "1", 1)
    (trip,) = list_round_trips(books.record(), PRICES)

    assert (pytest.approx(0.01), 0.0) == (trip.mfe, trip.mae)


def test_lot_that_only_fell_has_no_best_price_above_its_entry() -> None:
    """Zero, not less; and the other way around above."""
    books = BooksMaker()
    books.buy("lot", "100", "1", 1)
    books.sell("lot", "98", "1", 1)
    (trip,) = list_round_trips(books.record(), PRICES)

    assert (0.0, pytest.approx(-0.02)) == (trip.mfe, trip.mae)


def test_slippage_counts_from_the_decision_not_from_the_fill() -> None:
    """Decided at a mid of 100, filled at 01:00 at 102, when the mid was 100 still, and at 03:00 at 108."""
    books = BooksMaker(rates=FREE)
    books.buy("one", "102", "1", 1, decided=0)
    books.buy("two", "108", "1", 3, decided=0)
    trips = list_round_trips(books.record({"BTC": "108"}), PRICES)

    assert [Decimal(2), Decimal(8)] == [each.slippage for each in trips]


def test_lot_bought_and_sold_in_an_instant_was_held_for_none() -> None:
    """Whichever of both trades has the lower id."""
    books = BooksMaker(rates=FREE)
    books.buy("one", "100", "10", 1)
    books.sell("one", "100", "10", 1)
    record = books.record()
    swapped = tuple(
        replace(each, trade_id=TradeId(f"trade{9 - number}")) for number, each in enumerate(record.books.fills)
    )
    record = replace(record, books=replace(record.books, fills=swapped))
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, PRICES)
    activity = measure_activity(record, curve, trips, measure_costs(record, trips))

    assert (0.0, 0.0) == (activity.exposure, activity.time_in_market)


def test_open_lot_is_marked_and_listed() -> None:
    """Half is sold; the rest is worth its bid. What it earned so far is no trade."""
    books = BooksMaker()
    books.buy("lot", "100", "10", 0)
    books.sell("lot", "110", "5", 5)
    record = books.record({"BTC": "80"})
    (trip,) = list_round_trips(record, PRICES)

    # Paid 1000 + 6, got 550 - 3.30, holds 400.
    assert Decimal("-59.300") == trip.net == record.equity - record.capital  # type: ignore[operator]
    assert (Decimal(80), Decimal(400), None) == (trip.mark, trip.value, trip.closed_at)
    assert (True, "open", Decimal(5)) == (trip.is_open, trip.exit_reason, trip.left)


def test_open_lot_without_a_price_has_no_net() -> None:
    """Nor has the run: nobody knows."""
    books = BooksMaker()
    books.buy("lot", "100", "10", 0)
    record = books.record()
    trips = list_round_trips(record, PRICES)
    costs = measure_costs(record, trips)

    assert (None, None, None) == (trips[0].net, trips[0].value, trips[0].return_ratio)
    assert (None, None) == (costs.net, costs.gross)
    assert measure_activity(record, build_curve(record.capital, record.days), trips, costs).break_even_fee is None


def test_rest_that_cannot_be_sold_is_worth_nothing() -> None:
    """The lot is closed; its rest of 0.001 is a loss of what it cost."""
    books = BooksMaker(rates=FREE)
    books.buy("lot", "100", "1", 0)
    books.sell("lot", "100", "0.999", 5)
    lot = next(iter(books.ledger.lots.values()))
    books.ledger = books.ledger.with_closed_lot(lot)
    (trip,) = list_round_trips(books.record(), PRICES)

    assert (False, Decimal("0.001"), Decimal("-0.1")) == (trip.is_open, trip.left, trip.net)


def two_lots() -> BooksMaker:
    """Lot one is held from 00:00 to 12:00, lot two from 06:00 to 18:00; 1000 each, sold even."""
    books = BooksMaker()
    books.buy("one", "100", "10", 0)
    books.buy("two", "50", "20", 6, base="ETH", strategy="other", reason="new high")
    books.sell("one", "100", "10", 12)
    books.sell("two", "50", "20", 18, base="ETH", strategy="other", liquidity=Liquidity.MAKER, fee="4")
    return books


def test_activity_by_hand() -> None:
    """Two days of 47 hours: 18 of them with a lot, 1000 held for 24 in sum; 4000 traded, a quarter by resting."""
    record = two_lots().record(equities=("10000",))
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, PRICES)
    costs = measure_costs(record, trips)
    activity = measure_activity(record, curve, trips, costs)
    mean = (10_000 + 9_978) / 2

    assert Decimal(22) == costs.fees == -costs.net  # type: ignore[operator]
    assert activity.time_in_market == pytest.approx(18 / 47)
    assert activity.exposure == pytest.approx(1000 * 24 / 47 / mean)
    assert activity.turnover_per_year == pytest.approx(4000 / mean * 365 / 2)
    assert (Decimal(4000), 0.25) == (activity.traded, activity.maker_share)
    # Even without fees: nothing may be paid.
    assert (22 / 4000, 0.0) == (activity.fee_ratio, activity.break_even_fee)


@pytest.mark.parametrize("ratio", ["0", "0.01", "0.05"])
def test_break_even_fee_is_the_fee_at_which_nothing_is_left(ratio: str) -> None:
    """A gain of 100 on 2100 traded, both sides, is 100 / 2100 a side, whatever was paid."""
    books = BooksMaker(rates=replace(FREE, taker_fee_ratio=Decimal(ratio)))
    books.buy("lot", "100", "10", 0)
    books.sell("lot", "110", "10", 5)
    record = books.record()
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, PRICES)
    stack = measure_costs(record, trips)

    assert Decimal(100) - 2100 * Decimal(ratio) == stack.net
    assert measure_activity(record, curve, trips, stack).break_even_fee == pytest.approx(100 / 2100)


def test_gross_is_net_and_all_costs() -> None:
    """To the last unit."""
    record = two_lots().record()
    stack = measure_costs(record, list_round_trips(record, PRICES))

    assert stack.net is not None
    assert stack.gross == stack.net + stack.fees + stack.spread + stack.slippage


def test_net_by_strategy_product_rule_and_exit() -> None:
    """The greatest loss first: 12 of fees on the one, 10 on the other."""
    record = two_lots().record(equities=("9978",))
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, PRICES)
    found = split_net(trips, curve, record.books.fills, Decimal(-22))

    assert [("one", Decimal(-12)), ("other", Decimal(-10))] == [(each.name, each.net) for each in found.by_strategy]
    assert ["BTC-USD", "ETH-USD"] == [each.name for each in found.by_product]
    assert ["one: breakout up", "other: new high"] == [each.name for each in found.by_rule]
    assert [("time", 2, Decimal(22))] == [(each.name, each.trades, each.fees) for each in found.by_exit_reason]
    assert [("2026-01", 2, Decimal(-22))] == [(each.name, each.trades, each.net) for each in found.by_month]
    assert "BTC-USD" == find_largest_products(found)[1].name  # type: ignore[union-attr]
    assert find_largest_products(found)[0] is None


def test_what_no_lot_explains_has_a_row() -> None:
    """So that a table always adds up."""
    record = two_lots().record()
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, PRICES)
    found = split_net(trips, curve, record.books.fills, Decimal(-30))

    assert Decimal(-8) == {each.name: each.net for each in found.by_product}[UNASSIGNED]


def test_trades_belong_to_the_month_they_closed_in_and_net_to_that_of_its_day() -> None:
    """A lot over the end of January: its loss is February's as far as the marks say so."""
    books = BooksMaker(rates=FREE)
    books.buy("lot", "100", "10", 30 * 24)
    books.sell("lot", "90", "10", 31 * 24)
    record = books.record(days=32, equities=(*["10000"] * 30, "9950"))
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, PRICES)
    months = split_net(trips, curve, record.books.fills, Decimal(-100)).by_month

    assert [("2026-01", 0, Decimal(-50)), ("2026-02", 1, Decimal(-50))] == [(e.name, e.trades, e.net) for e in months]
    assert "2026-01-31" == find_largest_days(curve)[1].day  # type: ignore[union-attr]
    assert find_largest_days(curve)[0] is None


def test_entries_that_came_to_nothing_are_counted_by_how_they_ended() -> None:
    """One filled, one filled in part, two given up; a sale is no entry."""
    books = two_lots()
    books.give_up("three")
    books.give_up("four", OrderStatus.REJECTED)
    record = books.record()
    part = replace(record.orders[0], intent=replace(record.orders[0].intent, quantity=Decimal(11)))
    found = count_entries((part, *record.orders[1:]), record.books.fills)

    assert (4, 1, 1, 0, 2) == (found.decided, found.filled, found.filled_in_part, found.working, found.given_up)
    assert {"EXPIRED": 1, "REJECTED": 1} == found.given_up_by_status


def test_refusals_are_denials_only_most_often_first() -> None:
    """That something was entered or held is none."""
    found = count_refusals({"ENTERING": 9, "POSITION_HELD": 2, "TRIGGER_MISSING": 7, "HELD": 8})

    assert [("TRIGGER_MISSING", 7), ("POSITION_HELD", 2)] == list(found.items())


def test_span_of_the_factories_is_what_the_examples_say() -> None:
    """Two days end an hour before midnight."""
    record = two_lots().record()

    assert 2 * DAY - HOUR == record.end - record.start
