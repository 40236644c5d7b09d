"""What ``trader status`` shows, and with what it ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from architecture.tree import ROOT
from desk.cli.status_screen import make_rows, print_rows
from factories_settings import CONFIG
from simulation.world import SCOPE
from trader.adapters.local.atomic_files import replace_text
from trader.adapters.local.files import FileStateStore
from trader.adapters.local.lease import read_lease_item
from trader.model.codec import canonical_json
from trader.model.commands import Command, CommandKind, CommandMark
from trader.model.ids import Asset, CycleId, Instant
from trader.model.ledger import Ledger
from unit.desk.operated_folder import (
    LOT,
    NOW,
    VARIABLES,
    ledger_in,
    look,
    make_folder,
    run,
    run_in,
    switch_in,
    texts_in,
)

LINES_MAX, COLUMNS_MAX = 24, 80


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


def change_item(home: Path, **changes: Any) -> None:
    """Store something else than a run would."""
    item = read_lease_item(ledger_in(home).read_text(encoding="utf-8"), "here")
    replace_text(ledger_in(home), replace(item, **changes).text())


def change_ledger(home: Path, **changes: Any) -> None:
    change_item(home, ledger=canonical_json(replace(ledger_of(home), **changes)))


def ledger_of(home: Path) -> Ledger:
    ledger = look(home).ledger
    assert ledger is not None
    return ledger


def give(home: Path, kind: CommandKind, **over: Any) -> Command:
    command = Command(kind, Instant(NOW - 60), "c-1", "ada", "news", **over)
    FileStateStore(home).write_command(SCOPE, command)
    return command


def test_status_says_what_is_allowed_how_it_went_and_what_is_held(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each, and nothing is written."""
    before = texts_in(home)

    code = run_in(home, "status")

    assert (0, before) == (code, texts_in(home))
    assert capsys.readouterr().out.splitlines() == [
        "PAPER#main · 12:12:00Z · RUN · the kill switch says so",
        "last run 20261122T121010Z COMPLETED 110 s ago",
        "last cycle 20261122T121010Z",
        "equity 9998.50045 · cash 9698.59045 USD",
        f"{LOT} SOL-USD 3 protected · stop 91.98 · paid 99.97",
        "orders 1 active · 0 in doubt",
    ]


