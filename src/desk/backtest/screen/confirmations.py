"""``trader.indicators.confirmations`` in columns: the signs at every tick that a fall has turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.columns import Floats
from desk.backtest.grid import MARGIN, Flags
from desk.backtest.windows import TickBars, roll_min, roll_sum
from trader.settings.policy import ConfirmationSettings


@dataclass(frozen=True)
class Signs:
    """The four confirmations at every tick; ``near`` is where one may be either."""

    above_vwap: Flags
    higher_low: Flags
    rsi_crossed_up: Flags
    bounced: Flags
    near: Flags
    count: NDArray[np.int8]


def read_signs(bars: TickBars, settings: ConfirmationSettings) -> Signs:
    """Say which signs there are at every tick that a fall has turned."""
    close = bars.at(bars.close)
    typical = (bars.high + bars.low + bars.close) / 3.0
    count, window = bars.count(settings.vwap_window), bars.count(settings.low_window)
    traded = bars.at(roll_sum(bars.volume, count))
    with np.errstate(divide="ignore", invalid="ignore"):
        average = bars.at(roll_sum(typical * bars.volume, count)) / traded
        above_vwap = (traded > 0) & (close > average)
        near = (traded > 0) & (np.abs(close - average) <= MARGIN * close)
    lows = roll_min(bars.low, window)
    higher_low = bars.at(lows) > bars.at(lows, window)
    strength, near_level = _measure_rsi(bars.close, bars.count(settings.rsi_period), settings.rsi_level)
    rsi_crossed_up = (bars.at(strength) >= settings.rsi_level) & (bars.at(strength, 1) < settings.rsi_level)
    near |= bars.at(near_level) | bars.at(near_level, 1)
    bounce = close / bars.at(roll_min(bars.low, bars.count(settings.bounce_window))) - 1
    bounced = bounce * 100 >= settings.bounce_pct_min
    signs: NDArray[np.int8] = np.array(above_vwap, dtype=np.int8) + higher_low + rsi_crossed_up + bounced
    return Signs(above_vwap, higher_low, rsi_crossed_up, bounced, near, signs)


def _measure_rsi(close: Floats, period: int, level: float) -> tuple[Floats, Flags]:
    """Return the relative strength index at every bar, and where it comes near its level."""
    change = np.diff(close, prepend=close[:1])
    rises = roll_sum(np.maximum(change, 0.0), period)
    total = rises + roll_sum(np.maximum(-change, 0.0), period)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(total > 0, 100 * rises / total, 50.0)
    return index, (total > 0) & (np.abs(index - level) <= MARGIN * 100)
