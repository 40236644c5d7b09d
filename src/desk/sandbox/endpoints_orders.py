"""Orders: create, preview, edit, cancel, look up, list; and fills."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from desk.sandbox.auth import Permission
from desk.sandbox.calls import Call, Route
from desk.sandbox.configurations import CLIENT_ORDER_ID_MAX, read_configuration, read_request, read_side, read_text
from desk.sandbox.endpoints_preview import preview, preview_edit
from desk.sandbox.orders import Execution, Order, OrderType, TimeInForce
from desk.sandbox.reasons import OrderRefused
from desk.sandbox.replies import JsonObject, Refusal, refuse_invalid, refuse_not_found, refuse_value
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME, add_seconds
from desk.sandbox.wire_order import encode_fill, encode_order
from trader.model.money import Price, Quantity
from trader.model.orders import Side

_CANCELS_MAX = 100
_PAGE = 100
_PAGE_MAX = 3000
# Cursors look like numbers out of somebody else's sequence, which they are.
_CURSOR_OFFSET = 748_000_000

_STATUSES = frozenset(
    {
        "PENDING",
        "OPEN",
        "FILLED",
        "CANCELLED",
        "EXPIRED",
        "FAILED",
        "UNKNOWN_ORDER_STATUS",
        "QUEUED",
        "CANCEL_QUEUED",
        "EDIT_QUEUED",
    }
)
_ORDER_TYPES = frozenset(
    {*OrderType, "UNKNOWN_ORDER_TYPE", "STOP", "TWAP", "ROLL_OPEN", "ROLL_CLOSE", "LIQUIDATION", "SCALED"}
)
_PLACEMENTS = frozenset(
    {"UNKNOWN_PLACEMENT_SOURCE", "RETAIL_SIMPLE", "RETAIL_ADVANCED", "RETAIL_ADMIN", "RETAIL_RAISE"}
)
_OURS = frozenset({"", "RETAIL_ADVANCED", "UNKNOWN_PLACEMENT_SOURCE"})
_PRODUCT_TYPES = frozenset({"UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE", "EQUITY", "OPTION_GROUP", "FUTURE_GROUP"})
_ORDER_SORTS = frozenset({"UNKNOWN_SORT_BY", "LIMIT_PRICE", "LAST_FILL_TIME", "LAST_UPDATE_TIME"})
_FILL_SORTS = frozenset({"UNKNOWN_SORT_BY", "PRICE", "TRADE_TIME"})
_TIMES_IN_FORCE = frozenset({*TimeInForce, "UNKNOWN_TIME_IN_FORCE"})

_Row = TypeVar("_Row", Order, Execution)


def create(venue: Venue, call: Call) -> JsonObject:
    """Place an order; a client id that was used before is answered with the old order and the new request."""
    body = call.body
    name = read_text(body, "client_order_id")
    if not name or len(name) > CLIENT_ORDER_ID_MAX:
        raise refuse_invalid(f"client_order_id must have 1 to {CLIENT_ORDER_ID_MAX} characters")
    side, configuration = read_side(body), read_configuration(body)
    try:
        order = venue.known(name)
        if order is not None and venue.options.duplicate_id_is_rejected:
            raise OrderRefused("DUPLICATE_CLIENT_ORDER_ID")
        if order is None:
            order = venue.create(read_request(body, configuration), call.planned_fault)
    except OrderRefused as refused:
        return refused.body(configuration)
    return {
        "success": True,
        "success_response": {
            "order_id": order.order_id,
            "product_id": read_text(body, "product_id"),
            "side": side,
            "client_order_id": name,
            "attached_order_id": order.core.child or "",
        },
        "order_configuration": configuration,
    }


def edit(venue: Venue, call: Call) -> JsonObject:
    """Change price and size of a working limit order; both have to be given, or they count as zero."""
    price, size = (_amount(call.body, name) for name in ("price", "size"))
    reason = venue.edit(read_text(call.body, "order_id"), Price(price), Quantity(size))
    none = "UNKNOWN_PREVIEW_FAILURE_REASON"
    if not reason:
        return {"success": True, "errors": []}
    if reason == "INSUFFICIENT_FUND":
        errors = {
            "edit_failure_reason": "COMMANDER_REJECTED_EDIT_ORDER",
            "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
        }
    else:
        errors = {"edit_failure_reason": reason, "preview_failure_reason": none}
    return {"success": False, "errors": [errors]}


def batch_cancel(venue: Venue, call: Call) -> JsonObject:
    """Take requests to cancel, one row for each id in the order given."""
    names = call.body.get("order_ids")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise refuse_invalid("order_ids must be a list of strings")
    if len(names) > _CANCELS_MAX:
        raise Refusal(400, "InvalidArgument", f"Too many orderIDs entered, limit is {_CANCELS_MAX}")
    if not all(names):
        raise refuse_invalid("order_ids must not be empty")
    rows = []
    for name in names:
        reason = venue.cancel(name, call.planned_fault)
        told = reason or "UNKNOWN_CANCEL_FAILURE_REASON"
        rows.append({"success": not reason, "failure_reason": told, "order_id": name})
    return {"results": rows}


def get_order(venue: Venue, call: Call) -> JsonObject:
    """Return one order; for a moment after its creation it is not found."""
    name = call.arguments["order_id"]
    order = venue.account.seen(name, END_OF_TIME)
    lag = venue.options.lags.order
    if order is None or (lag > 0 and not venue.time.has_come(add_seconds(order.created, lag))):
        raise refuse_not_found("order with this orderID was not found")
    return {"order": encode_order(venue, order)}


def list_orders(venue: Venue, call: Call) -> JsonObject:
    """List orders, newest first. The singular ``product_id`` is not a filter here; OPEN does not mean PENDING."""
    query = call.query
    names, products = query.many("order_ids"), query.many("product_ids")
    statuses = query.choices("order_status", _STATUSES)
    kinds, times = query.choices("order_types", _ORDER_TYPES), query.choices("time_in_forces", _TIMES_IN_FORCE)
    side = query.choice("order_side", {*Side, "UNKNOWN_ORDER_SIDE"})
    placement = query.choice("order_placement_source", _PLACEMENTS)
    kind_of_product = query.choice("product_type", _PRODUCT_TYPES, "SPOT")
    start, end = query.moment("start_date"), query.moment("end_date")
    sort = query.choice("sort_by", _ORDER_SORTS)
    seen = venue.account.seen_orders(venue.time.seen_until(venue.options.lags.listing))
    found = [
        order
        for order in seen
        if (not names or order.order_id in names)
        and (not products or order.core.product_id in products)
        and (not statuses or order.core.status in statuses)
        and (not kinds or order.order_type in kinds)
        and (not times or order.time_in_force in times)
        and (side in {"", "UNKNOWN_ORDER_SIDE"} or order.core.side == side)
        and (start is None or order.created >= start)
        and (end is None or order.created < end)
    ]
    if placement not in _OURS or kind_of_product not in {"SPOT", "UNKNOWN_PRODUCT_TYPE"}:
        found = []
    page, cursor = _page(_sorted_orders(found, sort), call)
    return {
        "orders": [encode_order(venue, order) for order in page],
        "sequence": "0",
        "has_next": bool(cursor),
        "cursor": cursor,
        "proof_token_required": False,
    }


def list_fills(venue: Venue, call: Call) -> JsonObject:
    """List fills, newest first, or highest price first if ``sort_by`` says PRICE.

    The reply has no ``has_next``. Every page with rows carries a cursor, the last one too; an empty page ends the list.
    """
    query = call.query
    orders, trades, products = query.many("order_ids"), query.many("trade_ids"), query.many("product_ids")
    kinds, side = query.choices("order_types", _ORDER_TYPES), query.choice("order_side", {*Side, "UNKNOWN_ORDER_SIDE"})
    start, end = query.moment("start_sequence_timestamp"), query.moment("end_sequence_timestamp")
    sort = query.choice("sort_by", _FILL_SORTS)
    found = [
        each
        for each in venue.account.seen_executions(venue.time.seen_until(venue.options.lags.fills))
        if (not orders or each.fill.venue_order_id in orders)
        and (not trades or each.fill.trade_id in trades)
        and (not products or each.fill.product_id in products)
        and (not kinds or venue.account.orders[each.fill.venue_order_id].order_type in kinds)
        and (side in {"", "UNKNOWN_ORDER_SIDE"} or each.fill.side == side)
        and (start is None or each.at >= start)
        and (end is None or each.at <= end)
    ]
    if sort == "PRICE":
        found.sort(key=lambda each: -each.fill.price)
    page, _ = _page(found, call)
    # A page that is not full carries a cursor too; only an empty one ends the list.
    cursor = str(_CURSOR_OFFSET + _position(call) + len(page)) if page else ""
    return {"fills": [encode_fill(each) for each in page], "cursor": cursor}


def _page(rows: Sequence[_Row], call: Call) -> tuple[Sequence[_Row], str]:
    limit, begin = call.query.count("limit", _PAGE, _PAGE_MAX), _position(call)
    page = rows[begin : begin + limit]
    more = begin + limit < len(rows)
    return page, str(_CURSOR_OFFSET + begin + limit) if more else ""


def _position(call: Call) -> int:
    return call.query.cursor(_CURSOR_OFFSET) or 0


def _sorted_orders(found: list[Order], sort: str) -> list[Order]:
    if sort == "LIMIT_PRICE":
        return sorted(found, key=lambda order: -order.core.limit_price)
    if sort == "LAST_FILL_TIME":
        return sorted(found, key=lambda order: -(order.last_fill or 0))
    return sorted(found, key=lambda order: -order.updated) if sort == "LAST_UPDATE_TIME" else found


def _amount(body: JsonObject, name: str) -> Decimal:
    text = read_text(body, name) or "0"
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise refuse_value(name, text) from error
    return value if value.is_finite() else Decimal(0)


ROUTES = (
    Route("POST", "/orders", create, Permission.TRADE),
    Route("POST", "/orders/preview", preview),
    Route("POST", "/orders/edit", edit, Permission.TRADE),
    Route("POST", "/orders/edit_preview", preview_edit),
    Route("POST", "/orders/batch_cancel", batch_cancel, Permission.TRADE),
    Route("GET", "/orders/historical/batch", list_orders),
    Route("GET", "/orders/historical/fills", list_fills),
    Route("GET", "/orders/historical/{order_id}", get_order),
)
