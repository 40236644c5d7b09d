"""The arithmetic on bars, against numbers worked out by hand."""

from collections.abc import Callable
from math import exp, log, sqrt

import pytest

from factories_market import confirmation_settings, flat_bars, some_bars
from trader import indicators
from trader.errors import MissingData
from trader.model.decisions import Confirmations
from trader.model.market import Granularity


def test_return_keeps_its_sign() -> None:
    """From 100 to 94 is minus six percent, back is more than plus six."""
    assert pytest.approx(-0.06) == indicators.simple_return([100.0, 97.0, 94.0], 2)
    assert pytest.approx(6 / 94) == indicators.simple_return([94.0, 100.0], 1)


def test_highest_and_lowest_look_at_their_window_only() -> None:
    """The newest values can be left out, older ones are not seen."""
    values = [9.0, 1.0, 5.0, 3.0, 7.0]

    assert indicators.highest(values, 3) == 7.0
    assert indicators.highest(values, 3, skip=1) == 5.0
    assert indicators.lowest(values, 3) == 3.0
    assert indicators.lowest(values, 4) == 1.0
    assert indicators.mean(values, 2, skip=1) == 4.0


def test_median_of_odd_and_even_counts() -> None:
    """The middle one, or the mean of the two in the middle."""
    assert indicators.median([5.0, 1.0, 3.0]) == 3.0
    assert indicators.median([4.0, 1.0, 3.0, 2.0]) == 2.5


def test_true_range_includes_the_close_before() -> None:
    """A gap up counts from the old close, a gap down up to it, an inside bar by itself.

    Bars: close 10; then 12..13 (gap up: 13-10); then 9..11 after close 12.5 (gap down: 12.5-9); then 9.5..10.5
    after close 10 (its own 1).
    """
    bars = some_bars([10.0, 12.5, 10.0, 10.2], high=[10.0, 13.0, 11.0, 10.5], low=[10.0, 12.0, 9.0, 9.5])

    assert indicators.true_ranges(bars, 3) == (3.0, 3.5, 1.0)
    assert indicators.average_true_range(bars, 3) == 2.5
    assert indicators.average_true_range(bars, 2) == 2.25


def test_windows_of_true_ranges_end_with_the_current_one() -> None:
    """Two windows of two: (3 + 3.5) / 2, then (1 + 2) / 2."""
    bars = some_bars(
        [10.0, 12.5, 10.0, 10.2, 10.0], high=[10.0, 13.0, 11.0, 10.5, 11.5], low=[10.0, 12.0, 9.0, 9.5, 9.5]
    )

    windows = indicators.average_true_ranges(bars, 2, 2)

    assert windows == (3.25, 1.5)
    assert windows[-1] == indicators.average_true_range(bars, 2)


def test_rsi_is_the_share_of_the_rises() -> None:
    """Changes +3, -1, +2, -4: five up, five down is 50; the last three are two up, five down."""
    close = [10.0, 13.0, 12.0, 14.0, 10.0]

    assert indicators.relative_strength_index(close, 4) == 50.0
    assert pytest.approx(100 * 2 / 7) == indicators.relative_strength_index(close, 3)


@pytest.mark.parametrize(("close", "expected"), [([1.0, 2.0, 3.0], 100.0), ([3.0, 2.0, 1.0], 0.0), ([2.0] * 3, 50.0)])
def test_rsi_at_its_ends(close: list[float], expected: float) -> None:
    """Only rises, only falls, and nothing at all."""
    assert expected == indicators.relative_strength_index(close, 2)


def test_vwap_weighs_typical_prices_by_volume() -> None:
    """Typical prices (12+9+9)/3 = 10 on 1 and (22+18+20)/3 = 20 on 3 give (10 + 60) / 4."""
    bars = some_bars([9.0, 20.0], high=[12.0, 22.0], low=[9.0, 18.0], volume=[1.0, 3.0])

    assert pytest.approx(17.5) == indicators.vwap(bars, 2)
    assert pytest.approx(20.0) == indicators.vwap(bars, 1)


def test_vwap_of_nothing_traded_is_none() -> None:
    """No volume, no average price: none is invented."""
    assert indicators.vwap(flat_bars(5, volume=0.0), 5) is None


