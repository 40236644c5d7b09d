"""How a command is given: what stands is looked at, the command checked as a run would, sent, and told about."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from desk.cli.located import System
from desk.controls import UNSEEN, Controls, make_command, open_controls
from trader.adapters.local.clock import SystemClock
from trader.entry.status import describe_state
from trader.entry.wiring import make_scope
from trader.errors import CommandRefused, ConfigError, MalformedData, StoreError
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant, Scope, rfc3339
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings
from trader.stages.commands import why_refuse

#: No run takes a command that was said further ahead of the clock.
_AHEAD_SECONDS = 60
#: The next ticks of a market with a time of its own are not ahead of it.
_MARKET_AHEAD_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen from here; ``unseen`` and ``switch_unseen`` say why something is missing."""

    state: StateReading | None
    unseen: str
    switch: TradingState | None
    switch_unseen: str


@dataclass(frozen=True, slots=True)
class CommandDesk:
    """Where commands are given. ``said_at`` is set for one that was said before; ``status`` shows what came of it."""

    controls: Controls
    settings: Settings
    scope: Scope
    now: Instant
    said_at: Instant | None
    sight: Sight
    status: str

    def draft(self, kind: CommandKind, fields: Mapping[str, Any]) -> tuple[Command, Mapping[str, Any]]:
        """Make a command, and the detail of its event, as far as it can be told from here that it would be taken.

        What the ledger says against it is not asked where the ledger cannot be seen: the run that takes it asks.
        Raises: ConfigError, CommandRefused.
        """
        detail = {"issued_at": rfc3339(self.said_at or self.now), "who": read_login(), **fields}
        command = make_command(kind, detail, self.now)
        if self.sight.state is not None:
            detail["issued_at"] = rfc3339(self._date(command, self.sight.state))
            command = make_command(kind, detail, self.now)
            self._check(command, self.sight.state)
        return command, detail

    def give(self, kind: CommandKind, fields: Mapping[str, Any]) -> Command:
        """Send a command, print what stands, and return it as it was sent.

        Raises: ConfigError, CommandRefused, StoreError. Nothing was sent then, or may have been, if the store is away.
        """
        command, detail = self.draft(kind, fields)
        command = replace(command, command_id=self.controls.give(self.scope, command, detail))
        print(f"{command.slot}: given to {self.scope}, id {command.command_id}")
        print(f"said {rfc3339(command.issued_at)} by {command.who}" + (f": {command.why}" if command.why else ""))
        self._tell_state()
        return command

    def renew(self) -> CommandDesk:
        """Look again: some time has passed since."""
        now = self.now if self.is_timeless else SystemClock().now()
        return replace(self, now=now, sight=look_around(self.controls, self.scope))

    @property
    def is_timeless(self) -> bool:
        """Whether now is when it was said: a folder's market may have a time of its own."""
        return self.controls.is_local and self.said_at is not None

    def tell_switch(self) -> None:
        """Say whether the kill switch still forbids trading, and the line that would allow it."""
        switch = self.sight.switch
        if switch is TradingState.RUN:
            return
        if switch is None and not self.controls.is_local:
            print(f"the kill switch is {UNSEEN} ({self.sight.switch_unseen}); only under RUN anything is bought")
            return
        told = f"says {switch}" if switch is not None else f"cannot be read ({self.sight.switch_unseen})"
        print(f"the kill switch {told}: nothing is bought until it says RUN, which this command does not do for you:")
        print(f"  {self.controls.name_switch_command(TradingState.RUN)}")

    def tell_resumed(self) -> None:
        """Say what the kill switch still forbids after a resume that is confirmed, perhaps by a run that was HALTED."""
        try:
            switch = self.controls.read_switch()
        except (StoreError, MalformedData):
            # What was seen of it before the resume is said already.
            return
        if switch is not TradingState.RUN:
            command = self.controls.name_switch_command(TradingState.RUN)
            print(f"no flatten stands any more; the kill switch still says {switch}; to let it trade: {command}")

    def tell_held_up(self) -> None:
        """Say, before a sale, that the kill switch holds it up, and the line that lets sales through."""
        switch = self.sight.switch
        if switch is TradingState.HALT:
            told = "says HALT"
        elif switch is None and self.controls.is_local:
            told = f"cannot be read, which counts as HALT ({self.sight.switch_unseen})"
        else:
            return
        command = self.controls.name_switch_command(TradingState.REDUCE_ONLY)
        print(f"the kill switch {told}: nothing is sold until it says something else; to let it sell: {command}")

    def _date(self, command: Command, state: StateReading) -> Instant:
        """Choose when it was said: after what it takes the place of, or ends, though that was in this very second."""
        standing = state.commands.slots.get(command.slot)
        if self.said_at is not None:
            if standing is not None and standing.issued_at >= self.said_at:
                raise CommandRefused(
                    f"{command.slot}: one said {rfc3339(standing.issued_at)} stands; an older one changes nothing"
                )
            return self.said_at
        at = self.now if standing is None else max(self.now, Instant(standing.issued_at + 1))
        flatten, resume = state.commands.find(CommandKind.FLATTEN), state.commands.find(CommandKind.RESUME)
        # Of one instant the flatten counts.
        if command.kind is CommandKind.RESUME and flatten is not None:
            at = max(at, Instant(flatten.issued_at + 1))
        elif command.kind is CommandKind.FLATTEN and resume is not None:
            at = max(at, resume.issued_at)
        if at > self.now + _AHEAD_SECONDS:
            raise CommandRefused(
                f"{command.slot}: what it has to follow is dated {rfc3339(at)}, by a clock that was wrong; it is "
                f"{rfc3339(self.now)}: nothing said now would count. The kill switch does: "
                + self.controls.name_switch_command(TradingState.FLATTEN)
            )
        return at

    def _check(self, command: Command, state: StateReading) -> None:
        switch = self.sight.switch or TradingState.HALT
        strategies = self.settings.strategies
        refusal = why_refuse(command, state.ledger, state.commands, switch, self.now, strategies)
        if refusal is not None:
            raise CommandRefused(f"{command.slot}: {refusal}")

    def _tell_state(self) -> None:
        """Print what is allowed; a stack has not heard of the command yet."""
        sight = look_around(self.controls, self.scope) if self.controls.is_local else self.sight
        word = "stands now" if self.controls.is_local else "stood before it"
        if sight.state is None:
            print(f"{word}: {UNSEEN} ({sight.unseen})")
            return
        told = describe_state(sight.state, sight.switch, self.now, self.settings)
        if sight.switch is None and not self.controls.is_local:
            print(f"{word}: {UNSEEN}: the kill switch ({sight.switch_unseen})")
        else:
            unread = f": {sight.switch_unseen}" if sight.switch is None else ""
            print(f"{word}: {told['trading_state']} ({told['why']}{unread})")
        if waiting := [each["command"] for each in told["commands"] if each["new"]]:
            print(f"no run has acted yet on: {', '.join(waiting)}")


