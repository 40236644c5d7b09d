"""The life of an order: intent, submission, what the venue knows, fills.

An *intent* is decided and its id is fixed; perhaps it was never sent. An *order* is what the venue acknowledges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId, TradeId, VenueOrderId
from trader.model.money import ZERO, Notional, Price, Quantity, notional


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"


class OrderKind(StrEnum):
    """The few kinds of order we ever send."""

    POST_ONLY_GTD = "POST_ONLY_GTD"
    LIMIT_IOC = "LIMIT_IOC"
    BRACKET_GTC = "BRACKET_GTC"


class Leg(StrEnum):
    """What an order is for."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"
    PROTECTION = "PROTECTION"


class Liquidity(StrEnum):
    """Whether a fill rested on the book or took from it."""

    MAKER = "MAKER"
    TAKER = "TAKER"
    UNKNOWN = "UNKNOWN"


#: The reason of a bracket that came with its entry.
ATTACHED = "attached"


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where a position ends by itself: a resting target and a stop trigger."""

    stop_price: Price
    target_price: Price


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as decided. Frozen: it is sent, and re-sent, exactly like this.

    ``lot_id`` is the lot it opens (its own id, for an entry) or closes. ``bracket`` is the protection an entry's lot
    is to have; with ``attach`` it travels with the order, else a separate order follows the fill. ``after`` names
    orders that must be over, and conversions that must be done, before this one may leave.
    """

    client_order_id: ClientOrderId
    cycle_id: CycleId
    strategy: StrategyId
    product_id: ProductId
    base: Asset
    quote: Asset
    side: Side
    leg: Leg
    kind: OrderKind
    quantity: Quantity
    limit_price: Price
    lot_id: ClientOrderId
    decided_at: Instant
    attempt: int = 0
    stop_price: Price | None = None
    expires_at: Instant | None = None
    bracket: Bracket | None = None
    attach: bool = False
    max_hold_until: Instant | None = None
    fee_rate_max: Decimal = ZERO
    after: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_attached(self) -> bool:
        """Whether the venue made this bracket out of its entry, rather than out of an order of ours."""
        return self.leg is Leg.PROTECTION and self.reason == ATTACHED

    @property
    def notional(self) -> Notional:
        """Limit price times quantity, before fees."""
        return notional(self.limit_price, self.quantity)

    @property
    def cost_max(self) -> Notional:
        """The most a buy can take out of the cash, fees included."""
        return Notional(self.notional * (1 + self.fee_rate_max))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order, under its own id."""

    venue_order_id: VenueOrderId
    attached_order_id: VenueOrderId | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue refused; nothing of this order exists."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No usable answer: the order may or may not exist."""

    reason: str


Submission = Accepted | Rejected | Unknown


class OrderStatus(StrEnum):
    """Ours before the venue has it, the venue's from then on."""

    INTENDED = "INTENDED"
    IN_DOUBT = "IN_DOUBT"
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    OPEN = "OPEN"
    EDIT_QUEUED = "EDIT_QUEUED"
    CANCEL_QUEUED = "CANCEL_QUEUED"
    UNKNOWN_ORDER_STATUS = "UNKNOWN_ORDER_STATUS"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    LAPSED = "LAPSED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more can happen to the order itself; fills may still be reported late."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.FAILED,
        OrderStatus.REJECTED,
        OrderStatus.LAPSED,
    }
)

#: Sums of fills and what an order claims may differ by this part of it (fact sheet, fills).
_CLAIM_TOLERANCE = Decimal("1e-12")

_AT_VENUE = frozenset(OrderStatus) - {OrderStatus.INTENDED, OrderStatus.IN_DOUBT}
_VENUE_LIVE = frozenset(
    {
        OrderStatus.PENDING,
        OrderStatus.QUEUED,
        OrderStatus.OPEN,
        OrderStatus.EDIT_QUEUED,
        OrderStatus.CANCEL_QUEUED,
        OrderStatus.UNKNOWN_ORDER_STATUS,
    }
)
_VENUE_OVER = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED})

