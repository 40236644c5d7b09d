"""The venue's time, told by our clock and the difference measured once."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal


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
