"""The life of an order: intent, submission, what the venue knows, fills.

An *intent* is decided and its id is fixed; perhaps it was never sent. An *order* is what the venue acknowledges.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId, TradeId, VenueOrderId
from trader.model.money import ZERO, Notional, Price, Quantity, ceil_to, notional
from trader.model.order_life import OrderStatus
from trader.model.refusals import RefusalClass, classify_refusal
from trader.model.unknown import NONE_UNKNOWN, OpenEnum, UnknownFields


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"


class OrderConfiguration(OpenEnum):
    """The few kinds of order we ever send.

    A bracket, and a stop-limit for a lot without a target, protect; a resting limit sells what no such order can
    protect any more, a post-only one where the book takes nothing else.
    """

    POST_ONLY_GTD = "POST_ONLY_GTD"
    LIMIT_IOC = "LIMIT_IOC"
    LIMIT_GTC = "LIMIT_GTC"
    POST_ONLY_GTC = "POST_ONLY_GTC"
    BRACKET_GTC = "BRACKET_GTC"
    STOP_LIMIT_GTC = "STOP_LIMIT_GTC"

    @property
    def has_stop(self) -> bool:
        """Whether it waits for a stop price."""
        return self in (OrderConfiguration.BRACKET_GTC, OrderConfiguration.STOP_LIMIT_GTC)


class OrderPurpose(OpenEnum):
    """What an order is for."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"
    PROTECTION = "PROTECTION"


class Liquidity(OpenEnum):
    """Whether a fill rested on the book or took from it."""

    MAKER = "MAKER"
    TAKER = "TAKER"
    UNKNOWN = "UNKNOWN"


#: The reason of a bracket that came with its entry.
ATTACHED = "attached"


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where a position ends by itself: a stop trigger, and a resting target if it has one."""

    stop_price: Price
    target_price: Price | None
    unknown: UnknownFields = NONE_UNKNOWN

    def ceil_to(self, increment: Price) -> Bracket:
        """Return it in the increments of a product; itself if it is. Rounding: both prices up."""
        stop, target = Price(ceil_to(self.stop_price, increment)), self.target_price
        target = None if target is None else Price(ceil_to(target, increment))
        if (stop, target) == (self.stop_price, self.target_price):
            return self
        return replace(self, stop_price=stop, target_price=target)

    def is_around(self, price: Decimal) -> bool:
        """Tell whether the stop is below this price and above zero, and the target, if there is one, above it."""
        return 0 < self.stop_price < price and (self.target_price is None or price < self.target_price)


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as decided. Frozen: it is sent, and re-sent, exactly like this.

    ``lot_id`` is the lot it opens, closes or protects; of an entry it is the id of its parent order. ``bracket`` is the
    protection that an entry's lot is to have; with ``attach_bracket`` it travels with the order, else a separate order
    follows the fill. ``depends_on`` names orders that must be final, and conversions that must be done, before this one
    may leave. ``contingent_on`` names the sale that must be refused, or leave a rest, before this one may. ``n`` counts
    the orders ever made for the same lot or wish, and purpose; ``attempt`` says how many of them the market left
    unfilled. ``max_hold_until`` is the end of an entry's lot, None if no time ends it. ``keeps_rest`` is said of a sale
    of a part: the rest of its lot is protected before it leaves.
    """

    client_order_id: ClientOrderId
    cycle_id: CycleId
    strategy: StrategyId
    product_id: ProductId
    base: Asset
    quote: Asset
    side: Side
    purpose: OrderPurpose
    configuration: OrderConfiguration
    quantity: Quantity
    limit_price: Price
    lot_id: ClientOrderId
    decided_at: Instant
    attempt: int = 0
    n: int = 0
    stop_price: Price | None = None
    expires_at: Instant | None = None
    bracket: Bracket | None = None
    attach_bracket: bool = False
    max_hold_until: Instant | None = None
    fee_rate_max: Decimal = ZERO
    depends_on: tuple[str, ...] = ()
    contingent_on: ClientOrderId | None = None
    reason: str = ""
    keeps_rest: bool = False
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def is_understood(self) -> bool:
        """Whether this release knows what it is for, and of what kind it is."""
        return self.purpose.is_known and self.configuration.is_known

    @property
    def is_entry(self) -> bool:
        """Whether it opens a lot."""
        return self.purpose is OrderPurpose.ENTRY

    @property
    def is_exit(self) -> bool:
        """Whether it sells of a lot at once."""
        return self.purpose is OrderPurpose.EXIT

    @property
    def is_resting_sale(self) -> bool:
        """Whether it sells of a lot by resting on the book, below its stop or where the book takes nothing else."""
        return self.is_exit and self.configuration in (OrderConfiguration.LIMIT_GTC, OrderConfiguration.POST_ONLY_GTC)

    @property
    def is_protection(self) -> bool:
        """Whether it is the protective order of a lot, attached or our own."""
        return self.purpose is OrderPurpose.PROTECTION

    @property
    def covers_lot(self) -> bool:
        """Whether it rests at the venue so that its lot is not left alone; a sale takes it away in its turn."""
        return self.is_protection or self.is_resting_sale

    @property
    def is_attached(self) -> bool:
        """Whether the venue made this bracket out of its entry, rather than out of an order of ours."""
        return self.is_protection and self.reason == ATTACHED

    @property
    def notional(self) -> Notional:
        """Limit price times quantity, before fees."""
        return notional(self.limit_price, self.quantity)

    @property
    def cost_max(self) -> Notional:
        """The most a buy can take out of the cash, fees included."""
        return Notional(self.notional * (1 + self.fee_rate_max))


@dataclass(frozen=True, slots=True)
class OrderStatusReport:
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
class Accepted:
    """The venue has the order, under the name ``venue_order_id``; ``is_filled`` if it was read back as filled."""

    venue_order_id: VenueOrderId
    attached_order_id: VenueOrderId | None = None
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue refused; nothing of this order exists. ``kind`` is given where the reason's words cannot tell it."""

    reason: str
    kind: RefusalClass | None = None

    @property
    def refusal(self) -> RefusalClass:
        """What follows from it."""
        return self.kind or classify_refusal(self.reason)


@dataclass(frozen=True, slots=True)
class Unknown:
    """No usable answer: the order may or may not exist."""

    reason: str


Submission = Accepted | Rejected | Unknown


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
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def notional(self) -> Notional:
        """Price times quantity, before the fee."""
        return notional(self.price, self.quantity)
