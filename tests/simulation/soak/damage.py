"""Answers as they should not be: replaced, damaged, refused; from the venue, and from AWS."""

from __future__ import annotations

import io
import json
from typing import Any

import requests
from botocore.awsrequest import AWSResponse

from desk.sandbox.fault_replies import corrupt_reply
from desk.sandbox.faults import Fault, FaultRule
from desk.sandbox.reasons import OrderRefused
from desk.sandbox.replies import Reply, reply_json
from simulation.soak.fault_kinds import FaultKind
from trader.model.ids import Instant, rfc3339

#: In place of the venue's answer; the venue never hears of it.
INSTEAD = {
    FaultKind.THROTTLED_PAGE: Fault.RATE_LIMITED_HTML,
    FaultKind.THROTTLED_JSON: Fault.RATE_LIMITED_JSON,
    FaultKind.INTERNAL_ERROR: Fault.INTERNAL_ERROR,
    FaultKind.BAD_GATEWAY: Fault.BAD_GATEWAY,
    FaultKind.UNAVAILABLE: Fault.UNAVAILABLE,
    FaultKind.UNAUTHORIZED: Fault.UNAUTHORIZED,
    FaultKind.FORBIDDEN: Fault.FORBIDDEN,
    FaultKind.NOT_FOUND: Fault.NOT_FOUND,
    FaultKind.WITHOUT_REASON: Fault.REJECTED_WITHOUT_REASON,
}
#: Made of the venue's answer.
DAMAGE = {
    FaultKind.TRUNCATED: Fault.TRUNCATED,
    FaultKind.EMPTY: Fault.EMPTY,
    FaultKind.UNKNOWN_ENUMS: Fault.UNKNOWN_ENUMS,
    FaultKind.EXTRA_KEYS: Fault.EXTRA_KEYS,
    FaultKind.NUMBERS_FOR_TEXT: Fault.NUMBERS_FOR_TEXT,
    FaultKind.PROOF_TOKEN: Fault.PROOF_TOKEN_REQUIRED,
    FaultKind.FOREIGN_ROWS: Fault.FOREIGN_ROWS,
}
#: Done by the venue itself, on the socket or in its book.
BY_VENUE = {
    FaultKind.RESET_BEFORE: Fault.RESET_BEFORE,
    FaultKind.RESET_AFTER: Fault.RESET_AFTER,
    FaultKind.CUT_OFF: Fault.CUT_OFF,
}
FATES = {
    FaultKind.ACCEPTED_THEN_FAILED: Fault.ACCEPTED_THEN_FAILED,
    FaultKind.PARTIAL_THEN_CANCELLED: Fault.PARTIAL_THEN_CANCELLED,
    FaultKind.POST_ONLY_RACE: Fault.POST_ONLY_RACE,
    FaultKind.CANCEL_FILL_RACE: Fault.CANCEL_FILL_RACE,
}
_STALE_SECONDS = 900
#: One of each class that is no doubt, and of the market two.
REASONS = (
    "INVALID_NO_LIQUIDITY",
    "BREACHED_PRICE_LIMIT",
    "NOT_ALLOWED_BY_MARKET_STATE",
    "INSUFFICIENT_FUND",
    "INVALID_SIZE_PRECISION",
    "PERMISSION_DENIED",
)


def instead(fault: Fault) -> requests.Response:
    """What comes in place of the venue's answer."""
    reply = corrupt_reply(FaultRule(fault), None).reply
    assert reply is not None
    return _response(reply)


def refused(reason: str) -> requests.Response:
    """An order is refused for a reason, and the venue never hears of it."""
    return _response(reply_json(OrderRefused(reason).body({})))


def damaged(kind: FaultKind, response: requests.Response, now: Instant) -> tuple[requests.Response, bool]:
    """Damage an answer; and tell whether that made a difference."""
    body = response.content
    reply = Reply(response.status_code, body, response.headers.get("Content-Type", ""))
    if response.status_code != 200:
        made = body
    elif kind is FaultKind.GARBLED:
        half = len(body) // 2
        made = body[:half].replace(b":", b"%", 1) + body[half:].replace(b'"', b"\xff", 1)
    elif kind in (FaultKind.CROSSED_QUOTES, FaultKind.STALE_QUOTES):
        made = _worse_quotes(kind, body, now)
    else:
        # Which of the owner's rows it is follows from the answer: the same world is the same again.
        changed = corrupt_reply(FaultRule(DAMAGE[kind], fired=now // 60 + len(body)), reply).reply
        assert changed is not None
        made = changed.body
    return _response(Reply(reply.status, made, reply.content_type)), made != body


def _response(reply: Reply) -> requests.Response:
    """An answer as the transport would have brought it."""
    response = requests.Response()
    response.status_code = reply.status
    response.headers.update({"Content-Type": reply.content_type, **dict(reply.headers)})
    response.raw = io.BytesIO(reply.body)
    return response


def _worse_quotes(kind: FaultKind, body: bytes, now: Instant) -> bytes:
    """Turn bid and ask round, or make the quotes a quarter of an hour old."""
    told = json.loads(body)
    for book in told.get("pricebooks", []):
        if kind is FaultKind.CROSSED_QUOTES:
            book["bids"], book["asks"] = book["asks"], book["bids"]
        else:
            book["time"] = rfc3339(Instant(now - _STALE_SECONDS))
    return json.dumps(told).encode()


def aws_error(url: str, service: str, *, is_throttle: bool) -> AWSResponse:
    """The error of a service, in its own protocol."""
    if service == "s3":
        status, code = (503, "SlowDown") if is_throttle else (500, "InternalError")
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
        return AWSResponse(url, status, {"Content-Type": "application/xml"}, _Raw(body.encode()))
    status, code = (400, "ThrottlingException") if is_throttle else (500, "InternalServerError")
    body = json.dumps({"__type": code, "message": "no"})
    return AWSResponse(url, status, {"Content-Type": "application/x-amz-json-1.0"}, _Raw(body.encode()))


class _Raw(io.BytesIO):
    """What botocore reads a body from."""

    def stream(self, **_: Any) -> Any:
        """Yield the body in one piece."""
        yield self.read()
