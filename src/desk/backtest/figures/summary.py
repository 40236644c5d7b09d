"""All figures of one finished run, from what it left and the prices it ran on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from desk.backtest.figures.activity import (
    Activity,
    CostStack,
    Entries,
    count_entries,
    count_refusals,
    measure_activity,
    measure_costs,
)
from desk.backtest.figures.attribution import (
    Attribution,
    LargestDay,
    Share,
    find_largest_days,
    find_largest_products,
    split_net,
)
from desk.backtest.figures.benchmarks import Comparison, compare_with_held
from desk.backtest.figures.bootstrap import SEED, Intervals, compute_intervals
from desk.backtest.figures.curve import Curve, build_curve
from desk.backtest.figures.exposure import Exposure, measure_exposure
from desk.backtest.figures.performance import Performance, measure_performance
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.round_trips import RoundTrip, list_round_trips
from desk.backtest.figures.run_record import RunRecord
from desk.backtest.figures.trades import LargestTrade, Trades, find_largest_trades, measure_trades


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    """The figures of a run. Of each pair of largest the first gained most, the second lost most."""

    record: RunRecord
    curve: Curve
    performance: Performance
    intervals: Intervals
    costs: CostStack
    activity: Activity
    exposure: Exposure
    trades: Trades
    entries: Entries
    refusals: Mapping[str, int]
    round_trips: tuple[RoundTrip, ...]
    attribution: Attribution
    comparison: Comparison
    largest_days: tuple[LargestDay | None, LargestDay | None]
    largest_trades: tuple[LargestTrade | None, LargestTrade | None]
    largest_products: tuple[Share | None, Share | None]


def summarize_backtest(record: RunRecord, prices: PriceHistory, seed: int = SEED) -> BacktestSummary:
    """Compute every figure of a finished run. It takes a second or two for a year; nothing of it is kept anywhere."""
    curve, trips = build_curve(record.capital, record.days), list_round_trips(record, prices)
    costs, fills = measure_costs(record, trips), record.books.fills
    attribution = split_net(trips, curve, fills, costs.net)
    return BacktestSummary(
        record=record,
        curve=curve,
        performance=measure_performance(curve),
        intervals=compute_intervals(curve.returns, seed=seed),
        costs=costs,
        activity=measure_activity(record, curve, trips, costs),
        exposure=measure_exposure(record, curve),
        trades=measure_trades(trips),
        entries=count_entries(record.orders, fills),
        refusals=count_refusals(record.verdicts),
        round_trips=trips,
        attribution=attribution,
        comparison=compare_with_held(
            curve, prices, record.rates, record.benchmark, record.products, record.start, record.instants
        ),
        largest_days=find_largest_days(curve),
        largest_trades=find_largest_trades(trips),
        largest_products=find_largest_products(attribution),
    )
