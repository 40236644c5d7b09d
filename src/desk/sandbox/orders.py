"""An order as the venue keeps it: what the matching needs, and what the wire tells besides."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from desk.sandbox.faults import Fault
from desk.sandbox.ids import derive_uuid
from desk.sandbox.replies import JsonObject
from desk.sandbox.venue_clock import Micros, to_second
from trader.model.ids import Asset, ClientOrderId, Instant, VenueOrderId
from trader.model.market import Product, Quote
from trader.model.money import ONE, Notional, Price, Quantity, ceil_to, floor_to
from trader.model.order_life import OrderStatus
from trader.model.orders import Bracket, Fill, OrderConfiguration, Side
from trader.settings.app import SimulationSettings
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

    ``reserved`` is what a market buy holds in quote, since it has no price of its own. ``planned_fault`` is what a
    fault has in store for it. ``held_until`` is when the hold of one that was cancelled becomes free again.
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
    stops_upward: bool = False
    filled_value: Notional = Notional(0)
    fees: Decimal = Decimal(0)
    last_fill: Micros | None = None
    final_since: Micros | None = None
    on_book: Micros | None = None
    cancel_at: Micros | None = None
    held_until: Micros | None = None
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
    def has_stop(self) -> bool:
        """Whether it has a stop, reached already or not."""
        return self.order_type in {OrderType.STOP_LIMIT, OrderType.BRACKET}

    @property
    def waits_for_stop(self) -> bool:
        """Whether a stop has to be reached before it works."""
        return self.order_type is OrderType.STOP_LIMIT and not self.core.is_triggered

    @property
    def is_pending(self) -> bool:
        """Whether it is accepted and not on the book yet."""
        return self.core.status is OrderStatus.PENDING

    @property
    def hold(self) -> tuple[Asset, Decimal]:
        """What it reserves while it is active."""
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


#: What the simulator's matching has to know of an order; it tells no other kinds apart.
_CONFIGURATIONS = {
    OrderType.BRACKET: OrderConfiguration.BRACKET_GTC,
    OrderType.STOP_LIMIT: OrderConfiguration.STOP_LIMIT_GTC,
}


def place_order(
    request: OrderRequest,
    product: Product,
    touch: Quote | None,
    rules: SimulationSettings,
    *,
    at: Micros,
    sequence: int,
    band: Decimal,
    free: Decimal,
) -> Order:
    """Turn a request that passed every check into an order.

    A market order gets a limit of its own: as far from the touch as the venue's price protection, *band*, lets it go.
    Units: *band* is a ratio, *free* what of the quote asset is free to spend.
    """
    limit, quantity, reserved = _terms(request, product, touch, rules, band, free)
    name = derive_uuid(f"order|{request.client_order_id}|{sequence}")
    core = SimOrder(
        venue_order_id=VenueOrderId(name),
        client_order_id=ClientOrderId(request.client_order_id),
        root=ClientOrderId(request.client_order_id),
        product_id=product.product_id,
        base=product.base,
        quote=product.quote,
        side=request.side,
        configuration=_CONFIGURATIONS.get(request.order_type, OrderConfiguration.LIMIT_IOC),
        quantity=quantity,
        limit_price=limit,
        created_at=to_second(at),
        price_increment=product.price_increment,
        base_increment=product.base_increment,
        fee_rate=rules.maker_fee_ratio if request.post_only else rules.taker_fee_ratio,
        stop_price=request.stop_price,
        expires_at=request.end_time,
        bracket=request.attached,
        child=VenueOrderId(derive_uuid(f"child|{name}")) if request.attached is not None else None,
        status=OrderStatus.PENDING,
    )
    return Order(
        core=core,
        order_type=request.order_type,
        time_in_force=request.time_in_force,
        configuration=request.configuration,
        created=at,
        updated=at,
        sequence=sequence,
        post_only=request.post_only,
        quote_size=request.quote_size,
        reserved=reserved,
        stops_upward=request.stops_upward,
        attached_configuration=request.attached_configuration,
    )


def _terms(
    request: OrderRequest,
    product: Product,
    touch: Quote | None,
    rules: SimulationSettings,
    band: Decimal,
    free: Decimal,
) -> tuple[Price, Quantity, Decimal | None]:
    """Return limit, quantity, and what a market buy reserves."""
    if request.order_type is not OrderType.MARKET:
        assert request.limit_price is not None
        assert request.base_size is not None
        return request.limit_price, request.base_size, None
    assert touch is not None, "a market order without a market passed the checks"
    if request.side is Side.SELL:
        floor = max(floor_to(touch.bid * (1 - band), product.price_increment), product.price_increment)
        assert request.base_size is not None
        return Price(floor), request.base_size, None
    ceiling = Price(ceil_to(touch.ask * (1 + band), product.price_increment))
    if request.quote_size is not None:
        value = request.quote_size / (1 + rules.taker_fee_ratio)
        return ceiling, Quantity(value / touch.ask), Notional(request.quote_size)
    assert request.base_size is not None
    # As much as the worst price costs, or all there is, as long as that pays the price of now.
    factor = ONE + rules.taker_fee_ratio
    now, worst = touch.ask * request.base_size * factor, ceiling * request.base_size * factor
    return ceiling, request.base_size, max(now, min(worst, free))
