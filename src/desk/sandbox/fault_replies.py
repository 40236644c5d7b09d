"""What a fault makes of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from desk.sandbox.faults import Fault, FaultRule
from desk.sandbox.foreign_rows import add_foreign_rows
from desk.sandbox.replies import Refusal, Reply, refuse_not_found, reply_html, reply_json, reply_text

_ENUMS = frozenset(
    {
        "status",
        "order_type",
        "time_in_force",
        "trigger_status",
        "reject_reason",
        "liquidity_indicator",
        "trade_type",
        "margin_type",
        "failure_reason",
        "product_venue",
        "type",
    }
)
_TOTALS = re.compile(r"total_.*|filled_value|advanced_trade_only_.*|coinbase_pro_.*|.*_fee_rate|volume|commission")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_NEW_MEMBER = "SOMETHING_NEW"
_NO_EDIT_ERROR = {
    "edit_failure_reason": "UNKNOWN_EDIT_ORDER_FAILURE_REASON",
    "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
}
_WITHOUT_REASON = {
    "success": False,
    "error_response": {
        "error": "UNKNOWN_FAILURE_REASON",
        "message": "",
        "error_details": "",
        "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
        "new_order_failure_reason": "UNKNOWN_FAILURE_REASON",
    },
    "order_configuration": None,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer leaves.

    Without a ``reply`` the connection is closed, or reset if ``is_reset``; ``is_cut`` sends half the body and closes.
    Units: ``wait`` in seconds before the first byte.
    """

    reply: Reply | None
    wait: float = 0.0
    is_reset: bool = False
    is_cut: bool = False


def corrupt_reply(rule: FaultRule, answer: Reply | None) -> Delivery:
    """Return what the client gets in place of, or made of, the true answer; None stands for one never made."""
    fault = rule.fault
    if fault in {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER}:
        return Delivery(None, wait=rule.seconds)
    if fault in {Fault.RESET_BEFORE, Fault.RESET_AFTER}:
        return Delivery(None, is_reset=True)
    if fault in _REPLACED:
        reply = _REPLACED[fault]()
        if rule.retry_after:
            reply = replace(reply, headers=(("Retry-After", str(rule.retry_after)),))
        return Delivery(reply)
    assert answer is not None, f"{fault} needs an answer to work on"
    if fault is Fault.SLOW:
        return Delivery(answer, wait=rule.seconds)
    if fault is Fault.CUT_OFF:
        return Delivery(answer, is_cut=True)
    return Delivery(_damaged(rule, answer))


def _damaged(rule: FaultRule, answer: Reply) -> Reply:
    fault = rule.fault
    if fault is Fault.TRUNCATED:
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    if fault is Fault.EMPTY:
        return replace(answer, body=b"")
    rewrite = _REWRITES.get(fault)
    if rewrite is None or not answer.content_type.startswith("application/json"):
        return answer
    return replace(answer, body=reply_json(rewrite(json.loads(answer.body), rule)).body)


def _with_new_members(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _NEW_MEMBER if key in _ENUMS and isinstance(each, str) else _with_new_members(each)
            for key, each in value.items()
        }
    return [_with_new_members(each) for each in value] if isinstance(value, list) else value


def _with_extra_keys(value: object) -> object:
    if isinstance(value, dict):
        grown = {key: _with_extra_keys(each) for key, each in value.items()}
        return grown | {"a_member_of_next_year": {"nested": ["text", 1, None]}}
    return [_with_extra_keys(each) for each in value] if isinstance(value, list) else value


def _with_numbers(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: float(each)
            if _TOTALS.fullmatch(key) and isinstance(each, str) and _NUMBER.fullmatch(each)
            else _with_numbers(each)
            for key, each in value.items()
        }
    return [_with_numbers(each) for each in value] if isinstance(value, list) else value


def _with_error_object(value: object) -> object:
    """As was recorded once: an object that says there is none, where the documents have a list."""
    if not isinstance(value, dict) or not isinstance(value.get("errors"), list):
        return value
    return {**value, "errors": value["errors"][0] if value["errors"] else dict(_NO_EDIT_ERROR)}


def _withheld(value: object) -> object:
    if not isinstance(value, dict):
        return value
    hidden: dict[str, list[object]] = {key: [] for key in ("orders", "fills") if key in value}
    return {**value, **hidden, "cursor": "", "has_next": False, "proof_token_required": True}


_REPLACED: Mapping[Fault, Callable[[], Reply]] = {
    Fault.RATE_LIMITED_HTML: lambda: reply_html("Too many requests", 429),
    Fault.RATE_LIMITED_JSON: lambda: reply_json(
        {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}, 429
    ),
    Fault.UNAUTHORIZED: lambda: reply_text("Unauthorized", 401),
    Fault.FORBIDDEN: lambda: Refusal(403, "PERMISSION_DENIED", "Target Account Not Tradable").reply(),
    Fault.NOT_FOUND: lambda: refuse_not_found("order with this orderID was not found").reply(),
    Fault.INTERNAL_ERROR: lambda: Refusal(500, "INTERNAL", "").reply(),
    Fault.BAD_GATEWAY: lambda: reply_html("502 Bad Gateway", 502),
    Fault.UNAVAILABLE: lambda: reply_html("503 Service Unavailable", 503),
    Fault.REJECTED_WITHOUT_REASON: lambda: reply_json(_WITHOUT_REASON),
}
_REWRITES: Mapping[Fault, Callable[[object, FaultRule], object]] = {
    Fault.UNKNOWN_ENUMS: lambda value, _: _with_new_members(value),
    Fault.EXTRA_KEYS: lambda value, _: _with_extra_keys(value),
    Fault.NUMBERS_FOR_TEXT: lambda value, _: _with_numbers(value),
    Fault.ERRORS_AS_OBJECT: lambda value, _: _with_error_object(value),
    Fault.PROOF_TOKEN_REQUIRED: lambda value, _: _withheld(value),
    Fault.FOREIGN_ROWS: lambda value, rule: add_foreign_rows(value, rule.fired),
}
