"""Commands about the configuration: whether it is sound, and what is in force."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import typer
from rich.table import Table

from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, open_console
from trader.adapters.config.files import LoadedSettings, load_settings

#: Secrets are read elsewhere; here they are named, so that one sees whether they are there, and never shown.
CREDENTIALS = ("COINBASE_API_KEY", "COINBASE_API_SECRET")


def register(app: typer.Typer) -> None:
    """Add ``trader config …``."""
    group = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
    group.command("check")(check)
    group.command("show")(show)
    app.add_typer(group, name="config")


def check(config: ConfigDir = CONFIG_DIR) -> None:
    """Say OK with the hash, or name every problem and end with 78. Contradictions between keys are problems."""
    loaded = load_settings(config, os.environ)
    print(f"OK {loaded.digest}")


def show(config: ConfigDir = CONFIG_DIR, as_json: AsJson = False) -> None:
    """List every setting in force, its value, and where the value comes from."""
    loaded = load_settings(config, os.environ)
    if as_json:
        print(json.dumps(_as_json(loaded, os.environ), ensure_ascii=False))
        return
    open_console().print(_as_table(loaded, os.environ))


def _as_json(loaded: LoadedSettings, environment: Mapping[str, str]) -> dict[str, object]:
    return {
        "digest": loaded.digest,
        "settings": {path: {"value": value, "source": source} for path, (value, source) in loaded.sources.items()},
        "credentials": {name: _presence(name, environment) for name in CREDENTIALS},
    }


def _as_table(loaded: LoadedSettings, environment: Mapping[str, str]) -> Table:
    table = Table("key", "value", "source", title=f"configuration {loaded.digest}", title_justify="left")
    for path, (value, source) in loaded.sources.items():
        table.add_row(path, value if isinstance(value, str) else json.dumps(value), source)
    for name in CREDENTIALS:
        table.add_row(name, _presence(name, environment), "environment")
    return table


def _presence(name: str, environment: Mapping[str, str]) -> str:
    return "set, hidden" if environment.get(name) else "not set"
