"""The benchmark's year by our engines, in a process of its own, as each peer runs it: one line of JSON at the end.

``python -m desk.bench.breakout_run DATA [--engine exhaustive] [--ticks 5000] [--sparse]``; DATA has the peers' series.
Our venue meets their assumptions: no spread, no impact, every bar's whole volume, 0.6 % a side; caps and stops opened.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.engines import run_exhaustive, run_screened
from desk.backtest.schedule import Schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.tally import Tally
from desk.backtest.world import Recorded, World
from desk.bench import breakout_screen
from desk.bench.breakout import Breakout, BreakoutTerms
from desk.markets.candle_market import make_product
from trader.adapters.config.files import load_settings
from trader.cycle.report import CycleReport
from trader.model.cycle_state import Regime
from trader.model.ids import Asset, Instant, ProductId, StrategyId
from trader.model.market import Granularity
from trader.model.orders import Side
from trader.settings import Settings
from trader.settings.app import FillModel, Mode
from trader.settings.policy import StrategySettings
from trader.strategies.base import Strategy

BASES = ("BTC", "ETH", "SOL", "ADA", "XRP", "DOGE", "LTC", "LINK", "AVAX", "DOT")
STRATEGY = StrategyId("breakout")
_CONFIG = Path(__file__).parents[3] / "config"
_STEP = Granularity.FIVE_MINUTE.seconds
_NEWEST = 500
_MANY, _ALL, _NONE, _FEE = 1_000_000, Decimal(100), Decimal(0), Decimal("0.006")


def make_settings(terms: BreakoutTerms) -> Settings:
    """Open every cap and stop of the shipped configuration, and let the venue be as kind as the peers' are."""
    shipped = load_settings(_CONFIG, {}).settings
    tier = replace(
        shipped.universe.tiers["tier_1_core"],
        bases=tuple(Asset(base) for base in BASES),
        spread_bps_max=_ALL,
        volume_24h_min=_NONE,
        depth_min=_NONE,
        allocation_max_pct=_ALL,
    )
    return replace(
        shipped,
        app=replace(shipped.app, mode=Mode.PAPER, capital=Decimal(100_000)),
        exchange=replace(shipped.exchange, assumed_maker_fee_ratio=_FEE, assumed_taker_fee_ratio=_FEE),
        simulation=replace(
            shipped.simulation,
            fills=FillModel.OPTIMISTIC,
            spread_bps=_NONE,
            impact_bps=_NONE,
            volume_share_ratio=Decimal(1),
            maker_fee_ratio=_FEE,
            taker_fee_ratio=_FEE,
        ),
        universe=replace(
            shipped.universe, tiers={"tier_1_core": tier}, enter_after_cycles=1, listing_age_days_min=0, clusters={}
        ),
        regime=replace(
            shipped.regime,
            crash_trend_pct=1e6,
            crash_volatility_pct=1e6,
            size_multiplier=dict.fromkeys((Regime.BULL, Regime.CHOP, Regime.BEAR, Regime.CRASH), Decimal(1)),
        ),
        strategies={
            STRATEGY: StrategySettings(weight_pct=_ALL, trades_per_cycle_max=_MANY, settings=terms, enabled=True)
        },
        risk=replace(
            shipped.risk,
            day_loss_pct_max=_ALL,
            week_loss_pct_max=_ALL,
            drawdown_pct_max=_ALL,
            trades_per_day_max=_MANY,
            entries_per_hour_max=_MANY,
            entry_spacing_seconds=0,
            product_spacing_minutes=0,
            cooldown_win_minutes=0,
            cooldown_loss_minutes=0,
            cooldown_stop_minutes=0,
            loss_streak_max=_MANY,
            open_positions_max=_MANY,
            entries_per_cycle_max=_MANY,
            position_pct_max=_ALL,
            product_pct_max=_ALL,
            correlated_pct_max=_ALL,
            total_pct_max=_ALL,
        ),
    )


def read_market(data: Path, terms: BreakoutTerms) -> Recorded:
    """Read the peers' series, one file of columns a product."""
    series, products = {}, []
    for base in BASES:
        with np.load(data / f"{base}.npz") as file:
            prices = (file[name] for name in ("open", "high", "low", "close", "volume"))
            each = ColumnSeries(Columns(Granularity.FIVE_MINUTE, file["ts"], *prices))
        product_id = ProductId(f"{base}-USD")
        series[product_id, Granularity.FIVE_MINUTE] = each
        last = int(each.columns.start[-1]) + _STEP
        products.append(make_product(product_id, each.between(Instant(last - _NEWEST * _STEP), Instant(last))))
    strategies: dict[StrategyId, Strategy] = {STRATEGY: Breakout(STRATEGY, terms)}
    return Recorded(make_settings(terms), products, series, strategies)


class TimedWorld(World):
    """A world that adds up what its cycles cost. Units: seconds of CPU."""

    seconds = 0.0

    def run(self, scheduled: Instant, start: Instant | None = None) -> CycleReport:
        """Run a cycle by the watch."""
        begun = time.process_time()
        report = super().run(scheduled, start)
        self.seconds += time.process_time() - begun
        return report


def run_engine(recorded: Recorded, schedule: Schedule, *, is_screened: bool) -> tuple[TimedWorld, Tally]:
    """Run one of both engines."""
    world = TimedWorld(recorded)
    if not is_screened:
        return world, run_exhaustive(world, schedule, lambda *_: None)
    return world, run_screened(world, recorded, schedule, {STRATEGY: breakout_screen.assess}, lambda *_: None)


def main() -> None:
    """Run it and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--engine", choices=("screened", "exhaustive"), default="screened")
    parser.add_argument("--ticks", type=int, default=0, help="so many from the beginning; 0 is all")
    parser.add_argument("--sparse", action="store_true", help="a signal so rare that hardly any tick is run")
    told = parser.parse_args()
    terms = replace(BreakoutTerms(), volume_ratio=40.0) if told.sparse else BreakoutTerms()
    recorded = read_market(told.data, terms)
    start = next(iter(recorded.series.values())).columns.start
    schedule = Schedule.on_time(Instant(at + _STEP) for at in start[: told.ticks or None].tolist())
    begun = time.process_time()
    world, tally = run_engine(recorded, schedule, is_screened=told.engine == "screened")
    engine = time.process_time() - begun
    bought = {fill.venue_order_id for fill in world.store.fills.values() if fill.side is Side.BUY}
    found = {
        "trades": len(bought),
        "ticks": tally.ticks,
        "exact": tally.exact,
        "bars": tally.ticks * len(BASES),
        "engine_s": engine,
        "exact_ms": world.seconds / tally.exact * 1000,
        "cpu_s": time.process_time(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(f"RESULT {json.dumps(found)}\n")


if __name__ == "__main__":
    main()
