"""The loop on the real adapters: play a scenario with one fault in it, and look at the world after every cycle.

Nothing is copied here: a case is a history of its own, from the first tick to three quiet ones after the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

from desk.recovery.place import RebuildOptions, write_rebuilt
from simulation.checker import (
    against_the_switch,
    cancels_of_others,
    chain_of,
    convert_too_early,
    open_converts,
    refusals,
    sent_too_early,
    unprotected,
    unsettled,
    violations,
)
from simulation.nemesis import Crash, Fault, Nemesis
from simulation.rig import Restart, books_of, differences, is_converting
from simulation.wire.wires import body_of
from simulation.wire.world import WireWorld, open_wire_world
from simulation.world import Beat, Scenario, tick_of
from trader.adapters.coinbase.bodies import order_body
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.errors import StoreError
from trader.model.ids import Instant
from trader.model.ledger import Ledger

QUIET_BEATS = 3
_PATIENCE = 1
_SETTLED_AFTER = 2
_GIVEN_UP_AFTER = 13

#: What two histories must agree in; ids of the venue and times are theirs alone.
_ECONOMY = ("cash", "capital", "converted", "closed", "books", "dust", "losses", "orders", "venue money")


@dataclass
class Telling:
    """One history as it is told: invocations, and what was found wrong after each."""

    world: WireWorld
    found: list[str] = field(default_factory=list)
    cycles: int = 0
    #: Undisturbed cycles since the last that was disturbed.
    calm: int = 0
    _bare: dict[str, int] = field(default_factory=dict)
    _chain: list[str] = field(default_factory=list)

    def stage(self, beat: Beat) -> None:
        """Let time come to a tick, and the operator have his way."""
        self.world.clock.set(beat.at)
        if beat.switch is not None:
            self.world.put_switch(beat.switch)

    def invoke(self, beat: Beat, owner: str, nemesis: Nemesis | None = None) -> CycleReport | None:
        """Run one invocation; None if it died or could not even tell."""
        nemesis, sent = nemesis or Nemesis(), set[str]()
        nemesis.watchers.append(lambda name, args: self._watch(nemesis, sent, name, args))
        self.cycles += 1
        self.calm = 0
        try:
            with self.world.invocation(owner, nemesis) as ports:
                return run_cycle(tick_of(beat), self.world.scenario.pipeline, ports)
        except (Crash, StoreError):
            return None

    def look(self, *, healthy: bool) -> None:
        """Check what must hold after any cycle; and count for how many healthy ones a lot has been bare."""
        self.found += violations(self.world)
        bare = unprotected(self.world)
        self._bare = {lot: self._bare.get(lot, 0) + 1 for lot in bare} if healthy else {}
        self.found += [
            f"lot {lot} is unprotected after {count} healthy cycles"
            for lot, count in self._bare.items()
            if count > _PATIENCE
        ]
        chain = chain_of(self.world)
        if self._chain and chain[-len(self._chain) :] != self._chain:
            self.found.append(f"the audit chain of {len(self._chain)} objects was left for one of {len(chain)}")
        self._chain = chain

    def cycle(self, beat: Beat, owner: str) -> CycleReport | None:
        """Run one undisturbed invocation, and look; after two of them all must be settled."""
        calm = self.calm + 1
        report = self.invoke(beat, owner)
        self.calm = calm
        if report is None or report.outcome is CycleOutcome.ABORTED:
            self.found.append(f"an undisturbed cycle ended as {report and report.reason}")
        self.look(healthy=True)
        if calm >= _SETTLED_AFTER:
            self.found += unsettled(self.world)
        return report

    def play(self, beats: Sequence[Beat], owner: str) -> None:
        """Run undisturbed ticks one after the other."""
        for beat in beats:
            self.stage(beat)
            self.cycle(beat, owner)

    def conclude(self) -> None:
        """Check what must hold at the end; a conversion in doubt is waited for until its quote is long dead."""
        self.found += unsettled(self.world)
        if not open_converts(self.world):
            return
        last = self.beats[-1].bar
        self.play([Beat(last + _GIVEN_UP_AFTER), Beat(last + _GIVEN_UP_AFTER + 1)], "much later")
        self.found += [f"conversion {each} is open for ever" for each in open_converts(self.world)]

    @property
    def beats(self) -> tuple[Beat, ...]:
        """The scripted ticks, and the quiet ones after them."""
        return beats_of(self.world.scenario)

    def _watch(self, nemesis: Nemesis, sent: set[str], name: str, args: tuple[Any, ...]) -> None:
        """Look at every order as it leaves: announced, remembered as it is, allowed by what the switch last said.

        A second copy of an order, sent because the first was not answered, needs no second word of the switch. A
        conversion is an entry: announced, and allowed. Only orders of ours are cancelled.
        """
        if name.startswith("venue POST /convert/"):
            self.found += convert_too_early(self.world, body_of(args[0]), nemesis.word)
        if name == "venue POST /orders/batch_cancel":
            self.found += cancels_of_others(self.world, body_of(args[0])["order_ids"])
        if name != "venue POST /orders":
            return
        body = body_of(args[0])
        key = body["client_order_id"]
        self.found += sent_too_early(self.world, key, lambda intent: order_body(intent) == args[0].body)
        ledger = self.world.ledger()
        record = ledger.orders.get(key) if ledger is not None else None
        if record is not None and key not in sent:
            self.found += against_the_switch(key, record.intent.leg, nemesis.word, nemesis.trail)
        sent.add(key)


def beats_of(scenario: Scenario) -> tuple[Beat, ...]:
    """The scripted ticks of a scenario, and the quiet ones after them."""
    last = scenario.beats[-1].bar
    return (*scenario.beats, *(Beat(last + 1 + index) for index in range(QUIET_BEATS)))


@dataclass(frozen=True)
class Undisturbed:
    """How a scenario goes by itself: the calls of each tick over the wires, the end, and what was wrong with it."""

    trails: tuple[tuple[str, ...], ...]
    economy: Mapping[str, Any]
    found: tuple[str, ...]


@cache
def undisturbed(scenario: Scenario) -> Undisturbed:
    """Play a scenario without a fault, once per process."""
    with open_wire_world(scenario) as world:
        telling, trails = Telling(world), []
        for beat in telling.beats:
            telling.stage(beat)
            nemesis = Nemesis()
            assert telling.invoke(beat, "undisturbed", nemesis) is not None
            telling.look(healthy=True)
            trails.append(tuple(nemesis.trail))
        telling.conclude()
        return Undisturbed(tuple(trails), economy_of(world), (*telling.found, *refusals(world)))


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
        beat = telling.beats[case.tick]
        telling.play(telling.beats[: case.tick], "before")
        telling.stage(beat)
        converting = False
        if case.after:
            telling.invoke(beat, "dead", Nemesis(case.after, Fault.AFTER))
            world.free_the_lease()
            converting = is_converting(world)
        nemesis = Nemesis(case.call, case.fault)
        report = telling.invoke(beat, "struck", nemesis)
        if not nemesis.has_struck:
            return Verdict(case, "not reached", compared=False, broken=tuple(telling.found))
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
        telling.world.clock.set(Instant(beat.at + telling.world.scenario.settings.cycle.lease_seconds))
    telling.cycle(beat, "restarted")


def overtaken_case(scenario: Scenario, index: int, call: int, other: Beat, at: Instant) -> tuple[str, ...]:
    """Freeze a tick just before a call, run another invocation whole at some instant, and let the first wake up."""
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.beats[index]
        telling.play(telling.beats[:index], "before")
        telling.stage(beat)
        seen: list[CycleReport | None] = []

        def meanwhile() -> None:
            world.clock.set(at)
            if other.switch is not None:
                world.put_switch(other.switch)
            seen.append(telling.invoke(other, "the other"))

        first = telling.invoke(beat, "the first", Nemesis(hook_at=call, hook=meanwhile))
        telling.look(healthy=True)
        telling.found += _both(first, seen, is_twin=at == beat.at)
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
        telling.found += differences(beside, _beside(world))
        telling.play(telling.beats[index + 1 :], "later")
        telling.conclude()
        telling.found += differences(dict(as_undisturbed), economy_of(world))
        return tuple(telling.found)


def _fields(ledger: Ledger) -> dict[str, Any]:
    """Every field but two caches, which the next cycle reads anew."""
    return {each.name: getattr(ledger, each.name) for each in fields(ledger) if each.name not in ("products", "fees")}


def _beside(world: WireWorld) -> dict[str, dict[str, Any]]:
    """The fills and finished orders stored beside the ledger, by id."""
    return {
        "fills": {str(fill.trade_id): fill for fill in world.stored_fills()},
        "orders": {str(record.intent.client_order_id): record for record in world.stored_orders()},
    }


def _both(first: CycleReport | None, seen: Sequence[CycleReport | None], *, is_twin: bool) -> list[str]:
    """Of two invocations that met, exactly one may have done the tick; who froze past its lease may not."""
    outcomes = [report and report.outcome for report in (first, *seen)]
    did = [outcome not in (None, CycleOutcome.SKIPPED, CycleOutcome.ABORTED) for outcome in outcomes]
    if is_twin:
        return [] if sorted(did) == [False, True] and None not in outcomes else [f"twins ended as {outcomes}"]
    return [] if did == [False, True] and None not in outcomes else [f"sleeper and other ended as {outcomes}"]


def economy_of(world: WireWorld) -> dict[str, Any]:
    """Everything that is worth money, under names that any history of the scenario has in common."""
    books = books_of(world)
    lots = {key: (lot[0], lot[2], lot[3], lot[4], lot[5]) for key, lot in books["lots"].items()}
    return {**{name: books[name] for name in _ECONOMY}, "lots": lots}


def faults_everywhere(scenario: Scenario, tick: int, *, after: int = 0, calls: int = 0) -> list[Case]:
    """Every call of a tick, struck before, after, and by a lost reply; a dead tick is started again in three ways."""
    calls = calls or len(undisturbed(scenario).trails[tick])
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
