"""A market made of candles: what was known at an instant, and, for the matching only, what came next.

Decisions see closed bars; the running bar's open is seen by orders alone. So cutting the future off changes no
decision. The spread is the assumed one of the settings, and the book holds a share of the traded volume: candles know
neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from desk.markets.levels import measure_depth
from desk.markets.series import CandleSeries, Series
from trader.errors import DataError, MissingData
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Bars, Candle, Depth, Granularity, Product, Quote
from trader.model.money import BPS, Notional, Price, Quantity, ceil_to, floor_to
from trader.ports import Clock
from trader.settings.app import SimulationSettings
from trader.sim.fills import to_price
from trader.sim.matching import Traded

SeriesKey = tuple[ProductId, Granularity]

#: Price decimals are judged by the newest candles, as a venue's increments change over the years.
DECIMALS_SAMPLE = 500


class CandleMarket:
    """MarketData and Tape over candle series. A product reads the series of its alias if it has none of its own.

    Products are metadata as of today, as they are at the real venue; their 24 h volume and price are as of now.
    A series may be shared by many markets; plain candles are indexed here.
    """

    def __init__(
        self,
        products: Sequence[Product],
        series: Mapping[SeriesKey, Sequence[Candle] | Series],
        settings: SimulationSettings,
        clock: Clock,
    ) -> None:
        self._products = {product.product_id: product for product in products}
        self._settings = settings
        self._clock = clock
        self._series: dict[SeriesKey, Series] = {
            key: CandleSeries(key[1], given) if isinstance(given, Sequence) else given for key, given in series.items()
        }
        self._finest: dict[ProductId, Series] = {}
        self._known: dict[ProductId, tuple[Instant, Product, Product]] = {}
        for (product_id, granularity), each in self._series.items():
            best = self._finest.get(product_id)
            if best is None or granularity.seconds < best.granularity.seconds:
                self._finest[product_id] = each

    # --- MarketData

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        wanted = tuple(self._products) if product_ids is None else product_ids
        return {product_id: self._product(product_id) for product_id in wanted}

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        return {product_id: self._quote_of(product_id) for product_id in product_ids}

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        return {product_id: self._bars_of(product_id, granularity, count, now) for product_id in product_ids}

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        """Sum what is taken to rest near the mid: see ``estimate_side``, and ``desk.markets.levels`` for its levels."""
        return {product_id: self._depth_of(product_id, band_bps) for product_id in product_ids}

    def estimate_side(self, product_id: ProductId) -> Notional | None:
        """Assume that a share of the mean hourly turnover of the last 24 h rests on each side; None without a market.

        Units: quote asset.
        """
        now = self._clock.now()
        if self._last_closed(product_id, now) is None:
            return None
        return Notional(self._day_notional(product_id, now) / 24 * self._settings.volume_share_ratio)

    # --- Tape

    def touch(self, product_id: ProductId) -> Quote | None:
        now = self._clock.now()
        last = self._last_closed(product_id, now)
        if last is None:
            return None
        running = self._finest_of(product_id).running_open(now)
        return self._quote(product_id, last.close if running is None else running, now)

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        series = self._finest_of(product_id)
        step = series.granularity.seconds
        # What is not in a series did not trade; of a product without one nothing is known.
        return Traded(
            step, series.between(since, until), Instant(until // step * step) if series.has_candles else since
        )

    # --- inside

    def _finest_of(self, product_id: ProductId) -> Series:
        found = self._finest.get(product_id)
        if found is None:
            product = self._products.get(product_id)
            found = self._finest.get(product.canonical_id) if product is not None else None
            found = found if found is not None else CandleSeries(Granularity.ONE_MINUTE, ())
            self._finest[product_id] = found
        return found

    def _series_of(self, product_id: ProductId, granularity: Granularity) -> Series | None:
        own = self._series.get((product_id, granularity))
        if own is not None:
            return own
        product = self._products.get(product_id)
        if product is not None and product.alias is not None and (product.alias, granularity) in self._series:
            return self._series[product.alias, granularity]
        finest = self._finest_of(product_id)
        if finest.has_candles and granularity.seconds % finest.granularity.seconds:
            return None
        longer = finest.aggregate(granularity) if finest.has_candles else CandleSeries(granularity, ())
        self._series[product_id, granularity] = longer
        return longer

    def _bars_of(self, product_id: ProductId, granularity: Granularity, count: int, now: Instant) -> Bars | DataError:
        series = self._series_of(product_id, granularity)
        if series is None:
            return MissingData(f"no {granularity} candles can be made for {product_id}")
        try:
            return series.bars(count, now)
        except DataError as error:
            return error

    def _product(self, product_id: ProductId) -> Product | DataError:
        product, now = self._products.get(product_id), self._clock.now()
        if product is None:
            return _missing(product_id)
        # One cycle asks for the same product several times; its metadata may change in between.
        at, source, known = self._known.get(product_id, (None, None, product))
        if at != now or source is not product:
            known = self._as_of(product, now)
            self._known[product_id] = now, product, known
        return known

    def _quote_of(self, product_id: ProductId) -> Quote | DataError:
        now = self._clock.now()
        last = self._last_closed(product_id, now)
        return _missing(product_id) if last is None else self._quote(product_id, last.close, now)

    def _depth_of(self, product_id: ProductId, band_bps: Decimal) -> Depth | DataError:
        side, quote = self.estimate_side(product_id), self._quote_of(product_id)
        if side is None or isinstance(quote, DataError):
            return _missing(product_id)
        return measure_depth(quote, side, self._products[product_id], band_bps)

    def _last_closed(self, product_id: ProductId, now: Instant) -> Candle | None:
        return self._finest_of(product_id).last_closed(now) if product_id in self._products else None

    def _day_notional(self, product_id: ProductId, now: Instant) -> Decimal:
        # A statistic, in text to the cent before it becomes an amount.
        return Decimal(format(self._finest_of(product_id).day_notional(now), ".2f"))

    def _as_of(self, product: Product, now: Instant) -> Product:
        last = self._last_closed(product.product_id, now)
        return replace(
            product,
            volume_24h=Notional(self._day_notional(product.product_id, now)),
            price=to_price(last.close) if last is not None else None,
        )

    def _quote(self, product_id: ProductId, middle: float, now: Instant) -> Quote:
        increment = self._products[product_id].price_increment
        mid = to_price(middle)
        half = mid * self._settings.spread_bps / BPS / 2
        bid, ask = floor_to(mid - half, increment), ceil_to(mid + half, increment)
        return Quote(product_id, Price(bid), Price(ask if ask > bid else bid + increment), now)


def _missing(product_id: ProductId) -> MissingData:
    return MissingData(f"{product_id} is not listed, or no candle of it has closed lately")


def make_product(product_id: ProductId, candles: Sequence[Candle], alias: ProductId | None = None) -> Product:
    """Make up the metadata of a product of which only candles are known.

    The price increment is what the closes of the newest candles show, one odd price in a hundred aside.
    """
    base, _, quote = product_id.rpartition("-")
    increment = _price_increment(candles[-DECIMALS_SAMPLE:])
    return Product(
        product_id=product_id,
        base=Asset(base),
        quote=Asset(quote),
        base_increment=Quantity("0.00000001"),
        price_increment=increment,
        quote_increment=Notional(increment),
        base_size_min=Quantity("0.00000001"),
        base_size_max=Quantity("1000000000000"),
        quote_size_min=Notional(1),
        quote_size_max=Notional(50_000_000),
        volume_24h=Notional(0),
        alias=alias,
    )


def _price_increment(candles: Sequence[Candle]) -> Price:
    decimals = sorted(_decimals(candle.close) for candle in candles)
    return Price(f"1e-{decimals[len(decimals) * 99 // 100]}") if decimals else Price("0.01")


def _decimals(value: float) -> int:
    exponent = to_price(value).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
