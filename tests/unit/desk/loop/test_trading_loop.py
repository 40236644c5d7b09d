"""The loop over a folder: what it runs, what wakes it, what it takes over, what ends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desk.controls import FolderControls
from desk.loop.trading_loop import open_when_there
from desk.stop import StopRequest
from simulation.scenarios import FLATTEN
from simulation.world import SCOPE, START
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.errors import ConfigError, LedgerCorrupt, StoreUnavailable, VenueAuth, VenueUnavailable
from trader.model.commands import Command, CommandKind
from trader.model.cycle_state import CyclePhase
from trader.model.ids import Instant, cycle_id_at
from trader.model.trading_state import TradingState
from trader.ports import LeaseGrant, Ports, StateStore
from unit.desk.loop.loop_in_folder import FolderLoop, StoppingClock


class Wrapped:
    """A port with some of its methods replaced."""

    def __init__(self, inner: object, **methods: object) -> None:
        self._inner = inner
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def of_runs(said: list[str], word: str) -> list[str]:
    """The instants of the lines about one kind of run."""
    return [line.split()[0][11:19] for line in said if line.split()[1:2] == [word]]


def test_ticks_run_at_the_instants_of_the_period_and_looks_only_tell_what_they_did(tmp_path: Path) -> None:
    """At 12:00 an entry leaves, in the bar to 12:10 it fills; the look of 12:06 has nothing to say."""
    loop = FolderLoop(tmp_path, seconds=720)

    said = loop.run()

    assert ["12:00:00", "12:05:00", "12:10:00"] == of_runs(said, "tick")
    assert "order" in said[0]
    assert "equity 10000.00 USD" in said[0]
    assert said[0].endswith("next 12:05:00Z")
    assert cycle_id_at(Instant(START + 600)) == loop.ledger().last_cycle.cycle_id  # type: ignore[union-attr]


def test_books_that_are_just_opened_are_shown_at_once(tmp_path: Path) -> None:
    """Four minutes after its instant the tick enters nothing; the next one, and only that, is an ordinary one."""
    loop = FolderLoop(tmp_path, begins=Instant(START + 240), seconds=120)

    said = loop.run()

    assert ["12:04:00", "12:05:00"] == of_runs(said, "tick")
    assert "0 lots" in said[0]
    assert ("order" in said[0], "order" in said[1]) == (False, True)


def test_lease_of_a_dead_process_is_freed_at_the_start(tmp_path: Path) -> None:
    """However long it says it lasts."""
    store = FileStateStore(tmp_path)
    FileKillSwitch(tmp_path / "kill-switch").write(TradingState.RUN)
    store.acquire(SCOPE, "a dead process", START, 10**9)

    said = FolderLoop(tmp_path, seconds=30).run()

    assert ["12:00:00"] == of_runs(said, "tick")
    assert not store.look(SCOPE).owner


def test_second_loop_in_the_same_period_does_not_run_its_tick_again(tmp_path: Path) -> None:
    """Stopped at 12:00:30 and started again, it waits for 12:05."""
    FolderLoop(tmp_path, seconds=30).run()

    said = FolderLoop(tmp_path, begins=Instant(START + 40), seconds=300).run()

    assert ["12:05:00"] == of_runs(said, "tick")


def test_clock_that_was_put_back_keeps_nothing_waiting(tmp_path: Path) -> None:
    """After an hour's jump back the next tick runs at its instant."""
    loop = FolderLoop(tmp_path, begins=Instant(START + 3600), seconds=10**9)
    stop: list[StoppingClock] = []

    def take_clock(ports: Ports) -> Ports:
        assert isinstance(ports.clock, StoppingClock)
        stop.append(ports.clock)
        return replace(ports, store=Wrapped(ports.store, acquire=refuse_lease))  # type: ignore[arg-type]

    def put_back() -> None:
        stop[0].at, stop[0].until = Instant(START + 100), Instant(START + 310)

    loop.wrap, loop.plans[Instant(START + 3610)] = take_clock, put_back

    said = loop.run()

    assert ["13:00:00", "12:05:00"] == of_runs(said, "tick")


