"""``trader backtest``: the trading cycle itself on recorded candles, years in seconds or minutes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desk.backtest.requirements import check_installed
from desk.cli.backtest_screen import render_summary
from desk.cli.market_options import read_market_instant
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, read_settings
from desk.cli.screen import measure_width, print_lines
from desk.counting import write_count
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.codec import canonical_json
from trader.model.ids import Instant, rfc3339
from trader.model.market import Granularity
from trader.settings.app import FillModel, Mode

if TYPE_CHECKING:
    from desk.backtest.figures.summary import BacktestSummary
    from desk.backtest.run import Backtest

_LENGTHS = {"1m": "ONE_MINUTE", "5m": "FIVE_MINUTE", "15m": "FIFTEEN_MINUTE", "1h": "ONE_HOUR", "1d": "ONE_DAY"}
#: More ticks than forty years of five minutes are a mistake.
_TICKS_MAX = 5_000_000
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


def register(app: typer.Typer) -> None:
    """Add ``trader backtest``."""
    app.command("backtest")(backtest)


def backtest(  # noqa: PLR0913, PLR0917 - the options of a command
    candles: Annotated[Path, typer.Option("--candles", help="Folder of <PRODUCT>-<granularity>.csv.gz or .parquet.")],
    start: Annotated[str, typer.Option("--from", help="First tick, a day or an instant.")],
    end: Annotated[str, typer.Option("--to", help="Last tick, a day or an instant.")],
    granularity: Annotated[str | None, typer.Option("--granularity", help=f"Bars: {', '.join(_LENGTHS)}.")] = None,
    fills: Annotated[Fills | None, typer.Option("--fills", help="How kind the simulated venue is.")] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="Only ticks that may matter, or all.")] = Engine.SCREENED,
    watches: Annotated[bool, typer.Option("--watches", help="Look between ticks, on candles of a minute.")] = False,
    config: ConfigDir = CONFIG_DIR,
    as_json: AsJson = False,
) -> None:
    """Run the trading cycle on recorded candles, in PAPER, and print what it came to.

    It decides and fills on the bars it is given: results of the past, on candles that know no order book, are no
    promise. Both engines give the same; the exhaustive one runs every tick.
    """
    check_installed()
    # What needs NumPy is imported once it is known to be there.
    from desk.backtest.figures.document import build_document
    from desk.backtest.figures.summary import summarize_backtest
    from desk.backtest.result import read_prices

    begun, ended = read_market_instant(start, "--from"), read_market_instant(end, "--to")
    if begun >= ended:
        raise ConfigError(f"--from {start} must be before --to {end}")
    prepared = _prepare(candles, begun, ended, granularity, engine, config, watches=watches)
    results = prepared.run(_choose_models(fills))
    prices = read_prices(prepared.recorded)
    summaries = {model: summarize_backtest(each.record, prices) for model, each in results.items()}
    if as_json:
        typer.echo(canonical_json({model: build_document(summaries[model], results[model].exact) for model in results}))
    else:
        _print_summaries(list(summaries.values()))
    for model, each in results.items():
        if each.cash_difference:
            raise LedgerCorrupt(f"{model}: the cash differs from what the fills make of it by {each.cash_difference}")


def _choose_models(fills: Fills | None) -> tuple[FillModel, ...]:
    if fills is None:
        return ()
    return tuple(FillModel) if fills is Fills.ALL else (FillModel(fills.value),)


def _prepare(
    candles: Path,
    begun: Instant,
    ended: Instant,
    granularity: str | None,
    engine: Engine,
    config: Path,
    *,
    watches: bool,
) -> Backtest:
    # What needs NumPy is imported once it is known to be there.
    from desk.backtest.data.folder import CandleFolderSource
    from desk.backtest.run import Backtest
    from desk.backtest.schedule import plan_schedule
    from desk.backtest.setup import record_market

    if granularity is not None and granularity not in _LENGTHS:
        raise ConfigError(f"--granularity: {granularity!r:.80}; allowed is one of {', '.join(_LENGTHS)}")
    length = None if granularity is None else Granularity(_LENGTHS[granularity])
    settings, source = read_settings(config, Mode.PAPER), CandleFolderSource(candles)
    recorded = record_market(settings, source, begun, ended, granularity=length, metadata=candles)
    period = recorded.settings.cycle.period_seconds
    if (ended - begun) // period > _TICKS_MAX:
        raise ConfigError(f"--from and --to: {(ended - begun) // period} ticks; allowed are {_TICKS_MAX}")
    print(
        f"{write_count(len(recorded.products), 'product')}, {recorded.settings.bars.granularity}, a tick every "
        f"{timedelta(seconds=period)}, from {rfc3339(begun)} to {rfc3339(ended)}",
        file=sys.stderr,
    )
    schedule = plan_schedule(begun, ended, period, watches=watches)
    return Backtest(recorded, schedule, is_exhaustive=engine is Engine.EXHAUSTIVE)


def _print_summaries(summaries: Sequence[BacktestSummary]) -> None:
    width = min(measure_width(), _WIDTH_MAX)
    for number, summary in enumerate(summaries):
        print_lines([*([""] if number else []), *render_summary(summary, width)])
