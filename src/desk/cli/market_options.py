"""Options that say on which market the commands ``trader cycle`` and ``trader run`` work, and where they keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from desk.markets import MarketSetup

CandlesOption = Annotated[
    Path | None, typer.Option("--candles", help="Folder of <PRODUCT>-<granularity>.csv.gz; synthetic without it.")
]
HomeOption = Annotated[Path, typer.Option("--home", envvar="TRADER_HOME", help="Where state and audit are kept.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the synthetic market.")]
HOME = Path(".trader")

#: So much of the synthetic market there is before the first tick: enough for every average.
SYNTHETIC_HOURS = 170


def tell_market(setup: MarketSetup) -> None:
    """Say on stderr which market this is, and in which mode."""
    Console(stderr=True).print(f"market: {setup.title}; mode: {setup.settings.app.mode}", highlight=False)
