"""What an operator's command waits for in a folder where something runs, and what it says of what came of it."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.folder_lock import find_worker
from simulation.scenarios import ENTRY
from simulation.world import SCOPE
from trader.cycle import CycleOutcome
from trader.entry.events import SwitchChanged
from trader.errors import VenueUnavailable
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant
from trader.model.trading_state import TradingState
from unit.desk.attended import Runner, a_runner_in, a_world, occupied, working
from unit.desk.operated_folder import LOT, NOW, VARIABLES, ledger_in, run, run_in, switch_in, texts_in


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests; Ada is logged in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "ada")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A lot of three SOL, protected, and an entry of ETH that rests."""
    return a_runner_in(tmp_path, a_world())


def a_command(kind: CommandKind, at: int = NOW + 1, **over: Any) -> Command:
    return Command(kind, Instant(at), "c-9", **{"who": "bob", **over})


class Terminal(io.StringIO):
    """A keyboard at which somebody has typed."""

    def isatty(self) -> bool:
        return True


def sold_lines(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith("sold ")]


def test_flatten_tells_what_was_cancelled_and_sold_and_by_which_run(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Per order: product, quantity, price, proceeds, fee; and how long it took."""
    with working(tmp_path, runner.act):
        code = run_in(tmp_path, "flatten", "--yes")

    told = capsys.readouterr().out
    assert 0 == code
    assert "to be sold: 2.994 SOL-USD at 99.97: 299.31 USD" in told
    assert re.search(r"^cancelled buy 2.994 ETH-USD at 99\.97 \(entry of t247-\w+\)$", told, re.MULTILINE)
    assert f"cancelled sell 2.994 SOL-USD at 114.97 (protection of {LOT})\n" in told
    assert [f"sold 2.994 SOL-USD at 99.92: 299.16 USD, fee 2.69 (lot {LOT})"] == sold_lines(told)
    (report,) = runner.reports
    assert re.search(rf"flatten: confirmed after \d\.\d s by run {report.tick.cycle_id}, COMPLETED\n$", told)


def test_close_leaves_what_it_is_not_about(runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The entry of ETH goes on."""
    with working(tmp_path, runner.act):
        code = run_in(tmp_path, "close", LOT, "--yes")

    told = capsys.readouterr().out
    assert (0, 1, False) == (code, len(sold_lines(told)), "ETH-USD" in told)


@pytest.mark.parametrize(
    "arguments",
    [
        ["pause", "ETH-USD", "--for", "2h"],
        ["reconcile"],
        ["clear-drawdown", "--reason", "looked"],
        ["resume", "--abandon", "--reason", "a mistake"],
    ],
    ids=lambda each: each[0],
)
def test_other_commands_are_confirmed_too(
    arguments: list[str], runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sold by them; a pause cancels what buys the product."""
    with working(tmp_path, runner.act):
        code = run_in(tmp_path, *arguments)

    told = capsys.readouterr().out
    assert (0, []) == (code, sold_lines(told))
    assert ("cancelled buy 2.994 ETH-USD" in told) == (arguments[0] == "pause")
    assert ": confirmed after " in told.splitlines()[-1]


def test_command_that_nobody_acts_on_stands_and_is_not_said_to_be_done(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, that it may be so a little later, and where to look."""
    with occupied(tmp_path):
        code = run_in(tmp_path, "flatten", "--yes", "--timeout", "1")

    output = capsys.readouterr()
    line = output.err.splitlines()[-1]
    assert (75, ["flatten"]) == (code, list(runner.store.look(SCOPE).commands.slots))
    assert line.startswith("NotNow: flatten: not confirmed within 1 s; it stands, and no run has acted on it yet")
    assert f"trader status --home {tmp_path}" in line
    assert f"left: 2.994 SOL-USD ({LOT}): no run has sold it yet\n" in output.out
    assert "left: buy 2.994 ETH-USD at 99.97: no run has cancelled it yet\n" in output.out
    assert "confirmed" not in output.out


def test_what_is_left_under_halt_says_so(runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run has acted on the command, and the switch holds it up."""
    switch_in(tmp_path).write_text("HALT\n", encoding="utf-8")
    with working(tmp_path, runner.act):
        code = run_in(tmp_path, "flatten", "--yes", "--timeout", "2")

    output = capsys.readouterr()
    assert (75, []) == (code, sold_lines(output.out))
    assert f"left: 2.994 SOL-USD ({LOT}): under HALT nothing is sent\n" in output.out
    assert "it stands, a run has acted on it, and something is left" in output.err


@pytest.mark.parametrize("word", ["RUN", "HALT", "REDUCE_ONLY"])
def test_resume_that_is_confirmed_says_what_the_switch_still_forbids(
    word: str, runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A confirmation by a run that is HALTED is a riddle; the last line solves it, with what is to be typed."""
    switch_in(tmp_path).write_text(f"{word}\n", encoding="utf-8")
    with working(tmp_path, runner.act):
        code = run_in(tmp_path, "resume", "--reason", "go on")

    last = capsys.readouterr().out.splitlines()[-1]
    said = f"no flatten stands any more; the kill switch still says {word}; to let it trade: echo RUN > "
    assert (0, word != "RUN") == (code, last.startswith(said))
    assert (": confirmed after" in last) == (word == "RUN")


@pytest.mark.parametrize(
    ("word", "told"),
    [("RUN", ""), ("REDUCE_ONLY", ""), ("HALT", "the kill switch says HALT: "), ("off", "the kill switch cannot be ")],
)
@pytest.mark.parametrize("command", [["flatten"], ["close", LOT]], ids=["flatten", "close"])
def test_switch_that_holds_a_sale_up_is_named_before_the_question(
    command: list[str],
    word: str,
    told: str,
    runner: Runner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the line that lets sales through, and before anything is said."""
    switch_in(tmp_path).write_text(f"{word}\n", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))

    run_in(tmp_path, *command)

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(told or "to be sold: 2.994 SOL-USD")
    assert first.endswith(f"to let it sell: echo REDUCE_ONLY > {switch_in(tmp_path)}") == bool(told)


def test_no_wait_ends_at_once(runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is claimed of what came of it."""
    with occupied(tmp_path):
        code = run_in(tmp_path, "reconcile", "--no-wait")

    output = capsys.readouterr()
    assert (0, "") == (code, output.err)
    assert output.out.splitlines()[-1].startswith(f"the next run acts on it: trader status --home {tmp_path}")


def test_run_that_fails_is_told_at_once_and_waiting_goes_on(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The venue is away for one run; the next one sells."""
    open_exchange = runner.world.open_exchange

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise VenueUnavailable("no answer")

    def act() -> None:
        is_first = not runner.reports
        runner.world.open_exchange = (lambda _: Away()) if is_first else open_exchange  # type: ignore[assignment, method-assign]
        runner.act()

    with working(tmp_path, act, every_seconds=1.5):
        code = run_in(tmp_path, "flatten", "--yes")

    output = capsys.readouterr()
    first, *_ = runner.reports
    assert (0, CycleOutcome.ABSTAINED) == (code, first.outcome)
    assert f"run {first.tick.cycle_id} ended as ABSTAINED: the account could not be read: " in output.err
    assert 1 == len(sold_lines(output.out))


@pytest.mark.parametrize(
    ("arguments", "other", "told"),
    [
        (
            ["flatten", "--yes"],
            a_command(CommandKind.RESUME, why="stop it", abandon=True),
            "resume, said .* by bob: stop it",
        ),
        (["resume", "--reason", "go"], a_command(CommandKind.FLATTEN), "flatten, said .* by bob has ended it"),
        (
            ["pause", "SOL-USD", "--for", "2h"],
            a_command(CommandKind.PAUSE, target="product SOL", until=Instant(NOW + 60)),
            "another pause product SOL, said .* by bob stands in its place",
        ),
    ],
    ids=["resume ends flatten", "flatten ends resume", "another pause"],
)
def test_command_that_another_has_overtaken_is_not_said_to_be_done(
    arguments: list[str],
    other: Command,
    told: str,
    runner: Runner,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who said what, and when."""

    def act() -> None:
        if runner.store.look(SCOPE).commands.slots:
            runner.store.write_command(SCOPE, other)
            runner.act()

    with working(tmp_path, act):
        code = run_in(tmp_path, *arguments)

    output = capsys.readouterr()
    assert (1, False) == (code, "confirmed" in output.out)
    assert re.match(f"Overtaken: .*{told}", output.err.splitlines()[-1])


def test_second_operator_who_says_the_same_is_followed(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """His word has taken the place of hers; what is sold for it is what she wants to know."""

    def act() -> None:
        if runner.store.look(SCOPE).commands.slots:
            runner.store.write_command(SCOPE, a_command(CommandKind.FLATTEN))
            runner.act()

    with working(tmp_path, act):
        code = run_in(tmp_path, "flatten", "--yes")

    output = capsys.readouterr()
    assert (0, 1) == (code, len(sold_lines(output.out)))
    assert "flatten, said 2026-11-22T12:12:01Z by bob stands in its place, and is waited for" in output.err


def test_interrupted_command_stands(runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends the waiting, and is answered."""

    def act() -> None:
        if runner.store.look(SCOPE).commands.slots:
            os.kill(os.getpid(), signal.SIGINT)

    with working(tmp_path, act, every_seconds=0.7):
        code = run_in(tmp_path, "reconcile")

    assert (130, ["reconcile"]) == (code, list(runner.store.look(SCOPE).commands.slots))
    assert "interrupted: reconcile stands nevertheless: trader status" in capsys.readouterr().err


def test_ledger_that_cannot_be_read_for_a_while_is_looked_at_again(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is said once, and nothing is claimed meanwhile."""
    looks = 0

    def act() -> None:
        nonlocal looks
        looks += 1
        sound = kept[-1] if (kept := sound_texts) else None
        if looks == 1:
            return
        if sound is None and runner.store.look(SCOPE).commands.slots:
            sound_texts.append(ledger_in(tmp_path).read_text(encoding="utf-8"))
            ledger_in(tmp_path).write_text("{", encoding="utf-8")
        elif sound is not None and not runner.reports:
            ledger_in(tmp_path).write_text(sound, encoding="utf-8")
            runner.act()

    sound_texts: list[str] = []
    with working(tmp_path, act, every_seconds=1.2):
        code = run_in(tmp_path, "reconcile")

    output = capsys.readouterr()
    assert (0, True) == (code, "confirmed" in output.out)
    assert 1 == output.err.count("what comes of it is not visible from here: ")


def test_ledger_that_cannot_be_read_any_more_is_not_said_to_show_anything(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was seen before may hold no more."""

    def act() -> None:
        if switch_in(tmp_path).exists() and '"commands":{' in ledger_in(tmp_path).read_text(encoding="utf-8"):
            ledger_in(tmp_path).write_text("{", encoding="utf-8")

    with working(tmp_path, act, every_seconds=0.4):
        code = run_in(tmp_path, "flatten", "--yes", "--timeout", "2")

    output = capsys.readouterr()
    assert (75, False) == (code, "no run has acted on it" in output.err)
    assert "not confirmed within 2 s; what comes of it is not visible from here (" in output.err
    assert "what was sold and cancelled is not visible from here: " in output.out


def test_process_that_ends_meanwhile_is_not_waited_for(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command stands for the next one."""
    held = occupied(tmp_path)
    held.__enter__()

    def leave(*_: object) -> None:
        held.__exit__(None, None, None)

    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, 0.8)
    code = run_in(tmp_path, "reconcile")

    assert (75, None) == (code, find_worker(tmp_path))
    assert "reconcile: nothing runs there any more; it stands, and no run" in capsys.readouterr().err


# --- the question


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_question_is_answered_with_yes(
    answer: str, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names number and worth."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    code = run_in(tmp_path, "flatten")

    assert (0, ["flatten"]) == (code, list(runner.store.look(SCOPE).commands.slots))
    assert "Sell 1 lot worth about 299.31 USD? [y/N] " in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n"])
@pytest.mark.parametrize("command", [["flatten"], ["close", LOT]], ids=["flatten", "close"])
def test_any_other_answer_changes_nothing(
    command: list[str],
    answer: str,
    runner: Runner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What follows in a script shall not happen either."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    before = texts_in(tmp_path)

    code = run_in(tmp_path, *command)

    assert (1, before) == (code, texts_in(tmp_path))
    assert capsys.readouterr().err.endswith("nothing was said, and nothing is sold\n")


def test_lot_without_a_price_is_said_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is invented for it."""
    runner = a_runner_in(tmp_path, a_world())
    ledger = runner.store.look(SCOPE).ledger
    assert ledger is not None
    grant = runner.store.acquire(SCOPE, "x", NOW, 60)
    runner.store.commit(grant, replace(ledger, accepted_marks={}), release=True)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))

    run_in(tmp_path, "flatten")

    output = capsys.readouterr()
    assert "to be sold: 2.994 SOL-USD no price is known" in output.out
    assert "Sell 1 lot, 1 of them without a price, worth about 0.00 USD? [y/N]" in output.err


def test_nothing_held_is_nothing_to_ask_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The flatten stands all the same: what fills late is sold."""
    runner = a_runner_in(tmp_path, a_world((ENTRY, 0)))
    monkeypatch.setattr(sys, "stdin", Terminal(""))

    code = run_in(tmp_path, "flatten")

    assert (0, ["flatten"]) == (code, list(runner.store.look(SCOPE).commands.slots))
    assert "nothing is held: there is nothing to sell now" in capsys.readouterr().out


def test_lot_that_is_being_sold_already_is_said_to_be(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Saying it again does no harm; one that is sold is refused."""
    runner.store.write_command(SCOPE, a_command(CommandKind.CLOSE, NOW - 1, target=LOT))
    again = run_in(tmp_path, "close", LOT, "--yes")
    noted = capsys.readouterr().out
    runner.act()
    sold = run_in(tmp_path, "close", LOT, "--yes", at="2026-11-22T12:12:30Z")

    assert (0, 1) == (again, sold)
    assert "note: that it is to be sold was said before, and still stands" in noted
    assert f"close: lot '{LOT}' is sold already; nothing is held" in capsys.readouterr().err


# --- the kill switch


def follow_switch(runner: Runner, home: Path) -> Any:
    """A run for each change of the switch, and another tick now and then."""
    seen = [TradingState.RUN]

    def act() -> None:
        word = switch_in(home).read_text(encoding="utf-8").strip()
        if word != seen[-1]:
            seen.append(TradingState(word))
            runner.run(SwitchChanged(Instant(NOW), f"e-{len(seen)}"))

    return act


@pytest.mark.parametrize("command", ["halt", "reduce-only"])
def test_switch_waits_for_a_run_that_began_after_it(
    command: str, runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was cancelled; nothing is sold."""
    with working(tmp_path, follow_switch(runner, tmp_path), every_seconds=1.2):
        code = run_in(tmp_path, command, at="")

    told = capsys.readouterr().out
    (report,) = runner.reports
    assert (0, []) == (code, sold_lines(told))
    assert "cancelled buy 2.994 ETH-USD at 99.97" in told
    assert "protection" not in told
    assert f" s by run {report.tick.cycle_id}, {report.outcome}\n" in told


def test_switch_that_is_turned_meanwhile_is_not_said_to_be_done(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand, by another operator."""

    def act() -> None:
        if "HALT" in switch_in(tmp_path).read_text(encoding="utf-8"):
            switch_in(tmp_path).write_text("RNU\n", encoding="utf-8")

    with working(tmp_path, act, every_seconds=0.5):
        code = run_in(tmp_path, "halt", at="")

    line = capsys.readouterr().err.splitlines()[-1]
    assert 1 == code
    assert line.startswith("Overtaken: the kill switch's HALT: the kill switch was turned: ")
    assert "says 'RNU'" in line


def test_run_that_began_before_the_word_does_not_confirm_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It held the lease when the word was written, and may have read the one before."""
    runner = a_runner_in(tmp_path, a_world((ENTRY, 2)))
    grant = runner.store.acquire(SCOPE, "a run that is busy", NOW, 60)
    ledger = grant.ledger
    assert ledger is not None
    assert ledger.last_run is not None
    late = replace(ledger, last_run=replace(ledger.last_run, began_at=NOW - 30, ended_at=NOW, outcome="HALTED"))

    def act() -> None:
        nonlocal grant
        if grant.ledger is ledger and "HALT" in switch_in(tmp_path).read_text(encoding="utf-8"):
            grant = runner.store.commit(grant, late, release=True)

    with working(tmp_path, act, every_seconds=0.5):
        code = run_in(tmp_path, "halt", "--timeout", "3", at="")

    assert (75, True) == (code, grant.ledger is late)
    assert "the kill switch's HALT: not confirmed within 3 s" in capsys.readouterr().err


def test_configuration_that_cannot_be_read_does_not_keep_a_halt_back(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is set; only what comes of it cannot be told."""
    with occupied(tmp_path):
        code = run("halt", "--home", str(tmp_path), "--config", str(tmp_path / "none"))

    assert (75, "HALT\n") == (code, switch_in(tmp_path).read_text(encoding="utf-8"))
    assert "the kill switch's HALT is set; whether a run has acted on it is not visible" in capsys.readouterr().err
