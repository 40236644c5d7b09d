"""Changing a working limit order: price and total size, at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from desk.sandbox.orders import Edit, OrderType, TimeInForce
from trader.model.ids import VenueOrderId
from trader.model.money import ZERO, Price, Quantity, plain
from trader.model.orders import OrderStatus
from trader.sim.fills import would_cross

if TYPE_CHECKING:
    from desk.sandbox.orders import Order
    from desk.sandbox.venue import Venue

_KEPT = 5


def edit_order(venue: Venue, order_id: str, price: Price, size: Quantity) -> str:
    """Change an order; the answer is a reason, or nothing if it was done. *size* includes what is filled already."""
    order = venue.account.orders.get(VenueOrderId(order_id))
    if order is None:
        return "ORDER_NOT_FOUND"
    reason = _refusal(order, price, size)
    if reason:
        return reason
    at = venue.time.moment()
    name, part = next(iter(order.configuration.items()))
    core = replace(order.core, limit_price=price, quantity=size)
    changed = replace(
        order,
        core=core,
        configuration={name: {**part, "base_size": plain(size), "limit_price": plain(price)}},
        edits=(*order.edits, Edit(price, size, at))[-_KEPT:],
    )
    asset, hold = changed.hold
    if hold > venue.account.available(asset) + order.hold[1]:
        return "INSUFFICIENT_FUND"
    touch = venue.market.touch(core.product_id)
    if order.post_only and touch is not None and would_cross(core.side, price, touch):
        return "INVALID_EDITED_PRICE"
    venue.account.put(changed, at)
    if not order.post_only:
        venue.matching.arrive(changed, venue.time.moment())
    return ""


def _refusal(order: Order, price: Price, size: Quantity) -> str:
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
    return ""
