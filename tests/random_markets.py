"""Random markets under random settings, small enough to run every tick of: every stage refuses and admits somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

import numpy as np

from backtest_worlds import list_ticks, record_market
from desk.backtest.data.columns import Columns
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from recorded_candles import BEGIN, Weather, make_random_series
from trader.model.ids import Instant, StrategyId
from trader.model.market import Granularity
from trader.strategies.rules_engine import RulesEngineSettings

FIVE = Granularity.FIVE_MINUTE
#: Two listings of some bases, one that no tier names, one that is never traded.
NAMES = ("ETH-USD", "XRP-USD", "ADA-USD", "LTC-USD", "BCH-USD", "SHIB-USD", "BTC-USDT", "BTC-USDC", "LTC-USDT")
RULES, REVERSION = "strategies.rules_engine", "strategies.mean_reversion"
_TIERS = "universe.tiers"
_DAY_NOTIONAL = 1_000_000

#: Windows of a few hours, so that a short series has a history.
SHORT: dict[str, object] = {
    "triggers.breakout.lookback_bars": 24,
    "triggers.reversal.lookback_bars": 24,
    "triggers.momentum.lookback_bars": 24,
    "triggers.momentum.share_bars": 12,
    "triggers.volume_spike.history_bars": 36,
    "triggers.atr_windows": 2,
    "universe.correlation_bars": 24,
    f"{RULES}.settings.volatility_bars": 24,
    f"{REVERSION}.settings.volatility_bars": 24,
    f"{REVERSION}.settings.band_bars": 12,
    f"{REVERSION}.settings.entry_z": 1.5,
    **{f"{_TIERS}.{tier}.depth_min": 0 for tier in ("tier_1_core", "tier_2_rotational", "tier_3_dynamic")},
}
#: What each key may be; the volumes lie near what the products turn over, so that they come and go.
CHOICES: dict[str, Sequence[object]] = {
    "triggers.atr_ratio_min": (0.5, 1.05),
    "triggers.per_cycle_max": (1, 2, 10),
    "triggers.max_gap_ratio": (0.1, 0.3),
    f"{REVERSION}.enabled": (True, True, False),
    f"{RULES}.enabled": (True, True, True, False),
    f"{REVERSION}.every_minutes": (0, 15, 60),
    f"{RULES}.every_minutes": (0, 0, 15),
    f"{REVERSION}.settings.hit_ratio": (0.6, 1),
    f"{RULES}.settings.conviction_min": (0.3, 0.45, 0.6),
    f"{_TIERS}.tier_1_core.volume_24h_min": (0, _DAY_NOTIONAL),
    f"{_TIERS}.tier_2_rotational.volume_24h_min": (0, _DAY_NOTIONAL),
    f"{_TIERS}.tier_3_dynamic.volume_24h_min": (100_000, _DAY_NOTIONAL),
    f"{_TIERS}.tier_3_dynamic.discover_max": (0, 1, 10),
    f"{_TIERS}.tier_1_core.spread_bps_max": (20, 7),
    "universe.enter_after_cycles": (1, 3),
    "universe.leave_after_cycles": (1, 3),
    "universe.products_cache_minutes": (5, 60, 23),
    "exits.trailing": (True, False),
    "exits.trailing_arm_pct": (1,),
    "exits.trailing_giveback_pct": (0.5,),
    "exits.dust_value_max": (0, 5, 300),
    "regime.crash_volatility_pct": (100, 1000),
    "regime.crash_trend_pct": (5, 10, 90),
    "regime.bear_trend_pct": (2, 5),
    "risk.drawdown_pct_max": (0.3, 1, 10),
    "risk.day_loss_pct_max": (0.3, 3, 50),
    "risk.entries_per_hour_max": (3, 100),
    "risk.entry_spacing_seconds": (0, 90),
    "risk.cooldown_stop_minutes": (0, 120),
    "simulation.fills": ("neutral", "optimistic", "pessimistic"),
    "execution.attach_brackets": (True, True, False),
    "execution.entry_ttl_cycles": (1, 2, 5),
    "exchange.fee_cache_hours": (1, 24),
    "app.capital": (10_000, 500),
}


def make_random_run(seed: int) -> tuple[Recorded, list[Instant]]:
    """Make a market of up to seven products over half a day, and its ticks."""
    random = Random(seed)
    names = ["BTC-USD", *random.sample(NAMES, random.randint(1, 6))]
    series = {name: _make_series(random, seed * 20 + number) for number, name in enumerate(names)}
    pace = random.choice([300, 300, 300, 600, 900, 150])
    # A tick that misses the one before it is run whatever it sees.
    overrides = SHORT | {"cycle.period_seconds": max(pace, 300)}
    overrides |= {key: random.choice(values) for key, values in CHOICES.items()}
    recorded = record_market(names, FIVE, overrides, series=series)
    settings = recorded.settings
    section = settings.strategies[StrategyId("rules_engine")]
    own = section.settings
    assert isinstance(own, RulesEngineSettings)
    rules = tuple(
        replace(
            rule,
            stop_pct=rule.stop_pct / random.choice([1, 6]),
            target_pct=rule.target_pct / random.choice([1, 3]),
            hold_hours_max=random.choice([1, 3, 48]),
            hit_ratio=Decimal(1),
        )
        for rule in own.rules
    )
    strategies = {
        **settings.strategies,
        StrategyId("rules_engine"): replace(section, settings=replace(own, rules=rules)),
    }
    settings = replace(settings, strategies=strategies, bars=replace(settings.bars, count=60))
    begin = BEGIN + random.choice([0, 62, 290]) * 300
    recorded = replace(recorded, settings=settings)
    if seed % 3 == 2:
        products = {key: _cut_ends(Random(f"{seed} {key[0]}"), each) for key, each in recorded.series.items()}
        recorded = replace(recorded, series=products, absence_seconds=0)
    return recorded, list_ticks(begin, 150, pace)


def _cut_ends(random: Random, series: ColumnSeries) -> ColumnSeries:
    """Let a product begin late, or end early, or have been away."""
    columns = series.columns
    number = (columns.start - BEGIN) // 300
    begin, end = random.choice([0, 0, random.randrange(350)]), random.choice([500, random.randrange(350, 480)])
    gone, length = random.randrange(begin, end), random.choice([0, 0, random.randrange(10, 40)])
    kept = (number >= begin) & (number < end) & ((number < gone) | (number >= gone + length))
    kept[-1] |= not kept.any()
    names = ("start", "open", "high", "low", "close", "volume")
    return ColumnSeries(Columns(FIVE, *(getattr(columns, name)[kept] for name in names)))


def _make_series(random: Random, seed: int) -> ColumnSeries:
    weather = Weather(
        seed=seed,
        bars=500,
        scale=random.choice([-2, 0, 2, 4]),
        digits=random.choice([2, 3, 5]),
        wild_bps=random.choice([10, 30, 60, 120]),
        jumps=random.choice([0, 1, 3]),
        flats=random.choice([0, 5, 30]),
        holes=random.choice([0, 0, 1, 5, 12]),
        unsold=random.choice([0, 3, 20]),
    )
    columns = make_random_series(weather, FIVE).columns
    turnover = float(np.mean(columns.close * columns.volume)) * 288
    volume = columns.volume * (random.choice([1.0, 1.3, 5.0]) * _DAY_NOTIONAL / turnover)
    return ColumnSeries(
        Columns(FIVE, columns.start, columns.open, columns.high, columns.low, columns.close, np.round(volume, 6))
    )
