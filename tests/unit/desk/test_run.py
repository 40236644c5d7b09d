"""Many ticks in a folder: whatever interrupts them, they end with the books and the totals of a run left alone."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from desk.cli.run_tables import make_run_json
from desk.markets import MarketSetup, set_up_synthetic
from desk.run import JOURNAL_NAME, TickRun
from factories import shipped_settings
from trader.adapters.local.files import FileStateStore
from trader.entry.wiring import make_scope
from trader.errors import LedgerCorrupt, StoreUnavailable
from trader.model.codec import canonical_json
from trader.model.ids import Instant

END = Instant(1_767_225_600)
TICKS = [Instant(END - 300 * number) for number in (3, 2, 1, 0)]
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


def kept(folder: Path) -> dict[str, Any]:
    """Ledger, fills and simulated account as they lie there; without what tells processes apart."""
    store, scope = FileStateStore(folder), make_scope(a_setup().settings)
    item = json.loads((store.folder(scope) / "ledger.json").read_text(encoding="utf-8"))
    return {
        "lease": item["owner"],
        "ledger": {name: value for name, value in item["ledger"].items() if name != "audit_head"},
        "fills": canonical_json(store.fills(scope)),
        "account": json.loads((folder / "venue-main.json").read_text(encoding="utf-8")),
    }


def fail_at(nth: int, *, stays_full: bool) -> Callable[[int], None]:
    """Make an ``fsync`` of a disk that is full at the nth write, and perhaps stays full."""
    real, done = os.fsync, 0

    def fsync(handle: int) -> None:
        nonlocal done
        done += 1
        if done == nth or (stays_full and done > nth):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    return fsync


def error_of(folder: Path) -> str:
    """Run all ticks; what it says if it cannot, nothing if it can."""
    try:
        run(folder)
    except StoreUnavailable as error:
        return str(error)
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


@pytest.mark.parametrize("stays_full", [True, False])
def test_run_on_a_disk_that_fails_at_any_write_ends_as_if_it_had_not(
    tmp_path: Path, stays_full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far it got: one error of ours, no lease that stays, and the same books and totals after the next try."""
    alone, real = run(tmp_path / "alone"), os.fsync
    writes: list[int] = []
    monkeypatch.setattr(os, "fsync", writes.append)
    run(tmp_path / "counted")

    for nth in range(1, len(writes) + 1):
        folder = tmp_path / str(nth)
        monkeypatch.setattr(os, "fsync", fail_at(nth, stays_full=stays_full))
        error = error_of(folder)
        monkeypatch.setattr(os, "fsync", real)
        assert "No space left on device" in error or not (error or stays_full), nth
        assert alone == run(folder), nth
        assert kept(tmp_path / "alone") == kept(folder), nth

    assert len(writes) > len(TICKS) * 5


def test_quiet_tick_asks_the_disk_seven_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lease, decision and ledger, each with the name of its file; and the tick's line, whose file has its name."""
    real, synced = os.fsync, []
    setup = set_up_synthetic(shipped_settings({"app.mode": "DRY_RUN"}), END, 170)

    def sync(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    run = TickRun(setup, tmp_path, TICKS)
    run.run(lambda _: synced.append("end"), lambda: False)

    last = " ".join(synced).split(" end")[-2].split()
    assert ["file", "folder"] * 3 + ["file"] == last


def test_tick_whose_line_is_missing_is_told_by_ledger_and_audit(tmp_path: Path) -> None:
    """The process died after its cycle and before the line, or in the middle of it."""
    alone = run(tmp_path)
    journal = tmp_path / JOURNAL_NAME
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)

    for rest in ("", lines[-1][:20]):
        journal.write_text("".join(lines[:-1]) + rest, encoding="utf-8")

        assert alone == run(tmp_path)
        assert lines == journal.read_text(encoding="utf-8").splitlines(keepends=True)


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
