"""Series of bars that make exactly one thing happen under the shipped settings, each close to where it would not.

A shape is drawn in legs: so many bars, walking in equal steps to a price. A small zigzag keeps every market alive;
the last ``loud`` bars reach further, because a market that is not livelier than it was is too quiet to trade.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from factories_market import some_bars
from trader.model.market import Bars, Granularity

Stretch = tuple[int, float]

_REACH = 0.05
_ZIGZAG = 0.02


def drawn(
    *stretches: Stretch, start: float = 100.0, loud: int = 14, volume: Sequence[float] = (), wick: Stretch = (0, 0.0)
) -> Bars:
    """Bars along the legs. *wick* is how many bars ago one bar reached up to a price, and that price."""
    closes = [start]
    for count, end in stretches:
        step = (end - closes[-1]) / count
        closes += [closes[-1] + step * place for place in range(1, count + 1)]
    closes = [close + (_ZIGZAG if place % 2 else -_ZIGZAG) for place, close in enumerate(closes[1:])]
    bars = some_bars(closes, volume=volume or 100.0, reach=_REACH)
    high, low = list(bars.high), list(bars.low)
    for place in range(-loud, 0):
        high[place] += _REACH
        low[place] -= _REACH
    if wick[0]:
        high[-wick[0]] = wick[1]
    return replace(bars, high=tuple(high), low=tuple(low))


@cache
def quiet() -> Bars:
    """Nothing happens."""
    return drawn((300, 100.0))


@cache
def jump() -> Bars:
    """Up 3 % in 10 bars, under an old high: price_move over both windows."""
    return drawn((200, 96.5), (90, 96.2), (10, 99.2), wick=(280, 103.0))


@cache
def hours(end: float = 100.0, zigzag: float = 0.1, count: int = 168) -> Bars:
    """The benchmark's hours: a straight way from 100 to *end*, each hour *zigzag* off it, up and down in turn."""
    closes = [100 + (end - 100) * place / (count - 1) + zigzag * (-1) ** place for place in range(count)]
    return some_bars(closes, granularity=Granularity.ONE_HOUR)


@cache
def fallen() -> Bars:
    """Two weeks of the benchmark: it lost 11 % in the first, 6 % in the first days of the second, then nothing."""
    stretches = ((168, 112.0, 100.0), (60, 100.0, 94.0), (108, 94.0, 94.0))
    closes = [first + (last - first) * place / count for count, first, last in stretches for place in range(count)]
    return some_bars(closes, granularity=Granularity.ONE_HOUR)


def calm() -> Bars:
    """A benchmark that goes nowhere."""
    return hours()


@cache
def burst() -> Bars:
    """Up 3 % in 5 bars, under an old high: price_move over both windows."""
    return drawn((200, 96.5), (95, 96.2), (5, 99.2), wick=(280, 103.0))


@cache
def sprint(end: float = 97.9) -> Bars:
    """Up 1.8 % in the last 3 bars, or to *end* from 96.2: price_move over the short window."""
    return drawn((200, 96.5), (97, 96.2), (3, end), wick=(280, 103.0))


@cache
def march(end: float = 103.8) -> Bars:
    """Up 7.9 % in 12 bars, or to *end* from 96.2: price_move over the long window, in a bull's or a bear's eyes."""
    return drawn((200, 96.5), (88, 96.2), (12, end), wick=(280, 110.0))


@cache
def many(ratio: float = 3.0, before: float = 100.0) -> Bars:
    """Up 1 % in the last hour on three times the volume: volume_spike. *before* is the volume of the hours before."""
    volume = (*[100.0] * 240, *[before] * 48, *[100.0 * ratio] * 12)
    return drawn((200, 98.5), (88, 98.2), (12, 99.2), wick=(280, 103.0), volume=volume)


@cache
def breach(old_high: float = 100.2) -> Bars:
    """Barely above the high of the last 240 bars: breakout, unless it was higher 250 bars ago."""
    return drawn((200, 99.5), (95, 99.6), (5, 100.27), wick=(250, old_high), start=99.4)


@cache
def turn() -> Bars:
    """Down 8 % and back up, slowly: reversal, with three of the four signs."""
    return drawn((120, 96.0), (60, 92.0), (20, 92.2), (100, 99.6), start=100.0, wick=(270, 104.0))


@cache
def climb() -> Bars:
    """Up 4.8 % in a day to below a high, the last hour upwards: momentum."""
    return drawn((250, 105.0), (38, 104.4), (12, 105.2), start=100.0, wick=(60, 107.0))


@cache
def snap() -> Bars:
    """Up 3 % in the last bar, after a dip and a drift down: price_move over both windows, with all four signs."""
    return drawn((270, 97.0), (8, 96.0), (6, 97.0), (15, 96.6), (1, 99.6), wick=(280, 103.0))


@cache
def flush() -> Bars:
    """Down 3 % in an hour, with the crash and the first step up behind it: price_move down with three signs."""
    return drawn((286, 100.0), (1, 90.0), (1, 100.0), (1, 95.0), (11, 97.0), wick=(270, 104.0))


@cache
def slide() -> Bars:
    """Down 4 % in a day, and the last hour turned: momentum down with three signs."""
    return drawn((270, 95.0), (18, 94.9), (12, 95.6), wick=(290, 104.0))


@cache
def gapped(filled: int) -> Bars:
    """A burst in a market where so many bars had no trade."""
    return replace(burst(), filled=filled)


@cache
def outlier() -> Bars:
    """Up 12 % in the last bars, the last of them with hardly any volume."""
    volume = (*[100.0] * 299, 5.0)
    return drawn((200, 96.5), (94, 96.2), (5, 104.0), (1, 108.0), wick=(280, 130.0), volume=volume)


@cache
def rested() -> Bars:
    """Up 3 % in an hour, but for the last five bars of it."""
    return drawn((200, 96.5), (88, 96.2), (7, 99.2), (5, 99.2), wick=(280, 103.0), loud=0)


@cache
def lively() -> Bars:
    """Up 3 % in the last hour; the hour before it was as lively."""
    return drawn((200, 96.5), (73, 96.2), (7, 98.0), (8, 96.2), (12, 99.2), wick=(280, 103.0), loud=0)


@cache
def turn_from_above() -> Bars:
    """Down 16 % and a third of it back, most of it traded before the fall: reversal, with three of the four signs."""
    volume = (*[5000.0] * 60, *[100.0] * 240)
    return drawn((120, 88.0), (60, 84.0), (20, 84.2), (100, 90.0), start=100.0, wick=(270, 104.0), volume=volume)


@cache
def turn_at_once() -> Bars:
    """Down 8 % and back up, the last bar turning a drift down: reversal, with all four signs."""
    return drawn(
        (120, 96.0), (60, 92.0), (20, 92.2), (71, 99.0), (6, 98.0), (6, 99.0), (16, 98.7), (1, 99.5), wick=(270, 104.0)
    )


@cache
def sag(bars: int = 8) -> Bars:
    """Down 1 % in so many bars, far below the band of the last closes: the fewer, the further."""
    return drawn((300 - bars, 100.0), (bars, 99.0))


@cache
def mended() -> Bars:
    """Half recovered from a sag, not yet back at its mean."""
    return drawn((270, 100.0), (20, 99.0), (10, 99.35))


#: One series for each row of the shipped rules, in their order, that this row answers.
OF_RULES = (burst, flush, many, breach, turn, climb, slide)
