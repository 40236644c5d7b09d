"""Small made-up markets for the backtest, and settings under which they trade often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

from architecture.tree import ROOT
from desk.backtest.data.columns import Columns
from desk.backtest.data.universe import ABSENCE_SECONDS
from desk.backtest.disturbances import Disturbance, Trouble
from desk.backtest.schedule import Schedule, plan_schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.bench.breakout import Breakout, BreakoutTerms
from desk.markets.candle_market import make_product
from trader.adapters.config.files import load_settings
from trader.model.cycle_state import Regime
from trader.model.ids import Asset, Instant, ProductId, StrategyId
from trader.model.market import Candle, Granularity
from trader.settings import Settings
from trader.settings.app import FillModel, Mode
from trader.settings.policy import StrategySettings

#: A Monday, 00:00 UTC.
BEGIN = 1_672_617_600
STEP = 300
BREAKOUT = StrategyId("breakout")
BASES = ("BTC", "ETH", "SOL", "ADA")
TERMS = BreakoutTerms(lookback_bars=24, volume_ratio=1.2, size_pct=Decimal(8), hold_hours=3)


@dataclass(frozen=True)
class Market:
    """What is drawn: a seed, how many bars, how wild, which share is missing; sections of settings to change.

    ``spans`` are, by base, the stretches of bars that were recorded, from and to; ``absence_seconds`` as they are of a
    recorded market.
    """

    seed: int = 1
    bars: int = 700
    sigma: float = 0.004
    holes: float = 0.0
    bases: tuple[str, ...] = BASES
    terms: BreakoutTerms = TERMS
    every_minutes: int = 0
    is_watched: bool = False
    late: Mapping[int, int] = field(default_factory=dict)
    missed: tuple[int, ...] = ()
    troubles: tuple[tuple[Trouble, int, int], ...] = ()
    spans: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    absence_seconds: int = ABSENCE_SECONDS
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def schedule(self) -> Schedule:
        """A tick at each close; *late* and *missed* name bars."""
        first, last = Instant(BEGIN + STEP), Instant(BEGIN + (self.bars - 1) * STEP)
        late = {Instant(BEGIN + bar * STEP): seconds for bar, seconds in self.late.items()}
        missed = [Instant(BEGIN + bar * STEP) for bar in self.missed]
        return plan_schedule(first, last, STEP, watches=self.is_watched, late=late, missed=missed)

    def disturbances(self) -> list[Disturbance]:
        """What is wrong with the venue, from bar to bar."""
        return [
            Disturbance(trouble, Instant(BEGIN + begin * STEP), Instant(BEGIN + end * STEP))
            for trouble, begin, end in self.troubles
        ]

    def record(self) -> Recorded:
        """Draw it."""
        series, products = {}, []
        for number, base in enumerate(self.bases):
            length = Granularity.ONE_MINUTE if self.is_watched else Granularity.FIVE_MINUTE
            columns = self._draw(np.random.default_rng([self.seed, number]), 100.0 / (number + 1), length)
            if base in self.spans:
                columns = keep_spans(columns, self.spans[base])
            product_id = ProductId(f"{base}-USD")
            series[product_id, length] = ColumnSeries(columns)
            newest = [
                Candle(int(start), *(float(getattr(columns, name)[row]) for name in _PRICES))
                for row, start in enumerate(columns.start[:200])
            ]
            products.append(make_product(product_id, newest))
        strategies = {BREAKOUT: Breakout(BREAKOUT, self.terms)}
        return Recorded(self.settings(), products, series, strategies, self.absence_seconds)

    def _draw(self, chance: np.random.Generator, price: float, length: Granularity) -> Columns:
        # Calm and wild hours, and now and then a jump.
        count = self.bars * STEP // length.seconds
        sigma = self.sigma * (length.seconds / STEP) ** 0.5
        wild = np.repeat(chance.choice((0.4, 1.0, 2.5), count // 24 + 1), 24)[:count]
        steps = chance.standard_normal(count) * sigma * wild
        steps += (chance.random(count) < 0.01) * chance.standard_normal(count) * sigma * 8
        close = np.round(price * np.exp(np.cumsum(steps)), 4)
        opened = np.concatenate(([close[0]], close[:-1]))
        reach = np.abs(chance.standard_normal((2, count))) * sigma * 0.5
        high = np.round(np.maximum(opened, close) * (1 + reach[0]), 4)
        low = np.round(np.minimum(opened, close) * (1 - reach[1]), 4)
        volume = np.round(np.exp(chance.standard_normal(count) * 0.6) * 1e6 / price, 3)
        start = BEGIN + np.arange(count, dtype=np.int64) * length.seconds
        kept = chance.random(count) >= self.holes
        kept[0] = True
        return Columns(length, *(each[kept] for each in (start, opened, high, low, close, volume)))

    def settings(self) -> Settings:
        """Trade what is shown, at once and often; then the changes, section by section."""
        shipped, one = load_settings(ROOT / "config", {}).settings, Decimal(1)
        tier = replace(
            shipped.universe.tiers["tier_1_core"],
            bases=tuple(Asset(base) for base in self.bases),
            spread_bps_max=Decimal(100),
            volume_24h_min=Decimal(1000),
            depth_min=Decimal(0),
            allocation_max_pct=Decimal(100),
        )
        sections: dict[str, dict[str, Any]] = {
            "app": {"mode": Mode.PAPER},
            "bars": {"count": 60, "benchmark_count": 24},
            "simulation": {"fills": FillModel.NEUTRAL, "volume_share_ratio": one},
            "universe": {"tiers": {"tier_1_core": tier}, "listing_age_days_min": 0, "clusters": {}},
            "regime": {
                "confirm_cycles": 2,
                "crash_trend_pct": 90.0,
                "crash_volatility_pct": 5000.0,
                "size_multiplier": dict.fromkeys(_TRADED, one) | {Regime.CRASH: Decimal(0)},
            },
            "triggers": {
                "breakout": replace(shipped.triggers.breakout, lookback_bars=24),
                "reversal": replace(shipped.triggers.reversal, lookback_bars=24),
                "momentum": replace(shipped.triggers.momentum, lookback_bars=24, share_bars=12),
                "atr_windows": 3,
            },
            "risk": {
                "entries_per_hour_max": 1000,
                "entry_spacing_seconds": 0,
                "product_spacing_minutes": 0,
                "cooldown_win_minutes": 15,
                "cooldown_loss_minutes": 15,
                "cooldown_stop_minutes": 30,
                "loss_streak_max": 100,
                "day_loss_pct_max": Decimal(90),
                "week_loss_pct_max": Decimal(90),
                "drawdown_pct_max": Decimal(90),
                "position_pct_max": Decimal(50),
                "product_pct_max": Decimal(50),
                "total_pct_max": Decimal(90),
            },
        }
        settings = replace(
            shipped,
            strategies={
                BREAKOUT: StrategySettings(
                    weight_pct=Decimal(100),
                    trades_per_cycle_max=10,
                    settings=self.terms,
                    every_minutes=self.every_minutes,
                    enabled=True,
                )
            },
        )
        for part in (sections, self.changes):
            settings = replace(
                settings, **{name: replace(getattr(settings, name), **values) for name, values in part.items()}
            )
        return settings


def keep_spans(columns: Columns, spans: Sequence[tuple[int, int]]) -> Columns:
    """Keep the candles that begin within one of these stretches of five minutes: from, and up to and without."""
    start = columns.start
    kept = np.zeros(len(start), dtype=np.bool_)
    for begin, end in spans:
        kept |= (start >= BEGIN + begin * STEP) & (start < BEGIN + end * STEP)
    return Columns(columns.granularity, start[kept], *(getattr(columns, name)[kept] for name in _PRICES))


_PRICES = ("open", "high", "low", "close", "volume")
_TRADED = (Regime.BULL, Regime.CHOP, Regime.BEAR)