def refuse_lease(*_: object) -> LeaseGrant:
    raise StoreUnavailable("the disk is busy")


def test_switch_that_was_turned_is_followed_at_once(tmp_path: Path) -> None:
    """Not at the next look: FLATTEN at 12:11:05 sells the lot within a second or two."""
    loop = FolderLoop(tmp_path, FLATTEN, seconds=700)
    loop.plans[Instant(START + 665)] = lambda: FileKillSwitch(tmp_path / "kill-switch").write(TradingState.FLATTEN)

    said = loop.run()

    assert ["12:11:05"] == of_runs(said, "switch")
    assert "order sent" in said[-1]
    assert not loop.ledger().lots


def test_switch_file_that_was_written_with_the_same_word_wakes_nobody(tmp_path: Path) -> None:
    """Only a word that changed is a change."""
    loop = FolderLoop(tmp_path, seconds=50)
    loop.plans[Instant(START + 20)] = lambda: FileKillSwitch(tmp_path / "kill-switch").write(TradingState.RUN)

    assert not of_runs(loop.run(), "switch")


def test_command_in_its_slot_is_obeyed_at_once_and_once(tmp_path: Path) -> None:
    """A flatten, given as the command line gives it."""
    loop = FolderLoop(tmp_path, FLATTEN, seconds=700)
    at = Instant(START + 665)
    flatten = Command(CommandKind.FLATTEN, at, "")
    loop.plans[at] = lambda: FolderControls(tmp_path).give(SCOPE, flatten, {})

    said = loop.run()

    assert ["12:11:05"] == of_runs(said, "flatten")
    assert "order sent" in said[-1]
    assert not loop.ledger().lots
    assert "flatten" in loop.ledger().applied_commands


def test_command_that_stood_before_the_start_is_obeyed_first(tmp_path: Path) -> None:
    """It was given while nothing ran."""
    FolderLoop(tmp_path, seconds=30).run()
    FolderControls(tmp_path).give(SCOPE, Command(CommandKind.RECONCILE, Instant(START + 35), ""), {})

    said = FolderLoop(tmp_path, begins=Instant(START + 40), seconds=10).run()

    assert ["12:00:40"] == of_runs(said, "reconcile")


def test_command_that_no_run_can_act_on_is_not_tried_every_second(tmp_path: Path) -> None:
    """The store fails under it: one line, and the next look tries again."""
    loop = FolderLoop(tmp_path, begins=Instant(START + 200), seconds=30)
    FileKillSwitch(tmp_path / "kill-switch").write(TradingState.RUN)
    FolderControls(tmp_path).give(SCOPE, Command(CommandKind.RECONCILE, Instant(START + 199), ""), {})
    loop.wrap = lambda ports: replace(ports, store=Wrapped(ports.store, acquire=refuse_lease))  # type: ignore[arg-type]

    said = loop.run()

    assert ["12:03:20"] == of_runs(said, "reconcile")
    assert "StoreUnavailable: the disk is busy" in said[0]


def test_cycle_that_fails_is_one_line_and_the_next_one_runs(tmp_path: Path) -> None:
    """A disk that fails for a while ends nothing."""
    fails_until = Instant(START + 100)

    def wrap(ports: Ports) -> Ports:
        def acquire(scope: object, owner: str, now: Instant, seconds: int) -> LeaseGrant:
            if now < fails_until:
                raise StoreUnavailable("the disk\nis full")
            return ports.store.acquire(scope, owner, now, seconds)  # type: ignore[arg-type]

        store: StateStore = Wrapped(ports.store, acquire=acquire)  # type: ignore[assignment]
        return replace(ports, store=store)

    said = FolderLoop(tmp_path, seconds=330, wrap=wrap).run()

    assert "ERROR: StoreUnavailable: the disk is full" in said[0]
    assert ["12:00:00", "12:05:00"] == of_runs(said, "tick")


