"""What came of an operator's word: what was filled and cancelled since, and what is left and why.

It is read from what is stored, and from nothing that a run said: fills by their keys, orders as the ledger or, once
they have left it, the store has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from desk.controls import Controls
from trader.model.cycle_state import RunMark
from trader.model.ids import ClientOrderId, Instant, ProductId, Scope, VenueOrderId
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import ZERO, Notional, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderConfiguration, OrderPurpose, Side
from trader.model.trading_state import TradingState
from trader.ports import StateReading

_ENDED_UNFILLED = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class Trade:
    """What was filled of one order. Units: fee in quote, on top of the notional."""

    side: Side
    product_id: ProductId
    order: str
    lot: str
    quantity: Quantity
    notional: Notional
    fee: Notional


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was filled and cancelled since the books were opened, and what is stored now."""

    trades: tuple[Trade, ...]
    cancelled: tuple[OrderRecord, ...]
    reading: StateReading


@dataclass(slots=True)
class OpenBooks:
    """What was stored when a word was given: fills by their keys, which orders were over, and the last run.

    ``orders`` are those that were seen since, each as it was seen last.
    """

    fills: frozenset[tuple[str, str]]
    over: frozenset[ClientOrderId]
    last_run: RunMark | None = None
    orders: dict[ClientOrderId, OrderRecord] = field(default_factory=dict)

    def observe(self, ledger: Ledger | None) -> None:
        """Remember the orders of a ledger: they may have left it before the next one is seen."""
        if ledger is not None:
            self.orders |= ledger.orders


def open_books(controls: Controls, scope: Scope, ledger: Ledger | None) -> OpenBooks:
    """Open the books on what is stored now. Raises: StoreError."""
    orders = ledger.orders if ledger is not None else {}
    over = frozenset(order_id for order_id, record in orders.items() if record.status.is_final)
    last_run = ledger.last_run if ledger is not None else None
    return OpenBooks(frozenset(map(_key, controls.list_fills(scope))), over, last_run, dict(orders))


def settle_books(books: OpenBooks, controls: Controls, scope: Scope) -> Aftermath:
    """Say what was filled and cancelled since the books were opened. Raises: StoreError."""
    fills = [fill for fill in controls.list_fills(scope) if _key(fill) not in books.fills]
    # After the fills, so that the order of each is known.
    reading = controls.look(scope)
    books.observe(reading.ledger)
    there = reading.ledger.orders if reading.ledger is not None else {}
    gone = [order_id for order_id in books.orders if order_id not in there]
    finished = {each.intent.client_order_id: each for each in controls.list_finished(scope, gone)}
    orders = {**books.orders, **finished}
    cancelled = (record for order_id, record in orders.items() if order_id not in books.over and _is_cancelled(record))
    by_venue_id = {each.venue_order_id: each for each in orders.values() if each.venue_order_id is not None}
    return Aftermath(_sum_up(fills, by_venue_id), tuple(cancelled), reading)


def _key(fill: Fill) -> tuple[str, str]:
    return fill.venue_order_id, fill.trade_id


def _is_cancelled(record: OrderRecord) -> bool:
    """Whether it rested and was taken away. A sale that takes what there is ends at once, and rests nowhere."""
    return record.status in _ENDED_UNFILLED and record.intent.configuration is not OrderConfiguration.LIMIT_IOC


def _sum_up(fills: list[Fill], orders: Mapping[VenueOrderId, OrderRecord]) -> tuple[Trade, ...]:
    trades = []
    for venue_order_id in dict.fromkeys(each.venue_order_id for each in fills):
        ours, record = [each for each in fills if each.venue_order_id == venue_order_id], orders.get(venue_order_id)
        trades.append(
            Trade(
                side=ours[0].side,
                product_id=ours[0].product_id,
                order=record.intent.client_order_id if record is not None else str(venue_order_id),
                lot=record.intent.lot_id if record is not None else "",
                quantity=Quantity(sum((each.quantity for each in ours), ZERO)),
                notional=Notional(sum((each.notional for each in ours), ZERO)),
                fee=Notional(sum((each.fee for each in ours), ZERO)),
            )
        )
    return tuple(trades)


def list_buying(ledger: Ledger) -> tuple[OrderRecord, ...]:
    """List our orders that buy, or may still buy."""
    return tuple(each for each in ledger.active_orders if each.intent.is_entry)


def why_unsold(ledger: Ledger, lot: Lot, state: TradingState, now: Instant) -> str:
    """Say why a lot that is to be sold is still there, as far as the ledger knows."""
    if state is TradingState.HALT:
        return "under HALT nothing is sent"
    for record in ledger.orders_of(lot.lot_id):
        if record.is_active and record.intent.is_exit:
            return (
                "nobody knows yet whether the venue has its sale" if record.is_in_doubt else "its sale is at the venue"
            )
    tally = ledger.lot_tally(lot.lot_id, OrderPurpose.EXIT)
    if (waiting := tally.why_wait(now)) is not None:
        return f"the venue refused its sale: {waiting.reason}; the next try is due in {waiting.until - now} s"
    if tally.tries:
        return f"its sale found no buyer in {tally.tries} tries"
    return "no run has sold it yet"
