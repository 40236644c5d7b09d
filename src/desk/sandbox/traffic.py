"""Who asked what and how fast: a log of requests, a rate counter per class, and the limits.

It goes by the machine's own clock, whatever clock the venue is on: a client's budget is a matter of real seconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from desk.sandbox.options import RateLimit

_KEPT = 20_000
_WINDOW = 1.0

CLASSES = ("public", "private", "fills")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and how it was answered. Neither headers nor bodies: no token ends up here."""

    at: float
    method: str
    path: str
    query: str
    kind: str
    status: int
    fault: str


def classify(path: str) -> str:
    """Tell which budget a request counts against."""
    if path.endswith("/orders/historical/fills"):
        return "fills"
    return "public" if "/market/" in path or path.endswith("/time") or path.startswith("/v2/currencies") else "private"


class Traffic:
    """Counts and limits. Units: requests per second over any whole second, however it lies."""

    def __init__(self, limits: Mapping[str, RateLimit]) -> None:
        self._lock = threading.Lock()
        self._log: deque[Seen] = deque(maxlen=_KEPT)
        self._recent: dict[str, deque[float]] = {name: deque() for name in CLASSES}
        self._highest: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._buckets: dict[str, tuple[float, float]] = {}
        self._limits = dict(limits)

    def limit(self, limits: Mapping[str, RateLimit]) -> None:
        """Replace the limits."""
        with self._lock:
            self._limits = dict(limits)
            self._buckets.clear()

    def count(self, kind: str) -> bool:
        """Count a request of a class; False if it is one too many."""
        now = time.monotonic()
        with self._lock:
            recent = self._recent[kind]
            recent.append(now)
            while recent[0] <= now - _WINDOW:
                recent.popleft()
            self._highest[kind] = max(self._highest[kind], len(recent))
            self._total[kind] += 1
            limit = self._limits.get(kind)
            if limit is None:
                return True
            tokens, last = self._buckets.get(kind, (limit.burst, now))
            tokens = min(limit.burst, tokens + (now - last) * limit.per_second)
            is_granted = tokens >= 1
            self._buckets[kind] = (tokens - 1 if is_granted else tokens, now)
            return is_granted

    def headers(self, kind: str) -> tuple[tuple[str, str], ...]:
        """Return what an answer says about the limit of its class; public answers say nothing."""
        with self._lock:
            limit = self._limits.get(kind)
            if limit is None or kind == "public":
                return ()
            left = int(self._buckets.get(kind, (limit.burst, 0.0))[0])
        return (
            ("x-ratelimit-limit", str(int(limit.burst))),
            ("x-ratelimit-remaining", str(left)),
            ("x-ratelimit-reset", "1"),
        )

    def note(self, seen: Seen) -> None:
        """Write a request down."""
        with self._lock:
            self._log.append(seen)

    def log(self) -> tuple[Seen, ...]:
        """Return the requests, oldest first."""
        with self._lock:
            return tuple(self._log)

    def highest(self) -> dict[str, int]:
        """Return the most requests of each class that came within one second."""
        with self._lock:
            return {name: self._highest[name] for name in CLASSES}

    def totals(self) -> dict[str, int]:
        """Return how many requests of each class came."""
        with self._lock:
            return {name: self._total[name] for name in CLASSES}

    def reset(self) -> None:
        """Forget everything but the limits."""
        with self._lock:
            self._log.clear()
            self._highest.clear()
            self._total.clear()
            self._buckets.clear()
            for recent in self._recent.values():
                recent.clear()
