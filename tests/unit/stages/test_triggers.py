"""What counts as an event: every kind at its threshold, both filters, the choice among several."""

from dataclasses import replace
from typing import Any

import pytest

from factories_market import a_candidate, flat_bars, some_bars, triggers_settings, with_move
from trader.model.cycle_state import Regime
from trader.model.decisions import Confirmations, Denial, Direction, Trigger, TriggerKind
from trader.model.denials import DenialCode
from trader.model.ids import ProductId
from trader.model.inputs import Candidate, Detection
from trader.model.market import Bars
from trader.stages.triggers import signals
from trader.stages.triggers.engine import TriggerEngine, count_bars_needed
from trader.stages.triggers.signals import Features

BTC = ProductId("BTC-USD")
REGIMES = [Regime.CHOP, Regime.BULL, Regime.BEAR, Regime.CRASH]
SETTINGS = triggers_settings()


def detect(*candidates: Candidate, regime: Regime = Regime.CHOP, **overrides: Any) -> Detection:
    shown = {candidate.product.product_id: candidate for candidate in candidates}
    return TriggerEngine(triggers_settings(**overrides)).detect(shown, regime)


def the_trigger(bars: Bars, regime: Regime = Regime.CHOP, **overrides: Any) -> Trigger:
    """The one found, with nothing denied."""
    detection = detect(a_candidate(bars=bars), regime=regime, **overrides)
    assert detection.denials == ()
    return detection.triggers[BTC]


def the_denial(bars: Bars, regime: Regime = Regime.CHOP, **overrides: Any) -> Denial:
    """The one said, with nothing found."""
    detection = detect(a_candidate(bars=bars), regime=regime, **overrides)
    assert detection.triggers == {}
    [denial] = detection.denials
    assert denial.stage == "triggers"
    return denial


def features(**overrides: Any) -> Features:
    """Measures of a market in which nothing happens, at a price of 100."""
    quiet = Features(
        short_return=0.0,
        long_return=0.0,
        volume_ratio=1.0,
        high_before=101.0,
        low=99.0,
        low_age=100,
        momentum=0.0,
    )
    return replace(quiet, **overrides)


# --- price move

SHORT = {Regime.CHOP: 1.2, Regime.BULL: 3.5, Regime.BEAR: 3.0, Regime.CRASH: 3.0}
LONG = {Regime.CHOP: 2.5, Regime.BULL: 7.0, Regime.BEAR: 7.0, Regime.CRASH: 7.0}


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_price_move_fires_from_its_threshold_on(regime: Regime, sign: int) -> None:
    """In every regime, over either window, up and down; a hair below it does not."""
    for window, limits in (("short_return", SHORT), ("long_return", LONG)):
        at = features(**{window: sign * (limits[regime] / 100 + 1e-9)})
        below = features(**{window: sign * (limits[regime] / 100 - 1e-9)})
        found = signals.detect_price_move(SETTINGS.price_move, regime, at)

        assert found is not None
        assert (Direction.UP if sign > 0 else Direction.DOWN) is found.direction
        assert signals.detect_price_move(SETTINGS.price_move, regime, below) is None


@pytest.mark.parametrize(
    ("short", "long", "strength", "confidence", "move"),
    [
        (0.02, 0.03, 0.80, 0.85, 0.03),
        (-0.02, -0.03, 0.80, 0.85, -0.03),
        (0.0, 0.03, 0.70, 0.75, 0.03),
        (0.02, 0.0, 0.60, 0.70, 0.02),
        (-0.02, 0.01, 0.60, 0.70, -0.02),
        (0.02, -0.03, 0.70, 0.75, -0.03),
    ],
)
def test_price_move_is_strongest_when_both_windows_agree(
    short: float, long: float, strength: float, confidence: float, move: float
) -> None:
    """Against one another the long one speaks, with its own strength."""
    found = signals.detect_price_move(SETTINGS.price_move, Regime.CHOP, features(short_return=short, long_return=long))

    assert found is not None
    assert (strength, confidence, move) == (found.strength, found.confidence, found.move)


