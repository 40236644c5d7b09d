"""A market out of a seed: the same numbers on every machine, with something going on in it.

Not a model of prices: scenery for the demo, the tests and `make`. Twelve tradable products wander, with drifts
that change and bursts of volume, and a few extras are there to be refused: a thin one, one full of holes, a stable
one and a penny coin. At the end of the stretch one product has just risen sharply and another has just fallen.

The shape depends on the seed alone and hangs on the end of the stretch, so a demo shows the same market at any hour.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from desk.markets.candle_market import SeriesKey, make_product
from desk.markets.series import CandleSeries
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Candle, Granularity, Product

#: With this seed the newest bars hold a rise that the shipped rules act on, a fall, and quiet products.
DEMO_SEED = 7

_BENCHMARK = ProductId("BTC-USD")
_STEP = Granularity.FIVE_MINUTE.seconds
_BARS_A_DAY = 288
_FINALE_BARS = 9
# No bar uses more random numbers than this.
_CHANCES_A_BAR = 12


@dataclass(frozen=True, slots=True)
class _Character:
    """One product: price at the start, decimals of its prices, turnover of a day, typical move of a bar."""

    product_id: str
    price: float
    decimals: int
    day_notional: float
    move: float
    hole_ratio: float = 0.0


_CAST = (
    _Character("BTC-USD", 97_500.0, 2, 1.4e9, 0.0007),
    _Character("ETH-USD", 3_350.0, 2, 7.0e8, 0.0009),
    _Character("SOL-USD", 242.0, 2, 4.0e8, 0.0012),
    _Character("DOGE-USD", 0.392, 5, 1.8e8, 0.0014),
    _Character("XRP-USD", 1.41, 4, 3.2e8, 0.0013),
    _Character("ADA-USD", 0.93, 4, 9.0e7, 0.0013),
    _Character("AVAX-USD", 41.2, 2, 6.0e7, 0.0013),
    _Character("DOT-USD", 8.4, 3, 3.0e7, 0.0013),
    _Character("LINK-USD", 17.6, 3, 7.0e7, 0.0012),
    _Character("UNI-USD", 11.2, 3, 2.4e7, 0.0014),
    _Character("XLM-USD", 0.46, 6, 6.5e7, 0.0014),
    _Character("HBAR-USD", 0.148, 5, 5.0e7, 0.0014),
    _Character("ATOM-USD", 7.9, 3, 1.5e6, 0.0013),
    _Character("ALGO-USD", 0.29, 4, 2.0e7, 0.0013, hole_ratio=0.2),
    _Character("USDT-USD", 1.0, 5, 9.0e7, 0.00001),
    _Character("PEPE-USD", 0.0000213, 8, 1.1e8, 0.0018),
)
_TRADABLE = 12


@dataclass(frozen=True)
class SyntheticMarket:
    """Products with their candles: five minutes each, and hours of the benchmark."""

    products: tuple[Product, ...]
    series: Mapping[SeriesKey, CandleSeries]


def make_synthetic_market(seed: int, until: Instant, hours: int = 170) -> SyntheticMarket:
    """Make up *hours* of candles; the last one is the newest that is closed at *until*."""
    end = until // _STEP * _STEP
    count = hours * 3600 // _STEP
    # The benchmark stays out of the finale: it should set the scene, not play in it.
    rising = 1 + seed % (_TRADABLE - 1)
    falling = 1 + (seed + 4) % (_TRADABLE - 1)
    series: dict[SeriesKey, CandleSeries] = {}
    products = []
    for index, character in enumerate(_CAST):
        finale = {rising: 1, falling: -1}.get(index, 0)
        product_id = ProductId(character.product_id)
        candles = tuple(_walk(character, seed, end - count * _STEP, count, finale))
        series[product_id, Granularity.FIVE_MINUTE] = CandleSeries(Granularity.FIVE_MINUTE, candles)
        products.append(make_product(product_id, candles))
    benchmark = series[_BENCHMARK, Granularity.FIVE_MINUTE]
    series[_BENCHMARK, Granularity.ONE_HOUR] = benchmark.aggregate(Granularity.ONE_HOUR)
    other_door = replace(products[0], product_id=ProductId("BTC-USDC"), quote=Asset("USDC"), alias=_BENCHMARK)
    return SyntheticMarket((*products, other_door), MappingProxyType(series))


def _chances(seed: int, name: str, count: int) -> Iterator[float]:
    # Numbers from 0 up to 1 out of a hash: the standard generators are not for the core, and differ by version.
    words = struct.unpack(f"<{count}I", hashlib.shake_256(f"{seed}|{name}".encode()).digest(4 * count))
    return iter([word / 4_294_967_296 for word in words])


def _walk(character: _Character, seed: int, first: int, count: int, finale: int) -> Iterator[Candle]:
    chance = _chances(seed, character.product_id, (count + 1) * _CHANCES_A_BAR).__next__
    digits, move = character.decimals, character.move
    close = round(character.price * (1 + 80 * move * (2 * chance() - 1)), digits)
    drift, burst, lively = 0.0, 0.0, 0
    for index in range(count):
        if index % _BARS_A_DAY == 0:
            # A new day, a new drift; it pulls back a little towards where everything began.
            drift = move * 0.06 * (2 * chance() - 1) - move * 0.05 * (close / character.price - 1)
        if index == count - _FINALE_BARS and finale:
            lively, burst = _FINALE_BARS, finale * move * 3.6
        elif lively == 0 and chance() < 0.004:
            lively, burst = 6 + int(12 * chance()), move * 2.5 * (2 * chance() - 1)
        push = burst if lively else 0.0
        # Three uniform numbers add up to something like a bell curve of unit width.
        step = drift + push + move * 2 * (chance() + chance() + chance() - 1.5)
        opened, close = close, max(round(close * (1 + step), digits), 10.0**-digits)
        wick = move * 0.8
        high = max(round(max(opened, close) * (1 + wick * chance()), digits), opened, close)
        low = min(max(round(min(opened, close) * (1 - wick * chance()), digits), 10.0**-digits), opened, close)
        activity = (0.5 + chance()) * (4.0 if lively else 1.0)
        lively = max(lively - 1, 0)
        if chance() >= character.hole_ratio or index == count - 1:
            volume = round(character.day_notional / _BARS_A_DAY * activity / close, 8)
            yield Candle(first + index * _STEP, opened, high, low, close, volume)
