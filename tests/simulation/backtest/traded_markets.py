"""Random markets in which both shipped strategies buy, as each was drawn once: a run of them shows what either does."""

from __future__ import annotations

from decimal import Decimal

from recorded_candles import Weather
from simulation.backtest.markets import Market
from simulation.backtest.traders import Shipped

_RULES, _REVERSION, _TIERS = "strategies.rules_engine", "strategies.mean_reversion", "universe.tiers"

#: The data of ETH begin late, those of three others end within the run, and ADA leaves before its end.
COME_AND_GONE = Market(
    {
        "BTC-USD": Weather(1900, 500, -2, 5, 10, jumps=3, flats=5, holes=0, unsold=0, turnover=5e6),
        "LTC-USDT": Weather(1901, 500, 0, 5, 10, jumps=1, flats=5, holes=5, unsold=3, turnover=1e6),
        "ADA-USD": Weather(1902, 500, 0, 2, 120, jumps=1, flats=30, holes=0, unsold=20, turnover=1.3e6),
        "LTC-USD": Weather(1903, 500, 2, 5, 30, jumps=0, flats=30, holes=0, unsold=20, turnover=1.3e6),
        "ETH-USD": Weather(1904, 500, 4, 3, 10, jumps=0, flats=5, holes=12, unsold=20, turnover=5e6),
        "XRP-USD": Weather(1905, 500, 2, 3, 60, jumps=0, flats=5, holes=12, unsold=3, turnover=1e6),
    },
    Shipped(
        {
            "triggers.atr_ratio_min": 0.5,
            f"{_REVERSION}.enabled": True,
            f"{_REVERSION}.schedule": {"every_minutes": 60},
            f"{_RULES}.settings.conviction_min": 0.6,
            f"{_RULES}.settings.rules[2].hold_hours_max": 1,
            f"{_TIERS}.tier_1_core.volume_24h_min": 1_000_000,
            f"{_TIERS}.tier_2_rotational.volume_24h_min": 0,
            f"{_TIERS}.tier_3_dynamic.volume_24h_min": 1_000_000,
            "universe.enter_after_cycles": 1,
            "universe.leave_after_cycles": 1,
            "regime.bear_trend_pct": 2,
            "simulation.fills": "pessimistic",
            "execution.attach_brackets": False,
            "execution.entry_ttl_cycles": 1,
        }
    ),
    ticks=150,
    offset=87_000 - 300,
    spans={
        "LTC-USDT": ((0, 430),),
        "ADA-USD": ((0, 422),),
        "LTC-USD": ((0, 428), (462, 500)),
        "ETH-USD": ((42, 500),),
        "XRP-USD": ((0, 448),),
    },
    absence_seconds=0,
)

#: Three listings of one base among seven products.
CROWDED = Market(
    {
        "BTC-USD": Weather(4380, 500, 4, 3, 60, jumps=1, flats=0, holes=0, unsold=0, turnover=5e6),
        "SHIB-USD": Weather(4381, 500, 4, 3, 30, jumps=0, flats=0, holes=0, unsold=3, turnover=1.3e6),
        "ETH-USD": Weather(4382, 500, 4, 3, 10, jumps=3, flats=30, holes=0, unsold=3, turnover=1.3e6),
        "ADA-USD": Weather(4383, 500, 2, 3, 60, jumps=0, flats=0, holes=0, unsold=0, turnover=1.3e6),
        "LTC-USDT": Weather(4384, 500, 4, 5, 10, jumps=3, flats=0, holes=0, unsold=3, turnover=1.3e6),
        "BTC-USDC": Weather(4385, 500, 4, 2, 10, jumps=0, flats=5, holes=1, unsold=20, turnover=5e6),
        "BTC-USDT": Weather(4386, 500, 2, 2, 60, jumps=0, flats=5, holes=5, unsold=3, turnover=1e6),
    },
    Shipped(
        {
            "triggers.atr_ratio_min": 0.5,
            f"{_REVERSION}.enabled": True,
            f"{_REVERSION}.schedule": {"every_minutes": 60},
            f"{_RULES}.settings.conviction_min": 0.3,
            f"{_RULES}.settings.rules[0].stop_pct": 1,
            f"{_RULES}.settings.rules[2].stop_pct": Decimal(8) / 6,
            f"{_RULES}.settings.rules[4].stop_pct": 2,
            f"{_RULES}.settings.rules[5].stop_pct": Decimal(8) / 6,
            f"{_TIERS}.tier_1_core.volume_24h_min": 0,
            f"{_TIERS}.tier_1_core.spread_bps_max": 7,
            f"{_TIERS}.tier_2_rotational.volume_24h_min": 0,
            "exits.trailing": True,
            "exits.trailing_arm_pct": 1,
            "exits.trailing_giveback_pct": 0.5,
            "regime.crash_volatility_pct": 1000,
            "regime.bear_trend_pct": 2,
            "risk.cooldown_stop_minutes": 0,
            "execution.entry_ttl_cycles": 1,
        }
    ),
    ticks=150,
    offset=18_600 - 300,
)
