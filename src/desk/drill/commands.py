"""Commands that meet a run: ``python -m desk.drill.commands`` delivers 200 of them, in a time of their own.

Each meets a tick that runs, a lease whose holder is dead, a watch run, or its own second delivery, at an instant and
with requests of a length that chance has chosen. Lambda's asynchronous deliveries are played: two attempts, a minute
apart. A command is *lost* if no run acts on it, *twice* if it is acted on more than once or more is sold than we had,
*early* if a delivery ends well before a run has finished what it asks for.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import cast

from desk.drill.growth import make_settings
from desk.drill.growth_lots import LotWorld, Trouble
from desk.drill.growth_world import BASE, SCOPE
from desk.drill.virtual_time import Life, SlowPort, VirtualTime
from desk.in_memory import InMemoryAuditLog, InMemoryKillSwitch
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.entry.perform import perform
from trader.errors import TraderError
from trader.model.commands import Command, CommandKind
from trader.model.events import EventKind
from trader.model.ids import Instant
from trader.model.money import Quantity
from trader.ports import ExchangeAdapter, Identity, Ports
from trader.settings import Settings
from trader.stages.commands import is_done
from trader.stages.pipeline import Pipeline

#: What a request may take. Units: seconds.
_SECONDS = (0.05, 0.5, 2.0)
_KINDS = (CommandKind.FLATTEN, CommandKind.CLOSE, CommandKind.RECONCILE, CommandKind.CLEAR_DRAWDOWN)
#: Lambda's second attempt at an asynchronous event comes after a minute.
_RETRY_SECONDS, _ATTEMPTS = 60, 2
_TICKS, _SET_UP = 4, 2
_OWNERS = Quantity(1)

Perform = Callable[[RunTick | RunWatch | SwitchChanged | Command, Pipeline, Ports, int], CycleReport]


class Meeting(StrEnum):
    """What a command meets."""

    TICK = "a tick that runs"
    DEAD = "a lease whose holder is dead"
    WATCH = "a watch run"
    TWIN = "its own second delivery"


@dataclass(slots=True)
class Try:
    """One command, what it met, and what was seen to be wrong."""

    meeting: Meeting
    kind: CommandKind
    lost: bool = False
    twice: bool = False
    early: bool = False
    said: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.kind}, {self.meeting}: {'; '.join(self.said)}"


class CommandWorld(LotWorld):
    """One lot with its bracket, coins of the account's owner beside it, and invocations that overlap."""

    def __init__(self, settings: Settings, seed: int, perform_request: Perform) -> None:
        super().__init__(
            Trouble("commands", volume=2000.0, shown=Quantity(10), is_covered=True), settings, _TICKS + _SET_UP
        )
        self.set_up()
        self.venue.deposit(BASE, _OWNERS)
        self._chance, self._perform = Random(seed), perform_request  # noqa: S311 - repeatable on purpose
        self._slow = self._chance.choice(_SECONDS)
        self._audit, self._switch = InMemoryAuditLog(), InMemoryKillSwitch()
        self.begins = self.instant(_SET_UP)
        self.time = VirtualTime(float(self.clock.now()))

    def meet(self, attempt: Try) -> None:
        """Let a command meet what it meets, and the ticks after it finish the story."""
        begins, chance = self.begins, self._chance
        self._begin_runs(attempt.meeting)
        said_at = begins + chance.uniform(0, 30 * self._slow)
        if attempt.meeting is Meeting.WATCH:
            said_at = begins - begins % 60 + 60 + chance.uniform(-2, 5) * self._slow
        if attempt.meeting is Meeting.DEAD:
            said_at += 30 * self._slow
        target = next(iter(self.ledger().lots)) if attempt.kind is CommandKind.CLOSE else ""
        command = Command(attempt.kind, Instant(int(said_at)), "event-1", "ada", "a drill", target)
        for number in range(2 if attempt.meeting is Meeting.TWIN else 1):
            late = chance.uniform(0, 20 * self._slow) * number
            self.time.start(said_at + late, lambda: self._deliver(command, attempt))
        self.time.run(self.clock.set)
        self._judge(command, attempt)

    def _begin_runs(self, meeting: Meeting) -> None:
        for number in range(_TICKS):
            at = Instant(self.begins + number * self.step)
            is_killed = meeting is Meeting.DEAD and number == 0
            life = Life(self._chance.randrange(4, 24) if is_killed else None)
            self._start(float(at), RunTick(Instant(at - at % 60)), f"tick {number}", life)
        if meeting is Meeting.WATCH:
            for minute in range(1, _TICKS * self.step // 60):
                at = Instant(self.begins - self.begins % 60 + minute * 60)
                self._start(float(at), RunWatch(at), f"watch {minute}", Life())

    def _start(self, at: float, request: RunTick | RunWatch, owner: str, life: Life) -> None:
        def act() -> None:
            self._perform(request, self._pipeline, self._ports(owner, life), self.settings.cycle.run_seconds)

        self.time.start(at, act)

    def _deliver(self, command: Command, attempt: Try) -> None:
        """Deliver it as Lambda does: again after a minute if it fails, and then no more."""
        for number in range(_ATTEMPTS):
            if number:
                self.time.wait(_RETRY_SECONDS)
            ports = self._ports(f"delivery {number}", Life())
            try:
                report = self._perform(command, self._pipeline, ports, self.settings.cycle.run_seconds)
            except TraderError as error:
                attempt.said.append(f"{type(error).__name__}: {error}")
                continue
            attempt.said.append(f"{report.outcome} {report.reason}".strip())
            if report.outcome in (CycleOutcome.ABORTED, CycleOutcome.ABSTAINED):
                continue
            seen = self.store.look(SCOPE)
            attempt.early |= seen.ledger is None or not is_done(command, seen.ledger, seen.commands, self.time.now())
            return

    def _judge(self, command: Command, attempt: Try) -> None:
        lines = [json.loads(line) for text in self._audit.texts.values() for line in text.splitlines()]
        applied = sum(
            line.get("event") == EventKind.COMMAND_APPLIED and line["body"]["command"]["command_id"] == "event-1"
            for line in lines
        )
        held = self.account().totals.get(BASE, Quantity(0))
        sells = command.kind in (CommandKind.FLATTEN, CommandKind.CLOSE)
        left = _OWNERS if sells else _OWNERS + 1
        attempt.lost = applied == 0 or held > left or (sells and bool(self.ledger().lots))
        attempt.twice = applied > 1 or held < left
        attempt.said.append(f"applied {applied} times, {held} left of {left}")

    def _ports(self, owner: str, life: Life) -> Ports:
        def seconds() -> float:
            return self._slow * self._chance.uniform(0.5, 1.5)

        def slow(port: object) -> object:
            return SlowPort(port, self.time, seconds, life)

        return Ports(
            market=self.market,
            exchange=cast("ExchangeAdapter", slow(self.venue)),
            store=slow(self.store),  # type: ignore[arg-type]
            audit=slow(self._audit),  # type: ignore[arg-type]
            kill_switch=slow(self._switch),  # type: ignore[arg-type]
            clock=self.time,
            identity=Identity(SCOPE, owner, "drill"),
        )


def run_tries(count: int, seed: int, settings: Settings, perform_request: Perform = perform) -> list[Try]:
    """Deliver so many commands, each in a world of its own."""
    tries = []
    for number in range(count):
        attempt = Try(list(Meeting)[number % len(Meeting)], _KINDS[number // len(Meeting) % len(_KINDS)])
        CommandWorld(settings, seed * 100_000 + number, perform_request).meet(attempt)
        tries.append(attempt)
    return tries


def main() -> int:
    """Deliver the commands, print what is wrong, and count it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.tries < 1:
        parser.error(f"--tries {arguments.tries}: allowed are 1 and more")
    tries = run_tries(arguments.tries, arguments.seed, make_settings())
    for each in tries:
        if each.lost or each.twice or each.early:
            print(each)
    lost, twice, early = (sum(getattr(each, name) for each in tries) for name in ("lost", "twice", "early"))
    again = sum(len(each.said) > 2 for each in tries)
    print(f"tries={len(tries)} seed={arguments.seed} came_again={again} lost={lost} twice={twice} early={early}")
    return int(bool(lost or twice or early))


if __name__ == "__main__":
    sys.exit(main())
