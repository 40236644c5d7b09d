"""Money, orders and fills of the venue, with their past: every answer can be given as of an earlier moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from desk.sandbox.orders import Execution, Order
from desk.sandbox.venue_clock import END_OF_TIME, Micros
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId
from trader.model.market import Balance
from trader.model.money import ZERO


class VenueAccount:
    """What the account has and what it asked for. Orders are frozen values; each change appends one more."""

    def __init__(self, opening: Mapping[Asset, Decimal]) -> None:
        self.totals: dict[Asset, Decimal] = dict(opening)
        self.orders: dict[VenueOrderId, Order] = {}
        self.active: dict[VenueOrderId, Order] = {}
        #: Cancelled, and what they held is not free yet.
        self.releasing: dict[VenueOrderId, Order] = {}
        self.by_client_id: dict[str, VenueOrderId] = {}
        self.executions: list[Execution] = []
        self.matched_until: dict[ProductId, Instant] = {}
        self._past: dict[VenueOrderId, list[Order]] = {}
        self._changes: list[tuple[Micros, Asset, Decimal]] = []

    def put(self, order: Order, at: Micros) -> Order:
        """Note the newest state of an order."""
        order = replace(order, updated=at)
        self._past.setdefault(order.order_id, []).append(order)
        self.orders[order.order_id] = order
        if order.is_active:
            self.active[order.order_id] = order
            self.matched_until.setdefault(order.core.product_id, order.core.created_at)
        elif self.active.pop(order.order_id, None) is not None:
            product_id = order.core.product_id
            if all(other.core.product_id != product_id for other in self.active.values()):
                self.matched_until.pop(product_id, None)
        if order.held_until is not None:
            self.releasing[order.order_id] = order
        return order

    def release(self, has_come: Callable[[Micros], bool]) -> None:
        """Free what cancelled orders held long enough."""
        for order in list(self.releasing.values()):
            if order.held_until is None or has_come(order.held_until):
                del self.releasing[order.order_id]

    def move(self, asset: Asset, amount: Decimal, at: Micros) -> None:
        """Add to what is owned of an asset, which opens its wallet."""
        self.totals[asset] = self.totals.get(asset, ZERO) + amount
        assert self.totals[asset] >= 0, f"negative balance: {self.totals}"
        self._changes.append((at, asset, amount))

    def available(self, asset: Asset) -> Decimal:
        """Return what of an asset is free to spend now."""
        holders = (*self.active.values(), *self.releasing.values())
        held = sum((order.hold[1] for order in holders if order.hold[0] == asset), ZERO)
        return self.totals.get(asset, ZERO) - held

    def balances(self, seen_until: Micros) -> Mapping[Asset, Balance]:
        """Return every wallet as it was at a moment."""
        totals = dict(self.totals)
        if seen_until == END_OF_TIME:
            holders = [*self.active.values(), *self.releasing.values()]
        else:
            seen = self.seen_orders(seen_until)
            holders = [each for each in seen if each.is_active or (each.held_until or 0) > seen_until]
        if seen_until != END_OF_TIME:
            for at, asset, amount in reversed(self._changes):
                if at > seen_until:
                    totals[asset] -= amount
        holds: dict[Asset, Decimal] = {}
        for order in holders:
            asset, amount = order.hold
            holds[asset] = holds.get(asset, ZERO) + amount
        return {
            asset: Balance(asset, total - holds.get(asset, ZERO), holds.get(asset, ZERO))
            for asset, total in totals.items()
        }

    def seen(self, order_id: str, seen_until: Micros) -> Order | None:
        """Return an order as it was at a moment; None if it did not exist yet, or never."""
        past = self._past.get(VenueOrderId(order_id), ())
        return next((order for order in reversed(past) if order.updated <= seen_until), None)

    def seen_orders(self, seen_until: Micros) -> list[Order]:
        """Return all orders as they were at a moment, newest first."""
        if seen_until == END_OF_TIME:
            found = list(self.orders.values())
        else:
            found = [order for name in self._past if (order := self.seen(name, seen_until)) is not None]
        return sorted(found, key=lambda order: order.sequence, reverse=True)

    def seen_executions(self, seen_until: Micros) -> list[Execution]:
        """Return all fills that were there at a moment, newest first."""
        return [each for each in reversed(self.executions) if each.at <= seen_until]

    def is_settled(self, order: Order, seen_until: Micros) -> bool:
        """Tell whether the venue is done with an order."""
        return order.final_since is not None and order.final_since <= seen_until
