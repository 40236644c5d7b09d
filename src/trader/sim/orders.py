"""Orders as the simulated venue keeps them, and what one execution is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader.model.codec import sha256_hex
from trader.model.conversions import ConversionStatus
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, TradeId, VenueOrderId
from trader.model.market import Product
from trader.model.money import ZERO, Notional, Price, Quantity, ceil_to, limit_of_stop, notional
from trader.model.order_life import OrderStatus
from trader.model.orders import Bracket, Fill, Liquidity, OrderConfiguration, OrderIntent, OrderStatusReport, Side
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: Fees are rounded up to this; the venue charges fractions of a cent.
FEE_INCREMENT = Decimal("1e-12")
#: So long nobody can cancel an order whose time has come: a tape that is late may still fill it. Later anybody can,
#: or a market that is gone would hold its money without end.
UNREAD_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Execution:
    """What matching one order against one bar or one touch comes to."""

    price: Price
    quantity: Quantity
    liquidity: Liquidity


@dataclass(frozen=True, slots=True)
class SimOrder:
    """One order as the venue keeps it.

    ``child`` is the id its attached bracket has, or will have once the first fill gives it a size; ``parent`` points
    back. ``root`` is the client id it all began with. The increments are those of the product when it was placed.
    ``fee_due`` is the exact fee of all fills, ``fee_charged`` what was taken for them. ``triggered_at`` is the end of
    the bar that reached the stop: from then on the order is a limit like any other, and a bracket's target is void.
    """

    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId
    root: ClientOrderId
    product_id: ProductId
    base: Asset
    quote: Asset
    side: Side
    configuration: OrderConfiguration
    quantity: Quantity
    limit_price: Price
    created_at: Instant
    price_increment: Price
    base_increment: Quantity
    fee_rate: Decimal
    stop_price: Price | None = None
    triggered_at: Instant | None = None
    expires_at: Instant | None = None
    bracket: Bracket | None = None
    parent: VenueOrderId | None = None
    child: VenueOrderId | None = None
    status: OrderStatus = OrderStatus.OPEN
    final_at: Instant | None = None
    filled: Quantity = Quantity(0)
    executions: int = 0
    fee_due: Decimal = ZERO
    fee_charged: Notional = Notional(0)
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def is_understood(self) -> bool:
        """Whether this release knows how the venue works it. Any other rests as it is."""
        return self.configuration.is_known and self.status.is_known

    def awaits_tape(self, now: Instant) -> bool:
        """Whether its time has come, and what filled it by then could not be read yet."""
        return self.is_understood and self.expires_at is not None and 0 <= now - self.expires_at < UNREAD_SECONDS

    @property
    def remaining(self) -> Quantity:
        """Base units not executed."""
        return Quantity(self.quantity - self.filled)

    @property
    def is_triggered(self) -> bool:
        """Whether its stop was reached."""
        return self.triggered_at is not None

    @property
    def working_limit(self) -> Price:
        """The price at which it is on the book now: a triggered bracket's is that of its stop, not its target."""
        if self.configuration is OrderConfiguration.BRACKET_GTC and self.is_triggered:
            assert self.stop_price is not None
            return limit_of_stop(self.stop_price, self.price_increment)
        return self.limit_price

    @property
    def hold(self) -> tuple[Asset, Decimal]:
        """What an active order reserves: a sell its base, a buy its value and the fee still to come."""
        if self.side is Side.SELL:
            return self.base, self.remaining
        fee = round_up_fee(notional(self.limit_price, self.quantity) * self.fee_rate) - self.fee_charged
        return self.quote, notional(self.limit_price, self.remaining) + max(fee, ZERO)

    def report(self) -> OrderStatusReport:
        """Report the order as the adapter's caller knows orders."""
        return OrderStatusReport(
            venue_order_id=self.venue_order_id,
            client_order_id=self.client_order_id,
            product_id=self.product_id,
            side=self.side,
            status=self.status,
            filled_quantity=self.filled,
            created_at=self.created_at,
            settled=self.status.is_final,
            attached_order_id=self.child,
            originating_order_id=self.parent,
            quantity=self.quantity,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
        )


