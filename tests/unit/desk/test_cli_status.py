"""What ``trader status`` shows, and with what it ends."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from architecture.tree import ROOT
from desk.cli.app import build
from factories import an_intent, an_order_record
from factories_settings import CONFIG
from simulation.world import SCOPE
from trader.adapters.local.atomic_files import replace_text
from trader.adapters.local.files import FileStateStore
from trader.adapters.local.lease import read_lease_item
from trader.model.codec import canonical_json
from trader.model.commands import Command, CommandKind, CommandMark
from trader.model.cycle_state import Cooldown, EntryPacing, FailureStreak
from trader.model.ids import Asset, CycleId, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.money import Notional
from trader.model.order_life import OrderStatus
from trader.model.schema import SCHEMA
from unit.desk.attended import occupied
from unit.desk.operated_folder import (
    LOT,
    NOW,
    NOW_TEXT,
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
PROGRAM = "from desk.cli import main\nmain()"
SCHEMA_1 = ROOT / "tests/fixtures/schema_1"


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
    """A line for each, and nothing is written."""
    before = texts_in(home)

    code = run_in(home, "status")

    told = capsys.readouterr().out.splitlines()
    assert (0, before) == (code, texts_in(home))
    assert "PAPER#main · RUN" == told[0].partition("  ")[0]
    assert told[0].endswith("2026-11-22 12:12:00Z")
    assert told[1:] == [
        "last cycle 12:10:10 COMPLETED 110 s ago  took 0 s  nothing runs here now",
        "equity 9,998.50  day 0.0 % of \N{MINUS SIGN}3 %  week 0.0 % of \N{MINUS SIGN}7 %  "
        "peak 0.0 % of \N{MINUS SIGN}10 %",
        "cash 9,699.19 USD  reserved 0  exposure 3.0 % of 25 %",
        "SOL-USD 2.994  0.0 %  stop 91.98 (8.0 % below) at venue ✓ 12:10  target 114.97",
        f"  day 1 of 3  {LOT}",
        "orders 1 active · 1 protecting · 0 in doubt",
        "entries open, as far as is stored",
        "realized 0.00 since the books were opened  fees 1.50  0 won, 0 lost",
    ]


def test_next_tick_is_due_only_where_something_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop's tick comes at the instants of the period; in a folder that nobody works in none comes."""
    idle = run_in(home, "status"), capsys.readouterr().out
    with occupied(home):
        busy = run_in(home, "status"), capsys.readouterr().out
        run_in(home, "status", "--json")
    worker = json.loads(capsys.readouterr().out)["worker"]

    assert (0, 0, "4711") == (idle[0], busy[0], worker)
    assert ("nothing runs here now" in idle[1], "next due" in idle[1]) == (True, False)
    assert ("nothing runs here now" in busy[1], "next due 12:15" in busy[1]) == (False, True)


