"""The canned errors of the official static sandbox, asked for by the header ``X-Sandbox``."""

from __future__ import annotations

from desk.sandbox.replies import JsonObject

_EDIT_FAILED = [{"edit_failure_reason": "ORDER_NOT_FOUND", "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON"}]

CANNED: dict[str, JsonObject] = {
    "PostOrder_insufficient_fund": {
        "success": False,
        "error_response": {
            "error": "INSUFFICIENT_FUND",
            "message": "Insufficient balance in source account",
            "error_details": "",
            "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
        },
        "order_configuration": {},
    },
    "CancelOrders_failure": {
        "results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "0000-000000-000000"}]
    },
    "EditOrder_failure": {"success": False, "errors": _EDIT_FAILED},
    "PreviewEditOrder_failure": {"errors": _EDIT_FAILED},
    "PreviewOrder_insufficient_fund": {"errs": ["PREVIEW_INSUFFICIENT_FUND"], "warning": [], "preview_id": ""},
}
