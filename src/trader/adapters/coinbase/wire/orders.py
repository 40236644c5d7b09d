"""What the venue says of orders, as values of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from trader.adapters.coinbase.wire.base import DropNulls, Number, Timestamp, WireModel, find_first_words, fit
from trader.errors import VenueProtocol
from trader.model.ids import ClientOrderId, Instant, ProductId, VenueOrderId
from trader.model.money import ZERO, Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderStatusReport, Side

_REASON_LENGTH = 200

#: The venue's words only: INTENDED or WITHHELD from it would be as strange as a word nobody knows.
VENUE_STATUSES = (
    OrderStatus.PENDING,
    OrderStatus.QUEUED,
    OrderStatus.OPEN,
    OrderStatus.EDIT_QUEUED,
    OrderStatus.CANCEL_QUEUED,
    OrderStatus.FILLED,
    OrderStatus.CANCELLED,
    OrderStatus.EXPIRED,
    OrderStatus.FAILED,
)


def _status(word: Any) -> Any:
    return word if word in VENUE_STATUSES else OrderStatus.UNKNOWN_ORDER_STATUS


class OrderTerms(WireModel):
    """What an order was configured with; which of these there are depends on its kind."""

    base_size: Number | None = None
    limit_price: Number | None = None
    stop_price: Number | None = None
    stop_trigger_price: Number | None = None
    post_only: bool | None = None


Configuration = Annotated[Mapping[str, OrderTerms], DropNulls]


class OrderReply(WireModel):
    """An order as the venue has it."""

    order_id: str
    client_order_id: str = ""
    originating_order_id: str = ""
    product_id: str
    side: Side
    created_time: Timestamp
    # A missing status is as unknown as an unheard-of one.
    status: Annotated[OrderStatus, BeforeValidator(_status)] = OrderStatus.UNKNOWN_ORDER_STATUS
    filled_size: Number = ZERO
    settled: bool = False
    attached_order_id: str | None = None
    order_configuration: Configuration | None = None
    attached_order_configuration: Configuration | None = None

    @property
    def terms(self) -> OrderTerms:
        """What it was configured with."""
        return next(iter((self.order_configuration or {}).values()), OrderTerms())

    @property
    def attached_terms(self) -> OrderTerms | None:
        """What its bracket was configured with, where the venue says so."""
        return next(iter((self.attached_order_configuration or {}).values()), None)


class _OrderEnvelope(WireModel):
    order: OrderReply


def read_order(raw: Any) -> OrderReply:
    """Read one order of a list. Raises: VenueProtocol."""
    return _sound(fit(OrderReply, raw, "order"))


def read_order_envelope(raw: Any) -> OrderReply:
    """Read the answer to a question for one order. Raises: VenueProtocol."""
    return _sound(fit(_OrderEnvelope, raw, "order").order)


def _sound(order: OrderReply) -> OrderReply:
    if order.status is OrderStatus.FILLED and order.filled_size <= 0:
        raise VenueProtocol(f"order {order.order_id} is FILLED with nothing")
    return order


def make_status_report(order: OrderReply) -> OrderStatusReport:
    """Turn an order into what the core knows of one."""
    terms = order.terms
    stop = terms.stop_price if terms.stop_trigger_price is None else terms.stop_trigger_price
    return OrderStatusReport(
        venue_order_id=VenueOrderId(order.order_id),
        client_order_id=ClientOrderId(order.client_order_id),
        product_id=ProductId(order.product_id),
        side=order.side,
        status=order.status,
        filled_quantity=Quantity(order.filled_size),
        created_at=Instant(order.created_time),
        settled=order.settled,
        attached_order_id=None if order.attached_order_id is None else VenueOrderId(order.attached_order_id),
        originating_order_id=VenueOrderId(order.originating_order_id) if order.originating_order_id else None,
        quantity=None if terms.base_size is None else Quantity(terms.base_size),
        limit_price=None if terms.limit_price is None else Price(terms.limit_price),
        stop_price=None if stop is None else Price(stop),
    )


class _Placed(WireModel):
    order_id: str


class _CreateReply(WireModel):
    success: bool
    # Either half: samples print both, and the one that does not count must not stop us.
    success_response: dict[str, Any] | None = None
    error_response: dict[str, Any] | None = None
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to a new order: the id of what exists now, or why nothing does."""

    order_id: VenueOrderId | None
    reason: str = ""


def read_created(raw: Any) -> Created:
    """Read the answer to a new order; ``success`` alone decides. Raises: VenueProtocol."""
    wire = fit(_CreateReply, raw, "new order")
    if not wire.success:
        return Created(None, _reject_reason(wire))
    return Created(VenueOrderId(fit(_Placed, wire.success_response or {}, "new order").order_id))


def _reject_reason(reply: _CreateReply) -> str:
    codes = ("new_order_failure_reason", "preview_failure_reason", "error", "message", "error_details")
    known = find_first_words(reply.error_response or {}, *codes) or find_first_words(
        {"reason": reply.failure_reason}, "reason"
    )
    return (known or "UNKNOWN_FAILURE_REASON")[:_REASON_LENGTH]


class _Cancelled(WireModel):
    order_id: str
    success: bool


class _CancelReply(WireModel):
    results: list[_Cancelled]


def read_cancelled(raw: Any) -> Mapping[VenueOrderId, bool]:
    """Read which cancel requests were taken. Raises: VenueProtocol."""
    return {VenueOrderId(each.order_id): each.success for each in fit(_CancelReply, raw, "cancel").results}


@dataclass(frozen=True, slots=True)
class Preview:
    """What the venue would say to an order: reasons against it (none: it would be taken), and what it would cost."""

    reasons: tuple[str, ...]
    total: Notional | None
    commission: Notional | None


class _PreviewReply(WireModel):
    errs: list[str]
    order_total: Number | None = None
    commission_total: Number | None = None


def read_preview(raw: Any) -> Preview:
    """Read a preview. Raises: VenueProtocol."""
    wire = fit(_PreviewReply, raw, "preview")
    return Preview(
        tuple(reason.removeprefix("PREVIEW_") for reason in wire.errs),
        None if wire.order_total is None else Notional(wire.order_total),
        None if wire.commission_total is None else Notional(wire.commission_total),
    )