@pytest.mark.parametrize("word", ["HALT", "REDUCE_ONLY", "FLATTEN"])
def test_halt_on_purpose_is_no_error(word: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is red."""
    switch_in(home).write_text(f"{word}\n", encoding="utf-8")

    code = run_in(home, "status")

    assert (0, f"· {word} · the kill switch says so" in capsys.readouterr().out) == (code, True)


def test_commands_are_shown_new_ones_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What they are about, until when, who said so and why."""
    flatten = give(home, CommandKind.FLATTEN)
    give(home, CommandKind.PAUSE, target="product SOL", until=Instant(NOW + 3600))
    change_ledger(home, applied_commands={"flatten": CommandMark(flatten.issued_at, "c-1", CycleId("r"))})

    code = run_in(home, "status")

    told = capsys.readouterr().out.splitlines()
    assert (0, "FLATTEN · a flatten stands, until a resume is said") == (code, told[0].partition("12:12:00Z · ")[2])
    assert told[-2].startswith("pause product SOL, until 2026-11-22T13:12:00Z · NO RUN HAS ACTED YET · said")
    assert told[-1] == "flatten · acted on · said 2026-11-22T12:11:00Z by ada: news"


def test_run_at_work_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the lease."""
    FileStateStore(home).acquire(SCOPE, "pid-7", NOW, 60)

    code = run_in(home, "status")

    assert (0, True) == (code, "a run is at work: pid-7\n" in capsys.readouterr().out)


def test_doubt_and_locks_are_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They keep from buying, and resolve themselves or are looked at: no error of now."""
    change_ledger(home, reduce_only={Asset("SOL"): "3 expected, 2 found"}, drawdown_halt=True)

    code = run_in(home, "status")

    told = capsys.readouterr().out
    assert 0 == code
    assert "drawdown: nothing is bought until trader clear-drawdown" in told
    assert "reduce only: SOL, 3 expected, 2 found" in told


# --- what is red


def _uncover(home: Path) -> None:
    orders = {name: record for name, record in ledger_of(home).orders.items() if name == LOT}
    change_ledger(home, orders=orders)


def _end_as(outcome: str, seconds_ago: int) -> Any:
    def change(home: Path) -> None:
        last = ledger_of(home).last_run
        assert last is not None
        change_ledger(home, last_run=replace(last, outcome=outcome, reason="why", ended_at=Instant(NOW - seconds_ago)))

    return change


def _misname(word: str | None) -> Any:
    def change(home: Path) -> None:
        switch_in(home).unlink()
        if word is not None:
            switch_in(home).write_text(word, encoding="utf-8")

    return change


RED: Mapping[str, tuple[Any, str, str]] = {
    "lot": (_uncover, f"{LOT} SOL-USD 3 NOT PROTECTED: ", "trader reconcile"),
    "command": (lambda home: change_item(home, commands={"sing": "what"}), "command sing: no words", "give it again"),
    "ledger": (lambda home: ledger_in(home).write_text("{"), "ledger: ", "trader ledger show"),
    "none": (lambda home: change_item(home, ledger="null"), "ledger: no run has committed", "trader ledger show"),
    "aborted": (_end_as("ABORTED", 10), "ABORTED 10 s ago: why", "trader reconcile"),
    "old": (_end_as("COMPLETED", 901), "NO RUN for 15 min, more than 3 periods of 300 s", "trader cycle"),
    "unknown": (lambda home: change_ledger(home, last_run=None), "last run not visible from here", "trader cycle"),
    "ahead": (_end_as("COMPLETED", -61), "61 s ahead of this clock", "trader status --at …"),
    "no switch": (_misname(None), "· HALT · the kill switch cannot be read, which is HALT", "trader halt"),
    "no word": (_misname("go"), "· HALT · the kill switch cannot be read, which is HALT", "trader halt"),
}


@pytest.mark.parametrize("case", RED)
def test_what_is_wrong_ends_with_1_and_with_what_mends_it(
    case: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One red line on the screen, and the same as a finding for machines."""
    change, told, mend = RED[case]
    change(home)

    codes = [run_in(home, "status")]
    screen = capsys.readouterr().out.splitlines()
    codes.append(run_in(home, "status", "--json"))
    findings = json.loads(capsys.readouterr().out)["findings"]

    (red,) = [line for line in screen if "→" in line]
    assert ([1, 1], mend) == (codes, red.split(" → ")[1])
    assert [mend] == [each["mend"] for each in findings]
    assert told in findings[0]["finding"]
    assert max(map(len, screen)) <= COLUMNS_MAX


@pytest.mark.parametrize("change", [_end_as("COMPLETED", 900), _end_as("ABSTAINED", 9), _end_as("HALTED", 9)])
def test_what_is_not_wrong_yet_ends_with_0(change: Any, home: Path) -> None:
    """Three periods old, or a run that had a reason."""
    change(home)

    assert 0 == run_in(home, "status")


def test_command_that_a_run_does_not_know_hides_no_other(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is read by itself."""
    give(home, CommandKind.FLATTEN)
    item = read_lease_item(ledger_in(home).read_text(encoding="utf-8"), "here")
    change_item(home, commands={**item.commands, "sing": "what"})

    code = run_in(home, "status", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (1, ["sing"]) == (code, told["commands_unread"])
    assert ["flatten"] == [each["command"] for each in told["commands"]]


def test_folder_in_which_nothing_lies_is_refused_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A look leaves nothing behind."""
    code = run("status", "--home", str(tmp_path / "none"), "--config", str(CONFIG))

    assert (78, False) == (code, (tmp_path / "none").exists())
    assert "nothing of DRY_RUN#main lies there" in capsys.readouterr().err


# --- the screen


def a_lot(number: int, protection: str = "in place") -> dict[str, Any]:
    return {
        "lot": f"t247-{number:028d}",
        "product": "LONGNAME-USDC",
        "quantity": "123456.78901234",
        "entry_price": "0.00001234",
        "stop_price": "0.00001111",
        "protection": protection,
    }


def a_state(**over: Any) -> dict[str, Any]:
    """More of everything than a screen has room for."""
    command = {"issued_at": "2026-11-22T12:11:00Z", "who": "ada", "why": "w" * 120, "new": False}
    return {
        "scope": "PAPER#main",
        "now": "2026-11-22T12:12:00Z",
        "is_local": True,
        "trading_state": "RUN",
        "switch": "RUN",
        "why": "the kill switch says so",
        "busy": "pid-1-abcdef",
        "commands": [{**command, "command": f"close t247-{number:028d}"} for number in range(40)],
        "last_cycle": "20261122T121010Z",
        "last_run": {"run": "20261122T121010Z", "outcome": "COMPLETED", "reason": "r" * 200, "age_seconds": 10},
        "equity": "9998.50045",
        "drawdown_halt": True,
        "cash": {f"USD{number}": "9698.59045" for number in range(9)},
        "lots": [a_lot(number) for number in range(29)] + [a_lot(29, "none: the venue takes no order now: offline")],
        "active_orders": 60,
        "orders_in_doubt": [f"t247-{number:028d}" for number in range(9)],
        "reduce_only": {f"COIN{number}": "3 expected, 2 found" for number in range(9)},
        **over,
    }


def drawn(told: Mapping[str, Any], width: int = COLUMNS_MAX) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    print_rows(make_rows(told, 300), console)
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [COLUMNS_MAX, 60, 40])
def test_screen_fits_however_much_there_is(width: int) -> None:
    """A prompt has room below it, and what is red comes first and keeps what mends it."""
    lines = drawn(a_state(), width)

    assert len(lines) < LINES_MAX
    assert max(map(len, lines)) <= width
    assert [line.split(" → ")[1] for line in lines if "→" in line] == ["trader reconcile"]
    assert "t247-0000000000000000000000000029"[:20] in next(line for line in lines if "→" in line)


def test_lots_left_out_are_counted_and_stay_red() -> None:
    """A screen that is full hides no lot that lies open."""
    open_lots = [a_lot(number, "none: no order for it is at the venue") for number in range(12)]

    lines = drawn(a_state(lots=[*open_lots, a_lot(12)]))

    assert "and 6 more lots, 5 of them NOT PROTECTED → trader reconcile" in lines


def test_unread_commands_left_out_stay_red() -> None:
    """They come before those that can be read."""
    lines = drawn(a_state(commands_unread=[f"sing {number}" for number in range(6)]))

    assert "and 42 more commands: trader status --json → give the unread again" in lines


# --- a process of its own


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a person starts it; then say on stdout which of two heavy libraries it loaded."""
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print([name for name in ('boto3', 'numpy') if name in sys.modules]))\n"
        "from desk.cli import main\nmain()"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": os.environ.get("HOME", "")}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_folder_is_shown_without_what_only_aws_needs(home: Path) -> None:
    """A start that loads boto3 takes twice as long."""
    done = start("status", "--home", str(home), "--mode", "PAPER", "--config", str(CONFIG), "--at", "2026-11-22T12:12Z")

    assert ("", 0) == (done.stderr, done.returncode)
    assert "[]" == done.stdout.splitlines()[-1]
