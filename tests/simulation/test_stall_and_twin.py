"""Two invocations at once: one stalls past its lease and wakes up, or a twin arrives while the first is at work.

An invocation "freezes" at a call by having the other one run, whole, just before that call is made.

A lease cannot guard the sending itself. An invocation that was told it has time, and then sleeps for minutes between
that answer and the request, sends an order that the next tick has given up meanwhile. The redelivered tick re-sends
it under the same id, so there it is one order; with the next tick it can be a second one. With the shipped pace it is
not, because a product rests for a quarter of an hour after an entry; the scenarios that switch the pace off leave
this one call out.
"""

from __future__ import annotations

import pytest

from simulation.checker import violations
from simulation.errands import seconds_beside
from simulation.fault_run import (
    FaultRun,
    Watch,
    books_of,
    differences,
    fault_run_of,
    invoke,
    is_converting,
    prepare_world,
    track_of,
)
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import (
    CLOSED,
    COMMANDED,
    CONVERT,
    ENTRY,
    EXIT_BY_TIME,
    FLATTEN,
    MIXED,
    PROTECTION,
    REPRICE,
    SCENARIOS,
    WATCHED,
)
from simulation.world import LEASE_SECONDS, Beat, Scenario, World
from trader.cycle import CycleOutcome, CycleReport
from trader.model.ids import Instant

_BUSY = (ENTRY, EXIT_BY_TIME, FLATTEN, REPRICE, CONVERT, PROTECTION, MIXED, COMMANDED, CLOSED, WATCHED)
#: Scenarios without a pace, see above.
_UNPACED = (FLATTEN, REPRICE, MIXED, COMMANDED, CLOSED, WATCHED)
_CALLS_MIN = 1_890
_LOST = (CycleOutcome.ABORTED, CycleOutcome.SKIPPED)


def stalled(
    fault_run: FaultRun, index: int, call: int, other: Beat, after_seconds: int
) -> tuple[World, Watch, list[str]]:
    """Freeze one tick at a call; run another invocation after some seconds; let the first wake up and end."""
    world, found, beat = fault_run.openings[index].fork(), Watch(), fault_run.beats[index]
    seen: list[CycleReport | None] = []

    def meanwhile() -> None:
        if other is beat:
            world.clock.set(Instant(beat.at + after_seconds))
        else:
            prepare_world(world, other)
        seen.append(invoke(world, other, "the other", Nemesis(), found))

    first = invoke(world, beat, "the first", Nemesis(hook_at=call, hook=meanwhile), found)
    outcomes = [report and report.outcome for report in (first, *seen)]
    # Who has given the lease back has done it all, and only asks what time it is.
    winner = 0 if call > last_commit(fault_run, index) and other is beat else 1
    is_won, is_lost = outcomes[winner] not in (None, *_LOST), outcomes[1 - winner] in _LOST
    is_late = other is not beat and call > last_commit(fault_run, index)
    is_sound = is_won and (is_lost or is_late)
    if not (beat.decides and other.decides):
        # A run that is no tick may follow another one of its kind, and find nothing to do.
        is_sound = outcomes[1] not in (None, CycleOutcome.ABORTED) and None not in outcomes
    wrong = [] if is_sound else [f"the first and the other ended as {outcomes}"]
    found.after(world, healthy=True)
    return world, found, wrong


def last_commit(fault_run: FaultRun, index: int) -> int:
    """The call with which an undisturbed run gives the lease back; a look that leads to no run has none."""
    trail = fault_run.trails[index]
    return max((call for call, name in enumerate(trail, start=1) if name == "store.commit"), default=0)


@pytest.mark.parametrize("scenario", _BUSY, ids=lambda each: each.name)
def test_invocation_that_wakes_up_after_its_lease_changes_nothing(scenario: Scenario) -> None:
    """The redelivered tick did it all; the sleeper is fenced off, and what it still sent was the other's already."""
    fault_run = fault_run_of(scenario)
    lease = LEASE_SECONDS
    broken = []
    for index, beat in enumerate(scenario.beats):
        for call in range(1, len(fault_run.trails[index]) + 1):
            world, found, wrong = stalled(fault_run, index, call, beat, lease)
            was_converting = is_converting(world) or fault_run.trails[index][call - 1] == "exchange.commit_conversion"
            ending = fault_run.finish(index, world, found)
            wrong += ending.violations
            if not was_converting:
                wrong += differences(fault_run.ending.books, ending.books)
            broken += [f"{scenario.name}, tick {index}, asleep at {call}: {each}" for each in wrong]

    assert [] == broken[:5]


