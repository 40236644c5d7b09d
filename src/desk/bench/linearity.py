"""Whether a backtest costs as much as it has bars and products, and a tick no more the longer the run is.

``python -m desk.bench.linearity``: one drawn market, the strategy of the backtest benchmark. Each ratio sets one long
or wide run against the runs of its parts, over the same bars, by turns in one process: CPU of the whole by CPU of the
parts. 1 is linear, and less is what the parts pay for beginning anew; more than the limit is a cost of size.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.schedule import Schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.bench.breakout import Breakout, BreakoutTerms
from desk.bench.breakout_run import BASES, STRATEGY, make_settings, run_engine
from desk.markets.candle_market import make_product
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity

#: A Monday, 00:00 UTC; ticks begin when every look-back has its bars.
_BEGIN, _HISTORY = 1_672_617_600, 600
_FIVE, _HOUR = Granularity.FIVE_MINUTE, Granularity.ONE_HOUR
_STEP = _FIVE.seconds
_BUSY = BreakoutTerms()
_SPARSE = replace(_BUSY, volume_ratio=40.0)
#: What each ratio may be at most. Twice as many products that trade are twice as many ticks to run, and each of those
#: looks at all products: half as much again for one market of all is the price of one purse.
LIMITS: Mapping[str, float] = {
    "bars_ratio": 1.25,
    "length_ratio": 1.15,
    "products_ratio": 1.1,
    "quiet_products_ratio": 1.1,
    "busy_products_ratio": 1.5,
}


@dataclass(frozen=True, slots=True)
class Part:
    """A run over some ticks of some products. Shape: from the tick *begin* up to and without *end*."""

    products: tuple[str, ...]
    begin: int
    end: int
    is_screened: bool = True
    terms: BreakoutTerms = _BUSY


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run, and the runs of its parts."""

    whole: Part
    parts: tuple[Part, ...]


