"""``trader.stages.regime`` in columns: the regime in force after every tick, and where it turns or cannot be told.

The benchmark's reading changes with its bars only, so it is taken once a bar; the memory is followed tick by tick over
the stretches of one reading.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from desk.backtest.data.columns import Floats, Integers
from desk.backtest.grid import MARGIN, Codes, Flags, MarketGrid
from trader.indicators import SECONDS_PER_YEAR
from trader.model.cycle_state import Regime, RegimeState
from trader.model.ids import ProductId
from trader.settings.policy import RegimeSettings
from trader.stages.regime import advance_memory, await_reading

_BARS_MIN = 3
#: So many windows are measured at once: more would take memory that nothing else needs.
_WINDOWS = 512


_REGIMES = (Regime.UNKNOWN, Regime.CRASH, Regime.BULL, Regime.BEAR, Regime.CHOP)


class RegimeScreen:
    """The memory after each tick, as far as no reading comes near a threshold."""

    def __init__(self, grid: MarketGrid) -> None:
        self._grid, self._settings = grid, grid.settings.regime
        trend, volatility = self._read()
        self.unsure: Flags = _is_near(trend, volatility, self._settings)
        self._readings = _classify(trend, volatility, self._settings)
        self._states: list[RegimeState] = [RegimeState()]
        self._places = np.zeros(len(grid), dtype=np.int32)
        self.turns: Flags = np.zeros(len(grid), dtype=np.bool_)

    def state(self, tick: int) -> RegimeState:
        """Return the memory after a tick."""
        return self._states[int(self._places[tick])]

    def current(self) -> NDArray[np.object_]:
        """Return the regime in force after each tick."""
        return np.array([state.current for state in self._states], dtype=object)[self._places]

    def is_crash(self) -> Flags:
        """Where a crash is in force."""
        return np.array([state.current is Regime.CRASH for state in self._states], dtype=np.bool_)[self._places]

    def follow(self, begin: int, before: RegimeState) -> None:
        """Carry the memory on from a tick, given what it was before that one."""
        known = {before: len(self._states)}
        self._states.append(before)
        state, readings = before, self._readings[begin:]
        self.turns[begin:] = False
        edges = np.concatenate(([0], np.flatnonzero(readings[1:] != readings[:-1]) + 1, [len(readings)]))
        for low, high in zip((edges[:-1] + begin).tolist(), (edges[1:] + begin).tolist(), strict=True):
            reading = _REGIMES[self._readings[low]] if low < high else Regime.UNKNOWN
            for tick in range(low, high):
                new = self._advance(state, reading)
                self.turns[tick] = new.current is not state.current
                is_settled, state = new == state, new
                self._places[tick] = known.setdefault(state, len(self._states))
                if known[state] == len(self._states):
                    self._states.append(state)
                if is_settled:
                    # The same reading changes nothing more.
                    self._places[tick:high] = known[state]
                    break

    def _advance(self, state: RegimeState, reading: Regime) -> RegimeState:
        return await_reading(state) if reading is Regime.UNKNOWN else advance_memory(state, reading, self._settings)

    def _read(self) -> tuple[Floats, Floats]:
        """Return trend and volatility per tick, in percent; NaN where the benchmark cannot be read."""
        grid, wanted = self._grid, self._grid.settings.bars
        nothing = np.full(len(grid), np.nan)
        series = grid.series(ProductId(wanted.benchmark), wanted.benchmark_granularity)
        if series is None or not series.has_candles:
            return nothing, nothing.copy()
        step, start, close = series.granularity.seconds, series.columns.start, series.columns.close
        bars = np.arange(start[0], start[-1] + 1, step)
        filled = close[np.searchsorted(start, bars, side="right") - 1]
        last = grid.ticks // step * step - step
        place = (last - start[0]) // step
        found = np.searchsorted(start, last, side="right") - 1
        is_fresh = (place >= 0) & (place < len(bars)) & (start[np.maximum(found, 0)] == last)
        # A window begins with its first recorded bar: a hole at its edge is no bar.
        oldest = np.searchsorted(start, last - (wanted.benchmark_count - 1) * step, side="left")
        first = (start[np.minimum(oldest, len(start) - 1)] - start[0]) // step
        is_fresh &= place - first + 1 >= _BARS_MIN
        trend, volatility = nothing, nothing.copy()
        pairs = np.column_stack((first[is_fresh], place[is_fresh]))
        if len(pairs):
            # A window is that of many ticks, one after the other.
            is_new = np.concatenate(([True], (pairs[1:] != pairs[:-1]).any(axis=1)))
            pairs, read = pairs[is_new], np.cumsum(is_new) - 1
            trend[is_fresh] = (filled[pairs[:, 1]] / filled[pairs[:, 0]] - 1)[read] * 100
            volatility[is_fresh] = _measure_volatility(filled, pairs, step)[read]
        return trend, volatility


def _classify(trend: Floats, volatility: Floats, settings: RegimeSettings) -> Codes:
    """Name the regime of each reading, as ``trader.stages.regime.classify`` does."""
    with np.errstate(invalid="ignore"):
        found = np.select(
            [
                np.isnan(trend),
                (trend < -settings.crash_trend_pct) | (volatility > settings.crash_volatility_pct),
                (trend >= settings.bull_trend_pct) & (volatility < settings.bull_volatility_pct),
                trend <= -settings.bear_trend_pct,
            ],
            range(4),
            4,
        )
    return found.astype(np.int8)


def _measure_volatility(close: Floats, pairs: Integers, step: int) -> Floats:
    """Return the annualized volatility between the first and the last close of each pair of places, in percent."""
    returns, (first, last) = np.diff(np.log(close)), (pairs[:, 0], pairs[:, 1])
    found = np.empty(len(pairs))
    for length in np.unique(last - first).tolist():
        places = np.flatnonzero(last - first == length)
        windows = sliding_window_view(returns, length)
        for begin in range(0, len(places), _WINDOWS):
            some = places[begin : begin + _WINDOWS]
            found[some] = windows[first[some]].std(axis=1, ddof=1)
    found *= (SECONDS_PER_YEAR / step) ** 0.5 * 100
    return found


def _is_near(trend: Floats, volatility: Floats, settings: RegimeSettings) -> Flags:
    """Whether a reading lies so near a threshold that a float summed in another order might lie beyond it."""
    near = np.zeros(len(trend), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        for limit in (-settings.crash_trend_pct, settings.bull_trend_pct, -settings.bear_trend_pct):
            near |= np.abs(trend - limit) <= MARGIN * (100 + abs(limit))
        for limit in (settings.crash_volatility_pct, settings.bull_volatility_pct):
            near |= np.abs(volatility - limit) <= MARGIN * (100 + abs(limit))
    return near