@pytest.mark.parametrize("pct", [-6.0, -3.0, -15.0])
def test_falling_candle_is_never_momentum_upwards(pct: float) -> None:
    """Accident 10: a candle of minus six percent was bought as plus six."""
    trigger = the_trigger(with_move(flat_bars(reach=0.1), pct, over=1))

    assert trigger.direction is Direction.DOWN
    assert trigger.move < 0
    assert trigger.features["short_return"] == pytest.approx(pct / 100)


def test_sign_is_kept_for_every_size_of_move() -> None:
    """Whatever fires, on whichever side, its direction and its move have the sign of the market."""
    for tenths in range(13, 95, 7):
        for pct in (tenths / 10, -tenths / 10):
            trigger = the_trigger(with_move(flat_bars(reach=0.05), pct, over=3))

            assert (trigger.move > 0) is (pct > 0)
            assert (trigger.direction is Direction.UP) is (pct > 0)


# --- volume spike

RATIO = {Regime.CHOP: 1.8, Regime.BULL: 2.0, Regime.BEAR: 2.0, Regime.CRASH: 2.0}


@pytest.mark.parametrize("regime", REGIMES)
def test_volume_spike_fires_from_its_ratio_on(regime: Regime) -> None:
    """In every regime, if the price moves at least half a percent; the sign of the move is the direction."""
    settings, ratio = SETTINGS.volume_spike, RATIO[regime]

    for move, direction in ((0.006, Direction.UP), (-0.006, Direction.DOWN)):
        at = signals.detect_volume_spike(settings, regime, features(volume_ratio=ratio, long_return=move))
        below = signals.detect_volume_spike(settings, regime, features(volume_ratio=ratio - 0.01, long_return=move))
        assert at is not None
        assert direction is at.direction
        assert below is None


def test_volume_spike_without_a_move_is_nothing() -> None:
    """Volume alone has no direction."""
    busy = features(volume_ratio=9.0, long_return=0.0049)

    assert signals.detect_volume_spike(SETTINGS.volume_spike, Regime.CHOP, busy) is None
    no_minimum = replace(SETTINGS.volume_spike, move_min_pct=0.0)
    still = features(volume_ratio=9.0)
    assert signals.detect_volume_spike(no_minimum, Regime.CHOP, still) is None


@pytest.mark.parametrize(("ratio", "strength", "confidence"), [(2.5, 0.5, 0.625), (4.0, 1.0, 1.0), (40.0, 1.0, 1.0)])
def test_volume_spike_grows_with_its_ratio(ratio: float, strength: float, confidence: float) -> None:
    """(ratio - 1) / 3 and ratio / 4, both at most one."""
    found = signals.detect_volume_spike(
        SETTINGS.volume_spike, Regime.CHOP, features(volume_ratio=ratio, long_return=0.01)
    )

    assert found is not None
    assert (strength, confidence) == (found.strength, found.confidence)


def test_volume_ratio_compares_an_hour_with_the_hours_before() -> None:
    """Twelve bars of 300 against 288 of 100: three. Older bars are not seen, a shorter history is averaged as it is."""
    for history in (288, 276):
        volume = [9e9] * (288 - history) + [100.0] * history + [300.0] * 12
        bars = some_bars([100.0] * len(volume), volume=volume[288 - history :])

        assert signals.compute_features(bars, SETTINGS).volume_ratio == pytest.approx(3.0)
    long = some_bars([100.0] * 310, volume=[9e9] * 10 + [100.0] * 288 + [300.0] * 12)
    assert signals.compute_features(long, SETTINGS).volume_ratio == pytest.approx(3.0)


def test_no_volume_before_is_no_spike() -> None:
    """A ratio to nothing is not a large one."""
    bars = some_bars([100.0] * 300, volume=[0.0] * 288 + [300.0] * 12)

    assert signals.compute_features(bars, SETTINGS).volume_ratio == 0.0


