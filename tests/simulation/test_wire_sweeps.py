"""Exactly once on the real adapters: an even choice of the cases that `make reliability` plays in full."""

from __future__ import annotations

from collections import Counter

import pytest

from simulation.scenarios import SCENARIOS
from simulation.wire.cases import undisturbed
from simulation.wire.sweeps import (
    DARKENED,
    MEETING,
    TARGETS,
    Job,
    Outcome,
    Told,
    a_choice,
    every_job,
    outcome,
    wipe_jobs,
)
from simulation.world import Scenario
from trader.model.commands import CommandKind

_CRASH_CASES = 6
_OTHER_CASES = 4
#: The full sweeps must not shrink unseen.
_CASES_MIN = {
    "crash": 2_500,
    "stall": 590,
    "twin": 295,
    "switch": 440,
    "dark": 440,
    "commands": 730,
    "watches": 220,
    "wipe": 70,
}

_KINDS = list(dict.fromkeys(target.kind for target in TARGETS))
_FIRST_TIMES = [target.kind for target in TARGETS if not target.recovers]
_DARKENED = [target.kind for target in DARKENED]
_MEETING = [target.kind for target in MEETING]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_undisturbed_story_is_sound_over_the_wire(scenario: Scenario) -> None:
    """What the cases are compared with breaks no invariant, is refused nothing, and has traded."""
    fault_run = undisturbed(scenario)

    assert () == fault_run.found
    assert fault_run.economy["orders"]


@pytest.mark.parametrize("kind", _KINDS)
def test_fault_at_a_call_over_the_wire_breaks_nothing(kind: str) -> None:
    """Dead before or after a request, or its answer lost; started again; and compared where all must be the same."""
    done = [outcome(job) for job in a_choice(jobs_of(kind, "crash"), _CRASH_CASES)]

    assert [] == broken(done)
    assert len({each.method for each in done}) >= _CRASH_CASES // 3
    assert any(each.compared for each in done)


@pytest.mark.parametrize("kind", _FIRST_TIMES)
def test_invocations_that_meet_over_the_wire_break_nothing(kind: str) -> None:
    """One sleeps past its lease while another runs, or a twin comes in between; one of them does the tick."""
    done = [outcome(job) for job in a_choice(jobs_of(kind, "stall", "twin"), _OTHER_CASES)]

    assert [] == broken(done)
    assert {"stall", "twin"} == {each.sweep for each in done}


@pytest.mark.parametrize("kind", _DARKENED)
def test_switch_turned_before_a_call_over_the_wire_is_obeyed(kind: str) -> None:
    """Nothing leaves that it forbids, no entry works on, and no lot is laid bare."""
    done = [outcome(job) for job in a_choice(jobs_of(kind, "switch"), _OTHER_CASES)]

    assert [] == broken(done)


@pytest.mark.parametrize("kind", _DARKENED)
def test_dark_from_a_call_on_breaks_nothing(kind: str) -> None:
    """Nothing is answered any more until the invocation ends; two calm cycles later all is settled."""
    done = [outcome(job) for job in a_choice(jobs_of(kind, "dark"), _OTHER_CASES)]

    assert [] == broken(done)


@pytest.mark.parametrize("kind", _FIRST_TIMES)
def test_command_said_before_a_call_over_the_wire_is_acted_on_once(kind: str) -> None:
    """By the run that was under way, the next one, or the one it woke; and what it stops does not leave any more."""
    done = [outcome(job) for job in a_choice(jobs_of(kind, "commands"), 2 * _OTHER_CASES)]

    assert [] == broken(done)


def test_newer_command_said_while_an_older_one_is_being_written_stands() -> None:
    """At each request up to the lease, with the same slot: late and out of order are the same as once."""
    jobs = [job for job in jobs_of("flatten command", "commands") if is_told(job[2], CommandKind.FLATTEN)]

    assert [] == broken([outcome(job) for job in jobs[:_OTHER_CASES]])


@pytest.mark.parametrize("kind", _MEETING)
def test_tick_that_meets_a_watch_run_over_the_wire_decides(kind: str) -> None:
    """Whichever of the two was first, and wherever the other came in between."""
    done = [outcome(job) for job in a_choice(jobs_of(kind, "watches"), 2 * _OTHER_CASES)]

    assert [] == broken(done)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_lost_table_is_rebuilt_from_audit_and_venue(scenario: Scenario) -> None:
    """In the middle of the story: every field is as it was, and the story ends as if nothing had happened."""
    jobs = [job for job in wipe_jobs() if job[1] == scenario.name]

    assert [] == broken([outcome(jobs[len(jobs) // 2])])


def test_the_full_sweeps_are_as_wide_as_they_were() -> None:
    """Every target is struck at every call, in every way, and nothing of it falls away."""
    counts = Counter(sweep for sweep, _, _ in every_job())

    assert {} == {sweep: counts[sweep] for sweep, least in _CASES_MIN.items() if counts[sweep] < least}
    assert set(_KINDS) == {kind for sweep, kind, _ in every_job() if sweep == "crash"}


def jobs_of(kind: str, *sweeps: str) -> list[Job]:
    """All jobs of some sweeps on one kind of cycle."""
    return [job for job in every_job() if job[1] == kind and job[0] in sweeps]


def is_told(case: object, kind: CommandKind) -> bool:
    """Whether a case is one in which this is said."""
    return isinstance(case, Told) and case.kind is kind


def broken(done: list[Outcome]) -> list[str]:
    """The first of what was wrong."""
    return [line for each in done for line in each.broken][:5]
