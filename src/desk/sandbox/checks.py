"""Would the venue take this order? In its order of checks, with its words; funds are checked last, by the venue."""

from __future__ import annotations

from decimal import Decimal

from desk.sandbox.orders import Order, OrderRequest, OrderType, TimeInForce
from trader.model.ids import Instant
from trader.model.market import Product, Quote
from trader.model.money import ZERO, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.sim.fills import would_cross


def why_reject(
    request: OrderRequest, product: Product, touch: Quote | None, last: Price | None, now: Instant
) -> str | None:
    """Return the venue's reason for refusing, or None."""
    return (
        _gate(request, product)
        or _sizes(request, product, touch)
        or _prices(request, product)
        or _bracket(request, touch)
        or _end_time(request, now)
        or _against_market(request, touch, last)
    )


def find_restriction(product: Product) -> str | None:
    """Return why nothing at all can be placed on a product."""
    closed = product.trading_restrictions
    if not closed:
        return None
    return "TRADING_DISABLED" if "trading_disabled" in closed else "ORDER_ENTRY_DISABLED"


def _gate(request: OrderRequest, product: Product) -> str | None:
    closed = find_restriction(product)
    if closed is not None:
        return closed
    # What protects is taken in every mode that takes anything: it waits for a price.
    may_take = request.order_type in {OrderType.MARKET, OrderType.LIMIT} and not request.post_only
    if (product.limit_only and request.order_type is OrderType.MARKET) or (product.post_only and may_take):
        return "NOT_ALLOWED_BY_MARKET_STATE"
    if request.order_type is OrderType.BRACKET and request.side is Side.BUY:
        return "INVALID_BRACKET_ORDER_SIDE"
    return None


def _sizes(request: OrderRequest, product: Product, touch: Quote | None) -> str | None:
    if request.quote_size is not None:
        if request.quote_size % product.quote_increment:
            return "INVALID_QUOTE_SIZE_PRECISION"
        return _notional(request.quote_size, product)
    quantity = request.base_size
    assert quantity is not None, "a configuration without any size was let in"
    if quantity % product.base_increment:
        return "INVALID_SIZE_PRECISION"
    if quantity <= 0 or quantity < product.base_size_min:
        return "INVALID_BASE_SIZE_TOO_SMALL"
    if quantity > product.base_size_max:
        return "INVALID_BASE_SIZE_TOO_LARGE"
    if request.limit_price is not None:
        return _notional(request.limit_price * quantity, product)
    return _notional(touch.mid * quantity, product) if touch is not None else None


def _notional(value: Decimal, product: Product) -> str | None:
    if value < product.quote_size_min:
        return "INVALID_QUOTE_SIZE_TOO_SMALL"
    return "INVALID_QUOTE_SIZE_TOO_LARGE" if value > product.quote_size_max else None


def _prices(request: OrderRequest, product: Product) -> str | None:
    increment = product.price_increment
    if request.limit_price is not None and not _fits(request.limit_price, increment):
        return "INVALID_PRICE_PRECISION"
    if request.stop_price is not None and not _fits(request.stop_price, increment):
        return "INVALID_STOP_PRICE_PRECISION"
    if request.attached is not None:
        if request.attached.target_price is None or not _fits(request.attached.target_price, increment):
            return "INVALID_ATTACHED_TAKE_PROFIT_PRICE_PRECISION"
        if not _fits(request.attached.stop_price, increment):
            return "INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION"
    return None


def _bracket(request: OrderRequest, touch: Quote | None) -> str | None:
    stop, limit = request.stop_price, request.limit_price
    if request.order_type is OrderType.BRACKET and stop is not None and limit is not None:
        return "INVALID_BRACKET_PRICES" if stop >= limit else None
    if request.order_type is OrderType.STOP_LIMIT and stop is not None and limit is not None:
        return _stop_and_limit(request, stop, limit)
    if request.attached is None:
        return None
    if request.side is Side.SELL:
        return "BRACKET_ORDER_NOT_SUPPORTED"
    middle = request.limit_price or (touch.ask if touch is not None else request.attached.stop_price)
    if not request.attached.is_around(middle):
        return "INVALID_BRACKET_PRICES"
    return None


def _end_time(request: OrderRequest, now: Instant) -> str | None:
    is_past = request.end_time is not None and request.end_time <= now
    return "END_TIME_IS_IN_THE_PAST" if is_past else None


def _against_market(request: OrderRequest, touch: Quote | None, last: Price | None) -> str | None:
    # Protection is taken even where nobody trades just now: it waits for a price.
    has_stop = request.order_type in {OrderType.BRACKET, OrderType.STOP_LIMIT}
    if touch is None or last is None:
        return None if has_stop else "INVALID_NO_LIQUIDITY"
    limit, stop = request.limit_price, request.stop_price
    if limit is not None and request.post_only and would_cross(request.side, limit, touch):
        return "INVALID_LIMIT_PRICE_POST_ONLY"
    if has_stop and stop is not None and request.stops_upward:
        return "STOP_PRICE_BELOW_LAST_TRADE_PRICE" if stop < last else None
    if has_stop and stop is not None and stop >= touch.bid:
        return "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"
    return None


def _stop_and_limit(request: OrderRequest, stop: Price, limit: Price) -> str | None:
    if request.side is Side.BUY and request.stops_upward and stop > limit:
        return "STOP_PRICE_ABOVE_LIMIT_PRICE"
    if request.side is Side.SELL and not request.stops_upward and stop <= limit:
        return "STOP_PRICE_BELOW_LIMIT_PRICE"
    return None


def _fits(price: Decimal, increment: Decimal) -> bool:
    return price > 0 and price % increment == 0


def why_not_edit(order: Order, price: Price, size: Quantity) -> str | None:
    """Return why a working order cannot be changed to this price and total size; None if it can."""
    core = order.core
    if order.order_type is not OrderType.LIMIT or order.time_in_force is not TimeInForce.GTC:
        return "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    if core.status is not OrderStatus.OPEN:
        return "ONLY_OPEN_ORDERS_CAN_BE_EDITED"
    if size <= ZERO or size % core.base_increment:
        return "INVALID_EDITED_SIZE"
    if price <= ZERO or price % core.price_increment:
        return "INVALID_EDITED_PRICE"
    if size <= core.filled:
        return "CANNOT_EDIT_TO_BELOW_FILLED_SIZE"
    if (price, size) == (core.limit_price, core.quantity):
        return "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"
    return None