def test_stdev_is_the_sample_one() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9 around 5: squares sum to 32, over seven."""
    assert pytest.approx(sqrt(32 / 7)) == indicators.stdev([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])


def test_volatility_is_scaled_to_a_year() -> None:
    """Hourly log returns of +1 % and -1 % have a sample stdev of sqrt(2) %; a year has 8760 hours."""
    bars = some_bars([100.0, 100 * exp(0.01), 100.0], granularity=Granularity.ONE_HOUR)

    assert pytest.approx(0.01 * sqrt(2) * sqrt(8760)) == indicators.annualized_volatility(bars, 2)


def test_volatility_depends_on_the_length_of_a_bar() -> None:
    """The same closes in five minutes are sqrt(12) times as wild as in an hour."""
    closes = [100.0, 101.0, 99.0, 100.0]
    hourly = indicators.annualized_volatility(some_bars(closes, granularity=Granularity.ONE_HOUR), 3)

    fast = indicators.annualized_volatility(some_bars(closes), 3)

    assert pytest.approx(hourly * sqrt(12)) == fast


@pytest.mark.parametrize("price", [100.0, 0.07, 1 / 3, 98765.43])
def test_flat_market_has_no_volatility_and_no_z(price: float) -> None:
    """Exactly zero, whatever the price: rounding makes no movement."""
    bars = flat_bars(100, price)

    assert indicators.annualized_volatility(bars, 99) == 0.0
    assert indicators.z_score(bars.close, 99) == 0.0


def test_steady_growth_has_no_volatility() -> None:
    """Equal log returns do not deviate."""
    bars = some_bars([100 * 1.01**n for n in range(50)])

    assert pytest.approx(0.0, abs=1e-9) == indicators.annualized_volatility(bars, 49)


def test_z_score_counts_standard_deviations_from_the_mean() -> None:
    """8, 8, 8, 8, 3: mean 7, squares 4 × 1 + 16 = 20 over four, so 4 below at a stdev of sqrt(5)."""
    assert pytest.approx(-4 / sqrt(5)) == indicators.z_score([8.0, 8.0, 8.0, 8.0, 3.0], 5)
    assert pytest.approx(4 / sqrt(5)) == indicators.z_score([8.0, 8.0, 8.0, 8.0, 13.0], 5)


def test_z_score_ignores_the_unit_of_the_price() -> None:
    """The same shape at a thousandth of the price, and far from zero, has the same z."""
    shape = [8.0, 8.5, 7.5, 8.0, 3.0]

    for scale, offset in [(0.001, 0.0), (1.0, 1e6), (50.0, 0.0)]:
        moved = [offset + scale * value for value in shape]
        assert pytest.approx(indicators.z_score(shape, 5), rel=1e-6) == indicators.z_score(moved, 5)


def test_correlation_of_returns_not_of_prices() -> None:
    """Twice the return of the other at a tenth of its price moves with it; the mirrored one against it."""
    returns = [0.01, -0.02, 0.015, 0.0, -0.01]
    one, twice, mirrored = [100.0], [10.0], [50.0]
    for change in returns:
        one.append(one[-1] * (1 + change))
        twice.append(twice[-1] * (1 + 2 * change))
        mirrored.append(mirrored[-1] * (1 - change))

    profile, other, against = (indicators.return_profile(close, 5) for close in (one, twice, mirrored))

    assert pytest.approx(1.0) == indicators.correlation(profile, other)
    assert pytest.approx(-1.0) == indicators.correlation(profile, against)


def test_correlation_worked_out_by_hand() -> None:
    """Returns (1, 2, 3) % and (1, 3, 2) %: covariance 1, lengths sqrt(2) each, so one half."""
    one, other = [100.0], [100.0]
    for left, right in [(0.01, 0.01), (0.02, 0.03), (0.03, 0.02)]:
        one.append(one[-1] * (1 + left))
        other.append(other[-1] * (1 + right))

    profiles = indicators.return_profile(one, 3), indicators.return_profile(other, 3)

    assert pytest.approx(0.5) == indicators.correlation(*profiles)


def test_flat_market_correlates_with_nothing() -> None:
    """A profile without variation is all zeros."""
    flat = indicators.return_profile([5.0] * 4, 3)

    assert flat == (0.0, 0.0, 0.0)
    assert indicators.correlation(flat, indicators.return_profile([1.0, 2.0, 1.0, 3.0], 3)) == 0.0


def test_nothing_is_confirmed_while_it_falls() -> None:
    """A steady fall has none of the four signs."""
    bars = some_bars([110 - 0.5 * n for n in range(40)])

    assert Confirmations() == indicators.confirmations(bars, confirmation_settings())


def test_everything_is_confirmed_after_a_turn() -> None:
    """Down to 100 in steps of 0.5, up by 0.2 and five times 0.1, then a jump of 5.

    RSI: before the jump 0.7 up against eight falls, 4 down; with it 5.7 up against seven falls, 3.5 down. Lows: 100.2
    in the last six bars, 100 in the six before.
    """
    closes = [110 - 0.5 * n for n in range(21)] + [100.2 + 0.1 * n for n in range(6)] + [105.7]
    closes = [110.0] * 10 + closes

    found = indicators.confirmations(some_bars(closes), confirmation_settings(low_window="30m"))

    assert Confirmations(above_vwap=True, higher_low=True, rsi_crossed_up=True, bounced=True) == found


@pytest.mark.parametrize(("last", "crossed"), [(100.9, False), (101.0, True), (103.0, True)])
def test_rsi_must_cross_with_the_last_bar(last: float, crossed: bool) -> None:
    """Two changes: -1 and then +0.9 is below 50, +1.0 is at it, +3 above; before it stood at zero."""
    bars = some_bars([102.0, 101.0, 100.0, last])
    settings = confirmation_settings(vwap_window="10m", low_window="5m", rsi_period="10m", bounce_window="10m")

    assert crossed is indicators.confirmations(bars, settings).rsi_crossed_up


def test_rsi_above_its_level_for_long_is_no_cross() -> None:
    """It rose before already."""
    bars = some_bars([float(n) for n in range(100, 140)])

    assert not indicators.confirmations(bars, confirmation_settings()).rsi_crossed_up


@pytest.mark.parametrize(("low", "bounced"), [(99.4, True), (99.5, False)])
def test_bounce_is_measured_from_the_lowest_low(low: float, bounced: bool) -> None:
    """100 is 0.604 % above 99.4 and 0.503 % above 99.5."""
    lows = [100.0] * 40
    lows[10] = low
    bars = some_bars([100.0] * 40, low=lows)

    assert bounced is indicators.confirmations(bars, confirmation_settings(bounce_window="3h")).bounced


def test_low_outside_the_window_is_no_bounce() -> None:
    """The 37th bar back is not looked at."""
    lows = [100.0] * 40
    lows[3] = 90.0

    assert not indicators.confirmations(some_bars([100.0] * 40, low=lows), confirmation_settings()).bounced


def test_close_is_not_above_a_vwap_that_does_not_exist() -> None:
    """Without volume nothing confirms the price."""
    bars = some_bars([100.0] * 39 + [101.0], volume=0.0)

    assert not indicators.confirmations(bars, confirmation_settings()).above_vwap


def test_confirmations_tell_how_many_bars_they_need() -> None:
    """With as many they can be computed, with one less they cannot."""
    settings = confirmation_settings()
    needed = indicators.confirmation_bars(settings, 300)

    assert needed == 36
    assert indicators.confirmations(flat_bars(needed), settings).count == 0
    with pytest.raises(MissingData, match="35 bars, 36 needed"):
        indicators.confirmations(flat_bars(needed - 1), settings)


@pytest.mark.parametrize(
    ("call", "enough"),
    [
        (lambda n: indicators.simple_return([1.0] * n, 3), 4),
        (lambda n: indicators.highest([1.0] * n, 3, skip=1), 4),
        (lambda n: indicators.true_ranges(flat_bars(n), 3), 4),
        (lambda n: indicators.average_true_ranges(flat_bars(n), 3, 2), 7),
        (lambda n: indicators.relative_strength_index([1.0] * n, 3), 4),
        (lambda n: indicators.vwap(flat_bars(n), 3), 3),
        (lambda n: indicators.annualized_volatility(flat_bars(n), 3), 4),
        (lambda n: indicators.z_score([1.0] * n, 3), 3),
        (lambda n: indicators.return_profile([1.0] * n, 3), 4),
        (lambda n: indicators.stdev([1.0] * n), 2),
        (lambda n: indicators.median([1.0] * n), 1),
    ],
)
def test_too_few_bars_are_an_error_not_a_guess(call: Callable[[int], object], enough: int) -> None:
    """Each says what it needs: one bar fewer raises."""
    call(enough)

    with pytest.raises(MissingData):
        call(enough - 1)


def test_indicators_see_the_newest_bars_only() -> None:
    """Whatever stands before the window changes nothing."""
    tail = [100.0, 101.0, 99.5, 100.2, 100.9, 101.4]
    short, long = some_bars(tail), some_bars([7.0, 900.0, 3.0, *tail])

    assert indicators.true_ranges(short, 5) == indicators.true_ranges(long, 5)
    assert indicators.annualized_volatility(short, 5) == indicators.annualized_volatility(long, 5)
    assert indicators.z_score(short.close, 6) == indicators.z_score(long.close, 6)
    assert indicators.relative_strength_index(short.close, 5) == indicators.relative_strength_index(long.close, 5)


def test_log_returns_are_symmetric() -> None:
    """Up by a half and down by a third is a round trip: two opposite log returns."""
    bars = some_bars([100.0, 150.0, 100.0], granularity=Granularity.ONE_DAY)

    assert pytest.approx(log(1.5) * sqrt(2) * sqrt(365)) == indicators.annualized_volatility(bars, 2)
