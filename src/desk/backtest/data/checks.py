"""Whether columns hold sound candles, and which row does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from desk.backtest.data.columns import Columns
from desk.markets.candle_rows import LATEST_SECONDS, check_start, check_values
from trader.errors import MalformedData
from trader.model.ids import Instant
from trader.model.market import Candle


def is_sound(columns: Columns, now: Instant | None = None) -> bool:
    """Tell whether every row is a candle, on the grid and after the one before; columns without rows are sound.

    With *now* none may still be open then.
    """
    start, low, high, volume = columns.start, columns.low, columns.high, columns.volume
    if not len(start):
        return True
    # Every comparison with what is not a number is false.
    return bool(
        start[0] >= 0
        and start[-1] < LATEST_SECONDS
        and (now is None or start[-1] + columns.granularity.seconds <= now)
        and (start[1:] > start[:-1]).all()
        and not (start % columns.granularity.seconds).any()
        and (low > 0).all()
        and (low <= columns.open).all()
        and (columns.open <= high).all()
        and (low <= columns.close).all()
        and (columns.close <= high).all()
        and (high < np.inf).all()
        and (volume >= 0).all()
        and (volume < np.inf).all()
    )


def check_columns(place: str, columns: Columns, now: Instant | None = None) -> None:
    """Refuse columns that are not sound.

    Raises: MalformedData naming the place, the first wrong row and its values, or that there is none.
    """
    for fault in find_column_faults(place, columns, now):
        raise MalformedData(fault)


def find_column_faults(place: str, columns: Columns, now: Instant | None = None) -> Iterator[str]:
    """Name each row that is not sound, with its values."""
    if not len(columns):
        yield f"{place}: no candles"
    if is_sound(columns, now):
        return
    previous = -1
    arrays = (columns.start, columns.open, columns.high, columns.low, columns.close, columns.volume)
    for number, values in enumerate(zip(*(each.tolist() for each in arrays), strict=True), start=1):
        row, candle = f"{place}, row {number}", Candle(*values)
        try:
            check_values(row, candle, repr(values))
            start, previous = previous, candle.start
            check_start(row, candle.start, start, columns.granularity.seconds, now)
        except MalformedData as error:
            yield str(error)