def split_ticks(ticks: int, count: int, *, is_screened: bool) -> Comparison:
    """Compare a run of so many ticks with so many runs of as many ticks each."""
    edges = [ticks * number // count for number in range(count + 1)]
    parts = (Part(BASES, begin, end, is_screened) for begin, end in pairwise(edges))
    return Comparison(Part(BASES, 0, ticks, is_screened), tuple(parts))


def split_products(ticks: int, *, is_screened: bool = True, terms: BreakoutTerms = _BUSY) -> Comparison:
    """Compare a run of all products with two of half of them each."""
    half = len(BASES) // 2
    whole, *parts = (Part(bases, 0, ticks, is_screened, terms) for bases in (BASES, BASES[:half], BASES[half:]))
    return Comparison(whole, tuple(parts))


def make_columns(seed: int, bars: int) -> Columns:
    """Draw the candles of a product: calm and wild hours, on a full grid."""
    chance = np.random.default_rng(seed)
    wild = np.repeat(chance.choice((0.5, 1.0, 2.0), bars // 24 + 1), 24)[:bars]
    steps = chance.standard_normal(bars) * 0.0015 * wild
    close = np.round(100 * np.exp(np.cumsum(steps - steps.mean())), 4)
    opened = np.concatenate((close[:1], close[:-1]))
    reach = np.abs(chance.standard_normal((2, bars))) * 0.0005
    high = np.round(np.maximum(opened, close) * (1 + reach[0]), 4)
    low = np.round(np.minimum(opened, close) * (1 - reach[1]), 4)
    volume = np.round(np.exp(chance.standard_normal(bars) * 0.8) * 1e5, 3)
    return Columns(_FIVE, _BEGIN + np.arange(bars, dtype=np.int64) * _STEP, opened, high, low, close, volume)


def record_part(drawn: Mapping[str, Columns], part: Part) -> tuple[Recorded, Schedule]:
    """Set up a part of the drawn market with the history that its first tick needs, and the benchmark's hours."""
    cut = slice(part.begin, _HISTORY + part.end)
    names = ("start", "open", "high", "low", "close", "volume")
    found = {
        base: ColumnSeries(Columns(_FIVE, *(getattr(drawn[base], name)[cut] for name in names)))
        for base in {*part.products, "BTC"}
    }
    series = {(ProductId(f"{base}-USD"), _FIVE): found[base] for base in part.products}
    series[ProductId("BTC-USD"), _HOUR] = found["BTC"].aggregate(_HOUR)
    newest = {base: found[base].between(Instant(0), Instant(1 << 40))[-500:] for base in part.products}
    products = [make_product(ProductId(f"{base}-USD"), candles) for base, candles in newest.items()]
    first = _BEGIN + (_HISTORY + part.begin) * _STEP
    ticks = (Instant(first + number * _STEP) for number in range(part.end - part.begin))
    recorded = Recorded(make_settings(part.terms), products, series, {STRATEGY: Breakout(STRATEGY, part.terms)})
    return recorded, Schedule.on_time(ticks)


def measure_part(drawn: Mapping[str, Columns], part: Part) -> tuple[float, int]:
    """Run a part; return its CPU seconds and how many orders it filled."""
    recorded, schedule = record_part(drawn, part)
    gc.collect()
    begun = time.process_time()
    world, _ = run_engine(recorded, schedule, is_screened=part.is_screened)
    return time.process_time() - begun, len(world.store.fills)


def measure_ratio(comparison: Comparison, run: Callable[[Part], tuple[float, int]]) -> tuple[float, float, int]:
    """Run a whole and its parts; return CPU of the whole by that of the parts, the whole's seconds, and its fills.

    Half of the parts come before the whole, half after it: what else the machine does meets both.
    """
    middle = len(comparison.parts) // 2
    before = sum(run(part)[0] for part in comparison.parts[:middle])
    seconds, fills = run(comparison.whole)
    after = sum(run(part)[0] for part in comparison.parts[middle:])
    return seconds / (before + after), seconds, fills


def assess(ratios: Mapping[str, Sequence[float]], fills: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Return the ratios as name=value pairs, and what misses its limit or traded nothing."""
    middle = {name: median(values) for name, values in ratios.items()}
    missed = [
        f"{name}={value:.2f}, {LIMITS[name]} is allowed" for name, value in middle.items() if value > LIMITS[name]
    ]
    missed += [f"{name}: nothing was traded" for name, count in fills.items() if not count]
    return [f"{name}={value:.3f}" for name, value in middle.items()], missed


def main() -> int:
    """Measure, print a line a comparison, and the line for machines last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    comparisons = {
        "bars_ratio": split_ticks(40_000, 4, is_screened=True),
        "length_ratio": split_ticks(5_000, 10, is_screened=False),
        "products_ratio": split_products(2_000, is_screened=False),
        "quiet_products_ratio": split_products(40_000, terms=_SPARSE),
        "busy_products_ratio": split_products(20_000),
    }
    bars = _HISTORY + max(each.whole.end for each in comparisons.values())
    drawn = {base: make_columns(number, bars) for number, base in enumerate(BASES)}
    ratios: dict[str, list[float]] = {name: [] for name in comparisons}
    fills: dict[str, int] = {}
    exact_ms = 0.0
    # What is loaded and compiled by the first run is paid by none that counts.
    measure_part(drawn, Part(BASES, 0, 500))
    for _ in range(told.rounds):
        for name, comparison in comparisons.items():
            ratio, seconds, fills[name] = measure_ratio(comparison, lambda part: measure_part(drawn, part))
            ratios[name].append(ratio)
            ticks = comparison.whole.end
            exact_ms = seconds / ticks * 1000 if name == "length_ratio" else exact_ms
            print(f"{name}: {ratio:.3f}; {ticks} ticks, {seconds:.2f} s of CPU, {fills[name]} fills", flush=True)
    # A strategy that hardly trades may not trade at all.
    pairs, missed = assess(ratios, {name: count for name, count in fills.items() if name != "quiet_products_ratio"})
    for what in missed:
        print(f"MISSED {what}")
    print(*pairs, f"exact_tick_ms={exact_ms:.3f}", f"cpu_seconds={time.process_time():.1f}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
