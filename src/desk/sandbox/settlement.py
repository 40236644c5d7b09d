"""What an execution does: money moves, a fill is written, a bracket is born or grows, what is full is finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from desk.sandbox.account import VenueAccount
from desk.sandbox.ids import derive_uuid
from desk.sandbox.orders import Execution, Order, OrderType, TimeInForce
from desk.sandbox.venue_clock import Micros, add_seconds, to_second
from trader.model.ids import TradeId
from trader.model.money import ZERO, Notional, Quantity, floor_to, notional, plain
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, Liquidity, Side
from trader.settings.app import SimulationSettings
from trader.sim.orders import Execution as Trade
from trader.sim.orders import SimOrder, make_attached_bracket, round_up_fee

_QUOTE_PLACES = Decimal("1e-16")
_BASE_PLACES = Decimal("1e-15")


class Settlement:
    """Where executions are booked. ``slices`` is how many fills are made of each.

    ``hold_seconds`` is how long what a cancelled order held is not free yet.
    """

    def __init__(self, account: VenueAccount, settings: SimulationSettings, new_number: Callable[[], int]) -> None:
        self._account = account
        self._settings = settings
        self._new_number = new_number
        self.slices = 1
        self.hold_seconds = 0.0

    def end(self, order: Order, status: OrderStatus, at: Micros, **told: str) -> Order:
        """Finish an order, which frees its hold: at once, or after a while if it was cancelled."""
        core = replace(order.core, status=status, final_at=to_second(at))
        lingers = status is OrderStatus.CANCELLED and self.hold_seconds > 0
        until = add_seconds(at, self.hold_seconds) if lingers else None
        ended = replace(order, core=core, final_since=at, cancel_at=None, held_until=until, **told)  # type: ignore[arg-type]
        return self._account.put(ended, at)

    def fill_remaining(self, order: Order, at: Micros) -> Order:
        """Execute all that is left of a resting order at its own price."""
        return self.execute(order, Trade(order.core.working_limit, order.core.remaining, Liquidity.MAKER), at)

    def buy_for(self, order: Order, amount: Notional, execution: Trade, shown: Notional, at: Micros) -> Order:
        """Buy for an amount that includes the fee; what is bought is rounded to no increment."""
        rate, price = self._settings.taker_fee_ratio, execution.price
        value = (amount / (1 + rate)).quantize(_QUOTE_PLACES, ROUND_DOWN)
        fee = amount - value
        is_whole = value <= shown
        if not is_whole:
            value = Decimal(shown)
            fee = (value * rate).quantize(_QUOTE_PLACES)
        base = (value / price).quantize(_BASE_PLACES)
        sized = replace(order, core=replace(order.core, quantity=Quantity(base)))
        bought = Trade(price, Quantity(base), Liquidity.TAKER)
        order = self._booked(sized, bought, Notional(value), Notional(fee), at)
        if is_whole:
            return self.end(order, OrderStatus.FILLED, at)
        told = "order was cut short by price protection"
        return self.end(order, OrderStatus.CANCELLED, at, cancel_message=told)

    def execute(self, order: Order, execution: Trade, at: Micros) -> Order:
        """Book an execution, cut into as many fills as the venue was told to make of it."""
        part = floor_to(execution.quantity / self.slices, order.core.base_increment)
        if self.slices > 1 and part > 0:
            for _ in range(self.slices - 1):
                order = self._booked_at_rate(order, replace(execution, quantity=Quantity(part)), at)
            rest = execution.quantity - part * (self.slices - 1)
            execution = replace(execution, quantity=Quantity(rest))
        order = self._booked_at_rate(order, execution, at)
        if order.core.remaining > 0:
            return order
        order = self.end(order, OrderStatus.FILLED, at)
        self.end_parent(order, at)
        return order

    def end_parent(self, order: Order, at: Micros) -> None:
        """Cancel what is left of the order that a bracket came with: nothing may be bought that nothing protects."""
        parent = self._account.active.get(order.core.parent) if order.core.parent is not None else None
        if parent is not None:
            self.end(parent, OrderStatus.CANCELLED, at)

    def _booked_at_rate(self, order: Order, execution: Trade, at: Micros) -> Order:
        is_maker = execution.liquidity is Liquidity.MAKER
        rate = self._settings.maker_fee_ratio if is_maker else self._settings.taker_fee_ratio
        value = notional(execution.price, execution.quantity)
        # Rounded up once over all fills of an order, so that they never cost more than what was held.
        due = order.core.fee_due + value * rate
        fee = Notional(round_up_fee(due) - order.core.fee_charged)
        core = replace(order.core, fee_due=due, fee_charged=Notional(order.core.fee_charged + fee))
        return self._booked(replace(order, core=core), execution, value, fee, at)

    def _booked(self, order: Order, execution: Trade, value: Notional, fee: Notional, at: Micros) -> Order:
        core, sequence = order.core, self._new_number()
        fill = Fill(
            trade_id=TradeId(derive_uuid(f"trade|{core.venue_order_id}|{core.executions}")),
            venue_order_id=core.venue_order_id,
            product_id=core.product_id,
            side=core.side,
            price=execution.price,
            quantity=execution.quantity,
            fee=fee,
            time=to_second(at),
            liquidity=execution.liquidity,
        )
        self._account.executions.append(Execution(fill, at, sequence, value, order.quote_size is not None))
        sign = 1 if core.side is Side.BUY else -1
        self._account.move(core.base, sign * execution.quantity, at)
        self._account.move(core.quote, -sign * value - fee, at)
        core = replace(core, filled=Quantity(core.filled + execution.quantity), executions=core.executions + 1)
        reserved = order.reserved
        order = replace(
            order,
            core=core,
            filled_value=Notional(order.filled_value + value),
            fees=order.fees + fee,
            reserved=None if reserved is None else max(reserved - value - fee, ZERO),
            last_fill=at,
        )
        order = self._account.put(order, at)
        self._protect(order, execution.quantity, at)
        return order

    def _protect(self, order: Order, quantity: Quantity, at: Micros) -> None:
        # A bracket that is over stays over; what its parent buys afterwards has to be protected by somebody else.
        if order.core.child is None:
            return
        quantity = Quantity(floor_to(quantity, order.core.base_increment))
        child = self._account.orders.get(order.core.child)
        if child is None and quantity > 0:
            core = replace(
                make_attached_bracket(order.core, quantity, to_second(at)), status=OrderStatus.OPEN, final_at=None
            )
            self._account.put(_bracket_order(order, core, at, self._new_number()), at)
        elif child is not None and child.is_active:
            core = replace(child.core, quantity=Quantity(child.core.quantity + quantity))
            configuration = {"trigger_bracket_gtc": {**child.configuration["trigger_bracket_gtc"]}}
            configuration["trigger_bracket_gtc"]["base_size"] = plain(core.quantity)
            self._account.put(replace(child, core=core, configuration=configuration), at)


def _bracket_order(parent: Order, core: SimOrder, at: Micros, sequence: int) -> Order:
    assert parent.core.bracket is not None
    assert parent.core.bracket.target_price is not None
    part = {
        "base_size": plain(core.quantity),
        "limit_price": plain(parent.core.bracket.target_price),
        "stop_trigger_price": plain(parent.core.bracket.stop_price),
    }
    return Order(
        core=core,
        order_type=OrderType.BRACKET,
        time_in_force=TimeInForce.GTC,
        configuration={"trigger_bracket_gtc": part},
        created=at,
        updated=at,
        sequence=sequence,
    )
