"""Invocations beside one another in a time of their own: each request takes as long as it is told to, and no longer.

Every actor is a thread, and exactly one of them runs: the one whose time has come. So what happens is the same for the
same delays, and hours of waiting take no time.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from trader.model.ids import Instant


class Killed(BaseException):
    """The process of an actor is gone: nothing that it would have done is done."""


@dataclass(slots=True)
class VirtualTime:
    """A clock, and the actors that wait for it. Units: seconds since the epoch."""

    at: float
    _queue: list[tuple[float, int, threading.Semaphore]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _lives: list[Future[None]] = field(default_factory=list)

    def now(self) -> Instant:
        """Return the whole second."""
        return Instant(int(self.at))

    def wait(self, seconds: float) -> None:
        """Let the others go on for so long."""
        mine = threading.Semaphore(0)
        heapq.heappush(self._queue, (self.at + max(seconds, 0), next(self._order), mine))
        self._turn.release()
        mine.acquire()

    def start(self, at: float, act: Callable[[], None]) -> None:
        """Let somebody act from an instant on."""
        mine = threading.Semaphore(0)

        def live() -> None:
            mine.acquire()
            with suppress(Killed):
                act()

        def end(_: Future[None]) -> None:
            self._turn.release()

        heapq.heappush(self._queue, (at, next(self._order), mine))
        # A thread for each: all of them are alive at once, and wait for one another.
        pool = ThreadPoolExecutor(1)
        life = pool.submit(live)
        life.add_done_callback(end)
        self._lives.append(life)
        pool.shutdown(wait=False)

    def run(self, on_turn: Callable[[Instant], None]) -> None:
        """Let everybody act until nobody is left; *on_turn* is told the time before each turn.

        Raises: what an actor raised, once all are done.
        """
        while self._queue:
            self.at, _, mine = heapq.heappop(self._queue)
            on_turn(self.now())
            mine.release()
            self._turn.acquire()
        for life in self._lives:
            life.result()


class SlowPort:
    """A port whose every call takes *seconds*, half of them before it is done; the process dies at call *dies_at*."""

    def __init__(self, inner: Any, time: VirtualTime, seconds: Callable[[], float], life: Life) -> None:
        self._inner, self._time, self._seconds, self._life = inner, time, seconds, life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*given: Any, **named: Any) -> Any:
            half = self._seconds() / 2
            self._life.spend()
            self._time.wait(half)
            try:
                return method(*given, **named)
            finally:
                self._life.spend()
                self._time.wait(half)

        return call


@dataclass(slots=True)
class Life:
    """How many halves of requests a process still lives for; for ever without a number."""

    left: int | None = None

    def spend(self) -> None:
        """Begin another half of a request. Raises: Killed."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed
