"""The daily curve and its figures, by numbers that can be checked with a pencil."""

from __future__ import annotations

from decimal import Decimal

import pytest

from desk.backtest.figures.attribution import LargestDay, find_largest_days, list_day_gains
from desk.backtest.figures.bootstrap import compute_intervals
from desk.backtest.figures.curve import Curve, DayEquity, build_curve
from desk.backtest.figures.drawdowns import Drawdown
from desk.backtest.figures.performance import compute_sharpe, compute_volatility, measure_performance


def a_curve(*equities: str | None, flows: dict[int, str] | None = None, opening: str = "1000") -> Curve:
    """A day for each equity from 2026-01-01 on; *flows* by the number of the day, from 0."""
    paid = flows or {}
    lines = [
        DayEquity(f"2026-01-{number + 1:02}", None if each is None else Decimal(each), Decimal(paid.get(number, "0")))
        for number, each in enumerate(equities)
    ]
    return build_curve(Decimal(opening), lines)


def test_first_day_is_included() -> None:
    """1000 to 1100 on the first day are 10 %, as 1100 to 1210 on the second."""
    curve = a_curve("1100", "1210")
    figures = measure_performance(curve)

    assert curve.returns == pytest.approx((0.1, 0.1))
    assert figures.days == 2
    assert figures.total_return == pytest.approx(0.21)
    assert figures.cagr == pytest.approx(1.21 ** (365 / 2) - 1)


def test_deposit_moves_no_return() -> None:
    """1000 earn 5 %, then 500 come in: 1550 at the end of the day, and 1627.50 after 5 % more."""
    curve = a_curve("1050", "1550", "1627.5", flows={1: "500"})

    assert curve.returns == pytest.approx((0.05, 0.0, 0.05))
    assert curve.points[-1].nav == pytest.approx(1.05**2)
    assert Decimal("127.5") == curve.net


def test_withdrawal_is_no_drawdown() -> None:
    """Half is taken out; the unit is worth what it was."""
    curve = a_curve("1000", "500", "500", flows={1: "-500"})

    assert measure_performance(curve).max_drawdown == 0.0
    assert measure_performance(curve).deepest is None


def test_volatility_sharpe_and_sortino_by_hand() -> None:
    """Returns of +10, -10 and +30 %: mean 10 %, sample deviation 20 %, mean squared loss 0.01 / 3."""
    figures = measure_performance(a_curve("1100", "990", "1287"))

    assert figures.volatility == pytest.approx(0.2 * 365**0.5)
    assert figures.sharpe == pytest.approx(0.5 * 365**0.5)
    assert figures.sortino == pytest.approx(0.1 / (0.01 / 3) ** 0.5 * 365**0.5)
    assert figures.days_up == pytest.approx(2 / 3)


def test_drawdown_has_dates_and_a_length() -> None:
    """From the peak of the 2nd over the trough of the 4th to the recovery of the 6th; then one that lasts."""
    figures = measure_performance(
        a_curve("1100", "1200", "1000", "900", "1100", "1200", "1150", "1150", "1140", "1140")
    )

    assert Drawdown(-0.25, "2026-01-02", "2026-01-04", "2026-01-06", 4, 2) == figures.deepest
    assert figures.longest == figures.deepest
    assert figures.max_drawdown == -0.25


def test_drawdown_that_is_not_over_counts_to_the_last_day() -> None:
    """It begins at the opening, the day before the first."""
    figures = measure_performance(a_curve("900", "950", "800", "990"))

    assert figures.deepest is not None
    assert ("2025-12-31", "2026-01-03", None) == (
        figures.deepest.peak_day,
        figures.deepest.trough_day,
        figures.deepest.recovered_day,
    )
    assert (4, 3) == (figures.deepest.days, figures.deepest.days_down)
    assert figures.calmar == pytest.approx((0.99 ** (365 / 4) - 1) / 0.2)


def test_undefined_is_none() -> None:
    """Flat: no deviation, no loss, no drawdown. One day: no deviation. Nothing left: no return after it."""
    flat, one, lost = (measure_performance(a_curve(*each)) for each in (["1000"] * 5, ["1010"], ["0", "0"]))

    assert (0.0, None, None, None, None) == (flat.volatility, flat.sharpe, flat.sortino, flat.calmar, flat.skewness)
    assert (None, None, None) == (one.volatility, one.sharpe, one.sortino)
    assert (-1.0, -1.0, None, None) == (lost.total_return, lost.cagr, lost.volatility, lost.days_up)


def test_run_without_a_day_has_no_figures() -> None:
    """Not even a total."""
    figures = measure_performance(build_curve(Decimal(1), ()))

    assert figures.days == 0
    assert {None} == {figures.total_return, figures.cagr, figures.max_drawdown, figures.sharpe}


