"""A venue that fails for a while: nothing answers, answers to orders are lost, or orders are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from desk.backtest.schedule import Schedule
from trader.errors import VenueUnavailable
from trader.model.ids import Instant
from trader.model.orders import OrderIntent, Rejected, Submission, Unknown
from trader.ports import Clock
from trader.sim.exchange import SimulatedExchange


class Trouble(StrEnum):
    """What is wrong with the venue."""

    OUTAGE = "outage"
    LOST_ANSWERS = "lost answers"
    REFUSALS = "refusals"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something wrong from an instant on, up to and without another."""

    trouble: Trouble
    begin: Instant
    end: Instant

    def covers(self, at: int) -> bool:
        """Whether it is so at an instant."""
        return self.begin <= at < self.end


class Troubled(Protocol):
    """Anything that is wrong with a run's venue or market at some instants."""

    def covers(self, at: int) -> bool:
        """Whether it is so at an instant."""


def list_doubtful(schedule: Schedule, troubles: Sequence[Troubled]) -> tuple[list[int], frozenset[Instant]]:
    """List the ticks, by number, and the looks that cannot be foreseen: those in trouble, and what follows them.

    What could not be read in trouble is read by whoever looks next; after the first tick without trouble all is known.
    """
    ticks, looks, place, is_doubtful = [], set(), 0, False
    if not troubles:
        return [], frozenset()
    for number, start in enumerate(schedule.starts):
        while place < len(schedule.watches) and schedule.watches[place] < start:
            look = schedule.watches[place]
            is_doubtful = is_doubtful or any(each.covers(look) for each in troubles)
            looks |= {look} if is_doubtful else set()
            place += 1
        is_covered = any(each.covers(start) for each in troubles)
        if is_covered or is_doubtful:
            ticks.append(number)
        is_doubtful = is_covered
    return ticks, frozenset(looks)


class DisturbedExchange:
    """The simulated venue, seen through its troubles. What it does by itself goes on: only answers are missing."""

    def __init__(self, venue: SimulatedExchange, clock: Clock, disturbances: Sequence[Disturbance]) -> None:
        self._venue, self._clock, self._disturbances = venue, clock, tuple(disturbances)

    def __getattr__(self, name: str) -> Any:
        if self._has(Trouble.OUTAGE):
            return self._fail
        return getattr(self._venue, name)

    def submit(self, intent: OrderIntent) -> Submission:
        """Send an order, if the trouble lets it through."""
        if self._has(Trouble.OUTAGE):
            return Unknown("the venue does not answer")
        if self._has(Trouble.REFUSALS):
            return Rejected("UNKNOWN_FAILURE_REASON")
        answer = self._venue.submit(intent)
        return Unknown("the answer was lost") if self._has(Trouble.LOST_ANSWERS) else answer

    def _has(self, trouble: Trouble) -> bool:
        now = self._clock.now()
        return any(each.trouble is trouble and each.covers(now) for each in self._disturbances)

    @staticmethod
    def _fail(*_: object, **__: object) -> Any:
        raise VenueUnavailable("the venue does not answer")
