"""Clocks: the machine's, one that stands still, and one that is set by hand."""

from __future__ import annotations

import time
from dataclasses import dataclass

from trader.model.ids import Instant


class SystemClock:
    """The machine's clock, in whole seconds."""

    def now(self) -> Instant:
        return Instant(int(time.time()))

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still."""

    at: Instant

    def now(self) -> Instant:
        return self.at

    def wait(self, seconds: float) -> None:
        """Return at once: nothing happens while this clock waits."""


@dataclass(slots=True)
class ManualClock:
    """A clock that moves when told to."""

    at: Instant

    def now(self) -> Instant:
        return self.at

    def wait(self, seconds: float) -> None:
        """Return at once: nothing happens while this clock waits."""

    def set(self, at: Instant) -> None:
        """Jump to an instant."""
        self.at = at

    def advance(self, seconds: int) -> Instant:
        """Let time pass and return the new instant."""
        self.at = Instant(self.at + seconds)
        return self.at
