"""Recorded markets under the shipped settings, run by both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from desk.backtest.schedule import Schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.markets import fit_settings
from desk.markets.candle_market import SeriesKey, make_product
from factories_settings import shipped_settings
from recorded_candles import load_series
from simulation.backtest.comparison import Played, play
from trader.model.ids import Instant, ProductId, StrategyId
from trader.model.market import Granularity, Product
from trader.strategies.base import Strategy


def record_market(
    product_ids: Sequence[str],
    granularity: Granularity,
    overrides: Mapping[str, object] | None = None,
    strategies: Mapping[StrategyId, Strategy] | None = None,
    series: Mapping[str, ColumnSeries] | None = None,
) -> Recorded:
    """Take real candles, or given ones, and the shipped settings stretched to their bars, in PAPER."""
    shipped = shipped_settings({"app.mode": "PAPER", **(overrides or {})})
    settings = fit_settings(shipped, granularity, stretch=True)
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


def run_both(recorded: Recorded, ticks: Sequence[Instant]) -> tuple[Played, Played]:
    """Run every tick, and those that matter by the screens that are shipped."""
    schedule = Schedule.on_time(ticks)
    return play(recorded, schedule, None), play(recorded, schedule, {})
