"""Lists that come in pages: walked to the end, or not believed at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trader.adapters.coinbase.http import Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup
from trader.adapters.coinbase.wire.base import read_page
from trader.errors import VenueProtocol, VenueUnavailable
from trader.model.ids import Instant, rfc3339

_PAGES_MAX = 400
_ROWS_PER_PAGE = "250"

Query = tuple[tuple[str, str], ...]


def iterate(
    transport: Transport,
    path: str,
    key: str,
    query: Query,
    group: RateLimitGroup = RateLimitGroup.PRIVATE,
    until: float | None = None,
    attempts: int | None = None,
) -> Iterator[Any]:
    """Yield the rows of every page. Half a list is no list.

    Raises: VenueError, also if a cursor comes again, there is no end to the pages, or *until* comes before the end.
    """
    page, cursors = query, set[str]()
    for number in range(_PAGES_MAX):
        if number and until is not None and transport.timing.monotonic() >= until:
            raise VenueUnavailable(f"{key}: there was no time to read more than {number} pages")
        rows, cursor = read_page(transport.read(Call("GET", path, group, page), until, attempts), key)
        yield from rows
        if cursor is None:
            return
        if cursor in cursors:
            raise VenueProtocol(f"{key}: the venue gives the same cursor again")
        cursors.add(cursor)
        page = (*query, ("cursor", cursor))
    raise VenueProtocol(f"{key}: more than {_PAGES_MAX} pages")


def iterate_accounts(transport: Transport) -> Iterator[Any]:
    """Yield every wallet."""
    return iterate(transport, "/accounts", "accounts", (("limit", _ROWS_PER_PAGE),))


def iterate_orders(
    transport: Transport, since: Instant, until: float | None = None, attempts: int | None = None
) -> Iterator[Any]:
    """Yield every order created since, in any state: a filter by state would hide those in between."""
    query = (("product_type", "SPOT"), ("start_date", rfc3339(since)), ("limit", _ROWS_PER_PAGE))
    return iterate(transport, "/orders/historical/batch", "orders", query, until=until, attempts=attempts)


def iterate_fills(transport: Transport, since: Instant) -> Iterator[Any]:
    """Yield every fill since."""
    query = (("start_sequence_timestamp", rfc3339(since)), ("limit", _ROWS_PER_PAGE))
    return iterate(transport, "/orders/historical/fills", "fills", query, RateLimitGroup.FILLS)