def open_command_desk(system: System, at: Instant | None) -> CommandDesk:
    """Open what the options name, and look at it.

    In a folder *at* is now as well: its market may have a time of its own. A stack's time is the machine's.
    Raises: ConfigError; StoreError if a folder cannot be read.
    """
    controls, settings = open_controls(system.location), system.settings()
    scope = make_scope(settings)
    controls.check_scope(scope)
    sight = look_around(controls, scope)
    now = at if at is not None and controls.is_local else SystemClock().now()
    _check_time(now, sight)
    return CommandDesk(controls, settings, scope, now, at, sight, f"trader status {system.options()}")


def _check_time(now: Instant, sight: Sight) -> None:
    """Refuse a time that has not come, by the clock or in the books: until then nothing could take its place.

    Raises: ConfigError.
    """
    ledger = sight.state.ledger if sight.state is not None else None
    last = ledger.last_run.ended_at if ledger is not None and ledger.last_run is not None else Instant(0)
    newest = max(SystemClock().now(), last)
    if now > newest + _MARKET_AHEAD_SECONDS:
        raise ConfigError(f"--at: {rfc3339(now)} has not come; allowed is nothing later than {rfc3339(newest)}")


def look_around(controls: Controls, scope: Scope) -> Sight:
    """See what can be seen. Raises: StoreError for the ledger of a folder: there, no run could read it either."""
    state, unseen = None, ""
    try:
        state = controls.look(scope)
    except StoreError as error:
        if controls.is_local:
            raise
        unseen = str(error)
    try:
        return Sight(state, unseen, controls.read_switch(), "")
    except (StoreError, MalformedData) as error:
        return Sight(state, unseen, None, str(error))


def read_login(ask: Callable[[], str] = getpass.getuser) -> str:
    """Name who is logged in; in a container without names, by number."""
    try:
        return ask()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
