"""The screen of the triggers against the stage itself: what the stage sees the screen may see, and sure is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.backtest.screen.codes import PASS, decode_verdict
from desk.backtest.screen.triggers import KINDS, TriggerColumns, detect_triggers, index_regimes
from desk.backtest.series import ColumnSeries
from desk.backtest.windows import fill_series
from factories_market import a_candidate, triggers_settings
from recorded_candles import BEGIN, Weather, load_series, make_random_series
from trader.errors import DataError
from trader.model.cycle_state import Regime
from trader.model.decisions import Direction, Trigger
from trader.model.durations import Duration, count_in, write_duration
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity
from trader.settings.look_backs import change_look_backs
from trader.settings.policy import ByRegime, TriggersSettings
from trader.stages.triggers.engine import TriggerEngine

STEP = 300
PRODUCT = ProductId("BTC-USD")


@st.composite
def weathers(draw: st.DrawFn) -> Weather:
    return Weather(
        seed=draw(st.integers(0, 10_000)),
        bars=draw(st.integers(20, 90)),
        scale=draw(st.sampled_from([-7, -2, 0, 2, 7])),
        digits=draw(st.sampled_from([1, 2, 3, 6])),
        wild_bps=draw(st.sampled_from([0, 5, 60, 300])),
        jumps=draw(st.sampled_from([0, 3, 20])),
        flats=draw(st.sampled_from([0, 10, 60])),
        holes=draw(st.sampled_from([0, 5, 40])),
        unsold=draw(st.sampled_from([0, 10, 90])),
    )


def windows(most: int) -> st.SearchStrategy[Duration]:
    """Look-backs of up to so many bars of five minutes."""
    return st.integers(1, most).map(lambda bars: write_duration(bars * 300))


@st.composite
def settings_of_triggers(draw: st.DrawFn) -> TriggersSettings:
    """Draw short windows and low thresholds, so that every kind fires and is refused."""
    count = windows(12)
    usual = triggers_settings()
    move, spike, turn, momentum = usual.price_move, usual.volume_spike, usual.reversal, usual.momentum
    thresholds = st.builds(ByRegime, *(st.sampled_from([0.0, 0.5, 1.0, 2.0]) for _ in range(3)))
    return replace(
        usual,
        outlier_window=draw(count),
        outlier_move_pct=draw(st.sampled_from([0.0, 1.0, 5.0])),
        outlier_volume_ratio=draw(st.sampled_from([0.0, 0.1, 1.0])),
        atr_period=draw(windows(5)),
        atr_windows=draw(st.integers(1, 4)),
        atr_ratio_min=draw(st.sampled_from([0.0, 0.5, 1.0, 1.05])),
        price_move=replace(
            move,
            short_window=draw(count),
            long_window=draw(count),
            short_pct=draw(thresholds),
            long_pct=draw(thresholds),
        ),
        volume_spike=replace(
            spike,
            window=draw(count),
            history=draw(windows(30)),
            ratio=draw(thresholds),
            move_min_pct=draw(st.sampled_from([0.0, 0.5])),
        ),
        breakout=replace(usual.breakout, lookback=draw(count), strength_min=draw(st.sampled_from([0.0, 0.5]))),
        reversal=replace(
            turn,
            lookback=draw(count),
            low_age_min=draw(count),
            bounce_pct_min=draw(st.sampled_from([0.0, 0.5, 2.0])),
            confirmations_min=draw(st.integers(0, 4)),
        ),
        momentum=replace(
            momentum,
            lookback=draw(count),
            share_window=draw(count),
            move_min_pct=draw(st.sampled_from([0.0, 0.5, 2.0])),
        ),
        confirmations=replace(
            usual.confirmations,
            vwap_window=draw(count),
            low_window=draw(windows(6)),
            rsi_period=draw(count),
            bounce_window=draw(count),
        ),
    )


def see_exactly(series: ColumnSeries, now: int, count: int, settings: TriggersSettings, regime: Regime) -> object:
    """Ask the stage about one tick; None where there are no bars to ask about."""
    try:
        bars = series.bars(count, Instant(now))
    except DataError:
        return None
    found = TriggerEngine(settings).detect({PRODUCT: replace(a_candidate(), bars=bars)}, regime)
    return found.triggers.get(PRODUCT) or found.denials[0].code


def describe_row(columns: TriggerColumns, row: int) -> object:
    """Say of one tick what the screen says, in the words of the stage."""
    if columns.codes[row] != PASS:
        return decode_verdict(int(columns.codes[row]))
    signs = columns.signs
    return (
        KINDS[columns.kind[row]],
        Direction.UP if columns.is_up[row] else Direction.DOWN,
        float(columns.move[row]),
        tuple(bool(each[row]) for each in (signs.above_vwap, signs.higher_low, signs.rsi_crossed_up, signs.bounced)),
        int(signs.count[row]),
    )


def assert_screened(
    series: ColumnSeries, ticks: list[int], count: int, settings: TriggersSettings, regimes: list[Regime]
) -> int:
    """Compare every tick; returns how many the screen was unsure of."""
    bars = fill_series(series, np.array(ticks, dtype=np.int64), count)
    columns = detect_triggers(bars, settings, index_regimes(regimes))
    for row, (now, regime) in enumerate(zip(ticks, regimes, strict=True)):
        exact = see_exactly(series, now, count, settings, regime)
        if exact is None:
            assert bars.length[row] == 0
            continue
        if columns.unsure[row]:
            assert columns.has_trigger[row]
            continue
        if not isinstance(exact, Trigger):
            assert exact == describe_row(columns, row), now
            continue
        signs = exact.confirmations
        flags = signs.above_vwap, signs.higher_low, signs.rsi_crossed_up, signs.bounced
        assert (exact.kind, exact.direction, exact.move, flags, signs.count) == describe_row(columns, row), now
        assert (exact.strength, exact.confidence) == pytest.approx(
            (float(columns.strength[row]), float(columns.confidence[row])), rel=1e-9, abs=1e-12
        )
    return int(columns.unsure.sum())


@given(weathers(), settings_of_triggers(), st.integers(12, 60), st.lists(st.sampled_from(Regime), min_size=1))
def test_screen_is_right_where_it_is_sure(
    weather: Weather, settings: TriggersSettings, count: int, regimes: list[Regime]
) -> None:
    """Windows short and long, prices tiny and huge, holes at every edge: a sure tick says what the stage says."""
    ticks = [BEGIN + row * STEP for row in range(1, weather.bars + 4)]
    regimes = [regimes[row % len(regimes)] for row in range(len(ticks))]

    assert_screened(make_random_series(weather), ticks, count, settings, regimes)


@given(weathers(), st.integers(1, 4))
def test_ticks_need_not_be_one_a_bar(weather: Weather, pace: int) -> None:
    """Ticks each quarter of a bar, or every third bar, see the bars that are closed by then."""
    series, settings = make_random_series(weather), triggers_settings(per_cycle_max=1)
    settings = replace(
        settings,
        breakout=replace(settings.breakout, lookback="40m"),
        reversal=replace(settings.reversal, lookback="40m"),
        momentum=replace(settings.momentum, lookback="40m", share_window="20m"),
        confirmations=replace(settings.confirmations, bounce_window="30m"),
        atr_period="10m",
    )
    ticks = [BEGIN + STEP + row * (75 if pace == 1 else pace * STEP) for row in range(60)]

    assert_screened(series, ticks, 30, settings, [Regime.CHOP] * len(ticks))


@pytest.mark.parametrize(
    ("product_id", "granularity", "first"),
    [
        ("BTC-USD", Granularity.ONE_HOUR, 0),
        ("SHIB-USD", Granularity.ONE_HOUR, 100),
        ("ADA-USD", Granularity.FIFTEEN_MINUTE, 30_000),
        ("BCH-USD", Granularity.ONE_MINUTE, 5_000),
    ],
)
def test_screen_is_right_on_real_candles(product_id: str, granularity: Granularity, first: int) -> None:
    """Over two thousand ticks of real candles, with the shipped numbers, hardly a tick is unsure."""
    series, step = load_series(product_id, granularity), granularity.seconds
    begin = int(series.columns.start[first])
    ticks = [begin + row * step for row in range(2_000)]
    regimes = [(Regime.CHOP, Regime.BULL, Regime.BEAR)[row // 50 % 3] for row in range(len(ticks))]

    def stretch(_: str, duration: Duration) -> Duration:
        return write_duration(count_in(duration, 300) * step)

    settings = change_look_backs(triggers_settings(), stretch)
    unsure = assert_screened(series, ticks, 300, settings, regimes)

    assert unsure <= 20
