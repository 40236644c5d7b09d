"""The five things that count as an event on closed bars, one function each. Signs are kept: a fall is never a rise."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from operator import gt, lt

from trader import indicators
from trader.model.cycle_state import Regime
from trader.model.decisions import Confirmations, Direction, TriggerKind
from trader.model.durations import Duration
from trader.model.market import Bars
from trader.settings.policy import (
    BreakoutSettings,
    MomentumSettings,
    PriceMoveSettings,
    ReversalSettings,
    TriggersSettings,
    VolumeSpikeSettings,
)


@dataclass(frozen=True, slots=True)
class Features:
    """What every product's bars are measured for, event or not.

    ``volume_ratio`` is the volume of the last window against the mean of the windows before it; ``high_before`` the
    highest high before the last bar; ``low_age`` the bars since the newest lowest low. Units: returns are signed
    fractions.
    """

    short_return: float
    long_return: float
    volume_ratio: float
    high_before: float
    low: float
    low_age: int
    momentum: float


@dataclass(frozen=True, slots=True)
class Signal:
    """One kind of event, seen on one product. Shape: strength and confidence in 0..1; *move* signed, a fraction."""

    kind: TriggerKind
    direction: Direction
    strength: float
    confidence: float
    move: float


def compute_features(bars: Bars, settings: TriggersSettings) -> Features:
    """Measure the bars. Shape: needs as many bars as the engine's ``bars_needed``."""
    lows = bars.low[: -bars.count(settings.reversal.lookback) - 1 : -1]
    low = min(lows)
    return Features(
        short_return=indicators.simple_return(bars.close, bars.count(settings.price_move.short_window)),
        long_return=indicators.simple_return(bars.close, bars.count(settings.price_move.long_window)),
        volume_ratio=_volume_ratio(bars, settings.volume_spike),
        high_before=indicators.highest(bars.high, bars.count(settings.breakout.lookback), skip=1),
        low=low,
        # The columns run backwards here, so the first hit is the newest one.
        low_age=lows.index(low),
        momentum=indicators.simple_return(bars.close, bars.count(settings.momentum.lookback)),
    )


def detect_price_move(settings: PriceMoveSettings, regime: Regime, features: Features) -> Signal | None:
    """See a large return over the short window, the long one, or both.

    If both are large but of opposite signs, they do not confirm one another and the long one speaks.
    """
    short, long = features.short_return, features.long_return
    is_short = abs(short) * 100 >= settings.short_pct.at(regime)
    is_long = abs(long) * 100 >= settings.long_pct.at(regime)
    if is_long and is_short and (short > 0) is (long > 0):
        return _signal(TriggerKind.PRICE_MOVE, long, settings.strength_both, settings.confidence_both)
    if is_long:
        return _signal(TriggerKind.PRICE_MOVE, long, settings.strength_long, settings.confidence_long)
    if is_short:
        return _signal(TriggerKind.PRICE_MOVE, short, settings.strength_short, settings.confidence_short)
    return None


def detect_volume_spike(settings: VolumeSpikeSettings, regime: Regime, features: Features) -> Signal | None:
    """See unusual volume on a price that moves; the long return's sign is the direction."""
    ratio, move = features.volume_ratio, features.long_return
    if ratio < settings.ratio.at(regime) or abs(move) * 100 < settings.move_min_pct:
        return None
    strength = min(max(ratio - 1, 0.0) / settings.strength_span, 1.0)
    return _signal(TriggerKind.VOLUME_SPIKE, move, strength, min(ratio / settings.confidence_span, 1.0))


def detect_breakout(settings: BreakoutSettings, features: Features, bars: Bars, atr_period: Duration) -> Signal | None:
    """See a close above every high of the bars before it; how far above, in average true ranges, is the strength."""
    distance = bars.close[-1] - features.high_before
    if distance <= 0:
        return None
    atr = indicators.average_true_range(bars, bars.count(atr_period))
    strength = min(distance / atr, 1.0) if atr > 0 else 1.0
    return Signal(
        TriggerKind.BREAKOUT,
        Direction.UP,
        max(strength, settings.strength_min),
        settings.confidence,
        distance / features.high_before,
    )


def is_bouncing(settings: ReversalSettings, features: Features, bars: Bars) -> bool:
    """Whether the low is old enough and the close far enough above it: a reversal, if confirmed."""
    bounce_pct = (bars.close[-1] / features.low - 1) * 100
    return features.low_age >= bars.count(settings.low_age_min) and bounce_pct >= settings.bounce_pct_min


def detect_reversal(
    settings: ReversalSettings, features: Features, bars: Bars, confirmations: Confirmations
) -> Signal | None:
    """See a confirmed bounce from an old low."""
    if not is_bouncing(settings, features, bars) or confirmations.count < settings.confirmations_min:
        return None
    bounce = bars.close[-1] / features.low - 1
    strength = min(bounce * 100 / settings.strength_span_pct, 1.0)
    return Signal(TriggerKind.REVERSAL, Direction.UP, strength, settings.confidence, bounce)


def detect_momentum(settings: MomentumSettings, features: Features, bars: Bars) -> Signal | None:
    """See a large return over the long look-back; the share of closes that went its way is the confidence."""
    move = features.momentum
    if abs(move) * 100 < settings.move_min_pct:
        return None
    count = bars.count(settings.share_window)
    went = sum(map(gt if move > 0 else lt, bars.close[-count:], bars.close[-count - 1 : -1]))
    strength = min(abs(move) * 100 / settings.strength_span_pct, 1.0)
    return _signal(TriggerKind.MOMENTUM, move, strength, went / count)


def _signal(kind: TriggerKind, move: float, strength: float, confidence: float) -> Signal | None:
    # No move, no direction: a threshold of zero must not turn a flat market into a rise.
    if move == 0:
        return None
    return Signal(kind, Direction.UP if move > 0 else Direction.DOWN, strength, confidence, move)


def _volume_ratio(bars: Bars, settings: VolumeSpikeSettings) -> float:
    # The history is as long as there are bars for, at most as settings say: one quiet bucket at the far end of the
    # series must not cost a product its whole history.
    window, history = bars.count(settings.window), bars.count(settings.history)
    before = bars.volume[-window - history : -window]
    usual = fsum(before) / len(before) * window
    return fsum(bars.volume[-window:]) / usual if usual > 0 else 0.0
