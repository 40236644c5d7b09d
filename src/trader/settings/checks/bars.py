"""Which settings about bars and triggers contradict one another: windows too long, thresholds nothing can cross."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trader.settings import Settings
from trader.settings.policy import ByRegime, TriggersSettings


def find_contradictions(settings: Settings) -> tuple[str, ...]:
    """Name every window that the bars do not fill, and every threshold that always or never decides."""
    checks = (_windows, _thresholds, _strengths)
    return tuple(line for check in checks for line in check(settings))


def count_bars_needed(settings: Settings) -> Mapping[str, int]:
    """Say for every key that is a number of bars how many closed bars it takes to compute.

    A return takes one bar more than it spans, a crossing two, and a low that is compared with the low before it
    twice its own.
    """
    triggers, signs = settings.triggers, settings.triggers.confirmations
    spike = triggers.volume_spike
    return {
        "triggers.price_move.short_bars": triggers.price_move.short_bars + 1,
        "triggers.price_move.long_bars": triggers.price_move.long_bars + 1,
        "triggers.volume_spike.history_bars": spike.window_bars + spike.history_bars,
        "triggers.breakout.lookback_bars": triggers.breakout.lookback_bars + 1,
        "triggers.reversal.lookback_bars": triggers.reversal.lookback_bars,
        "triggers.momentum.lookback_bars": triggers.momentum.lookback_bars + 1,
        "triggers.momentum.share_bars": triggers.momentum.share_bars + 1,
        "triggers.outlier_bars": triggers.outlier_bars + 1,
        "triggers.atr_windows": triggers.atr_bars * triggers.atr_windows + 1,
        "triggers.confirmations.vwap_bars": signs.vwap_bars,
        "triggers.confirmations.low_bars": 2 * signs.low_bars,
        "triggers.confirmations.rsi_bars": signs.rsi_bars + 2,
        "triggers.confirmations.bounce_bars": signs.bounce_bars,
        "universe.correlation_bars": settings.universe.correlation_bars + 1,
    }


def _windows(settings: Settings) -> Iterator[str]:
    count = settings.bars.count
    for key, needed in count_bars_needed(settings).items():
        if needed > count:
            yield f"{key}: takes {needed} bars, but only {count} are read; allowed is what bars.count {count} covers"
    move, turn = settings.triggers.price_move, settings.triggers.reversal
    if move.short_bars >= move.long_bars:
        yield (
            f"triggers.price_move.short_bars: {move.short_bars} is not the short window; "
            f"allowed is less than triggers.price_move.long_bars {move.long_bars}"
        )
    if turn.low_age_bars_min >= turn.lookback_bars:
        yield (
            f"triggers.reversal.low_age_bars_min: {turn.low_age_bars_min} is older than every bar looked at; "
            f"allowed is less than triggers.reversal.lookback_bars {turn.lookback_bars}"
        )


def _thresholds(settings: Settings) -> Iterator[str]:
    triggers = settings.triggers
    highest = _quietness_reach(triggers.atr_windows)
    if triggers.atr_ratio_min >= highest:
        yield (
            f"triggers.atr_ratio_min: {triggers.atr_ratio_min:g} can never be exceeded over "
            f"triggers.atr_windows {triggers.atr_windows}, whose median holds the newest; allowed is below {highest:g}"
        )
    if triggers.atr_ratio_min == 0:
        yield "triggers.atr_ratio_min: 0 lets every quiet market pass; allowed is above 0"
    if not 0 < triggers.confirmations.rsi_level < 100:
        yield (
            f"triggers.confirmations.rsi_level: {triggers.confirmations.rsi_level:g} can never be crossed; "
            "allowed is above 0 and below 100"
        )
    for key, thresholds in _by_regime(triggers).items():
        for regime in ("chop", "bull", "bear"):
            if getattr(thresholds, regime) == 0:
                yield f"triggers.{key}.{regime}: 0 fires on every bar; allowed is above 0"
    if triggers.momentum.move_min_pct == 0:
        yield "triggers.momentum.move_min_pct: 0 fires on every bar; allowed is above 0"


def _by_regime(triggers: TriggersSettings) -> Mapping[str, ByRegime]:
    return {
        "price_move.short_pct": triggers.price_move.short_pct,
        "price_move.long_pct": triggers.price_move.long_pct,
        "volume_spike.ratio": triggers.volume_spike.ratio,
    }


def _quietness_reach(windows: int) -> float:
    """How large the newest range can be against the median of all: itself alone, of two less than double."""
    return {1: 1.0, 2: 2.0}.get(windows, float("inf"))


def _strengths(settings: Settings) -> Iterator[str]:
    """Find strengths that are full as soon as the trigger fires: they say nothing."""
    triggers = settings.triggers
    spike, turn, momentum = triggers.volume_spike, triggers.reversal, triggers.momentum
    if min(spike.ratio.chop, spike.ratio.bull, spike.ratio.bear) - 1 >= spike.strength_span:
        yield (
            f"triggers.volume_spike.strength_span: {spike.strength_span:g} makes every spike full strength; "
            "allowed is more than the smallest triggers.volume_spike.ratio less 1"
        )
    if turn.bounce_pct_min >= turn.strength_span_pct:
        yield (
            f"triggers.reversal.strength_span_pct: {turn.strength_span_pct:g} makes every reversal full strength; "
            f"allowed is more than triggers.reversal.bounce_pct_min {turn.bounce_pct_min:g}"
        )
    if momentum.move_min_pct >= momentum.strength_span_pct:
        yield (
            f"triggers.momentum.strength_span_pct: {momentum.strength_span_pct:g} makes every momentum full strength; "
            f"allowed is more than triggers.momentum.move_min_pct {momentum.move_min_pct:g}"
        )