@dataclass(frozen=True, slots=True)
class SimConversion:
    """One conversion quote, and what became of it."""

    venue_conversion_id: str
    conversion_id: str
    source: Asset
    target: Asset
    amount: Notional
    status: ConversionStatus = ConversionStatus.QUOTED
    done_at: Instant | None = None
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def is_open(self) -> bool:
        """Whether it may still be committed."""
        return self.status is ConversionStatus.QUOTED


def make_order(intent: OrderIntent, product: Product, fee_rate: Decimal, at: Instant) -> SimOrder:
    """Make the order that the venue keeps of an intent."""
    is_dated = intent.configuration is OrderConfiguration.POST_ONLY_GTD
    attached = intent.bracket if intent.attach_bracket else None
    return SimOrder(
        venue_order_id=derive_venue_id(intent.client_order_id, 0),
        client_order_id=intent.client_order_id,
        root=intent.client_order_id,
        product_id=intent.product_id,
        base=product.base,
        quote=product.quote,
        side=intent.side,
        configuration=intent.configuration,
        quantity=intent.quantity,
        limit_price=intent.limit_price,
        created_at=at,
        price_increment=product.price_increment,
        base_increment=product.base_increment,
        fee_rate=fee_rate,
        stop_price=intent.stop_price,
        expires_at=intent.expires_at if is_dated else None,
        bracket=attached,
        child=derive_venue_id(intent.client_order_id, 1) if attached is not None else None,
    )


def derive_venue_id(client_order_id: ClientOrderId, number: int) -> VenueOrderId:
    """Derive the venue's id of an order (0) or of its attached bracket (1): the same in every run."""
    return VenueOrderId(sha256_hex(f"order|{client_order_id}|{number}")[:32])


def round_up_fee(fee: Decimal) -> Decimal:
    """Round a fee up to the smallest amount the venue charges."""
    return ceil_to(fee, FEE_INCREMENT)


def make_fill(order: SimOrder, execution: Execution, fee: Notional, at: Instant) -> Fill:
    """Write down an execution, under an id that follows from the order and the number of the fill."""
    return Fill(
        trade_id=TradeId(sha256_hex(f"trade|{order.venue_order_id}|{order.executions}")[:32]),
        venue_order_id=order.venue_order_id,
        product_id=order.product_id,
        side=order.side,
        price=execution.price,
        quantity=execution.quantity,
        fee=fee,
        time=at,
        liquidity=execution.liquidity,
    )


def make_attached_bracket(parent: SimOrder, quantity: Quantity, at: Instant) -> SimOrder:
    """Make the bracket that protects what a parent has bought; it is born with the first fill."""
    assert parent.child is not None
    assert parent.bracket is not None
    assert parent.bracket.target_price is not None
    return replace(
        parent,
        venue_order_id=parent.child,
        # The venue names it, not we: a reader that looks for our prefix here would not find it at Coinbase either.
        client_order_id=ClientOrderId(parent.child),
        side=Side.SELL,
        configuration=OrderConfiguration.BRACKET_GTC,
        quantity=quantity,
        limit_price=parent.bracket.target_price,
        stop_price=parent.bracket.stop_price,
        created_at=at,
        expires_at=None,
        bracket=None,
        parent=parent.venue_order_id,
        child=None,
        filled=Quantity(0),
        executions=0,
        fee_due=ZERO,
        fee_charged=Notional(0),
    )


def rewind_order(order: SimOrder, late: Sequence[Fill], at: Instant) -> SimOrder:
    """Show an order as it was at an instant, given all fills after it."""
    own = [fill for fill in late if fill.venue_order_id == order.venue_order_id]
    grown = [fill for fill in late if fill.venue_order_id == order.parent]
    is_over = order.final_at is not None and order.final_at <= at
    return replace(
        order,
        quantity=Quantity(order.quantity - sum((fill.quantity for fill in grown), ZERO)),
        filled=Quantity(order.filled - sum((fill.quantity for fill in own), ZERO)),
        fee_charged=Notional(order.fee_charged - sum((fill.fee for fill in own), ZERO)),
        status=order.status if is_over else OrderStatus.OPEN,
        triggered_at=order.triggered_at if order.triggered_at is not None and order.triggered_at <= at else None,
        final_at=order.final_at if is_over else None,
    )
