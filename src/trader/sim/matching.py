"""Bring an account up to an instant: every active order against every bar that closed, in time order; then expiries.

The same account, tape and instant give the same result, however many calls it takes to get there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trader.errors import DataError
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity, Quote
from trader.model.order_life import OrderStatus
from trader.model.orders import Liquidity
from trader.ports import MarketData
from trader.settings.app import SimulationSettings
from trader.sim.account import SimAccount
from trader.sim.fills import fill_protective, fill_resting
from trader.sim.orders import Execution, SimOrder

#: No venue returns more bars in one answer.
_COUNT_MAX = 300


@dataclass(frozen=True, slots=True)
class Traded:
    """Closed bars in time order, each *seconds* long. Buckets without a trade are absent."""

    seconds: int
    rows: Sequence[Candle]


class Tape(Protocol):
    """The market as the matching sees it. Raises VenueError."""

    def touch(self, product_id: ProductId) -> Quote | None:
        """Return what can be executed against now; None if there is no market."""

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        """Return the bars that closed after *since* and not after *until*; empty if none is known yet."""


class MarketTape:
    """A tape read from any market data, for paper trading on a real market."""

    def __init__(self, market: MarketData, granularity: Granularity = Granularity.ONE_MINUTE) -> None:
        self._market = market
        self._granularity = granularity

    def touch(self, product_id: ProductId) -> Quote | None:
        quote = self._market.quotes([product_id])[product_id]
        return None if isinstance(quote, DataError) else quote

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        # A newest bar that is not published yet is a DataError. Nothing is lost: the same stretch is asked for again.
        seconds = self._granularity.seconds
        count = min(max((until - since) // seconds + 1, 1), _COUNT_MAX)
        bars = self._market.bars([product_id], self._granularity, count, until)[product_id]
        if isinstance(bars, DataError):
            return Traded(seconds, ())
        columns = zip(bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        rows = (Candle(*row) for row in columns)
        return Traded(seconds, tuple(row for row in rows if row.start + seconds > since and row.volume > 0))


def match_all(account: SimAccount, tape: Tape, settings: SimulationSettings, now: Instant) -> SimAccount:
    """Match all active orders against what closed since the account was last matched. Raises VenueError."""
    for product_id in sorted({order.product_id for order in account.active.values()}):
        account = _match_product(account, product_id, tape, settings, now)
    for order in sorted(account.active.values(), key=_priority):
        if order.is_understood and order.expires_at is not None and order.expires_at <= now:
            account = account.end_order(order.venue_order_id, OrderStatus.EXPIRED, order.expires_at)
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
    traded = tape.traded(product_id, account.matched_until[product_id], now)
    until = account.matched_until[product_id]
    orders = _resting(account, product_id)
    for bar in traded.rows:
        until = Instant(bar.start + traded.seconds)
        after = _match_bar(account, orders, bar, until, settings)
        if after is not account:
            account, orders = after, _resting(after, product_id)
            if not orders:
                break
    return account.with_matched_until(product_id, until) if traded.rows else account


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