@pytest.mark.parametrize("word", ["HALT", "REDUCE_ONLY", "FLATTEN"])
def test_halt_on_purpose_is_no_error(word: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is red, and the screen says why nothing is bought, and the line that lets it go on."""
    switch_in(home).write_text(f"{word}\n", encoding="utf-8")

    code = run_in(home, "status")

    told = unfold(capsys.readouterr().out)
    assert (0, True) == (code, f"· {word}  the kill switch says so" in told)
    assert "entries closed: the kill switch does not say RUN" in told
    assert re.search(rf"the kill switch says {word}\s+→ echo RUN > {re.escape(str(switch_in(home)))}\n", told)


@pytest.mark.parametrize("word", ["RUN", "HALT"])
def test_flatten_that_stands_is_told_with_what_ends_it(
    word: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill switch is not blamed for it while it says RUN; what both hold up needs both lines."""
    switch_in(home).write_text(f"{word}\n", encoding="utf-8")
    give(home, CommandKind.FLATTEN)

    code = run_in(home, "status")

    told = unfold(capsys.readouterr().out)
    assert 0 == code
    assert re.search(rf"a flatten stands\s+→ trader resume --reason TEXT --home {re.escape(str(home))}", told)
    assert ("entries closed: a flatten stands" in told, "does not say RUN" in told) == (word == "RUN", word != "RUN")
    assert ("echo RUN" in told) == (word != "RUN")


def test_commands_are_shown_new_ones_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What they are about, until when, who said so and why."""
    flatten = give(home, CommandKind.FLATTEN)
    give(home, CommandKind.PAUSE, target="product SOL", until=Instant(NOW + 3600))
    change_ledger(home, applied_commands={"flatten": CommandMark(flatten.issued_at, "c-1", CycleId("r"))})

    code = run_in(home, "status")

    told = capsys.readouterr().out.splitlines()
    assert (0, True) == (code, told[0].startswith("PAPER#main · FLATTEN  a flatten stands, until a resume is said"))
    assert told[-2].startswith("pause product SOL  until 13:12  NO RUN HAS ACTED YET  said 12:11")
    assert told[-1] == "flatten  acted on  said 12:11 by ada  news"


def test_run_at_work_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the lease."""
    FileStateStore(home).acquire(SCOPE, "pid-7", NOW, 60)

    code = run_in(home, "status")

    assert (0, True) == (code, "a run is at work: pid-7\n" in capsys.readouterr().out)


def test_cool_downs_say_until_when_and_why(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is over is not shown; one of everything closes entries until then."""
    change_ledger(
        home,
        cooldowns={Asset("SOL"): Cooldown(Instant(NOW + 600), "stop"), Asset("BTC"): Cooldown(NOW, "loss")},
        failure_streak=FailureStreak(3, Instant(NOW + 1200)),
    )

    code = run_in(home, "status")

    told = capsys.readouterr().out
    assert (0, False) == (code, "BTC" in told)
    assert "cool-downs everything until 12:32 (3 failed cycles in a row)\n  SOL until 12:22 (stop)\n" in told
    assert "entries closed until 12:32: too many cycles failed in a row; cooling down" in told


def test_entry_that_is_too_soon_names_the_units_of_its_numbers(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How much has passed, and how much must."""
    monkeypatch.setenv("COLUMNS", "200")
    change_ledger(home, entry_pacing=EntryPacing(entries=(Instant(NOW - 17),)))

    run_in(home, "status")

    assert "ENTRY_TOO_SOON  passed 17 s < 90 s (19 %)" in unfold(capsys.readouterr().out)


def test_order_that_opens_a_lot_says_its_price_and_when_it_dies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what it may take is reserved."""
    entry = an_intent("buy", notional="250", decided_at=NOW, expires_at=Instant(NOW + 600))
    change_ledger(home, orders={**ledger_of(home).orders, entry.client_order_id: an_order_record(entry)})

    code = run_in(home, "status")

    told = capsys.readouterr().out
    assert (0, True) == (code, "ETH-USD buy 2.5 at 100  dies 12:22  POST_ONLY_GTD" in told)
    assert "reserved 250.00 USD  exposure 5.5 % of 25 %" in told


def test_equity_without_a_price_is_not_invented(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stable asset's price is stored nowhere; nor can it be said from here whether entries are open."""
    before, coin = ledger_of(home), Asset("USDC")
    bought = {"cash": {**before.cash, coin: Notional(5)}, "converted": {coin: Notional(5)}}
    change_ledger(home, **bought, entry_pacing=EntryPacing())

    code = run_in(home, "status")

    told = capsys.readouterr().out
    assert (0, True) == (code, "equity not visible from here: no price is stored of USDC" in told)
    assert "entries not visible from here: they need the price of USDC" in told


def test_day_without_a_cycle_has_no_change(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mark is yesterday's: what is left of it says nothing of today."""
    run_in(home, "status", "--json", at="2026-11-23T00:01:00Z")

    changes = json.loads(capsys.readouterr().out)["changes"]
    assert (None, True) == (changes["day"]["change_pct"], changes["peak"]["change_pct"] is not None)


def test_protection_is_not_confirmed_by_a_run_that_did_not_look(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that abstained may have seen no account."""
    _end_as("ABSTAINED", 9)(home)

    run_in(home, "status")

    told = capsys.readouterr().out
    assert (True, False) == ("at venue by the ledger; the last run has not looked" in told, "✓" in told)


def test_run_is_looked_at_as_of_its_own_last_tick(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its market has a time of its own, in which nothing is old."""
    (home / "run.json").write_text("{}", encoding="utf-8")

    code = run_in(home, "status", at="")

    told = capsys.readouterr().out.splitlines()
    assert (0, True) == (code, "2026-11-22 12:10:10Z  the time of the run's own market" in told[0])


def test_ledger_of_a_newer_release_is_shown_and_closes_entries(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What this release knows of it is there."""
    change_ledger(home, schema=SCHEMA + 1)

    code = run_in(home, "status")

    told = capsys.readouterr().out
    assert (0, True) == (code, "SOL-USD 2.994 " in told)
    assert "entries closed: a newer release wrote what this one does not know; it only exits" in told


@pytest.mark.parametrize(("name", "told"), [("opened", "lots none"), ("every_state", "last run not visible from here")])
def test_ledger_of_schema_1_is_shown(name: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a release wrote it that knew no last run."""
    replace_text(ledger_in(tmp_path), (SCHEMA_1 / f"{name}.json").read_text(encoding="utf-8"))
    switch_in(tmp_path).write_text("RUN\n", encoding="utf-8")

    code = run_in(tmp_path, "status")

    assert (1, True) == (code, told in capsys.readouterr().out)


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


def _doubt(home: Path) -> None:
    entry = an_intent("buy", decided_at=Instant(NOW - 301))
    record = an_order_record(entry, OrderStatus.IN_DOUBT)
    change_ledger(home, orders={**ledger_of(home).orders, entry.client_order_id: record})


def _say_unread(slot: str) -> Any:
    return lambda home: change_item(home, commands={slot: "what"})


def _forbid(change: Any) -> Any:
    def forbid(home: Path) -> None:
        change(home)
        switch_in(home).write_text("HALT", encoding="utf-8")

    return forbid


def _unbelieve(home: Path) -> None:
    change_ledger(home, unbelieved={ProductId("SOL-USD"): Instant(NOW - 1500)})


#: What is wrong, what the screen says of it, and the words that mend it before the options that lead there.
RED: Mapping[str, tuple[Any, str, str]] = {
    "lot": (_uncover, "stop 91.98 (8.0 % below) NOT at venue: no order", "trader reconcile"),
    "lot under HALT": (_forbid(_uncover), "NOT at venue: no order", "echo REDUCE_ONLY > "),
    "price": (_unbelieve, "SOL-USD 2.994 NO PRICE BELIEVED for 25 min", "trader reconcile"),
    "command": (_say_unread("sing"), "command sing: no words", "git pull"),
    "flatten": (_say_unread("flatten"), "command flatten: no words", "trader flatten"),
    "pause": (_say_unread("pause product SOL"), "pause product SOL: no words", "trader pause SOL-USD --for 0m"),
    "close": (_say_unread(f"close {LOT}"), "no words", f"trader close {LOT}"),
    "ledger": (lambda home: ledger_in(home).write_text("{"), "ledger: ", "trader ledger rebuild"),
    "newer ledger": (
        lambda home: change_ledger(home, schema=SCHEMA + 2), f"schema {SCHEMA + 2}, this code reads", "git pull",
    ),
    "none": (lambda home: change_item(home, ledger="null"), "ledger: no run has committed", "trader cycle"),
    "aborted": (_end_as("ABORTED", 10), "ABORTED 10 s ago  why", "trader reconcile"),
    "old": (_end_as("COMPLETED", 901), "NO RUN for 15 min, more than 3 periods of 5 min", "trader cycle --mode PAPER"),
    "unknown": (lambda home: change_ledger(home, last_run=None), "last run not visible from here", "trader cycle"),
    "ahead": (_end_as("COMPLETED", -61), "61 s ahead of this clock", "trader status --at 2026-11-22T12:13:01Z"),
    "no switch": (_misname(None), "kill switch: ", "trader halt"),
    "no word": (_misname("go"), "kill-switch says 'go', which is no word of it; allowed are RUN", "trader halt"),
    "doubt": (_doubt, "ETH-USD buy 1 at 100  IN DOUBT for 5 min", "trader reconcile"),
    "drawdown": (
        lambda home: change_ledger(home, drawdown_halt=True), "DRAWDOWN HALT", "trader clear-drawdown --reason",
    ),
    "mismatch": (
        lambda home: change_ledger(home, reduce_only={Asset("SOL"): "3 expected, 2 found"}),
        "SOL REDUCE ONLY: 3 expected, 2 found",
        "trader ledger adopt --acknowledge SOL --reason",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RED)
def test_what_is_wrong_ends_with_1_and_with_what_mends_it(
    case: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One red row on the screen, the same as a finding for machines, and the command can be typed as it stands."""
    change, told, mend = RED[case]
    change(home)

    codes = [run_in(home, "status")]
    screen = capsys.readouterr().out
    codes.append(run_in(home, "status", "--json"))
    (finding,) = json.loads(capsys.readouterr().out)["findings"]

    # Under HALT one more says what lets it go on, which is no finding.
    assert ([1, 1], 1 + screen.count("the kill switch says HALT")) == (codes, screen.count("→"))
    assert (True, True) == (finding["mend"].startswith(mend), told in finding["finding"])
    assert finding["mend"] in unfold(screen)
    if finding["mend"].startswith("trader") and not finding["mend"].startswith("trader cycle"):
        assert f"--home {home}" in finding["mend"]
    check_words(finding["mend"])


def unfold(screen: str) -> str:
    """Read what a shell would read that is given the lines of a command."""
    return screen.replace(" \\\n    ", " ")


def check_words(line: str) -> None:
    """Let the command line parser read a command of ours, all but its options that are new elsewhere."""
    name, *words = shlex.split(line)
    if name != "trader":
        return
    command: Any = typer.main.get_command(build())
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    if command.name in {"clear-drawdown", "resume"}:
        return
    assert command.make_context(command.name, list(words)) is not None


def test_doubt_of_an_order_that_is_young_is_no_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It resolves itself, or the next run does it."""
    entry = an_intent("buy", decided_at=Instant(NOW - 300))
    change_ledger(home, orders={entry.client_order_id: an_order_record(entry, OrderStatus.IN_DOUBT)}, lots={})

    code = run_in(home, "status")

    assert (0, True) == (code, "IN DOUBT for 5 min" in capsys.readouterr().out)


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
    assert "there is no such folder" in capsys.readouterr().err


def test_status_names_the_other_books_of_the_folder(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a mode that has run there, too."""
    monkeypatch.setenv("COLUMNS", "300")
    (home / "scope=DRY_RUN#main").mkdir()

    assert 0 == run_in(home, "status")
    assert "also here: DRY_RUN (--mode DRY_RUN)" in capsys.readouterr().out


def test_folder_above_all_markets_names_the_books_of_every_mode(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of runs, too, and not only those of the mode that is configured."""
    venue, named = (make_folder(tmp_path / each) for each in ("venue-one", "runs/first"))

    code = run("status", "--home", str(tmp_path), "--config", str(CONFIG))

    told = f"allowed are {named} (PAPER#main), {venue} (PAPER#main)"
    assert (78, True) == (code, told in capsys.readouterr().err)


def test_folder_of_another_mode_is_refused_and_says_whose_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there is named."""
    code = run("status", "--home", str(home), "--mode", "DRY_RUN", "--config", str(CONFIG))

    assert (78, True) == (code, "there is PAPER#main: see --mode" in capsys.readouterr().err)


def test_command_that_mends_a_folder_with_blanks_in_its_name_can_be_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell reads it back as it was, though it was broken over lines."""
    home = make_folder(tmp_path / "my books of some length, and more of it" / "venue-127.0.0.1-8787")
    _end_as("COMPLETED", 9999)(home)

    code = run_in(home, "status")

    mend = unfold(capsys.readouterr().out).partition("→ ")[2].partition("\n")[0]
    words = ["trader", "cycle", "--mode", "PAPER", "--venue", "http://127.0.0.1:8787", "--home", str(home.parent)]
    assert (1, [*words, "--config", str(CONFIG)]) == (code, shlex.split(mend))


# --- watching


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--watch", "--json"), "--watch and --json exclude one another"),
        (("--watch", "--at", NOW_TEXT), "--watch and --at exclude one another"),
        (("--watch",), "--watch needs a terminal"),
        (("--every", "3"), "--every 3 needs --watch"),
    ],
)
def test_watch_is_refused_where_it_would_mean_nothing(
    words: tuple[str, ...], told: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing typed is ignored."""
    code = run_in(home, "status", *words, at="")

    assert (78, True) == (code, told in capsys.readouterr().err)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_watch_renews_the_screen_and_gives_the_terminal_back(how: signal.Signals, home: Path) -> None:
    """On a terminal of its own: what changes meanwhile is shown, and the last look stays behind."""
    (home / "run.json").write_text("{}", encoding="utf-8")
    words = ["status", "--watch", "--every", "1", "--home", str(home), "--mode", "PAPER", "--config", str(CONFIG)]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES_MAX, COLUMNS_MAX, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdout=theirs, stderr=theirs, env=environ())
    os.close(theirs)

    seen = read_until(ours, "PAPER#main · RUN")
    switch_in(home).write_text("REDUCE_ONLY\n", encoding="utf-8")
    seen += read_until(ours, "PAPER#main · REDUCE_ONLY")
    process.send_signal(how)
    seen += read_until(ours, "")

    assert (0, 1, 1) == (process.wait(10), seen.count("\x1b[?1049h"), seen.count("\x1b[?1049l"))
    assert "PAPER#main · REDUCE_ONLY" in seen.split("\x1b[?1049l")[1]
    assert "\x1b[?25h" in seen.split("\x1b[?25l")[-1]


def read_until(terminal: int, text: str) -> str:
    """Read what a terminal shows until a text is in it; to its end if that is empty."""
    seen, until = "", time.monotonic() + 60
    while not text or text not in seen:
        # A screen that renews itself is never silent: the clock is asked, too.
        left = max(until - time.monotonic(), 0)
        assert select.select([terminal], [], [], left)[0], f"not shown within a minute: {text!r}, but {seen[-200:]!r}"
        try:
            seen += os.read(terminal, 65536).decode(errors="replace")
        except OSError:
            break
    return seen


# --- a process of its own


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a person starts it; then say on stdout which of two heavy libraries it loaded."""
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print([name for name in ('boto3', 'numpy') if name in sys.modules]))\n"
        f"{PROGRAM}"
    )
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ())


def environ() -> dict[str, str]:
    """What a process of these tests finds, and nothing of whoever runs them."""
    given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**given, "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color"}


def test_folder_is_shown_without_what_only_aws_needs(home: Path) -> None:
    """A start that loads boto3 takes twice as long."""
    done = start("status", "--home", str(home), "--mode", "PAPER", "--config", str(CONFIG), "--at", "2026-11-22T12:12Z")

    assert ("", 0) == (done.stderr, done.returncode)
    assert "[]" == done.stdout.splitlines()[-1]