@pytest.mark.parametrize("scenario", _BUSY, ids=lambda each: each.name)
def test_invocation_that_sleeps_into_the_next_tick_breaks_nothing(scenario: Scenario) -> None:
    """The next tick ran meanwhile, with what it found: other books perhaps, but sound ones."""
    fault_run = fault_run_of(scenario)
    broken = []
    for index in range(len(scenario.beats) - 1):
        for call, method in enumerate(fault_run.trails[index], start=1):
            if scenario in _UNPACED and method == "exchange.submit":
                continue
            world, found, wrong = stalled(fault_run, index, call, scenario.beats[index + 1], 0)
            ending = fault_run.finish(index + 1, world, found)
            broken += [
                f"{scenario.name}, tick {index}, asleep at {call}: {each}" for each in (*wrong, *ending.violations)
            ]

    assert [] == broken[:5]


@pytest.mark.parametrize("scenario", _BUSY, ids=lambda each: each.name)
def test_twin_is_skipped_while_the_lease_lasts(scenario: Scenario) -> None:
    """Whoever comes second, at whatever call, does nothing; the end is the undisturbed one in every field."""
    fault_run = fault_run_of(scenario)
    broken = []
    for index, beat in enumerate(scenario.beats):
        trail = fault_run.trails[index]
        acquires = trail.index("store.acquire") + 1 if "store.acquire" in trail else len(trail)
        for call in range(1, len(fault_run.trails[index]) + 1):
            world, found = fault_run.openings[index].fork(), Watch()
            reports: list[CycleReport | None] = []

            def twin(world: World = world, found: Watch = found, beat: Beat = beat, reports: list = reports) -> None:
                reports.append(invoke(world, beat, "twin", Nemesis(), found, seconds_beside(world)))

            reports.append(invoke(world, beat, "first", Nemesis(hook_at=call, hook=twin), found))
            outcomes = [report and report.outcome for report in reports]
            loser = 0 if call > acquires else 1
            found.after(world, healthy=True)
            where = f"{scenario.name}, tick {index}, twin at {call}"
            is_sound = outcomes[loser] is CycleOutcome.SKIPPED and outcomes[1 - loser] is not CycleOutcome.SKIPPED
            if not (is_sound if beat.decides else CycleOutcome.COMPLETED in outcomes or acquires == len(trail)):
                broken.append(f"{where}: {outcomes}")
            alone = after(fault_run, index)
            if beat.decides and track_of(world) != track_of(alone):
                broken.append(f"{where}: another ledger")
            # Two looks may both find something due before one has the lease; the second run finds it done.
            broken += [f"{where}: {each}" for each in differences(books_of(alone), books_of(world))]
            broken += [f"{where}: {each}" for each in found.violations]

    assert [] == broken[:5]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_finished_and_older_ticks_decide_nothing_new(scenario: Scenario) -> None:
    """Redelivered at once, and again after a later one, a tick is skipped and the world stays as it is."""
    fault_run = fault_run_of(scenario)
    for index in range(len(scenario.beats)):
        world = after(fault_run, index)
        before = track_of(world)
        for old in fault_run.beats[: index + 1]:
            report = invoke(world, old, "redelivered", Nemesis(), Watch())

            assert report is not None
            assert report.outcome is CycleOutcome.SKIPPED
        assert before == track_of(world)
        assert [] == violations(world)


def test_older_tick_does_not_disturb_an_unfinished_newer_one() -> None:
    """A tick crashed after its point of no return; an older one arrives late; then the newer one is redelivered."""
    fault_run = fault_run_of(EXIT_BY_TIME)
    index = 3
    for call in range(1, len(fault_run.trails[index]) + 1):
        world, found = fault_run.openings[index].fork(), Watch()
        invoke(world, fault_run.beats[index], "crashed", Nemesis(call, Fault.AFTER), found)
        world.free_the_lease()
        older = invoke(world, fault_run.beats[index - 1], "older", Nemesis(), found)
        invoke(world, fault_run.beats[index], "redelivered", Nemesis(), found)
        ending = fault_run.finish(index, world, found)

        assert older is not None
        assert older.outcome is CycleOutcome.SKIPPED
        assert () == ending.violations
        assert [] == differences(fault_run.ending.ledger, ending.ledger)
        assert [] == differences(fault_run.ending.books, ending.books)


def test_every_call_of_the_busy_stories_was_slept_at() -> None:
    """The sweep does not shrink unseen."""
    calls = sum(len(trail) for each in _BUSY for trail in fault_run_of(each).trails[: len(each.beats)])

    assert calls >= _CALLS_MIN


def after(fault_run: FaultRun, index: int) -> World:
    """The undisturbed world after a tick, at that tick's instant."""
    world = fault_run.openings[index].fork()
    invoke(world, fault_run.beats[index], "undisturbed", Nemesis(), Watch())
    return world
