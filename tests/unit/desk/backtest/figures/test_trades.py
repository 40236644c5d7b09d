"""Figures of trades, by numbers that can be checked with a pencil."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from desk.backtest.figures.trades import count_effective_trades, find_largest_trades, measure_trades
from factories_figures import a_trip, an_open_trip

WON_AND_LOST = [a_trip(net, number=number) for number, net in enumerate(["30", "-10", "-20", "0", "40"])]


def test_trades_by_hand() -> None:
    """Two of five won 70, three lost 30; a trade of zero is no win."""
    figures = measure_trades(WON_AND_LOST)

    assert (5, 2, 3, 0.4) == (figures.trades, figures.wins, figures.losses, figures.hit_ratio)
    assert figures.profit_factor == pytest.approx(70 / 30)
    assert (Decimal(8), Decimal(35), Decimal(-10)) == (figures.expectancy, figures.average_win, figures.average_loss)
    assert 3 == figures.losses_in_a_row
    assert 3600.0 == figures.held_seconds


def test_sqn_is_in_units_of_risk() -> None:
    """Of 10 at risk each: R of 3, -1, -2, 0 and 4; mean 0.8, sample deviation the root of 6.7."""
    figures = measure_trades(WON_AND_LOST)

    assert figures.expectancy_r == pytest.approx(0.8)
    assert figures.sqn == pytest.approx(5**0.5 * 0.8 / 6.7**0.5)


def test_open_losers_are_not_hidden() -> None:
    """Closed trades alone earn 8 on the mean; with what is held it is a loss."""
    figures = measure_trades([*WON_AND_LOST, an_open_trip("-100", number=9)])

    assert (5, 1) == (figures.trades, figures.open_lots)
    assert Decimal(8) == figures.expectancy
    assert Decimal(-10) == figures.expectancy_with_open


def test_open_lot_nobody_can_price_leaves_only_the_closed() -> None:
    """A mean without it would be a guess."""
    figures = measure_trades([*WON_AND_LOST, replace(an_open_trip("0", number=9), net=None)])

    assert (Decimal(8), None) == (figures.expectancy, figures.expectancy_with_open)


def test_no_trade_is_no_success() -> None:
    """Every ratio is None, none of them 0 or 1."""
    figures = measure_trades([])

    assert 0 == figures.trades == figures.losses_in_a_row
    assert {None} == {
        figures.hit_ratio,
        figures.profit_factor,
        figures.expectancy,
        figures.expectancy_with_open,
        figures.sqn,
        figures.effective_trades,
        figures.held_seconds,
        figures.mean_mae,
    }


def test_profit_factor_without_a_loss_is_undefined() -> None:
    """It is not infinite, and one trade has no deviation."""
    figures = measure_trades([a_trip("5")])

    assert (None, None, 1.0) == (figures.profit_factor, figures.sqn, figures.hit_ratio)


def test_trades_of_one_day_that_are_alike_count_once() -> None:
    """Four days of five trades, all the same within a day: four trades."""
    nets = {0: "10", 1: "-10", 2: "20", 3: "-5"}
    trips = [a_trip(net, number=day) for day, net in nets.items() for _ in range(5)]
    figures = measure_trades(trips)

    assert figures.effective_trades == pytest.approx(4.0)
    assert figures.t_effective is not None
    assert figures.sqn is not None
    assert figures.t_effective == pytest.approx(figures.sqn / 5**0.5)


def test_trades_of_one_day_that_differ_as_any_others_count_each() -> None:
    """Where days say nothing about their trades the effect is none."""
    trips = [a_trip(net, number=day) for day in range(4) for net in ("10", "-10")]

    assert count_effective_trades(trips) == 8.0


def test_trades_of_one_day_only_are_one() -> None:
    """Nothing tells how alike they are."""
    assert count_effective_trades([a_trip("1"), a_trip("2")]) == 1.0


def test_trades_of_a_day_each_are_as_many() -> None:
    """A cluster of one is one."""
    assert count_effective_trades(WON_AND_LOST) == 5.0


def test_largest_trades_count_open_lots_too() -> None:
    """And there is none that gained where all lost."""
    best, worst = find_largest_trades([*WON_AND_LOST, an_open_trip("-100", number=9)])

    assert best is not None
    assert worst is not None
    assert (Decimal(40), Decimal(-100)) == (best.net, worst.net)
    assert find_largest_trades([a_trip("-1")])[0] is None
    assert (None, None) == find_largest_trades([])
