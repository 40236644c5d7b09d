"""Markets of minutes on which PAPER is played and replayed: drawn ones, and recorded ones."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from backtest_worlds import record_market
from desk.backtest.world import Recorded
from factories_settings import shipped_settings
from recorded_candles import BEGIN
from simulation.backtest.markets import BASES, STEP, make_breakout_market
from simulation.backtest.random_markets import draw_plug_in
from trader.model.ids import Instant
from trader.model.market import Granularity

#: The first tick has some bars behind it.
_HISTORY = 70
_LISTED = Instant(1_600_000_000)
_NAMES = ("BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD", "BCH-USD", "DOT-USD")
_DECEMBER_5 = Instant(1_701_734_400)
_BOTH = {"strategies.mean_reversion.enabled": True}


@dataclass(frozen=True)
class LiveMarket:
    """A market with the settings that trade on it, and its first tick.

    ``is_joined``: each minute opens where the one before it closed, and none is missing. Then a quote at the beginning
    of a minute is the same whether it is made of the last price or of the next, and no older than now.
    """

    recorded: Recorded
    begin: Instant
    is_joined: bool = True


def draw_live_market(seed: int, ticks: int) -> LiveMarket:
    """Draw a market and its settings, with candles for so many ticks."""
    chance = random.Random(f"live market {seed}")
    drawn = draw_plug_in(chance, STEP)
    changes: dict[str, Any] = {name: dict(values) for name, values in drawn.changes.items()}
    # Whatever the draw, the play goes on to the end; the sandbox lists all products all the time.
    changes["risk"] |= dict.fromkeys(("drawdown_pct_max", "week_loss_pct_max", "day_loss_pct_max"), Decimal(99))
    market = make_breakout_market(
        seed,
        bars=_HISTORY + ticks + 1,
        sigma=0.006,
        bases=BASES[: chance.randint(1, len(BASES))],
        terms=drawn.terms,
        is_watched=True,
        every_minutes=drawn.every_minutes,
        changes=changes,
    )
    return LiveMarket(_prepare(market.record()), Instant(BEGIN + _HISTORY * STEP))


def read_live_market() -> LiveMarket:
    """Read 31 days of recorded minutes, from 2023-12-05, thin products among them, for the shipped strategies."""
    recorded = record_market(_NAMES, Granularity.ONE_MINUTE, _BOTH)
    settings = shipped_settings({"app.mode": "PAPER", **_BOTH})
    return LiveMarket(_prepare(replace(recorded, settings=settings)), _DECEMBER_5, is_joined=False)


def _prepare(recorded: Recorded) -> Recorded:
    settings = recorded.settings
    # One request after the other: then a seed is a play, and not how the threads of a machine take turns.
    settings = replace(settings, exchange=replace(settings.exchange, parallel_requests=1))
    # The sandbox tells a date for every product, as the venue does.
    products = [replace(each, listed_at=_LISTED) for each in recorded.products]
    return replace(recorded, settings=settings, products=products)
