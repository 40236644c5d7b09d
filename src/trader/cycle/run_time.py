"""How the seconds of one run are spent: on what must go first, on entries what is left.

A run ends at its deadline, whatever happens. The last seconds are for the record and the books. Before them a whole
turn is set aside for every lot that must go, as long as the slowest answer seen in this run makes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trader.model.ids import Instant
from trader.ports import Clock, TimeBudget

#: A lease outlives its run by this much: then its holder is certainly dead.
LEASE_MARGIN_SECONDS = 5

#: What closing the books takes: one urgent audit write, and the commit.
_CLOSE_SECONDS = 8
#: Answers that one turn waits for: flags, cancel, report beside fills, sale, read-back, protection again.
_TURN_ANSWERS = 6
#: An order without a turn around it: it is sent and read back.
_ORDER_ANSWERS = 2
#: What is read to settle: balances beside orders, then fills.
_SETTLE_ANSWERS = 2
#: An answer counts as at least so long, and no longer than the venue's adapter waits for one.
_ANSWER_SECONDS = (1.0, 10.0)


@dataclass(frozen=True, slots=True)
class RunTime:
    """The time of one run, from its clock, its deadline and the slowest answer so far. Units: seconds."""

    clock: Clock
    budget: TimeBudget
    deadline: Instant

    @property
    def closes_at(self) -> Instant:
        """From when on the venue is left alone and the books are closed."""
        return Instant(self.deadline - _CLOSE_SECONDS)

    def turn_seconds(self) -> int:
        """How long it takes to sell a lot, the cancellation of its protection included."""
        return self._answers(_TURN_ANSWERS)

    def order_seconds(self) -> int:
        """How long it takes to send an order and see what became of it."""
        return self._answers(_ORDER_ANSWERS)

    def has_time(self, seconds: int) -> bool:
        """Tell whether that much time is left before the books are closed."""
        return self.clock.now() + seconds <= self.closes_at

    def entries_until(self, turns: int) -> Instant:
        """Return until when may be read and sent what concerns entries, with so many turns still to come."""
        return Instant(self.closes_at - self._answers(_SETTLE_ANSWERS) - turns * self.turn_seconds())

    def _answers(self, count: int) -> int:
        least, most = _ANSWER_SECONDS
        return math.ceil(count * min(max(self.budget.slowest_seconds, least), most))
