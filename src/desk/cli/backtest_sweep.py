"""``trader backtest --sweep FILE``: many settings on one market, and what each came to, a row each."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from desk.cli.backtest_progress import ProgressBar
from desk.cli.backtest_results import HEADLINES, tell_headline
from desk.cli.columns import Column, Row, fold_words, render_table
from desk.cli.exit_codes import ExitCode
from desk.cli.screen import measure_width, print_lines
from desk.counting import write_count
from desk.stop import StopRequest
from trader.adapters.local.clock import SystemClock
from trader.settings.app import Mode

if TYPE_CHECKING:
    from desk.backtest.archive import StoredBacktest
    from desk.backtest.request import BacktestRequest
    from desk.backtest.sweep import Changes

_CAUTION = (
    "The best of many is the luckiest too: its figures say less than those of one that was chosen before it was run."
)


def run_sweep_file(
    file: Path, request: BacktestRequest, config: Path, home: Path, workers: int, *, as_json: bool
) -> None:
    """Run the sets of a file that are not finished, and print all of them in the order of the file."""
    from desk.backtest.sweep import SweepPlan, read_sweep, run_sweep

    sets = read_sweep(file)
    environment = {**os.environ, "TRADER_MODE": Mode.PAPER.value}
    plan = SweepPlan(request, config, environment, home, SystemClock().now())
    at_work = "the set" if workers == 1 else "the sets"
    stop = StopRequest(f"ends after {at_work} at work; once more ends it at once, and what was run of it is lost")
    found = dict[int, "StoredBacktest"]()
    with stop.listen(), ProgressBar("sets", len(sets), "sets") as bar:

        def note(number: int, stored: StoredBacktest) -> None:
            found[number] = stored
            bar.show(len(found))

        run_sweep(plan, sets, workers, note, lambda: stop.is_asked)
    done = sorted(found.items())
    if as_json:
        rows = [{"changes": sets[number], **_tell_set(stored)} for number, stored in done]
        print(json.dumps({"sets": rows, "asked": len(sets)}, ensure_ascii=False, default=str))
    else:
        print_lines(render_table(_list_columns(sets), list(_list_rows(sets, done)), measure_width()))
        print_lines(["", *fold_words(_CAUTION, measure_width(), "  ")])
    if len(found) < len(sets):
        print(f"interrupted after {len(found)} of {write_count(len(sets), 'set')}", file=sys.stderr)
        print(f"the same command goes on: {shlex.join(['trader', *sys.argv[1:]])}", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED)


def _tell_set(stored: StoredBacktest) -> dict[str, Any]:
    return {"name": stored.name, "digests": {model: each["digest"] for model, each in stored.documents.items()}}


def _list_columns(sets: Sequence[Changes]) -> list[Column]:
    def column(head: str, rank: int) -> Column:
        return Column(head, lambda row: str(row[head]), rank, is_number=True)

    keys = dict.fromkeys(key for each in sets for key in each)
    heads = (column(head, rank + 1) for rank, head in enumerate(HEADLINES))
    return [column("set", 0), column("name", 5), *(column(key, 0) for key in keys), column("fills", 4), *heads]


def _list_rows(sets: Sequence[Changes], done: Sequence[tuple[int, StoredBacktest]]) -> Iterator[Row]:
    keys = dict.fromkeys(key for each in sets for key in each)
    for number, stored in done:
        changed: Mapping[str, Any] = {key: sets[number].get(key, "") for key in keys}
        shared = {"set": number + 1, "name": stored.name, **changed}
        for model, document in stored.documents.items():
            yield {**shared, "fills": model, **{head: tell_headline(document, *at) for head, at in HEADLINES.items()}}
