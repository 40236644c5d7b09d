"""Screened against exhaustive on random markets under random settings. ``make backtest-equal MARKETS=500``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from desk.backtest.disturbances import Trouble
from desk.backtest.schedule import Schedule
from desk.backtest.world import Recorded
from desk.bench.breakout import BreakoutTerms
from recorded_candles import Spells, Weather
from simulation.backtest.comparison import SCREENS, Played, find_differences, play
from simulation.backtest.daily import DAILY, DailyTerms
from simulation.backtest.markets import STEP, Market
from simulation.backtest.traders import PlugIn, Shipped
from trader.model.lots import GeneralExit
from trader.settings import Settings
from trader.settings.app import FillModel

_TICKS, _BARS = 200, 500
#: Two listings of some bases, one that no tier names, one that is never traded.
NAMES = ("ETH-USD", "XRP-USD", "ADA-USD", "LTC-USD", "BCH-USD", "SHIB-USD", "BTC-USDT", "BTC-USDC", "LTC-USDT")
_RULES, _REVERSION, _TIERS = "strategies.rules_engine", "strategies.mean_reversion", "universe.tiers"
_RULES_COUNT = 7
_DAY_NOTIONAL = 1_000_000

#: What each key of the shipped settings may be; the volumes lie near what the products turn over, so that they come
#: and go.
CHOICES: dict[str, Sequence[object]] = {
    "triggers.atr_ratio_min": (0.5, 1.05),
    "triggers.per_cycle_max": (1, 2, 10),
    "triggers.max_gap_ratio": (0.1, 0.3),
    f"{_REVERSION}.enabled": (True, True, False),
    f"{_RULES}.enabled": (True, True, True, False),
    f"{_REVERSION}.schedule": tuple({"every_minutes": each} for each in (0, 15, 60)),
    f"{_RULES}.schedule": tuple({"every_minutes": each} for each in (0, 0, 15)),
    f"{_RULES}.settings.conviction_min": (0.3, 0.45, 0.6),
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


def draw_market(seed: int) -> Market:
    """Draw a market, what happens to its venue and its schedule, and who trades on it under which settings.

    Either kind of series meets either trader, every trouble and every schedule. Of every second market the products
    begin late, end early, or go and come back.
    """
    chance = random.Random(f"market {seed}")
    is_watched = chance.random() < 0.2
    ticks = _TICKS // 2 if is_watched else _TICKS
    pace = chance.choice((300, 300, 300, 600, 900, 150))
    late = {n: chance.choice((20, pace // 2)) for n in chance.sample(range(60, ticks), chance.choice((0, 0, 3)))}
    missed = tuple(chance.sample(range(60, ticks), chance.choice((0, 0, 4))))
    troubles = []
    for _ in range(chance.choice((0, 0, 1, 2))):
        begin = chance.randrange(60, ticks)
        troubles.append((chance.choice(tuple(Trouble)), begin, begin + chance.randrange(1, 30)))
    names = ("BTC-USD", *chance.sample(NAMES, chance.randint(0, 6)))
    draw = chance.choice((_draw_weather, _draw_spells))
    market = Market(
        series=draw(chance, seed, names, _BARS * 5 if is_watched else _BARS),
        trader=chance.choice((_draw_shipped, draw_plug_in))(chance, max(pace, STEP)),
        ticks=ticks,
        # At the first candle, a while after it, or so that the run goes on when the candles end.
        offset=chance.choice((0, 0, 62, 290)) * STEP,
        pace=pace,
        is_watched=is_watched,
        late={} if is_watched else late,
        missed=missed,
        troubles=tuple(troubles),
    )
    market = replace(market, trader=_add_daily(seed, market))
    return replace(market, spans=_draw_spans(seed, market), absence_seconds=0) if seed % 2 else market


def _add_daily(seed: int, market: Market) -> Shipped | PlugIn:
    """Put a strategy of once a day beside most traders, due while the run goes on; the plug-in may need hours itself.

    Of the first day there is no closed day: there it waits, and may miss its turn.
    """
    chance, trader = random.Random(f"daily {seed}"), market.trader
    needs_hours, is_daily = chance.random() < 0.3, chance.random() < 0.7
    if is_daily:
        minutes = (market.offset + chance.randrange(market.ticks * market.pace)) // 60 % (24 * 60)
        terms = DailyTerms(
            f"{minutes // 60:02}:{minutes % 60:02}",
            chance.choice((1, 2, 6, 12, 23)),
            days=chance.choice((1, 1, 2)),
            hours=chance.choice((2, 4, 30)),
            stop_pct=Decimal(chance.choice(("0.6", "2", "5"))),
            hold_hours=chance.choice((1, 5, 30, None)),
            exits=frozenset(each for each in GeneralExit if chance.random() < 0.6),
            weighs=chance.random() < 0.5,
        )
        trader = replace(trader, daily=terms)
    return replace(trader, needs_hours=needs_hours) if isinstance(trader, PlugIn) else trader


def _draw_spans(seed: int, market: Market) -> dict[str, tuple[tuple[int, int], ...]]:
    """Let most of what happens to the products happen while the run goes on; each by a chance of its own."""
    chance, spans = random.Random(f"spans {seed}"), {}
    first = market.offset // STEP
    last = min(first + market.ticks * market.pace // STEP, _BARS)
    for name in market.series:
        begin = chance.choice((0, 0, chance.randrange(first, (first + last) // 2)))
        end = chance.choice((_BARS, chance.randrange((first + last) // 2, last)))
        gone = chance.randrange(max(begin, first), end)
        back = chance.choice((gone, gone, gone + chance.randrange(5, 60)))
        spans[name] = (begin, gone), (back, max(end, back + 1))
    return spans


def _draw_weather(chance: random.Random, seed: int, names: Sequence[str], bars: int) -> Mapping[str, Weather | Spells]:
    return {
        name: Weather(
            seed=seed * 20 + number,
            bars=bars,
            scale=chance.choice((-2, 0, 2, 4)),
            digits=chance.choice((2, 3, 5)),
            wild_bps=chance.choice((10, 30, 60, 120)),
            jumps=chance.choice((0, 1, 3)),
            flats=chance.choice((0, 5, 30)),
            holes=chance.choice((0, 0, 1, 5, 12)),
            unsold=chance.choice((0, 3, 20)),
            turnover=chance.choice((1.0, 1.3, 5.0)) * _DAY_NOTIONAL,
        )
        for number, name in enumerate(names)
    }


def _draw_spells(chance: random.Random, seed: int, names: Sequence[str], bars: int) -> Mapping[str, Weather | Spells]:
    sigma, holes = chance.choice((0.002, 0.004, 0.008)), chance.choice((0.0, 0.0, 0.0, 0.03, 0.12))
    return {name: Spells((seed, number), bars, 100.0 / (number + 1), sigma, holes) for number, name in enumerate(names)}


def _draw_shipped(chance: random.Random, period_seconds: int) -> Shipped:
    # A tick that misses the one before it is run whatever it sees.
    overrides: dict[str, object] = {"cycle.period_seconds": period_seconds}
    overrides |= {key: chance.choice(values) for key, values in CHOICES.items()}
    for number in range(_RULES_COUNT):
        rule = f"{_RULES}.settings.rules[{number}]"
        overrides |= {
            f"{rule}.stop_pct": chance.choice((1, 6, 10)),
            f"{rule}.target_pct": chance.choice((4, 8, 20)),
            f"{rule}.hold_hours_max": chance.choice((1, 3, 48)),
        }
    return Shipped(overrides)


def draw_plug_in(chance: random.Random, period_seconds: int) -> PlugIn:
    """Draw the terms of the plug-in, its pace, and the settings that it trades under."""
    terms = BreakoutTerms(
        lookback_bars=chance.choice((12, 24)),
        volume_ratio=chance.choice((0.8, 1.2, 1.6)),
        size_pct=Decimal(chance.choice((3, 8, 20))),
        stop_pct=Decimal(chance.choice(("0.8", "2", "4"))),
        target_pct=Decimal(chance.choice(("1", "4", "9"))),
        hold_hours=chance.choice((1, 3, 9)),
    )
    trails = chance.random() < 0.4
    changes: dict[str, dict[str, Any]] = {
        "simulation": {
            "fills": chance.choice(tuple(FillModel)),
            "volume_share_ratio": Decimal(chance.choice(("1", "0.1", "0.001"))),
        },
        "exits": {"trailing": trails, "trailing_arm_pct": Decimal(1), "trailing_giveback_pct": Decimal("0.6")},
        "execution": {"attach_brackets": chance.random() < 0.8, "entry_ttl_cycles": chance.choice((1, 2, 5))},
        "cycle": {
            "period_seconds": period_seconds,
            "order_memory_seconds": chance.choice((2, 12, 24)) * period_seconds,
        },
        "regime": {
            "crash_trend_pct": chance.choice((3.0, 90.0)),
            "crash_volatility_pct": chance.choice((300.0, 5000.0)),
            "bull_trend_pct": chance.choice((1.0, 10.0)),
            "bear_trend_pct": chance.choice((1.0, 5.0)),
            "confirm_cycles": chance.choice((1, 3)),
        },
        "universe": {"enter_after_cycles": chance.choice((1, 4)), "leave_after_cycles": chance.choice((1, 4))},
        "risk": {
            "drawdown_pct_max": Decimal(chance.choice(("0.3", "90"))),
            "day_loss_pct_max": Decimal(chance.choice(("0.3", "90"))),
            "entries_per_cycle_max": chance.choice((1, 10)),
            "open_positions_max": chance.choice((1, 10)),
        },
    }
    return PlugIn(terms, chance.choice((0, 0, 0, 10, 25)), changes)


def count_listings(recorded: Recorded, schedule: Schedule) -> int:
    """Count how often a product comes or goes while a run goes on."""
    return sum(schedule.ticks[0] < at < schedule.ticks[-1] for at in recorded.list_universe().changes())


def count_turns(truth: Played, settings: Settings) -> Counter[str]:
    """Count the daily strategy's turns, used and missed, the lots that it opened, and the stops that it raised."""
    section, counts = settings.strategies.get(DAILY), Counter[str]()
    for before, after in truth.books.values():
        if section is None or before is None or after is None:
            continue
        one, other = (each.strategy_runs.get(DAILY) for each in (before, after))
        if one is not None and other is not None and one != other:
            counts["missed" if section.schedule.find_missed(one, other) == other else "turns"] += 1
        counts["daily_lots"] += sum(lot.strategy == DAILY and key not in before.lots for key, lot in after.lots.items())
        counts["raised"] += sum(
            key in before.lots and lot.bracket != before.lots[key].bracket for key, lot in after.lots.items()
        )
    return counts


