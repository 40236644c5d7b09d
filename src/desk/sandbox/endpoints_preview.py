"""What an order or a change would come to, without placing it. Business errors are part of a good answer."""

from __future__ import annotations

from decimal import Decimal

from desk.sandbox.calls import Call
from desk.sandbox.configurations import read_configuration, read_request, read_side, read_text
from desk.sandbox.ids import derive_uuid
from desk.sandbox.orders import Order, OrderRequest
from desk.sandbox.reasons import OrderRefused
from desk.sandbox.replies import JsonObject, refuse_not_found
from desk.sandbox.venue import Venue
from trader.model.ids import VenueOrderId
from trader.model.money import plain
from trader.model.orders import Side

_TOTALS = ("order_total", "commission_total", "quote_size", "base_size", "best_bid", "best_ask")
_ZEROES = (
    "order_margin_total",
    "leverage",
    "long_leverage",
    "short_leverage",
    "slippage",
    "current_liquidation_buffer",
    "projected_liquidation_buffer",
)


def preview(venue: Venue, call: Call) -> JsonObject:
    """Estimate an order. Not enough money is told with the totals; what makes no sense has no totals."""
    side, configuration = read_side(call.body), read_configuration(call.body)
    preview_id = derive_uuid(f"preview|{venue.new_number()}")
    try:
        order, errors = _checked(venue, read_request(call.body, configuration))
    except OrderRefused as refused:
        return _without_totals(refused.preview_reason, preview_id)
    value, fee, base = venue.estimate(order)
    total = value + fee if side is Side.BUY else value - fee
    touch = venue.market.touch(order.core.product_id)
    body = {
        "order_total": plain(total),
        "commission_total": plain(fee),
        "errs": errors,
        "warning": ["UNKNOWN"],
        "quote_size": plain(order.quote_size if order.quote_size is not None else value),
        "base_size": plain(base),
        "best_bid": plain(touch.bid) if touch else "",
        "best_ask": plain(touch.ask) if touch else "",
        "is_max": False,
        **dict.fromkeys(_ZEROES, "0"),
        "preview_id": preview_id,
        "max_leverage": "",
        "pnl_configuration": None,
    }
    return body | _newer(fee, value, base)


def preview_edit(venue: Venue, call: Call) -> JsonObject:
    """Estimate a change, as if the whole order were placed anew."""
    order = venue.account.orders.get(VenueOrderId(read_text(call.body, "order_id")))
    if order is None:
        raise refuse_not_found("order with this orderID was not found")
    size = Decimal(read_text(call.body, "size") or "0")
    price = Decimal(read_text(call.body, "price") or "0")
    rules = venue.settings
    value = size * price
    fee = value * (rules.maker_fee_ratio if order.post_only else rules.taker_fee_ratio)
    touch = venue.market.touch(order.core.product_id)
    return {
        "errors": [],
        "slippage": "0",
        "order_total": plain(value + fee if order.core.side is Side.BUY else value - fee),
        "commission_total": plain(fee),
        "quote_size": plain(value),
        "base_size": plain(size),
        "best_bid": plain(touch.bid) if touch else "",
        "best_ask": plain(touch.ask) if touch else "",
        "average_filled_price": "0",
        "order_margin_total": "0",
        "commission_detail_total": None,
    }


def _checked(venue: Venue, request: OrderRequest) -> tuple[Order, list[str]]:
    """Return the order that a request would become, and whether money is missing. Raises: OrderRefused."""
    try:
        return venue.check(request), []
    except OrderRefused as refused:
        product = venue.market.product(request.product_id)
        if refused.reason != "INSUFFICIENT_FUND" or product is None:
            raise
        return venue.place(request, product), [refused.preview_reason]


def _without_totals(reason: str, preview_id: str) -> JsonObject:
    blank = dict.fromkeys((*_TOTALS, *_ZEROES, "max_leverage"), "")
    rest = {"is_max": False, "preview_id": preview_id, "pnl_configuration": None}
    return {**blank, "errs": [reason], "warning": [], **rest}


def _newer(fee: Decimal, value: Decimal, base: Decimal) -> JsonObject:
    """Members that answers have had since 2026."""
    return {
        "twap_bucket_metadata": None,
        "position_notional_limit": None,
        "max_notional_at_requested_leverage": None,
        "margin_ratio_data": None,
        "commission_detail_total": {"total_commission": plain(fee)},
        "scaled_metadata": None,
        "compliance_limit_data": None,
        "est_average_filled_price": plain((value / base).quantize(Decimal("1e-16"))) if base > 0 else "",
        "prediction_order_metadata": None,
        "predicted_liquidation_price": "",
        "available_buying_power": "",
        "max_loss": "",
    }
