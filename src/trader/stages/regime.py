"""What kind of market it is, from the benchmark's closed hours; damped, except for the way into a crash."""

from __future__ import annotations

from functools import lru_cache

from trader import indicators
from trader.errors import DataError
from trader.model.cycle_state import Regime, RegimeReading, RegimeState
from trader.model.frozen import replace
from trader.model.market import Bars
from trader.settings.policy import RegimeSettings

# Two returns are the fewest that have a standard deviation.
_BARS_MIN = 3


def assess(benchmark: Bars | DataError, state: RegimeState, settings: RegimeSettings) -> RegimeReading:
    """Read the market and decide which regime is in force.

    A crash is in force at once; any other change, the way out of a crash included, once it has been read for
    ``confirm_cycles`` cycles in a row. A memory without a regime takes the first reading.

    Without a readable benchmark the regime in force is UNKNOWN, which allows no entry. The regime before that waits
    as the memory's candidate and is resumed with the next reading: an outage is neither evidence for a change nor a
    way round the confirmation.
    """
    if isinstance(benchmark, DataError) or len(benchmark) < _BARS_MIN:
        return RegimeReading(Regime.UNKNOWN, None, None, await_reading(state))
    trend_pct = (benchmark.close[-1] / benchmark.close[0] - 1) * 100
    volatility_pct = _measure_volatility(benchmark.close, benchmark.granularity.seconds)
    raw = classify(trend_pct, volatility_pct, settings)
    return RegimeReading(raw, trend_pct, volatility_pct, advance_memory(state, raw, settings))


@lru_cache(maxsize=1)
def _measure_volatility(close: tuple[float, ...], seconds: int) -> float:
    # The benchmark's newest bar is the same at many ticks.
    return indicators.annualize_volatility(close, seconds) * 100


def await_reading(state: RegimeState) -> RegimeState:
    """Remember the regime in force while there is no reading."""
    return _state(state, Regime.UNKNOWN, _resumed(state).current)


def advance_memory(state: RegimeState, raw: Regime, settings: RegimeSettings) -> RegimeState:
    """Take one more reading into the memory."""
    return _next(_resumed(state), raw, settings.confirm_cycles)


def keep(state: RegimeState) -> RegimeReading:
    """Leave the memory as it is: the benchmark was not asked for."""
    return RegimeReading(state.current, None, None, state)


def classify(trend_pct: float, volatility_pct: float, settings: RegimeSettings) -> Regime:
    """Name the regime of one reading; the thresholds of falls are magnitudes."""
    if trend_pct < -settings.crash_trend_pct or volatility_pct > settings.crash_volatility_pct:
        return Regime.CRASH
    if trend_pct >= settings.bull_trend_pct and volatility_pct < settings.bull_volatility_pct:
        return Regime.BULL
    return Regime.BEAR if trend_pct <= -settings.bear_trend_pct else Regime.CHOP


def _resumed(state: RegimeState) -> RegimeState:
    # Only an outage leaves a candidate beside UNKNOWN: it is the regime that was in force before.
    return _state(state, state.candidate) if state.current is Regime.UNKNOWN else state


def _next(state: RegimeState, raw: Regime, confirm_cycles: int) -> RegimeState:
    if raw in (state.current, Regime.CRASH) or state.current is Regime.UNKNOWN:
        return _state(state, raw)
    held = state.held_cycles + 1 if state.candidate is raw else 1
    return _state(state, raw) if held >= confirm_cycles else _state(state, state.current, raw, held)


def _state(before: RegimeState, current: Regime, candidate: Regime = Regime.UNKNOWN, held: int = 0) -> RegimeState:
    return replace(before, current=current, candidate=candidate, held_cycles=held)
