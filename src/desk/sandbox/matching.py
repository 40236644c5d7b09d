"""What becomes of orders: on arrival against the touch, later against every bar that closes, and when their time is up.

Prices and quantities of every execution come from the simulator's pure rules; here is only who is asked when.
"""

from __future__ import annotations

from dataclasses import replace

from desk.sandbox.account import VenueAccount
from desk.sandbox.checks import why_not_edit
from desk.sandbox.faults import Fault
from desk.sandbox.market import Print, VenueMarket
from desk.sandbox.orders import Edit, Order, OrderType, TimeInForce
from desk.sandbox.settlement import Settlement
from desk.sandbox.venue_clock import Micros, VenueTime, add_seconds, to_second
from trader.model.ids import Instant, ProductId, VenueOrderId
from trader.model.market import Candle, Quote
from trader.model.money import Price, Quantity, floor_to, plain
from trader.model.order_life import OrderStatus
from trader.model.orders import Liquidity, Side
from trader.settings.app import SimulationSettings
from trader.sim import fills
from trader.sim.orders import Execution as Trade

_EDITS_KEPT = 5


class Matching:
    """The matching engine over one book and one market."""

    def __init__(
        self,
        account: VenueAccount,
        market: VenueMarket,
        settings: SimulationSettings,
        time: VenueTime,
        settlement: Settlement,
    ) -> None:
        self._account = account
        self._market = market
        self._settings = settings
        self._time = time
        self._settlement = settlement

    # --- time passes

    def advance(self) -> None:
        """Bring every active order up to now."""
        now = self._time.now()
        for order in list(self._account.active.values()):
            if order.is_pending and order.on_book is not None and self._time.has_come(order.on_book):
                self.arrive(order, self._time.moment())
        for product_id in sorted({order.core.product_id for order in self._account.active.values()}):
            self._match_product(product_id, now)
        for order in self._resting(None):
            deadline = _deadline(order)
            if deadline is not None and self._time.has_come(deadline):
                self._expire(order, deadline)

    def print(self, printed: Print) -> None:
        """Match what rests against one trade."""
        bar = self._market.print(printed)
        if bar is None:
            return
        for product_id in self._market.aliases(printed.product_id):
            self._match_bar(product_id, bar, printed.at)

    # --- one order

    def arrive(self, order: Order, at: Micros) -> Order:
        """Put an accepted order on the book, and execute what can be executed at once."""
        order = self._account.put(replace(order, core=replace(order.core, status=OrderStatus.OPEN)), at)
        if order.planned_fault is not None and order.planned_fault is not Fault.CANCEL_FILL_RACE:
            return self._apply_fault(order, at)
        touch = self._market.touch(order.core.product_id)
        if order.order_type is OrderType.MARKET:
            order = self._at_market(order, touch, at)
        elif order.order_type is OrderType.LIMIT and not order.post_only and touch is not None:
            order = self._at_limit(order, touch, at)
        if order.is_active and order.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
            order = self._settlement.end(order, OrderStatus.CANCELLED, at)
        return order

    def edit(self, order_id: str, price: Price, size: Quantity) -> str:
        """Change a working limit order: price and total size, at once; the size includes what is filled already.

        The answer is a reason, or nothing if it was done.
        """
        order = self._account.orders.get(VenueOrderId(order_id))
        if order is None:
            return "ORDER_NOT_FOUND"
        reason = why_not_edit(order, price, size)
        if reason:
            return reason
        at = self._time.moment()
        name, part = next(iter(order.configuration.items()))
        core = replace(order.core, limit_price=price, quantity=size)
        changed = replace(
            order,
            core=core,
            configuration={name: {**part, "base_size": plain(size), "limit_price": plain(price)}},
            edits=(*order.edits, Edit(price, size, at))[-_EDITS_KEPT:],
        )
        asset, hold = changed.hold
        if hold > self._account.available(asset) + order.hold[1]:
            return "INSUFFICIENT_FUND"
        touch = self._market.touch(core.product_id)
        if order.post_only and touch is not None and fills.would_cross(core.side, price, touch):
            return "INVALID_EDITED_PRICE"
        self._account.put(changed, at)
        if not order.post_only:
            self.arrive(changed, self._time.moment())
        return ""

    # --- on arrival

    def _apply_fault(self, order: Order, at: Micros) -> Order:
        if order.planned_fault is Fault.ACCEPTED_THEN_FAILED:
            told = {"reject_reason": "HOLD_FAILURE", "reject_message": "order could not be placed"}
            return self._settlement.end(order, OrderStatus.FAILED, at, **told)
        if order.planned_fault is Fault.PARTIAL_THEN_CANCELLED:
            half = floor_to(order.core.quantity / 2, order.core.base_increment)
            touch = self._market.touch(order.core.product_id)
            hit = None if touch is None else touch.ask if order.core.side is Side.BUY else touch.bid
            is_resting = hit is None or order.post_only
            price = order.core.limit_price if is_resting or hit is None else hit
            if half > 0:
                liquidity = Liquidity.MAKER if is_resting else Liquidity.TAKER
                order = self._settlement.execute(order, Trade(price, Quantity(half), liquidity), at)
        return self._settlement.end(order, OrderStatus.CANCELLED, at, cancel_message="cancelled by the venue")

    def _at_limit(self, order: Order, touch: Quote, at: Micros) -> Order:
        shown = self._market.shown(order.core.product_id, order.core.side)
        execution = fills.fill_marketable(order.core, touch, shown, self._settings)
        if execution is None:
            return order
        if order.time_in_force is TimeInForce.FOK and execution.quantity < order.core.quantity:
            return order
        return self._settlement.execute(order, execution, at)

    def _at_market(self, order: Order, touch: Quote | None, at: Micros) -> Order:
        if touch is None:
            return order
        shown = self._market.shown(order.core.product_id, order.core.side)
        execution = fills.fill_marketable(order.core, touch, shown, self._settings)
        if execution is None:
            return order
        if order.quote_size is None:
            if order.reserved is not None:
                unit = execution.price * (1 + self._settings.taker_fee_ratio)
                paid_for = floor_to(order.reserved / unit, order.core.base_increment)
                execution = replace(execution, quantity=Quantity(min(execution.quantity, paid_for)))
            return self._settlement.execute(order, execution, at) if execution.quantity > 0 else order
        return self._settlement.buy_for(order, order.quote_size, execution, shown, at)

    # --- while resting

    def _match_product(self, product_id: ProductId, now: Instant) -> None:
        since = self._account.matched_until.get(product_id, now)
        traded = self._market.traded(product_id, since, now)
        for bar in traded.rows:
            end = Instant(bar.start + traded.seconds)
            self._match_bar(product_id, bar, end)
            if product_id not in self._account.matched_until:
                return
            self._account.matched_until[product_id] = end

    def _match_bar(self, product_id: ProductId, bar: Candle, end: Instant) -> None:
        served = set()
        for seen in self._resting(product_id):
            order = self._account.active.get(seen.order_id)
            # Only bars that began after the order existed; an attached bracket was already served with its parent.
            if order is None or order.is_pending or bar.start < order.core.created_at or order.core.parent in served:
                continue
            deadline, at = _deadline(order), self._time.within(end)
            if deadline is not None and to_second(deadline) < end:
                self._expire(order, deadline)
            elif order.has_stop:
                self._serve_protective(order, bar, end)
            elif execution := fills.fill_resting(order.core, bar, self._settings):
                self._settlement.execute(order, execution, at)
                served.add(order.order_id)
                child = self._account.active.get(order.core.child) if order.core.child is not None else None
                if child is not None:
                    self._serve_protective(child, bar, end, entered=True)

    def _serve_protective(self, order: Order, bar: Candle, end: Instant, *, entered: bool = False) -> None:
        core, execution = fills.fill_protective(
            order.core, bar, end, self._settings, entered=entered, is_upward=order.stops_upward
        )
        at = self._time.within(end)
        if core is not order.core:
            order = self._account.put(replace(order, core=core), at)
            self._settlement.end_parent(order, at)
        if execution is not None:
            self._settlement.execute(order, execution, at)

    def _expire(self, order: Order, deadline: Micros) -> None:
        if order.cancel_at == deadline:
            self._settlement.end(order, OrderStatus.CANCELLED, deadline)
        else:
            self._settlement.end(order, OrderStatus.EXPIRED, deadline)

    def _resting(self, product_id: ProductId | None) -> list[Order]:
        active = (order for order in self._account.active.values() if product_id in {None, order.core.product_id})
        return sorted(active, key=lambda order: order.sequence)


def _deadline(order: Order) -> Micros | None:
    expires = order.core.expires_at
    ends = [] if expires is None else [add_seconds(Micros(0), expires)]
    if order.cancel_at is not None:
        ends.append(order.cancel_at)
    return min(ends) if ends else None
