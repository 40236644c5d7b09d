"""Which cycles are struck on the real adapters, and at which calls: at every one, or at an even choice of them.

=========  =============================================================================================
crash      a fault at each call of a cycle; a dead cycle is started again in each of three ways
stall      a cycle freezes before each call; the tick is redelivered when its lease has run out, or the
           next tick comes, and runs whole; then the first wakes up
twin       the same tick is delivered once more while the first is before each of its calls
wipe       after each tick of each scenario every item of the table is lost; the ledger is rebuilt
=========  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd

from simulation.scenarios import CONVERT, ENTRY, EXIT_BY_TIME, FLATTEN, REPRICE, SCENARIOS
from simulation.wire.story import Case, beats_of, crash_case, faults_everywhere, overtaken_case, undisturbed, wiped_case
from simulation.world import Scenario
from trader.model.ids import Instant


@dataclass(frozen=True)
class Target:
    """A cycle to be struck: what it does, in which scenario, at which tick.

    ``recovers``: it is the second invocation of its tick; the first died after it had committed its orders.
    """

    kind: str
    scenario: Scenario
    tick: int
    recovers: bool = False


TARGETS = (
    Target("entry", ENTRY, 0),
    Target("exit", EXIT_BY_TIME, 3),
    Target("reprice", REPRICE, 1),
    Target("convert", CONVERT, 0),
    Target("flatten", FLATTEN, 2),
    Target("recovery", EXIT_BY_TIME, 3, recovers=True),
)
#: How many calls a recovering cycle makes is not known before; those not reached are not counted.
_MORE_CALLS = 8
#: The jobs of a call repeat after 3 (stall, stall, twin) or 7 (faults and restarts): a choice must not keep that step.
_CYCLE_OF_JOBS = 2 * 3 * 7


@dataclass(frozen=True, order=True)
class Overtaken:
    """One tick that freezes before a call while another invocation runs whole.

    ``into_next``: that is the next tick; otherwise the same one again, *seconds* later, and 0 seconds make a twin.
    """

    scenario: str
    tick: int
    call: int
    seconds: int
    into_next: bool = False

    def __str__(self) -> str:
        if self.into_next:
            return f"{self.scenario}, tick {self.tick}: asleep before call {self.call} into the next tick"
        return f"{self.scenario}, tick {self.tick}: overtaken before call {self.call}, {self.seconds} s later"


@dataclass(frozen=True)
class Outcome:
    """What came of one case, of whichever sweep. ``compared``: it was held against the undisturbed history."""

    sweep: str
    kind: str
    method: str
    compared: bool
    broken: tuple[str, ...]


@dataclass(frozen=True, order=True)
class Wiped:
    """The tick of a scenario after which the table is lost."""

    scenario: str
    tick: int

    def __str__(self) -> str:
        return f"{self.scenario}: wiped after tick {self.tick}"


Job = tuple[str, str, Case | Overtaken | Wiped]


def crash_jobs() -> Iterator[Job]:
    """Every call of every target, under each fault and each way of starting again."""
    for target in TARGETS:
        trail = undisturbed(target.scenario).trails[target.tick]
        after, calls = 0, len(trail)
        if target.recovers:
            after, calls = _first_commit(trail), len(trail) + _MORE_CALLS
        for case in faults_everywhere(target.scenario, target.tick, after=after, calls=calls):
            yield "crash", target.kind, case


def overtaken_jobs() -> Iterator[Job]:
    """Every call of every target: the same tick after its lease, the next tick, and a twin."""
    for target in TARGETS:
        if target.recovers:
            continue
        lease = target.scenario.settings.cycle.lease_seconds
        for call in range(1, len(undisturbed(target.scenario).trails[target.tick]) + 1):
            base = Overtaken(target.scenario.name, target.tick, call, lease)
            yield "stall", target.kind, base
            yield "stall", target.kind, replace(base, into_next=True)
            yield "twin", target.kind, replace(base, seconds=0)


def wipe_jobs() -> Iterator[Job]:
    """Every tick of every scenario."""
    for scenario in SCENARIOS:
        for tick in range(len(scenario.beats)):
            yield "wipe", scenario.name, Wiped(scenario.name, tick)


def outcome(job: Job) -> Outcome:
    """Play one case."""
    sweep, kind, case = job
    scenario = next(each for each in SCENARIOS if each.name == case.scenario)
    if isinstance(case, Case):
        done = crash_case(scenario, case)
        return Outcome(sweep, kind, done.method, done.compared, tuple(f"{case}: {each}" for each in done.broken))
    if isinstance(case, Wiped):
        found = wiped_case(scenario, case.tick)
        return Outcome(sweep, kind, "the table", compared=True, broken=tuple(f"{case}: {each}" for each in found))
    beats = beats_of(scenario)
    beat = beats[case.tick]
    other = beats[case.tick + 1] if case.into_next else beat
    at = other.at if case.into_next else Instant(beat.at + case.seconds)
    found = overtaken_case(scenario, case.tick, case.call, other, at)
    method = undisturbed(scenario).trails[case.tick][case.call - 1]
    return Outcome(sweep, kind, method, compared=False, broken=tuple(f"{case}: {each}" for each in found))


def a_choice(jobs: Sequence[Job], count: int) -> list[Job]:
    """Choose evenly: about so many of them, from the first to the last, the same ones every time."""
    step = max(1, len(jobs) // count)
    while gcd(step, _CYCLE_OF_JOBS) > 1:
        step += 1
    return list(jobs[::step])


def _first_commit(trail: Sequence[str]) -> int:
    """The call that commits the orders: the first write after the lease."""
    writes = ("dynamodb.UpdateItem", "dynamodb.TransactWriteItems")
    return next(call for call, name in enumerate(trail, start=1) if call > 1 and name in writes)
