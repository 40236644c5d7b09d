"""Commands as attributes of the ledger's item, written by nobody who holds the lease.

::

    pk = PAPER#main   sk = LEDGER     command flatten, command pause product SOL, …   (text, see Command.text)
                                      commands                                        how often one was written

Whoever writes one asks for no lease and no ledger; so a command is remembered while a run holds both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from trader.adapters.aws.clients import translate_errors
from trader.adapters.aws.table import DynamoTable, Item, Refused, read_number
from trader.errors import StoreUnavailable
from trader.model.commands import Command, StandingCommands, read_commands
from trader.model.ids import Scope

_PREFIX = "command "


def read_slots(item: Item) -> StandingCommands:
    """Read the commands of an item."""
    return read_commands(
        {name.removeprefix(_PREFIX): each["S"] for name, each in item.items() if name.startswith(_PREFIX)}
    )


def count_writes(item: Item) -> int:
    """Return how often a command was written into an item: two equal counts mean the same commands."""
    return read_number(item, "commands")


def write_slot(table: DynamoTable, scope: Scope, sort_key: str, command: Command) -> None:
    """Put a command into its slot, unless one that counts more, or it itself, lies there."""
    update = table.make_update(
        scope,
        sort_key,
        "SET #slot = :text, commands = if_not_exists(commands, :zero) + :one",
        "attribute_not_exists(#slot) OR #slot < :text",
        {":text": {"S": command.text()}, ":zero": {"N": "0"}, ":one": {"N": "1"}},
        {"#slot": _PREFIX + command.slot},
    )
    with contextlib.suppress(Refused), translate_errors(f"{command.slot} of {scope}", StoreUnavailable):
        table.update(update)


def fill_empty_slots(commands: Sequence[Command]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Say, as the rest of an update, its names and values, that commands stand where nothing stands yet."""
    names = {f"#slot{number}": _PREFIX + each.slot for number, each in enumerate(commands)}
    texts = {f":slot{number}": {"S": each.text()} for number, each in enumerate(commands)}
    return "".join(f", {name} = if_not_exists({name}, :{name[1:]})" for name in names), names, texts


def empty_slots(table: DynamoTable, scope: Scope, sort_key: str, commands: Sequence[Command]) -> None:
    """Empty the slots that still hold these very commands, one after the other."""
    for command in commands:
        names, values = {"#slot": _PREFIX + command.slot}, {":text": {"S": command.text()}}
        update = table.make_update(scope, sort_key, "REMOVE #slot", "#slot = :text", values, names)
        with contextlib.suppress(Refused), translate_errors(f"{command.slot} of {scope}", StoreUnavailable):
            table.update(update)
