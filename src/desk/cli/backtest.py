"""``trader backtest …``: the trading cycle itself on recorded candles, years in minutes; and what is kept of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from desk.backtest.requirements import check_installed
from desk.cli.backtest_options import read_fees
from desk.cli.backtest_progress import ProgressBar
from desk.cli.backtest_report import ReportOption, check_report, write_report
from desk.cli.backtest_results import diff, list_command, show
from desk.cli.backtest_screen import render_summary
from desk.cli.backtest_sweep import run_sweep_file
from desk.cli.exit_codes import ExitCode
from desk.cli.market_options import (
    HOME,
    GranularityOption,
    HomeOption,
    StretchOption,
    read_length,
    read_market_instant,
    read_names,
    read_products,
)
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, read_settings
from desk.cli.screen import measure_width, print_lines
from desk.counting import write_count
from desk.stop import StopRequest
from trader.adapters.local.clock import SystemClock
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.codec import canonical_json
from trader.model.ids import StrategyId, rfc3339
from trader.settings.app import FillModel, Mode

if TYPE_CHECKING:
    from desk.backtest.archive import StoredBacktest
    from desk.backtest.request import BacktestRequest
    from desk.backtest.result import BacktestResult
    from desk.backtest.run import Backtest

#: Prose is read in lines of this width at most, piped or not.
_WIDTH_MAX = 100


class Engine(StrEnum):
    """How a run is done: only ticks that may matter, or all of them."""

    SCREENED = "screened"
    EXHAUSTIVE = "exhaustive"


class Fills(StrEnum):
    """How kind the simulated venue is; all is one run of each."""

    NEUTRAL = "neutral"
    OPTIMISTIC = "optimistic"
    PESSIMISTIC = "pessimistic"
    ALL = "all"


class _RunsByDefault(TyperGroup):
    """Options without a command are those of ``run``."""

    default_name = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in that was not typed."""
        is_run = bool(args) and args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)
        return super().parse_args(ctx, [self.default_name, *args] if is_run else args)


def register(app: typer.Typer) -> None:
    """Add ``trader backtest …``."""
    group = typer.Typer(
        cls=_RunsByDefault, help="Run the trading cycle on recorded candles; list, show and compare what came of it.",
        no_args_is_help=True,
    )  # fmt: skip
    group.command("run")(run)
    group.command("list")(list_command)
    group.command("show")(show)
    group.command("diff")(diff)
    app.add_typer(group, name="backtest")


def run(  # noqa: PLR0913, PLR0917 - the options of a command
    candles: Annotated[Path, typer.Option("--candles", help="Folder of <PRODUCT>-<granularity>.csv.gz or .parquet.")],
    start: Annotated[str, typer.Option("--from", help="First tick, a day or an instant.")],
    end: Annotated[str, typer.Option("--to", help="Last tick, a day or an instant.")],
    granularity: GranularityOption = None,
    stretch: StretchOption = False,
    products: Annotated[str | None, typer.Option("--products", help="These only, as BTC-USD,ETH-USD.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="These only, as rules_engine,…")] = None,
    fee: Annotated[
        str | None, typer.Option("--fee", help="Maker and taker, as 0.004,0.006; account: what it is assumed to pay.")
    ] = None,
    fills: Annotated[Fills | None, typer.Option("--fills", help="How kind the simulated venue is.")] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="Only ticks that may matter, or all.")] = Engine.SCREENED,
    watches: Annotated[bool, typer.Option("--watches", help="Look between ticks, on candles of a minute.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the days of the bootstrap's samples.")] = 1,
    sweep: Annotated[Path | None, typer.Option("--sweep", help="File of settings to try, one backtest each.")] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, max=64, help="So many of them at a time.")] = 1,
    is_resumed: Annotated[bool, typer.Option("--resume", help="Run no fill model again that is finished.")] = False,
    report: ReportOption = None,
    home: HomeOption = HOME,
    config: ConfigDir = CONFIG_DIR,
    as_json: AsJson = False,
) -> None:
    """Run the trading cycle on recorded candles, in PAPER, print what it came to, and keep it.

    It decides and fills on the bars it is given: results of the past, on candles that know no order book, are no
    promise. Both engines give the same; the exhaustive one runs every tick. Ctrl-C ends it between two ticks: what was
    run until then is printed and kept.
    """
    check_installed()
    check_report(report)
    # What needs NumPy is imported once it is known to be there.
    from desk.backtest.data.folder import CandleFolderSource
    from desk.backtest.request import BacktestRequest, prepare_backtest

    settings = read_settings(config, Mode.PAPER)
    request = BacktestRequest(
        candles=candles,
        start=read_market_instant(start, "--from"),
        end=read_market_instant(end, "--to"),
        granularity=read_length(granularity),
        stretches=stretch,
        products=read_products(products),
        strategies=tuple(map(StrategyId, read_names(strategy, "--strategy"))),
        fees=read_fees(fee, settings),
        models=_choose_models(fills),
        watches=watches,
        is_exhaustive=engine is Engine.EXHAUSTIVE,
        seed=seed,
    )
    if sweep is not None:
        run_sweep_file(sweep, request, config, home, jobs, as_json=as_json)
        return
    if jobs != 1:
        raise ConfigError(f"-j {jobs} is for --sweep")
    prepared = prepare_backtest(request, settings, CandleFolderSource(candles, SystemClock().now()))
    tell_market(prepared, stretches=stretch)
    _run(prepared, request, home, report, is_resumed=is_resumed, as_json=as_json)


