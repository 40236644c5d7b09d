"""Whether a finished run has acted on an operator's word: judged by what is stored, looked at without a lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from desk.aftermath import OpenBooks, list_buying
from desk.controls import UNSEEN, Controls
from trader.cycle import CycleOutcome
from trader.errors import MalformedData, StoreError
from trader.model.commands import Command, CommandKind, StandingCommands
from trader.model.cycle_state import RunMark
from trader.model.ids import Instant, Scope, rfc3339
from trader.model.ledger import Ledger
from trader.model.trading_state import TradingState
from trader.ports import Clock, StateReading
from trader.stages.commands import is_done

#: A folder is quick, a stack takes seconds.
_FIRST_PAUSE_SECONDS, _PAUSE_SECONDS_MAX = 0.1, 1.0
_FAILED = frozenset({CycleOutcome.ABORTED.value, CycleOutcome.ABSTAINED.value})


class Stage(StrEnum):
    """How far a word has come."""

    UNSEEN = f"what comes of it is {UNSEEN}"
    ON_ITS_WAY = "it has not arrived"
    STANDING = "it stands, and no run has acted on it yet"
    PARTLY = "it stands, a run has acted on it, and something is left"
    DONE = "done"
    OVERTAKEN = "somebody said something else since"

    @property
    def is_over(self) -> bool:
        """Whether waiting on would tell nothing more."""
        return self in (Stage.DONE, Stage.OVERTAKEN)


@dataclass(frozen=True, slots=True)
class Judgment:
    """How far a word has come, and what there is to say of it."""

    stage: Stage
    told: str = ""

    @property
    def line(self) -> str:
        """What there is to say, as a line of its own; nothing if there is nothing."""
        return f"{self.stage}: {self.told}" if self.stage is Stage.UNSEEN and self.told else self.told


class Word(Protocol):
    """Something that an operator said, and a run has to act on."""

    def judge(self, reading: StateReading, now: Instant) -> Judgment:
        """Judge by what is stored now."""


@dataclass(slots=True)
class CommandWord:
    """A command. Another one of the same meaning in its slot is followed in its place."""

    command: Command

    def judge(self, reading: StateReading, now: Instant) -> Judgment:
        commands, standing = reading.commands, reading.commands.slots.get(self.command.slot)
        if standing is not None and _count(standing) > _count(self.command):
            if (standing.until, standing.abandon) != (self.command.until, self.command.abandon):
                return Judgment(Stage.OVERTAKEN, f"another {_name(standing)} stands in its place")
            self.command = standing
            return Judgment(
                self._judge(reading, now).stage, f"{_name(standing)} stands in its place, and is waited for"
            )
        if (ender := _find_ender(self.command, commands)) is not None:
            return Judgment(Stage.OVERTAKEN, f"{_name(ender)} has ended it")
        return self._judge(reading, now)

    def _judge(self, reading: StateReading, now: Instant) -> Judgment:
        ledger, command = reading.ledger, self.command
        is_acted_on = ledger is not None and not command.is_newer(ledger.applied_commands.get(command.slot))
        if ledger is not None and is_acted_on:
            return Judgment(Stage.DONE if is_done(command, ledger, reading.commands, now) else Stage.PARTLY)
        standing = reading.commands.slots.get(command.slot)
        is_there = standing is not None and _count(standing) >= _count(command)
        return Judgment(Stage.STANDING if is_there else Stage.ON_ITS_WAY)


def _count(command: Command) -> tuple[Instant, str]:
    """Return by what commands of one slot are in order."""
    return command.issued_at, command.command_id


def _name(command: Command) -> str:
    why = f": {command.why}" if command.why else ""
    return f"{command.slot}, said {rfc3339(command.issued_at)} by {command.who or 'nobody knows whom'}{why}"


def _find_ender(command: Command, commands: StandingCommands) -> Command | None:
    """Return the command that ended this one: a resume ends a flatten, a flatten what a resume allowed."""
    flatten, resume = commands.find(CommandKind.FLATTEN), commands.find(CommandKind.RESUME)
    if command.kind is CommandKind.FLATTEN and resume is not None and resume.issued_at > command.issued_at:
        return resume
    if command.kind is CommandKind.RESUME and flatten is not None and flatten.issued_at >= command.issued_at:
        return flatten
    return None


@dataclass(slots=True)
class SwitchWord:
    """A word of the kill switch, written at an instant. A run that began after it has read it.

    Whoever held the lease at the first look may have begun before: it does not count, unless it took less time than has
    passed since. Runs tell the time of another clock, so that only their lengths are compared.
    """

    controls: Controls
    wanted: TradingState
    written_at: Instant
    _base: RunMark | None = None
    _holder: str = ""
    _looked_at: Instant | None = None

    def judge(self, reading: StateReading, now: Instant) -> Judgment:
        switch, unseen = None, ""
        try:
            switch = self.controls.read_switch()
        except MalformedData as error:
            return Judgment(Stage.OVERTAKEN, f"the kill switch was turned: {error}")
        except StoreError as error:
            unseen = str(error)
        if switch not in (None, self.wanted):
            return Judgment(Stage.OVERTAKEN, f"the kill switch was turned: it says {switch} now")
        last = _last_run(reading.ledger)
        is_later, self._looked_at = self._is_later(last, reading.owner), now
        if reading.ledger is None or last is None or not is_later or not self._has_obeyed(last):
            return Judgment(Stage.STANDING)
        if switch is None and self.wanted is not TradingState.HALT:
            return Judgment(Stage.UNSEEN, f"the kill switch: {unseen}")
        return Judgment(Stage.PARTLY if list_buying(reading.ledger) else Stage.DONE)

    def _is_later(self, last: RunMark | None, owner: str) -> bool:
        """Whether the last run that finished has begun after the word."""
        if self._looked_at is None:
            self._base, self._holder = last, owner
            return False
        if last is None or last == self._base:
            self._holder = self._holder if owner == self._holder else ""
            return False
        # It finished after the look before; both its instants are cut to whole seconds.
        took = last.ended_at - last.began_at + 2
        if not self._holder or took <= self._looked_at - self.written_at:
            return True
        self._base, self._holder = last, ""
        return False

    def _has_obeyed(self, last: RunMark) -> bool:
        if self.wanted is TradingState.HALT:
            return last.outcome == CycleOutcome.HALTED
        return last.outcome not in _FAILED


class Pace(Protocol):
    """The time that an operator waits: counted from when it is made."""

    def elapsed(self) -> float:
        """Return the seconds since then."""

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass."""


