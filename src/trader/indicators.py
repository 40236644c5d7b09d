"""Arithmetic on the columns of closed bars: returns, ranges, volatility, and the signs that a fall has turned.

Sums are ``math.fsum``: exactly rounded, so that a decision made under one Python version replays to the last bit under
another (from 3.12 on, ``sum`` rounds floats differently than before).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from math import fsum, log, sqrt
from operator import mul, sub, truediv

from trader.errors import MissingData
from trader.model.decisions import Confirmations
from trader.model.durations import count_in
from trader.model.market import Bars
from trader.settings.policy import ConfirmationSettings

SECONDS_PER_YEAR = 365 * 86400


def simple_return(close: Sequence[float], bars: int) -> float:
    """Change of the last close from the close *bars* before it, signed.

    Shape: needs ``bars + 1`` closes. Units: a fraction.
    Raises: MissingData if there are too few closes.
    """
    _require(len(close), bars + 1)
    return close[-1] / close[-1 - bars] - 1


def highest(values: Sequence[float], count: int, *, skip: int = 0) -> float:
    """Highest of *count* values, the newest *skip* left out. Raises: MissingData if there are too few."""
    return max(_window(values, count, skip))


def lowest(values: Sequence[float], count: int, *, skip: int = 0) -> float:
    """Lowest of *count* values, the newest *skip* left out. Raises: MissingData if there are too few."""
    return min(_window(values, count, skip))


def mean(values: Sequence[float], count: int, *, skip: int = 0) -> float:
    """Mean of *count* values, the newest *skip* left out. Raises: MissingData if there are too few."""
    return fsum(_window(values, count, skip)) / count


def median(values: Sequence[float]) -> float:
    """Middle value; the mean of the two middle ones of an even number. Raises: MissingData if there is none."""
    _require(len(values), 1)
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def true_ranges(bars: Bars, count: int) -> tuple[float, ...]:
    """How far each of the last *count* bars reached, the close before it included.

    Shape: needs ``count + 1`` bars; oldest first. Units: quote asset per base unit.
    Raises: MissingData if there are too few bars.
    Source: Wilder, New Concepts in Technical Trading Systems (1978), ch. 3.
    """
    _require(len(bars), count + 1)
    reach = zip(bars.high[-count:], bars.low[-count:], bars.close[-count - 1 : -1], strict=True)
    # Conditional expressions: four times as fast as max and min, and this runs for every product that fires.
    return tuple(
        [(high if high > last else last) - (low if low < last else last) for high, low, last in reach]  # noqa: FURB136
    )


def average_true_range(bars: Bars, period: int) -> float:
    """Average the true range of the last *period* bars.

    A gap in the bars is not a quiet market: callers must reject gapped bars first.

    Shape: needs ``period + 1`` bars. Units: quote asset per base unit.
    Raises: MissingData if there are too few bars.
    Source: Wilder (1978), ch. 3; simple mean, not Wilder smoothing.
    """
    return fsum(true_ranges(bars, period)) / period


def average_true_ranges(bars: Bars, period: int, windows: int) -> tuple[float, ...]:
    """Average the true range of each of *windows* neighbouring, non-overlapping stretches of *period* bars.

    Shape: needs ``period × windows + 1`` bars; oldest first, the last one is ``average_true_range(bars, period)``.
    Raises: MissingData if there are too few bars.
    """
    ranges = true_ranges(bars, period * windows)
    return tuple(fsum(ranges[start : start + period]) / period for start in range(0, period * windows, period))


def relative_strength_index(close: Sequence[float], period: int) -> float:
    """Share of the rises in all movement of the last *period* changes, 0 to 100; 50 if nothing moved.

    Shape: needs ``period + 1`` closes. Raises: MissingData if there are too few.
    Source: Wilder (1978), ch. 6, with Cutler's simple means instead of Wilder smoothing: no memory beyond the window.
    """
    _require(len(close), period + 1)
    changes = tuple(map(sub, close[-period:], close[-period - 1 : -1]))
    rises = fsum(change for change in changes if change > 0)
    falls = -fsum(change for change in changes if change < 0)
    return 100 * rises / (rises + falls) if rises + falls > 0 else 50.0


def vwap(bars: Bars, count: int) -> float | None:
    """Average price of the last *count* bars, weighted by volume; None if nothing was traded.

    Units: the price of a bar is its typical price, (high + low + close) / 3.
    Raises: MissingData if there are too few bars.
    """
    _require(len(bars), count)
    volume = bars.volume[-count:]
    columns = zip(bars.high[-count:], bars.low[-count:], bars.close[-count:], strict=True)
    typical = map(truediv, map(fsum, columns), repeat(3.0))
    traded = fsum(volume)
    return fsum(map(mul, typical, volume)) / traded if traded > 0 else None


def annualized_volatility(bars: Bars, count: int) -> float:
    """Return the standard deviation of the last *count* log returns, scaled to a year of 365 days.

    Shape: needs ``count + 1`` bars and two returns. Units: a ratio (0.6 is 60 %).
    Raises: MissingData if there are too few bars.
    """
    _require(count, 2)
    _require(len(bars), count + 1)
    return annualize_volatility(bars.close[-count - 1 :], bars.granularity.seconds)


def annualize_volatility(close: Sequence[float], seconds: int) -> float:
    """Return the standard deviation of the log returns of closes so many *seconds* apart, scaled to 365 days.

    Raises: MissingData for fewer than three closes.
    """
    logs = tuple(map(log, close))
    return stdev(tuple(map(sub, logs[1:], logs))) * sqrt(SECONDS_PER_YEAR / seconds)


def stdev(values: Sequence[float]) -> float:
    """Sample standard deviation (divisor n-1). Raises: MissingData for fewer than two values."""
    _require(len(values), 2)
    away = _deviations(values)
    return sqrt(fsum(map(mul, away, away)) / (len(values) - 1))


def z_score(close: Sequence[float], count: int) -> float:
    """How many standard deviations the last close is from the mean of the last *count*, itself included.

    Shape: needs *count* closes, at least two. Units: signed; 0 if nothing moved.
    Raises: MissingData if there are too few closes.
    """
    # Seen from the last close, so that a flat series gives exact zeros whatever its price.
    away = tuple(map(sub, _window(close, count, 0), repeat(close[-1])))
    spread = stdev(away)
    return -fsum(away) / count / spread if spread > 0 else 0.0


def return_profile(close: Sequence[float], count: int) -> tuple[float, ...]:
    """Last *count* simple returns, centred and scaled to length one: what ``correlation`` compares.

    Shape: needs ``count + 1`` closes; all zero if the returns do not vary.
    Raises: MissingData if there are too few closes.
    """
    _require(len(close), count + 1)
    away = _deviations(tuple(map(truediv, close[-count:], close[-count - 1 : -1])))
    length = sqrt(fsum(map(mul, away, away)))
    return tuple(map(truediv, away, repeat(length))) if length > 0 else away


def correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Pearson correlation of two return profiles over the same bars, from -1 to 1; 0 if one of them does not vary."""
    return fsum(map(mul, left, right))


