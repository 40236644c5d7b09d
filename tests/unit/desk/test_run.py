"""Many ticks in a folder: whatever interrupts them, they end with the books and the totals of a run left alone."""

from __future__ import annotations

import ctypes
import errno
import io
import json
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from desk.cli.run_tables import make_run_json
from desk.folder_lock import join_folder
from desk.markets import MarketSetup, set_up_synthetic
from desk.run import JOURNAL_NAME, TickRun
from desk.run_journal import RunJournal, TickRecord
from factories import shipped_settings
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.entry.wiring import make_scope
from trader.errors import LedgerCorrupt, StoreUnavailable
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant
from trader.model.trading_state import TradingState

END = Instant(1_767_225_600)
TICKS = [Instant(END - 300 * number) for number in (3, 2, 1, 0)]
FULL, FULL_ONCE, KILL, POWER_CUT = "full", "full once", "kill", "power cut"
AHEAD = ".batch.json"
#: Until then a lease lasted that the release before this one left behind on a full disk.
YEAR_5138 = Instant(10**11)


@cache
def a_setup() -> MarketSetup:
    """Make a market on whose last ticks something is bought."""
    return set_up_synthetic(shipped_settings({"app.mode": "PAPER"}), END, 170)


def run(folder: Path, *, ticks: int = len(TICKS)) -> dict[str, Any]:
    """Run so many ticks as in one process, and return the totals of all that are done."""
    run = TickRun(a_setup(), folder, TICKS)
    left = iter(range(ticks))
    run.run(lambda _: None, lambda: next(left, None) is None)
    return make_run_json(run.sum_up())