def test_volume_spike_is_found_on_bars() -> None:
    """A move of 0.6 % on five times the volume, below every other threshold."""
    bars = with_move(flat_bars(volume=[100.0] * 288 + [500.0] * 12, reach=0.02), 0.6, over=12)
    bars = replace(bars, high=(*bars.high[:100], 102.0, *bars.high[101:]))

    trigger = the_trigger(bars)

    assert (trigger.kind, trigger.direction) == (TriggerKind.VOLUME_SPIKE, Direction.UP)
    assert trigger.move == pytest.approx(0.006)


# --- breakout


def test_breakout_needs_a_close_above_every_earlier_high() -> None:
    """At the high it is none; the last bar's own high does not count against it."""
    for close, fires in ((100.5, True), (100.4, False), (100.3, False)):
        bars = some_bars([100.0] * 299 + [close], high=[100.4] * 299 + [101.0], low=[99.6] * 300)
        found = signals.detect_breakout(
            SETTINGS.breakout, signals.compute_features(bars, SETTINGS), bars, SETTINGS.atr_period
        )

        assert fires is (found is not None)


def test_high_before_the_look_back_is_forgotten() -> None:
    """The 290th bar from the end is out of sight, the 289th is not."""
    for position, seen in ((10, False), (11, True)):
        highs = [100.1] * 300
        highs[position] = 105.0
        bars = some_bars([100.0] * 300, high=highs)

        assert seen is (signals.compute_features(bars, SETTINGS).high_before == 105.0)


@pytest.mark.parametrize(("distance", "strength"), [(0.001, 0.5), (0.75, 0.75), (2.0, 1.0)])
def test_breakout_is_as_strong_as_its_distance_in_ranges(distance: float, strength: float) -> None:
    """Every bar has a range of one, so the distance is the strength, between a half and one."""
    close = 100.5 + distance
    highs = [100.5] * 299 + [100.5]
    lows = [99.5] * 299 + [99.5]
    bars = replace(some_bars([100.0] * 300, high=highs, low=lows), close=(*[100.0] * 299, close))

    found = signals.detect_breakout(
        SETTINGS.breakout, signals.compute_features(bars, SETTINGS), bars, SETTINGS.atr_period
    )

    assert found is not None
    assert pytest.approx(strength) == found.strength
    assert (found.confidence, found.direction) == (0.80, Direction.UP)
    assert pytest.approx(distance / 100.5) == found.move


# --- reversal

THREE = Confirmations(above_vwap=True, higher_low=True, bounced=True)


@pytest.mark.parametrize(
    ("low", "age", "signs", "fires"),
    [
        (97.0, 12, THREE, True),
        (97.0, 11, THREE, False),
        (97.2, 12, THREE, False),
        (97.0, 12, Confirmations(above_vwap=True, higher_low=True), False),
    ],
)
def test_reversal_needs_an_old_low_a_bounce_and_three_signs(
    low: float, age: int, signs: Confirmations, fires: bool
) -> None:
    """100 is 3.09 % above 97 and 2.88 % above 97.2."""
    found = signals.detect_reversal(SETTINGS.reversal, features(low=low, low_age=age), flat_bars(), signs)

    assert fires is (found is not None)


def test_reversal_is_as_strong_as_its_bounce() -> None:
    """Five percent of twenty is a quarter; beyond twenty it is one."""
    for low, strength in ((100 / 1.05, 0.25), (50.0, 1.0)):
        found = signals.detect_reversal(SETTINGS.reversal, features(low=low), flat_bars(), THREE)
        assert found is not None
        assert pytest.approx(strength) == found.strength
        assert (found.confidence, found.direction) == (0.60, Direction.UP)


def test_low_is_as_old_as_its_newest_occurrence() -> None:
    """Touched a second time, it starts to age anew."""
    lows = [100.0] * 300
    lows[100] = lows[290] = 95.0

    measured = signals.compute_features(some_bars([100.0] * 300, low=lows), SETTINGS)

    assert (measured.low, measured.low_age) == (95.0, 9)


def test_low_before_the_look_back_is_forgotten() -> None:
    """The 289th bar from the end is out of sight, the 288th is not."""
    for position, seen in ((11, False), (12, True)):
        lows = [100.0] * 300
        lows[position] = 95.0

        assert seen is (signals.compute_features(some_bars([100.0] * 300, low=lows), SETTINGS).low == 95.0)


