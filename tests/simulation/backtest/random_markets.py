"""Screened against exhaustive on random markets under random settings. ``make backtest-equal MARKETS=500``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from decimal import Decimal
from typing import Any

from desk.backtest.disturbances import Trouble
from simulation.backtest.comparison import SCREENS, find_differences, play
from simulation.backtest.markets import BASES, TERMS, Market
from trader.settings.app import FillModel

_BARS = 260


def draw_market(seed: int) -> Market:
    """Draw a market, what happens to its venue and its schedule, and the settings that trade on it."""
    chance = random.Random(f"market {seed}")
    late = {bar: chance.choice((20, 150)) for bar in chance.sample(range(60, _BARS), chance.choice((0, 0, 3)))}
    missed = tuple(chance.sample(range(60, _BARS), chance.choice((0, 0, 4))))
    troubles = []
    for _ in range(chance.choice((0, 0, 1, 2))):
        begin = chance.randrange(60, _BARS)
        troubles.append((chance.choice(tuple(Trouble)), begin, begin + chance.randrange(1, 30)))
    is_watched = chance.random() < 0.2
    return Market(
        seed=seed,
        bars=_BARS if not is_watched else _BARS // 2,
        sigma=chance.choice((0.002, 0.004, 0.008)),
        holes=chance.choice((0.0, 0.0, 0.0, 0.03, 0.12)),
        bases=BASES[: chance.randint(1, len(BASES))],
        terms=_draw_terms(chance),
        every_minutes=chance.choice((0, 0, 0, 10, 25)),
        is_watched=is_watched,
        late={} if is_watched else late,
        missed=missed,
        troubles=tuple(troubles),
        spans=_draw_spans(seed),
        absence_seconds=0,
        changes=_draw_changes(chance),
    )


def _draw_spans(seed: int) -> dict[str, tuple[tuple[int, int], ...]]:
    """Let products of every second market begin late, end early, or go and come back."""
    chance, spans = random.Random(f"spans {seed}"), {}
    for base in BASES if seed % 2 else ():
        begin, end = chance.choice((0, 0, chance.randrange(120))), chance.choice((_BARS, chance.randrange(120, _BARS)))
        gone = chance.randrange(begin, end)
        back = chance.choice((gone, gone, gone + chance.randrange(5, 60)))
        spans[base] = (begin, gone), (back, max(end, back + 1))
    return spans


def _draw_terms(chance: random.Random) -> Any:
    return type(TERMS)(
        lookback_bars=chance.choice((12, 24)),
        volume_ratio=chance.choice((0.8, 1.2, 1.6)),
        size_pct=Decimal(chance.choice((3, 8, 20))),
        stop_pct=Decimal(chance.choice(("0.8", "2", "4"))),
        target_pct=Decimal(chance.choice(("1", "4", "9"))),
        hold_hours=chance.choice((1, 3, 9)),
    )


def _draw_changes(chance: random.Random) -> dict[str, dict[str, Any]]:
    trails = chance.random() < 0.4
    return {
        "simulation": {
            "fills": chance.choice(tuple(FillModel)),
            "volume_share_ratio": Decimal(chance.choice(("1", "0.1", "0.001"))),
        },
        "exits": {"trailing": trails, "trailing_arm_pct": Decimal(1), "trailing_giveback_pct": Decimal("0.6")},
        "execution": {"attach_brackets": chance.random() < 0.8, "entry_ttl_cycles": chance.choice((1, 2, 5))},
        "cycle": {"order_memory_seconds": chance.choice((600, 3600, 7200))},
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


def compare_market(seed: int) -> tuple[list[str], Counter[str]]:
    """Play a market both ways; return what differs, and what there was to compare."""
    market = draw_market(seed)
    recorded, schedule, troubles = market.record(), market.schedule(), market.disturbances()
    truth, screened = play(recorded, schedule, None, troubles), play(recorded, schedule, SCREENS, troubles)
    tally = screened.tally
    counts = Counter(ticks=tally.ticks, exact=tally.exact, watches=tally.watches, fills=len(truth.world.store.fills))
    counts["listings"] = sum(schedule.ticks[0] < at < schedule.ticks[-1] for at in recorded.list_universe().changes())
    return find_differences(truth, screened), counts


def main() -> int:
    """Compare so many markets, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=500)
    parser.add_argument("--first", type=int, default=1, help="the seed of the first")
    told = parser.parse_args()
    begun, different, counts = time.process_time(), 0, Counter[str]()
    for seed in range(told.first, told.first + told.markets):
        found, seen = compare_market(seed)
        counts += seen
        if found:
            different += 1
            print(f"DIFFERENT market {seed}: {'; '.join(found[:5])}", flush=True)
    print(
        f"markets={told.markets} first={told.first} ticks={counts['ticks']} exact={counts['exact']} "
        f"watches={counts['watches']} fills={counts['fills']} listings={counts['listings']} different={different} "
        f"cpu_seconds={time.process_time() - begun:.0f}"
    )
    return int(bool(different) or not counts["fills"])


if __name__ == "__main__":
    sys.exit(main())
