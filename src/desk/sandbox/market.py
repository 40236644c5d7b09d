"""The market behind the venue: candles that were there before, and prints that a test or a script makes.

A print is one trade at a given price. From its first print on, a product follows its prints alone: they move the
touch, fill what rests, trigger stops and make the candles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from desk.markets.candle_market import CandleMarket, SeriesKey
from desk.markets.levels import Level, make_levels, measure_depth
from desk.markets.series import CandleSeries
from desk.sandbox.resample import merge, partial, split
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity, Product, Quote, split_answers
from trader.model.money import BPS, Notional, Price, ceil_to, floor_to
from trader.model.orders import Side
from trader.ports import Clock
from trader.settings.app import SimulationSettings
from trader.sim.fills import to_price
from trader.sim.matching import Traded

_BOOK_BAND_BPS = Decimal(20)
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Print:
    """One trade somebody made. Without a price the product goes back to its candles."""

    at: Instant
    product_id: ProductId
    price: Decimal | None
    volume: Decimal = Decimal(1_000_000)


@dataclass(frozen=True)
class PriceSource:
    """Products and their candles, and the prints that are to come."""

    products: Sequence[Product]
    series: Mapping[SeriesKey, CandleSeries | Sequence[Candle]]
    script: Sequence[Print] = field(default=())


class VenueMarket:
    """Prices as the venue sees them: the touch, the book, candles of any length, trades."""

    def __init__(self, source: PriceSource, settings: SimulationSettings, clock: Clock) -> None:
        series = {
            key: given if isinstance(given, CandleSeries) else CandleSeries(key[1], given)
            for key, given in source.series.items()
        }
        self._candles = CandleMarket(source.products, series, settings, clock)
        self._settings = settings
        self._clock = clock
        self._series: dict[SeriesKey, CandleSeries] = dict(series)
        self._finest: dict[ProductId, CandleSeries] = {}
        for (product_id, _), each in sorted(series.items(), key=lambda item: -item[0][1].seconds):
            self._finest[product_id] = each
        self._prints: dict[ProductId, list[Print]] = {}
        self._changes: dict[ProductId, dict[str, Any]] = {}
        self._products = {product.product_id: product for product in source.products}

    # --- products

    def products(self) -> list[Product]:
        """Return every product as of now."""
        return [self._changed(product) for product in split_answers(self._candles.products())[0].values()]

    def product(self, product_id: str) -> Product | None:
        """Return the metadata of a product, without its daily figures."""
        found = self._products.get(ProductId(product_id))
        return self._changed(found) if found is not None else None

    def change(self, product_id: str, **fields: Any) -> None:
        """Change the metadata of a product, such as ``trading_disabled=True``."""
        self._changes.setdefault(ProductId(product_id), {}).update(fields)

    def day(self, product_id: ProductId) -> Candle | None:
        """Sum up the last 24 hours; None if nothing traded."""
        now = self._clock.now()
        series = self._finest_of(product_id)
        rows = series.between(Instant(now - _DAY), now)
        return merge(rows, now - _DAY) if rows else None

    # --- what can be hit

    def touch(self, product_id: ProductId) -> Quote | None:
        """Return best bid and ask; None if there is no market."""
        last, product = self.last(product_id), self._products.get(product_id)
        if last is None or product is None:
            return None
        half = last * self._settings.spread_bps / BPS / 2
        increment = product.price_increment
        bid, ask = floor_to(last - half, increment), ceil_to(last + half, increment)
        return Quote(product_id, Price(bid), Price(ask if ask > bid else bid + increment), self._clock.now())

    def last(self, product_id: ProductId) -> Price | None:
        """Return the price of the last trade: of the running bar, as far as it got; None if the market is shut."""
        printed = self._last_print(product_id)
        if printed is not None and printed.price is not None:
            return Price(printed.price)
        series, now = self._finest_of(product_id), self._clock.now()
        closed = series.last_closed(now)
        if closed is None:
            return None
        size = series.granularity.seconds
        for bar in series.between(now, Instant(now + size)):
            seen = partial(bar, size, now)
            closed = seen if seen is not None else closed
        return to_price(closed.close)

    def shown(self, product_id: ProductId, side: Side) -> Notional:
        """Return what an order of this side meets in the book: after a print, as much as was printed."""
        touch, printed = self.touch(product_id), self._last_print(product_id)
        if touch is None or (printed is not None and printed.price is not None):
            return self._resting(product_id)
        depth = measure_depth(touch, self._resting(product_id), self._products[product_id], _BOOK_BAND_BPS)
        return depth.ask_notional if side is Side.BUY else depth.bid_notional

    def levels(self, product_id: ProductId, limit: int) -> tuple[list[Level], list[Level]]:
        """Spread what rests over a few levels on each side, best first."""
        touch = self.touch(product_id)
        if touch is None:
            return [], []
        return make_levels(touch, self._resting(product_id), self._products[product_id], limit)

    # --- what has traded

    def print(self, printed: Print) -> Candle | None:
        """Take down a print and return it as a bar to match against; None if it ends the prints."""
        name = self._canonical(printed.product_id)
        if printed.price is None:
            self._prints.pop(name, None)
            return None
        self._prints.setdefault(name, []).append(printed)
        price = float(printed.price)
        return Candle(printed.at, price, price, price, price, float(printed.volume))

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        """Return the bars that closed after *since* and not after *until*; none for a product that is printed."""
        series = self._finest_of(product_id)
        rows = () if self._last_print(product_id) is not None else series.between(since, until)
        return Traded(series.granularity.seconds, rows, until)

    def aliases(self, product_id: ProductId) -> list[ProductId]:
        """Name all products on the order book of this one, itself included."""
        name = self._canonical(product_id)
        return [each.product_id for each in self._products.values() if each.canonical_id == name]

    def candles(self, product_id: ProductId, granularity: Granularity, start: int, end: int) -> list[Candle]:
        """Return the buckets that start from *start* to *end*, both included, oldest first, the running one too."""
        now = self._clock.now()
        printed = self._prints.get(self._canonical(product_id), [])
        rows = self._from_series(product_id, granularity, start, min(end, now), now)
        if not printed:
            return rows
        step = granularity.seconds
        first = printed[0].at // step * step
        buckets: dict[int, list[Candle]] = {}
        for row in rows:
            if row.start <= first:
                buckets[row.start] = [row]
        for each in printed:
            bucket = each.at // step * step
            if each.price is not None and start <= bucket <= end and each.at <= now:
                price = float(each.price)
                buckets.setdefault(bucket, []).append(Candle(bucket, price, price, price, price, float(each.volume)))
        return [merge(group, bucket) for bucket, group in sorted(buckets.items())]

    def trades(self, product_id: ProductId, count: int, start: int | None, end: int | None) -> list[Candle]:
        """Return bars that stand for one trade each, newest first: its instant as start, its price as close."""
        now = self._clock.now()
        printed = self._prints.get(self._canonical(product_id), [])
        found = [Candle(each.at, 0, 0, 0, float(each.price), float(each.volume)) for each in printed if each.price]
        series = self._finest_of(product_id)
        step = series.granularity.seconds
        last = self.last(product_id)
        if last is not None and not printed and series.running_open(now) is not None:
            found.append(Candle(now, 0, 0, 0, float(last), 0.1))
        closed = series.between(Instant(now - (count + 1) * step), now)
        found += [Candle(row.start + step - 1, 0, 0, 0, row.close, row.volume) for row in closed]
        found = [row for row in found if (start is None or row.start >= start) and (end is None or row.start <= end)]
        return sorted(found, key=lambda row: row.start, reverse=True)[:count]

    # --- inside

    def _resting(self, product_id: ProductId) -> Notional:
        printed = self._last_print(product_id)
        if printed is not None and printed.price is not None:
            return Notional(printed.price * printed.volume)
        return self._candles.estimate_side(product_id) or Notional(0)

    def _changed(self, product: Product) -> Product:
        changes = self._changes.get(product.product_id)
        return replace(product, **changes) if changes else product

    def _canonical(self, product_id: ProductId) -> ProductId:
        product = self._products.get(product_id)
        return product.canonical_id if product is not None else product_id

    def _last_print(self, product_id: ProductId) -> Print | None:
        printed = self._prints.get(self._canonical(product_id))
        return printed[-1] if printed else None

    def _finest_of(self, product_id: ProductId) -> CandleSeries:
        found = self._finest.get(product_id) or self._finest.get(self._canonical(product_id))
        if found is None:
            found = self._finest[product_id] = CandleSeries(Granularity.ONE_MINUTE, ())
        return found

    def _from_series(
        self, product_id: ProductId, granularity: Granularity, start: int, end: int, now: Instant
    ) -> list[Candle]:
        base, step = self._finest_of(product_id), granularity.seconds
        size = base.granularity.seconds
        if step < size:
            bars = base.between(Instant(start), Instant(end + 2 * size))
            cut = [piece for bar in bars for piece in split(bar, size, step) if start <= piece.start <= end]
            seen = [partial(piece, step, now) for piece in cut]
            return [piece for piece in seen if piece is not None]
        longer = self._longer(product_id, granularity)
        rows = list(longer.between(Instant(start + step - 1), min(now, Instant(end + step))))
        running = now // step * step
        if not start <= running <= end:
            return rows
        parts = [partial(bar, size, now) for bar in base.between(Instant(running), Instant(now + size))]
        seen_parts = [part for part in parts if part is not None]
        return [*rows, merge(seen_parts, running)] if seen_parts else rows

    def _longer(self, product_id: ProductId, granularity: Granularity) -> CandleSeries:
        name = self._canonical(product_id)
        key = (product_id if (product_id, granularity) in self._series else name, granularity)
        if key not in self._series:
            base = self._finest_of(product_id)
            fits = granularity.seconds % base.granularity.seconds == 0
            self._series[key] = base.aggregate(granularity) if fits else CandleSeries(granularity, ())
        return self._series[key]
