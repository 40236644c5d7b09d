"""Runs that meet on the real adapters: a command said during a run, a watch run beside a tick, a tick beside one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from simulation.checker import applied, is_flattening, positions, working_entries
from simulation.errands import Strand, command_of
from simulation.fault_run import differences
from simulation.nemesis import Crash, Nemesis
from simulation.wire.cases import economy_of, undisturbed
from simulation.wire.telling import Telling
from simulation.wire.wires import body_of
from simulation.wire.world import WireWorld, open_wire_world
from simulation.world import AFTER_BOUNDARY, START, STEP, Beat, Scenario
from trader.cycle import CycleOutcome, CycleReport
from trader.model.commands import Command, CommandKind
from trader.model.cycle_state import CycleMark, CyclePhase, RunMark
from trader.model.ids import cycle_id_at
from trader.model.orders import OrderPurpose

_WRITES = ("dynamodb.UpdateItem", "dynamodb.TransactWriteItems")
_ENDED = (CycleOutcome.COMPLETED, CycleOutcome.SKIPPED)


@dataclass
class _Meeting:
    """One run, and beside it another that begins just before one of its calls."""

    telling: Telling
    beat: Beat
    call: int
    nemesis: Nemesis = field(default_factory=Nemesis)
    other: Nemesis = field(default_factory=Nemesis)
    strand: Strand | None = None

    @property
    def world(self) -> WireWorld:
        return self.telling.world

    def play(self, beat: Callable[[], Beat]) -> tuple[CycleReport | None, CycleReport | None]:
        """Play both to their ends; return what the first and the other reported."""

        def begin() -> None:
            self.strand = Strand("the other", self.world, self.world.clock.advance, self.world.hands)
            errand = beat()
            self.strand.begin(lambda: self.telling.invoke(errand, "the other", self.other, strand=self.strand))

        self.nemesis.hook_at, self.nemesis.hook = self.call, begin
        first = self.telling.invoke(self.beat, "the first", self.nemesis)
        if self.strand is None:
            self.telling.found.append("the call was not reached")
            return first, None
        return first, self.strand.finish()

    def now(self, after_seconds: int = 0) -> Beat:
        """Make a tick of this instant."""
        late = self.world.clock.now() - START - self.beat.bar * STEP - AFTER_BOUNDARY
        return Beat(self.beat.bar, late=late + after_seconds)

    def go_on(self, index: int) -> Iterator[Beat]:
        """Play what comes later, run by run."""
        for later in self.telling.beats[index + 1 :]:
            self.telling.play([later], "later")
            yield later


@contextmanager
def _meeting(scenario: Scenario, index: int, call: int) -> Iterator[_Meeting]:
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        yield _Meeting(telling, telling.come_to(index), call)


# --- a command at a call of a run


class _DiesAfterWriting(Nemesis):
    """The process is gone as soon as its command is written."""

    def strike(
        self, name: str, act: Callable[[], Any], lose: Callable[[], Any] | None, args: tuple[Any, ...] = ()
    ) -> Any:
        result = super().strike(name, act, lose, args)
        if name == "dynamodb.UpdateItem":
            raise Crash(name)
        return result


def told_case(scenario: Scenario, index: int, call: int, kind: CommandKind, *, dies: bool) -> tuple[str, ...]:
    """Say something just before a call of a run; whoever says it waits for his turn, or dies when he has said it.

    It is acted on once: by the run that was under way, by the one after it, or by the one it woke. What was said
    before the orders of a run are remembered holds its entries back. Once the run has given the lease back, what a
    dead process has said waits for the next one, and a lot that was sold is not closed again.
    """
    with _meeting(scenario, index, call) as met:
        world, found = met.world, met.telling.found
        commands: list[Command] = []
        refused: list[Command] = []
        before, has_ended = _last_run(world), []

        def say() -> Beat:
            errand = replace(met.now(after_seconds=1), command=kind)
            command = command_of(kind, errand.at, world)
            has_ended.append(_last_run(world) != before)
            is_gone = kind is CommandKind.CLOSE and has_ended[0] and command.target not in _lots(world)
            (refused if is_gone else commands).append(command)
            return errand

        met.other = _DiesAfterWriting() if dies else Nemesis()
        met.nemesis.watchers.append(_Heeding(met, commands).look)
        first, second = met.play(say)
        met.telling.look(healthy=True)
        found += _ended(first, second, dies=dies)
        is_woken = not dies or not (any(has_ended) or (first and first.outcome is CycleOutcome.SKIPPED))
        found += [f"{each.command_id} stands" for each in refused if each.text() in _texts(world)]
        found += [each for command in commands for each in _obeyed(world, command, is_woken=is_woken)]
        for _ in met.go_on(index):
            found += [f"{each} is left under a flatten" for each in _left(world)]
        found += [f"lot {each.target} is held although it was to be closed" for each in commands if _is_held(met, each)]
        met.telling.conclude()
        return tuple(found)


def _last_run(world: WireWorld) -> RunMark | None:
    ledger = world.ledger()
    return ledger.last_run if ledger is not None else None


def _lots(world: WireWorld) -> set[str]:
    ledger = world.ledger()
    return set(ledger.lots) if ledger is not None else set()


def _texts(world: WireWorld) -> set[str]:
    return {each.text() for each in world.commands().slots.values()}


def _ended(first: CycleReport | None, second: CycleReport | None, *, dies: bool) -> list[str]:
    reports = (first,) if dies else (first, second)
    outcomes = [report and report.outcome for report in reports]
    return [] if all(outcome in _ENDED for outcome in outcomes) else [f"run and command ended as {outcomes}"]


def _obeyed(world: WireWorld, command: Command, *, is_woken: bool) -> list[str]:
    """Say whether a command stands, and was acted on if anybody has run since."""
    stands = world.commands().slots.get(command.slot)
    found = [] if stands == command else [f"{command.command_id} does not stand, but {stands}"]
    if not is_woken:
        return found
    count = applied(world)[command.command_id]
    found += [] if count == 1 else [f"command {command.command_id} was applied {count} times when its run had ended"]
    return found + (working_entries(world) if command.kind is CommandKind.FLATTEN else [])


def _left(world: WireWorld) -> list[str]:
    return [*working_entries(world), *positions(world)] if is_flattening(world) else []


def _is_held(met: _Meeting, command: Command) -> bool:
    return command.kind is CommandKind.CLOSE and command.target in positions(met.world)


class _Heeding:
    """Looks at the entries of a run as they leave: what was said before its orders were remembered is heeded."""

    def __init__(self, met: _Meeting, commands: list[Command]) -> None:
        self._met, self._commands = met, commands

    def look(self, name: str, args: tuple[Any, ...]) -> None:
        if name != "venue POST /orders" or not self._commands or self._met.call > _remembered(self._met.nemesis.trail):
            return
        key, ledger = body_of(args[0])["client_order_id"], self._met.world.ledger()
        record = ledger.orders.get(key) if ledger is not None else None
        if record is None or record.intent.purpose is not OrderPurpose.ENTRY:
            return
        for command in self._commands:
            if command.kind is CommandKind.FLATTEN or command.target == f"product {record.intent.base}":
                said = f"entry {key} left although {command.slot} had been said before it was remembered"
                self._met.telling.found.append(said)


def _remembered(trail: list[str]) -> int:
    """The call that remembers the orders of a run: the first write after its record."""
    recorded = trail.index("s3.PutObject") if "s3.PutObject" in trail else len(trail)
    return next((call for call, name in enumerate(trail, start=1) if call > recorded and name in _WRITES), 0)


# --- a watch run beside a tick, a tick beside a watch run


def met_case(scenario: Scenario, index: int, call: int) -> tuple[str, ...]:
    """Start a watch run just before a call of a tick, or a tick just before one of a watch run: the tick decides."""
    with _meeting(scenario, index, call) as met:
        found, beat = met.telling.found, met.beat
        beside = replace(met.now(), watches=beat.decides)
        first, second = met.play(lambda: beside)
        met.telling.look(healthy=True)
        ticked, watched = (first, second) if beat.decides else (second, first)
        found += _decided(met, beat if beat.decides else beside, ticked, watched)
        for _ in met.go_on(index):
            pass
        met.telling.conclude()
        if beat.decides and watched is not None and watched.outcome is CycleOutcome.SKIPPED:
            found += differences(dict(undisturbed(scenario).economy), economy_of(met.world))
        return tuple(found)


def _decided(met: _Meeting, tick: Beat, ticked: CycleReport | None, watched: CycleReport | None) -> list[str]:
    ledger, mark = met.world.ledger(), CycleMark(cycle_id_at(tick.at), CyclePhase.FINISHED)
    found = [] if ledger is not None and ledger.last_cycle == mark else [f"the tick {mark.cycle_id} is not the last"]
    if ticked is None or ticked.outcome is not CycleOutcome.COMPLETED or ticked.decision is None:
        found.append(f"the tick ended as {ticked and (ticked.outcome, ticked.reason)}")
    if watched is None or watched.outcome not in _ENDED:
        found.append(f"the watch run ended as {watched and (watched.outcome, watched.reason)}")
    return found
