"""An order as the venue keeps it: what the matching needs, and what the wire tells besides."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from desk.sandbox.faults import Fault
from desk.sandbox.replies import JsonObject
from desk.sandbox.venue_clock import Micros
from trader.model.ids import Asset, Instant, VenueOrderId
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Bracket, Fill, Side
from trader.sim.orders import SimOrder


class OrderType(StrEnum):
    """What kind of order, in the venue's words."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_LIMIT = "STOP_LIMIT"
    BRACKET = "BRACKET"


class TimeInForce(StrEnum):
    """How long an order works."""

    GTC = "GOOD_UNTIL_CANCELLED"
    GTD = "GOOD_UNTIL_DATE_TIME"
    IOC = "IMMEDIATE_OR_CANCEL"
    FOK = "FILL_OR_KILL"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A body of POST /orders that could be read. ``raw`` is its configuration, with the members of the echo added."""

    client_order_id: str
    product_id: str
    side: Side
    configuration: JsonObject
    order_type: OrderType
    time_in_force: TimeInForce
    base_size: Quantity | None = None
    quote_size: Notional | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    stops_upward: bool = False
    end_time: Instant | None = None
    post_only: bool = False
    attached: Bracket | None = None
    attached_configuration: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """One change that was made to a working order."""

    price: Price
    size: Quantity
    at: Micros


@dataclass(frozen=True, slots=True)
class Order:
    """One order at one moment. ``core`` is what the simulator's matching works on.

    ``reserved`` is what a market buy holds in quote, since it has no price of its own. ``stop_price`` belongs to
    stop-limit orders; a bracket has its own in ``core``. ``fate`` is what a fault has in store for it.
    """

    core: SimOrder
    order_type: OrderType
    time_in_force: TimeInForce
    configuration: JsonObject
    created: Micros
    updated: Micros
    sequence: int
    post_only: bool = False
    quote_size: Notional | None = None
    reserved: Decimal | None = None
    stop_price: Price | None = None
    stops_upward: bool = False
    is_triggered: bool = False
    filled_value: Notional = Notional(0)
    fees: Decimal = Decimal(0)
    last_fill: Micros | None = None
    final_since: Micros | None = None
    on_book: Micros | None = None
    cancel_at: Micros | None = None
    cancel_message: str = ""
    reject_reason: str = "REJECT_REASON_UNSPECIFIED"
    reject_message: str = ""
    edits: tuple[Edit, ...] = ()
    attached_configuration: JsonObject | None = None
    planned_fault: Fault | None = None

    @property
    def order_id(self) -> VenueOrderId:
        """The venue's id."""
        return self.core.venue_order_id

    @property
    def is_active(self) -> bool:
        """Whether it can still fill."""
        return not self.core.status.is_final

    @property
    def waits_for_stop(self) -> bool:
        """Whether a stop has to be reached before it works."""
        return self.order_type is OrderType.STOP_LIMIT and not self.is_triggered

    @property
    def is_pending(self) -> bool:
        """Whether it is accepted and not on the book yet."""
        return self.core.status is OrderStatus.PENDING

    @property
    def hold(self) -> tuple[Asset, Decimal]:
        """What it reserves while it is live."""
        if self.reserved is not None:
            return self.core.quote, self.reserved
        return self.core.hold


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill as the venue keeps it. ``size_in_quote``: the wire tells its size in quote, which is ``value``."""

    fill: Fill
    at: Micros
    sequence: int
    value: Notional
    size_in_quote: bool = False
