"""Somebody who acts on what an operator says in a folder: a second thread whose runs are real."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from desk.in_memory import ManualClock
from simulation.recovery_world import after_tick
from simulation.scenarios import ETH, FLATTEN
from simulation.world import SCOPE, Bar, Scenario, World
from trader.adapters.local.atomic_files import replace_text
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.cycle import CycleReport
from trader.entry.events import RunTick, SwitchChanged
from trader.entry.perform import perform
from trader.model.commands import Command
from trader.model.ids import Instant
from trader.ports import KillSwitch, Ports, StateStore
from unit.desk.operated_folder import NOW, ledger_in, switch_in

RUN_SECONDS = 100
#: ETH does not move, so that nothing is bought at its bid and no child follows it.
_STILL = replace(FLATTEN, name="attended", scripts={**FLATTEN.scripts, ETH: [Bar(100.0)] * 45})
#: After this tick one lot of SOL is held and protected, and an entry of ETH rests at the venue.
HELD = _STILL, 1


class Runner:
    """Runs of a world whose books lie in another store; its clock stands where a command is said."""

    def __init__(self, world: World, store: StateStore, switch: KillSwitch) -> None:
        self.world, self.store, self._switch = world, store, switch
        self.reports: list[CycleReport] = []

    def ports(self) -> Ports:
        instead = {"store": self.store, "kill_switch": self._switch}
        return self.world.ports("runner", instead.get)

    def run(self, request: RunTick | SwitchChanged | Command) -> CycleReport:
        """One run, of whatever asks for it."""
        report = perform(request, self.world.scenario.pipeline, self.ports(), RUN_SECONDS)
        self.reports.append(report)
        return report

    def act(self) -> None:
        """A run for every command that none has acted on."""
        reading = self.store.look(SCOPE)
        assert reading.ledger is not None
        for command in reading.commands.find_new(reading.ledger.applied_commands):
            self.run(command)


def a_world(held: tuple[Scenario, int] = HELD, at: Instant = NOW) -> World:
    """The world after a tick of a script, at the instant at which commands are said."""
    world = after_tick(*held)
    world.clock = ManualClock(at)
    world.__post_init__()
    return world


def a_runner_in(home: Path, world: World) -> Runner:
    """The books of a world in a folder, its switch at RUN."""
    replace_text(ledger_in(home), world.store.texts[SCOPE])
    switch_in(home).write_text("RUN\n", encoding="utf-8")
    return Runner(world, FileStateStore(home), FileKillSwitch(switch_in(home)))


@contextmanager
def occupied(home: Path) -> Iterator[None]:
    """A process works there, as far as anybody can see."""
    with (home / ".running").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("4711\n")
        file.flush()
        yield


@contextmanager
def working(home: Path, act: Callable[[], object], every_seconds: float = 0.05) -> Iterator[None]:
    """A second thread that works in a folder and does something again and again; what it raises is raised here."""
    over, raised = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            while not over.wait(every_seconds):
                act()
        except BaseException as error:  # noqa: BLE001 - it is raised where the test is
            raised.append(error)

    thread = threading.Thread(target=work)
    with occupied(home):
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
    if raised:
        raise raised[0]
