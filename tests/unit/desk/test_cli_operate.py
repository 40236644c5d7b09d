"""What an operator's commands write in a folder, what they say, and what they refuse."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.cli.command_desk import read_login
from factories_settings import CONFIG
from simulation.world import SCOPE
from trader.adapters.local.atomic_files import replace_text
from trader.adapters.local.clock import SystemClock
from trader.adapters.local.files import FileStateStore
from trader.adapters.local.lease import read_lease_item
from trader.model.codec import canonical_json
from trader.model.commands import Command, CommandKind
from trader.model.ids import ClientOrderId, Instant
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


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests; Ada is logged in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "ada")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


def a_command(kind: CommandKind = CommandKind.FLATTEN, at: int = NOW, **over: Any) -> Command:
    return Command(kind, Instant(at), "c-1", **over)


#: What acts on what is said in a folder where nothing runs.
ACTS = "trader cycle or trader run --venue makes one"


def options(home: Path) -> str:
    return f"--home {home} --config {CONFIG}"


GIVEN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "flatten": (["flatten", "--yes", "--reason", "news"], {"why": "news"}),
    "resume": (["resume", "--reason", "sold"], {"why": "sold"}),
    "resume, abandon": (["resume", "--reason", "keep", "--abandon"], {"why": "keep", "abandon": True}),
    f"close {LOT}": (["close", LOT, "--yes"], {"target": LOT}),
    "pause product SOL": (["pause", "sol-usd", "--for", "1d 2H30m"], {"until": NOW + 95_400}),
    "pause strategy rules_engine": (["pause", "Rules_engine", "--until", "2026-11-23"], {"until": 1_795_392_000}),
    "clear-drawdown": (["clear-drawdown", "--reason", "looked"], {"why": "looked"}),
    "reconcile": (["reconcile"], {}),
}


@pytest.mark.parametrize("slot", GIVEN)
def test_command_lies_in_its_slot_and_nothing_else_is_written(slot: str, home: Path) -> None:
    """What, when, by whom, why; the ledger and the kill switch stay as they are."""
    arguments, fields = GIVEN[slot]
    before, ledger = texts_in(home), look(home).ledger

    code = run_in(home, *arguments)

    (command,) = look(home).commands.slots.values()
    assert (0, slot.partition(",")[0], NOW, "ada") == (code, command.slot, command.issued_at, command.who)
    assert fields == {name: getattr(command, name) for name in fields}
    assert ledger == look(home).ledger
    assert {str(ledger_in(home))} == {path for path, text in texts_in(home).items() if text != before.get(path)}


def test_command_says_its_id_what_stands_now_and_where_to_look(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And that no run has acted on it yet."""
    run_in(home, "flatten", "--yes", "--reason", "news")

    told = capsys.readouterr().out
    assert f"flatten: given to {SCOPE}, id {look(home).commands.slots['flatten'].command_id}\n" in told
    assert "said 2026-11-22T12:12:00Z by ada: news\n" in told
    assert "stands now: FLATTEN (a flatten stands, until a resume is said)\n" in told
    assert "no run has acted yet on: flatten\n" in told
    assert told.endswith(f"nothing runs there: the next run acts on it, as {ACTS}: trader status {options(home)}\n")


