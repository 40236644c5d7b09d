"""What a loop says: plain lines when piped, one line that is renewed on a terminal, objects for machines."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from desk.loop.telling import Telling
from factories import a_ledger, a_lot, an_intent
from factories_settings import shipped_settings
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.errors import VenueUnavailable
from trader.model.commands import Command, CommandKind
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Instant, cycle_id_at
from trader.model.inputs import Tick

AT = Instant(1_795_349_400)
TICK = Tick(cycle_id_at(AT), AT, Instant(AT + 200))
SETTINGS = shipped_settings()


class Terminal(io.StringIO):
    """What a screen gets."""

    def isatty(self) -> bool:
        return True


def a_report(outcome: CycleOutcome = CycleOutcome.COMPLETED, **fields: object) -> CycleReport:
    ledger = after_tick(ENTRY, 2).ledger()
    return replace(CycleReport(TICK, outcome, after=ledger), **fields)  # type: ignore[arg-type]


def piped(request: RunTick | RunWatch | SwitchChanged | Command, report: CycleReport) -> str:
    out = io.StringIO()
    Telling(SETTINGS, out).tell(request, report, Instant(AT + 3))
    return out.getvalue()


def test_line_of_a_cycle_names_instant_outcome_equity_lots_and_what_comes_next() -> None:
    """On one line, with money to the cent."""
    assert (
        piped(RunTick(AT), a_report())
        == "2026-11-22T12:10:03Z tick COMPLETED · equity 9998.50 USD · 1 lot · next 12:15:00Z\n"
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_order_in_doubt_is_told_apart_when_a_loop_goes_on(as_json: bool) -> None:
    """Nobody knows whether it is open; what has no price has no equity."""
    out, ledger = io.StringIO(), a_ledger(working=[an_intent()], lots=[a_lot()])

    Telling(SETTINGS, out, as_json).tell_resumed(ledger, AT)

    line = json.loads(out.getvalue())["said"] if as_json else out.getvalue().rstrip()
    said = "resumed: equity unknown USD, 1 lot, 0 open orders, 1 order in doubt; next tick 12:15:00Z"
    assert said == line


def test_line_counts_what_was_sent_and_filled() -> None:
    """One order and no fill."""
    sent = AuditNote(EventKind.ORDER_SUBMITTED, "an order", {})

    line = piped(RunTick(AT), a_report(notes=(sent,)))

    assert " · 1 order sent · " in line
    assert "fill" not in line


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (RunTick(AT), "tick"),
        (RunWatch(AT), "look"),
        (SwitchChanged(AT), "switch"),
        (Command(CommandKind.FLATTEN, AT, "1"), "flatten"),
    ],
)
def test_line_says_what_the_run_was_made_for_and_why_it_failed(
    request_: RunTick | RunWatch | SwitchChanged | Command, word: str
) -> None:
    """A failure is told of every kind of run."""
    line = piped(request_, a_report(CycleOutcome.ABSTAINED, reason="the account could not be read"))

    assert line.startswith(f"2026-11-22T12:10:03Z {word} ABSTAINED: the account could not be read · ")


def test_look_without_anything_to_do_is_told_on_a_terminal_only() -> None:
    """There it renews the line of the last cycle."""
    report, terminal = a_report(CycleOutcome.SKIPPED, reason="nothing is due"), Terminal()
    telling = Telling(SETTINGS, terminal)

    telling.tell(RunTick(AT), a_report(), Instant(AT + 3))
    for seconds in (60, 120):
        telling.tell(RunWatch(Instant(AT + seconds)), report, Instant(AT + seconds))

    assert not piped(RunWatch(AT), report)
    assert terminal.getvalue().count("\n") == 0
    assert terminal.getvalue().endswith("12:10:03Z COMPLETED · 9998.50 USD · 1 lot · next 12:15 · looked 12:12")


def test_first_look_says_when_the_first_tick_comes() -> None:
    """Nobody shall wonder why nothing happens."""
    terminal = Terminal()

    Telling(SETTINGS, terminal).tell(RunWatch(AT), a_report(CycleOutcome.SKIPPED), Instant(AT + 60))

    assert terminal.getvalue().endswith("waiting · next 12:15 · looked 12:11")


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_renewed_line_fits_the_terminal_whole(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it was looked last is left out first."""
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    telling = Telling(SETTINGS, terminal)

    telling.tell(RunTick(AT), a_report(), Instant(AT + 3))
    telling.tell(RunWatch(AT), a_report(CycleOutcome.SKIPPED), Instant(AT + 60))

    line = terminal.getvalue().split("\r\x1b[2K")[-1]
    assert line.startswith("12:10:03Z COMPLETED · 9998.50 USD · 1 lot · next 12:15")
    assert ("looked" in line) == (columns > 60)


