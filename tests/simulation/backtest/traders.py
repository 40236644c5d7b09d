"""Who trades on a made-up market: a plug-in that is shown everything, or the shipped strategies in a short history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from architecture.tree import ROOT
from desk.bench.breakout import Breakout, BreakoutTerms
from factories_settings import shipped_settings
from simulation.backtest.daily import DAILY, Daily, DailyTerms
from trader.adapters.config.files import load_settings
from trader.model.cycle_state import Regime
from trader.model.durations import Duration
from trader.model.ids import Asset, StrategyId
from trader.model.market import BarsNeeded, Granularity
from trader.settings import Settings
from trader.settings.app import FillModel, Mode
from trader.settings.policy import StrategySettings
from trader.settings.schedule import ScheduleSettings
from trader.strategies import registry
from trader.strategies.base import Strategy

BREAKOUT = StrategyId("breakout")
TERMS = BreakoutTerms(lookback_bars=24, volume_ratio=1.2, size_pct=Decimal(8), hold_hours=3)
_TRADED = (Regime.BULL, Regime.CHOP, Regime.BEAR)
_RULES, _REVERSION, _TIERS = "strategies.rules_engine.settings", "strategies.mean_reversion.settings", "universe.tiers"

#: Windows of a few hours, so that a short series has a history.
SHORT: dict[str, object] = {
    "app.mode": "PAPER",
    "bars.history": "5h",
    "triggers.breakout.lookback": "2h",
    "triggers.reversal.lookback": "2h",
    "triggers.momentum.lookback": "2h",
    "triggers.momentum.share_window": "1h",
    "triggers.volume_spike.history": "3h",
    "triggers.atr_windows": 2,
    "universe.correlation_window": "2h",
    f"{_RULES}.volatility_window": "2h",
    f"{_REVERSION}.volatility_window": "2h",
    f"{_REVERSION}.band_window": "1h",
    f"{_REVERSION}.entry_z": 1.5,
    **{f"{_TIERS}.{tier}.depth_min": 0 for tier in ("tier_1_core", "tier_2_rotational", "tier_3_dynamic")},
}


class HourlyBreakout(Breakout):
    """The same, which will not trade a product without its newest hours."""

    bars = (BarsNeeded(Granularity.ONE_HOUR, 3),)


def with_daily(settings: Settings, terms: DailyTerms | None) -> Settings:
    """Give the daily strategy its section; one that weighs is asked every half hour."""
    if terms is None:
        return settings
    daily = ScheduleSettings(at=terms.at, catch_up_hours=terms.catch_up_hours)
    schedule = ScheduleSettings(every_minutes=30) if terms.weighs else daily
    section = StrategySettings(Decimal(50), 10, terms, schedule, enabled=True)
    return replace(settings, strategies={**settings.strategies, DAILY: section})


def make_daily(terms: DailyTerms | None) -> dict[StrategyId, Strategy]:
    """The daily strategy under its name."""
    return {} if terms is None else {DAILY: Daily(DAILY, terms)}


@dataclass(frozen=True)
class Shipped:
    """The shipped strategies in the shipped universe, with *overrides* by key path, beside the *daily* one if any."""

    overrides: Mapping[str, object] = field(default_factory=dict)
    daily: DailyTerms | None = None

    def make_settings(self, _: Sequence[Asset]) -> Settings:
        """The shipped settings for a short history, and what is overridden. Raises: ConfigError for a misfit."""
        return with_daily(shipped_settings(SHORT | dict(self.overrides)), self.daily)

    def make_strategies(self, settings: Settings) -> dict[StrategyId, Strategy]:
        """Those that the settings name."""
        shipped = {name: each for name, each in settings.strategies.items() if name != DAILY}
        return {**registry.build(shipped), **make_daily(self.daily)}


@dataclass(frozen=True)
class PlugIn:
    """The breakout of the benchmark, allowed to trade each product at once and often; *changes* are by section."""

    terms: BreakoutTerms = TERMS
    every_minutes: int = 0
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    daily: DailyTerms | None = None
    needs_hours: bool = False

    def make_strategies(self, _: Settings) -> dict[StrategyId, Strategy]:
        """The one, under its own name, and the *daily* one if any."""
        kind = HourlyBreakout if self.needs_hours else Breakout
        return {BREAKOUT: kind(BREAKOUT, self.terms), **make_daily(self.daily)}

    def make_settings(self, bases: Sequence[Asset]) -> Settings:
        """Settings under which nothing is in its way; then the changes, section by section."""
        shipped, one = load_settings(ROOT / "config", {}).settings, Decimal(1)
        tier = replace(
            shipped.universe.tiers["tier_1_core"],
            bases=tuple(bases),
            spread_bps_max=Decimal(100),
            volume_24h_min=Decimal(1000),
            depth_min=Decimal(0),
            allocation_max_pct=Decimal(100),
        )
        sections: dict[str, dict[str, Any]] = {
            "app": {"mode": Mode.PAPER},
            "bars": {"history": Duration("5h"), "benchmark_history": Duration("24h")},
            "simulation": {"fills": FillModel.NEUTRAL, "volume_share_ratio": one},
            "universe": {"tiers": {"tier_1_core": tier}, "listing_age_days_min": 0, "clusters": {}},
            "regime": {
                "confirm_cycles": 2,
                "crash_trend_pct": 90.0,
                "crash_volatility_pct": 5000.0,
                "size_multiplier": dict.fromkeys(_TRADED, one) | {Regime.CRASH: Decimal(0)},
            },
            "triggers": {
                "breakout": replace(shipped.triggers.breakout, lookback=Duration("2h")),
                "reversal": replace(shipped.triggers.reversal, lookback=Duration("2h")),
                "momentum": replace(shipped.triggers.momentum, lookback=Duration("2h"), share_window=Duration("1h")),
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
                "correlated_pct_max": Decimal(90),
                "total_pct_max": Decimal(90),
            },
        }
        section = StrategySettings(
            weight_pct=Decimal(100),
            trades_per_cycle_max=10,
            settings=self.terms,
            schedule=ScheduleSettings(every_minutes=self.every_minutes),
            enabled=True,
        )
        settings = replace(shipped, strategies={BREAKOUT: section})
        for part in (sections, self.changes):
            settings = replace(
                settings, **{name: replace(getattr(settings, name), **values) for name, values in part.items()}
            )
        return with_daily(settings, self.daily)
