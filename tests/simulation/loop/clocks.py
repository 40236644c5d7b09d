"""The clocks of a loop under test: one that a simulated venue keeps and the loop moves, and one that runs fast."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import requests

from desk.loop.pace import Pace
from trader.adapters.coinbase.limits import Timing
from trader.model.ids import Instant

_LOOK_SECONDS = 20.0


class VenueClock:
    """The virtual clock of a venue in another process, through its control path. Nobody else moves it.

    Time stands still but for what is waited; at *until* the process asks itself to end.
    """

    def __init__(self, url: str, until: Instant) -> None:
        self._url, self._until = f"{url}/__sandbox/clock", until
        self._session = requests.Session()
        self._session.trust_env = False
        self._now = self._read(self._session.get(self._url, timeout=10))
        self._slept = 0.0

    def now(self) -> Instant:
        """Return the venue's instant."""
        return self._now

    def seconds(self) -> float:
        """Return the venue's instant, for adapters."""
        return float(self._now)

    def wait(self, seconds: float) -> None:
        """Put the venue's clock forward."""
        self._now = self._read(self._session.post(self._url, json={"advance": max(round(seconds), 1)}, timeout=10))
        if self._now >= self._until:
            os.kill(os.getpid(), signal.SIGTERM)

    def _read(self, answer: requests.Response) -> Instant:
        answer.raise_for_status()
        return Instant(int(answer.json()["now"]))

    def pace(self) -> Pace:
        """What a loop in this time is given: its adapters believe that they have waited, and nobody else does."""
        return Pace(self, Timing(self.seconds, self._monotonic, self._sleep), _LOOK_SECONDS)

    def _monotonic(self) -> float:
        return time.monotonic() + self._slept

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds


@dataclass(frozen=True)
class FastClock:
    """A clock that runs *factor* times as fast as the machine's, and was at *origin* when that was at *began*."""

    origin: Instant
    began: float
    factor: float

    def now(self) -> Instant:
        """Return the whole second."""
        return Instant(int(self.seconds()))

    def seconds(self) -> float:
        """Return the instant with its fraction."""
        return self.origin + (time.time() - self.began) * self.factor

    def wait(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""
        time.sleep(max(seconds, 0) / self.factor)

    def pace(self) -> Pace:
        """What a loop in this time is given: whatever waits, waits in it."""
        return Pace(self, Timing(self.seconds, lambda: time.monotonic() * self.factor, self.wait))
