"""The ledger against the venue's own book: what is believed must be true there, or have been true once."""

from __future__ import annotations

from collections.abc import Iterator, Set

from simulation.order_life.model import GIVEN_UP, IN_DOUBT, name_of
from simulation.order_life.venue import LifeVenue
from trader.model.ledger import Ledger
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill

#: Status, ids of the fills that are not carried, quantity filled.
Truth = tuple[OrderStatus, set[str], Quantity]


def truth_of(venue: LifeVenue, record: OrderRecord) -> Truth | None:
    """What is so at the venue; None if no such order exists there."""
    if record.venue_order_id is not None:
        order = venue.orders().get(record.venue_order_id)
        assert order is not None, f"{record.venue_order_id} is not an order of the venue"
    else:
        order = venue.order_of(record.intent.client_order_id)
    if order is None:
        return None
    fills = {name for name, fill in venue.fills_of(order.order_id).items() if not _is_carried(record, fill)}
    return order.core.status, fills, order.core.filled


def _is_carried(record: OrderRecord, fill: Fill) -> bool:
    return record.carried is not None and fill.time <= record.carried.until


def untrue(venue: LifeVenue, record: OrderRecord) -> Iterator[str]:
    """Whatever is believed of an order at the venue was true there once; money is never believed too early."""
    if record.is_contingent or record.status in IN_DOUBT | GIVEN_UP:
        return
    truth = truth_of(venue, record)
    if truth is None or record.venue_order_id is None:
        yield f"{name_of(record)} is not at the venue"
        return
    # An answer that takes an order says no more than that it is pending.
    if record.status not in {OrderStatus.PENDING, *venue.statuses_of(record.venue_order_id)}:
        yield f"{name_of(record)} was never {record.status}"
    if max(record.reported_filled, record.filled) > truth[2]:
        yield f"{name_of(record)}: filled {record.filled}, claimed {record.reported_filled}, true is {truth[2]}"
    fills = venue.fills_of(record.venue_order_id)
    yield from (f"{each} is not the venue's" for each in record.fills if fills.get(each.trade_id) != each)


def went_back(old: OrderRecord | None, new: OrderRecord) -> Iterator[str]:
    """Fills, the venue's claim and its id of an order are never taken back."""
    if old is None:
        return
    kept = {fill for fill in old.fills if not _is_carried(new, fill)}
    if new.reported_filled < old.reported_filled or new.filled < old.filled or not kept <= set(new.fills):
        yield f"{name_of(new)} went back from {old} to {new}"
    if old.venue_order_id not in {None, new.venue_order_id}:
        yield f"{name_of(new)} was {old.venue_order_id} and is {new.venue_order_id}"


def too_soon_forgotten(venue: LifeVenue, record: OrderRecord) -> Iterator[str]:
    """What is dropped from the ledger is over at the venue, and all of it is booked."""
    truth = truth_of(venue, record)
    booked = {each.trade_id for each in record.fills}, record.filled
    if truth is not None and not (truth[0].is_final and truth[1:] == booked):
        yield f"{name_of(record)} was forgotten as {record.status} and is {truth}"


def unsettled(venue: LifeVenue, ledger: Ledger, forgotten: Set[str]) -> Iterator[str]:
    """Once everything was told: the ledger says of every order what the venue says."""
    for record in ledger.orders.values():
        truth = truth_of(venue, record)
        believed = record.status, {str(each.trade_id) for each in record.fills}, record.filled
        if believed != truth and not (truth is None and record.status in GIVEN_UP):
            yield f"{name_of(record)} is believed {believed}, and is {truth}"
    known = {record.venue_order_id for record in ledger.orders.values()}
    for order in venue.orders().values():
        if order.order_id not in known and order.core.root not in forgotten:
            yield f"{order.order_id} of {order.core.root} is unknown to the ledger"
