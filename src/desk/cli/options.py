"""Options that several commands share, how they are read, and where the answer is printed."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trader.adapters.config.files import load_settings
from trader.errors import ConfigError
from trader.model.ids import Instant, rfc3339
from trader.settings import Settings
from trader.settings.app import Mode

#: Where the three YAML files are. A command declares ``config: ConfigDir = CONFIG_DIR``.
ConfigDir = Annotated[
    Path,
    typer.Option("--config", envvar="TRADER_CONFIG_DIR", help="Folder with app.yaml, universe.yaml and policy.yaml."),
]
CONFIG_DIR = Path("config")

ModeOption = Annotated[Mode | None, typer.Option("--mode", help="Overrides app.mode and TRADER_MODE.")]

#: One JSON object on stdout in place of tables.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


_SECONDS = re.compile(r"[1-9][0-9]{8,9}")


def read_instant(text: str, option: str, example: str = "2025-10-10T21:35:00Z") -> Instant:
    """Read RFC 3339, or a day, which begins at midnight UTC. Raises: ConfigError naming the option, with an example."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        # Seconds since 1970, as programs print them: the very instant as it can be typed.
        meant = rfc3339(Instant(int(text))) if _SECONDS.fullmatch(text) else example
        raise ConfigError(f"{option}: {text!r:.80} is not an instant; allowed is {meant} or a day") from None
    return Instant(int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()))


def read_settings(config: Path, mode: Mode | None) -> Settings:
    """Read the configuration; a mode that was typed counts more than any other. Raises: ConfigError."""
    environment = {**os.environ, **({"TRADER_MODE": mode.value} if mode is not None else {})}
    try:
        return load_settings(config, environment).settings
    except ConfigError as error:
        # The option travels as the variable, which nobody may have set.
        told = "--mode:" if mode is not None else "environment: TRADER_MODE:"
        raise ConfigError(tuple(each.replace("environment: TRADER_MODE:", told) for each in error.problems)) from None


def open_console(piped_width: int = 200) -> Console:
    """Print to a terminal at its width, or at COLUMNS; piped, at a fixed one: what is folded cannot be searched for."""
    is_measured = os.environ.get("COLUMNS", "").isdigit() or Console().is_terminal
    return Console(width=None if is_measured else piped_width)
