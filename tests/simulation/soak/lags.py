"""Did this answer of the venue really lag behind the truth? A lag that hid nothing is not counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import requests

from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME
from simulation.soak.fault_kinds import FaultKind


def late_answers(venue: Venue, name: str, response: requests.Response) -> list[FaultKind]:
    """Name the lags that made a difference to an answer."""
    if response.status_code == 404 and name == "venue GET /orders/historical/*" and venue.options.lags.order > 0:
        return [FaultKind.LAG_ORDER]
    if response.status_code != 200:
        return []
    with venue.lock:
        return [kind for kind, (where, is_late) in _LATE.items() if where == name and is_late(venue, response)]


def _orders(venue: Venue, _: requests.Response) -> bool:
    lag, book = venue.options.lags.listing, venue.account
    return lag > 0 and book.seen_orders(venue.time.seen_until(lag)) != book.seen_orders(END_OF_TIME)


def _settled(venue: Venue, _: requests.Response) -> bool:
    lag, book = venue.options.lags.settled, venue.account
    over = [order for order in book.orders.values() if not order.is_active]
    return lag > 0 and any(not book.is_settled(order, venue.time.seen_until(lag)) for order in over)


def _fills(venue: Venue, _: requests.Response) -> bool:
    lag, book = venue.options.lags.fills, venue.account
    return lag > 0 and len(book.seen_executions(venue.time.seen_until(lag))) < len(book.executions)


def _balances(venue: Venue, _: requests.Response) -> bool:
    lag, book = venue.options.lags.balance, venue.account
    return lag > 0 and book.balances(venue.time.seen_until(lag)) != book.balances(END_OF_TIME)


def _pending(venue: Venue, response: requests.Response) -> bool:
    told = json.loads(response.content).get("success_response", {})
    order = venue.account.orders.get(told.get("order_id", ""))
    return order is not None and order.is_pending


def _cancel(venue: Venue, _: requests.Response) -> bool:
    return any(order.cancel_at is not None for order in venue.account.active.values())


def _convert(_: Venue, response: requests.Response) -> bool:
    return b"TRADE_STATUS_STARTED" in response.content


_LATE: Mapping[FaultKind, tuple[str, Callable[[Venue, requests.Response], bool]]] = {
    FaultKind.LAG_ORDERS: ("venue GET /orders/historical/batch", _orders),
    FaultKind.LAG_SETTLED: ("venue GET /orders/historical/batch", _settled),
    FaultKind.LAG_FILLS: ("venue GET /orders/historical/fills", _fills),
    FaultKind.LAG_BALANCES: ("venue GET /accounts", _balances),
    FaultKind.LAG_PENDING: ("venue POST /orders", _pending),
    FaultKind.LAG_CANCEL: ("venue POST /orders/batch_cancel", _cancel),
    FaultKind.LAG_CONVERSION: ("venue GET /convert/trade/*", _convert),
}
