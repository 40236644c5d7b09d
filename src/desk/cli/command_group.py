"""Which commands there are, and a group that knows them without their modules: one is loaded when it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from desk.cli.help_text import complete_help


class CommandRow(NamedTuple):
    """The module of this package that ``register``s a command, and what ``trader --help`` says of it.

    The help is the first paragraph of what the command says of itself; a test compares them.
    """

    module: str
    help: str


#: By name, in the order of ``trader --help``.
COMMANDS: Mapping[str, CommandRow] = {
    "cycle": CommandRow(
        "cycle", "Run one cycle: decide, act in the mode's way, settle, and say why for every product."
    ),
    "run": CommandRow(
        "run",
        "Run consecutive cycles. Interrupted anywhere and typed again, the same command goes on where it stopped.",
    ),
    "use": CommandRow(
        "use",
        "Remember which system commands are about when nothing else says so; without an option, say which it is.",
    ),
    "status": CommandRow(
        "status",
        "Show what is allowed and why, the last run, equity and limits, lots and their protection, doubts, commands.",
    ),
    "why": CommandRow(
        "why",
        "Say what was decided about a product in the newest cycle, or at an instant, and why: every stage, every "
        "limit.",
    ),
    "trades": CommandRow(
        "books",
        "List round trips: what was bought and sold of each lot, at what prices, and what was left after all fees.",
    ),
    "fills": CommandRow(
        "books", "List executions as they were booked, oldest first, with the order and the lot they belong to."
    ),
    "lots": CommandRow(
        "books",
        "List what is held: entry, last mark, gain, stop and its distance, protection, and by when it is sold.",
    ),
    "parents": CommandRow(
        "books",
        "List what is still being bought: wanted, filled, at the venue or in doubt, worst price, and until when.",
    ),
    "cycles": CommandRow(
        "books",
        "List the runs that left a record, newest first: how they ended and why, orders, fills, equity, regime.",
    ),
    "flatten": CommandRow("operate", "Cancel our orders, sell our lots, enter nothing, until trader resume."),
    "resume": CommandRow(
        "operate", "End every flatten that was commanded, and say whether the kill switch allows trading."
    ),
    "close": CommandRow("operate", "Sell one lot; all others stay."),
    "pause": CommandRow(
        "operate", "Enter nothing of one product, or of one strategy, for a while. Exits and protection go on."
    ),
    "clear-drawdown": CommandRow(
        "operate", "Let the drawdown begin anew at today's equity, so that entries are allowed again."
    ),
    "reconcile": CommandRow(
        "operate", "Read the account, book what is found there, protect what lies open, and enter nothing."
    ),
    "halt": CommandRow(
        "switch",
        "Set the kill switch to HALT: nothing is sent, our open entries are cancelled, protective orders stay.",
    ),
    "reduce-only": CommandRow(
        "switch", "Set the kill switch from RUN to REDUCE_ONLY: no entries; exits and protection work."
    ),
    "runs": CommandRow("runs", "List, show and remove what trader run left."),
    "backtest": CommandRow(
        "backtest", "Run the trading cycle on recorded candles; list, show and compare what came of it."
    ),
    "data": CommandRow("data", "Download candles, list them, and check them."),
    "config": CommandRow("config", "Look at the configuration."),
    "key": CommandRow("key", "Look at an API key of the venue without showing it."),
    "ledger": CommandRow("ledger", "Look at the ledger, rebuild it, settle a difference."),
    "audit": CommandRow("audit", "Look whether the records are what was once written."),
    "sandbox": CommandRow("sandbox", "Stand-ins for the outside world, on this machine."),
}


def load_command(name: str) -> Any:
    """Import the module of a command, and return the command with its options and its whole help.

    Raises: KeyError if there is no such command.
    """
    app = typer.Typer()
    import_module(f"desk.cli.{COMMANDS[name].module}").register(app)
    complete_help(app)
    return get_group(app).commands[name]


class _LoadedCommands(Mapping[str, Any]):
    """The commands by name. To list the names loads nothing, to look at one loads it."""

    def __getitem__(self, name: str) -> Any:
        return load_command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class CommandGroup(TyperGroup):
    """The group of all commands: who asks for the help, or types a word that is none, waits for no command's module."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # typer adds commands to a dictionary of its own; nobody adds any to these.
        self.commands = cast("dict[str, Any]", _LoadedCommands())

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's own looks at each of them
        """Return the names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - asked for by typer
        """Return a command as the lists of help and of completion need it: its name and its help; None if unknown."""
        row = COMMANDS.get(cmd_name)
        return None if row is None else TyperCommand(cmd_name, help=row.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the command that is called, the command itself, and the words behind it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else load_command(name), rest
