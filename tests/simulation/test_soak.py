"""A short soak for every run of the tests: the same worlds each time, until every kind of fault has hit something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from simulation.soak.fault_kinds import LAG_SECONDS_MAX, FaultKind, FaultPlan
from simulation.soak.run import SoakReport, report_of, soak
from simulation.soak.soak_world import SoakWorld
from simulation.soak.told import Told
from trader.cycle import CycleOutcome

_SEED = 2026
_WORLDS_MIN, _WORLDS_MAX = 8, 40
_TESTS = Path(__file__).parents[1]


class Foul(SoakWorld):
    """A world that knows every kind of fault and trades a lot, so that few worlds are enough to meet them all."""

    def __init__(self, number: int) -> None:
        super().__init__(_SEED, number)
        self.climate = FaultPlan(frozenset(FaultKind), 0.7)


def short_soak() -> SoakReport:
    """Play worlds until each kind has hit, and some more."""
    told: list[Told] = []
    for number in range(_WORLDS_MAX):
        told.append(Foul(number).run())
        met = set[str]().union(*(each.tally.hits for each in told))
        if told[-1].broken or (number + 1 >= _WORLDS_MIN and met >= {kind.value for kind in FaultKind}):
            break
    return report_of(_SEED, 0, told)


def test_short_soak_meets_every_kind_of_fault_and_breaks_nothing() -> None:
    """After every cycle all that must hold holds, in every calm all comes right; and a lot has happened meanwhile."""
    report = short_soak()

    assert report.broken == ()
    assert [kind for kind, count in report.faults.items() if not count] == []
    assert set(report.outcomes) >= {outcome.value for outcome in CycleOutcome}
    assert report.cycles >= 300
    assert report.orders >= 50
    assert report.fills >= 25
    assert sum(report.faults.values()) >= 5 * report.cycles


def test_world_played_again_is_the_same_in_every_request() -> None:
    """Also in a process whose sets have another order: the digest is of every request and every fault."""
    first = soak(_SEED, 600, processes=1, worlds=2)
    command = f"from simulation.soak.soak_world import SoakWorld; print(SoakWorld({_SEED}, 1).run().trace)"
    paths = [str(_TESTS.parent / "src"), str(_TESTS)]
    again = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths}; {command}"],
        env={"PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert again.stdout.strip() == first.traces[1]
    assert first.traces[0] != first.traces[1]


def test_line_for_machines_names_every_figure() -> None:
    """One word for each, in this order."""
    report = report_of(7, 12.3, [Told(0, cycles=3, orders=2, fills=1)])

    assert report.line == "seed=7 seconds=12 worlds=1 cycles=3 faults=0 kinds=0 orders=2 fills=1 violations=0"


def test_lags_stay_within_what_a_venue_is_given() -> None:
    """A venue may take its quiet period to show what it knows; a soak beyond it would ask for what nobody promised."""
    quiet = SoakWorld(_SEED, 0).scenario.settings.cycle.quiet_period_seconds

    assert quiet > LAG_SECONDS_MAX
