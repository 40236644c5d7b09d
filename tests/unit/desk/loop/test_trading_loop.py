"""The loop over a folder: what it runs, what wakes it, what it takes over, what ends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from desk.controls import FolderControls
from desk.counting import write_count
from desk.folder_lock import join_folder
from desk.loop.trading_loop import open_when_there
from desk.stop import StopRequest
from factories import USD
from simulation.scenarios import FLATTEN
from simulation.world import SCOPE, START
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.errors import ConfigError, LedgerCorrupt, StoreUnavailable, VenueAuth, VenueUnavailable
from trader.model.commands import Command, CommandKind
from trader.model.cycle_state import CyclePhase
from trader.model.ids import Instant, cycle_id_at
from trader.model.portfolio import assess_equity
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


def test_loop_that_goes_on_says_at_once_what_there_is(tmp_path: Path) -> None:
    """Two minutes after its tick was finished nothing is due; a lot is held, and the next child of a parent rests."""
    FolderLoop(tmp_path, FLATTEN, seconds=700).run()
    loop = FolderLoop(tmp_path, FLATTEN, begins=Instant(START + 720), seconds=30)

    said = loop.run()

    ledger = loop.ledger()
    equity, orders = assess_equity(ledger), write_count(len(ledger.active_orders), "open order")
    assert [f"resumed: equity {equity:,.2f} USD, 1 lot, {orders}; next tick 12:15:00Z"] == said


def test_lease_of_a_dead_process_is_freed_at_the_start(tmp_path: Path) -> None:
    """However long it says it lasts."""
    store = FileStateStore(tmp_path)
    FileKillSwitch(tmp_path / "kill-switch").write(TradingState.RUN)
    store.acquire(SCOPE, "a dead process", START, 10**9)

    said = FolderLoop(tmp_path, seconds=30).run()

    assert ["12:00:00"] == of_runs(said, "tick")
    assert not store.look(SCOPE).owner


def test_lease_of_a_visitor_is_left_to_him(tmp_path: Path) -> None:
    """``trader cycle`` is at work there, or ``trader ledger`` writes: the tick waits a minute for it, as on AWS."""
    store = FileStateStore(tmp_path)
    FileKillSwitch(tmp_path / "kill-switch").write(TradingState.RUN)
    with join_folder(tmp_path):
        grant = store.acquire(SCOPE, "trader cycle", START, 200)
        said = FolderLoop(tmp_path, seconds=100).run()
        store.release(grant)

    assert ["12:01:00"] == of_runs(said, "tick")
    assert "SKIPPED" in said[0]


def test_lease_that_a_failing_disk_kept_is_nobodys_when_the_next_run_begins(tmp_path: Path) -> None:
    """The tick could neither commit nor give it back; the switch is followed at once, not after its 215 seconds."""
    fails_until = Instant(START + 30)

    def wrap(ports: Ports) -> Ports:
        def fail_for_a_while(name: str) -> Callable[..., object]:
            def call(*words: object, **more: object) -> object:
                if ports.clock.now() < fails_until:
                    raise StoreUnavailable("the disk is full")
                return getattr(ports.store, name)(*words, **more)

            return call

        broken = {name: fail_for_a_while(name) for name in ("commit", "release")}
        return replace(ports, store=Wrapped(ports.store, **broken))  # type: ignore[arg-type]

    loop = FolderLoop(tmp_path, seconds=50, wrap=wrap)
    loop.plans[Instant(START + 40)] = lambda: FileKillSwitch(tmp_path / "kill-switch").write(TradingState.REDUCE_ONLY)

    said = loop.run()

    assert ["12:00:00"] == of_runs(said, "tick")
    assert "StoreUnavailable: the disk is full" in said[0]
    assert ["12:00:40"] == of_runs(said, "switch")
    assert "COMPLETED" in said[-1]


@pytest.mark.parametrize("accident", ["moved", "removed"])
def test_folder_that_is_gone_ends_the_loop_and_is_not_made_anew(accident: str, tmp_path: Path) -> None:
    """New books in its place would know of no position, and the kill switch would have lost its word."""
    home = tmp_path / "books"
    loop = FolderLoop(home, seconds=330)
    loop.plans[Instant(START + 20)] = (
        (lambda: home.rename(tmp_path / "elsewhere")) if accident == "moved" else (lambda: shutil.rmtree(home))
    )

    with pytest.raises(StoreUnavailable, match="moved or removed"):
        loop.run()

    assert ["12:00:00"] == of_runs(loop.said, "tick")
    assert not home.exists()


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


@pytest.mark.parametrize(
    ("slept", "missed"), [(40, ""), (320, ""), (450, "1 tick was missed"), (3 * 3600 + 5, "35 ticks were missed")]
)
def test_ticks_that_were_slept_through_are_counted(slept: int, missed: str, tmp_path: Path) -> None:
    """From 12:01 on the machine sleeps; a tick that may enter still is run, and the rest is not lost in silence."""
    loop = FolderLoop(tmp_path, seconds=4 * 3600)
    clocks: list[StoppingClock] = []

    def take_clock(ports: Ports) -> Ports:
        assert isinstance(ports.clock, StoppingClock)
        clocks.append(ports.clock)
        return ports

    def sleep() -> None:
        clocks[0].at = Instant(clocks[0].at + slept)
        clocks[0].until = Instant(clocks[0].at + 60)

    loop.wrap, loop.plans[Instant(START + 60)] = take_clock, sleep

    told = [line.split("Z ")[1].partition(":")[0] for line in loop.run() if "missed" in line]

    assert [missed][: len(missed)] == told


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


def test_line_of_a_sale_tells_the_equity_after_it(tmp_path: Path) -> None:
    """It is the cash then, since nothing is held: not what the lot was worth when the sale was decided."""
    loop = FolderLoop(tmp_path, FLATTEN, seconds=700)
    loop.plans[Instant(START + 665)] = lambda: FileKillSwitch(tmp_path / "kill-switch").write(TradingState.FLATTEN)

    line = loop.run()[-1]

    assert f"equity {loop.ledger().cash[USD]:.2f} USD · 0 lots" in line


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


def test_line_counts_what_was_sent_before_a_command_came_in_at_the_end(tmp_path: Path) -> None:
    """The tick's order leaves, then a reconcile is said, and one more run is made for it at once."""

    def wrap(ports: Ports) -> Ports:
        given: list[str] = []

        def commit(*words: object, release: bool = False, **more: object) -> LeaseGrant:
            if release and not given:
                reconcile = Command(CommandKind.RECONCILE, ports.clock.now(), "")
                given.append(FolderControls(tmp_path).give(SCOPE, reconcile, {}))
            return ports.store.commit(*words, release=release, **more)  # type: ignore[arg-type]

        return replace(ports, store=Wrapped(ports.store, commit=commit))  # type: ignore[arg-type]

    loop = FolderLoop(tmp_path, seconds=30, wrap=wrap)

    said = loop.run()

    assert "reconcile" in loop.ledger().applied_commands
    assert ["12:00:00"] == of_runs(said, "tick")
    assert "1 order sent" in said[0]


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


