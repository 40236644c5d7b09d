"""What we allow ourselves: requests a second, seconds of waiting, and where time comes from."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trader.errors import VenueError, VenueThrottled, VenueUnavailable

_CHANCE = secrets.SystemRandom()


class RateLimitGroup(StrEnum):
    """Which budget a request is paid from."""

    PUBLIC = "public"
    PRIVATE = "private"
    FILLS = "fills"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests a second, and how many may be under way at once."""

    public_per_second: float = 8
    private_per_second: float = 15
    fills_per_second: float = 5
    parallel: int = 8


@dataclass(frozen=True, slots=True)
class TimeoutPolicy:
    """How long we wait, and how often we ask again. Units: seconds.

    ``answer_seconds`` bounds the silence of an attempt, ``read_seconds`` one read with all its attempts, and
    ``bulk_seconds`` a whole batch of parallel ones; ``submit_seconds`` all it takes to send one order and know it.
    """

    connect_seconds: float = 3
    answer_seconds: float = 10
    read_seconds: float = 30
    bulk_seconds: float = 120
    submit_seconds: float = 40
    attempts: int = 4
    backoff_seconds: float = 0.5
    backoff_seconds_max: float = 8
    auth_seconds: float = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time comes from. A test brings its own."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = _CHANCE.uniform


def make_rate_limiters(limits: RateLimits, timing: Timing) -> Mapping[RateLimitGroup, tuple[RateLimiter, ...]]:
    """Make the limiters that a request of each group waits for."""

    def limiter(rate: float) -> RateLimiter:
        return RateLimiter(rate, monotonic=timing.monotonic, sleep=timing.sleep)

    private = limiter(limits.private_per_second)
    return {
        RateLimitGroup.PUBLIC: (limiter(limits.public_per_second),),
        RateLimitGroup.PRIVATE: (private,),
        # Fills have a limit of their own and count among the private ones as well.
        RateLimitGroup.FILLS: (limiter(limits.fills_per_second), private),
    }


class BatchBreaker:
    """What the parallel reads of one batch know of one another.

    If the first of them all fail for want of an answer, the venue is down and the rest need not ask.
    """

    def __init__(self, until: float, failures_max: int) -> None:
        self.until = until
        self.has_success = False
        self._failures_left = failures_max
        self._lock = threading.Lock()

    def record_failure(self, error: VenueError) -> None:
        """Count a read that got no answer or was throttled; any other error says nothing of the next read."""
        if isinstance(error, VenueUnavailable | VenueThrottled):
            with self._lock:
                self._failures_left -= 1

    def is_tripped(self, now: float) -> bool:
        """Tell whether reads of this batch that have not begun should not."""
        return now > self.until or (not self.has_success and self._failures_left <= 0)


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

    def wait_turn(self, until: float = math.inf) -> float | None:
        """Wait for a turn; return the monotonic instant at which it came, or None at once if that is after *until*."""
        with self._lock:
            now = self._monotonic()
            turn = max(now, self._next - self._lead)
            if turn > until:
                return None
            self._next = max(now, self._next) + self._interval
        if turn > now:
            self._sleep(turn - now)
        return turn

    def pause(self, seconds: float) -> None:
        """Give nobody a turn for a while; turns already given are not taken back."""
        with self._lock:
            self._next = max(self._next, self._monotonic() + seconds + self._lead)


class ServerClock:
    """Our clock, corrected. Until it has been compared the difference counts as none."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.skew_seconds = 0.0

    def now(self) -> float:
        """Return the venue's time, in seconds since the epoch."""
        return self._wall() + self.skew_seconds

    def compare(self, server_seconds: Decimal, asked_at: float, answered_at: float) -> float:
        """Learn by how much the venue is ahead of us, from its time and ours around the question."""
        self.skew_seconds = float(server_seconds) - (asked_at + answered_at) / 2
        return self.skew_seconds
