"""Holding, and alpha and beta against it, by numbers that can be checked with a pencil."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from desk.backtest.figures.benchmarks import Benchmark, hold_products
from desk.backtest.figures.curve import Curve, DayEquity, build_curve
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.regression import UNDEFINED, compare_curves
from factories_figures import DAY, FREE, HOUR, MIDNIGHT, RATES, hourly_prices
from trader.model.ids import Instant, ProductId

BTC, ETH, LATE = ProductId("BTC-USD"), ProductId("ETH-USD"), ProductId("LATE-USD")
INSTANTS = [Instant(MIDNIGHT + day * DAY - HOUR) for day in (1, 2)]
#: BTC doubles on the second day; ETH halves, and its candles end.
PRICES = hourly_prices(BTC=[100] * 25 + [200] * 24, ETH=[50] * 20 + [25] * 10)


def hold(*products: ProductId, prices: PriceHistory = PRICES, **changes: Decimal) -> Benchmark | None:
    rates = replace(FREE, **changes)
    return hold_products("held", products, Decimal(1000), prices, rates, Instant(MIDNIGHT), INSTANTS)


def equities(benchmark: Benchmark | None) -> list[Decimal]:
    assert benchmark is not None
    return [each.equity for each in benchmark.curve.points]


def test_held_product_is_worth_its_price() -> None:
    """1000 at 100 are 2000 at 200."""
    assert [Decimal(1000), Decimal(2000)] == equities(hold(BTC))


def test_same_costs_as_the_run() -> None:
    """A fee of 0.6 % and half a spread of 10 bps to buy, another half to be marked; nothing is sold."""
    held = hold(BTC, spread_bps=RATES.spread_bps, taker_fee_ratio=RATES.taker_fee_ratio)
    expected = Decimal(1000) / (Decimal(100) * Decimal("1.0005") * Decimal("1.006")) * 100

    assert held is not None
    assert (expected * Decimal("0.9995")).quantize(Decimal("1e-8")) == equities(held)[0]
    assert (1000 - expected).quantize(Decimal("1e-8")) == held.costs


def test_equal_weights_are_those_of_the_first_tick() -> None:
    """500 each: at the end 1000 of BTC, and 250 of ETH at its last close, although its candles have ended."""
    assert [Decimal(750), Decimal(1250)] == equities(hold(BTC, ETH))


def test_what_has_no_price_on_the_first_day_is_left_out() -> None:
    """And where nothing has one there is no benchmark."""
    held = hold(BTC, LATE)

    assert held is not None
    assert (BTC,) == held.products
    assert hold(LATE) is None


def test_what_had_ended_before_the_run_is_not_held() -> None:
    """Its last close is no price at which anybody could buy, and held flat it would be an easy one to beat."""
    instants = [Instant(MIDNIGHT + 3 * DAY), Instant(MIDNIGHT + 4 * DAY)]

    assert hold_products("held", (BTC,), Decimal(1000), PRICES, FREE, Instant(MIDNIGHT + 3 * DAY), instants) is None


def test_candles_that_begin_with_the_run_are_bought_at_their_first_close() -> None:
    """The run begins an hour before any candle is over; 1000 at 100 are 2000 at 200."""
    held = hold_products("held", (BTC,), Decimal(1000), PRICES, FREE, Instant(MIDNIGHT - HOUR), INSTANTS)
    late = hold_products("held", (BTC,), Decimal(1000), PRICES, FREE, Instant(0), [Instant(MIDNIGHT - 1)])

    assert [Decimal(1000), Decimal(2000)] == equities(held)
    assert late is None


def a_curve(returns: list[float]) -> Curve:
    equity, lines = Decimal(1000), []
    for day, each in enumerate(returns):
        equity *= 1 + Decimal(str(each))
        lines.append(DayEquity(f"2026-01-{day + 1:02}", equity))
    return build_curve(Decimal(1000), lines)


def test_alpha_and_beta_by_hand() -> None:
    """Returns x of 0, 1 and 2 %, y of 0, 0 and 3 %: slope 1.5, intercept -0.5 %, residuals 0.5, -1 and 0.5 %."""
    found = compare_curves(a_curve([0.0, 0.0, 0.03]), a_curve([0.0, 0.01, 0.02]))
    deviation = (1.5e-4 / 1) ** 0.5

    assert found.beta == pytest.approx(1.5)
    assert found.alpha == pytest.approx(-0.005 * 365)
    assert found.t_alpha == pytest.approx(-0.005 / (deviation * (1 / 3 + 1e-4 / 2e-4) ** 0.5))
    assert found.t_beta == pytest.approx(1.5 / (deviation / 2e-4**0.5))
    assert found.correlation == pytest.approx(3e-4 / (2e-4 * 6e-4) ** 0.5)


def test_curve_against_itself_has_beta_one_and_no_t() -> None:
    """What is exact has no error to be judged by."""
    curve = a_curve([0.01, -0.02, 0.03, 0.01])
    found = compare_curves(curve, curve)

    assert found.beta == pytest.approx(1.0)
    assert found.alpha == pytest.approx(0.0, abs=1e-12)
    assert (None, None) == (found.t_alpha, found.t_beta)


@pytest.mark.parametrize("benchmark", [[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
def test_benchmark_that_does_not_move_or_is_gone_tells_nothing(benchmark: list[float]) -> None:
    """None, not 0."""
    assert compare_curves(a_curve([0.01, 0.02, 0.0]), a_curve(benchmark)) == UNDEFINED


def test_two_days_tell_nothing() -> None:
    """Two coefficients fit any two days."""
    assert compare_curves(a_curve([0.01, 0.02]), a_curve([0.02, 0.01])) == UNDEFINED


def test_curves_of_other_days_are_refused() -> None:
    """A return would be compared with that of another day."""
    with pytest.raises(ValueError, match="other days"):
        compare_curves(a_curve([0.01]), a_curve([0.01, 0.02]))


def test_price_before_the_first_candle_is_over_is_unknown() -> None:
    """Its first candle closes at midnight."""
    assert PRICES.find_mid(BTC, Instant(MIDNIGHT - 1)) is None
    assert PRICES.find_mid(BTC, Instant(MIDNIGHT)) == Decimal(100)
    assert PRICES.find_mid(LATE, Instant(MIDNIGHT)) is None
    assert PRICES.find_extremes(LATE, Instant(0), Instant(MIDNIGHT)) is None


def test_extremes_are_those_of_candles_that_lie_wholly_between() -> None:
    """From 01:00 to 03:00 there are two, of 100 and of 200 with 1 around; a second less on either side and one is."""
    prices = hourly_prices(BTC=[500, 500, 100, 200, 500])
    first, last = MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR

    assert (201.0, 99.0) == prices.find_extremes(BTC, Instant(first), Instant(last))
    assert (201.0, 199.0) == prices.find_extremes(BTC, Instant(first + 1), Instant(last))
    assert (101.0, 99.0) == prices.find_extremes(BTC, Instant(first), Instant(last - 1))
    assert prices.find_extremes(BTC, Instant(first + 1), Instant(last - 1)) is None
