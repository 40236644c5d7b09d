"""Time as the venue tells it: whole seconds decide, microseconds order what happens within them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NewType

from trader.adapters.local.clock import SystemClock
from trader.model.ids import Instant
from trader.ports import Clock

#: Microseconds since the UNIX epoch, UTC.
Micros = NewType("Micros", int)

#: Later than anything that ever happens.
END_OF_TIME = Micros(2**62)

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class VenueTime:
    """A clock in microseconds on top of a clock in seconds.

    On a clock that stands still, moments still follow one another: each gets the next microsecond of its second, so
    lists have an order and answers carry fractions, as the real venue's do.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.is_virtual = not isinstance(clock, SystemClock)
        self._counter = count(1)

    def now(self) -> Instant:
        """Return the current whole second."""
        return self.clock.now()

    def moment(self) -> Micros:
        """Name the moment of something that happens now."""
        if self.is_virtual:
            return self.within(self.now())
        return Micros(time.time_ns() // 1000)

    def within(self, second: Instant) -> Micros:
        """Name the moment of something that happened in a second, after everything that was named before."""
        return Micros(second * _SECOND + next(self._counter) % _SECOND)

    def seen_until(self, lag_seconds: float) -> Micros:
        """Return up to when things are visible to a reader who lags behind; without a lag, everything is."""
        if lag_seconds <= 0:
            return END_OF_TIME
        # A second of a clock that stands still is over as soon as the next one is set.
        latest = self.now() * _SECOND + _SECOND - 1 if self.is_virtual else time.time_ns() // 1000
        return Micros(latest - round(lag_seconds * _SECOND))

    def has_come(self, moment: Micros) -> bool:
        """Tell whether a moment is now or earlier; of a virtual clock the whole present second counts as now."""
        return moment // _SECOND <= self.now() if self.is_virtual else moment <= time.time_ns() // 1000


def to_micros(second: int, fraction: float = 0.0) -> Micros:
    """Return the moment a second begins, or a fraction of a second later."""
    return Micros(second * _SECOND + round(fraction * _SECOND))


def to_second(moment: Micros) -> Instant:
    """Return the whole second a moment lies in."""
    return Instant(moment // _SECOND)


def add_seconds(moment: Micros, seconds: float) -> Micros:
    """Return the moment that many seconds later."""
    return Micros(moment + round(seconds * _SECOND))


def to_text(moment: Micros) -> str:
    """Write a moment as the venue does: RFC 3339 with six decimals."""
    return (_EPOCH + timedelta(microseconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_moment(text: str) -> Micros:
    """Read RFC 3339, with or without a fraction. Raises: ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return Micros((at - _EPOCH) // timedelta(microseconds=1))
