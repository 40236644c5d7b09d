"""What is carried on of fills that are not remembered one by one any more: by the lot, and by its orders."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.ids import Instant, VenueOrderId
from trader.model.money import Notional, Quantity
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: So many orders that bought a lot are named by it: it stays as large as it is, however often it is added to.
ENTRIES_MAX = 40


@dataclass(frozen=True, slots=True)
class CarriedLot:
    """What those fills left of a lot. Units: quantity in base, the rest in quote, fees deducted from the result.

    ``entries`` are the orders that bought it, the first of them, by the venue's ids: their fills can be asked for.
    """

    quantity: Quantity
    cost: Notional
    entry_fees: Notional
    realized: Notional
    entries: tuple[VenueOrderId, ...] = ()
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class CarriedFills:
    """What those fills of one order came to. Every fill of it up to ``until`` is among them: it is booked."""

    quantity: Quantity
    notional: Notional
    fees: Notional
    until: Instant
    unknown: UnknownFields = NONE_UNKNOWN