def confirmations(bars: Bars, settings: ConfirmationSettings) -> Confirmations:
    """Say which signs there are that a fall has turned.

    Close above the VWAP; the low of the last ``low_window`` above that of as many bars before; RSI crossing its level
    upwards with the last bar; close far enough above the lowest low of ``bounce_window``.

    Shape: needs ``confirmation_bars`` of them. Raises: MissingData if there are too few.
    """
    close = bars.close
    average = vwap(bars, bars.count(settings.vwap_window))
    window, period = bars.count(settings.low_window), bars.count(settings.rsi_period)
    now = relative_strength_index(close, period)
    bounce = close[-1] / lowest(bars.low, bars.count(settings.bounce_window)) - 1
    return Confirmations(
        above_vwap=average is not None and close[-1] > average,
        higher_low=lowest(bars.low, window) > lowest(bars.low, window, skip=window),
        rsi_crossed_up=now >= settings.rsi_level > relative_strength_index(close[:-1], period),
        bounced=bounce * 100 >= settings.bounce_pct_min,
    )


def confirmation_bars(settings: ConfirmationSettings, bar_seconds: int) -> int:
    """How many bars of so many seconds ``confirmations`` needs."""
    vwap_bars, bounce_bars = count_in(settings.vwap_window, bar_seconds), count_in(settings.bounce_window, bar_seconds)
    low_bars, rsi_bars = count_in(settings.low_window, bar_seconds), count_in(settings.rsi_period, bar_seconds)
    return max(vwap_bars, 2 * low_bars, rsi_bars + 2, bounce_bars)


def _deviations(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(sub, values, repeat(fsum(values) / len(values))))


def _window(values: Sequence[float], count: int, skip: int) -> Sequence[float]:
    _require(len(values), count + skip)
    end = len(values) - skip
    return values[end - count : end]


def _require(found: int, needed: int) -> None:
    if found < needed:
        raise MissingData(f"{found} bars, {needed} needed")
