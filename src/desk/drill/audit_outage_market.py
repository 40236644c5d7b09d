"""The market of `make outage-drill`: many products that wander, and one that is bought an hour before midnight.

The bucket is gone from 20 minutes after that on, for three hours; the hold ends at midnight.
"""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from dataclasses import replace
from typing import ClassVar

from desk.drill.growth import make_settings
from desk.drill.growth_trades import add_strategy, propose_purchase
from desk.drill.growth_world import make_flat_bar
from desk.drill.market_modes_world import WaitingClock
from desk.markets.candle_market import CandleMarket, SeriesKey, make_product
from desk.markets.series import CandleSeries
from trader.model.decisions import Denial, TradeProposal
from trader.model.ids import Asset, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.lots import EVERY_EXIT, GeneralExit
from trader.model.market import BarsNeeded, Candle, Granularity, Product
from trader.model.money import Price
from trader.settings import Settings

STRATEGY, BOUGHT = StrategyId("drill"), ProductId("BTC-USD")
#: 2026-11-23T00:00:00Z: the hold ends, and a day of records begins.
MIDNIGHT, MINUTE, _HOUR = 1_795_392_000, 60, 3600
#: The entry is decided an hour before midnight; the bucket is gone from 20 minutes after that on, for three hours.
FIRST, _DECIDED = MIDNIGHT - 90 * MINUTE, MIDNIGHT - _HOUR
GONE, BACK = _DECIDED + 20 * MINUTE, _DECIDED + 20 * MINUTE + 3 * _HOUR
LAST = BACK + _HOUR
_BARS, _HOURS = 330, 400


class BuysOnce:
    """Buys one product while it is cheap, for an hour; wants another one all the time."""

    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = EVERY_EXIT

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        wanted = {BOUGHT, *(context.candidates.keys() if context.lots else ())}
        held = {lot.product_id for lot in context.lots}
        return [
            propose_purchase(candidate.product, stop_pct=20, target_pct=40, hold_hours=1)
            for product_id, candidate in context.candidates.items()
            if product_id in wanted - held and (product_id != BOUGHT or candidate.bars.close[-1] <= 100)
        ]


def make_market(settings: Settings, clock: WaitingClock, count: int) -> CandleMarket:
    """Make up products that wander, one that is cheap for a while, and a benchmark that stands still."""
    series: dict[SeriesKey, CandleSeries] = {}
    products: list[Product] = []
    for number in range(count):
        product_id = ProductId(f"{_name_base(number)}-USD")
        candles = _walk(number) if number else tuple(map(_cheap_for_a_while, _starts()))
        series[product_id, Granularity.FIVE_MINUTE] = CandleSeries(Granularity.FIVE_MINUTE, candles)
        products.append(replace(make_product(product_id, candles), price_increment=Price("0.01")))
    hours = range(FIRST // _HOUR - _HOURS, LAST // _HOUR + 1)
    quiet = [make_flat_bar(100.0, 1e6, hour * _HOUR) for hour in hours]
    series[BOUGHT, Granularity.ONE_HOUR] = CandleSeries(Granularity.ONE_HOUR, quiet)
    return CandleMarket(products, series, settings.simulation, clock)


def make_outage_settings(count: int) -> Settings:
    """Read the shipped configuration, with all of the products in one tier and one strategy."""
    settings = add_strategy(make_settings())
    universe = settings.universe
    core = replace(universe.tiers["tier_1_core"], bases=tuple(map(_name_base, range(count))))
    rest = {name: replace(tier, bases=()) for name, tier in universe.tiers.items()}
    return replace(settings, universe=replace(universe, tiers={**rest, "tier_1_core": core}))


def _name_base(number: int) -> Asset:
    return Asset(f"C{number:03d}" if number else "BTC")


def _starts() -> range:
    step = Granularity.FIVE_MINUTE.seconds
    return range(FIRST - _BARS * step, LAST + step, step)


def _cheap_for_a_while(start: int) -> Candle:
    is_cheap = _DECIDED - 300 <= start < GONE - 300
    price = 100.0 if is_cheap else 101.0
    return Candle(start, price, price, price - is_cheap, price, 1e6)


def _walk(number: int) -> tuple[Candle, ...]:
    chance = random.Random(number)  # noqa: S311 - scenery
    close, candles = 10.0 + number, []
    for start in _starts():
        opened, close = close, round(close * (1 + chance.gauss(0, 0.001)), 4)
        high, low = round(max(opened, close) * 1.0005, 4), round(min(opened, close) * 0.9995, 4)
        candles.append(Candle(start, opened, high, low, close, round(1e5 * (1 + chance.random()), 3)))
    return tuple(candles)
