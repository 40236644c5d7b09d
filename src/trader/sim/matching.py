"""Bring a book up to an instant: every live order against every bar that closed, in time order, then the expiries.

The same book, tape and instant give the same result, however many calls it takes to get there.
"""

from __future__ import annotations

from trader.model.ids import Instant, ProductId
from trader.model.market import Candle
from trader.model.orders import Liquidity, OrderKind, OrderStatus
from trader.model.settings import SimulationSettings
from trader.sim.book import VenueBook
from trader.sim.fills import guard, rest
from trader.sim.orders import Execution, VenueOrder
from trader.sim.tape import Tape


def matched(book: VenueBook, tape: Tape, settings: SimulationSettings, now: Instant) -> VenueBook:
    """Match all live orders against what closed since the book was last matched. Raises VenueError."""
    for product_id in sorted({order.product_id for order in book.live.values()}):
        book = _match_product(book, product_id, tape, settings, now)
    for order in sorted(book.live.values(), key=_priority):
        if order.expires_at is not None and order.expires_at <= now:
            book = book.ended(order.venue_order_id, OrderStatus.EXPIRED, order.expires_at)
    return book


def charged(
    book: VenueBook, order: VenueOrder, execution: Execution, at: Instant, settings: SimulationSettings
) -> VenueBook:
    """Book an execution at the rate its liquidity pays."""
    is_maker = execution.liquidity is Liquidity.MAKER
    return book.executed(order, execution, at, settings.maker_fee_ratio if is_maker else settings.taker_fee_ratio)


def _match_product(
    book: VenueBook, product_id: ProductId, tape: Tape, settings: SimulationSettings, now: Instant
) -> VenueBook:
    traded = tape.traded(product_id, book.matched_until[product_id], now)
    until = book.matched_until[product_id]
    orders = _resting(book, product_id)
    for bar in traded.rows:
        until = Instant(bar.start + traded.seconds)
        after = _match_bar(book, orders, bar, until, settings)
        if after is not book:
            book, orders = after, _resting(after, product_id)
            if not orders:
                break
    return book.with_matched(product_id, until) if traded.rows else book


def _match_bar(
    book: VenueBook, orders: list[VenueOrder], bar: Candle, end: Instant, settings: SimulationSettings
) -> VenueBook:
    bought = set()
    for seen in orders:
        order = book.live.get(seen.venue_order_id)
        # Only bars that began after the order existed; an attached bracket was already served with its parent.
        if order is None or bar.start < order.created_at or order.parent in bought:
            continue
        if order.expires_at is not None and order.expires_at < end:
            book = book.ended(order.venue_order_id, OrderStatus.EXPIRED, order.expires_at)
        elif order.kind is OrderKind.BRACKET_GTC:
            execution = guard(order, bar, settings, entered=False)
            book = charged(book, order, execution, end, settings) if execution else book
        elif execution := rest(order, bar, settings):
            book = charged(book, order, execution, end, settings)
            bought.add(order.venue_order_id)
            book = _stop_out(book, order, bar, end, settings)
    return book


def _stop_out(
    book: VenueBook, parent: VenueOrder, bar: Candle, end: Instant, settings: SimulationSettings
) -> VenueBook:
    child = book.live.get(parent.child) if parent.child is not None else None
    execution = guard(child, bar, settings, entered=True) if child is not None else None
    return charged(book, child, execution, end, settings) if child is not None and execution is not None else book


def _resting(book: VenueBook, product_id: ProductId) -> list[VenueOrder]:
    return sorted((order for order in book.live.values() if order.product_id == product_id), key=_priority)


def _priority(order: VenueOrder) -> tuple[Instant, str]:
    return order.created_at, order.venue_order_id
