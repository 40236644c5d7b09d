"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: Where the three YAML files are. A command declares ``config: ConfigDir = CONFIG_DIR``.
ConfigDir = Annotated[
    Path,
    typer.Option("--config", envvar="TRADER_CONFIG_DIR", help="Folder with app.yaml, universe.yaml and policy.yaml."),
]
CONFIG_DIR = Path("config")

#: One JSON object on stdout in place of tables.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
