"""``trader run``: many cycles in a row, on a laptop, with no account anywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from desk.cli import tables
from desk.cli.market_options import HOME, SYNTHETIC_HOURS, CandlesOption, HomeOption, SeedOption, tell_market
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, ModeOption, open_console, read_instant, read_settings
from desk.markets import MarketSetup, set_up_candles, set_up_synthetic
from desk.run import run_ticks
from trader.cycle import CycleReport
from trader.errors import ConfigError
from trader.model.codec import digest_of
from trader.model.ids import Instant, rfc3339
from trader.settings import Settings

#: Where the synthetic market of a run ends unless told otherwise, so that the same command is the same run.
SYNTHETIC_END = Instant(1_767_225_600)
_RUN_MARK = "run.json"


def register(app: typer.Typer) -> None:
    """Add ``trader run``."""
    app.command("run")(run)


def run(  # noqa: PLR0913, PLR0917 - the options of a command
    ticks: Annotated[int | None, typer.Option("--ticks", min=1, help="How many cycles.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First tick, a day or an instant.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Where the ticks end, a day or an instant.")] = None,
    mode: ModeOption = None,
    candles: CandlesOption = None,
    seed: SeedOption = 7,
    home: HomeOption = HOME,
    config: ConfigDir = CONFIG_DIR,
    as_json: AsJson = False,
) -> None:
    """Run consecutive cycles. Interrupted anywhere and started again, the same command goes on where it stopped.

    Once finished, the same command starts over. The last line proves the cash from the stored fills alone.
    """
    settings = read_settings(config, mode)
    first, last, setup = _window(settings, ticks, start, end, candles, seed)
    period = setup.settings.cycle.period_seconds
    instants = [Instant(at) for at in range(first, last, period)]
    folder = home / f"run-{digest_of([setup.name, setup.settings.digest, first, last])[:12]}"
    resumed = _prepare(folder)
    tell_market(setup)
    errors = Console(stderr=True)
    errors.print(
        f"{'resuming' if resumed else 'starting'} {len(instants)} cycles, one every {period} s, "
        f"from {rfc3339(first)} to {rfc3339(last)}, in {folder}",
        highlight=False,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("cycles", total=len(instants))

        def on_cycle(report: CycleReport) -> None:
            progress.update(task, advance=1, description=report.tick.cycle_id)

        summary = run_ticks(setup, folder, instants, on_cycle)
    (folder / _RUN_MARK).write_text(json.dumps({"finished": True}), encoding="utf-8")
    if as_json:
        print(json.dumps(tables.make_run_json(summary), ensure_ascii=False))
    else:
        tables.print_run(summary, open_console(160))


def _window(
    settings: Settings, ticks: int | None, start: str | None, end: str | None, candles: Path | None, seed: int
) -> tuple[Instant, Instant, MarketSetup]:
    """Settle first and last instant: --from and --to, or --ticks counted from the one or back from the other."""
    if candles is None:
        last = read_instant(end, "--to") if end is not None else SYNTHETIC_END
        period = settings.cycle.period_seconds
        first = read_instant(start, "--from") if start is not None else Instant(last - (ticks or 100) * period)
        if ticks is not None and start is not None:
            last = Instant(first + ticks * period)
        hours = SYNTHETIC_HOURS + max(last - first, 0) // 3600 + 1
        setup = set_up_synthetic(settings, last, hours, seed)
    else:
        if start is None or (end is None and ticks is None):
            raise ConfigError("with --candles, run needs --from, and --to or --ticks")
        first = read_instant(start, "--from")
        last = read_instant(end, "--to") if end is not None else Instant(first + 1)
        setup = set_up_candles(settings, candles, first, last)
        if ticks is not None:
            last = Instant(first + ticks * setup.settings.cycle.period_seconds)
    if last <= first:
        raise ConfigError(f"--from {rfc3339(first)} must be before --to {rfc3339(last)}")
    return first, last, setup


def _prepare(folder: Path) -> bool:
    """Make way for a run; True if an interrupted one is there to go on with."""
    if (folder / _RUN_MARK).exists():
        shutil.rmtree(folder)
    resumed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    return resumed