#: From each status, the statuses that may be observed next. Observations skip steps (an order may be filled between
#: create and the first look) and the venue changes its mind in a few documented ways: a cancel that was accepted and
#: then filled, a CANCELLED order whose last fill turns it FILLED, an acceptance that FAILED afterwards, an order
#: given up as LAPSED or REJECTED that shows up after all. What never happens is a finished order coming back to
#: life: that is an old page, and it is ignored.
TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.INTENDED: _AT_VENUE | {OrderStatus.IN_DOUBT},
    OrderStatus.IN_DOUBT: _AT_VENUE,
    **{status: (_VENUE_LIVE | _VENUE_OVER) - {status} for status in _VENUE_LIVE},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset({OrderStatus.FILLED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.FILLED}),
    OrderStatus.FAILED: frozenset(),
    OrderStatus.REJECTED: _VENUE_LIVE | _VENUE_OVER,
    OrderStatus.LAPSED: _VENUE_LIVE | _VENUE_OVER,
}


def may_follow(current: OrderStatus, observed: OrderStatus) -> bool:
    """Tell whether *observed* is news after *current*; the same status again is not."""
    return observed in TRANSITIONS[current]


@dataclass(frozen=True, slots=True)
class OrderState:
    """One order as the venue reports it."""

    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId
    product_id: ProductId
    side: Side
    status: OrderStatus
    filled_quantity: Quantity
    created_at: Instant
    settled: bool = False
    attached_order_id: VenueOrderId | None = None
    originating_order_id: VenueOrderId | None = None
    quantity: Quantity | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. Units: quantity in base whatever the wire said; fee in quote, on top of price × quantity."""

    trade_id: TradeId
    venue_order_id: VenueOrderId
    product_id: ProductId
    side: Side
    price: Price
    quantity: Quantity
    fee: Notional
    time: Instant
    liquidity: Liquidity = Liquidity.UNKNOWN

    @property
    def notional(self) -> Notional:
        """Price times quantity, before the fee."""
        return notional(self.price, self.quantity)


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What the ledger remembers of one order, from before it was sent until nothing about it can change.

    ``fills`` are those already booked; a fill is new if its trade id is not among them. ``sent_at`` is when it was last
    sent, or about to be sent again, as long as there is no usable answer. ``over_at`` is when we first saw it terminal.
    """

    intent: OrderIntent
    status: OrderStatus = OrderStatus.INTENDED
    venue_order_id: VenueOrderId | None = None
    attached_order_id: VenueOrderId | None = None
    filled_claimed: Quantity = Quantity(0)
    fills: tuple[Fill, ...] = ()
    sent_at: Instant | None = None
    over_at: Instant | None = None
    note: str = ""

    @property
    def filled(self) -> Quantity:
        """Base units booked so far."""
        return Quantity(sum((fill.quantity for fill in self.fills), ZERO))

    @property
    def remaining(self) -> Quantity:
        """Base units that can still fill; zero once the order is over and every claimed fill is booked."""
        return self.unlisted if self.status.is_terminal else Quantity(max(self.intent.quantity - self.filled, ZERO))

    @property
    def unlisted(self) -> Quantity:
        """Base units that the venue says were filled, and no fill of which it has listed; its rounding is none."""
        missing = self.filled_claimed - self.filled
        return Quantity(missing if missing > self.filled_claimed * _CLAIM_TOLERANCE else ZERO)

    @property
    def is_live(self) -> bool:
        """Whether it may still change the position: not terminal, or terminal with fills still to come."""
        return not self.status.is_terminal or self.unlisted > 0

    def is_awaited(self, settled: Instant) -> bool:
        """Whether it, or fills of it, are still waited for; what was over by *settled* had its time to be listed."""
        return not self.status.is_terminal or (self.unlisted > 0 and (self.over_at is None or self.over_at > settled))

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