def test_ledger_that_is_half_written_for_a_moment_ends_nothing(tmp_path: Path) -> None:
    """An editor empties the file, and a few seconds later it is whole."""
    loop = FolderLoop(tmp_path, seconds=330)
    ledger = FileStateStore(tmp_path).folder(SCOPE) / "ledger.json"
    kept: list[str] = []

    def empty() -> None:
        kept.append(ledger.read_text(encoding="utf-8"))
        ledger.write_text("", encoding="utf-8")

    loop.plans[Instant(START + 100)] = empty
    loop.plans[Instant(START + 103)] = lambda: ledger.write_text(kept[0], encoding="utf-8")

    assert ["12:00:00", "12:05:00"] == of_runs(loop.run(), "tick")


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


def test_venue_is_asked_again_after_the_clock_was_put_back() -> None:
    """By an hour, while it was away: five seconds are five seconds."""
    stop, tries = StopRequest(), list[Instant]()
    clock = StoppingClock(START, Instant(START + 100), stop)
    clock.plans[Instant(START + 2)] = lambda: setattr(clock, "at", Instant(START - 3600))

    def ask() -> Ports:
        tries.append(clock.now())
        if len(tries) < 3:
            raise VenueUnavailable("nothing listens there")
        return ports

    ports: Ports = object()  # type: ignore[assignment]

    assert open_when_there(ask, "http://venue", clock, stop, lambda _: None) is ports
    assert [0, -3597, -3592] == [at - START for at in tries]


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
