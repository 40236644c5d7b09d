"""Look-backs as they are written, such as 60m, 24h and 30d, and how many closed bars each of them is."""

from __future__ import annotations

from functools import cache
from typing import NewType

from trader.errors import DataError

#: A whole number and one of m, h and d. It stays a text, so that it is shown as it was written.
Duration = NewType("Duration", str)

_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


@cache
def read_seconds(duration: Duration) -> int:
    """Return how long a look-back is. Units: seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


@cache
def count_in(duration: Duration, bar_seconds: int) -> int:
    """Return how many bars of so many seconds a look-back is.

    Raises: DataError if that is no whole number; a configuration in which it is none is not used.
    """
    count, rest = divmod(read_seconds(duration), bar_seconds)
    if rest or not count:
        raise DataError(f"{duration} is no whole number of bars of {bar_seconds} s")
    return count


def write_duration(seconds: int) -> Duration:
    """Write a look-back of so many seconds, a multiple of 60, with the largest unit that fits."""
    unit = next((unit for unit in "dh" if seconds % _SECONDS[unit] == 0), "m")
    return Duration(f"{seconds // _SECONDS[unit]}{unit}")