def compare_market(market: Market) -> tuple[list[str], Counter[str]]:
    """Play a market both ways; return what differs, and what there was to compare."""
    recorded, schedule, troubles = market.record(), market.schedule(), market.disturbances()
    truth, screened = play(recorded, schedule, None, troubles), play(recorded, schedule, SCREENS, troubles)
    tally = screened.tally
    counts = Counter(ticks=tally.ticks, exact=tally.exact, watches=tally.watches, fills=len(truth.world.store.fills))
    counts["listings"] = count_listings(recorded, schedule)
    counts |= count_turns(truth, recorded.settings)
    return find_differences(truth, screened), counts


def main() -> int:
    """Compare so many markets, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=500)
    parser.add_argument("--first", type=int, default=1, help="the seed of the first")
    told = parser.parse_args()
    begun, different, counts = time.process_time(), 0, Counter[str]()
    for seed in range(told.first, told.first + told.markets):
        found, seen = compare_market(draw_market(seed))
        counts += seen
        if found:
            different += 1
            print(f"DIFFERENT market {seed}: {'; '.join(found[:5])}", flush=True)
    print(
        f"markets={told.markets} first={told.first} ticks={counts['ticks']} exact={counts['exact']} "
        f"watches={counts['watches']} fills={counts['fills']} listings={counts['listings']} turns={counts['turns']} "
        f"missed={counts['missed']} daily_lots={counts['daily_lots']} raised={counts['raised']} different={different} "
        f"cpu_seconds={time.process_time() - begun:.0f}"
    )
    return int(bool(different) or not counts["fills"])


if __name__ == "__main__":
    sys.exit(main())
