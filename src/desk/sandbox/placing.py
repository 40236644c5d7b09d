"""What an order that was taken looks like on the book."""

from __future__ import annotations

from decimal import Decimal

from desk.sandbox.ids import derive_uuid
from desk.sandbox.orders import Order, OrderRequest, OrderType
from desk.sandbox.venue_clock import Micros, to_second
from trader.model.ids import ClientOrderId, VenueOrderId
from trader.model.market import Product, Quote
from trader.model.money import ONE, Notional, Price, Quantity, ceil_to, floor_to
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration, Side
from trader.settings.app import SimulationSettings
from trader.sim.orders import SimOrder


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
        configuration=OrderConfiguration.BRACKET_GTC
        if request.order_type is OrderType.BRACKET
        else OrderConfiguration.LIMIT_IOC,
        quantity=quantity,
        limit_price=limit,
        created_at=to_second(at),
        price_increment=product.price_increment,
        base_increment=product.base_increment,
        fee_rate=rules.maker_fee_ratio if request.post_only else rules.taker_fee_ratio,
        stop_price=request.stop_price if request.order_type is OrderType.BRACKET else None,
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
        stop_price=request.stop_price if request.order_type is OrderType.STOP_LIMIT else None,
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