def test_folder_that_cannot_be_looked_at_is_told_once(tmp_path: Path) -> None:
    """A folder stands where the ledger was; whatever runs tells of it as well, and the loop goes on."""
    loop = FolderLoop(tmp_path, seconds=90)
    ledger = FileStateStore(tmp_path).folder(SCOPE) / "ledger.json"

    def put_away() -> None:
        ledger.rename(tmp_path / "kept")
        ledger.mkdir()

    def put_back() -> None:
        ledger.rmdir()
        (tmp_path / "kept").rename(ledger)

    loop.plans[Instant(START + 20)], loop.plans[Instant(START + 50)] = put_away, put_back

    said = loop.run()

    assert len([line for line in said if line.startswith("the folder could not be looked at")]) == 1
    assert loop.ledger()


def test_cycle_at_work_is_finished_when_asked_to_stop(tmp_path: Path) -> None:
    """The signal comes while it holds the lease: its order leaves, the books are closed, and nothing more begins."""

    def wrap(ports: Ports) -> Ports:
        def acquire(*given: object) -> LeaseGrant:
            assert isinstance(ports.clock, StoppingClock)
            ports.clock.stop._hear(15, None)
            return ports.store.acquire(*given)  # type: ignore[arg-type]

        return replace(ports, store=Wrapped(ports.store, acquire=acquire))  # type: ignore[arg-type]

    loop = FolderLoop(tmp_path, seconds=10**6, wrap=wrap)

    said = loop.run()

    assert ["12:00:00"] == of_runs(said, "tick")
    assert "order" in said[0]
    assert CyclePhase.FINISHED is loop.ledger().last_cycle.phase  # type: ignore[union-attr]
    assert not FileStateStore(tmp_path).look(SCOPE).owner


def test_ledger_that_cannot_be_read_ends_the_loop(tmp_path: Path) -> None:
    """At the start, and when it is damaged on the way."""
    loop = FolderLoop(tmp_path, seconds=330)
    ledger = FileStateStore(tmp_path).folder(SCOPE) / "ledger.json"
    loop.plans[Instant(START + 100)] = lambda: ledger.write_text("{", encoding="utf-8")

    with pytest.raises(LedgerCorrupt):
        loop.run()
    with pytest.raises(LedgerCorrupt):
        FolderLoop(tmp_path).run()

    assert ["12:00:00"] == of_runs(loop.said, "tick")


def test_unreadable_switch_halts_and_ends_nothing(tmp_path: Path) -> None:
    """It wakes a run, as a turned one does, and the loop goes on."""
    loop = FolderLoop(tmp_path, seconds=330)
    loop.plans[Instant(START + 20)] = (tmp_path / "kill-switch").unlink

    said = loop.run()

    assert ["12:00:20"] == of_runs(said, "switch")
    assert all("HALTED" in line for line in said[1:])


def test_venue_that_is_away_is_named_once_and_asked_until_it_answers() -> None:
    """Every five seconds; an answer ends the waiting."""
    stop, said, tries = StopRequest(), list[str](), list[Instant]()
    clock = StoppingClock(START, Instant(START + 100), stop)

    def ask() -> Ports:
        tries.append(clock.now())
        if len(tries) < 4:
            raise VenueUnavailable("nothing listens there")
        return ports

    ports: Ports = object()  # type: ignore[assignment]

    opened = open_when_there(ask, "http://venue", clock, stop, said.append)

    assert opened is ports
    assert [0, 5, 10, 15] == [at - START for at in tries]
    assert ["http://venue gives no usable answer; it is asked again every 5 s: nothing listens there"] == said


def test_waiting_for_a_venue_ends_when_asked_and_for_what_it_cannot_mend() -> None:
    """A stop; a key that is refused; a configuration."""
    stop = StopRequest()
    clock = StoppingClock(START, Instant(START + 20), stop)

    def fail(error: Exception) -> Ports:
        raise error

    assert open_when_there(lambda: fail(VenueUnavailable("")), "v", clock, stop, lambda _: None) is None
    for error in (VenueAuth("refused"), ConfigError("no key")):
        with pytest.raises(type(error)):
            open_when_there(lambda error=error: fail(error), "v", clock, StopRequest(), lambda _: None)  # type: ignore[misc]