def _run(
    prepared: Backtest, request: BacktestRequest, home: Path, report: Path | None, *, is_resumed: bool, as_json: bool
) -> None:
    from desk.backtest.archive import Archive
    from desk.backtest.figures.document import build_document
    from desk.backtest.figures.summary import summarize_backtest
    from desk.backtest.identity import identify_backtest
    from desk.backtest.request import describe_backtest
    from desk.backtest.result import read_prices
    from desk.backtest.thinned import build_thinned_prices

    settings, count = prepared.recorded.settings, len(prepared.schedule.ticks)
    archive, identity = Archive(home), identify_backtest(prepared, request)
    stored = archive.open(identity, settings, describe_backtest(prepared))
    prices, differences = read_prices(prepared.recorded), {}
    archive.keep_prices(stored, build_thinned_prices(prices, prepared.schedule.ticks[0], prepared.schedule.ticks[-1]))
    documents = dict(stored.documents) if is_resumed else {}
    models = request.models or (settings.simulation.fills,)
    stop, is_cut = StopRequest(), False
    # Heard until all is kept: what took long to run is not lost to a Ctrl-C while it is counted and written.
    with stop.listen():
        for model in models:
            if is_resumed and stored.page["done"][model.value] == count:
                _say(f"{model}: finished before, in {stored.path}")
                continue
            result = _run_model(prepared, model, stop)
            summary = summarize_backtest(result.record, prices, request.seed)
            documents[model.value] = build_document(summary, result.exact)
            stored = archive.keep(stored, model.value, documents[model.value], result.ticks)
            differences[model] = result.cash_difference
            if is_cut := result.ticks < count:
                _say(f"interrupted after {result.ticks} of {write_count(count, 'tick')}: what follows is of those")
            if stored.page["done"][model.value] > result.ticks:
                _say(f"what was kept of {model} before is of more ticks, and stays")
            if stop.is_asked:
                break
    if as_json:
        typer.echo(canonical_json(documents))
    else:
        _print_documents(documents[each.value] for each in models if each.value in documents)
    if report is not None:
        write_report(stored, report)
    _end(stored, differences, is_cut=is_cut)


def _end(stored: StoredBacktest, differences: Mapping[FillModel, Decimal], *, is_cut: bool) -> None:
    _say(f"kept as {stored.name}: trader backtest show {stored.name}")
    for model, difference in differences.items():
        if difference:
            raise LedgerCorrupt(f"{model}: the cash differs from what the fills make of it by {difference}")
    if not stored.is_finished:
        _say("the same command with --resume runs what is missing, each fill model from its beginning")
    if is_cut or not stored.is_finished:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _run_model(prepared: Backtest, model: FillModel, stop: StopRequest) -> BacktestResult:
    with ProgressBar(model.value, len(prepared.schedule.ticks)) as bar:
        return prepared.run_model(model, lambda done: bar.show(done) and not stop.is_asked)


def tell_market(prepared: Backtest, *, stretches: bool = False) -> None:
    """Say on stderr what is run, and what of that time has no candles."""
    from desk.backtest.coverage import list_coverage_notes

    recorded, schedule = prepared.recorded, prepared.schedule
    period = timedelta(seconds=recorded.settings.cycle.period_seconds)
    _say(
        f"{write_count(len(recorded.products), 'product')}, {recorded.settings.bars.granularity}, a tick every "
        f"{period}, from {rfc3339(schedule.ticks[0])} to {rfc3339(schedule.ticks[-1])}"
    )
    if stretches:
        _say("note: look-backs are stretched to these bars, which is another strategy than the configured one")
    for note in list_coverage_notes(recorded, schedule):
        _say(f"note: {note}")


def _choose_models(fills: Fills | None) -> tuple[FillModel, ...]:
    if fills is None:
        return ()
    return tuple(FillModel) if fills is Fills.ALL else (FillModel(fills.value),)


def _print_documents(documents: Iterable[Mapping[str, Any]]) -> None:
    from desk.backtest.figures.told import read_figures

    width = min(measure_width(), _WIDTH_MAX)
    for number, document in enumerate(documents):
        print_lines([*([""] if number else []), *render_summary(read_figures(document), width)])


def _say(line: str) -> None:
    print(line, file=sys.stderr)
