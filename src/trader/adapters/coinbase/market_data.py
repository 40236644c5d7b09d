"""The public half of the venue: works without a key, and better with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from trader.adapters.coinbase.answers import match_rows, name_product, read_by_product, read_or_explain
from trader.adapters.coinbase.failures import InvalidArgument, NotFound, is_refusal_of_ids
from trader.adapters.coinbase.http import BASE_URL, Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup, RateLimits, ServerClock, TimeoutPolicy, Timing
from trader.adapters.coinbase.wire.base import read_answer, read_rows
from trader.adapters.coinbase.wire.market import (
    read_candles,
    read_depth,
    read_product,
    read_quote,
    read_server_time,
    read_ticker,
)
from trader.errors import DataError, StaleData, VenueError, VenueProtocol
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId
from trader.model.listings import UNNAMED
from trader.model.market import Bars, Candle, Depth, Granularity, Product, Quote, bars_from_candles, expected_last_start
from trader.ports import TimeBudget

#: Buckets one call may ask for; the venue's sources disagree about 350.
BUCKETS_MAX = 349

# More than there are: pages are in the order of a volume that moves while we turn them.
_PRODUCTS_PER_PAGE = 1000
_PRODUCT_PAGES_MAX = 40
# As many as an address has room for.
_PRODUCTS_PER_CALL = 200
_LEVELS = 1000
#: As many as it takes to find two odd ids among all of a call, or to ask for thirty one by one.
_HALVES_MAX = 60

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

    def server_time(self, attempts: int | None = None) -> Instant:
        """Ask the venue for its time, and learn how far ours is from it. Raises: VenueError."""
        call, asked_at = Call("GET", "/time", RateLimitGroup.PUBLIC), self._transport.timing.wall()
        told = read_answer(call, read_server_time, self._transport.read(call, attempts=attempts))
        self.clock.compare(told, asked_at, self._transport.timing.wall())
        return Instant(int(told))

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        """Return spot products: those asked for in one call, or all of them page by page."""
        if product_ids is None:
            return self._every_product()
        return self._bulk(product_ids, self._products_call(), "products", read_product)

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        """Return best bid and ask, in bulk with a key, one product at a time without."""
        if self._transport.has_key:
            return self._bulk(product_ids, Call("GET", "/best_bid_ask"), "pricebooks", read_quote)
        calls = {
            product_id: Call("GET", f"{_path_of(product_id)}/ticker", RateLimitGroup.PUBLIC, (("limit", "1"),))
            for product_id in product_ids
        }
        answers = self._answers(tuple(calls.values()))
        return {
            product_id: read_or_explain(call, read_ticker, raw, product_id)
            for (product_id, call), raw in zip(calls.items(), answers, strict=True)
        }

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

    def candles(
        self, product_id: ProductId, granularity: Granularity, windows: Sequence[tuple[int, int]]
    ) -> list[list[Candle]]:
        """Return what the venue has in each window of a first and a last start, as it tells it: nothing is filled in.

        Raises: VenueError if one of the windows, of at most ``BUCKETS_MAX``, was not answered, or not with candles.
        """
        calls = [_candles_call(product_id, granularity, *window) for window in windows]
        answers = self._transport.read_each(calls)
        for problem in (each for each in answers if isinstance(each, VenueError)):
            raise problem
        return [read_answer(call, read_candles, raw) for call, raw in zip(calls, answers, strict=True)]

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        """Return what rests near the mid."""
        calls = {product_id: _book_call(product_id) for product_id in product_ids}
        answers = self._answers(tuple(calls.values()))
        return {
            product_id: read_or_explain(call, read_depth, raw, band_bps)
            for (product_id, call), raw in zip(calls.items(), answers, strict=True)
        }

    # --- products

    def _products_call(self) -> Call:
        if self._transport.has_key:
            return Call("GET", "/products", query=(_SPOT, ("get_tradability_status", "true")))
        return Call("GET", "/market/products", RateLimitGroup.PUBLIC, (_SPOT,))

    def _every_product(self) -> Mapping[ProductId, Product | DataError]:
        call = self._products_call()
        rows = [row for row in self._product_rows(call) if _is_spot(row)]
        found, nameless = read_by_product(call, rows, read_product)
        if not any(isinstance(each, Product) for each in found.values()):
            # The venue changed, not the products.
            misfit = next(iter(found.values()), nameless)
            raise VenueProtocol(str(misfit or f"{call}: no spot product in the answer"))
        return found if nameless is None else {**found, UNNAMED: nameless}

    def _product_rows(self, call: Call) -> Iterator[Any]:
        """Turn the pages until one holds nothing new: how many rows the venue grants a page is not documented."""
        seen: set[ProductId | None] = set()
        offset = 0
        for _ in range(_PRODUCT_PAGES_MAX):
            page = (("limit", str(_PRODUCTS_PER_PAGE)), ("offset", str(offset)))
            raw = self._transport.read(replace(call, query=call.query + page))
            rows = read_answer(call, read_rows, raw, "products")
            fresh = [row for row in rows if name_product(row) not in seen]
            if not fresh:
                return
            seen |= {name_product(row) for row in fresh}
            yield from fresh
            offset += len(rows)
        raise VenueProtocol(f"{call}: more than {_PRODUCT_PAGES_MAX} pages")

    # --- bars

    def _bars(
        self, wanted: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> dict[ProductId, Bars | DataError]:
        windows = _windows(granularity, count, now)
        calls = [_candles_call(product_id, granularity, *window) for product_id in wanted for window in windows]
        pages = _batches(self._answers(calls), len(windows))
        # The windows of a product differ in their query only, which no cause names.
        firsts = calls[:: len(windows)]
        return {
            product_id: _bars_of(call, each, granularity, count, now)
            for product_id, call, each in zip(wanted, firsts, pages, strict=True)
        }

    # --- requests

    def _read(self, call: Call, reader: Callable[..., T], *rest: Any) -> T:
        """Ask and read the answer. Raises: VenueError."""
        return read_answer(call, reader, self._transport.read(call), *rest)

    def _bulk(
        self, product_ids: Sequence[ProductId], call: Call, key: str, reader: Callable[[Any], T]
    ) -> Mapping[ProductId, T | DataError]:
        """Ask for many products in few calls.

        Raises: VenueError if none of them was answered, be it by a list or by a refusal of its ids.
        """
        wanted = tuple(dict.fromkeys(product_ids))
        found: dict[ProductId, T | DataError] = {}
        problems: list[VenueError] = []
        answers = self._ask_in_halves(call, _batches(wanted, _PRODUCTS_PER_CALL))
        for batch, raw in answers:
            rows = read_or_explain(call, read_rows, raw, key)
            if not isinstance(rows, DataError):
                rows = [row for row in rows if _is_spot(row)]
            elif not isinstance(raw, VenueError):
                problems.append(VenueProtocol(str(rows)))
            elif not is_refusal_of_ids(raw):
                problems.append(raw)
            found |= match_rows(call, batch, rows, reader)
        if problems and len(problems) == len(answers):
            raise problems[0]
        return {each: found[each] for each in wanted}

    def _ask_in_halves(
        self, call: Call, batches: Sequence[Sequence[ProductId]]
    ) -> list[tuple[Sequence[ProductId], Any]]:
        """Ask for each batch of products; where the ids are refused, for each half of it, and so on.

        One odd id may refuse a whole request. What was refused when ``_HALVES_MAX`` are asked for stays refused.
        """
        answers: list[tuple[Sequence[ProductId], Any]] = []
        halves_left = _HALVES_MAX
        while batches:
            calls = [
                replace(call, query=(*(("product_ids", each) for each in batch), *call.query)) for batch in batches
            ]
            halves: list[Sequence[ProductId]] = []
            for batch, raw in zip(batches, self._transport.read_each(calls), strict=True):
                is_refused = isinstance(raw, VenueError) and is_refusal_of_ids(raw)
                if is_refused and len(batch) > 1 and halves_left > 1:
                    halves += _batches(batch, (len(batch) + 1) // 2)
                    halves_left -= 2
                else:
                    answers.append((batch, raw))
            batches = halves
        return answers

    def _answers(self, calls: Sequence[Call]) -> list[Any]:
        """Ask for one product in each call. Raises: VenueError if not one of them was answered.

        That a product is not known, or not taken, is an answer.
        """
        answers = self._transport.read_each(calls)
        refusals = (NotFound, InvalidArgument)
        problems = [each for each in answers if isinstance(each, VenueError) and not isinstance(each, refusals)]
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
    budget: TimeBudget | None = None,
) -> CoinbaseMarket:
    """Make the public half, which needs no key. Nothing is asked yet."""
    return CoinbaseMarket(
        Transport(base_url, limits=limits, timeouts=timeouts, timing=timing, ca_file=ca_file, budget=budget)
    )


def _batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _is_spot(row: Any) -> bool:
    """Tell whether a row is about a spot product, as was asked for, or does not say; nonsense is for its reader."""
    return not isinstance(row, dict) or row.get("product_type", "SPOT") == "SPOT"


def _path_of(product_id: ProductId) -> str:
    return f"/market/products/{quote(product_id, safe='')}"


def _book_call(product_id: ProductId) -> Call:
    query = (("product_id", product_id), ("limit", str(_LEVELS)))
    return Call("GET", "/market/product_book", RateLimitGroup.PUBLIC, query)


def _candles_call(product_id: ProductId, granularity: Granularity, first: int, last: int) -> Call:
    query = (("start", str(first)), ("end", str(last)), ("granularity", granularity.value))
    return Call("GET", f"{_path_of(product_id)}/candles", RateLimitGroup.PUBLIC, query)


def _windows(granularity: Granularity, count: int, now: Instant) -> list[tuple[int, int]]:
    """Cut the bars wanted into first and last starts, both asked for, that one call each may cover."""
    step, last = granularity.seconds, expected_last_start(granularity, now)
    first = last - (count - 1) * step
    reach = (BUCKETS_MAX - 1) * step
    return [(start, min(start + reach, last)) for start in range(first, last + 1, reach + step)]


def _bars_of(call: Call, pages: Sequence[Any], granularity: Granularity, count: int, now: Instant) -> Bars | DataError:
    candles: list[Candle] = []
    for raw in pages:
        page = read_or_explain(call, read_candles, raw)
        if isinstance(page, DataError):
            return page
        candles += page
    return read_or_explain(call, bars_from_candles, candles, granularity, now, count)
