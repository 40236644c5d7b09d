"""What is tried by the clock, and what comes of a try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from random import Random

from desk.counting import write_count

ANSWERS, TRIES, TRIES_MANY, MANY_LOTS = (0.05, 1.0), 50, 4, 3
_SEED = 1


class Way(StrEnum):
    """How the flatten is said."""

    SWITCH = "switch"
    BUS = "bus"


@dataclass(frozen=True, slots=True)
class Try:
    """One flatten: how it is said, how late the venue answers, how many lots are held, whether a tick runs meanwhile.

    Units: ``delay`` in seconds.
    """

    way: Way
    delay: float
    lots: int
    runs: bool
    seed: int

    def __str__(self) -> str:
        lots = write_count(self.lots, "lot")
        return f"{self.way}, answers after {self.delay:g} s, {lots}, {'a tick runs' if self.runs else 'nothing runs'}"


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a flatten, once all that ran has ended.

    ``seconds`` are from the word to the last sale, by the venue's log; None if nothing was sold after it. ``left`` are
    coins of ours at the venue, ``missing`` coins of the owner, ``booked`` lots in the books, ``working`` orders.
    ``came_again``: the function had failed, and was given the event a second time.
    """

    attempt: Try
    seconds: float | None
    left: int
    missing: int
    booked: int
    working: int
    said: str = ""
    came_again: bool = False

    @property
    def is_flat(self) -> bool:
        """Whether something was sold, and nothing is left, neither at the venue nor in the books."""
        return self.seconds is not None and not (self.left or self.booked or self.working)

    def __str__(self) -> str:
        took = "nothing sold" if self.seconds is None else f"{self.seconds:.2f} s"
        counts = f"left={self.left} missing={self.missing} booked={self.booked} working={self.working}"
        return f"{self.attempt}: {took}, {counts}, {self.said}"


#: By `sam local invoke` one thing at a time is seen once: the switch, the bus, and a tick that runs.
SAM_TRIES = (
    Try(Way.SWITCH, 0.05, 1, runs=False, seed=1),
    Try(Way.BUS, 1.0, 1, runs=False, seed=2),
    Try(Way.BUS, 0.05, 1, runs=True, seed=3),
)


def plan_tries(count: int, many: int, answers: Sequence[float], seed: int = _SEED) -> list[Try]:
    """Plan so many tries of each way and answer with one lot, and so many with several; a tick runs in each second."""
    tries: list[Try] = []
    for lots, (way, delay) in product((1, MANY_LOTS), product(Way, answers)):
        for _ in range(count if lots == 1 else many):
            tries.append(Try(way, delay, lots, runs=len(tries) % 2 == 1, seed=seed * 100_000 + len(tries)))
    Random(seed).shuffle(tries)  # noqa: S311 - repeatable on purpose
    return tries
