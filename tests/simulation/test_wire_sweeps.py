"""Exactly once on the real adapters: an even choice of the cases that `make reliability` plays in full."""

from __future__ import annotations

import pytest

from simulation.scenarios import SCENARIOS
from simulation.wire.story import undisturbed
from simulation.wire.sweeps import TARGETS, Outcome, a_choice, crash_jobs, outcome, overtaken_jobs, wipe_jobs
from simulation.world import Scenario

_CRASH_CASES = 12
_OVERTAKEN_CASES = 9
#: The full sweeps must not shrink unseen.
_CRASH_CASES_MIN = 1_000
_OVERTAKEN_CASES_MIN = 340

_KINDS = [target.kind for target in TARGETS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_undisturbed_story_is_sound_over_the_wire(scenario: Scenario) -> None:
    """What the cases are compared with breaks no invariant, is refused nothing, and has traded."""
    story = undisturbed(scenario)

    assert () == story.found
    assert story.economy["orders"]


@pytest.mark.parametrize("kind", _KINDS)
def test_fault_at_a_call_over_the_wire_breaks_nothing(kind: str) -> None:
    """Dead before or after a request, or its answer lost; started again; and compared where all must be the same."""
    done = [outcome(job) for job in a_choice([job for job in crash_jobs() if job[1] == kind], _CRASH_CASES)]

    assert [] == broken(done)
    assert len({each.method for each in done}) >= _CRASH_CASES // 3
    assert any(each.compared for each in done)


@pytest.mark.parametrize("kind", _KINDS[:-1])
def test_invocations_that_meet_over_the_wire_break_nothing(kind: str) -> None:
    """One sleeps past its lease while another runs, or a twin comes in between; one of them does the tick."""
    jobs = [job for job in overtaken_jobs() if job[1] == kind]
    done = [outcome(job) for job in a_choice(jobs, _OVERTAKEN_CASES)]

    assert [] == broken(done)
    assert {"stall", "twin"} == {each.sweep for each in done}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_lost_table_is_rebuilt_from_audit_and_venue(scenario: Scenario) -> None:
    """In the middle of the story: every field is as it was, and the story ends as if nothing had happened."""
    jobs = [job for job in wipe_jobs() if job[1] == scenario.name]

    assert [] == broken([outcome(jobs[len(jobs) // 2])])


def test_the_full_sweeps_are_as_wide_as_they_were() -> None:
    """Every target is struck at every call, and nothing of it falls away."""
    crashes, overtaken = list(crash_jobs()), list(overtaken_jobs())

    assert len(crashes) >= _CRASH_CASES_MIN
    assert len(overtaken) >= _OVERTAKEN_CASES_MIN
    assert set(_KINDS) == {kind for _, kind, _ in crashes}


def broken(done: list[Outcome]) -> list[str]:
    """The first of what was wrong."""
    return [line for each in done for line in each.broken][:5]
