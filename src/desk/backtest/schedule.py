"""When a run's cycles come: ticks on time, late or not at all, and looks between them if asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trader.model.ids import Instant

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Schedule:
    """The instants of a run, in order.

    Shape: ``ticks`` are the instants that ticks are scheduled for, ``starts`` when each of them begins, as many;
    ``watches`` are the instants of the looks, none of them that of a tick.
    """

    ticks: Sequence[Instant]
    starts: Sequence[Instant]
    watches: Sequence[Instant] = ()

    @classmethod
    def on_time(cls, ticks: Iterable[Instant]) -> Schedule:
        """Every tick begins at its instant, and nobody looks in between."""
        instants = tuple(ticks)
        return cls(instants, instants)

    def cut_to(self, count: int) -> Schedule:
        """Return so many ticks from the beginning, and the looks before the next one."""
        if count >= len(self.ticks):
            return self
        looks = [at for at in self.watches if at < self.starts[count]]
        return Schedule(self.ticks[:count], self.starts[:count], looks)

    def list_odd(self, period_seconds: int) -> list[int]:
        """List the ticks that are late, or before which one is missing: such a one is no quiet tick."""
        ticks = np.array(self.ticks, dtype=np.int64)
        is_odd = ticks != np.array(self.starts, dtype=np.int64)
        is_odd[1:] |= np.diff(ticks) > period_seconds
        odd: list[int] = np.flatnonzero(is_odd).tolist()
        return odd


def plan_schedule(
    start: Instant,
    end: Instant,
    period_seconds: int,
    *,
    watches: bool = False,
    late: Mapping[Instant, int] | None = None,
    missed: Collection[Instant] = (),
) -> Schedule:
    """Plan a tick every period from *start* up to and with *end*.

    *late* says by how many seconds some of them are, *missed* which do not come. With *watches* there is a look at
    every other whole minute, as the stack has it.
    """
    delays = late or {}
    ticks = [Instant(at) for at in range(start, end + 1, period_seconds) if at not in missed]
    looks: Sequence[Instant] = ()
    if watches:
        planned = range(start, end + 1, period_seconds)
        looks = [Instant(at) for at in range(-(-start // _MINUTE) * _MINUTE, end + 1, _MINUTE) if at not in planned]
    return Schedule(ticks, [Instant(at + delays.get(at, 0)) for at in ticks], looks)