class Stopwatch:
    """The pace of this machine."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Ending:
    """How waiting ended: how far the word had come, in which state, and after how many seconds.

    ``reading`` is what was seen last; ``worker_is_gone``: whatever was to act on it works there no more.
    """

    judgment: Judgment
    reading: StateReading | None
    seconds: float
    worker_is_gone: bool = False


def follow(
    word: Word,
    controls: Controls,
    scope: Scope,
    books: OpenBooks,
    clock: Clock,
    pace: Pace,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Ending:
    """Look, soon once a second, until a run has acted on a word, or nothing more is to be expected; tell what is met.

    What cannot be seen for a while is told once, and looked at again.
    """
    seen, judgment, last_run, pause = None, Judgment(Stage.UNSEEN), books.last_run, _FIRST_PAUSE_SECONDS
    told: set[str] = set()
    while True:
        # Before the look: what it has done before it went is seen.
        is_worked, failure = controls.find_worker() is not None, ""
        try:
            reading = controls.look(scope)
        except StoreError as error:
            # What was seen before may hold no more.
            judgment = Judgment(Stage.UNSEEN, str(error))
        else:
            books.observe(reading.ledger)
            failure = _name_failure(last_run, reading)
            seen, judgment, last_run = reading, word.judge(reading, clock.now()), _last_run(reading.ledger)
        for line in (failure, "" if judgment.stage is Stage.OVERTAKEN else judgment.line):
            if line and line not in told:
                tell(line)
                told.add(line)
        if judgment.stage.is_over or not is_worked or pace.elapsed() >= timeout_seconds:
            return Ending(judgment, seen, pace.elapsed(), worker_is_gone=not is_worked)
        pace.wait(min(pause, max(timeout_seconds - pace.elapsed(), 0)))
        pause = min(2 * pause, _PAUSE_SECONDS_MAX)


def _name_failure(before: RunMark | None, reading: StateReading) -> str:
    """Name a run that failed since the last look."""
    last = _last_run(reading.ledger)
    if last is None or last == before or last.outcome not in _FAILED:
        return ""
    return f"run {last.run_id} ended as {last.outcome}: {last.reason}"


def _last_run(ledger: Ledger | None) -> RunMark | None:
    return ledger.last_run if ledger is not None else None
