"""Options that several commands share, how they are read, and where the answer is printed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trader.adapters.config.files import load_settings
from trader.errors import ConfigError
from trader.model.ids import Instant
from trader.settings import Settings
from trader.settings.app import Mode

#: Where the three YAML files are. A command declares ``config: ConfigDir = CONFIG_DIR``.
ConfigDir = Annotated[
    Path,
    typer.Option("--config", envvar="TRADER_CONFIG_DIR", help="Folder with app.yaml, universe.yaml and policy.yaml."),
]
CONFIG_DIR = Path("config")

ModeOption = Annotated[Mode | None, typer.Option("--mode", help="Overrides app.mode and TRADER_MODE.")]

#: Where a system keeps its books: a folder here, or the names that a stack has for its parts. Never both.
HomeOption = Annotated[Path | None, typer.Option("--home", help="Folder of the books: .trader/<market>.")]
#: Each part has a variable, which `read_parts` reads, since a folder that is typed counts more.
TableOption = Annotated[str | None, typer.Option("--table", help="DynamoDB table, on AWS; or TRADER_TABLE.")]
BusOption = Annotated[str | None, typer.Option("--bus", help="Bus of commands, on AWS; or TRADER_COMMAND_BUS.")]
SwitchOption = Annotated[str | None, typer.Option("--switch", help="The kill switch, on AWS; or TRADER_KILL_SWITCH.")]
BucketOption = Annotated[str | None, typer.Option("--bucket", help="Bucket of the audit; or TRADER_AUDIT_BUCKET.")]
_VARIABLES = {
    "table": "TRADER_TABLE",
    "bus": "TRADER_COMMAND_BUS",
    "switch": "TRADER_KILL_SWITCH",
    "bucket": "TRADER_AUDIT_BUCKET",
    "anchors": "TRADER_ANCHORS",
}

#: One JSON object on stdout in place of tables.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def read_parts(home: Path | None, **parts: str | None) -> dict[str, str | None]:
    """Return what a stack calls its parts: as typed, else as the variables say, unless a folder was typed.

    An option counts more than a variable of the shell, which may have been exported for something else.
    """
    if home is not None:
        return parts
    return {name: part or os.environ.get(_VARIABLES[name]) or None for name, part in parts.items()}


def read_instant(text: str, option: str) -> Instant:
    """Read RFC 3339, or a day, which begins at midnight UTC. Raises: ConfigError naming the option."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: {text!r} is not an instant; allowed is 2025-10-10T21:35:00Z or a day") from None
    return Instant(int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()))


def read_settings(config: Path, mode: Mode | None) -> Settings:
    """Read the configuration; a mode that was typed counts more than any other. Raises: ConfigError."""
    environment = {**os.environ, **({"TRADER_MODE": mode.value} if mode is not None else {})}
    return load_settings(config, environment).settings


def open_console(piped_width: int = 200) -> Console:
    """Print to a terminal at its width; piped, at a fixed one: folded numbers could not be searched for."""
    return Console(width=None if Console().is_terminal else piped_width)