def test_terminal_keeps_what_a_person_should_read_later_and_is_never_too_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failure stays as a whole line; the renewed line is cut to the width."""
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    telling = Telling(SETTINGS, terminal)

    telling.tell(RunTick(AT), a_report(), AT)
    telling.tell_failure(RunTick(AT), VenueUnavailable("no answer\nat all"), AT)
    telling.end()

    whole, renewed = terminal.getvalue().split("\r\x1b[2K")[2:4]
    assert "ERROR: VenueUnavailable: no answer at all · next 12:15:00Z\n" in whole
    assert len(renewed.rstrip("\n")) <= 39
    assert terminal.getvalue().endswith("\n")


def test_machines_get_one_object_for_each_line() -> None:
    """What was said between the cycles as well."""
    out = io.StringIO()
    telling = Telling(SETTINGS, out, as_json=True)

    telling.tell(RunTick(AT), a_report(), AT)
    telling.say("good-bye")
    telling.tell_failure(RunTick(AT), VenueUnavailable("away"), AT)

    cycle, said, failed = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (cycle["outcome"], cycle["equity"], cycle["lots"]) == ("COMPLETED", "9998.50", 1)
    assert said == {"said": "good-bye"}
    assert failed["outcome"] == "ERROR"


class Deaf(io.StringIO):
    """A disk that is full for a while."""

    is_full = True

    def write(self, text: str) -> int:
        """Write, or fail."""
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("as_json", [False, True])
def test_lines_that_could_not_be_written_end_nothing_and_are_counted(as_json: bool) -> None:
    """They are lost, and the next one that is written says how many."""
    out = Deaf()
    telling = Telling(SETTINGS, out, as_json)

    telling.tell(RunTick(AT), a_report(), AT)
    telling.say("something")
    out.is_full = False
    telling.say("heard")
    telling.say("again")

    lines = out.getvalue().splitlines()
    assert ["2 lines before this one could not be written", "heard", "again"] == [
        json.loads(line)["said"] if as_json else line for line in lines
    ]


def test_stream_that_was_never_there_ends_nothing() -> None:
    """As with `>&-` in a shell."""
    telling = Telling(SETTINGS, None)

    telling.tell(RunTick(AT), a_report(), AT)
    telling.end()

    assert telling.out is None


def test_words_of_a_venue_stay_in_their_line() -> None:
    """They neither move the cursor nor begin a line that looks like one of ours."""
    said = piped(RunTick(AT), a_report(CycleOutcome.ABSTAINED, reason="\x1b[2J\n2026-11-22T12:15:00Z tick\rCOMPLETED"))

    assert said.count("\n") == 1
    assert "ABSTAINED: ?[2J 2026-11-22T12:15:00Z tick COMPLETED" in said


def test_what_rings_on_aws_is_said_once_when_it_begins_and_once_when_it_is_over() -> None:
    """A line for each thing; what nobody found is not told as over."""
    out = io.StringIO()
    telling = Telling(shipped_settings(), out)

    for found in ((), ("lot t247-1 lies open",), ("lot t247-1 lies open",), ()):
        telling.tell_alarm("Exposed", found)

    assert ["EXPOSED: lot t247-1 lies open", "Exposed: over"] == out.getvalue().splitlines()
