"""What the simulated venue has open, and what ended there lately, as one frozen value that can be stored as JSON.

Holds are never stored: they follow from the active orders, so they cannot disagree with them. The account is as large
as the business that is open: what has ended moves to the archive of its store, see ``trader.sim.archive``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId
from trader.model.market import Balance
from trader.model.money import ZERO, Notional, Quantity, notional
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, Side
from trader.model.schema import SCHEMA
from trader.model.unknown import NONE_UNKNOWN, UnknownFields
from trader.sim.orders import (
    Execution,
    SimConversion,
    SimOrder,
    make_attached_bracket,
    make_fill,
    rewind_order,
    round_up_fee,
)

KindT = TypeVar("KindT")


@dataclass(frozen=True)
class SimAccount:
    """Money, active orders, and the orders, fills and conversions that ended a short while ago.

    ``matched_until`` says per product up to where the tape was read. ``complete_since`` is the instant since when
    whatever ended is still in here; what ended before it may be in the archive. ``paid_in`` is what of the capital has
    been paid in so far, see ``follow_capital``; an account of a release before does not say.
    """

    totals: Mapping[Asset, Decimal] = field(default_factory=dict)
    active: Mapping[VenueOrderId, SimOrder] = field(default_factory=dict)
    finished: Mapping[VenueOrderId, SimOrder] = field(default_factory=dict)
    fills: tuple[Fill, ...] = ()
    conversions: Mapping[str, SimConversion] = field(default_factory=dict)
    matched_until: Mapping[ProductId, Instant] = field(default_factory=dict)
    complete_since: Instant = Instant(0)
    paid_in: Mapping[Asset, Decimal] = field(default_factory=dict)
    schema: int = SCHEMA
    unknown: UnknownFields = NONE_UNKNOWN

    def order(self, venue_order_id: VenueOrderId) -> SimOrder | None:
        """Find an order, active or recently finished."""
        return self.active.get(venue_order_id) or self.finished.get(venue_order_id)

    def balances(self) -> Mapping[Asset, Balance]:
        """Split what is owned into what is free and what active orders hold."""
        holds: dict[Asset, Decimal] = dict.fromkeys(self.totals, ZERO)
        for order in self.active.values():
            asset, amount = order.hold
            holds[asset] = holds.get(asset, ZERO) + amount
        return {asset: Balance(asset, total - holds[asset], holds[asset]) for asset, total in self.totals.items()}

    def available(self, asset: Asset) -> Decimal:
        """Return what of an asset is free to spend."""
        holds = (order.hold for order in self.active.values())
        return self.totals.get(asset, ZERO) - sum((amount for held, amount in holds if held == asset), ZERO)

    def with_change(self, asset: Asset, change: Decimal) -> SimAccount:
        """Add to what is owned of an asset."""
        return replace(self, totals={**self.totals, asset: self.totals.get(asset, ZERO) + change})

    def follow_capital(self, capital: Mapping[Asset, Decimal]) -> SimAccount:
        """Pay in or out what the capital has changed by, as the owner of a real account would.

        Nobody takes out what is not free: the rest goes as soon as it is.
        """
        if self.paid_in == capital:
            return self
        account = self
        for asset, amount in capital.items():
            paid = account.paid_in.get(asset, amount)
            change = max(amount - paid, -max(account.available(asset), ZERO))
            account = replace(account.with_change(asset, change), paid_in={**account.paid_in, asset: paid + change})
        return account

    def with_conversion(self, conversion: SimConversion) -> SimAccount:
        """Keep a conversion, replacing what was known of it."""
        return replace(self, conversions={**self.conversions, conversion.venue_conversion_id: conversion})

    def with_order(self, order: SimOrder) -> SimAccount:
        """Take an order in. The first of its product starts the reading of the tape."""
        matched = self.matched_until
        if order.product_id not in matched:
            matched = {**matched, order.product_id: order.created_at}
        return replace(self, active={**self.active, order.venue_order_id: order}, matched_until=matched)

    def with_triggered(self, order: SimOrder, at: Instant) -> SimAccount:
        """Keep an order whose stop was reached, and cancel the rest of its parent: it protects nothing more."""
        account = replace(self, active={**self.active, order.venue_order_id: order})
        if order.parent is not None and order.parent in account.active:
            account = account.end_order(order.parent, OrderStatus.CANCELLED, at)
        return account

    def with_matched_until(self, product_id: ProductId, until: Instant) -> SimAccount:
        """Note how far the tape was read, as long as anything of the product is active."""
        if self.matched_until.get(product_id, until) == until:
            return self
        return replace(self, matched_until={**self.matched_until, product_id: until})

    def apply_execution(self, order: SimOrder, execution: Execution, at: Instant, rate: Decimal) -> SimAccount:
        """Move the money of one execution, grow the attached bracket, finish what is full.

        Rounding: the fee of an order is rounded up once over all its fills, so they never cost more than its hold.
        A bracket that is done cancels what is left of its parent: nothing may be bought that nothing protects.
        """
        value = notional(execution.price, execution.quantity)
        due = order.fee_due + value * rate
        fee = Notional(round_up_fee(due) - order.fee_charged)
        fill = make_fill(order, execution, fee, at)
        sign = 1 if order.side is Side.BUY else -1
        order = replace(
            order,
            filled=Quantity(order.filled + execution.quantity),
            executions=order.executions + 1,
            fee_due=due,
            fee_charged=Notional(order.fee_charged + fee),
        )
        account = self.with_change(order.base, sign * execution.quantity).with_change(order.quote, -sign * value - fee)
        account = replace(account, fills=(*account.fills, fill), active={**account.active, order.venue_order_id: order})
        account = _grow_bracket(account, order, execution.quantity, at)
        if order.remaining > 0:
            return account
        account = account.end_order(order.venue_order_id, OrderStatus.FILLED, at)
        if order.parent is not None and order.parent in account.active:
            account = account.end_order(order.parent, OrderStatus.CANCELLED, at)
        return account

    def end_order(self, venue_order_id: VenueOrderId, status: OrderStatus, at: Instant) -> SimAccount:
        """Finish an order, which frees its hold."""
        ended = replace(self.active[venue_order_id], status=status, final_at=at)
        active = {key: order for key, order in self.active.items() if key != venue_order_id}
        matched = self.matched_until
        if all(order.product_id != ended.product_id for order in active.values()):
            matched = {name: until for name, until in matched.items() if name != ended.product_id}
        finished = {**self.finished, venue_order_id: ended}
        return replace(self, active=active, finished=finished, matched_until=matched)

    def as_of(self, at: Instant) -> SimAccount:
        """Undo what happened after an instant, for a venue whose answers lag."""
        late = [fill for fill in self.fills if fill.time > at]
        account = replace(self, fills=tuple(fill for fill in self.fills if fill.time <= at))
        orders = {key: rewind_order(order, late, at) for key, order in {**self.finished, **self.active}.items()}
        orders = {key: order for key, order in orders.items() if order.created_at <= at}
        for fill in late:
            order = self.order(fill.venue_order_id)
            if order is not None:
                sign = 1 if fill.side is Side.BUY else -1
                account = account.with_change(order.base, -sign * fill.quantity)
                account = account.with_change(order.quote, sign * fill.notional + fill.fee)
        for conversion in self.conversions.values():
            if conversion.done_at is not None and conversion.done_at > at:
                account = account.with_change(conversion.source, conversion.amount).with_change(
                    conversion.target, -conversion.amount
                )
        return replace(
            account,
            active={key: order for key, order in orders.items() if not order.status.is_final},
            finished={key: order for key, order in orders.items() if order.status.is_final},
        )


class SimAccountStore(Protocol):
    """Where the account lies between calls, and by its side an archive of what has left it. Raises StoreError."""

    def load(self) -> SimAccount | None:
        """Return the account as last saved; None if there never was one."""

    def save(
        self,
        account: SimAccount,
        ended: Mapping[str, Any] = MappingProxyType({}),
        *,
        replaces: SimAccount | None = None,
    ) -> None:
        """Save the account, and what left it in the archive by key, all of it or nothing.

        *replaces* is the very object that this store loaded or saved last, None if there was no account: if another
        one lies there by now, whoever saved it knows more, and AccountReplaced is raised.
        The account as last saved still has whatever is in *ended*: so a part of that may be kept before the rest, and
        keeping it again changes nothing.
        """

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        """Return what the archive has under a key; None if it has nothing."""

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        """Return what the archive has from one key up to and without another."""


def _grow_bracket(account: SimAccount, order: SimOrder, quantity: Quantity, at: Instant) -> SimAccount:
    # A bracket that is final stays final; what its parent buys afterwards has to be protected by somebody else. It
    # does not leave the account before its parent does.
    if order.child is None or order.child in account.finished:
        return account
    child = account.active.get(order.child)
    if child is None:
        return account.with_order(make_attached_bracket(order, quantity, at))
    return account.with_order(replace(child, quantity=Quantity(child.quantity + quantity)))
