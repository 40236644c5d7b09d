"""What the venue's own orders do for a lot: whether one is selling it, and whether one is still to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import ZERO, Price, limit_of_stop
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord, compute_left
from trader.model.orders import OrderConfiguration, OrderIntent

#: How the venue rounds the limit of a bracket's stop it does not say: here it is not rounded.
_UNROUNDED = Decimal("1e-12")


def find_venue_sale(ledger: Ledger, lot: Lot, bid: Price) -> OrderRecord | None:
    """Return the protective order by which the venue sells a lot at this bid, the first if there are several, or None.

    An order sells from its stop price down to its own limit; below that it rests and fills nothing. Where all that
    sell cover only a part of the lot, none is returned: the rest would be left to itself.
    """
    orders = ledger.orders_of(lot.lot_id)
    records = [each for each in orders if _sells_at(each.intent, bid) and _protects(each)]
    covered = sum((compute_left(each, orders) for each in records), ZERO)
    return records[0] if records and covered >= lot.quantity else None


def awaits_bracket(record: OrderRecord, ledger: Ledger, settled: Instant) -> bool:
    """Whether this is an attached entry whose bracket the venue has not shown us yet, and still may.

    Listings lag: next to a bracket not yet listed, a second one or an exit could sell coins of the account's owner.
    Once the entry itself is over, a quiet period ends the wait, whatever fills of it are still to come.
    """
    if not record.intent.is_entry or not record.intent.attach_bracket:
        return False
    if find_bracket(record, ledger.orders_of(record.intent.lot_id)) is not None:
        return False
    return not record.status.is_final or record.final_at is None or record.final_at > settled


def find_bracket(entry: OrderRecord, records: Iterable[OrderRecord]) -> OrderRecord | None:
    """Return the bracket that came with an entry, among the orders of its lot; None if none was seen.

    Where one entry alone opened the lot, any bracket that came with an entry is its own.
    """
    records = tuple(records)
    attached = [each for each in records if each.intent.is_attached]
    if sum(each.intent.is_entry for each in records) <= 1:
        return attached[0] if attached else None
    return next((each for each in attached if each.venue_order_id == entry.attached_order_id), None)


def _protects(record: OrderRecord) -> bool:
    # One whose cancellation is under way sells nothing that could be relied on.
    return (
        record.is_at_venue
        and record.intent.configuration.has_stop
        and record.status is not OrderStatus.CANCEL_QUEUED
        and record.remaining > 0
    )


def _sells_at(intent: OrderIntent, bid: Price) -> bool:
    stop_price = intent.stop_price
    return stop_price is not None and bid <= stop_price and _limit_of(intent, stop_price) <= bid


def _limit_of(intent: OrderIntent, stop_price: Price) -> Price:
    # The limit price of a bracket is its target.
    if intent.configuration is OrderConfiguration.BRACKET_GTC:
        return limit_of_stop(stop_price, _UNROUNDED)
    return intent.limit_price
