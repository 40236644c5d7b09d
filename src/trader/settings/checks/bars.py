"""Which settings about bars and triggers contradict one another: windows too long, thresholds nothing can cross."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trader.model.durations import Duration, count_in, read_seconds, write_duration
from trader.settings import Settings
from trader.settings.look_backs import OF_BENCHMARK, list_look_backs
from trader.settings.policy import ByRegime, TriggersSettings

#: How many bars of each product, and of the benchmark, one request may read.
_READ = {"bars.history": (50, 349), OF_BENCHMARK: (24, 349)}


def find_misfits(settings: Settings) -> tuple[str, ...]:
    """Name every look-back that is no whole number of the bars it is counted in; with one, no count is known."""
    return tuple(
        line for key, duration in list_look_backs(settings).items() for line in _misfit(key, duration, settings)
    )


def find_contradictions(settings: Settings) -> tuple[str, ...]:
    """Name every window that the bars do not fill, and every threshold that always or never decides."""
    checks = (_windows, _thresholds, _strengths)
    return tuple(line for check in checks for line in check(settings))


def count_bars_needed(settings: Settings) -> Mapping[str, int]:
    """Say for every look-back of the stages how many closed bars it takes to compute.

    A return takes one bar more than it spans, a crossing two, and a low that is compared with the low before it
    twice its own.
    """

    def count(duration: Duration) -> int:
        return count_in(duration, settings.bars.granularity.seconds)

    triggers, signs = settings.triggers, settings.triggers.confirmations
    move, spike, momentum = triggers.price_move, triggers.volume_spike, triggers.momentum
    return {
        "triggers.price_move.short_window": count(move.short_window) + 1,
        "triggers.price_move.long_window": count(move.long_window) + 1,
        "triggers.volume_spike.history": count(spike.window) + count(spike.history),
        "triggers.breakout.lookback": count(triggers.breakout.lookback) + 1,
        "triggers.reversal.lookback": count(triggers.reversal.lookback),
        "triggers.momentum.lookback": count(momentum.lookback) + 1,
        "triggers.momentum.share_window": count(momentum.share_window) + 1,
        "triggers.outlier_window": count(triggers.outlier_window) + 1,
        "triggers.atr_windows": count(triggers.atr_period) * triggers.atr_windows + 1,
        "triggers.confirmations.vwap_window": count(signs.vwap_window),
        "triggers.confirmations.low_window": 2 * count(signs.low_window),
        "triggers.confirmations.rsi_period": count(signs.rsi_period) + 2,
        "triggers.confirmations.bounce_window": count(signs.bounce_window),
        "universe.correlation_window": count(settings.universe.correlation_window) + 1,
    }


def _misfit(key: str, duration: Duration, settings: Settings) -> Iterator[str]:
    bars, seconds = settings.bars, read_seconds(duration)
    granularity = bars.benchmark_granularity if key == OF_BENCHMARK else bars.granularity
    count, rest = divmod(seconds, granularity.seconds)
    if rest:
        near = (write_duration(each * granularity.seconds) for each in (count, count + 1) if each)
        yield f"{key}: {duration} is no whole number of {granularity} bars; allowed is {' or '.join(near)}"
    elif key in _READ and not _READ[key][0] <= count <= _READ[key][1]:
        low, high = (write_duration(each * granularity.seconds) for each in _READ[key])
        yield f"{key}: {duration} is {count} {granularity} bars; allowed is {low} to {high}"


def _windows(settings: Settings) -> Iterator[str]:
    count, history = settings.bars.count, settings.bars.history
    for key, needed in count_bars_needed(settings).items():
        if needed > count:
            yield f"{key}: takes {needed} bars, of {count} that are read; allowed is what bars.history {history} covers"
    move, turn = settings.triggers.price_move, settings.triggers.reversal
    if read_seconds(move.short_window) >= read_seconds(move.long_window):
        yield (
            f"triggers.price_move.short_window: {move.short_window} is not the short window; "
            f"allowed is less than triggers.price_move.long_window {move.long_window}"
        )
    if read_seconds(turn.low_age_min) >= read_seconds(turn.lookback):
        yield (
            f"triggers.reversal.low_age_min: {turn.low_age_min} is older than every bar looked at; "
            f"allowed is less than triggers.reversal.lookback {turn.lookback}"
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
