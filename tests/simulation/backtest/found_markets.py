"""Random markets that once found a fault, as each was drawn then: changing the drawing changes none of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from desk.backtest.disturbances import Trouble
from desk.bench.breakout import BreakoutTerms
from recorded_candles import Weather
from simulation.backtest.markets import Market, make_breakout_market
from simulation.backtest.traders import Shipped
from trader.settings.app import FillModel

_ONE_LOT = {"entries_per_cycle_max": 1, "open_positions_max": 1}
_RULES, _REVERSION = "strategies.rules_engine", "strategies.mean_reversion"


def _read_regime_slowly(bull_trend_pct: float, **more: float) -> dict[str, Any]:
    return {"bull_trend_pct": bull_trend_pct, "bear_trend_pct": 1.0, "confirm_cycles": 3, **more}


FOUND: dict[str, Market] = {
    # A stop, a halt by the drawdown and ticks that do not come.
    "missed ticks and a halt": make_breakout_market(
        1008,
        bars=260,
        bases=("BTC",),
        terms=BreakoutTerms(24, 1.2, Decimal(8), Decimal(2), Decimal(1), 1),
        missed=(239, 184, 147, 179),
        changes={
            "simulation": {"fills": FillModel.PESSIMISTIC, "volume_share_ratio": Decimal("0.1")},
            "execution": {"entry_ttl_cycles": 2},
            "cycle": {"order_memory_seconds": 7200},
            "regime": _read_regime_slowly(1.0, crash_volatility_pct=300.0),
            "universe": {"enter_after_cycles": 1, "leave_after_cycles": 1},
            "risk": {"drawdown_pct_max": Decimal("0.3"), "open_positions_max": 1},
        },
    ),
    "thin, watched and trailing": make_breakout_market(
        1074,
        bars=130,
        sigma=0.002,
        bases=("BTC",),
        terms=BreakoutTerms(12, 1.2, Decimal(8), Decimal(4), Decimal(9), 9),
        is_watched=True,
        missed=(67,),
        changes={
            "simulation": {"fills": FillModel.PESSIMISTIC, "volume_share_ratio": Decimal("0.001")},
            "exits": {"trailing": True, "trailing_arm_pct": Decimal(1), "trailing_giveback_pct": Decimal("0.6")},
            "execution": {"entry_ttl_cycles": 5},
            "cycle": {"order_memory_seconds": 3600},
            "regime": _read_regime_slowly(1.0),
            "universe": {"enter_after_cycles": 1, "leave_after_cycles": 1},
            "risk": _ONE_LOT,
        },
    ),
    # What the venue did in the outage is seen by the first tick after it, and by no screen.
    "filled in an outage": make_breakout_market(
        26,
        bars=260,
        sigma=0.004,
        bases=("BTC", "ETH"),
        terms=BreakoutTerms(24, 1.2, Decimal(3), Decimal(4), Decimal(4), 9),
        late={197: 150, 110: 20, 214: 20},
        troubles=((Trouble.OUTAGE, 179, 206),),
        changes={
            "simulation": {"volume_share_ratio": Decimal("0.1")},
            "cycle": {"order_memory_seconds": 3600},
            "regime": _read_regime_slowly(10.0),
            "universe": {"enter_after_cycles": 1, "leave_after_cycles": 1},
            "risk": _ONE_LOT,
        },
    ),
    # A stop that triggers in a look and fills nothing yet: the look keeps nothing of it, the next one sells.
    "triggered in a look": Market(
        {
            "BTC-USD": Weather(100_840, 2500, -2, 5, 30, jumps=3, flats=0, holes=5, unsold=3, turnover=5e6),
            "ETH-USD": Weather(100_842, 2500, -2, 3, 60, jumps=3, flats=5, holes=0, unsold=20, turnover=1e6),
        },
        Shipped(
            {
                f"{_RULES}.schedule": {"every_minutes": 15},
                f"{_RULES}.settings.rules[5].stop_pct": 1,
                "universe.tiers.tier_1_core.volume_24h_min": 0,
                "regime.crash_volatility_pct": 1000,
            }
        ),
        ticks=100,
        offset=18_600,
        pace=150,
        is_watched=True,
    ),
    # In these two mean reversion holds, over skipped ticks, what is no candidate any more.
    "held and no candidate, two strategies": Market(
        {
            "BTC-USD": Weather(1340, 500, 4, 3, 120, jumps=1, flats=30, holes=5, unsold=3, turnover=5e6),
            "XRP-USD": Weather(1341, 500, 2, 2, 10, jumps=3, flats=0, holes=1, unsold=0, turnover=1e6),
        },
        Shipped(
            {
                "cycle.period_seconds": 600,
                "triggers.atr_ratio_min": 0.5,
                "triggers.per_cycle_max": 1,
                f"{_REVERSION}.enabled": True,
                f"{_REVERSION}.schedule": {"every_minutes": 0},
                "universe.tiers.tier_1_core.volume_24h_min": 0,
                "universe.tiers.tier_2_rotational.volume_24h_min": 0,
                "universe.leave_after_cycles": 1,
                "universe.products_cache_minutes": 23,
                "regime.crash_volatility_pct": 1000,
                "regime.crash_trend_pct": 90,
                "regime.bear_trend_pct": 2,
                "risk.cooldown_stop_minutes": 0,
                "execution.attach_brackets": False,
                f"{_RULES}.settings.rules[0].stop_pct": 1,
                f"{_RULES}.settings.rules[4].stop_pct": 2,
                f"{_RULES}.settings.rules[6].stop_pct": Decimal(10) / 6,
            }
        ),
        ticks=150,
        offset=-600,
        pace=600,
    ),
    "held and no candidate, one strategy": Market(
        {
            "BTC-USD": Weather(2280, 500, 0, 5, 10, jumps=0, flats=30, holes=12, unsold=20, turnover=5e6),
            "XRP-USD": Weather(2281, 500, 2, 5, 10, jumps=3, flats=5, holes=1, unsold=20, turnover=1e6),
            "SHIB-USD": Weather(2282, 500, -2, 3, 120, jumps=0, flats=30, holes=12, unsold=3, turnover=1.3e6),
        },
        Shipped(
            {
                "cycle.period_seconds": 900,
                "triggers.max_gap_ratio": 0.3,
                f"{_REVERSION}.enabled": True,
                f"{_RULES}.enabled": False,
                f"{_REVERSION}.schedule": {"every_minutes": 60},
                "universe.tiers.tier_1_core.volume_24h_min": 1_000_000,
                "universe.tiers.tier_2_rotational.volume_24h_min": 0,
                "universe.tiers.tier_3_dynamic.discover_max": 0,
                "universe.leave_after_cycles": 1,
                "universe.products_cache_minutes": 23,
                "execution.entry_ttl_cycles": 1,
            }
        ),
        ticks=150,
        offset=18_600 - 900,
        pace=900,
    ),
}
