"""How a run of many cycles looks to people, and to machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console

from desk.cli.layout import Column, format_amount, print_table, print_text
from desk.cli.tables import make_lot_json, print_lots
from desk.run import RunSummary
from desk.run_folders import RunFolder
from trader.model.codec import encode
from trader.model.money import plain

_FIGURES = (Column("figure", speaks_for_itself=True), Column("value", speaks_for_itself=True))
_COUNTS = (Column("verdict", speaks_for_itself=True), Column("product-cycles", speaks_for_itself=True))
_RUNS = (
    Column("name", speaks_for_itself=True),
    Column("mode", rank=2, speaks_for_itself=True),
    Column("ticks"),
    Column("state", speaks_for_itself=True),
    Column("equity"),
    Column("from", rank=3),
    Column("to", rank=3),
    Column("market", rank=1, speaks_for_itself=True),
)


def make_run_json(summary: RunSummary) -> dict[str, Any]:
    """Lay a run out as one object, every number in full."""
    return {
        "ticks": summary.ticks,
        "entries": summary.entries,
        "exits": summary.exits,
        "fees": encode(summary.fees),
        "equity_open": encode(summary.equity_open),
        "equity_close": encode(summary.equity_close),
        "outcomes": dict(summary.outcomes),
        "verdicts": dict(summary.verdicts),
        "cash_check": encode(summary.cash_check),
        "lots": [make_lot_json(lot) for lot in summary.lots],
    }


def print_run(totals: Mapping[str, Any], console: Console) -> None:
    """Print the totals of a run, what was said how often, what is held at its end, and the proof of the cash."""
    figures = [(name, str(totals[name])) for name in ("ticks", "entries", "exits")]
    figures += [(name, format_amount(totals[name])) for name in ("fees", "equity_open", "equity_close")]
    figures += [(f"cycles {outcome}", str(count)) for outcome, count in sorted(totals["outcomes"].items())]
    print_table(console, "run", _FIGURES, figures)
    counts = sorted(totals["verdicts"].items(), key=lambda each: (-each[1], each[0]))
    print_table(console, "verdicts", _COUNTS, [(code, str(count)) for code, count in counts])
    if totals["lots"]:
        print_lots(totals["lots"], console)
    if (check := totals["cash_check"]) is not None:
        print_text(
            console,
            f"cash check: expected {format_amount(check['expected'])}, actual {format_amount(check['actual'])}, "
            f"difference {plain(Decimal(check['difference']))}",
        )


def print_runs(runs: Sequence[RunFolder], console: Console) -> None:
    """Print a line for each run: how far it got, and what it came to."""
    rows = [
        (
            each.name,
            each.page.mode,
            f"{each.ticks_done} of {each.page.ticks}",
            describe_state(each),
            format_amount(each.equity),
            each.page.first,
            each.page.last,
            each.page.title,
        )
        for each in runs
    ]
    print_table(console, "runs", _RUNS, rows)


def make_folder_json(folder: RunFolder) -> dict[str, Any]:
    """Lay out which run it is and how far it got."""
    page = folder.page
    return {
        "name": folder.name,
        "home": str(folder.path),
        "title": page.title,
        "mode": page.mode,
        "from": page.first,
        "to": page.last,
        "period_seconds": page.period_seconds,
        "ticks": page.ticks,
        "ticks_done": folder.ticks_done,
        "state": page.state,
        "process": folder.worker,
        "equity": encode(folder.equity),
        "started_at": page.started_at,
        "finished_at": page.finished_at or None,
        "command": page.command,
        "totals": page.read_totals() or None,
    }


def describe_state(folder: RunFolder) -> str:
    """Say in words how far a run is."""
    return f"running, process {folder.worker}" if folder.worker is not None else folder.page.state
