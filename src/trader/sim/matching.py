"""Bring an account up to an instant: every active order against every bar that closed, in time order; then expiries.

An order ends by its time only where the tape was seen whole until then: what could not be read yet may still fill it,
and is asked for again next time. So the same account and tape give the same result, however many calls it takes to get
there, and however late the tape is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trader.errors import DataError, StaleData
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Candle, Granularity, Quote, expected_last_start
from trader.model.order_life import OrderStatus
from trader.model.orders import Liquidity
from trader.ports import MarketData
from trader.settings.app import SimulationSettings
from trader.sim.account import SimAccount
from trader.sim.fills import fill_protective, fill_resting
from trader.sim.orders import Execution, SimOrder

#: So many bars are asked for at least, so that one in which something traded is among them, and so many at most: what
#: is left of a long pause is read by the next look.
_COUNT_MIN, _COUNT_MAX = 60, 3000
#: A bar that closed so long ago and is missing had no trade; a later one may not be published yet.
_SETTLED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Traded:
    """Closed bars in time order, each *seconds* long. Buckets without a trade are absent.

    They are all there are up to *until*; what came after it is not known yet.
    """

    seconds: int
    rows: Sequence[Candle]
    until: Instant


class Tape(Protocol):
    """The market as the matching sees it. Raises VenueError."""

    def touch(self, product_id: ProductId) -> Quote | None:
        """Return what can be executed against now; None if there is no market."""

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        """Return the bars that closed after *since* and not after *until*, and up to when they are known."""


class MarketTape:
    """A tape read from any market data, for paper trading on a real market."""

    def __init__(self, market: MarketData, granularity: Granularity = Granularity.ONE_MINUTE) -> None:
        self._market = market
        self._granularity = granularity

    def touch(self, product_id: ProductId) -> Quote | None:
        quote = self._market.quotes([product_id])[product_id]
        return None if isinstance(quote, DataError) else quote

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        step = self._granularity.seconds
        end = Instant(min(until, since + _COUNT_MAX * step))
        count = max((end - since) // step + 1, _COUNT_MIN)
        known = expected_last_start(self._granularity, end) + step
        bars = self._bars(product_id, count, end)
        if isinstance(bars, StaleData) and bars.newest is not None:
            settled = expected_last_start(self._granularity, Instant(until - _SETTLED_SECONDS)) + step
            end = Instant(bars.newest + step)
            known = max(end, min(known, settled))
            if end <= since:
                return Traded(step, (), Instant(known))
            bars = self._bars(product_id, count, end)
        if isinstance(bars, DataError):
            return Traded(step, (), since)
        columns = zip(bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        rows = (Candle(*row) for row in columns)
        return Traded(step, tuple(row for row in rows if row.start + step > since and row.volume > 0), Instant(known))

    def _bars(self, product_id: ProductId, count: int, now: Instant) -> Bars | DataError:
        return self._market.bars([product_id], self._granularity, count, now)[product_id]


def match_all(account: SimAccount, tape: Tape, settings: SimulationSettings, now: Instant) -> SimAccount:
    """Match all active orders against what closed since the account was last matched. Raises VenueError."""
    for product_id in sorted({order.product_id for order in account.active.values()}):
        account = _match_product(account, product_id, tape, settings, now)
    return account


def book_execution(
    account: SimAccount, order: SimOrder, execution: Execution, at: Instant, settings: SimulationSettings
) -> SimAccount:
    """Book an execution at the rate its liquidity pays."""
    is_maker = execution.liquidity is Liquidity.MAKER
    return account.apply_execution(
        order, execution, at, settings.maker_fee_ratio if is_maker else settings.taker_fee_ratio
    )


def _match_product(
    account: SimAccount, product_id: ProductId, tape: Tape, settings: SimulationSettings, now: Instant
) -> SimAccount:
    since = account.matched_until[product_id]
    traded = tape.traded(product_id, since, now)
    orders = _resting(account, product_id)
    for bar in traded.rows:
        after = _match_bar(account, orders, bar, Instant(bar.start + traded.seconds), settings)
        if after is not account:
            account, orders = after, _resting(after, product_id)
            if not orders:
                break
    for order in orders:
        # A bar that closes after the order's end does not tell what traded before it: such a one is not waited for.
        ends_at = order.expires_at
        if ends_at is not None and ends_at <= now and ends_at - ends_at % traded.seconds <= traded.until:
            account = account.end_order(order.venue_order_id, OrderStatus.EXPIRED, ends_at)
    return account.with_matched_until(product_id, max(since, traded.until))


def _match_bar(
    account: SimAccount, orders: list[SimOrder], bar: Candle, end: Instant, settings: SimulationSettings
) -> SimAccount:
    bought = set()
    for seen in orders:
        order = account.active.get(seen.venue_order_id)
        # Only bars that began after the order existed; an attached bracket was already served with its parent.
        if order is None or bar.start < order.created_at or order.parent in bought:
            continue
        if order.expires_at is not None and order.expires_at < end:
            account = account.end_order(order.venue_order_id, OrderStatus.EXPIRED, order.expires_at)
        elif order.configuration.has_stop:
            account = _serve_protective(account, order, bar, end, settings)
        elif execution := fill_resting(order, bar, settings):
            account = book_execution(account, order, execution, end, settings)
            bought.add(order.venue_order_id)
            child = account.active.get(order.child) if order.child is not None else None
            if child is not None and child.is_understood:
                account = _serve_protective(account, child, bar, end, settings, entered=True)
    return account


def _serve_protective(
    account: SimAccount,
    order: SimOrder,
    bar: Candle,
    end: Instant,
    settings: SimulationSettings,
    *,
    entered: bool = False,
) -> SimAccount:
    served, execution = fill_protective(order, bar, end, settings, entered=entered)
    if served is not order:
        account = account.with_triggered(served, end)
    return book_execution(account, served, execution, end, settings) if execution is not None else account


def _resting(account: SimAccount, product_id: ProductId) -> list[SimOrder]:
    mine = (order for order in account.active.values() if order.product_id == product_id and order.is_understood)
    return sorted(mine, key=_priority)


def _priority(order: SimOrder) -> tuple[Instant, str]:
    return order.created_at, order.venue_order_id
