"""Orders and fills as the venue writes them: everything as text, and a few habits of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from desk.sandbox.ids import PORTFOLIO_ID, USER_ID, derive_entry_id
from desk.sandbox.orders import Execution, Order
from desk.sandbox.replies import JsonObject
from desk.sandbox.venue_clock import to_text
from trader.model.money import ZERO, plain
from trader.model.orders import Side

if TYPE_CHECKING:
    from desk.sandbox.venue import Venue

_AVERAGE_PLACES = Decimal("1e-16")
#: Members that mean something for other classes of assets.
_ELSEWHERE: JsonObject = {
    "leverage": "",
    "margin_type": "UNKNOWN_MARGIN_TYPE",
    "is_liquidation": False,
    "product_details": None,
    "cost_basis_method": "COST_BASIS_METHOD_UNSPECIFIED",
    "displayed_order_config": "UNKNOWN_DISPLAYED_ORDER_CONFIG",
    "equity_trading_session": "UNKNOWN_EQUITY_TRADING_SESSION",
    "prediction_side": "PREDICTION_SIDE_UNKNOWN",
}


def encode_order(venue: Venue, order: Order) -> JsonObject:
    """Write an order as it was at the moment it is shown from."""
    core = order.core
    sign = 1 if core.side is Side.BUY else -1
    is_holding = order.is_active or core.venue_order_id in venue.account.releasing
    hold = order.hold[1] if is_holding else ZERO
    settled_until = venue.time.seen_until(venue.options.lags.settled)
    is_settled = not is_holding and order.final_since is not None and order.final_since <= settled_until
    return {
        "order_id": core.venue_order_id,
        "product_id": core.product_id,
        "user_id": USER_ID,
        "order_configuration": order.configuration,
        "side": core.side,
        "client_order_id": core.client_order_id,
        "status": core.status,
        "time_in_force": order.time_in_force,
        "created_time": to_text(order.created),
        "completion_percentage": _completion(order),
        "filled_size": plain(core.filled),
        "average_filled_price": _average(order),
        "fee": "",
        "number_of_fills": str(core.executions),
        "filled_value": plain(order.filled_value),
        "pending_cancel": order.cancel_at is not None,
        "size_in_quote": order.quote_size is not None,
        "total_fees": plain(order.fees),
        "size_inclusive_of_fees": order.quote_size is not None,
        "total_value_after_fees": plain(order.filled_value + sign * order.fees),
        "trigger_status": _trigger_status(order),
        "order_type": order.order_type,
        "reject_reason": order.reject_reason,
        "settled": is_settled,
        "product_type": "SPOT",
        "reject_message": order.reject_message,
        "cancel_message": order.cancel_message,
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": plain(hold),
        "last_fill_time": to_text(order.last_fill) if order.last_fill is not None else None,
        "edit_history": [
            {"price": plain(edit.price), "size": plain(edit.size), "replace_accept_timestamp": to_text(edit.at)}
            for edit in reversed(order.edits)
        ],
        "retail_portfolio_id": PORTFOLIO_ID,
        "originating_order_id": core.parent or "",
        "attached_order_id": core.child or "",
        "attached_order_configuration": order.attached_configuration,
        "current_pending_replace": None,
        "commission_detail_total": _commission(order),
        "workable_size": plain(core.remaining),
        "workable_size_completion_pct": _completion(order),
        "last_update_time": to_text(order.updated),
    } | _ELSEWHERE


def encode_fill(execution: Execution) -> JsonObject:
    """Write a fill. The size of one that was asked for in quote is in quote."""
    fill = execution.fill
    return {
        "entry_id": derive_entry_id(f"entry|{fill.trade_id}"),
        "trade_id": fill.trade_id,
        "order_id": fill.venue_order_id,
        # The venue's own matching engine counts nanoseconds; no client may trip over that.
        "trade_time": to_text(execution.at)[:-1] + f"{execution.sequence % 1000:03d}Z",
        "trade_type": "FILL",
        "price": plain(fill.price),
        "size": plain(execution.value if execution.size_in_quote else fill.quantity),
        "commission": plain(fill.fee),
        "product_id": fill.product_id,
        "sequence_timestamp": to_text(execution.at),
        "liquidity_indicator": fill.liquidity,
        "size_in_quote": execution.size_in_quote,
        "user_id": USER_ID,
        "side": fill.side,
        "retail_portfolio_id": PORTFOLIO_ID,
        "fillSource": "FILL_SOURCE_CLOB",
        "commission_detail_total": {"total_commission": plain(fill.fee)},
    }


def _commission(order: Order) -> JsonObject:
    return {
        "total_commission": plain(order.fees),
        "gst_commission": "0",
        "withholding_commission": "0",
        "client_commission": plain(order.fees),
        "venue_commission": "0",
        "regulatory_commission": "0",
        "clearing_commission": "0",
    }


def _completion(order: Order) -> str:
    core = order.core
    if core.filled <= 0:
        return "0"
    if order.quote_size is not None:
        done = order.filled_value + order.fees
        return plain((done / order.quote_size * 100).quantize(Decimal("0.01")))
    share = (core.filled / core.quantity * 100).quantize(Decimal("0.01"))
    return format(share, "f")


def _average(order: Order) -> str:
    if order.core.filled <= 0:
        return "0"
    return plain((order.filled_value / order.core.filled).quantize(_AVERAGE_PLACES))


def _trigger_status(order: Order) -> str:
    # A plain order has no trigger, and this is how the venue says so.
    if not order.has_stop:
        return "INVALID_ORDER_TYPE"
    return "STOP_TRIGGERED" if order.core.is_triggered else "STOP_PENDING"
