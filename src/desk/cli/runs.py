"""``trader runs``: the runs that there are, by name, and what they came to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from desk.cli.columns import fold_words
from desk.cli.layout import format_amount
from desk.cli.market_options import HOME, HomeOption
from desk.cli.options import AsJson, open_console
from desk.cli.run import print_next
from desk.cli.run_tables import describe_state, make_folder_json, print_run, print_runs
from desk.cli.screen import measure_width, print_lines
from desk.counting import write_count
from desk.errors import NotNow
from desk.folder_lock import find_worker
from desk.run_folders import RunFolder, delete_run, find_run, list_runs, locate_run
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.codec import translate_damage

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The run's name, as trader runs list prints it.")]


def register(app: typer.Typer) -> None:
    """Add ``trader runs …``."""
    group = typer.Typer(help="List, show and remove what trader run left.", no_args_is_help=True)
    group.command("list")(list_command)
    group.command("show")(show)
    group.command("remove")(remove)
    app.add_typer(group, name="runs")


def list_command(home: HomeOption = HOME, as_json: AsJson = False) -> None:
    """List the runs: market, mode, how many cycles are done of all, and the equity at the last.

    Ends with 1 if one cannot be read.
    """
    found = list_runs(home)
    runs = [each for each in found if isinstance(each, RunFolder)]
    damaged = [each for each in found if not isinstance(each, RunFolder)]
    if as_json:
        print(json.dumps({"runs": [make_folder_json(each) for each in runs], "damaged": damaged}, ensure_ascii=False))
    elif runs:
        print_runs(runs, open_console(160))
    elif not damaged:
        print(f"no runs in {home / 'runs'}; {_tell_loops(home)}")
    if damaged:
        raise LedgerCorrupt("; ".join(damaged))


def _tell_loops(home: Path) -> str:
    """Say where else something may lie that a person takes for a run."""
    loops = sorted({str(each.parent) for each in home.glob("venue-*/scope=*")})
    kept = f"trader run --venue keeps its books in {', '.join(loops)}: trader status"
    return kept if loops else "trader run makes one"


def show(name: NameArgument, home: HomeOption = HOME, as_json: AsJson = False) -> None:
    """Print what a run came to, or how far it is and what resumes it."""
    folder = find_run(home, name)
    if as_json:
        print(json.dumps(make_folder_json(folder), ensure_ascii=False))
        return
    page = folder.page
    told = [
        f"{folder.name}: {page.title}; mode {page.mode}; from {page.first} to {page.last}",
        f"{describe_state(folder)}, {folder.ticks_done} of {write_count(page.ticks, 'cycle')}, began {page.started_at}",
    ]
    print_lines(line for text in told for line in fold_words(text, measure_width(), "  "))
    if not folder.is_finished:
        print(f"equity {format_amount(folder.equity)}; resume: {page.command}")
        return
    totals = page.read_totals()
    with translate_damage(f"{folder.path}: its totals"):
        print_run(totals, open_console(160))
        print_next(folder, [lot["product_id"] for lot in totals["lots"]])


def remove(
    name: NameArgument,
    home: HomeOption = HOME,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run, its ledger and its audit. It asks first, unless --yes is given."""
    path = locate_run(home, name)
    if (worker := find_worker(path)) is not None:
        raise NotNow(f"{path}: process {worker} works there; it can be removed when that has ended")
    if not is_sure:
        told = _describe(home, name)
        if not sys.stdin.isatty():
            raise ConfigError(f"{path} ({told}) is not removed without a yes; allowed is --yes")
        typer.confirm(f"remove {path} ({told}) with its ledger and audit?", abort=True, err=True)
    delete_run(path)
    print(f"removed {path}")


def _describe(home: Path, name: str) -> str:
    """Say which run it is; one that is damaged can be removed, too."""
    try:
        folder = find_run(home, name)
    except LedgerCorrupt as error:
        return f"damaged: {error}"
    return f"{folder.page.title}, {folder.page.state}, {folder.ticks_done} of {write_count(folder.page.ticks, 'cycle')}"
