"""What the venue says of its markets, as values of ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import SchemaValidator, core_schema

from trader.adapters.coinbase.wire.base import Number, Timestamp, WireModel, describe_misfits, fit
from trader.errors import MissingData, VenueProtocol
from trader.model.flaws import find_flaw, is_in_reach
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Candle, Depth, FeeRates, Product, Quote
from trader.model.money import BPS, ONE, ZERO, Notional, Price, Quantity, notional


def _bound(value: Decimal) -> Decimal:
    if not is_in_reach(value):
        raise ValueError("cannot be computed with")
    return value


def _bound_rate(value: Decimal) -> Decimal:
    if not -ONE < value < ONE:
        raise ValueError("must be between -1 and 1")
    return value


_Bounded = Annotated[Number, AfterValidator(_bound)]
_Rate = Annotated[Number, AfterValidator(_bound_rate)]
_Quantity = Annotated[Number, AfterValidator(Quantity)]
_Price = Annotated[Number, AfterValidator(Price)]
_Notional = Annotated[Number, AfterValidator(Notional)]

# --- products


class UnfitNumbers(VenueProtocol):
    """The numbers of a product's row make no sense; what stands beside them does: ``told``, by our names."""

    def __init__(self, message: str, told: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.told = told


class _Listing(
    WireModel,
    auction_mode="in_auction",
    new_at="listed_at",
    base_currency_id="base",
    quote_currency_id="quote",
):
    product_id: ProductId
    base: Asset
    quote: Asset
    # Every gate must be told: one that went missing must not read as open.
    is_disabled: bool
    trading_disabled: bool
    cancel_only: bool
    limit_only: bool
    post_only: bool
    in_auction: bool
    view_only: bool
    # A dead product has an empty status, which closes it.
    status: str = ""
    alias: ProductId | None = None
    listed_at: Timestamp | None = None


class _Sizes(
    WireModel,
    base_min_size="base_size_min",
    base_max_size="base_size_max",
    quote_min_size="quote_size_min",
    quote_max_size="quote_size_max",
    approximate_quote_24h_volume="volume_24h",
):
    base_increment: _Quantity
    price_increment: _Price
    quote_increment: _Notional
    base_size_min: _Quantity
    base_size_max: _Quantity
    quote_size_min: _Notional
    quote_size_max: _Notional
    # A dead product has neither price nor volume.
    volume_24h: _Notional = Notional(0)
    price: _Price | None = None


def read_product(raw: Any) -> Product:
    """Read one product.

    Raises: VenueProtocol; UnfitNumbers for increments and limits that are missing or that no order could keep.
    """
    told = vars(fit(_Listing, raw))
    try:
        numbers = vars(fit(_Sizes, raw))
    except VenueProtocol as error:
        problem = UnfitNumbers(str(error), told)
    else:
        product = Product(**told, **numbers)
        flaw = find_flaw(product)
        if flaw is None:
            return product
        problem = UnfitNumbers(flaw, {**told, **numbers})
    raise problem


# --- books and quotes


class _Level(WireModel):
    price: _Bounded
    size: _Bounded


class _Book(WireModel):
    product_id: str
    bids: list[_Level]
    asks: list[_Level]
    time: Timestamp | None = None


class _BookReply(WireModel):
    pricebook: _Book


def read_quote(raw: Any) -> Quote:
    """Read one price book's best levels. Raises: MissingData if a side is empty; VenueProtocol, also without a time."""
    book = fit(_Book, raw)
    _require_both_sides(book)
    if book.time is None:
        raise VenueProtocol("time: there is none")
    bid, ask = Price(book.bids[0].price), Price(book.asks[0].price)
    return Quote(ProductId(book.product_id), bid, ask, Instant(book.time))


def read_depth(raw: Any, band_bps: Decimal) -> Depth:
    """Sum what a book shows within the band around its mid. Raises: MissingData if a side is empty; VenueProtocol.

    A book that was cut before the band ends gives less than there is, never more.
    """
    book = fit(_BookReply, raw).pricebook
    _require_both_sides(book)
    mid = (book.bids[0].price + book.asks[0].price) / 2
    reach = mid * band_bps / BPS
    bids = sum((notional(each.price, each.size) for each in book.bids if each.price >= mid - reach), ZERO)
    asks = sum((notional(each.price, each.size) for each in book.asks if each.price <= mid + reach), ZERO)
    return Depth(ProductId(book.product_id), Notional(bids), Notional(asks))


def _require_both_sides(book: _Book) -> None:
    empty = [side for side, levels in (("bids", book.bids), ("asks", book.asks)) if not levels]
    if empty:
        raise MissingData(f"{' and '.join(empty)}: empty")


class _Trade(WireModel):
    time: Timestamp


class _Ticker(WireModel):
    trades: list[_Trade]
    best_bid: _Bounded | None = None
    best_ask: _Bounded | None = None


def read_ticker(raw: Any, product_id: ProductId) -> Quote:
    """Read best bid and ask beside the newest trades.

    The only time in it is that of the newest trade, so the quote may be younger than it says, never older.
    Raises: MissingData if a side is missing or nothing was ever traded; VenueProtocol.
    """
    ticker = fit(_Ticker, raw)
    if ticker.best_bid is None or ticker.best_ask is None or not ticker.trades:
        empty = [name for name in ("best_bid", "best_ask", "trades") if not getattr(ticker, name)]
        raise MissingData(f"{' and '.join(empty)}: empty")
    newest = max(trade.time for trade in ticker.trades)
    return Quote(product_id, Price(ticker.best_bid), Price(ticker.best_ask), Instant(newest))


# --- candles


def _object(**members: core_schema.CoreSchema) -> core_schema.CoreSchema:
    return core_schema.typed_dict_schema({key: core_schema.typed_dict_field(each) for key, each in members.items()})


# Sixty thousand of them in a gather: read by the schema alone, without a step of ours for each.
_PRICE = core_schema.float_schema()
_CANDLE = _object(start=core_schema.int_schema(), open=_PRICE, high=_PRICE, low=_PRICE, close=_PRICE, volume=_PRICE)
_CANDLES = SchemaValidator(_object(candles=core_schema.list_schema(_CANDLE)))


def read_candles(raw: Any) -> list[Candle]:
    """Read a page of candles, oldest first. Raises: VenueProtocol."""
    try:
        rows = _CANDLES.validate_python(raw)["candles"]
    except ValidationError as error:
        problem = VenueProtocol(describe_misfits(error))
    else:
        return [Candle(**row) for row in reversed(rows)]
    raise problem


# --- fees and time


class _Tier(WireModel):
    maker_fee_rate: _Rate
    taker_fee_rate: _Rate


class _Summary(WireModel):
    fee_tier: _Tier


def read_fee_rates(raw: Any) -> FeeRates:
    """Read the account's rates. Raises: VenueProtocol."""
    tier = fit(_Summary, raw, "fee rates").fee_tier
    return FeeRates(maker=tier.maker_fee_rate, taker=tier.taker_fee_rate)


#: The year 3000.
_LATEST_SECONDS = 32_503_680_000


class _Time(WireModel, epochMillis="millis"):
    millis: Number


def read_server_time(raw: Any) -> Decimal:
    """Read the venue's clock. Units: seconds since the epoch, to the millisecond. Raises: VenueProtocol."""
    seconds = fit(_Time, raw, "server time").millis / 1000
    if not 0 < seconds < _LATEST_SECONDS:
        raise VenueProtocol(f"server time: {seconds:.3E} is no instant")
    return seconds
