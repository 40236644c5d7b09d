"""Two runs of one recorded market, every tick and screened, and all in which they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from desk.backtest.engines import Tally, run_exhaustive, run_screened
from desk.backtest.schedule import Schedule
from desk.backtest.screen.strategies import Screens
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded, World
from desk.markets import fit_settings
from desk.markets.candle_market import SeriesKey, make_product
from factories_settings import shipped_settings
from recorded_candles import load_series
from trader.cycle.report import CycleReport
from trader.model.ids import Instant, ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.market import Granularity, Product
from trader.strategies.base import Strategy

#: What a run of every tick leaves otherwise: the chain of its records, and how many bars it last had.
NOT_COMPARED = frozenset({"audit_head", "bars_on_record"})


def record_market(
    product_ids: Sequence[str],
    granularity: Granularity,
    overrides: Mapping[str, object] | None = None,
    strategies: Mapping[StrategyId, Strategy] | None = None,
    series: Mapping[str, ColumnSeries] | None = None,
) -> Recorded:
    """Take real candles, or given ones, and the shipped settings fitted to their bars, in PAPER."""
    settings = fit_settings(shipped_settings({"app.mode": "PAPER", **(overrides or {})}), granularity)
    found: dict[SeriesKey, ColumnSeries] = {}
    products: list[Product] = []
    for name in product_ids:
        each = load_series(name, granularity) if series is None else series[name]
        found[ProductId(name), granularity] = each
        products.append(make_product(ProductId(name), each.between(Instant(0), Instant(2**40))[-500:]))
    return Recorded(settings, products, found, strategies)


def list_ticks(begin: int, count: int, seconds: int) -> list[Instant]:
    """Return instants at an even pace."""
    return [Instant(begin + number * seconds) for number in range(count)]


@dataclass
class Run:
    """What came of a run: its counts, and the books after every tick that was not quiet."""

    world: World
    tally: Tally = field(default_factory=Tally)
    notable: dict[int, Ledger] = field(default_factory=dict)

    def note(self, tick: int, report: CycleReport) -> None:
        """Keep the books as a notable tick left them."""
        assert report.after is not None
        self.notable[tick] = report.after


def run_both(recorded: Recorded, ticks: Sequence[Instant], screens: Screens | None = None) -> tuple[Run, Run]:
    """Run every tick, and those that matter."""
    exact, screened, schedule = Run(World(recorded)), Run(World(recorded)), Schedule.on_time(ticks)
    exact.tally = run_exhaustive(exact.world, schedule, exact.note)
    screened.tally = run_screened(screened.world, recorded, schedule, screens or {}, screened.note)
    return exact, screened


def list_differences(exact: Run, screened: Run) -> list[str]:
    """Name everything in which two runs differ."""
    return [
        *_compare("ticks", exact.tally.ticks, screened.tally.ticks),
        *_compare("notable", sorted(exact.notable), sorted(screened.notable)),
        *_compare("verdicts", +exact.tally.verdicts, +screened.tally.verdicts),
        *_compare("fills", exact.world.store.fills, screened.world.store.fills),
        *_compare("finished", exact.world.store.finished, screened.world.store.finished),
        *(
            f"tick {tick}: {line}"
            for tick in sorted(exact.notable.keys() & screened.notable.keys())
            for line in compare_ledgers(exact.notable[tick], screened.notable[tick])
        ),
        *compare_ledgers(_books(exact), _books(screened)),
    ]


def compare_ledgers(exact: Ledger, screened: Ledger) -> Iterable[str]:
    """Name the fields in which two ledgers differ."""
    for each in fields(Ledger):
        if each.name not in NOT_COMPARED:
            yield from _compare(each.name, getattr(exact, each.name), getattr(screened, each.name))


def _books(run: Run) -> Ledger:
    assert run.world.ledger is not None
    return replace(run.world.ledger)


def _compare(name: str, one: object, other: object) -> Iterable[str]:
    if one != other:
        yield f"{name}: {str(one)[:3000]} is not {str(other)[:3000]}"
