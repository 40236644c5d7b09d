"""Why an order is refused, and the envelopes such refusals travel in: HTTP 200, ``success`` false."""

from __future__ import annotations

from desk.sandbox.replies import JsonObject

#: Reasons that POST /orders has names of its own for; the others are told as a preview failure alone.
_NEW_ORDER = frozenset(
    {
        "INSUFFICIENT_FUND",
        "INVALID_BRACKET_PRICES",
        "INVALID_BRACKET_STOP_TRIGGER_PRICE",
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "INVALID_NO_LIQUIDITY",
        "INVALID_PRICE_PRECISION",
        "INVALID_PRODUCT_ID",
        "INVALID_SIDE",
        "INVALID_SIZE_PRECISION",
        "BRACKET_ORDER_NOT_SUPPORTED",
        "ATTACHED_ORDER_SIZE_MUST_BE_NIL",
        "ATTACHED_ORDERS_ONLY_ALLOWED_ON_MARKET_LIMIT",
        "DUPLICATE_CLIENT_ORDER_ID",
        "END_TIME_IS_IN_THE_PAST",
        "GTD_ORDERS_MUST_HAVE_END_TIME",
        "INVALID_REQUEST",
        "ORDER_ENTRY_DISABLED",
        "QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET",
        "TRADING_DISABLED",
        "UNSUPPORTED_ORDER_CONFIGURATION",
    }
)
#: Reasons a preview has no name for: POST /orders gives them as ``new_order_failure_reason``.
_NEW_ORDER_ONLY = frozenset(
    {
        "DUPLICATE_CLIENT_ORDER_ID",
        "INVALID_REQUEST",
        "ORDER_ENTRY_DISABLED",
        "UNSUPPORTED_ORDER_CONFIGURATION",
    }
)
_MESSAGES = {
    "INSUFFICIENT_FUND": "Insufficient balance in source account",
    "INVALID_PRODUCT_ID": "Invalid product_id",
    "DUPLICATE_CLIENT_ORDER_ID": "client_order_id was used before",
}


class OrderRefused(Exception):
    """An order the venue does not take. ``reason`` is without the PREVIEW_ that it often wears."""

    def __init__(self, reason: str, message: str | None = None, *, error: str | None = None) -> None:
        self.reason = reason
        self.message = _MESSAGES.get(reason, "") if message is None else message
        self._error = error
        super().__init__(f"{reason}: {self.message}" if self.message else reason)

    def body(self, configuration: object) -> JsonObject:
        """Write the answer to POST /orders."""
        error = self._error or (self.reason if self.reason in _NEW_ORDER else "UNKNOWN_FAILURE_REASON")
        response = {"error": error, "message": self.message, "error_details": ""}
        if self.reason in _NEW_ORDER_ONLY:
            response["new_order_failure_reason"] = self.reason
        elif self.reason != "UNKNOWN_FAILURE_REASON":
            response["preview_failure_reason"] = self.preview_reason
        return {"success": False, "error_response": response, "order_configuration": configuration}

    @property
    def preview_reason(self) -> str:
        """The name a preview gives it."""
        if self.reason == "UNKNOWN_FAILURE_REASON":
            return "UNKNOWN_PREVIEW_FAILURE_REASON"
        return "PREVIEW_INVALID_ORDER_CONFIG" if self.reason in _NEW_ORDER_ONLY else f"PREVIEW_{self.reason}"


def refuse_market_sell_in_quote() -> OrderRefused:
    """Refuse a market sale that says how much money it wants."""
    return OrderRefused(
        "INVALID_ORDER_CONFIG",
        "rpc error: code = InvalidArgument desc = Market sells must be parameterized in base currency",
        error="UNSUPPORTED_ORDER_CONFIGURATION",
    )


def refuse_missing_wallet() -> OrderRefused:
    """Refuse an order whose funds would come out of a wallet that does not exist."""
    return OrderRefused("UNKNOWN_FAILURE_REASON", "account is not available")
