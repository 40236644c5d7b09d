"""The public half of the venue: works without a key, and better with one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from trader.adapters.coinbase.failures import NotFound
from trader.adapters.coinbase.http import BASE_URL, Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup, RateLimits, ServerClock, TimeoutPolicy, Timing
from trader.adapters.coinbase.wire.base import read_rows
from trader.adapters.coinbase.wire.market import (
    read_candles,
    read_depth,
    read_product,
    read_quote,
    read_server_time,
    read_ticker,
)
from trader.errors import DataError, MalformedData, MissingData, StaleData, VenueError, VenueProtocol
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Candle, Depth, Granularity, Product, Quote, bars_from_candles, expected_last_start

#: Buckets one call may ask for; the venue's sources disagree about 350.
BUCKETS_MAX = 349

# More than there are: pages are in the order of a volume that moves while we turn them.
_PRODUCTS_PER_PAGE = 1000
_PRODUCT_PAGES_MAX = 40
_QUOTES_PER_CALL = 200
_LEVELS = 1000

# A bucket that has just closed may take a moment to appear. One that closed earlier and is missing had no trade.
_SETTLING_SECONDS = 15
_SETTLED_SECONDS = 5
_SETTLING_PAUSE = 1.5

T = TypeVar("T")

_SPOT = ("product_type", "SPOT")


class CoinbaseMarket:
    """MarketData over HTTP."""

    def __init__(self, transport: Transport, clock: ServerClock | None = None) -> None:
        self._transport = transport
        self.clock = clock or ServerClock(transport.timing.wall)

    def close(self) -> None:
        """Let go of connections and threads."""
        self._transport.close()

    def server_time(self) -> Instant:
        """Ask the venue for its time, and learn how far ours is from it. Raises: VenueError."""
        asked_at = self._transport.timing.wall()
        told = read_server_time(self._transport.read(Call("GET", "/time", RateLimitGroup.PUBLIC)))
        self.clock.compare(told, asked_at, self._transport.timing.wall())
        return Instant(int(told))

    def products(self) -> Sequence[Product]:
        """Return every spot product. One that makes no sense is left out, so nothing is done there.

        Raises: VenueError, also if not one of them makes sense.
        """
        found: dict[ProductId, Product] = {}
        problem: VenueError | None = None
        for row in self._product_rows():
            try:
                product = read_product(row)
            except VenueProtocol as error:
                problem = error
                continue
            found[product.product_id] = product
        if problem is not None and not found:
            raise problem
        return tuple(found.values())

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote]:
        """Return best bid and ask, in bulk with a key, one product at a time without."""
        wanted = tuple(dict.fromkeys(product_ids))
        return self._bulk_quotes(wanted) if self._transport.has_key else self._ticker_quotes(wanted)

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        """Return closed bars, or why there are none. Raises: VenueError if the venue gave nothing for any product."""
        wanted = tuple(dict.fromkeys(product_ids))
        found = self._bars(wanted, granularity, count, now)
        late = tuple(product_id for product_id, bars in found.items() if isinstance(bars, StaleData))
        closed_at = expected_last_start(granularity, now) + granularity.seconds
        if late and now - closed_at <= _SETTLING_SECONDS:
            self._transport.timing.sleep(max(_SETTLED_SECONDS - (now - closed_at), _SETTLING_PAUSE))
            found |= self._bars(late, granularity, count, now)
        return found

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth]:
        """Return what rests near the mid; a product that cannot be read is left out."""
        wanted = tuple(dict.fromkeys(product_ids))
        calls = [_book_call(product_id) for product_id in wanted]
        found: dict[ProductId, Depth] = {}
        for product_id, raw in zip(wanted, self._answers(calls), strict=True):
            depth = _sensible(read_depth, raw, band_bps)
            if depth is not None:
                found[product_id] = depth
        return found

    # --- products

    def _product_rows(self) -> Iterable[Any]:
        """Walk the pages until one holds nothing new: how many rows the venue grants a page is not documented."""
        query: tuple[tuple[str, str], ...] = (_SPOT,)
        path, group = "/market/products", RateLimitGroup.PUBLIC
        if self._transport.has_key:
            path, group, query = "/products", RateLimitGroup.PRIVATE, (_SPOT, ("get_tradability_status", "true"))
        seen: set[str] = set()
        offset = 0
        for _ in range(_PRODUCT_PAGES_MAX):
            page = (("limit", str(_PRODUCTS_PER_PAGE)), ("offset", str(offset)))
            raw = self._transport.read(Call("GET", path, group, query + page))
            rows = read_rows(raw, "products")
            fresh = [row for row in rows if _product_id(row) not in seen]
            if not fresh:
                return
            seen |= {_product_id(row) for row in fresh}
            yield from (row for row in fresh if _is_spot(row))
            offset += len(rows)
        raise VenueProtocol(f"products: more than {_PRODUCT_PAGES_MAX} pages")

    # --- quotes

    def _bulk_quotes(self, wanted: Sequence[ProductId]) -> Mapping[ProductId, Quote]:
        calls = [
            Call("GET", "/best_bid_ask", query=tuple(("product_ids", product_id) for product_id in batch))
            for batch in _batches(wanted, _QUOTES_PER_CALL)
        ]
        found: dict[ProductId, Quote] = {}
        for raw in self._transport.read_each(calls):
            if isinstance(raw, VenueError):
                raise raw
            quotes = (_sensible(read_quote, row) for row in read_rows(raw, "pricebooks"))
            found |= {each.product_id: each for each in quotes if each is not None}
        return {product_id: found[product_id] for product_id in wanted if product_id in found}

    def _ticker_quotes(self, wanted: Sequence[ProductId]) -> Mapping[ProductId, Quote]:
        calls = [
            Call(
                "GET", f"/market/products/{quote(product_id, safe='')}/ticker", RateLimitGroup.PUBLIC, (("limit", "1"),)
            )
            for product_id in wanted
        ]
        found: dict[ProductId, Quote] = {}
        for product_id, raw in zip(wanted, self._answers(calls), strict=True):
            each = _sensible(read_ticker, raw, product_id)
            if each is not None:
                found[product_id] = each
        return found

    # --- bars

    def _bars(
        self, wanted: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> dict[ProductId, Bars | DataError]:
        windows = _windows(granularity, count, now)
        calls = [_candles_call(product_id, granularity, *window) for product_id in wanted for window in windows]
        answers = self._answers(calls)
        pages = _batches(answers, len(windows))
        return {
            product_id: _bars_of(each, granularity, count, now) for product_id, each in zip(wanted, pages, strict=True)
        }

    def _answers(self, calls: Sequence[Call]) -> list[Any]:
        """Read in parallel. Raises: VenueError if not one of them was answered."""
        answers = self._transport.read_each(calls)
        problems = [each for each in answers if isinstance(each, VenueError) and not isinstance(each, NotFound)]
        if problems and len(problems) == len(answers):
            raise problems[0]
        return answers


def open_market(
    base_url: str = BASE_URL,
    *,
    limits: RateLimits | None = None,
    timeouts: TimeoutPolicy | None = None,
    timing: Timing | None = None,
    ca_file: str | None = None,
) -> CoinbaseMarket:
    """Make the public half, which needs no key. Nothing is asked yet."""
    return CoinbaseMarket(Transport(base_url, limits=limits, timeouts=timeouts, timing=timing, ca_file=ca_file))


def _sensible(reader: Callable[..., T | None], raw: Any, *rest: Any) -> T | None:
    """Read an answer; None if there is none, or it makes no sense."""
    if isinstance(raw, VenueError):
        return None
    try:
        return reader(raw, *rest)
    except VenueProtocol:
        return None


def _batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _product_id(row: Any) -> str:
    return str(row.get("product_id")) if isinstance(row, dict) else ""


def _is_spot(row: Any) -> bool:
    return isinstance(row, dict) and row.get("product_type", "SPOT") == "SPOT"


def _book_call(product_id: ProductId) -> Call:
    query = (("product_id", product_id), ("limit", str(_LEVELS)))
    return Call("GET", "/market/product_book", RateLimitGroup.PUBLIC, query)


def _candles_call(product_id: ProductId, granularity: Granularity, first: int, last: int) -> Call:
    query = (("start", str(first)), ("end", str(last)), ("granularity", granularity.value))
    return Call("GET", f"/market/products/{quote(product_id, safe='')}/candles", RateLimitGroup.PUBLIC, query)


def _windows(granularity: Granularity, count: int, now: Instant) -> list[tuple[int, int]]:
    """Cut the bars wanted into first and last starts, both asked for, that one call each may cover."""
    step, last = granularity.seconds, expected_last_start(granularity, now)
    first = last - (count - 1) * step
    reach = (BUCKETS_MAX - 1) * step
    return [(start, min(start + reach, last)) for start in range(first, last + 1, reach + step)]


def _bars_of(pages: Sequence[Any], granularity: Granularity, count: int, now: Instant) -> Bars | DataError:
    candles: list[Candle] = []
    for raw in pages:
        if isinstance(raw, VenueError):
            return MissingData(str(raw))
        try:
            candles += read_candles(raw)
        except VenueProtocol as error:
            return MalformedData(str(error))
    try:
        return bars_from_candles(candles, granularity, now, count)
    except DataError as error:
        return error
