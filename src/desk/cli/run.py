"""``trader run``: many cycles in a row, on a laptop, with no account anywhere."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from desk.cli.exit_codes import ExitCode
from desk.cli.layout import format_amount
from desk.cli.market_options import (
    HOME,
    SYNTHETIC_HOURS,
    CandlesOption,
    HomeOption,
    SeedOption,
    StretchOption,
    check_address,
    read_market_instant,
    refuse_together,
    tell_market,
)
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, ModeOption, open_console, read_settings
from desk.cli.run_tables import make_run_json, print_run
from desk.counting import write_count
from desk.markets import MarketSetup, set_up_candles, set_up_synthetic
from desk.markets.synthetic import DEMO_SEED
from desk.run import TickRun
from desk.run_folders import RunFolder, RunPage, check_name, open_run
from desk.run_journal import TickRecord
from desk.stop import StopRequest
from trader.adapters.local.clock import SystemClock
from trader.errors import ConfigError, StoreUnavailable
from trader.model.codec import digest_of
from trader.model.ids import Instant, rfc3339
from trader.settings import Settings
from trader.settings.app import Mode

VenueOption = Annotated[
    str | None, typer.Option("--venue", help="Trade by the clock at a venue's address, as https://api.coinbase.com.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="The venue's key file, for LIVE; COINBASE_API_KEY and _SECRET without it.")
]

#: Where the synthetic market of a run ends unless told otherwise, so that the same command is the same run.
SYNTHETIC_END = Instant(1_767_225_600)
_TICKS = 100
#: More than two years of five minutes: a market of it still fits into a laptop.
_TICKS_MAX = 250_000
_ODD = re.compile(r"[^A-Za-z0-9_.]+")

NameOption = Annotated[
    str | None, typer.Option("--name", help="What the run is called; <mode>-<market>-<number> without it.")
]


def register(app: typer.Typer) -> None:
    """Add ``trader run``."""
    app.command("run")(run)


def run(  # noqa: PLR0913, PLR0917 - the options of a command
    ticks: Annotated[int | None, typer.Option("--ticks", min=1, max=_TICKS_MAX, help="How many cycles.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First tick, a day or an instant.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Where the ticks end, a day or an instant.")] = None,
    mode: ModeOption = None,
    candles: CandlesOption = None,
    stretch: StretchOption = False,
    seed: SeedOption = None,
    name: NameOption = None,
    venue: VenueOption = None,
    key: KeyOption = None,
    home: HomeOption = HOME,
    config: ConfigDir = CONFIG_DIR,
    as_json: AsJson = False,
) -> None:
    """Run consecutive cycles. Interrupted anywhere and typed again, the same command goes on where it stopped.

    Each run has a folder of its own, .trader/runs/NAME; a finished one stays, and the same command begins another:
    trader runs lists them. The last line of figures proves the cash from the stored fills alone.
    With --venue it is the trading loop: a cycle at each instant of the period, as the clock has it, until SIGTERM or
    Ctrl-C.
    """
    if venue is not None:
        # What trades by the clock speaks HTTP; nobody else needs to wait for that.
        from desk.cli.loop import read_loop_settings, refuse_beside_venue, run_at_venue

        check_address(venue)
        for_replays = {"--ticks": ticks, "--from": start, "--to": end, "--candles": candles, "--seed": seed}
        refuse_beside_venue({**for_replays, "--name": name})
        settings = read_loop_settings(config, mode, key)
        raise typer.Exit(run_at_venue(venue, settings, home, key_file=key, as_json=as_json, config=config))
    if key is not None:
        raise ConfigError(f"--key {key} is for --venue, in LIVE")
    settings = read_settings(config, mode)
    refuse_together({"--seed": seed, "--candles": candles})
    if None not in {ticks, start, end}:
        raise ConfigError(f"--ticks {ticks}, --from {start} and --to {end}: allowed are two of them")
    if name is not None:
        check_name(name)
    if settings.app.mode is Mode.LIVE:
        raise ConfigError("--mode LIVE trades at a venue only; allowed here are DRY_RUN and PAPER")
    setup, instants = _set_up(settings, ticks, start, end, candles, seed, stretch=stretch)
    words = {
        "--ticks": ticks, "--from": start, "--to": end, "--mode": mode, "--candles": candles, "--seed": seed,
        "--name": name, "--home": home if home != HOME else None, "--config": config if config != CONFIG_DIR else None,
    }  # fmt: skip
    options = [word for option, value in words.items() if value is not None for word in (option, str(value))]
    command = shlex.join(["trader", "run", *options, *(["--json"] if as_json else [])])
    page = _make_page(setup, instants, config, command, stretched=stretch)
    tell_market(setup)
    with _telling_how_to_resume(command), open_run(home, page, _make_stem(setup, candles), name) as folder:
        _run(setup, folder, instants, as_json=as_json)


def name_look(folder: RunFolder) -> str:
    """Return the line for a shell that shows how things stood at the end of a run's last tick."""
    page = folder.page
    last = f"--home {shlex.quote(str(folder.path))} --mode {page.mode}"
    return last + (f" --config {shlex.quote(page.config)}" if page.config != str(CONFIG_DIR) else "")


