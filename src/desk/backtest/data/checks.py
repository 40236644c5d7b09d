"""Whether columns hold sound candles, and which row does not."""

from __future__ import annotations

import numpy as np

from desk.backtest.data.columns import Columns
from desk.markets.candle_files import check_start, check_values
from trader.model.market import Candle


def is_sound(columns: Columns) -> bool:
    """Tell whether every row is a candle, on the grid and after the one before; columns without rows are sound."""
    start, low, high, volume = columns.start, columns.low, columns.high, columns.volume
    if not len(start):
        return True
    # Every comparison with what is not a number is false.
    return bool(
        start[0] >= 0
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


def check_columns(place: str, columns: Columns) -> None:
    """Refuse columns that are not sound. Raises: MalformedData naming the place, the first wrong row and its values."""
    if is_sound(columns):
        return
    previous = -1
    arrays = (columns.start, columns.open, columns.high, columns.low, columns.close, columns.volume)
    for number, values in enumerate(zip(*(each.tolist() for each in arrays), strict=True), start=1):
        row, candle = f"{place}, row {number}", Candle(*values)
        check_values(row, candle, repr(values))
        check_start(row, candle.start, previous, columns.granularity.seconds)
        previous = candle.start