def test_reversal_is_found_on_bars() -> None:
    """From 100 to 90 in 100 bars, then up to 94 in 60 small steps; the day's fall is not looked at here."""
    fall = [100.0] * 140 + [100 - 0.1 * n for n in range(1, 101)]
    rise = [90 + 4 * n / 60 for n in range(1, 61)]
    bars = some_bars(fall + rise, reach=0.01)
    no_momentum = replace(SETTINGS.momentum, move_min_pct=50.0)

    trigger = the_trigger(bars, momentum=no_momentum, atr_ratio_min=0.0)

    assert (trigger.kind, trigger.direction) == (TriggerKind.REVERSAL, Direction.UP)
    assert trigger.confirmations == THREE
    assert pytest.approx(94 / 89.99 - 1) == trigger.move


# --- momentum


@pytest.mark.parametrize("sign", [1, -1])
def test_momentum_fires_from_its_threshold_on(sign: int) -> None:
    """Two percent over the day, up or down; the share of closes that went its way is the confidence."""
    for pct, fires in ((2.001, True), (1.999, False)):
        bars = some_bars([100 + sign * pct * n / 288 for n in range(-11, 289)])
        found = signals.detect_momentum(SETTINGS.momentum, features(momentum=sign * pct / 100), bars)

        assert fires is (found is not None)
        if found is not None:
            assert (Direction.UP if sign > 0 else Direction.DOWN, 1.0) == (found.direction, found.confidence)


@pytest.mark.parametrize(("move", "strength"), [(0.025, 0.25), (-0.025, 0.25), (0.1, 1.0), (-0.3, 1.0)])
def test_momentum_is_as_strong_as_its_move(move: float, strength: float) -> None:
    """A tenth of the span is a tenth of the strength, at most one."""
    found = signals.detect_momentum(SETTINGS.momentum, features(momentum=move), flat_bars())

    assert found is not None
    assert pytest.approx(strength) == found.strength
    assert move == found.move


def test_momentum_share_counts_closes_over_half_a_day() -> None:
    """36 rises among the last 144 changes are a quarter; those before them do not count, nor do standing closes."""
    closes = [100.0 + n for n in range(156)] + [255.0] * 108 + [255.0 + n for n in range(1, 37)]

    found = signals.detect_momentum(SETTINGS.momentum, features(momentum=0.05), some_bars(closes))

    assert found is not None
    assert found.confidence == 0.25


def test_steady_drift_is_momentum() -> None:
    """Up 3 % in a day of equal steps, too slow for a price move."""
    trigger = the_trigger(some_bars([100 + 3 * n / 288 for n in range(-11, 289)]), atr_ratio_min=0.5)

    assert (trigger.kind, trigger.direction) == (TriggerKind.BREAKOUT, Direction.UP)
    down = the_trigger(some_bars([100 - 3 * n / 288 for n in range(-11, 289)]), atr_ratio_min=0.5)
    assert (down.kind, down.direction) == (TriggerKind.MOMENTUM, Direction.DOWN)
    assert pytest.approx(-0.03) == down.move


# --- filters


def outlier_bars(pct: float, volume: float) -> Bars:
    """One last bar, *pct* percent away on this volume, after bars of 100."""
    return with_move(flat_bars(volume=[100.0] * 299 + [volume], reach=0.1), pct, over=1)


@pytest.mark.parametrize("pct", [10.1, -10.1])
def test_far_close_that_nobody_traded_blocks_the_product(pct: float) -> None:
    """More than a tenth away on less than a tenth of the volume."""
    denial = the_denial(outlier_bars(pct, 9.9))

    assert denial.code is DenialCode.PRICE_OUTLIER
    assert pytest.approx(pct) == denial.details["move_pct"]
    assert pytest.approx(0.099) == denial.details["volume_ratio"]


@pytest.mark.parametrize(("pct", "volume"), [(9.9, 0.0), (10.1, 10.0), (30.0, 500.0)])
def test_far_close_on_volume_is_a_move(pct: float, volume: float) -> None:
    """Near enough, or traded enough: an event like any other."""
    assert the_trigger(outlier_bars(pct, volume)).direction is Direction.UP


