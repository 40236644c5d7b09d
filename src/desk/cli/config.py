"""Commands about the configuration: whether it is sound, and what is in force."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import typer

from desk.cli.layout import Column, print_table
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, ModeOption, open_console, read_settings
from trader.adapters.config.evidence import FOLDER
from trader.adapters.config.files import LoadedSettings, load_settings
from trader.errors import ConfigError

#: Secrets are read elsewhere; here they are named, so that one sees whether they are there, and never shown.
CREDENTIALS = ("COINBASE_API_KEY", "COINBASE_API_SECRET")
_SETTINGS = (
    Column("key", speaks_for_itself=True),
    Column("value", is_wide=True, speaks_for_itself=True),
    Column("source", speaks_for_itself=True),
)


def register(app: typer.Typer) -> None:
    """Add ``trader config …``."""
    group = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
    group.command("check")(check)
    group.command("show")(show)
    app.add_typer(group, name="config")


def check(config: ConfigDir = CONFIG_DIR, mode: ModeOption = None) -> None:
    """Say OK with the hash, which each mode has its own of, or name every problem and end with 78.

    Contradictions between keys are problems, and so is a file of evidence that cannot be used.
    """
    settings = read_settings(config, mode)
    if faults := settings.evidence.faults:
        raise ConfigError(tuple(f"{FOLDER}/{name}.json: {fault}" for name, fault in faults.items()))
    print(f"OK {settings.digest} in mode {settings.app.mode}")


def show(config: ConfigDir = CONFIG_DIR, as_json: AsJson = False) -> None:
    """List every setting in force, its value, and where the value comes from."""
    loaded = load_settings(config, os.environ)
    if as_json:
        print(json.dumps(_as_json(loaded, os.environ), ensure_ascii=False))
        return
    print_table(open_console(), f"configuration {loaded.digest}", _SETTINGS, _list_rows(loaded, os.environ))


def _as_json(loaded: LoadedSettings, environment: Mapping[str, str]) -> dict[str, object]:
    return {
        "digest": loaded.digest,
        "settings": {path: {"value": value, "source": source} for path, (value, source) in loaded.sources.items()},
        "credentials": {name: _presence(name, environment) for name in CREDENTIALS},
    }


def _list_rows(loaded: LoadedSettings, environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    rows = [
        (path, value if isinstance(value, str) else json.dumps(value), source)
        for path, (value, source) in loaded.sources.items()
    ]
    return rows + [(name, _presence(name, environment), "environment") for name in CREDENTIALS]


def _presence(name: str, environment: Mapping[str, str]) -> str:
    return "set, hidden" if environment.get(name) else "not set"
