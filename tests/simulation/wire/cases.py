"""Cases on the real adapters: a scenario with one thing gone wrong in it, told from its first tick to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from desk.recovery.store import RebuildOptions, write_rebuilt
from simulation.checker import positions, refusals, working_entries
from simulation.errands import seconds_beside
from simulation.fault_run import Restart, books_of, differences, is_converting
from simulation.nemesis import Fault, Nemesis
from simulation.wire.telling import Telling
from simulation.wire.world import WireWorld, open_wire_world
from simulation.world import LEASE_SECONDS, RUN_SECONDS, Beat, Scenario
from trader.cycle import CycleOutcome, CycleReport
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.trading_state import TradingState

_SWITCHED_BEATS = 3
_FLAT_AFTER = 2

#: What two histories must agree in; ids of the venue and times are theirs alone.
_ECONOMY = ("cash", "capital", "converted", "closed", "books", "dust", "losses", "orders", "venue money")


@dataclass(frozen=True)
class Undisturbed:
    """How a scenario goes by itself: the calls of each run, whether it began with lots, the end, and what was wrong."""

    trails: tuple[tuple[str, ...], ...]
    holds: tuple[bool, ...]
    economy: Mapping[str, Any]
    found: tuple[str, ...]


@cache
def undisturbed(scenario: Scenario) -> Undisturbed:
    """Play a scenario without a fault, once per process."""
    with open_wire_world(scenario) as world:
        telling, trails, holds = Telling(world), [], []
        for beat in telling.beats:
            telling.stage(beat)
            ledger = world.ledger()
            holds.append(ledger is not None and bool(ledger.lots))
            nemesis = Nemesis()
            assert telling.invoke(beat, "undisturbed", nemesis) is not None
            telling.look(healthy=True)
            trails.append(tuple(nemesis.trail))
        telling.conclude()
        return Undisturbed(tuple(trails), tuple(holds), economy_of(world), (*telling.found, *refusals(world)))


@cache
def recovering(scenario: Scenario, index: int, after: int) -> tuple[str, ...]:
    """The calls of the second invocation of a tick whose first died after one of its calls."""
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.come_to(index)
        telling.invoke(beat, "dead", Nemesis(after, Fault.AFTER))
        world.free_the_lease()
        nemesis = Nemesis()
        telling.invoke(beat, "recovers", nemesis)
        return tuple(nemesis.trail)


@dataclass(frozen=True, order=True)
class Case:
    """One fault at one call of one tick, and how the tick is started again; enough to play it again.

    ``after`` is a call at which an earlier invocation of the same tick died, so that the one that is struck recovers.
    """

    scenario: str
    tick: int
    call: int
    fault: Fault
    restart: Restart
    after: int = 0

    def __str__(self) -> str:
        before = f"dead after call {self.after}, then " if self.after else ""
        return f"{self.scenario}, tick {self.tick}: {before}{self.fault} at call {self.call}; {self.restart}"


@dataclass(frozen=True)
class Verdict:
    """What became of a case. ``compared``: it had to end as the undisturbed history does, and was held against it."""

    case: Case
    method: str
    compared: bool
    broken: tuple[str, ...]


def crash_case(scenario: Scenario, case: Case) -> Verdict:
    """Let a fault strike one call, start again, and play the scenario to its end."""
    as_undisturbed = undisturbed(scenario).economy
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.come_to(case.tick)
        converting = False
        if case.after:
            telling.invoke(beat, "dead", Nemesis(case.after, Fault.AFTER))
            world.free_the_lease()
            converting = is_converting(world)
        nemesis = Nemesis(case.call, case.fault)
        report = telling.invoke(beat, "struck", nemesis)
        if not nemesis.has_struck:
            return Verdict(case, "not reached", compared=False, broken=(*telling.found, "the call was not reached"))
        telling.look(healthy=False)
        method = nemesis.trail[case.call - 1]
        converting = converting or is_converting(world) or "/convert/" in method
        ended = report is not None and report.outcome is not CycleOutcome.ABORTED
        if not ended:
            _start_again(telling, beat, case.restart)
        telling.play(telling.beats[case.tick + 1 :], "later")
        telling.conclude()
        # A lost reply is made good by asking again below the cycle, or the tick is run again: all must be the same.
        compared = not converting and (ended or case.restart is Restart.AT_ONCE)
        if compared:
            telling.found += differences(dict(as_undisturbed), economy_of(world))
        return Verdict(case, method, compared, tuple(telling.found))


def _start_again(telling: Telling, beat: Beat, restart: Restart) -> None:
    if restart is Restart.NOT:
        return
    if restart is Restart.AT_ONCE:
        telling.world.free_the_lease()
    else:
        telling.world.clock.set(Instant(beat.at + LEASE_SECONDS))
    telling.cycle(beat, "restarted")


class Dark(Nemesis):
    """From one call to the end of its invocation nothing is answered: requests are lost, or the answers to them."""

    def __init__(self, dark_from: int, fault: Fault) -> None:
        super().__init__(0, fault)
        self.dark_from = dark_from

    def strike(
        self, name: str, act: Callable[[], Any], lose: Callable[[], Any] | None, args: tuple[Any, ...] = ()
    ) -> Any:
        """Lose it, from the chosen call on."""
        if 0 < self.dark_from <= len(self.trail) + 1:
            self.at = len(self.trail) + 1
        return super().strike(name, act, lose, args)


def dark_case(scenario: Scenario, case: Case) -> Verdict:
    """Let nothing be answered from one call of a tick on, start again, and play the scenario to its end."""
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.come_to(case.tick)
        nemesis = Dark(case.call, case.fault)
        report = telling.invoke(beat, "in the dark", nemesis)
        if not nemesis.has_struck:
            return Verdict(case, "not reached", compared=False, broken=(*telling.found, "the call was not reached"))
        telling.look(healthy=False)
        if report is None or report.outcome is CycleOutcome.ABORTED:
            _start_again(telling, beat, case.restart)
        later = telling.beats[case.tick + 1 :]
        telling.play([each for each in later if each.at >= world.clock.now()], "later")
        telling.conclude()
        return Verdict(case, nemesis.trail[case.call - 1], compared=False, broken=tuple(telling.found))


def switched_case(scenario: Scenario, index: int, call: int, word: str | None) -> tuple[str, ...]:
    """Turn the kill switch just before a call of a tick; let it stay so for three ticks, then say RUN.

    What it must bring about, beside that nothing leaves which it forbids: from the next cycle on no entry of ours
    works, and with FLATTEN two cycles later nothing is held.
    """
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.come_to(index)
        nemesis = Nemesis(hook_at=call, hook=lambda: world.put_switch(word))
        telling.invoke(beat, "switched", nemesis)
        telling.found += [] if len(nemesis.trail) >= call else ["the call was not reached"]
        telling.look(healthy=True)
        for count in range(1, _SWITCHED_BEATS + 1):
            later = Beat(beat.bar + count)
            telling.world.clock.set(later.at)
            telling.cycle(later, "under the switch")
            if word != TradingState.RUN:
                telling.found += [f"{each} still works {count} cycles after {word}" for each in working_entries(world)]
            if word == TradingState.FLATTEN and count >= _FLAT_AFTER:
                telling.found += [f"{each} is still held {count} cycles after FLATTEN" for each in positions(world)]
        world.put_switch(TradingState.RUN)
        for count in range(_SWITCHED_BEATS + 1, _SWITCHED_BEATS + 3):
            later = Beat(beat.bar + count)
            telling.world.clock.set(later.at)
            telling.cycle(later, "running again")
        telling.conclude()
        return tuple(telling.found)


def overtaken_case(scenario: Scenario, index: int, call: int, other: Beat, at: Instant) -> tuple[str, ...]:
    """Freeze a tick just before a call, run another invocation whole at some instant, and let the first wake up."""
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.come_to(index)
        seen: list[CycleReport | None] = []
        owners: list[str] = []

        def meanwhile() -> None:
            owners.append(world.lease_owner())
            world.clock.set(at)
            if other.switch is not None:
                world.put_switch(other.switch)
            seconds = seconds_beside(world) if at == beat.at else RUN_SECONDS
            seen.append(telling.invoke(other, "the other", seconds=seconds))

        first = telling.invoke(beat, "the first", Nemesis(hook_at=call, hook=meanwhile))
        telling.look(healthy=True)
        telling.found += _both(first, seen, is_twin=at == beat.at, decides=beat.decides, had_lease=any(owners))
        done = index + 1 if other is beat else index + 2
        telling.play(telling.beats[done:], "later")
        telling.conclude()
        return tuple(telling.found)


def wiped_case(scenario: Scenario, index: int) -> tuple[str, ...]:
    """Lose every item of the table after a tick, rebuild the ledger from audit and venue, and play on."""
    as_undisturbed = undisturbed(scenario).economy
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        telling.play(telling.beats[: index + 1], "before")
        lost = world.ledger()
        beside = _beside(world)
        assert lost is not None
        world.wipe()
        with world.invocation("operator", Nemesis()) as ports:
            made, _ = write_rebuilt(world.place(ports), RebuildOptions())
        telling.found += differences(_fields(lost), _fields(made.ledger))
        if made.ledger.fills_known_until < lost.fills_known_until:
            telling.found.append(
                f"fills were known until {lost.fills_known_until}, now {made.ledger.fills_known_until}"
            )
        telling.found += differences(beside, _beside(world))
        telling.play(telling.beats[index + 1 :], "later")
        telling.conclude()
        telling.found += differences(dict(as_undisturbed), economy_of(world))
        return tuple(telling.found)


def _fields(ledger: Ledger) -> dict[str, Any]:
    """Every field but the caches, what is told of the last run and to the alarms, and the watermark.

    A watch run that finds nothing due writes nothing, so a rebuild right after it knows of a later look.
    """
    untold = ("products", "fees", "bars_on_record", "last_run", "fills_known_until", "alarms")
    return {each.name: getattr(ledger, each.name) for each in fields(ledger) if each.name not in untold}


def _beside(world: WireWorld) -> dict[str, dict[str, Any]]:
    """The fills and finished orders stored beside the ledger, by id."""
    return {
        "fills": {str(fill.trade_id): fill for fill in world.stored_fills()},
        "orders": {str(record.intent.client_order_id): record for record in world.stored_orders()},
    }


def _both(
    first: CycleReport | None, seen: Sequence[CycleReport | None], *, is_twin: bool, decides: bool, had_lease: bool
) -> list[str]:
    """Of two invocations that met, exactly one may have done the tick; who froze past its lease may not.

    Runs that are no ticks may both have run, the second with nothing left to do: twins, and those of which one fell
    asleep before it took the lease, or had given it back and only looked whether all was done.
    """
    reports = (first, *seen)
    outcomes = [report and report.outcome for report in reports]
    did = [_did(report, decides=decides) for report in reports]
    if is_twin and not decides and all(did):
        return []
    if not had_lease and not decides and any(did) and None not in outcomes:
        return []
    if is_twin:
        return [] if sorted(did) == [False, True] and None not in outcomes else [f"twins ended as {outcomes}"]
    return [] if did == [False, True] and None not in outcomes else [f"sleeper and other ended as {outcomes}"]


def _did(report: CycleReport | None, *, decides: bool) -> bool:
    """Whether an invocation did its run: who abstained before there were books has done nothing.

    Nor has a run that is no tick and abstained: it found a free lease, and no time to read the account.
    """
    if report is None or report.after is None or (report.outcome is CycleOutcome.ABSTAINED and not decides):
        return False
    return report.outcome not in (CycleOutcome.SKIPPED, CycleOutcome.ABORTED)


def economy_of(world: WireWorld) -> dict[str, Any]:
    """Everything that is worth money, under names that any history of the scenario has in common."""
    books = books_of(world)
    lots = {key: (lot[0], lot[2], lot[3], lot[4], lot[5]) for key, lot in books["lots"].items()}
    return {**{name: books[name] for name in _ECONOMY}, "lots": lots}


def faults_everywhere(scenario: Scenario, tick: int, *, after: int = 0) -> list[Case]:
    """Every call of a tick, struck before, after, and by a lost reply; a dead tick is started again in three ways."""
    calls = len(recovering(scenario, tick, after) if after else undisturbed(scenario).trails[tick])
    base = Case(scenario.name, tick, 0, Fault.BEFORE, Restart.AT_ONCE, after)
    found = []
    for call in range(1, calls + 1):
        found.append(replace(base, call=call, fault=Fault.LOST_REPLY))
        found += [
            replace(base, call=call, fault=fault, restart=restart)
            for fault in (Fault.BEFORE, Fault.AFTER)
            for restart in Restart
        ]
    return found
