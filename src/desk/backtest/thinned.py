"""Recorded prices thinned for a picture: lowest, highest and last price of each of some hundred stretches of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.figures.prices import PriceHistory
from trader.model.ids import Instant

#: A picture is seldom wider than a thousand points; three numbers of each are kept.
STRETCHES_MAX = 480
#: Nobody sees more of a price in a picture.
_DIGITS = 6


def build_thinned_prices(prices: PriceHistory, start: Instant, end: Instant) -> dict[str, Any]:
    """Thin the prices of every product that has a candle in a run, by its name."""
    thinned = {name: reduce_columns(columns, start, end) for name, columns in sorted(prices.columns.items())}
    return {name: each for name, each in thinned.items() if each is not None}


def reduce_columns(columns: Columns, start: Instant, end: Instant) -> Mapping[str, Any] | None:
    """Put the candles that lie wholly between two instants into stretches of one length; None without any.

    Shape: ``low``, ``high`` and ``close`` have a number for each stretch, None where no candle lies in it; the first
    stretch begins at ``start`` and each takes ``step`` seconds. No price leaves the band from low to high.
    Rounding: six significant digits.
    """
    length = columns.granularity.seconds
    low = int(columns.start.searchsorted(start, side="left"))
    high = int(columns.start.searchsorted(end - length, side="right"))
    if low >= high:
        return None
    begin = int(columns.start[low])
    step = -(-(int(columns.start[high - 1]) + length - begin) // (STRETCHES_MAX * length)) * length
    place = (columns.start[low:high] - begin) // step
    first = np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))
    last = np.concatenate((first[1:], [high - low])) - 1
    found = {
        "low": np.minimum.reduceat(columns.low[low:high], first),
        "high": np.maximum.reduceat(columns.high[low:high], first),
        "close": columns.close[low:high][last],
    }
    laid: dict[str, Any] = {"start": begin, "step": step}
    for name, values in found.items():
        line: list[float | None] = [None] * (int(place[-1]) + 1)
        for where, value in zip(place[first].tolist(), values.tolist(), strict=True):
            line[where] = float(format(value, f".{_DIGITS}g"))
        laid[name] = line
    return laid