def test_year_beyond_a_float_is_undefined() -> None:
    """Thirteen times the money in a day."""
    assert measure_performance(a_curve("13000")).cagr is None


def test_day_nobody_marked_stands_where_the_day_before_stood() -> None:
    """Whether its line is empty or missing; it is counted."""
    lines = [
        DayEquity("2026-01-01", Decimal(1100)),
        DayEquity("2026-01-04", None),
        DayEquity("2026-01-05", Decimal(1210)),
    ]
    curve = build_curve(Decimal(1000), lines)

    assert curve.returns == pytest.approx((0.1, 0.0, 0.0, 0.0, 0.1))
    assert measure_performance(curve).days_unmarked == 3


def test_payment_into_a_day_nobody_marked_is_there_all_the_same() -> None:
    """500 come in on a day without a mark; the next day earns 10 % of 1500."""
    curve = a_curve(None, "1650", flows={0: "500"})

    assert curve.returns == pytest.approx((0.0, 0.1))
    assert Decimal(1500) == curve.points[0].equity


def test_same_return_every_day_has_no_sharpe() -> None:
    """What floats leave over of its deviation is none, as the difference of 0.3 and 0.1 + 0.2."""
    figures = measure_performance(a_curve(*(str(1000 * Decimal("1.001") ** day) for day in range(1, 25))))

    assert (0.0, None, None) == (figures.volatility, figures.sharpe, figures.kurtosis)
    assert (0.0, None) == (compute_volatility((0.3, 0.1 + 0.2)), compute_sharpe((0.3, 0.1 + 0.2)))


def test_gains_of_days_leave_payments_out() -> None:
    """+50, then nothing although 500 came in, then -10."""
    curve = a_curve("1050", "1550", "1540", flows={1: "500"})
    best, worst = find_largest_days(curve)

    assert [Decimal(50), Decimal(0), Decimal(-10)] == [each.net for each in list_day_gains(curve)]
    assert (LargestDay("2026-01-01", Decimal(50)), LargestDay("2026-01-03", Decimal(-10))) == (best, worst)


@pytest.mark.parametrize("days", [["2026-01-02", "2026-01-01"], ["2026-01-02", "2026-01-02"]])
def test_days_that_do_not_ascend_are_refused(days: list[str]) -> None:
    """Nor is a day given twice."""
    with pytest.raises(ValueError, match="does not follow"):
        build_curve(Decimal(1), [DayEquity(day, Decimal(1)) for day in days])


def test_opening_of_nothing_is_refused() -> None:
    """There is no return on nothing."""
    with pytest.raises(ValueError, match="must be above 0"):
        build_curve(Decimal(0), ())


RETURNS = tuple((-1) ** day * 0.01 + 0.002 for day in range(400))


def test_intervals_are_the_same_for_the_same_seed() -> None:
    """And others for another."""
    first, again, other = compute_intervals(RETURNS), compute_intervals(RETURNS), compute_intervals(RETURNS, seed=2)

    assert first == again
    assert first != other


def test_interval_holds_the_figure() -> None:
    """Of a curve like any other; a drawdown is never above zero."""
    equity, lines = Decimal(1000), []
    for day, each in enumerate(RETURNS):
        equity *= 1 + Decimal(str(each))
        lines.append(DayEquity(f"20{day // 28 // 12 + 10}-{day // 28 % 12 + 1:02}-{day % 28 + 1:02}", equity))
    total, found = equity / 1000, compute_intervals(RETURNS)

    assert found.cagr is not None
    assert found.max_drawdown is not None
    assert found.cagr.low < float(total) ** (365 / 400) - 1 < found.cagr.high
    assert found.max_drawdown.low <= found.max_drawdown.high <= 0.0


def test_blocks_keep_neighbors_together() -> None:
    """A return of each sign in turn: drawn in blocks the sum hardly moves, drawn one by one it does."""
    alternating = tuple((-1) ** day * 0.01 for day in range(400))
    blocks, singles = (compute_intervals(alternating, block_days=days).cagr for days in (20, 1))

    assert blocks is not None
    assert singles is not None
    assert (singles.high - singles.low) > 3 * (blocks.high - blocks.low)


def test_drawdown_of_a_sample_counts_from_the_opening() -> None:
    """A loss of 1 % on each of 50 days, in whatever order they are drawn."""
    found = compute_intervals((-0.01,) * 50).max_drawdown

    assert found is not None
    assert found.low == pytest.approx(0.99**50 - 1)
    assert found.high == pytest.approx(0.99**50 - 1)


def test_intervals_of_few_days_or_of_none_are_undefined() -> None:
    """Below two blocks; and where nothing moved there is no Sharpe to resample."""
    assert compute_intervals(RETURNS[:39]).cagr is None
    assert compute_intervals(None).sharpe is None
    assert compute_intervals((0.0,) * 100).sharpe is None
    assert compute_intervals((0.0,) * 100).cagr is not None
