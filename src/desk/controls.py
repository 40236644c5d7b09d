"""What an operator reads and moves of a running system: its state, its switch, and the way in for commands.

Of a folder on this machine, or of a stack on AWS. Nothing here takes the lease or waits for a run.
"""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from desk.folder_lock import find_worker
from desk.location import StoreLocation
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.entry.events import parse_event
from trader.errors import ConfigError, MalformedData
from trader.model.commands import Command, CommandKind
from trader.model.ids import ClientOrderId, Instant, Scope
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.trading_state import TradingState
from trader.ports import StateReading

#: What is said of what may be there, but cannot be seen with what this login may do, or by what it was told.
UNSEEN = "not visible from here"
#: The source that the stack's rule and its operator's policy let through.
SOURCE = "trader.operator"
#: What a field of a command is called by who types it, at the head of a line about it.
_OPTIONS = {"why": "--reason", "until": "--until", "issued_at": "--at", "lot": "LOT"}
_FIELD = re.compile(r"^((?:[a-z-]+: )?)(why|until|issued_at|lot)\b")


class Controls(Protocol):
    """Everything an operator has a hand on.

    ``options`` are the words after ``trader status`` that lead here, ``next_step`` says who acts on what is written.
    ``is_local`` tells that a run sees what is seen here: it could not read either what cannot be read here.
    """

    options: str
    next_step: str
    is_local: bool

    def check_scope(self, scope: Scope) -> None:
        """Make sure that something of a scope can be here. Raises: ConfigError naming what is."""

    def look(self, scope: Scope) -> StateReading:
        """Read what is stored, without a lease. Raises: StoreUnavailable, LedgerCorrupt."""

    def list_fills(self, scope: Scope) -> tuple[Fill, ...]:
        """Read every fill that was committed. Raises: StoreUnavailable, LedgerCorrupt."""

    def list_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        """Read the finished orders that are stored under these ids. Raises: StoreUnavailable, LedgerCorrupt."""

    def find_worker(self) -> str | None:
        """Name who acts on what is written; None if nothing runs there."""

    def read_switch(self) -> TradingState:
        """Read the kill switch. Raises: StoreUnavailable, MalformedData."""

    def write_switch(self, state: TradingState) -> None:
        """Set the kill switch. Raises: StoreUnavailable."""

    def name_switch_command(self, state: TradingState) -> str:
        """Return the line for a shell that sets the kill switch by hand."""

    def give(self, scope: Scope, command: Command, detail: Mapping[str, Any]) -> str:
        """Send a command, told by *detail* as well, and return its id. Raises: StoreUnavailable."""


def open_controls(location: StoreLocation) -> Controls:
    """Open the folder or the stack where the books lie."""
    if location.home is not None:
        return FolderControls(location.home)
    from desk.controls_aws import StackControls  # noqa: PLC0415 - a laptop needs no boto3

    return StackControls(location)


def make_command(kind: CommandKind, detail: Mapping[str, Any], now: Instant, command_id: str = "") -> Command:
    """Read a command as the function would read its event. Raises: ConfigError for what the function would refuse."""
    try:
        command = parse_event({"source": SOURCE, "detail-type": kind.value, "id": command_id, "detail": detail}, now)
    except MalformedData as error:
        raise ConfigError(_FIELD.sub(lambda found: found[1] + _OPTIONS[found[2]], str(error), 1)) from None
    assert isinstance(command, Command)
    return command


class FolderControls:
    """A folder as ``trader cycle`` keeps it: a command is written into its slot at once."""

    is_local = True
    next_step = "the next run acts on it"

    def __init__(self, home: Path) -> None:
        self._home, self._switch, self._store = home, FileKillSwitch(home / "kill-switch"), FileStateStore(home)
        self.options = f"--home {shlex.quote(str(home))}"

    def check_scope(self, scope: Scope) -> None:
        if self._store.folder(scope).exists():
            return
        there = sorted(each.name.removeprefix("scope=") for each in self._home.glob("scope=*"))
        below = [each for pattern in ("*/scope=*", "runs/*/scope=*") for each in self._home.glob(pattern)]
        elsewhere = sorted(f"{each.parent} ({each.name.removeprefix('scope=')})" for each in below)
        hint = f"; there is {', '.join(there)}: see --mode" if there else ""
        hint = hint or (f"; allowed are {', '.join(elsewhere)}" if elsewhere else "")
        raise ConfigError(f"--home {self._home}: nothing of {scope} lies there{hint}")

    def look(self, scope: Scope) -> StateReading:
        return self._store.look(scope)

    def list_fills(self, scope: Scope) -> tuple[Fill, ...]:
        return self._store.fills(scope)

    def list_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        return self._store.read_finished(scope, order_ids)

    def find_worker(self) -> str | None:
        return find_worker(self._home)

    def read_switch(self) -> TradingState:
        return self._switch.read()

    def write_switch(self, state: TradingState) -> None:
        # In a folder that nothing runs in, a switch would be one that nobody reads.
        if not (self._home / "kill-switch").exists() and not any(self._home.glob("scope=*")):
            below = [each for pattern in ("*/kill-switch", "runs/*/kill-switch") for each in self._home.glob(pattern)]
            markets = sorted(str(each.parent) for each in below)
            hint = f"; allowed are {', '.join(markets)}" if markets else ""
            raise ConfigError(f"--home {self._home}: nothing that trades keeps its state there{hint}")
        self._switch.write(state)

    def name_switch_command(self, state: TradingState) -> str:
        return f"echo {state} > {shlex.quote(str(self._home / 'kill-switch'))}"

    def give(self, scope: Scope, command: Command, detail: Mapping[str, Any]) -> str:  # noqa: ARG002 - a slot has no detail
        given = replace(command, command_id=str(uuid.uuid4()))
        self._store.write_command(scope, given)
        return given.command_id
