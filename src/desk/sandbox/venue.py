"""The simulated Coinbase without its wire: a market, an account, and what can be asked of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

from desk.sandbox.account import VenueAccount
from desk.sandbox.auth import ApiKey, authenticate, make_key
from desk.sandbox.checks import why_reject
from desk.sandbox.conversions import ConversionDesk
from desk.sandbox.faults import Fault, FaultScript
from desk.sandbox.ids import derive_uuid
from desk.sandbox.market import PriceSource, Print, VenueMarket
from desk.sandbox.matching import Matching
from desk.sandbox.options import USUAL_OPENING, USUAL_RULES, VenueOptions
from desk.sandbox.orders import Order, OrderRequest, OrderType, place_order
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.reasons import OrderRefused, refuse_missing_wallet
from desk.sandbox.settlement import Settlement
from desk.sandbox.traffic import Traffic
from desk.sandbox.venue_clock import VenueTime, add_seconds
from trader.adapters.local.clock import SystemClock
from trader.model.ids import Asset, ProductId, VenueOrderId
from trader.model.market import Product
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.ports import Clock
from trader.settings.app import SimulationSettings

_PLACES = Decimal("1e-16")


class Venue:
    """Everything there is, behind one lock. Nothing happens between requests: each first brings the book up to now.

    Attributes are open to tests: ``faults`` is the script of what goes wrong, ``options`` may be replaced through
    ``configure``, ``traffic`` counts requests, ``key`` is a key that may view and trade.
    """

    def __init__(
        self,
        source: PriceSource | None = None,
        clock: Clock | None = None,
        *,
        settings: SimulationSettings = USUAL_RULES,
        opening: Mapping[Asset, Decimal] = USUAL_OPENING,
        options: VenueOptions | None = None,
        keys: Sequence[ApiKey] | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.time = VenueTime(clock or SystemClock())
        given = source or make_synthetic_source(now=self.time.now())
        self.settings = settings
        self.options = options or VenueOptions()
        self.market = VenueMarket(given, settings, self.time.clock)
        self.account = VenueAccount(opening)
        self.faults = FaultScript()
        self.traffic = Traffic(self.options.rate_limits)
        keys = [make_key()] if keys is None else keys
        self.keys = {key.name: key for key in keys}
        self._numbers = count(1)
        self.settlement = Settlement(self.account, settings, self.new_number)
        self.settlement.slices = self.options.slices
        self.settlement.hold_seconds = self.options.lags.hold
        self.matching = Matching(self.account, self.market, settings, self.time, self.settlement)
        self.conversions = ConversionDesk(self.account, self.time, self.new_number, self.asset_of)
        self._script = list(given.script)

    # --- for tests and the control path

    @property
    def key(self) -> ApiKey:
        """The first registered key."""
        return next(iter(self.keys.values()))

    def add_key(self, key: ApiKey) -> ApiKey:
        """Register a key."""
        self.keys[key.name] = key
        return key

    def revoke_key(self, name: str) -> None:
        """Refuse from now on what is signed with a key. Raises: KeyError if there is none of that name."""
        del self.keys[name]

    def configure(self, **changes: Any) -> None:
        """Replace options, such as ``lags=Lags(fills=5)``."""
        with self.lock:
            self.options = replace(self.options, **changes)
            self.settlement.slices = self.options.slices
            self.settlement.hold_seconds = self.options.lags.hold
            self.traffic.limit(self.options.rate_limits)

    def set_price(self, product_id: str, price: str | None, volume: str = "1000000") -> None:
        """Print a trade: it moves the touch and is matched at once. None lets the product follow its candles again."""
        with self.lock:
            self.advance()
            amount = None if price is None else Decimal(price)
            self.matching.print(Print(self.time.now(), ProductId(product_id), amount, Decimal(volume)))

    def deposit(self, asset: str, amount: str) -> None:
        """Pay in, or out if the amount is negative, as the account's owner might at any time."""
        with self.lock:
            self.advance()
            self.account.move(Asset(asset), Decimal(amount), self.time.moment())

    def orders(self) -> list[Order]:
        """Return every order as it is now, oldest first."""
        with self.lock:
            self.advance()
            return sorted(self.account.orders.values(), key=lambda order: order.sequence)

    # --- for the endpoints

    def new_number(self) -> int:
        """Return the next number of a series that never repeats."""
        return next(self._numbers)

    def advance(self) -> None:
        """Bring everything up to now."""
        while self._script and self._script[0].at <= self.time.now():
            self.matching.print(self._script.pop(0))
        self.matching.advance()
        self.account.release(self.time.has_come)

    def authenticate(self, header: str, method: str, path: str) -> ApiKey:
        """Return the key of a request. Raises: Unauthorized."""
        clocks = [self.server_seconds()]
        if self.time.is_virtual:
            clocks.append(SystemClock().now())
        return authenticate(header, method, path, self.keys, self.options, clocks)

    def server_seconds(self) -> int:
        """Return the time as the venue itself believes it to be."""
        return self.time.now() + self.options.clock_offset_seconds

    def asset_of(self, account: str) -> str:
        """Return the currency of an account, named by its currency or by its UUID."""
        return next((asset for asset in self.account.totals if derive_uuid(f"account|{asset}") == account), account)

    def check(self, request: OrderRequest) -> Order:
        """Return the order a request would become. Raises: OrderRefused."""
        product = self.market.product(request.product_id)
        if product is None:
            raise OrderRefused("INVALID_PRODUCT_ID")
        touch, last = self.market.touch(product.product_id), self.market.last(product.product_id)
        reason = why_reject(request, product, touch, last, self.time.now())
        if reason is not None:
            raise OrderRefused(reason)
        order = self.place(request, product)
        asset, hold = order.hold
        if request.side is Side.BUY and asset not in self.account.totals:
            raise refuse_missing_wallet()
        if hold > self.account.available(asset):
            raise OrderRefused("INSUFFICIENT_FUND")
        return order

    def place(self, request: OrderRequest, product: Product) -> Order:
        """Return the order a request becomes if it is taken, whether or not there is money for it."""
        return place_order(
            request,
            product,
            self.market.touch(product.product_id),
            self.settings,
            at=self.time.moment(),
            sequence=self.new_number(),
            band=self.options.protection.get(product.product_id, self.options.protection_ratio),
            free=self.account.available(product.quote),
        )

    def create(self, request: OrderRequest, planned_fault: Fault | None = None) -> Order:
        """Place an order. Raises: OrderRefused."""
        order = replace(self.check(request), planned_fault=planned_fault)
        at = order.created
        pending = self.options.lags.pending
        working = sum(1 for other in self.account.active.values() if other.core.product_id == order.core.product_id)
        order = self.account.put(replace(order, on_book=add_seconds(at, pending)), at)
        self.account.by_client_id[request.client_order_id] = order.order_id
        if working >= self.options.open_orders_max:
            return self.settlement.end(order, OrderStatus.FAILED, at, reject_reason="TOO_MANY_OPEN_ORDERS")
        return order if pending > 0 else self.matching.arrive(order, self.time.moment())

    def known(self, client_order_id: str) -> Order | None:
        """Return the order that has this client id already, as far as the venue remembers ids."""
        order_id, memory = self.account.by_client_id.get(client_order_id), self.options.id_memory_seconds
        order = None if order_id is None else self.account.orders[order_id]
        if order is None or memory is None:
            return order
        return None if self.time.has_come(add_seconds(order.created, memory)) else order

    def cancel(self, order_id: str, planned_fault: Fault | None = None) -> str:
        """Ask for a cancellation; the answer is a reason, or nothing if it was taken."""
        order = self.account.orders.get(VenueOrderId(order_id))
        if order is None:
            return "UNKNOWN_CANCEL_ORDER"
        if not order.is_active:
            return "ORDER_IS_FULLY_FILLED" if order.core.status is OrderStatus.FILLED else "UNKNOWN_CANCEL_ORDER"
        if order.cancel_at is not None:
            return "DUPLICATE_CANCEL_REQUEST"
        at = self.time.moment()
        if Fault.CANCEL_FILL_RACE in {planned_fault, order.planned_fault} and not order.waits_for_stop:
            self.settlement.fill_remaining(order, at)
        elif self.options.lags.cancel > 0:
            core = replace(order.core, status=OrderStatus.CANCEL_QUEUED)
            cancel_at = add_seconds(at, self.options.lags.cancel)
            self.account.put(replace(order, core=core, cancel_at=cancel_at), at)
        else:
            self.settlement.end(order, OrderStatus.CANCELLED, at)
        return ""

    def edit(self, order_id: str, price: Price, size: Quantity) -> str:
        """Change a working limit order; the answer is a reason, or nothing if it was done."""
        return self.matching.edit(order_id, price, size)

    def estimate(self, order: Order) -> tuple[Decimal, Decimal, Decimal]:
        """Return value, fee and base quantity an order would come to, if all of it executes."""
        rules, core = self.settings, order.core
        if order.quote_size is not None:
            value = (order.quote_size / (1 + rules.taker_fee_ratio)).quantize(_PLACES)
            return value, order.quote_size - value, core.quantity.quantize(_PLACES)
        price = core.limit_price
        if order.order_type is OrderType.MARKET:
            touch = self.market.touch(core.product_id)
            price = price if touch is None else touch.ask if core.side is Side.BUY else touch.bid
        rate = rules.maker_fee_ratio if order.post_only else rules.taker_fee_ratio
        return price * core.quantity, price * core.quantity * rate, core.quantity
