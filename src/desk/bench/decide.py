"""How long ``decide`` takes: 30 products × 300 bars, quiet and with five proposals, and how it grows with products."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import median

from trader.adapters.config_yaml import load_settings
from trader.entry.wiring import pipeline_of, scope_of
from trader.model.facts import Facts
from trader.model.ids import Asset, Instant, ProductId, cycle_id_at
from trader.model.ledger import opening_ledger
from trader.model.market import Bars, Candle, Depth, FeeRates, Granularity, Product, Quote, bars_from_candles
from trader.model.memory import Regime, RegimeMemory
from trader.model.money import Notional, Price, Quantity
from trader.model.portfolio import Switch
from trader.model.settings import Settings
from trader.stages.pipeline import Pipeline

NOW = Instant(1_764_000_000)
_BARS = 300
_ROUNDS = 60


def facts_of(settings: Settings, products: int, proposals: int) -> Facts:
    """Make the facts of one cycle: *products* quiet markets, of which the first *proposals* have just jumped."""
    listed, quotes, bars, depth = {}, {}, {}, {}
    tier = settings.universe.tiers["tier_2_rotational"]
    for index, base in enumerate(tier.bases[:products]):
        product_id = ProductId(f"{base}-USD")
        series = _bars(index, jumps=index < proposals, granularity=settings.bars.granularity)
        price = Price(Decimal(str(round(series.close[-1], 2))))
        listed[product_id] = _product(product_id, base, price)
        quotes[product_id] = Quote(product_id, price, Price(price + Decimal("0.01")), NOW)
        bars[product_id] = series
        depth[product_id] = Depth(product_id, Notional(10_000_000), Notional(10_000_000))
    ledger = opening_ledger(scope_of(settings), settings.app.accounting_asset, Notional(settings.app.capital))
    return Facts(
        cycle_id=cycle_id_at(NOW),
        now=NOW,
        scheduled_at=NOW,
        switch=Switch.RUN,
        ledger=replace(ledger, regime=RegimeMemory(Regime.CHOP, Regime.CHOP)),
        products=listed,
        quotes=quotes,
        bars=bars,
        benchmark=_bars(99, jumps=False, granularity=Granularity.ONE_HOUR, count=settings.bars.benchmark_count),
        fees=FeeRates(settings.exchange.assumed_maker_fee_ratio, settings.exchange.assumed_taker_fee_ratio),
        depth=depth,
    )


def with_products(settings: Settings, count: int) -> Settings:
    """Put *count* made-up assets into the second tier, and let all of them through to the end of the chain."""
    universe, triggers = settings.universe, settings.triggers
    bases = tuple(Asset(f"A{index:03d}") for index in range(count))
    tiers = {
        name: replace(tier, bases=bases if name == "tier_2_rotational" else ()) for name, tier in universe.tiers.items()
    }
    return replace(settings, universe=replace(universe, tiers=tiers), triggers=replace(triggers, atr_ratio_min=0.1))


def _product(product_id: ProductId, base: Asset, price: Price) -> Product:
    return Product(
        product_id=product_id,
        base=base,
        quote=Asset("USD"),
        base_increment=Quantity("0.00000001"),
        price_increment=Price("0.01"),
        quote_increment=Notional("0.01"),
        base_size_min=Quantity("0.00000001"),
        base_size_max=Quantity(1_000_000),
        quote_size_min=Notional(1),
        quote_size_max=Notional(10_000_000),
        volume_24h=Notional(50_000_000),
        price=price,
    )


def _bars(phase: int, *, jumps: bool, granularity: Granularity, count: int = _BARS) -> Bars:
    """Draw two sine waves of different length; a jump is a rise over the last bars on ten times the volume."""
    step = granularity.seconds
    last = NOW // step * step - step
    candles = []
    close = 100.0
    for index in range(count):
        wave = math.sin((index + phase * 7) / 9) * 0.25 + math.sin((index + phase * 13) / 37) * 0.4
        rise = max(index - (count - 10), 0) * 0.8 if jumps else 0.0
        before, close = close, 100 + wave + rise
        high, low = max(before, close) + 0.08, min(before, close) - 0.08
        volume = 5_000.0 * (10 if rise else 1)
        candles.append(Candle(last - (count - 1 - index) * step, before, high, low, close, volume))
    return bars_from_candles(candles, granularity, NOW, count)


def milliseconds(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """Return the median time of one call, garbage collection out of the way."""
    work()
    times = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    finally:
        gc.enable()
    return median(times) * 1000


def _measure(settings: Settings, products: int, proposals: int) -> tuple[float, int]:
    fitted = with_products(settings, products)
    facts, pipeline = facts_of(fitted, products, proposals), pipeline_of(fitted)
    proposed = len(_decide(pipeline, facts))
    return milliseconds(lambda: pipeline.decide(facts)), proposed


def _decide(pipeline: Pipeline, facts: Facts) -> tuple[object, ...]:
    return pipeline.decide(facts).proposals


def main() -> None:
    """Print a line per case, and the line for machines last."""
    settings = load_settings(Path(os.environ.get("TRADER_CONFIG_DIR", "config")), {}).settings
    strategies = {name: replace(section, trades_per_cycle_max=100) for name, section in settings.strategies.items()}
    settings = replace(settings, strategies=strategies)
    figures = {}
    for name, products, proposals in (
        ("quiet", 30, 0),
        ("busy", 30, 5),
        ("wide", 100, 5),
        ("widest", 300, 5),
    ):
        figures[name], proposed = _measure(settings, products, proposals)
        print(f"{name}: {products} products x {_BARS} bars, {proposed} proposals: {figures[name]:.2f} ms")
    growth = figures["widest"] / figures["busy"] / 10
    print(
        f"decide_ms={max(figures['quiet'], figures['busy']):.2f} "
        f"per_product_us={figures['busy'] / 30 * 1000:.1f} "
        f"quiet_ms={figures['quiet']:.2f} busy_ms={figures['busy']:.2f} "
        f"products_300_ms={figures['widest']:.2f} growth_per_product_300_vs_30={growth:.2f}"
    )


if __name__ == "__main__":
    main()
