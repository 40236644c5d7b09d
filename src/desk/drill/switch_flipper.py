"""A kill switch that is flipped at random while somebody reads it, and the record of who saw what when.

All instants are of one monotonic clock of one process, so they can be compared.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from trader.model.orders import OrderPurpose
from trader.model.trading_state import TradingState
from trader.ports import KillSwitch

#: What a flip may write: every word that exists, one that does not, and no parameter at all.
STOPPING: tuple[str | None, ...] = (TradingState.HALT, TradingState.REDUCE_ONLY, TradingState.FLATTEN, "banana", None)

_BACK_TO_RUN = 0.6


@dataclass(frozen=True, slots=True)
class Flip:
    """One change of the parameter: under way from ``begun``, and certainly readable from ``done``."""

    begun: float
    done: float
    word: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of the parameter."""

    begun: float
    done: float


def permits(word: str | None, purpose: OrderPurpose) -> bool:
    """Tell what the design says about a word: entries need RUN, nothing goes with HALT or an unreadable switch."""
    if word is None or word not in list(TradingState):
        return False
    return word == TradingState.RUN if purpose is OrderPurpose.ENTRY else word != TradingState.HALT


def find_readable(flips: Sequence[Flip], begin: float, end: float) -> list[str | None]:
    """Return every word that a reader could have met between two instants; the first flip is the state before."""
    before = [flip for flip in flips if flip.done <= begin]
    during = [flip for flip in flips if flip.done > begin and flip.begun < end]
    return [flip.word for flip in (*before[-1:], *during)]


class WatchedSwitch:
    """A kill switch whose every reading is noted."""

    def __init__(self, inner: KillSwitch) -> None:
        self._inner = inner
        self.looks: list[Look] = []

    def read(self) -> TradingState:
        """Read the switch. Raises: TraderError, as it does."""
        begun = time.monotonic()
        try:
            return self._inner.read()
        finally:
            self.looks.append(Look(begun, time.monotonic()))


class Operator:
    """The hand on the parameter: puts words there, and while a cycle runs, flips it at random moments."""

    def __init__(self, ssm: Any, parameter: str, chance: random.Random, gap_seconds: float) -> None:
        self._ssm = ssm
        self._parameter = parameter
        self._chance = chance
        self._gap = gap_seconds
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._flipping: Future[None] | None = None
        self.flips: list[Flip] = []

    def put(self, word: str | None) -> None:
        """Write a word; None takes the parameter away."""
        begun = time.monotonic()
        if word is None:
            self._ssm.delete_parameter(Name=self._parameter)
        else:
            self._ssm.put_parameter(Name=self._parameter, Value=word, Type="String", Overwrite=True)
        self.flips.append(Flip(begun, time.monotonic(), word))

    def reset(self) -> None:
        """Put RUN there and forget what was."""
        self.put(TradingState.RUN)
        self.flips = self.flips[-1:]

    def begin(self) -> None:
        """Flip from now on, in a thread of its own."""
        if self._flipping is None:
            self._stop.clear()
            self._flipping = self._pool.submit(self._flip)

    def end(self) -> None:
        """Let go of the switch. Raises: what went wrong in the thread that flipped it."""
        self._stop.set()
        flipping, self._flipping = self._flipping, None
        if flipping is not None:
            flipping.result()

    def _flip(self) -> None:
        while not self._stop.wait(self._chance.expovariate(1 / self._gap)):
            runs = self.flips[-1].word == TradingState.RUN
            is_back = not runs and self._chance.random() < _BACK_TO_RUN
            others = [word for word in STOPPING if word != self.flips[-1].word]
            self.put(TradingState.RUN if is_back else self._chance.choice(others))
