"""How often we may ask: one bucket per kind of request, and a pause when the venue says slow down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Requests that left evenly spaced arrive less so: the rest is for the way there, so that no second at the venue
# holds more than the rate.
_HEADROOM = 0.92


class RateLimiter:
    """Hand out turns at no more than *rate* a second; *burst* of them may go at once after a quiet time.

    A turn is reserved under a lock and slept for outside of it, so any number of threads may ask.
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: int = 1,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"rate {rate} must be above 0 and burst {burst} at least 1")
        self._interval = 1 / (rate * _HEADROOM)
        self._lead = (burst - 1) * self._interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = -float("inf")

    def wait_turn(self) -> None:
        """Wait for a turn."""
        with self._lock:
            now = self._monotonic()
            turn = max(now, self._next - self._lead)
            self._next = max(now, self._next) + self._interval
        if turn > now:
            self._sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Give nobody a turn for a while; turns already given are not taken back."""
        with self._lock:
            self._next = max(self._next, self._monotonic() + seconds + self._lead)
