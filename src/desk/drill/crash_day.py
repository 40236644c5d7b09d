"""Play the liquidation of 2025-10-10 on real candles, and tell what became of a lot in each product.

The cycle is the one that trades, the venue the simulated one, both with the shipped settings. Every world holds one lot
in each product before the fall; worlds differ in the order that protects the lots and in how kind the venue is. Ticks
come every five minutes, bars are as fine as there are any. Between the ends of two bars a cycle sees the last close.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path

from desk.drill.crash_lots import LotStory, assess
from desk.drill.crash_page import Played, write_page, write_table
from desk.drill.crash_world import CrashWorld, Protection, Variant, Window
from desk.markets.candle_folder import CandleFolder
from desk.markets.candle_market import SeriesKey
from trader.adapters.config.files import load_settings
from trader.errors import ConfigError
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle
from trader.model.money import HUNDRED
from trader.settings import Settings
from trader.settings.app import FillModel

_ROOT = Path(__file__).parents[3]
CANDLES = _ROOT.parent / "shared" / "data" / "candles"
_START, _HOURS = datetime(2025, 10, 10, 18, tzinfo=UTC), 12
#: The shipped kindness first.
VARIANTS = tuple(Variant(*each) for each in product(Protection, (FillModel.NEUTRAL, FillModel.PESSIMISTIC)))
#: The week of the benchmark and the day of the volume, with some room.
_HISTORY_SECONDS = 9 * 86_400
_USAGE = 2


def load_candles(folder: Path, settings: Settings, window: Window) -> dict[SeriesKey, Sequence[Candle]]:
    """Load the finest candles of each product, and those of the benchmark, over the window and what came before it.

    Raises: ConfigError if there is no such folder, or nothing in it covers that time.
    """
    candles, quote = CandleFolder(folder), f"-{settings.app.accounting_asset}"
    since, until = Instant(window.start - _HISTORY_SECONDS), window.end
    finest: dict[ProductId, SeriesKey] = {}
    for granularity in candles.granularities():
        for product_id in candles.products(granularity, since, until):
            if product_id.endswith(quote):
                finest.setdefault(product_id, (product_id, granularity))
    benchmark = (settings.bars.benchmark, settings.bars.benchmark_granularity)
    if benchmark[0] not in candles.products(benchmark[1], since, until):
        raise ConfigError(f"{folder}: no {benchmark[1]} candles of {benchmark[0]} cover the window")
    return {
        key: [each for each in candles.load(*key) if since <= each.start <= until]
        for key in (*finest.values(), benchmark)
    }


def run_variants(
    settings: Settings,
    series: Mapping[SeriesKey, Sequence[Candle]],
    window: Window,
    variants: Sequence[Variant] = VARIANTS,
) -> tuple[Played, ...]:
    """Run one world after the other. Raises: RuntimeError if one cannot be set up."""
    played = []
    for variant in variants:
        world = CrashWorld(settings, series, variant, window)
        stories = sorted(world.play(), key=_order_losses_first)
        outcomes = {outcome: world.outcomes.count(outcome) for outcome in dict.fromkeys(world.outcomes)}
        played.append(Played(variant, tuple(stories), outcomes))
    return tuple(played)


def _order_losses_first(story: LotStory) -> tuple[bool, Decimal, str]:
    below = story.below_stop_pct
    return not story.is_left, -below if below is not None else HUNDRED, story.product_id


def main() -> None:
    """Play all worlds, write the page, print the line for machines last.

    Exits with 1 if a lot is left, was sold twice, or was exposed in silence; with 2 if there are no candles.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--candles", type=Path, default=CANDLES, help="a folder of candles")
    parser.add_argument("--start", type=datetime.fromisoformat, default=_START, help="such as 2025-10-10T18:00:00Z")
    parser.add_argument("--hours", type=int, default=_HOURS)
    given = parser.parse_args()
    settings = load_settings(_ROOT / "config", {"TRADER_MODE": "PAPER"}).settings
    start = Instant(int(given.start.timestamp()))
    window = Window(start, Instant(start + given.hours * 3600), settings.cycle.period_seconds)
    try:
        series = load_candles(given.candles, settings, window)
    except ConfigError as error:
        print(f"crash-day: there are no candles to play: {error}", file=sys.stderr)
        sys.exit(_USAGE)
    played = run_variants(settings, series, window)
    if given.page is not None:
        given.page.write_text(write_page(played, settings, window), encoding="utf-8")
    for each in played:
        cycles = ", ".join(f"{count} {outcome}" for outcome, count in each.outcomes.items())
        print(f"{each.variant} ({cycles})\n{write_table(each.stories)}\n{assess(each.stories)} loss={each.loss:.2f}\n")
    verdict = assess([story for each in played for story in each.stories])
    if verdict.silent:
        print(f"{verdict.silent} cycles left a lot neither covered nor being sold, and did not ring")
    print(verdict)
    sys.exit(0 if verdict.is_good else 1)


if __name__ == "__main__":
    main()
