"""``trader why``: what was decided about a product and why, or what was decided over all of them. Reads only."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from desk.cli.journal_options import SINCE_HELP, open_journal, read_since
from desk.cli.located import System, with_system
from desk.cli.options import AsJson, read_instant
from desk.cli.screen import measure_width, print_lines
from desk.cli.summary_screen import render_summary
from desk.cli.why_screen import render_answer
from desk.counting import write_count
from desk.journal.summary import describe_period
from desk.journal.why import Question, describe_decision
from trader.adapters.local.clock import SystemClock
from trader.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add ``trader why``."""
    app.command("why")(why)


@with_system("table", "bucket")
def why(
    system: System,
    product: Annotated[str, typer.Argument(help="SOL-USD, or SOL if that is clear.", show_default=False)] = "",
    at: Annotated[str | None, typer.Option("--at", help="The newest cycle at or before it, RFC 3339.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Every check of risk, with what is known of it.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="All products and cycles since --since.")] = False,
    since: Annotated[str | None, typer.Option("--since", help=SINCE_HELP)] = None,
    as_json: AsJson = False,
) -> None:
    """Say what was decided about a product in the newest cycle, or at an instant, and why: every stage, every limit.

    What is not on record says so. A record that cannot be read is named, and ends the command with 1.
    """
    if summary == bool(product):
        raise ConfigError("trader why: allowed is a product, as SOL-USD, or --summary")
    if summary and (at is not None or show_all):
        raise ConfigError("trader why --summary: --at and --all are about one product; allowed are --since and --json")
    if since is not None and not summary:
        raise ConfigError("--since goes with --summary; allowed is --at INSTANT")
    settings = system.settings()
    journal = open_journal(system, settings)
    width = measure_width()
    if summary:
        told = describe_period(journal, read_since(since or "7d", journal), settings)
        lines = [] if as_json else render_summary(told, width)
    else:
        question = Question(product, read_instant(at, "--at") if at is not None else None)
        told = describe_decision(journal, question, settings, SystemClock().now())
        told["next"] = f"{told['next']} {system.name_typed_options()}".rstrip()
        lines = [] if as_json else render_answer(told, width, shows_all=show_all)
    print(json.dumps(told, ensure_ascii=False)) if as_json else print_lines(lines)
    if told["broken"]:
        print(f"{write_count(len(told['broken']), 'record')} cannot be read: trader audit verify", file=sys.stderr)
        raise typer.Exit(1)
