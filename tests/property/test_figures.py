"""What no curve and no books can break: payments, order within an instant, sums, and what is undefined."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.backtest.figures.activity import measure_costs
from desk.backtest.figures.attribution import Attribution, split_net
from desk.backtest.figures.curve import Curve, DayEquity, build_curve
from desk.backtest.figures.document import build_content
from desk.backtest.figures.performance import measure_performance
from desk.backtest.figures.round_trips import list_round_trips
from desk.backtest.figures.summary import summarize_backtest
from factories_figures import BooksMaker, hourly_prices
from trader.model.codec import canonical_json

CENTS = st.integers(1, 10_000_00).map(lambda cents: Decimal(cents) / 100)
GROWTHS = st.lists(st.integers(-900, 2000).map(lambda each: 1 + Decimal(each) / 1000), min_size=1, max_size=40)
PRICES = hourly_prices(BTC=[100 + hour % 7 for hour in range(80)], ETH=[50 - hour % 3 for hour in range(80)])


def days_of(growths: list[Decimal], flows: list[Decimal]) -> Curve:
    """A curve that earns this, with what is paid in at the end of each day."""
    equity, lines = Decimal(1000), []
    for number, (growth, flow) in enumerate(zip(growths, flows, strict=True)):
        equity = equity * growth + flow
        lines.append(DayEquity(_day(number), equity, flow))
    return build_curve(Decimal(1000), lines)


def _day(number: int) -> str:
    return (date(2026, 1, 1) + timedelta(days=number)).isoformat()


@given(GROWTHS, st.data())
def test_payment_moves_no_figure(growths: list[Decimal], data: st.DataObject) -> None:
    """Whatever is paid in, or out as long as something stays: the unit is worth the same."""
    still = days_of(growths, [Decimal(0)] * len(growths))
    flows, equity = [], Decimal(1000)
    for growth in growths:
        equity *= growth
        flows.append(data.draw(CENTS) if data.draw(st.booleans()) else -(equity / 2).quantize(Decimal("0.01")))
        equity += flows[-1]
    paid = days_of(growths, flows)

    one, other = measure_performance(still), measure_performance(paid)
    for name in ("total_return", "volatility", "sharpe", "sortino", "max_drawdown"):
        expected, actual = getattr(one, name), getattr(other, name)
        assert (expected is None) is (actual is None)
        assert expected is None or actual == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.lists(st.one_of(st.none(), CENTS, st.just(Decimal(0))), min_size=0, max_size=40))
def test_undefined_is_none_and_nothing_is_infinite(equities: list[Decimal | None]) -> None:
    """Every figure of every curve can be written as JSON, and none of them is 0 for want of a value."""
    lines = [DayEquity(_day(number), each) for number, each in enumerate(equities)]
    figures = measure_performance(build_curve(Decimal(500), lines))

    canonical_json(figures)
    assert (figures.volatility or 0.0) > 0 or figures.sharpe is None
    assert figures.max_drawdown != 0 or figures.calmar is None
    assert (figures.deepest is None) is not bool(figures.max_drawdown)


@st.composite
def traded_books(draw: st.DrawFn) -> BooksMaker:
    """Lots of several strategies, products and rules, sold out, in parts or not at all, many in the same instant."""
    books = BooksMaker()
    for number in range(draw(st.integers(0, 8))):
        base, hour = draw(st.sampled_from(["BTC", "ETH"])), draw(st.integers(0, 3))
        told = {
            "base": base,
            "strategy": draw(st.sampled_from(["one", "other"])),
            "reason": draw(st.sampled_from(["breakout up: +1 %", "breakout up: +2 %", "reversal"])),
        }
        price = str(draw(st.integers(30, 130)))
        quantity = draw(st.integers(1, 9_999_999))
        books.buy(f"lot{number}", price, str(Decimal(quantity).scaleb(-6)), hour, **told)
        sold = draw(st.sampled_from([0, quantity // 3, quantity]))
        if sold:
            exit_price = str(draw(st.integers(30, 130)))
            told["reason"] = draw(st.sampled_from(["time", "back: z 1"]))
            books.sell(
                f"lot{number}", exit_price, str(Decimal(sold).scaleb(-6)), hour + draw(st.integers(0, 40)), **told
            )
    return books


@given(traded_books())
def test_attribution_adds_up_to_the_last_unit(books: BooksMaker) -> None:
    """Net and fees, in each of the five tables, and the costs from gross to net."""
    record = books.record({"BTC": "97.31", "ETH": "49.77"}, equities=("9990",))
    trips, curve = list_round_trips(record, PRICES), build_curve(record.capital, record.days)
    costs = measure_costs(record, trips)
    found = split_net(trips, curve, record.books.fills, costs.net)

    for table in fields(Attribution):
        rows = getattr(found, table.name)
        assert costs.net == sum(each.net for each in rows) == curve.net
        assert costs.fees == sum(each.fees for each in rows)
        assert len(trips) == sum(each.trades + each.open_lots for each in rows)
        assert "unassigned" not in [each.name for each in rows]
    assert costs.net is not None
    assert costs.gross == costs.net + costs.fees + costs.spread + costs.slippage


@given(traded_books(), st.integers(0, 1000))
def test_order_in_which_fills_are_given_does_not_matter(books: BooksMaker, seed: int) -> None:
    """Nor that of the orders: the document is the same to the last byte."""
    record = books.record({"BTC": "97", "ETH": "49"}, equities=("9990",))
    chance = Random(seed)
    fills, orders = list(record.books.fills), list(record.orders)
    chance.shuffle(fills)
    chance.shuffle(orders)
    by_id = {each.venue_order_id: each for each in orders if each.venue_order_id is not None}
    shuffled = replace(record, books=replace(record.books, fills=tuple(fills), orders=by_id), orders=tuple(orders))

    one, other = (build_content(summarize_backtest(each, PRICES)) for each in (record, shuffled))
    assert canonical_json(one) == canonical_json(other)
