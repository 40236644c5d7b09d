"""Which cycles are struck on the real adapters, and at which calls: at every one, or at an even choice of them.

=========  =============================================================================================
crash      a fault at each call of a cycle; a dead cycle is started again in each of three ways
stall      a cycle freezes before each call; the tick is redelivered when its lease has run out, or the
           next tick comes, and runs whole; then the first wakes up
twin       the same tick is delivered once more while the first is before each of its calls
switch     the kill switch is turned before each call, to HALT and to another word in turn, and stays so
commands   a flatten, the close of a lot, and a pause or a resume are said before each call of a run
watches    before each call of a tick a watch run begins, before each of a watch run a tick: the tick decides
dark       from each call to the end of its invocation nothing is answered, and nothing arrives or all does
wipe       after each tick of each scenario every item of the table is lost; the ledger is rebuilt
=========  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd

from simulation.fault_run import Restart
from simulation.nemesis import Fault
from simulation.scenarios import (
    CAPPED,
    CLOSED,
    COMMANDED,
    CONVERT,
    ENTRY,
    EXIT_BY_TIME,
    FLATTEN,
    REPRICE,
    SCENARIOS,
    WATCHED,
)
from simulation.wire.cases import (
    Case,
    crash_case,
    dark_case,
    faults_everywhere,
    overtaken_case,
    switched_case,
    undisturbed,
    wiped_case,
)
from simulation.wire.meetings import met_case, told_case
from simulation.wire.telling import beats_of
from simulation.world import LEASE_SECONDS, Scenario
from trader.model.commands import CommandKind
from trader.model.ids import Instant
from trader.model.trading_state import TradingState


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
    Target("capped", CAPPED, 0),
    Target("flatten command", COMMANDED, 2),
    Target("close command", CLOSED, 2),
    Target("resume command", COMMANDED, 5),
    Target("watched fill", WATCHED, 1),
    Target("watched exit", WATCHED, 5),
    Target("recovery", EXIT_BY_TIME, 3, recovers=True),
    Target("recovery", ENTRY, 0, recovers=True),
    Target("recovery", CONVERT, 0, recovers=True),
)
_FIRST_TIMES = tuple(target for target in TARGETS if not target.recovers)
#: Of the runs that are no ticks, one of each kind is enough for a switch that is turned, and for darkness.
DARKENED = tuple(
    target for target in _FIRST_TIMES if target.kind not in ("close command", "resume command", "watched fill")
)
#: A run for a command waits for its turn like a tick, and is met by commands.
MEETING = tuple(target for target in _FIRST_TIMES if target.scenario.beats[target.tick].command is None)
_WORDS = (TradingState.FLATTEN, TradingState.REDUCE_ONLY, None, TradingState.RUN)
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


@dataclass(frozen=True, order=True)
class Switched:
    """One tick before one of whose calls the kill switch is turned; no word is a switch that is gone."""

    scenario: str
    tick: int
    call: int
    word: str | None

    def __str__(self) -> str:
        return f"{self.scenario}, tick {self.tick}: the switch says {self.word} from before call {self.call}"


@dataclass(frozen=True, order=True)
class Told:
    """One run before one of whose calls something is said; who *dies* says it and does not wait."""

    scenario: str
    tick: int
    call: int
    kind: CommandKind
    dies: bool

    def __str__(self) -> str:
        manner = "by one who dies" if self.dies else "by one who waits"
        return f"{self.scenario}, run {self.tick}: {self.kind} said before call {self.call}, {manner}"


@dataclass(frozen=True, order=True)
class Met:
    """A tick before one of whose calls a watch run begins, or a watch run and a tick."""

    scenario: str
    tick: int
    call: int

    def __str__(self) -> str:
        return f"{self.scenario}, run {self.tick}: met before call {self.call}"


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


Job = tuple[str, str, Case | Overtaken | Switched | Wiped | Told | Met]


def crash_jobs() -> Iterator[Job]:
    """Every call of every target, under each fault and each way of starting again."""
    for target in TARGETS:
        trail = undisturbed(target.scenario).trails[target.tick]
        after = _first_commit(trail) if target.recovers else 0
        for case in faults_everywhere(target.scenario, target.tick, after=after):
            yield "crash", target.kind, case


def overtaken_jobs() -> Iterator[Job]:
    """Every call of every target: the same tick after its lease, the next tick, and a twin."""
    for target in _FIRST_TIMES:
        lease = LEASE_SECONDS
        for call in range(1, len(undisturbed(target.scenario).trails[target.tick]) + 1):
            base = Overtaken(target.scenario.name, target.tick, call, lease)
            yield "stall", target.kind, base
            yield "stall", target.kind, replace(base, into_next=True)
            yield "twin", target.kind, replace(base, seconds=0)


def switch_jobs() -> Iterator[Job]:
    """Every call of every target: HALT, and one of the words that the switch does not say already."""
    for target in DARKENED:
        said = [beat.switch for beat in target.scenario.beats[: target.tick + 1] if beat.switch is not None]
        others = [word for word in _WORDS if word != (said[-1] if said else TradingState.RUN)]
        for call in range(1, len(undisturbed(target.scenario).trails[target.tick]) + 1):
            for word in (TradingState.HALT, others[call % len(others)]):
                yield "switch", target.kind, Switched(target.scenario.name, target.tick, call, word)


def dark_jobs() -> Iterator[Job]:
    """Every call of every target: from there on requests are lost, or the answers to them."""
    ways = tuple(Restart)
    for target in DARKENED:
        for call in range(1, len(undisturbed(target.scenario).trails[target.tick]) + 1):
            for fault in (Fault.LOST_REQUEST, Fault.LOST_REPLY):
                yield "dark", target.kind, Case(target.scenario.name, target.tick, call, fault, ways[call % len(ways)])


def command_jobs() -> Iterator[Job]:
    """Every call of every target: a flatten, the close of a lot where one is held, a pause or the end of a flatten."""
    for target in _FIRST_TIMES:
        story = undisturbed(target.scenario)
        other = CommandKind.RESUME if target.scenario is COMMANDED else CommandKind.PAUSE
        kinds = [CommandKind.FLATTEN, *([CommandKind.CLOSE] if story.holds[target.tick] else []), other]
        for call in range(1, len(story.trails[target.tick]) + 1):
            for place, kind in enumerate(kinds):
                dies = (call + place) % 2 == 0
                yield "commands", target.kind, Told(target.scenario.name, target.tick, call, kind, dies)


def watch_jobs() -> Iterator[Job]:
    """Every call of every target that is a tick or a watch run."""
    for target in MEETING:
        for call in range(1, len(undisturbed(target.scenario).trails[target.tick]) + 1):
            yield "watches", target.kind, Met(target.scenario.name, target.tick, call)


def every_job() -> list[Job]:
    """All of them."""
    struck = (*crash_jobs(), *overtaken_jobs(), *switch_jobs(), *dark_jobs())
    return [*struck, *command_jobs(), *watch_jobs(), *wipe_jobs()]


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
        done = (dark_case if sweep == "dark" else crash_case)(scenario, case)
        return Outcome(sweep, kind, done.method, done.compared, tuple(f"{case}: {each}" for each in done.broken))
    if isinstance(case, Wiped):
        found = wiped_case(scenario, case.tick)
        return Outcome(sweep, kind, "the table", compared=True, broken=tuple(f"{case}: {each}" for each in found))
    method = undisturbed(scenario).trails[case.tick][case.call - 1]
    if isinstance(case, (Told, Met)):
        found = (
            told_case(scenario, case.tick, case.call, case.kind, dies=case.dies)
            if isinstance(case, Told)
            else met_case(scenario, case.tick, case.call)
        )
        return Outcome(sweep, kind, method, compared=False, broken=tuple(f"{case}: {each}" for each in found))
    if isinstance(case, Switched):
        found = switched_case(scenario, case.tick, case.call, case.word)
        return Outcome(sweep, kind, method, compared=False, broken=tuple(f"{case}: {each}" for each in found))
    beats = beats_of(scenario)
    beat = beats[case.tick]
    other = beats[case.tick + 1] if case.into_next else beat
    at = other.at if case.into_next else Instant(beat.at + case.seconds)
    found = overtaken_case(scenario, case.tick, case.call, other, at)
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