@pytest.mark.parametrize("command", [["flatten", "--yes"], ["resume"], ["halt"]], ids=lambda each: each[0])
def test_reason_is_understood_by_its_old_name(
    command: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alarms that were delivered say it; the new one is named, and the field is the same."""
    code = run_in(home, *command, "--why", "lies open", at="" if command == ["halt"] else NOW_TEXT)

    output = capsys.readouterr()
    assert (0, "note: --why is called --reason now\n") == (code, output.err)
    assert "lies open" in output.out


def test_two_commands_have_two_ids(home: Path) -> None:
    """A run that was woken twice can be told from one."""
    run_in(home, "flatten", "--yes")
    run_in(home, "reconcile")

    assert 2 == len({each.command_id for each in look(home).commands.slots.values()})


def test_resume_ends_the_flatten_of_the_same_second(home: Path) -> None:
    """Of equal instants the flatten would count; whoever resumes has seen it."""
    said = int(time.time()) + 1
    FileStateStore(home).write_command(SCOPE, a_command(at=said))

    code = run_in(home, "resume", "--reason", "a mistake", "--abandon", at="")

    assert 0 == code
    assert not look(home).commands.is_flattening


def test_flatten_counts_over_a_resume_that_was_said_a_moment_ahead(home: Path) -> None:
    """Two resumes of one second are dated into the next; who flattens then has seen them."""
    ahead = Instant(SystemClock().now() + 20)
    FileStateStore(home).write_command(SCOPE, Command(CommandKind.RESUME, ahead, "r-2", why="go on"))

    code = run_in(home, "flatten", "--yes", at="")

    assert (0, True) == (code, look(home).commands.is_flattening)


@pytest.mark.parametrize("words", [["flatten", "--yes"], ["resume", "--reason", "go on"]])
def test_command_that_could_not_count_is_refused_and_says_what_does(
    words: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resume was said by a clock that was a day ahead: a flatten of today would be ended by it at once."""
    tomorrow = Instant(SystemClock().now() + 86_400)
    FileStateStore(home).write_command(SCOPE, Command(CommandKind.RESUME, tomorrow, "r-1", why="go on"))
    before = texts_in(home)

    code = run_in(home, *words, at="")

    told = capsys.readouterr().err
    assert (1, before) == (code, texts_in(home))
    assert f"nothing said now would count. The kill switch does: echo FLATTEN > {switch_in(home)}" in told


def test_command_takes_the_place_of_one_of_the_same_second(home: Path) -> None:
    """The last that was said counts, whatever its id."""
    older = Command(CommandKind.PAUSE, Instant(int(time.time()) + 1), "z", target="product SOL", until=Instant(NOW))
    FileStateStore(home).write_command(SCOPE, older)

    run_in(home, "pause", "SOL-USD", "--for", "8h", at="")

    end = look(home).commands.slots["pause product SOL"].until
    assert end is not None
    assert abs(end - time.time() - 8 * 3600) < 60


def test_pause_of_no_length_ends_a_pause(home: Path) -> None:
    """And there has to be one."""
    none = run_in(home, "pause", "SOL-USD", "--for", "0m")
    codes = [run_in(home, "pause", "SOL-USD", "--for", each, at="") for each in ("2h", "0m")]

    end = look(home).commands.slots["pause product SOL"].until
    assert (1, [0, 0]) == (none, codes)
    assert end is not None
    assert end <= time.time()


def test_unknown_product_is_paused_and_said_to_be_unknown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be listed tomorrow, or be a slip."""
    unknown, known = run_in(home, "pause", "SLO-USD", "--for", "2h"), capsys.readouterr().out
    run_in(home, "pause", "SOL-USD", "--for", "2h")

    assert (0, True) == (unknown, "note: no product of SLO is known there" in known)
    assert "note:" not in capsys.readouterr().out


def test_resume_with_lots_left_is_refused_and_says_the_way(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written."""
    run_in(home, "flatten", "--yes")
    before = texts_in(home)

    code = run_in(home, "resume", "--reason", "enough", at="2026-11-22T12:13:00Z")

    told = capsys.readouterr().err
    assert (1, before) == (code, texts_in(home))
    assert f"the flatten has not sold 2.994 SOL ({LOT}); wait for it, or resume with abandon" in told


@pytest.mark.parametrize(
    ("word", "told"),
    [("HALT", "says HALT"), ("REDUCE_ONLY", "says REDUCE_ONLY"), ("off", "cannot be read"), (None, "cannot be read")],
)
def test_resume_says_that_the_switch_forbids_trading_and_the_line_that_allows_it(
    word: str | None, told: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is one for a shell, and no command runs it."""
    switch_in(home).unlink()
    if word is not None:
        switch_in(home).write_text(f"{word}\n", encoding="utf-8")

    code = run_in(home, "resume", "--reason", "go on")

    *_, said, line, _ = capsys.readouterr().out.splitlines()
    left = switch_in(home).read_text(encoding="utf-8").strip() if switch_in(home).exists() else None
    subprocess.run(["sh", "-c", line], check=True)
    assert (0, word) == (code, left)
    assert said.startswith(f"the kill switch {told}")
    assert switch_in(home).read_text(encoding="utf-8") == "RUN\n"


def test_resume_under_run_says_nothing_of_the_switch(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to be done."""
    run_in(home, "resume", "--reason", "go on")

    assert "forbids" not in (told := capsys.readouterr().out)
    assert "echo" not in told


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "unknown lot": (["close", "t247-x", "--yes"], 1, f"lot 't247-x' is not held; there are {LOT} (2.994 SOL-USD)"),
    "other product": (["close", "ADA-USD", "--yes"], 1, f"'ADA-USD' is not held; there are {LOT} (2.994 SOL-USD)"),
    "no id": (["close", "a lot", "--yes"], 1, f"lot 'a lot' is not held; there are {LOT} (2.994 SOL-USD)"),
    "nobody to ask": (["close", LOT], 78, "nobody can be asked whether to sell, since this is no terminal; allowed"),
    "nobody to ask, all": (["flatten"], 78, "flatten: nobody can be asked whether to sell"),
    "wait or not": (["reconcile", "--no-wait", "--timeout", "9"], 78, "--no-wait and --timeout contradict one another"),
    "no product": (["pause", "SOL", "--for", "2h"], 78, "BASE-QUOTE, as SOL-USD, mean_reversion, rules_engine"),
    "no strategy": (["pause", "rules-engine-", "--for", "2h"], 78, "is no strategy and no product"),
    "no end": (["pause", "SOL-USD"], 78, "neither is given; allowed is either --until 2026-11-22T14:12:00Z or"),
    "two ends": (["pause", "SOL-USD", "--for", "2h", "--until", "2026-11-23"], 78, "both are given"),
    "bad instant": (
        ["pause", "SOL-USD", "--until", "tomorrow"],
        78,
        "allowed is 2026-11-22T14:12:00Z or",
    ),
    "bad span": (["pause", "SOL-USD", "--for", "2 hours"], 78, "--for: '2 hours' is no span; allowed are 30m"),
    "seconds": (["pause", "SOL-USD", "--for", "0s"], 78, "allowed are 30m, 2h, 3d, 1d12h, and 0m, which ends a pause"),
    "empty span": (["pause", "SOL-USD", "--for", ""], 78, "--for: '' is no span"),
    "past": (
        ["pause", "sol-usd", "--until", "2026-11-22T12:00:00Z"],
        1,
        "pause product SOL does not stand, so that there is nothing to end; it would end 2026-11-22T12:00:00Z, which",
    ),
    "nothing to end": (["pause", "rules_engine", "--for", "0m"], 1, "pause strategy rules_engine does not stand"),
    "year one": (["pause", "SOL-USD", "--until", "0001-01-01"], 78, "until"),
    "no reason": (["resume"], 78, '--reason is missing; allowed is a line that says the reason, as "looked'),
    "empty reason": (["resume", "--reason", ""], 78, "resume: --reason is missing"),
    "blank reason": (["clear-drawdown", "--reason", "  "], 78, "clear-drawdown: --reason is missing"),
    "long reason": (["flatten", "--yes", "--reason", "x" * 121], 78, "--reason: found 121 characters; allowed is"),
    "two lines": (["flatten", "--yes", "--reason", "a\nb"], 78, "allowed is a line of 120 printable characters"),
    "two reasons": (["reconcile", "--reason", "a", "--why", "b"], 78, "--why is --reason by its old name; allowed is"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_command_is_refused_in_one_line(case: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what is allowed, and nothing is written."""
    arguments, expected, told = REFUSED[case]
    before = texts_in(home)

    code = run_in(home, *arguments)

    output = capsys.readouterr()
    assert (expected, before, "") == (code, texts_in(home), output.out)
    assert 1 == len(output.err.splitlines())
    assert told in output.err


@pytest.mark.parametrize("name", ["SOL-USD", "sol-usd", LOT])
def test_only_lot_of_a_product_is_closed_by_its_name(name: str, home: Path) -> None:
    """The command names the lot, as if its id had been typed."""
    code = run_in(home, "close", name, "--yes")

    assert (0, LOT) == (code, look(home).commands.slots[f"close {LOT}"].target)


def test_product_of_two_lots_is_refused_with_both(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can know which of them is meant."""
    item = read_lease_item(ledger_in(home).read_text(encoding="utf-8"), "here")
    ledger = look(home).ledger
    assert ledger is not None
    (lot,) = ledger.lots.values()
    other = replace(lot, lot_id=ClientOrderId("t247-other"))
    lots = {**ledger.lots, other.lot_id: other}
    replace_text(ledger_in(home), replace(item, ledger=canonical_json(replace(ledger, lots=lots))).text())

    code = run_in(home, "close", "SOL-USD", "--yes")

    told = f"lot 'SOL-USD' may be any of 2; there are {LOT} (2.994 SOL-USD), t247-other (2.994 SOL-USD)"
    assert (1, True) == (code, told in capsys.readouterr().err)


def test_bad_instant_of_the_command_itself_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be its place in the order of commands."""
    code = run_in(home, "flatten", "--yes", at="noon")

    assert (78, True) == (code, "--at: 'noon' is not an instant" in capsys.readouterr().err)


@pytest.mark.parametrize("stands", [NOW, NOW + 1])
def test_older_command_is_not_said_to_stand(stands: int, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that got lost and was said again since, or came late after all."""
    FileStateStore(home).write_command(SCOPE, a_command(at=stands))

    code = run_in(home, "flatten", "--yes")

    assert (1, "c-1") == (code, look(home).commands.slots["flatten"].command_id)
    assert "an older one changes nothing" in capsys.readouterr().err


def test_ledger_that_cannot_be_read_refuses_the_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run can act on it, so it is not taken."""
    ledger_in(home).write_text("{", encoding="utf-8")

    code = run_in(home, "flatten", "--yes")

    assert (1, "LedgerCorrupt") == (code, capsys.readouterr().err.split(":")[0])


# --- where


def test_folder_of_another_mode_is_refused_and_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made that no run would read."""
    before = texts_in(home)

    code = run("flatten", "--yes", "--home", str(home), "--mode", "DRY_RUN")

    assert (78, before) == (code, texts_in(home))
    assert "nothing of DRY_RUN#main lies there; there is PAPER#main: see --mode" in capsys.readouterr().err


def test_folder_above_the_markets_is_refused_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A market's folder is what is meant."""
    market = make_folder(tmp_path / "venue-one")

    code = run("flatten", "--yes", "--home", str(tmp_path), "--mode", "PAPER")

    assert (78, True) == (code, f"allowed are {market}" in capsys.readouterr().err)
    assert {"venue-one"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("option", ["--table", "--bus", "--switch"])
def test_folder_and_stack_at_once_are_refused(option: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever means the one must not command the other."""
    code = run_in(home, "flatten", "--yes", option, "trader-live")

    line = f"--home {home} and {option} trader-live are two systems; allowed is one of them"
    assert (78, True) == (code, line in capsys.readouterr().err)
    assert {} == look(home).commands.slots


def test_folder_that_is_typed_counts_more_than_variables(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were exported for a stack, of which nothing is asked, changed or told."""
    for name in ("TRADER_TABLE", "TRADER_COMMAND_BUS", "TRADER_KILL_SWITCH", "TRADER_AUDIT_BUCKET"):
        monkeypatch.setenv(name, "trader-live")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    codes = [run_in(home, "flatten", "--yes"), run("halt", "--home", str(home)), run_in(home, "status")]

    assert [0, 0, 0] == codes
    assert ["flatten"] == list(look(home).commands.slots)
    assert "HALT\n" == switch_in(home).read_text(encoding="utf-8")
    assert "trader-live" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", [["flatten"], ["halt"], ["status"]])
def test_nowhere_is_refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """There is no default: it might be the wrong one."""
    code = run(*command)

    assert (78, True) == (code, "which system? allowed is --home FOLDER, --stack" in capsys.readouterr().err)


# --- the kill switch


@pytest.mark.parametrize("before", ["RUN", "REDUCE_ONLY", "FLATTEN", "HALT", "off", None])
def test_halt_halts_whatever_was_said(before: str | None, home: Path) -> None:
    """Neither configuration nor ledger has to be sound."""
    switch_in(home).write_text(f"{before}\n", encoding="utf-8") if before else switch_in(home).unlink()
    ledger_in(home).write_text("{", encoding="utf-8")

    code = run("halt", "--home", str(home))

    assert (0, "HALT\n") == (code, switch_in(home).read_text(encoding="utf-8"))


def test_halt_says_what_was_and_the_way_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for a shell."""
    run("halt", "--home", str(home))

    told = capsys.readouterr().out
    assert "kill switch: RUN before, HALT now\n" in told
    assert f"to go back: echo RUN > {switch_in(home)}\n" in told


@pytest.mark.parametrize("command", ["halt", "reduce-only"])
def test_reason_of_a_switch_is_printed_with_who_said_it(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One word has no room for it, and that is said; no reason that could be refused keeps anybody from a halt."""
    code = run(command, "--home", str(home), "--reason", "odd\nfills " + "x" * 200)

    told = capsys.readouterr().out
    assert (0, True) == (code, f" by ada: odd fills {'x' * 200}; no record keeps this line\n" in told)


@pytest.mark.parametrize("command", ["halt", "flatten", "resume"])
def test_word_that_is_none_is_shown(command: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads it knows what to mend."""
    switch_in(home).write_text("off\n", encoding="utf-8")
    more = {"halt": [], "flatten": ["--yes"], "resume": ["--reason", "go on"]}[command]

    run(command, *more, "--home", str(home), "--mode", "PAPER", "--config", str(CONFIG))

    assert f"{switch_in(home)} says 'off'" in capsys.readouterr().out


@pytest.mark.parametrize(("before", "code", "after"), [("RUN", 0, "REDUCE_ONLY"), ("REDUCE_ONLY", 0, "REDUCE_ONLY")])
def test_reduce_only_is_said_over_run(before: str, code: int, after: str, home: Path) -> None:
    """And once more over itself."""
    switch_in(home).write_text(f"{before}\n", encoding="utf-8")

    assert (code, after) == (
        run("reduce-only", "--home", str(home)),
        switch_in(home).read_text(encoding="utf-8").strip(),
    )


@pytest.mark.parametrize("before", ["HALT", "FLATTEN", "off"])
def test_reduce_only_never_takes_back_what_allows_less(
    before: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who said HALT may be selling by hand; a word that is none counts as HALT."""
    switch_in(home).write_text(f"{before}\n", encoding="utf-8")

    code = run("reduce-only", "--home", str(home))

    assert (1, before) == (code, switch_in(home).read_text(encoding="utf-8").strip())
    assert f"echo REDUCE_ONLY > {switch_in(home)}" in capsys.readouterr().err


def test_switch_of_a_folder_that_nothing_runs_in_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would halt nothing, and look as if it did."""
    make_folder(tmp_path / "venue-one")

    code = run("halt", "--home", str(tmp_path))

    assert (78, False) == (code, switch_in(tmp_path).exists())
    assert re.search(r"allowed are .*venue-one", capsys.readouterr().err)


def test_login_without_a_name_is_a_number() -> None:
    """As in a container with a user of its own."""

    def fail() -> str:
        raise OSError("no user name is set")

    assert re.fullmatch(r"uid \d+", read_login(fail))
    assert read_login(lambda: "ada") == "ada"


def test_configuration_that_cannot_be_used_is_named(home: Path, tmp_path: Path) -> None:
    """A command needs to know whose books are meant."""
    code = run("flatten", "--yes", "--home", str(home), "--config", str(tmp_path / "none"))

    assert (78, {}) == (code, look(home).commands.slots)
