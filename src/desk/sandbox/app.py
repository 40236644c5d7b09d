"""The way of a request: counted, delayed, perhaps corrupted, limited, authenticated, answered, written down."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from desk.sandbox import endpoints_account, endpoints_market, endpoints_orders, endpoints_v2
from desk.sandbox.auth import check_permission
from desk.sandbox.calls import Call, Query, Route, RouteTable
from desk.sandbox.configurations import convert_to_snake_keys
from desk.sandbox.control import PREFIX as CONTROL
from desk.sandbox.control import handle_control
from desk.sandbox.fault_replies import Delivery, corrupt_reply
from desk.sandbox.faults import Fault
from desk.sandbox.replies import (
    CANNED,
    JsonObject,
    Refusal,
    Reply,
    Unauthorized,
    refuse_invalid,
    reply_html,
    reply_json,
    reply_text,
)
from desk.sandbox.traffic import Seen, classify
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import Micros


@dataclass(frozen=True, slots=True)
class Request:
    """What came over the socket. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class App:
    """Stands between the sockets and the venue; any number of threads may be in it."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._routes = RouteTable(
            (*endpoints_market.ROUTES, *endpoints_account.ROUTES, *endpoints_orders.ROUTES, *endpoints_v2.ROUTES)
        )
        self._cache: dict[str, tuple[Micros, Reply]] = {}

    def answer(self, request: Request) -> Delivery:
        """Answer a request, or decide how it goes wrong."""
        venue = self.venue
        if request.path.startswith(CONTROL):
            return Delivery(handle_control(venue, request.method, request.path, request.body))
        kind = classify(request.path)
        is_granted = venue.traffic.count(kind)
        if venue.options.delay_seconds > 0:
            time.sleep(venue.options.delay_seconds)
        rule = venue.faults.pick(request.method, request.path)
        reply = None
        if rule is None or not rule.fault.replaces or rule.executed:
            planned_fault = rule.fault if rule is not None and rule.fault.is_planned else None
            reply = self._reply(request, planned_fault) if is_granted else reply_html("Too many requests", 429)
            reply = replace(reply, headers=(*reply.headers, *venue.traffic.headers(kind)))
        is_wrecked = rule is not None and not rule.fault.is_planned
        delivery = corrupt_reply(rule, reply) if rule is not None and is_wrecked else Delivery(reply)
        status = delivery.reply.status if delivery.reply is not None else 0
        name = rule.fault.value if rule is not None else ""
        venue.traffic.note(Seen(time.monotonic(), request.method, request.path, request.query, kind, status, name))
        return delivery

    def _reply(self, request: Request, planned_fault: Fault | None) -> Reply:
        found = self._routes.find(request.method, request.path)
        try:
            if found is None:
                raise Refusal(404, "unknown", "Not Found")
            route, arguments = found
            call = Call(request.path, arguments, Query(request.query), {}, planned_fault=planned_fault)
            if route.permission is None:
                return self._public(route, call, request)
            key = self.venue.authenticate(request.headers.get("authorization", ""), request.method, request.path)
            check_permission(key, route.permission)
            canned = CANNED.get(request.headers.get("x-sandbox", ""))
            if canned is not None:
                return reply_json(canned)
            return self._asked(route, replace(call, key=key, body=_body(request)))
        except Unauthorized:
            return reply_text("Unauthorized", 401)
        except Refusal as refused:
            return refused.reply()

    def _public(self, route: Route, call: Call, request: Request) -> Reply:
        seconds = self.venue.options.public_cache_seconds
        if seconds is None:
            seconds = 0.0 if self.venue.time.is_virtual else 1.0
        name = f"{request.path}?{request.query}"
        is_fresh_wanted = "no-cache" in request.headers.get("cache-control", "")
        now = self.venue.time.moment()
        if route.cached and seconds > 0 and not is_fresh_wanted and name in self._cache:
            at, reply = self._cache[name]
            if now - at < seconds * 1_000_000:
                return reply
        reply = self._asked(route, call)
        if route.cached:
            # What the edge says about caching is not true; a client that believed it would trade on old prices.
            reply = replace(reply, headers=(("Cache-Control", "public, max-age=14400"),))
            self._cache[name] = (now, reply)
        return reply

    def _asked(self, route: Route, call: Call) -> Reply:
        with self.venue.lock:
            self.venue.advance()
            return reply_json(route.endpoint(self.venue, call))


def _body(request: Request) -> JsonObject:
    """Read the body; a GET may carry one, and it means nothing."""
    if request.method == "GET" or not request.body.strip():
        return {}
    try:
        body = convert_to_snake_keys(json.loads(request.body))
    except ValueError as error:
        raise refuse_invalid("invalid JSON body") from error
    if not isinstance(body, dict):
        raise refuse_invalid("the body must be a JSON object")
    return body
