"""When a loop runs what: the instants of the stack's schedule, and nothing that was missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.loop.schedule import find_beginning, find_due, find_next, find_next_tick
from factories_settings import shipped_settings
from trader.entry.events import RunTick, RunWatch
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Instant, cycle_id_at

CYCLE = shipped_settings().cycle
TICK = Instant(1_795_348_800)


def at(seconds: int) -> Instant:
    return Instant(TICK + seconds)


@pytest.mark.parametrize(
    ("after", "now", "expected"),
    [
        (-1, 0, RunTick(TICK)),
        (0, 1, None),
        (0, 59, None),
        (59, 60, RunWatch(at(60))),
        (60, 119, None),
        (239, 240, RunWatch(at(240))),
        (299, 300, RunTick(at(300))),
        # A run that took long: the tick that waited may still enter.
        (-10, 70, RunTick(TICK)),
        (-10, 120, RunTick(TICK)),
        # It could not any more: the minute is looked at, which sells and protects as well.
        (-10, 121, RunWatch(at(120))),
        # The machine slept: of hours of instants the newest counts.
        (-90_000, 200, RunWatch(at(180))),
        (-90_000, 30, RunTick(TICK)),
    ],
)
def test_newest_instant_is_due_and_a_tick_before_a_look(
    after: int, now: int, expected: RunTick | RunWatch | None
) -> None:
    """Seconds are counted from a tick; a tick comes every 300."""
    assert expected == find_due(at(after), at(now), CYCLE)


def test_period_that_is_no_number_of_minutes_has_ticks_at_its_own_instants() -> None:
    """Looks stay on the minute."""
    cycle = replace(CYCLE, period_seconds=200)
    first = Instant(TICK // 200 * 200)

    assert RunTick(Instant(first + 200)) == find_due(Instant(first + 199), Instant(first + 200), cycle)
    assert RunWatch(Instant(first + 240)) == find_due(Instant(first + 239), Instant(first + 240), cycle)


@pytest.mark.parametrize(("now", "expected"), [(0, 60), (59, 60), (240, 300), (299, 300)])
def test_next_instant_is_a_whole_minute_or_the_next_tick(now: int, expected: int) -> None:
    """The loop never sleeps past it."""
    assert at(expected) == find_next(at(now), CYCLE)
    assert at(300) == find_next_tick(at(now), CYCLE)


def test_unfinished_tick_of_this_period_is_due_at_the_start() -> None:
    """Without books, after another tick, or after a death between decision and end."""
    marks = [
        None,
        CycleMark(cycle_id_at(at(-300)), CyclePhase.FINISHED),
        CycleMark(cycle_id_at(TICK), CyclePhase.COMMITTED),
    ]

    due = [find_due(find_beginning(mark, at(7), CYCLE), at(7), CYCLE) for mark in marks]

    assert [RunTick(TICK)] * 3 == due


@pytest.mark.parametrize(("now", "expected"), [(0, None), (7, None), (61, None), (60, RunWatch(at(60)))])
def test_finished_tick_is_not_run_again_at_the_start(now: int, expected: RunWatch | None) -> None:
    """Only what is due in this very second is done."""
    beginning = find_beginning(CycleMark(cycle_id_at(TICK), CyclePhase.FINISHED), at(now), CYCLE)

    assert expected == find_due(beginning, at(now), CYCLE)


def test_start_long_after_an_unfinished_tick_begins_with_a_look() -> None:
    """Something may have happened meanwhile, and the tick could not enter any more."""
    assert RunWatch(at(180)) == find_due(find_beginning(None, at(200), CYCLE), at(200), CYCLE)
