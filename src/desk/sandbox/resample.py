"""Candles finer than those there are, and the part of a running bar that has happened so far.

A bar is taken to have gone from its open to the extreme on the far side, to the other extreme, to its close. Its
pieces put together again are the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trader.model.ids import Instant
from trader.model.market import Candle

_SIGNIFICANT = 12


def split(bar: Candle, seconds: int, step: int) -> list[Candle]:
    """Cut a bar of *seconds* into bars of *step* seconds."""
    count = seconds // step
    if count <= 1:
        return [bar]
    path = _path(bar, count)
    volume = float(format(bar.volume / count, f".{_SIGNIFICANT}g"))
    made = []
    for index in range(count):
        opened, close = path[index], path[index + 1]
        high, low = max(opened, close), min(opened, close)
        made.append(Candle(bar.start + index * step, opened, high, low, close, volume))
    return made


def partial(bar: Candle, seconds: int, now: Instant) -> Candle | None:
    """Return what was seen of a bar at an instant within it; None before it began."""
    if now < bar.start:
        return None
    if now >= bar.start + seconds:
        return bar
    minute = min(60, seconds)
    seen = []
    for piece in split(bar, seconds, minute):
        if piece.start + minute <= now:
            seen.append(piece)
        elif piece.start <= now:
            share = (now - piece.start + 1) / (minute + 1)
            volume = float(format(piece.volume * share, f".{_SIGNIFICANT}g"))
            seen.append(Candle(piece.start, piece.open, piece.open, piece.open, piece.open, volume))
    return merge(seen, bar.start)


def merge(rows: Sequence[Candle], start: int) -> Candle:
    """Put candles that follow one another into one that starts at *start*."""
    return Candle(
        start,
        rows[0].open,
        max(row.high for row in rows),
        min(row.low for row in rows),
        rows[-1].close,
        float(format(sum(row.volume for row in rows), f".{_SIGNIFICANT}g")),
    )


def _path(bar: Candle, count: int) -> list[float]:
    far, near = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    first = max(count // 3, 1)
    second = max(2 * count // 3, first + 1) if count > 2 else first
    stops = [(0, bar.open), (first, far), (second, near), (count, bar.close)]
    path = [bar.open]
    for (begin, here), (end, there) in pairwise(stops):
        path += [_between(here, there, (index - begin) / (end - begin)) for index in range(begin + 1, end + 1)]
    return path


def _between(here: float, there: float, share: float) -> float:
    if share >= 1:
        return there
    digits = max(len(repr(value).partition(".")[2]) for value in (here, there))
    return round(here + (there - here) * share, digits)
