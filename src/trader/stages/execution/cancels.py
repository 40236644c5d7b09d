"""Which of our own orders must go, looked at in every cycle."""

from __future__ import annotations

from trader.model.commands import NO_COMMANDS, StandingCommands
from trader.model.ids import ClientOrderId, Instant
from trader.model.ledger import Ledger
from trader.model.money import ZERO
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord, compute_left
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose
from trader.model.trading_state import TradingState


def find_stale_orders(
    ledger: Ledger,
    now: Instant,
    period_seconds: int,
    state: TradingState,
    commands: StandingCommands = NO_COMMANDS,
    *,
    entries_allowed: bool,
) -> list[ClientOrderId]:
    """Name the orders to cancel; only ours, only those the venue has acknowledged, and none of a newer release.

    An entry goes when it outlived its time, when entries are not allowed, or when an operator paused it or closes its
    lot. An immediate order that still rests goes. With FLATTEN every entry and every immediate exit of before goes.
    Protection goes when nothing is left to protect, and a bracket of ours when one that came with an entry shows after
    all, and both would sell the same. What covers a lot that is sold, a sale that rests among it, is cancelled by the
    exit in its own turn, so that a lot nobody can sell just now is not laid bare.
    """
    return [
        record.intent.client_order_id
        for record in ledger.active_orders
        if record.venue_order_id is not None
        and record.is_understood
        and not record.status.is_final
        and record.status is not OrderStatus.CANCEL_QUEUED
        and (
            _must_go(record, ledger, now, period_seconds, state, entries_allowed)
            or _is_unwanted(record.intent, commands, now)
        )
    ]


def _is_unwanted(intent: OrderIntent, commands: StandingCommands, now: Instant) -> bool:
    if not intent.is_entry:
        return False
    return intent.lot_id in commands.closing() or commands.find_pause(intent.base, intent.strategy, now) is not None


def _must_go(
    record: OrderRecord, ledger: Ledger, now: Instant, period_seconds: int, state: TradingState, entries_allowed: bool
) -> bool:
    intent = record.intent
    if state is TradingState.FLATTEN and not intent.is_protection and not intent.is_resting_sale:
        return True
    if intent.is_entry and not entries_allowed:
        return True
    if intent.configuration is OrderConfiguration.LIMIT_IOC:
        return now - intent.decided_at >= period_seconds
    if intent.is_entry:
        return intent.expires_at is not None and now >= intent.expires_at
    if not intent.is_protection:
        return False
    if state.permits(OrderPurpose.EXIT) and not intent.is_attached and _is_covered_besides(ledger, record):
        return True
    entry_may_fill = any(each.intent.is_entry and each.is_active for each in ledger.orders_of(intent.lot_id))
    return intent.lot_id not in ledger.lots and not entry_may_fill


def _is_covered_besides(ledger: Ledger, record: OrderRecord) -> bool:
    """Whether brackets that came with entries rest at the venue for all of the lot that this order protects."""
    lot = ledger.lots.get(record.intent.lot_id)
    orders = ledger.orders_of(record.intent.lot_id)
    attached = [each for each in orders if each.intent.is_attached and not each.status.is_final]
    covered = sum((compute_left(each, orders) for each in attached), ZERO)
    return bool(attached) and (lot is None or covered + record.remaining > lot.quantity)