def kept(folder: Path) -> dict[str, bytes]:
    """Every file that a run leaves; without locks, and what a death leaves beside a file it was to replace."""
    ours = (path for path in folder.rglob("*") if path.name == AHEAD or not path.name.startswith("."))
    files = (path for path in ours if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class Killed(BaseException):
    """The end of a process."""


class Disk:
    """Counts what is asked of the disk, and from the *nth* on does no more of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int = 0, ends: str = "") -> None:
        self.asked: list[str] = []
        self._nth, self._ends = nth, ends
        for name in ("fsync", "replace", "mkdir", "unlink"):
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name), name))
        monkeypatch.setattr(io, "open", self._wrap(io.open, "open"))
        monkeypatch.setattr(ctypes, "CDLL", self._wrap(ctypes.CDLL, "sync of the disk"))

    def _wrap(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def ask(*given: Any, **named: Any) -> Any:
            if name != "open" or set(str([*given[1:2], *named.values()])) & set("wa+"):
                self._ask(f"{name} of a folder" if name == "fsync" and is_folder(given[0]) else name)
            return real(*given, **named)

        return ask

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self._nth and (len(self.asked) == self._nth or (len(self.asked) > self._nth and self._ends != FULL_ONCE)):
            raise Killed if self._ends in {KILL, POWER_CUT} else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_folder(handle: int) -> bool:
    """Whether what is open under a number is a folder."""
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def spoil(folder: Path) -> None:
    """Take from a folder what a power cut may take: whatever was not asked to be kept, or half of it."""
    ahead = folder / AHEAD
    if not ahead.exists():
        return
    batch = json.loads(ahead.read_text(encoding="utf-8"))
    for name in batch["written"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("", encoding="utf-8")
    for name, lines in batch["appended"].items():
        with (folder / name).open("ab") as file:
            file.truncate(lines["size"])
            file.write(lines["text"].encode()[:-9] + bytes(100))


def error_of(folder: Path) -> str:
    """Run all ticks; what it says if it cannot, nothing if it can."""
    try:
        run(folder)
    except (StoreUnavailable, Killed) as error:
        return str(error) or "killed"
    return ""


def test_run_in_pieces_has_the_totals_of_one_in_one_piece(tmp_path: Path) -> None:
    """Ticks, outcomes and verdicts count those of every process."""
    whole = run(tmp_path / "whole")

    pieces = [run(tmp_path / "pieces", ticks=1) for _ in TICKS]

    assert [1, 2, 3, 4] == [each["ticks"] for each in pieces]
    assert whole["outcomes"] == {"COMPLETED": len(TICKS)}
    assert whole["entries"] + sum(whole["verdicts"].get(code, 0) for code in ("ENTERING", "HELD")) > 0
    assert whole == pieces[-1]
    assert kept(tmp_path / "whole") == kept(tmp_path / "pieces")


@pytest.mark.parametrize("ends", [FULL, FULL_ONCE, KILL, POWER_CUT])
def test_run_that_ends_at_any_write_goes_on_as_if_it_had_not(
    tmp_path: Path, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far it got: one error of ours, and the same totals and the same bytes after the next try."""
    monkeypatch.setattr("desk.run.BATCH_TICKS", 2)
    alone = run(tmp_path / "alone")
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        run(tmp_path / "counted")

    for nth in range(1, len(disk.asked) + 1):
        folder = tmp_path / str(nth)
        with monkeypatch.context() as patch:
            Disk(patch, nth, ends)
            error = error_of(folder)
        if ends == POWER_CUT:
            spoil(folder)
        # What fails once may not be missed, as a folder that is there already.
        assert error == "killed" or "No space left on device" in error or not (error or ends != FULL_ONCE), nth
        assert alone == run(folder), nth
        assert kept(tmp_path / "alone") == kept(folder), nth

    assert 2 == disk.asked.count("sync of the disk")


def test_batch_of_quiet_ticks_asks_the_disk_six_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch and the ledger, each with its name; then all the rest at once, and that the batch has gone."""
    setup = set_up_synthetic(shipped_settings({"app.mode": "DRY_RUN"}), END, 170)
    run = TickRun(setup, tmp_path, TICKS)
    left = iter(TICKS[:1])
    run.run(lambda _: None, lambda: next(left, None) is None)
    disk = Disk(monkeypatch)

    run.run(lambda _: None, lambda: False)

    file, folder = "fsync", "fsync of a folder"
    asked = [each for each in disk.asked if "sync" in each]
    assert [file, folder, file, folder, "sync of the disk", folder] == asked


def test_command_and_switch_given_meanwhile_are_heard_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch at the next tick, the command at the next batch; what a batch puts there takes neither away."""
    monkeypatch.setattr("desk.run.BATCH_TICKS", 2)
    scope, switch = make_scope(a_setup().settings), FileKillSwitch(tmp_path / "kill-switch")
    pause = Command(CommandKind.PAUSE, TICKS[0], "c1", target="product SOL", until=YEAR_5138)
    heard: list[tuple[str, int]] = []

    def on_tick(record: TickRecord) -> None:
        if not heard:
            FileStateStore(tmp_path).write_command(scope, pause)
            switch.write(TradingState.HALT)
        heard.append((record.outcome, len(FileStateStore(tmp_path).look(scope).commands.slots)))

    run = TickRun(a_setup(), tmp_path, TICKS)
    run.run(on_tick, lambda: False)

    assert [("COMPLETED", 1), *[("HALTED", 1)] * 3] == heard
    marks = FileStateStore(tmp_path).ledger(scope)
    assert marks is not None
    assert {pause.slot} == set(marks.applied_commands)
    assert TradingState.HALT is switch.read()


def test_books_that_a_visitor_wrote_meanwhile_stay(tmp_path: Path) -> None:
    """The ticks that were run beside them are not kept: they are run again upon what he wrote."""
    alone = run(tmp_path, ticks=2)
    store, scope = FileStateStore(tmp_path), make_scope(a_setup().settings)
    version = 0

    def visit(_: TickRecord) -> None:
        nonlocal version
        with join_folder(tmp_path):
            grant = store.acquire(scope, "visitor", Instant(END + 9), 60)
            assert grant.ledger is not None
            version = store.commit(grant, grant.ledger, release=True).version

    with pytest.raises(StoreUnavailable, match="another command took the lease"):
        TickRun(a_setup(), tmp_path, TICKS).run(visit, lambda: False)

    item = json.loads((store.folder(scope) / "ledger.json").read_text(encoding="utf-8"))
    assert (version, alone["ticks"]) == (item["version"], len(RunJournal(tmp_path / JOURNAL_NAME).records))
    assert len(TICKS) == run(tmp_path)["ticks"]


def test_visitor_who_may_write_finds_a_whole_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the death of a run left half done is done before he reads."""
    alone = run(tmp_path / "alone")
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        run(tmp_path / "counted")
    with monkeypatch.context() as patch:
        Disk(patch, disk.asked.index("sync of the disk") - 3, KILL)
        error_of(tmp_path / "killed")
    assert (tmp_path / "killed" / AHEAD).exists()

    with join_folder(tmp_path / "killed"):
        seen = kept(tmp_path / "killed")

    assert kept(tmp_path / "alone") == seen
    assert alone == run(tmp_path / "killed")


def test_journal_and_ledger_that_tell_of_different_ticks_are_one_error(tmp_path: Path) -> None:
    """A line is kept together with its books: where one is missing, somebody took it out."""
    run(tmp_path, ticks=3)
    journal = tmp_path / JOURNAL_NAME
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:20], encoding="utf-8")

    with pytest.raises(LedgerCorrupt, match=r"FINISHED, and ticks\.jsonl at 2 ticks"):
        run(tmp_path)


def test_lease_until_the_year_5138_is_freed(tmp_path: Path) -> None:
    """A full disk has left such folders behind."""
    run(tmp_path, ticks=2)
    store, scope = FileStateStore(tmp_path), make_scope(a_setup().settings)
    store.acquire(scope, "pid-1-dead", YEAR_5138, 60)

    totals = run(tmp_path)

    assert len(TICKS) == totals["ticks"]
    assert "" == store.look(scope).owner


@pytest.mark.parametrize("lines", [[], ['{"cycle"'], ["[]"], ['{"cycle":"20200101T000000Z"}']])
def test_ticks_that_somebody_took_out_or_spoilt_are_one_error(tmp_path: Path, lines: list[str]) -> None:
    """They are not run again, and no totals are made up."""
    run(tmp_path, ticks=3)
    (tmp_path / JOURNAL_NAME).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    with pytest.raises(LedgerCorrupt, match=JOURNAL_NAME):
        run(tmp_path)
