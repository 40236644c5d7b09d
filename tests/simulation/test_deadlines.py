"""A run's time ends at any of its calls: nothing more is sent, the books are closed, and the next tick goes on."""

from __future__ import annotations

import pytest

from simulation.fault_run import Watch, fault_run_of, invoke
from simulation.nemesis import Nemesis
from simulation.scenarios import CONVERT, ENTRY, EXIT_BY_TIME, FLATTEN, MIXED, PROTECTION, REPRICE, STOPPED
from simulation.world import RUN_SECONDS, Scenario
from trader.cycle import CycleOutcome
from trader.model.ids import Instant

#: A conversion that was quoted in time is committed in the same turn.
_SENDING = ("exchange.submit", "exchange.quote_conversion")
#: What is left when the time has come: enough to close the books, too little for any order.
_LEFT_SECONDS = 8
_SCENARIOS = (ENTRY, EXIT_BY_TIME, FLATTEN, STOPPED, REPRICE, CONVERT, PROTECTION, MIXED)
_CASES_MIN = 700


def out_of_time(scenario: Scenario, index: int, call: int) -> tuple[list[str], list[str]]:
    """Let the time of one tick end at a call; return what was sent after that, and what is wrong, now or later."""
    fault_run = fault_run_of(scenario)
    world, found, beat = fault_run.openings[index].fork(), Watch(), fault_run.beats[index]
    ends = Instant(beat.at + RUN_SECONDS - _LEFT_SECONDS)
    nemesis = Nemesis(hook_at=call, hook=lambda: world.clock.set(ends))
    report = invoke(world, beat, "out of time", nemesis, found)
    found.after(world, healthy=False)
    wrong = list(found.violations)
    if report is None:
        wrong.append("it did not come to an end")
    elif report.withheld_exits and report.outcome is not CycleOutcome.ABORTED:
        wrong.append(f"sales found no time, and it ended {report.outcome}")
    if world.lease_owner():
        wrong.append("the lease was not given back")
    wrong += fault_run.finish(index, world, found).violations
    return [name for name in nemesis.trail[call:] if name in _SENDING], wrong


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda each: each.name)
def test_nothing_is_sent_once_the_time_of_a_run_is_over(scenario: Scenario) -> None:
    """At every call of every tick; what was begun before is finished by the next one."""
    fault_run, broken = fault_run_of(scenario), []
    for index, trail in enumerate(fault_run.trails):
        # At the first one the time of the run is counted out: it begins there.
        for call in range(2, len(trail) + 1):
            sent, wrong = out_of_time(scenario, index, call)
            # The turn that had begun goes on: its bracket is gone, so the sale is not left out.
            allowed = 1 if "exchange.cancel" in trail[:call] else 0
            if len(sent) > allowed:
                wrong.append(f"sent after its time: {sent}")
            broken += [f"{scenario.name}, tick {index}, call {call} {trail[call - 1]}: {each}" for each in wrong]

    assert [] == broken[:5]


def test_sweep_of_deadlines_is_wide() -> None:
    """Every call of every tick of the stories."""
    assert sum(len(trail) for scenario in _SCENARIOS for trail in fault_run_of(scenario).trails) >= _CASES_MIN
