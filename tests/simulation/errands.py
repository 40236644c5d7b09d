"""What a beat of a script asks of the function: a tick, a watch run or a command; and invocations that wait in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Protocol

from simulation.observed import ObservedWorld
from simulation.world import RUN_SECONDS, Beat, tick_of
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import RunTick, RunWatch
from trader.entry.perform import perform
from trader.errors import CommandRefused, LeaseHeld
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant
from trader.ports import Clock, Ports

_PAUSE_SECONDS = 6 * 3600
#: Whoever has no more than this does not wait for the lease.
_NO_PATIENCE = 30


def seconds_beside(world: ObservedWorld) -> int:
    """Say how much time an invocation gets that comes while another is at work: no more than a look at a held lease."""
    return _NO_PATIENCE if world.lease_owner() else RUN_SECONDS


def request_of(beat: Beat, world: ObservedWorld) -> RunTick | RunWatch | Command:
    """Say what a beat asks for; the same beat always asks for the same."""
    if beat.command is not None:
        return command_of(beat.command, beat.at, world)
    return RunWatch(beat.at) if beat.watches else RunTick(beat.at)


def command_of(kind: CommandKind, at: Instant, world: ObservedWorld) -> Command:
    """Make a command: to close the oldest lot there ever was, to pause the first product; a resume abandons."""
    command = Command(kind, at, f"{kind}-{at}", "operator", "told to")
    if kind is CommandKind.CLOSE:
        return replace(command, target=oldest_lot(world) or "none")
    if kind is CommandKind.PAUSE:
        base = min(product.base for product in world.scenario.products if product.product_id in world.scenario.scripts)
        return replace(command, target=f"product {base}", until=Instant(at + _PAUSE_SECONDS))
    return replace(command, abandon=kind is CommandKind.RESUME)


def oldest_lot(world: ObservedWorld) -> str | None:
    """Name the lot that was opened first, closed or not."""
    ledger = world.ledger()
    lots = {**ledger.closed_lots, **ledger.lots} if ledger is not None else {}
    return min(lots, key=lambda lot_id: (lots[lot_id].opened_at, lot_id), default=None)


def do_errand(beat: Beat, world: ObservedWorld, ports: Ports, seconds: int = RUN_SECONDS) -> CycleReport:
    """Do what a beat asks for, as the function does; what it would raise there and come again for is ABORTED here."""
    try:
        return perform(request_of(beat, world), world.scenario.pipeline, ports, seconds)
    except LeaseHeld as held:
        return CycleReport(tick_of(beat, beat.at), CycleOutcome.ABORTED, str(held))
    except CommandRefused as refused:
        return CycleReport(tick_of(beat, beat.at), CycleOutcome.SKIPPED, str(refused))


class _Stack(Protocol):
    """Who has a hand on the wires."""

    stack: list[object]


@dataclass
class Strand:
    """An invocation beside another one: on a thread of its own, and only ever one of the two is at work.

    It begins at some request of the other. Where it waits for the lease, the other goes on to its end; then it goes on.
    """

    owner: str
    world: ObservedWorld
    advance: Callable[[int], object]
    hands: _Stack | None = None
    report: CycleReport | None = None
    error: BaseException | None = None
    is_over: bool = False
    _is_alone: bool = False
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def begin(self, play: Callable[[], CycleReport | None]) -> None:
        """Play it until it ends, or waits for the lease."""

        def run() -> None:
            self._go.acquire()
            try:
                self.report = play()
            except BaseException as error:  # noqa: BLE001  (raised again by whoever waits for it)
                self.error = error
            self.is_over = True
            self._back.release()

        threading.Thread(target=run, daemon=True).start()
        self._step()

    def finish(self) -> CycleReport | None:
        """Play it to its end, now that nobody else is at work."""
        self._is_alone = True
        while not self.is_over:
            self._step()
        if self.error is not None:
            raise self.error
        return self.report

    def clock(self, inner: Clock) -> Clock:
        """Make the clock that it looks at."""
        return _WaitingClock(inner, self)

    def wait(self, inner: Clock, seconds: float) -> None:
        """Let time pass; who waits for the lease lets the other one go on."""
        if self.world.lease_owner() == self.owner:
            inner.wait(seconds)
        elif self._is_alone:
            self.advance(ceil(seconds))
        else:
            self._back.release()
            self._go.acquire()

    def _step(self) -> None:
        before = self.hands.stack if self.hands is not None else []
        if self.hands is not None:
            self.hands.stack = self._own
        self._go.release()
        self._back.acquire()
        if self.hands is not None:
            self.hands.stack = before

    _own: list[object] = field(default_factory=list)


class _WaitingClock:
    """The clock of a strand."""

    def __init__(self, inner: Clock, strand: Strand) -> None:
        self._inner, self._strand = inner, strand

    def now(self) -> Instant:
        return self._inner.now()

    def wait(self, seconds: float) -> None:
        self._strand.wait(self._inner, seconds)