def ranged_bars(last_reach: float) -> Bars:
    """Bars of range 1, the last 14 of another, and a last close that breaks out."""
    highs = [100.5] * 286 + [100 + last_reach] * 14
    lows = [99.5] * 286 + [100 - last_reach] * 14
    return some_bars([100.0] * 300, high=highs, low=lows)


@pytest.mark.parametrize(("reach", "quiet"), [(0.53, False), (0.52, True), (0.3, True)])
def test_quiet_market_is_held_back_only_when_something_fired(reach: float, quiet: bool) -> None:
    """The median of seven windows is a range of one, so 1.05 is asked for: 1.06 passes, 1.04 does not."""
    always = replace(SETTINGS.price_move, short_pct=replace(SETTINGS.price_move.short_pct, chop=0.0))
    bars = ranged_bars(reach)
    moved = replace(bars, close=(*bars.close[:-1], 100.001))

    detection = detect(a_candidate(bars=moved), price_move=always)

    assert quiet is (len(detection.denials) == 1)
    if quiet:
        [denial] = detection.denials
        assert denial.code is DenialCode.VOLATILITY_TOO_LOW
        assert pytest.approx(2 * reach) == denial.details["atr"]
        assert pytest.approx(1.05) == denial.details["atr_min"]
    assert the_denial(bars).code is DenialCode.TRIGGER_MISSING


def test_market_that_stands_still_is_too_quiet() -> None:
    """No range now and none in the median: not even then is nothing at least 1.05 times nothing."""
    bars = some_bars([100.0] * 150 + [103.0] * 150)

    assert the_denial(bars).code is DenialCode.VOLATILITY_TOO_LOW


# --- the engine


def test_nothing_happening_says_how_near_it_was() -> None:
    """One denial, every measure beside its limit, the limits of the regime in force."""
    bars = with_move(flat_bars(reach=1.0), 0.4, over=3)

    for regime in REGIMES:
        denial = the_denial(bars, regime)
        assert denial.code is DenialCode.TRIGGER_MISSING
        assert pytest.approx(0.4) == denial.details["short_move_pct"]
        assert (SHORT[regime], LONG[regime], RATIO[regime]) == (
            denial.details["short_move_pct_min"],
            denial.details["long_move_pct_min"],
            denial.details["volume_ratio_min"],
        )


def test_every_kind_says_how_near_it_was_under_its_own_name() -> None:
    """What a report looks for: each measure, and its limit where it has one."""
    bars = with_move(flat_bars(reach=1.0), 0.4, over=3)

    details = the_denial(bars).details

    limited = {"short_move_pct", "long_move_pct", "volume_ratio", "bounce_pct", "momentum_pct"}
    assert limited | {f"{name}_min" for name in limited} | {"above_high_pct"} == set(details)
    low = min(bars.low[-bars.count(SETTINGS.reversal.lookback) :])
    assert pytest.approx((bars.close[-1] / low - 1) * 100) == details["bounce_pct"]
    assert SETTINGS.reversal.bounce_pct_min == details["bounce_pct_min"]


@pytest.mark.parametrize("regime", [Regime.BULL, Regime.BEAR, Regime.CRASH])
def test_move_that_is_an_event_in_chop_is_none_elsewhere(regime: Regime) -> None:
    """Two percent in fifteen minutes, inside a range that no other kind looks at."""
    bars = with_move(flat_bars(reach=3.0), 1.9, over=3, reach=3.0)

    assert the_trigger(bars, Regime.CHOP, atr_ratio_min=0.5).kind is TriggerKind.PRICE_MOVE
    assert the_denial(bars, regime, atr_ratio_min=0.5).code is DenialCode.TRIGGER_MISSING


def test_best_kind_of_a_product_speaks() -> None:
    """Up 9 % in an hour: the breakout at 1.00 × 0.80 beats the price move at 0.80 × 0.85 and momentum."""
    trigger = the_trigger(with_move(flat_bars(reach=0.1), 9.0, over=12))

    assert trigger.kind is TriggerKind.BREAKOUT
    assert trigger.score == pytest.approx(0.80)


