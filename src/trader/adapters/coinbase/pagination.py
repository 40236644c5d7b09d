"""Lists that come in pages: walked to the end, or not believed at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trader.adapters.coinbase.http import Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup
from trader.adapters.coinbase.wire.base import read_answer, read_page
from trader.errors import VenueProtocol, VenueUnavailable
from trader.model.frozen import replace
from trader.model.ids import Instant, VenueOrderId, rfc3339

_PAGES_MAX = 400
_LIMIT = ("limit", "250")

ACCOUNTS = Call("GET", "/accounts", query=(_LIMIT,))
ORDERS = Call("GET", "/orders/historical/batch", query=(("product_type", "SPOT"), _LIMIT))
FILLS = Call("GET", "/orders/historical/fills", RateLimitGroup.FILLS, (_LIMIT,))


def iterate(
    transport: Transport,
    call: Call,
    key: str,
    until: float | None = None,
    attempts: int | None = None,
) -> Iterator[Any]:
    """Yield the rows of every page. Half a list is no list.

    Raises: VenueError, also if a cursor comes again, there is no end to the pages, or *until* comes before the end.
    """
    page, cursors = call, set[str]()
    for number in range(_PAGES_MAX):
        if number and until is not None and transport.timing.monotonic() >= until:
            raise VenueUnavailable(f"{call}: there was no time to read more than {number} pages")
        rows, cursor = read_answer(call, read_page, transport.read(page, until, attempts), key)
        yield from rows
        if cursor is None:
            return
        if cursor in cursors:
            raise VenueProtocol(f"{call}: the venue gives the same cursor again")
        cursors.add(cursor)
        page = _add_query(call, ("cursor", cursor))
    raise VenueProtocol(f"{call}: more than {_PAGES_MAX} pages")


def iterate_accounts(transport: Transport) -> Iterator[Any]:
    """Yield every wallet."""
    return iterate(transport, ACCOUNTS, "accounts")


def iterate_orders(
    transport: Transport, since: Instant, until: float | None = None, attempts: int | None = None
) -> Iterator[Any]:
    """Yield every order created since, in any state: a filter by state would hide those in between."""
    return iterate(transport, _add_query(ORDERS, ("start_date", rfc3339(since))), "orders", until, attempts)


def iterate_known_orders(transport: Transport, venue_order_ids: Sequence[VenueOrderId]) -> Iterator[Any]:
    """Yield these orders, whatever their age. There must be one: without any the venue lists all orders."""
    assert venue_order_ids
    return iterate(transport, _add_query(ORDERS, *(("order_ids", each) for each in venue_order_ids)), "orders")


def iterate_fills(transport: Transport, since: Instant) -> Iterator[Any]:
    """Yield every fill since."""
    return iterate(transport, _add_query(FILLS, ("start_sequence_timestamp", rfc3339(since))), "fills")


def iterate_order_fills(transport: Transport, venue_order_ids: Sequence[VenueOrderId]) -> Iterator[Any]:
    """Yield every fill of these orders. There must be one: without any the venue lists the fills of all orders."""
    assert venue_order_ids
    return iterate(transport, _add_query(FILLS, *(("order_ids", each) for each in venue_order_ids)), "fills")


def _add_query(call: Call, *more: tuple[str, str]) -> Call:
    return replace(call, query=(*call.query, *more))
