"""Answers as they should not be: replaced, damaged, refused; from the venue, and from AWS."""

from __future__ import annotations

import io
import json
from typing import Any

import requests
from botocore.awsrequest import AWSResponse

from desk.sandbox.faults import Fault, FaultRule
from desk.sandbox.replies import Reply
from desk.sandbox.wreckage import wrecked
from simulation.soak.kinds import Kind
from trader.model.ids import Instant, rfc3339

#: In place of the venue's answer; the venue never hears of it.
INSTEAD = {
    Kind.THROTTLED_PAGE: Fault.RATE_LIMITED_HTML,
    Kind.THROTTLED_JSON: Fault.RATE_LIMITED_JSON,
    Kind.INTERNAL_ERROR: Fault.INTERNAL_ERROR,
    Kind.BAD_GATEWAY: Fault.BAD_GATEWAY,
    Kind.UNAVAILABLE: Fault.UNAVAILABLE,
    Kind.UNAUTHORIZED: Fault.UNAUTHORIZED,
    Kind.FORBIDDEN: Fault.FORBIDDEN,
    Kind.NOT_FOUND: Fault.NOT_FOUND,
    Kind.WITHOUT_REASON: Fault.REJECTED_WITHOUT_REASON,
}
#: Made of the venue's answer.
DAMAGE = {
    Kind.TRUNCATED: Fault.TRUNCATED,
    Kind.EMPTY: Fault.EMPTY,
    Kind.UNKNOWN_ENUMS: Fault.UNKNOWN_ENUMS,
    Kind.EXTRA_KEYS: Fault.EXTRA_KEYS,
    Kind.NUMBERS_FOR_TEXT: Fault.NUMBERS_FOR_TEXT,
    Kind.PROOF_TOKEN: Fault.PROOF_TOKEN_REQUIRED,
}
#: Done by the venue itself, on the socket or in its book.
BY_VENUE = {
    Kind.RESET_BEFORE: Fault.RESET_BEFORE,
    Kind.RESET_AFTER: Fault.RESET_AFTER,
    Kind.CUT_OFF: Fault.CUT_OFF,
}
FATES = {
    Kind.ACCEPTED_THEN_FAILED: Fault.ACCEPTED_THEN_FAILED,
    Kind.PARTIAL_THEN_CANCELLED: Fault.PARTIAL_THEN_CANCELLED,
    Kind.POST_ONLY_RACE: Fault.POST_ONLY_RACE,
    Kind.CANCEL_FILL_RACE: Fault.CANCEL_FILL_RACE,
}
_STALE_SECONDS = 900


def instead(fault: Fault) -> requests.Response:
    """What comes in place of the venue's answer."""
    reply = wrecked(FaultRule(fault), None).reply
    assert reply is not None
    return _response(reply)


def damaged(kind: Kind, response: requests.Response, now: Instant) -> tuple[requests.Response, bool]:
    """Damage an answer; and tell whether that made a difference."""
    body = response.content
    reply = Reply(response.status_code, body, response.headers.get("Content-Type", ""))
    if response.status_code != 200:
        made = body
    elif kind is Kind.GARBLED:
        half = len(body) // 2
        made = body[:half].replace(b":", b"%", 1) + body[half:].replace(b'"', b"\xff", 1)
    elif kind in (Kind.CROSSED_QUOTES, Kind.STALE_QUOTES):
        made = _worse_quotes(kind, body, now)
    else:
        changed = wrecked(FaultRule(DAMAGE[kind]), reply).reply
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


def _worse_quotes(kind: Kind, body: bytes, now: Instant) -> bytes:
    """Turn bid and ask round, or make the quotes a quarter of an hour old."""
    told = json.loads(body)
    for book in told.get("pricebooks", []):
        if kind is Kind.CROSSED_QUOTES:
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