def test_trigger_carries_its_confirmations_and_measures() -> None:
    """Whoever answers it needs no bars for that."""
    trigger = the_trigger(with_move(flat_bars(reach=0.1), 9.0, over=12))

    assert trigger.confirmations.above_vwap
    assert trigger.confirmations.bounced
    assert pytest.approx(0.09) == trigger.features["long_return"]


def test_every_candidate_has_a_trigger_or_one_denial() -> None:
    """Whatever their bars are like."""
    shapes = [
        flat_bars(),
        flat_bars(100),
        flat_bars(volume=0.0),
        outlier_bars(20.0, 1.0),
        *(with_move(flat_bars(reach=0.1), pct, over=over) for pct in (-8.0, -1.0, 0.5, 1.5, 9.0) for over in (1, 12)),
        some_bars([100.0] * 150 + [103.0] * 150),
    ]
    candidates = [a_candidate(f"P{n:02}-USD", bars=bars) for n, bars in enumerate(shapes)]

    for regime in Regime:
        detection = detect(*candidates, regime=regime, per_cycle_max=3)
        said = [*detection.triggers, *(denial.product_id for denial in detection.denials)]
        assert sorted(said) == [candidate.product.product_id for candidate in candidates]
        assert len(detection.triggers) <= 3


def test_only_the_best_go_on() -> None:
    """By score, ties by product id, in that order; the rest learn their rank."""
    moves = {"AAA": 5.0, "BBB": -1.3, "CCC": 5.0, "DDD": 5.0, "EEE": 1.3}
    bars = {base: with_move(flat_bars(reach=9.0), pct, over=3, reach=9.1) for base, pct in moves.items()}
    candidates = [a_candidate(f"{base}-USD", bars=bars[base]) for base in ("DDD", "BBB", "AAA", "EEE", "CCC")]

    detection = detect(*candidates, per_cycle_max=2, atr_ratio_min=0.5)

    assert list(detection.triggers) == ["AAA-USD", "CCC-USD"]
    assert [(denial.product_id, denial.details["rank"]) for denial in detection.denials] == [
        ("DDD-USD", 3),
        ("BBB-USD", 4),
        ("EEE-USD", 5),
    ]
    assert {DenialCode.TRIGGERS_EXCEED_MAX} == {denial.code for denial in detection.denials}


def test_detection_does_not_depend_on_the_order_of_candidates() -> None:
    """The triggers are the same, in the same order."""
    candidates = [
        a_candidate(f"{base}-USD", bars=with_move(flat_bars(reach=0.1), pct, over=3))
        for base, pct in (("AAA", 4.0), ("BBB", 4.0), ("CCC", -4.0), ("DDD", 2.0))
    ]

    forwards, backwards = detect(*candidates), detect(*reversed(candidates))

    assert list(forwards.triggers.items()) == list(backwards.triggers.items())


def test_engine_says_how_many_bars_it_needs() -> None:
    """A day and one close with the defaults; with one bar less the product is refused, not guessed at."""
    needed = count_bars_needed(SETTINGS, 300)

    assert needed == 289
    assert the_denial(flat_bars(needed)).code is DenialCode.TRIGGER_MISSING
    short = the_denial(flat_bars(needed - 1))
    assert (short.code, short.details["bars"], short.details["bars_min"]) == (DenialCode.HISTORY_TOO_SHORT, 288, 289)


def test_windows_of_the_range_count_among_the_bars_needed() -> None:
    """Seven stretches of fifty bars, and the close before the first."""
    assert 351 == count_bars_needed(triggers_settings(atr_period="250m", atr_windows=7), 300)


def test_bars_before_every_window_change_nothing() -> None:
    """A longer series decides like its newest part."""
    bars, past = with_move(flat_bars(reach=0.1), 4.0, over=3), [55.0] * 40
    older = some_bars([*past, *bars.close], high=[*past, *bars.high], low=[*past, *bars.low])

    assert the_trigger(bars) == the_trigger(older)
