"""What the ledger remembers of one order, from before it was sent until nothing about it can change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trader.model.carried import CarriedFills
from trader.model.frozen import cached_property
from trader.model.ids import Instant, VenueOrderId
from trader.model.money import ZERO, Notional, Quantity, notional
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, OrderIntent, Side
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: Sums of fills and what an order reports may differ by this part of it.
_REPORT_TOLERANCE = Decimal("1e-12")


@dataclass(frozen=True)
class OrderRecord:
    """What the ledger remembers of one order, from before it was sent until nothing about it can change.

    ``fills`` are those already booked, but for older ones, which are ``carried`` together. As long as there is no
    usable answer, ``sent_at`` is when it was last sent, or about to be sent again, and ``sender_until`` the last
    instant at which its sender could send it; ``repeats`` is how often it was about to be sent again. ``final_at`` is
    when we first saw it final, ``missing_since`` when the venue, asked for it by its id, first left it out.
    What follows from all that is worked out once: most records are the same in the next cycle.
    """

    intent: OrderIntent
    status: OrderStatus = OrderStatus.INTENDED
    venue_order_id: VenueOrderId | None = None
    attached_order_id: VenueOrderId | None = None
    reported_filled: Quantity = Quantity(0)
    fills: tuple[Fill, ...] = ()
    carried: CarriedFills | None = None
    sent_at: Instant | None = None
    sender_until: Instant | None = None
    repeats: int = 0
    final_at: Instant | None = None
    missing_since: Instant | None = None
    note: str = ""
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def is_understood(self) -> bool:
        """Whether this release may work it: send, cancel or replace it. One of a newer release it only watches."""
        return self.status.is_known and self.intent.is_understood

    @cached_property
    def filled(self) -> Quantity:
        """Base units booked so far."""
        carried = self.carried.quantity if self.carried is not None else ZERO
        return Quantity(sum((fill.quantity for fill in self.fills), carried))

    @cached_property
    def spent(self) -> Notional:
        """Price times quantity of what was booked so far."""
        carried = self.carried.notional if self.carried is not None else ZERO
        return Notional(sum((fill.notional for fill in self.fills), carried))

    def has_booked(self, fill: Fill) -> bool:
        """Whether a fill of it is booked; one from before what is carried is."""
        is_carried = self.carried is not None and fill.time <= self.carried.until
        return is_carried or any(known.trade_id == fill.trade_id for known in self.fills)

    @cached_property
    def remaining(self) -> Quantity:
        """Base units that can still fill; zero once the order is final and every reported fill is booked."""
        if self.status.is_final:
            return self.unreported_quantity
        return Quantity(max(self.intent.quantity - self.filled, ZERO))

    @cached_property
    def unreported_quantity(self) -> Quantity:
        """Base units that the venue says were filled, and no fill of which it has listed; its rounding is none."""
        missing = self.reported_filled - self.filled
        return Quantity(missing if missing > self.reported_filled * _REPORT_TOLERANCE else ZERO)

    @property
    def is_contingent(self) -> bool:
        """Whether it certainly has not left, and does only if the sale it is contingent on sells less than its lot."""
        return self.status is OrderStatus.CONTINGENT

    @cached_property
    def is_active(self) -> bool:
        """Whether it may still change the position: neither final nor contingent, or final with fills still to come."""
        return (not self.status.is_final and not self.is_contingent) or self.unreported_quantity > 0

    def awaits_fills(self, settled: Instant) -> bool:
        """Whether it, or fills of it, are still waited for; what was over by *settled* had its time to be listed."""
        return self.is_active and (not self.status.is_final or self.final_at is None or self.final_at > settled)

    @property
    def is_at_venue(self) -> bool:
        """Whether the venue has it and it can still fill."""
        return self.venue_order_id is not None and not self.status.is_final

    @property
    def is_in_doubt(self) -> bool:
        """Whether we cannot say if the venue has it."""
        return self.status in (OrderStatus.INTENDED, OrderStatus.IN_DOUBT)

    @property
    def open_cost(self) -> Notional:
        """Cash a buy may still take, fees included; zero for a sell."""
        if self.intent.side is Side.SELL:
            return Notional(0)
        return Notional(notional(self.intent.limit_price, self.remaining) * (1 + self.intent.fee_rate_max))


def compute_left(sale: OrderRecord, records: Iterable[OrderRecord]) -> Quantity:
    """Return what a sale may still sell: a bracket that came with an entry no more than that has bought.

    *records* are those of its lot. Until its entry is known it may sell all that was to be bought.
    """
    if not sale.intent.is_attached:
        return sale.remaining
    entries = (each for each in records if each.intent.is_entry)
    entry = next((each for each in entries if each.attached_order_id == sale.venue_order_id), None)
    if entry is None:
        return sale.remaining
    bought = max(entry.filled, entry.reported_filled)
    return Quantity(min(sale.remaining, max(bought - sale.filled, ZERO)))