def print_next(folder: RunFolder, lots: list[str]) -> None:
    """Say on stderr what to type to look closer."""
    _say(f"next: trader status {name_look(folder)} --at {folder.page.last}")
    _say(f"      trader why {lots[0] if lots else 'BTC-USD'} {name_look(folder)}")


def _run(setup: MarketSetup, folder: RunFolder, instants: list[Instant], *, as_json: bool) -> None:
    ticks = TickRun(setup, folder.path, instants)
    done, page = len(ticks.journal.records), folder.page
    word = f"resuming after {done} of" if done else "starting"
    cycles = f"{write_count(page.ticks, 'cycle')}, one every {page.period_seconds} s"
    _say(f"{word} {cycles}, from {page.first} to {page.last}")
    _say(f"run {folder.name}, in {folder.path}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    stop = StopRequest()
    with stop.listen(), Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("cycles", total=len(instants), completed=done)

        def on_tick(record: TickRecord) -> None:
            progress.update(task, advance=1, description=record.cycle)

        ticks.run(on_tick, lambda: stop.is_asked)
    summary = ticks.sum_up()
    if not ticks.is_finished:
        made = f"{write_count(summary.entries, 'entry', 'entries')}, {write_count(summary.exits, 'exit')}"
        reached = f"{made}, equity {format_amount(summary.equity_close)}"
        _say(f"interrupted after {summary.ticks} of {write_count(page.ticks, 'cycle')}: {reached}")
        _say(f"the same command resumes: {page.command}")
        raise typer.Exit(ExitCode.INTERRUPTED)
    totals = make_run_json(summary)
    folder.finish(totals, _now())
    if as_json:
        print(json.dumps(totals, ensure_ascii=False))
    else:
        print_run(totals, open_console(160))
        print_next(folder, [lot.product_id for lot in summary.lots])


@contextmanager
def _telling_how_to_resume(command: str) -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{error}; once that is mended, the same command resumes: {command}") from error


def _set_up(
    settings: Settings,
    ticks: int | None,
    start: str | None,
    end: str | None,
    candles: Path | None,
    seed: int | None,
    *,
    stretch: bool,
) -> tuple[MarketSetup, list[Instant]]:
    """Settle first and last instant: --from and --to, or --ticks counted from the one or back from the other."""
    first = read_market_instant(start, "--from") if start is not None else None
    last = read_market_instant(end, "--to") if end is not None else None
    if candles is not None:
        if first is None or (last is None and ticks is None):
            raise ConfigError("with --candles, run needs --from, and --to or --ticks")
        setup = set_up_candles(
            settings, candles, first, last or Instant(first + 1), SystemClock().now(), stretch=stretch
        )
        return setup, _list_instants(first, last, ticks, setup.settings.cycle.period_seconds)
    period = settings.cycle.period_seconds
    if first is None:
        first = Instant((last or SYNTHETIC_END) - (ticks or _TICKS) * period)
    elif last is None and ticks is None:
        last = SYNTHETIC_END
    instants = _list_instants(first, last, ticks, period)
    end_at = last if ticks is None and last is not None else Instant(first + len(instants) * period)
    hours = SYNTHETIC_HOURS + (end_at - first) // 3600 + 1
    return set_up_synthetic(settings, end_at, hours, DEMO_SEED if seed is None else seed), instants


def _list_instants(first: Instant, last: Instant | None, ticks: int | None, period: int) -> list[Instant]:
    end = Instant(first + (ticks or _TICKS) * period) if last is None or ticks is not None else last
    if end <= first:
        raise ConfigError(f"--from {rfc3339(first)} must be before --to {rfc3339(end)}")
    if (count := -(-(end - first) // period)) > _TICKS_MAX:
        raise ConfigError(
            f"from {rfc3339(first)} to {rfc3339(end)} are {count} cycles; allowed are {_TICKS_MAX}, see --from and --to"
        )
    return [Instant(at) for at in range(first, end, period)]


def _make_page(setup: MarketSetup, instants: list[Instant], config: Path, command: str, *, stretched: bool) -> RunPage:
    settings, first, period = setup.settings, instants[0], setup.settings.cycle.period_seconds
    return RunPage(
        identity=digest_of([setup.name, settings.digest, first, instants[-1]]),
        title=setup.title,
        mode=settings.app.mode.value,
        first=rfc3339(first),
        last=rfc3339(instants[-1]),
        period_seconds=period,
        ticks=len(instants),
        config=str(config),
        command=command,
        started_at=_now(),
        granularity=settings.bars.granularity.value,
        stretched=stretched,
    )


def _make_stem(setup: MarketSetup, candles: Path | None) -> str:
    """Make a readable name, but for the number at its end: ``paper-synthetic-7``."""
    market = setup.name if candles is None else candles.resolve().name
    return _ODD.sub("-", f"{setup.settings.app.mode.lower().replace('_', '-')}-{market}").strip("-.")[:56]


def _now() -> str:
    return rfc3339(Instant(int(datetime.now(UTC).timestamp())))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
