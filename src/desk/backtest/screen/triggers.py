"""``trader.stages.triggers`` in columns: the trigger of one product at every tick, or the code of its denial.

Returns, extremes and shares are computed as the stage does, to the last bit; what rests on a sum is right within
``grid.MARGIN``. Wherever that margin could decide, the tick is unsure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.columns import Floats
from desk.backtest.grid import MARGIN, Codes, Flags
from desk.backtest.screen.codes import PASS, encode_verdict
from desk.backtest.screen.confirmations import Signs, read_signs
from desk.backtest.windows import TickBars, roll_count, roll_max, roll_min, roll_sum
from trader.model.cycle_state import Regime
from trader.model.decisions import TriggerKind
from trader.model.denials import DenialCode
from trader.settings.policy import ByRegime, TriggersSettings
from trader.stages.triggers.engine import count_bars_needed

#: The kinds in their order of preference; a column of kinds holds their places here, -1 where there is none.
KINDS = (
    TriggerKind.PRICE_MOVE,
    TriggerKind.VOLUME_SPIKE,
    TriggerKind.BREAKOUT,
    TriggerKind.REVERSAL,
    TriggerKind.MOMENTUM,
)
NO_KIND = -1
#: So many rows of true ranges are held at once to find their middle.
_CHUNK = 16_384

#: Which of the thresholds of ``ByRegime`` is in force at each tick.
Places = NDArray[np.int8]


@dataclass(frozen=True)
class TriggerColumns:
    """The trigger of one product at every tick. ``codes`` is PASS where there is one; ``kind`` is a place in KINDS.

    ``unsure``: anything may be true of this tick. What is not a code means nothing where there is no trigger.
    """

    codes: Codes
    unsure: Flags
    kind: NDArray[np.int8]
    is_up: Flags
    strength: Floats
    confidence: Floats
    move: Floats
    signs: Signs

    @property
    def has_trigger(self) -> Flags:
        """Where there may be a trigger."""
        found: Flags = (self.codes == PASS) | self.unsure
        return found


def index_regimes(regimes: Iterable[Regime]) -> Places:
    """Return which of three thresholds each regime asks for, as ``ByRegime`` orders them."""
    places = dict.fromkeys(Regime, 0) | {Regime.BULL: 1, Regime.BEAR: 2, Regime.CRASH: 2}
    return np.array([places[each] for each in regimes], dtype=np.int8)


def detect_triggers(bars: TickBars, settings: TriggersSettings, regimes: Places) -> TriggerColumns:
    """Find the best trigger of one product at every tick."""
    found = _Detector(bars, settings, regimes)
    needed = count_bars_needed(settings, bars.seconds)
    is_long = bars.length >= needed
    if needed > bars.before or not is_long.any():
        return found.nothing(DenialCode.HISTORY_TOO_SHORT)
    columns = found.find()
    columns.codes[~is_long] = encode_verdict(DenialCode.HISTORY_TOO_SHORT)
    columns.unsure[~is_long] = False
    return columns


class _Best:
    """The strongest signal so far; the first of equals. ``near`` is where another may be."""

    def __init__(self, count: int) -> None:
        self.kind = np.full(count, NO_KIND, dtype=np.int8)
        self.score = np.full(count, -1.0)
        self.strength, self.confidence, self.move = (np.zeros(count) for _ in range(3))
        self.is_rounded, self.near, self.surely = (np.zeros(count, dtype=np.bool_) for _ in range(3))

    def add(
        self,
        kind: TriggerKind,
        fires: Flags,
        near: Flags | bool,
        signal: tuple[Floats | float, Floats | float, Floats],
        is_rounded: Flags | bool,
    ) -> None:
        """Take a signal where it fires and is stronger; *is_rounded* says where its score rests on a sum."""
        strength, confidence, move = signal
        score = strength * confidence
        is_close = np.abs(score - self.score) <= MARGIN * np.abs(score)
        self.near |= near | (fires & is_close & (self.is_rounded | is_rounded))
        self.surely |= fires & ~np.asarray(near)
        takes = fires & (score > self.score)
        self.kind[takes] = KINDS.index(kind)
        pairs = (self.score, score), (self.strength, strength), (self.confidence, confidence), (self.move, move)
        for column, values in pairs:
            np.copyto(column, values, where=takes)
        np.copyto(self.is_rounded, is_rounded, where=takes)


class _Detector:
    """One product's bars, the settings, and the thresholds in force."""

    def __init__(self, bars: TickBars, settings: TriggersSettings, regimes: Places) -> None:
        self._bars, self._settings, self._regimes = bars, settings, regimes
        self._close = bars.at(bars.close)

    def nothing(self, code: DenialCode) -> TriggerColumns:
        """Say one thing of every tick."""
        count = len(self._bars.last)
        false, zeros = np.zeros(count, np.bool_), np.zeros(count)
        signs = Signs(false, false, false, false, false, np.zeros(count, np.int8))
        kind = np.full(count, NO_KIND, np.int8)
        codes = np.full(count, encode_verdict(code), np.int8)
        return TriggerColumns(codes, false.copy(), kind, false, zeros, zeros, zeros, signs)

    def find(self) -> TriggerColumns:
        """Judge every tick as if it had bars enough."""
        bars, settings, best = self._bars, self._settings, _Best(len(self._bars.last))
        period = bars.count(settings.atr_period)
        long = self._measure_return(bars.count(settings.price_move.long_window))
        signs = read_signs(bars, settings.confirmations)
        ranges = roll_sum(_measure_reach(bars), period) / period
        self._add_price_move(best, long)
        self._add_volume_spike(best, long)
        self._add_breakout(best, bars.at(ranges))
        self._add_reversal(best, signs)
        self._add_momentum(best)
        is_outlier, near_outlier = self._find_outliers()
        is_low, near_low = self._find_low_volatility(ranges)
        has_signal = best.kind != NO_KIND
        unsure = best.near & ~(best.surely & is_low & ~near_low)
        unsure |= has_signal & (near_low | (~is_low & signs.near))
        codes = np.full(len(bars.last), PASS, dtype=np.int8)
        codes[is_low] = encode_verdict(DenialCode.VOLATILITY_TOO_LOW)
        codes[~has_signal] = encode_verdict(DenialCode.TRIGGER_MISSING)
        codes[is_outlier] = encode_verdict(DenialCode.PRICE_OUTLIER)
        unsure = near_outlier | (unsure & ~is_outlier)
        return TriggerColumns(codes, unsure, best.kind, best.move > 0, best.strength, best.confidence, best.move, signs)

    def _at_regime(self, limits: ByRegime) -> Floats:
        values = np.array([limits.chop, limits.bull, limits.bear])
        return values[self._regimes]

    def _measure_return(self, count: int) -> Floats:
        return self._close / self._bars.at(self._bars.close, count) - 1

    def _add_price_move(self, best: _Best, long: Floats) -> None:
        own = self._settings.price_move
        short = self._measure_return(self._bars.count(own.short_window))
        is_short = np.abs(short) * 100 >= self._at_regime(own.short_pct)
        is_long = np.abs(long) * 100 >= self._at_regime(own.long_pct)
        both = is_long & is_short & ((short > 0) == (long > 0))
        move = np.where(is_long, long, short)
        strength = np.where(both, own.strength_both, np.where(is_long, own.strength_long, own.strength_short))
        confidence = np.where(both, own.confidence_both, np.where(is_long, own.confidence_long, own.confidence_short))
        fires = (is_long | is_short) & (move != 0)
        best.add(TriggerKind.PRICE_MOVE, fires, near=False, signal=(strength, confidence, move), is_rounded=False)

    def _add_volume_spike(self, best: _Best, long: Floats) -> None:
        own, bars = self._settings.volume_spike, self._bars
        window = bars.count(own.window)
        # What a tick is not shown is no volume, as long as the history reaches no further than the bars may.
        history = min(bars.count(own.history), bars.before - window)
        count = np.maximum(np.minimum(bars.length - window, history), 1)
        usual = bars.at(roll_sum(bars.volume, history), window) / count * window
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(usual > 0, bars.at(roll_sum(bars.volume, window)) / usual, 0.0)
        limit = self._at_regime(own.ratio)
        moves = (np.abs(long) * 100 >= own.move_min_pct) & (long != 0)
        strength = np.minimum(np.maximum(ratio - 1, 0.0) / own.strength_span, 1.0)
        confidence = np.minimum(ratio / own.confidence_span, 1.0)
        is_full = (ratio > (own.strength_span + 1) * (1 + MARGIN)) & (ratio > own.confidence_span * (1 + MARGIN))
        near = moves & (np.abs(ratio - limit) <= MARGIN * limit) & (ratio > 0)
        fires = moves & (ratio >= limit)
        best.add(TriggerKind.VOLUME_SPIKE, fires, near, (strength, confidence, long), ~(is_full | (ratio == 0)))

    def _add_breakout(self, best: _Best, atr: Floats) -> None:
        own, bars = self._settings.breakout, self._bars
        high = bars.at(roll_max(bars.high, bars.count(own.lookback)), 1)
        distance = self._close - high
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(atr > 0, distance / atr, np.inf)
        is_rounded = (share > own.strength_min * (1 - MARGIN)) & (share < 1 + MARGIN)
        strength = np.maximum(np.minimum(share, 1.0), own.strength_min)
        signal = strength, own.confidence, distance / high
        best.add(TriggerKind.BREAKOUT, distance > 0, near=False, signal=signal, is_rounded=is_rounded)

    def _add_reversal(self, best: _Best, signs: Signs) -> None:
        own, bars = self._settings.reversal, self._bars
        count = bars.count(own.lookback)
        low = bars.at(roll_min(bars.low, count))
        newest = bars.at(roll_min(bars.low, min(bars.count(own.low_age_min), count)))
        bounce = self._close / low - 1
        # The newest lowest low is old enough if none of the bars since then is as low.
        is_bouncing = (newest > low) & (bounce * 100 >= own.bounce_pct_min)
        # Two of the four signs rest on sums.
        least, most = signs.count - 2 * signs.near, signs.count + 2 * signs.near
        near = is_bouncing & (least < own.confirmations_min) & (most >= own.confirmations_min)
        fires = is_bouncing & (signs.count >= own.confirmations_min)
        strength = np.minimum(bounce * 100 / own.strength_span_pct, 1.0)
        best.add(TriggerKind.REVERSAL, fires, near, (strength, own.confidence, bounce), is_rounded=False)

    def _add_momentum(self, best: _Best) -> None:
        own, bars = self._settings.momentum, self._bars
        move, count = self._measure_return(bars.count(own.lookback)), bars.count(own.share_window)
        change = np.diff(bars.close, prepend=bars.close[:1])
        rises, falls = (bars.at(roll_count(each, count)) for each in (change > 0, change < 0))
        share = np.where(move > 0, rises, falls) / count
        strength = np.minimum(np.abs(move) * 100 / own.strength_span_pct, 1.0)
        fires = (np.abs(move) * 100 >= own.move_min_pct) & (move != 0)
        best.add(TriggerKind.MOMENTUM, fires, near=False, signal=(strength, share, move), is_rounded=False)

    def _find_outliers(self) -> tuple[Flags, Flags]:
        """Return where the last close is an outlier, and where it may be one or not."""
        own, bars, count = self._settings, self._bars, self._bars.count(self._settings.outlier_window)
        usual = bars.at(roll_sum(bars.close, count), 1) / count
        away = np.abs(self._close / usual - 1) * 100
        volume = bars.at(bars.volume)
        limit = own.outlier_volume_ratio * (bars.at(roll_sum(bars.volume, count), 1) / count)
        room = MARGIN * (100 + away)
        may_be = (away > own.outlier_move_pct - room) & (volume < limit * (1 + MARGIN))
        must_be = (away > own.outlier_move_pct + room) & (volume < limit * (1 - MARGIN))
        return must_be, may_be & ~must_be

    def _find_low_volatility(self, ranges: Floats) -> tuple[Flags, Flags]:
        """Return where the market is too quiet, and where it may be or not."""
        own, bars = self._settings, self._bars
        last, period = bars.at(ranges), bars.count(own.atr_period)
        windows = [bars.at(ranges, back * period) for back in range(own.atr_windows)]
        limit = np.empty(len(last))
        for low in range(0, len(limit), _CHUNK):
            limit[low : low + _CHUNK] = _find_middle(np.array([each[low : low + _CHUNK] for each in windows]))
        limit *= own.atr_ratio_min
        is_low = (last < limit) | (last <= 0)
        near = (np.abs(last - limit) <= MARGIN * limit) & (last > 0)
        return is_low, near


def _find_middle(rows: Floats) -> Floats:
    # What np.median returns, in half its time.
    high = len(rows) // 2
    low = high - 1 + len(rows) % 2
    parted = np.partition(rows, (low, high), axis=0)
    middle: Floats = (parted[low] + parted[high]) / 2
    return middle


def _measure_reach(bars: TickBars) -> Floats:
    last = np.concatenate((bars.close[:1], bars.close[:-1]))
    reach: Floats = np.maximum(bars.high, last) - np.minimum(bars.low, last)
    return reach
