"""Would the venue take this order? In its order of checks and with its words; funds come last, on the account."""

from __future__ import annotations

from decimal import Decimal

from trader.model.ids import Instant
from trader.model.market import Product, Quote
from trader.model.orders import OrderConfiguration, OrderIntent, Side
from trader.sim.fills import would_cross

#: What never takes.
POST_ONLY = frozenset({OrderConfiguration.POST_ONLY_GTD, OrderConfiguration.POST_ONLY_GTC})


def why_reject(intent: OrderIntent, product: Product, touch: Quote | None, now: Instant) -> str | None:
    """Return the venue's reason for refusing, or None."""
    return (
        _gate(intent, product)
        or _size(intent, product)
        or _prices(intent, product)
        or _stop(intent)
        or _end_time(intent, now)
        or _against_market(intent, touch)
    )


def _gate(intent: OrderIntent, product: Product) -> str | None:
    closed = product.trading_restrictions
    if "trading_disabled" in closed:
        return "TRADING_DISABLED"
    if closed:
        return "ORDER_ENTRY_DISABLED"
    # A product in limit-only mode takes every kind of ours: none is a market order.
    if product.post_only and intent.configuration not in POST_ONLY and not intent.configuration.has_stop:
        return "NOT_ALLOWED_BY_MARKET_STATE"
    if intent.configuration.has_stop and intent.side is Side.BUY:
        return (
            "INVALID_BRACKET_ORDER_SIDE" if intent.configuration is OrderConfiguration.BRACKET_GTC else "INVALID_SIDE"
        )
    return None


def _size(intent: OrderIntent, product: Product) -> str | None:
    quantity, value = intent.quantity, intent.notional
    if not quantity.is_finite() or quantity % product.base_increment:
        return "INVALID_SIZE_PRECISION"
    if quantity <= 0 or quantity < product.base_size_min:
        return "INVALID_BASE_SIZE_TOO_SMALL"
    if quantity > product.base_size_max:
        return "INVALID_BASE_SIZE_TOO_LARGE"
    if value < product.quote_size_min:
        return "INVALID_QUOTE_SIZE_TOO_SMALL"
    return "INVALID_QUOTE_SIZE_TOO_LARGE" if value > product.quote_size_max else None


def _prices(intent: OrderIntent, product: Product) -> str | None:
    increment = product.price_increment
    if not _fits(intent.limit_price, increment):
        return "INVALID_PRICE_PRECISION"
    if intent.stop_price is not None and not _fits(intent.stop_price, increment):
        return "INVALID_STOP_PRICE_PRECISION"
    if intent.attach_bracket and intent.bracket is not None:
        if intent.bracket.target_price is None or not _fits(intent.bracket.target_price, increment):
            return "INVALID_ATTACHED_TAKE_PROFIT_PRICE_PRECISION"
        if not _fits(intent.bracket.stop_price, increment):
            return "INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION"
    return None


def _stop(intent: OrderIntent) -> str | None:
    if intent.configuration is OrderConfiguration.BRACKET_GTC:
        if intent.stop_price is None:
            return "INVALID_BRACKET_STOP_TRIGGER_PRICE"
        return "INVALID_BRACKET_PRICES" if intent.stop_price >= intent.limit_price else None
    if intent.configuration is OrderConfiguration.STOP_LIMIT_GTC:
        if intent.stop_price is None:
            return "INVALID_STOP_PRICE"
        return "STOP_PRICE_BELOW_LIMIT_PRICE" if intent.stop_price <= intent.limit_price else None
    if intent.attach_bracket and intent.bracket is not None:
        if intent.side is Side.SELL:
            return "BRACKET_ORDER_NOT_SUPPORTED"
        if not intent.bracket.is_around(intent.limit_price):
            return "INVALID_BRACKET_PRICES"
    return None


def _end_time(intent: OrderIntent, now: Instant) -> str | None:
    if intent.configuration is not OrderConfiguration.POST_ONLY_GTD:
        return None
    if intent.expires_at is None:
        return "GTD_ORDERS_MUST_HAVE_END_TIME"
    return "END_TIME_IS_IN_THE_PAST" if intent.expires_at <= now else None


def _against_market(intent: OrderIntent, touch: Quote | None) -> str | None:
    # Protection is taken even where nobody trades just now: it waits for a price.
    if touch is None:
        return None if intent.configuration.has_stop else "INVALID_NO_LIQUIDITY"
    if intent.configuration in POST_ONLY and would_cross(intent.side, intent.limit_price, touch):
        return "INVALID_LIMIT_PRICE_POST_ONLY"
    if intent.configuration.has_stop and intent.stop_price is not None and intent.stop_price >= touch.bid:
        return "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"
    return None


def _fits(price: Decimal, increment: Decimal) -> bool:
    return price.is_finite() and price > 0 and price % increment == 0
