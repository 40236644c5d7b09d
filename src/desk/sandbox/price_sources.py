"""Where a venue's prices come from: a seed, a folder of candles, a script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from desk.markets.candle_folder import CandleFolder
from desk.markets.candle_market import SeriesKey, make_product
from desk.markets.series import CandleSeries
from desk.markets.synthetic import DEMO_SEED, make_synthetic_market
from desk.sandbox.market import PriceSource, Print
from trader.errors import ConfigError
from trader.model.ids import Asset, Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity, Product

#: How much history a venue shows, and how far its market goes on by itself.
HISTORY_HOURS = 400
AHEAD_HOURS = 48

_DAY = 86_400
_HOUR = 3600
_BAR = 300


def make_synthetic_source(
    seed: int = DEMO_SEED, now: Instant = Instant(0), ahead_hours: int = AHEAD_HOURS
) -> PriceSource:
    """Make the synthetic market up to *now*, and let another stretch of it follow at the prices reached.

    The same one is returned while it is asked for again within one bar: whoever opens venue after venue, as drills and
    tests do, shares its candles, which nobody can change.
    """
    return _make_source(seed, now // _BAR * _BAR, ahead_hours)


@lru_cache(maxsize=1)
def _make_source(seed: int, bar: int, ahead_hours: int) -> PriceSource:
    past = make_synthetic_market(seed, Instant(bar), HISTORY_HOURS)
    until = Instant(bar + ahead_hours * _HOUR)
    future = make_synthetic_market(seed + 1, until, ahead_hours)
    series: dict[SeriesKey, CandleSeries] = {}
    for key, each in past.series.items():
        if key[1] is Granularity.FIVE_MINUTE:
            candles = (*each.candles, *_continued(each.candles, future.series[key].candles))
            series[key] = CandleSeries(Granularity.FIVE_MINUTE, candles)
    return PriceSource(past.products, MappingProxyType(series))


def load_folder(folder: Path, at: Instant, now: Instant, ahead_hours: int = AHEAD_HOURS) -> PriceSource:
    """Read the candles around *at*, and move them in time by whole days so that *at* is the day of *now*.

    Each product is read at the finest length there is. Raises: ConfigError if no product trades then.
    """
    candles = CandleFolder(folder)
    shift = (now - at) // _DAY * _DAY
    first, last = at - HISTORY_HOURS * _HOUR, at + ahead_hours * _HOUR
    series: dict[SeriesKey, CandleSeries] = {}
    products: list[Product] = []
    for granularity in candles.granularities():
        for name in candles.products(granularity):
            if any(product.product_id == name for product in products):
                continue
            rows = [row for row in candles.load(name, granularity) if first <= row.start <= last]
            if rows and rows[0].start <= at:
                series[name, granularity] = CandleSeries(granularity, [_moved(row, shift) for row in rows])
                products.append(make_product(name, rows))
    if not products:
        raise ConfigError(f"{folder}: no candles around {rfc3339(at)}")
    return PriceSource(_with_aliases(products), series)


def find_newest(folder: Path, ahead_hours: int = AHEAD_HOURS) -> Instant:
    """Return an instant of a folder of candles that has history before it and, as far as possible, a future."""
    candles = CandleFolder(folder)
    spans = [candles.span(name, each) for each in candles.granularities() for name in candles.products(each)]
    if not spans:
        raise ConfigError(f"{folder}: there are no candles")
    return Instant(max(max(end for _, end in spans) - ahead_hours * _HOUR, min(start for start, _ in spans) + _DAY))


def add_script(source: PriceSource, file: Path, start: Instant) -> PriceSource:
    """Add the prints of a file: one JSON object a line with ``after`` (seconds), ``product_id``, ``price``, ``volume``.

    Raises: ConfigError naming the line.
    """
    prints = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; allowed is a file with a JSON object a line") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: this is no text: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            prints.append(read_print(row, Instant(start + int(row.get("after", 0)))))
        except KeyError as error:
            raise ConfigError(f"{file}, line {number}: {error} is missing") from error
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ConfigError(f"{file}, line {number}: {error}") from error
    return replace(source, script=sorted([*source.script, *prints], key=lambda each: each.at))


def read_print(row: Mapping[str, object], at: Instant) -> Print:
    """Read a print. Raises: KeyError, ValueError."""
    price, volume = row.get("price"), row.get("volume", "1000000")
    try:
        amounts = (None if price is None else Decimal(str(price)), Decimal(str(volume)))
    except InvalidOperation as error:
        raise ValueError(f"price {price!r} and volume {volume!r} must be numbers") from error
    return Print(at, ProductId(str(row["product_id"])), *amounts)


def add_many_products(source: PriceSource, count: int) -> PriceSource:
    """Fill a market up to *count* products, made up to follow the ones given, for measurements with many of them."""
    originals = [product for product in source.products if product.alias is None]
    products = list(originals[:count])
    series = dict(source.series)
    for number in range(len(products), count):
        original = originals[number % len(originals)]
        name = ProductId(f"C{number:03d}-{original.quote}")
        products.append(replace(original, product_id=name, base=Asset(f"C{number:03d}")))
        for (product_id, granularity), each in source.series.items():
            if product_id == original.product_id:
                series[name, granularity] = each
    return PriceSource(products, series, source.script)


def _continued(past: Sequence[Candle], future: Sequence[Candle]) -> list[Candle]:
    """Scale a stretch so that it begins at the price where the one before it ends."""
    factor = past[-1].close / future[0].open
    digits = max(len(repr(row.close).partition(".")[2]) for row in past[-100:])
    moved = []
    for row in future:
        if row.start > past[-1].start:
            opened, high, low, close = (max(round(price * factor, digits), 10.0**-digits) for price in row[1:5])
            moved.append(Candle(row.start, opened, high, low, close, row.volume))
    return moved


def _moved(row: Candle, shift: int) -> Candle:
    return row._replace(start=row.start + shift)


def _with_aliases(products: Sequence[Product]) -> list[Product]:
    """Offer the USD books in USDC too, as the venue does."""
    names = {product.product_id for product in products}
    aliases = []
    for product in products:
        name = ProductId(f"{product.base}-USDC")
        if product.quote == "USD" and name not in names and product.base in {"BTC", "ETH", "SOL"}:
            aliases.append(replace(product, product_id=name, quote=Asset("USDC"), alias=product.product_id))
    return [*products, *aliases]
