"""When what is due: a tick at each instant of the period, a look at every other whole minute, as the stack has it.

What was missed is not made up for: of several instants the newest counts, but for a tick that may still enter.
"""

from __future__ import annotations

from trader.entry.events import RunTick, RunWatch
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Instant, cycle_id_at
from trader.settings.app import CycleSettings

_MINUTE = 60


def find_due(after: Instant, now: Instant, cycle: CycleSettings) -> RunTick | RunWatch | None:
    """Return what came due later than *after*; None if nothing did.

    A tick that a long run, or a restart, has kept waiting comes before the look of the minute, unless it is so old
    that it could not enter any more: a look sells and protects as well.
    """
    tick, minute = _floor(now, cycle.period_seconds), _floor(now, _MINUTE)
    if after < tick and (tick == minute or now - tick <= cycle.max_tick_age_seconds):
        return RunTick(tick)
    return RunWatch(minute) if after < minute != tick else None


def find_tick(now: Instant, cycle: CycleSettings) -> Instant:
    """Return the instant of the newest tick, however old it is."""
    return _floor(now, cycle.period_seconds)


def count_missed(after: Instant, now: Instant, request: RunTick | RunWatch, cycle: CycleSettings) -> int:
    """Count the ticks later than *after* that are over and that nothing runs for, now that *request* is run."""
    ticks = now // cycle.period_seconds - after // cycle.period_seconds
    return ticks - 1 if isinstance(request, RunTick) else ticks


def find_next(now: Instant, cycle: CycleSettings) -> Instant:
    """Return the next instant at which something is due."""
    return min(find_next_tick(now, cycle), Instant(_floor(now, _MINUTE) + _MINUTE))


def find_next_tick(now: Instant, cycle: CycleSettings) -> Instant:
    """Return the instant of the next tick."""
    return Instant(_floor(now, cycle.period_seconds) + cycle.period_seconds)


def find_beginning(mark: CycleMark | None, now: Instant, cycle: CycleSettings) -> Instant:
    """Return after which instant things are due for a process that begins now, from the last cycle that is remembered.

    If the tick of this period is finished, nothing before this very second is; else everything of this period is.
    """
    tick = _floor(now, cycle.period_seconds)
    finished = mark is not None and (mark.cycle_id, mark.phase) >= (cycle_id_at(tick), CyclePhase.FINISHED)
    return Instant(max(now - 1, tick) if finished else tick - 1)


def _floor(at: Instant, seconds: int) -> Instant:
    return Instant(at // seconds * seconds)
