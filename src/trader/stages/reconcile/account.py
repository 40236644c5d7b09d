"""Book what the venue reports of fills, orders and doubts. Nothing is assumed.

Absence proves nothing. An order that no listing shows stays in doubt until a quiet period has passed in which
nothing of it was seen; an empty or failed listing closes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trader.model.booking import book_fill, exceeds_intent, has_no_lot, would_oversell
from trader.model.events import AuditNote, EventKind
from trader.model.fill_bounds import IMPLAUSIBLE, why_implausible
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, Instant, VenueOrderId, client_order_id, name_attached
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.lots import Dust, Lot
from trader.model.market import Balance
from trader.model.money import ZERO, Quantity
from trader.model.order_life import OrderStatus, may_follow
from trader.model.order_record import OrderRecord
from trader.model.orders import ATTACHED, Fill, OrderConfiguration, OrderIntent, OrderPurpose, OrderStatusReport, Side
from trader.settings import Settings
from trader.stages.reconcile.cash import check_cash, list_short, note_negative
from trader.stages.reconcile.doubts import resolve_doubts
from trader.stages.reconcile.endings import accept_rounding, count_end, count_open, withhold_contingent
from trader.stages.reconcile.forgetting import forget_entries, forget_orders, forget_tallies
from trader.stages.reconcile.ownership import MISSING, VANISHED, reduce_for_fills, reduce_odd_products, set_odd_aside
from trader.stages.reconcile.parents import settle_parents
from trader.stages.reconcile.settlement import close_lots, settle_conversions
from trader.stages.reconcile.vanished import note_missing


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The ledger afterwards, what was learnt, and what is to be stored beside the ledger."""

    ledger: Ledger
    notes: tuple[AuditNote, ...] = ()
    new_fills: tuple[Fill, ...] = ()
    finished: tuple[OrderRecord, ...] = ()
    shortages: frozenset[Asset] = frozenset()


def apply_reports(ledger: Ledger, view: AccountView, settings: Settings) -> Reconciled:
    """Apply what was read of single orders. It says nothing of any other order, nor of what the account holds."""
    notes: list[AuditNote] = []
    before, view = ledger, set_odd_aside(ledger, view)
    ledger = _observe_orders(ledger, view.orders, view.read_at, settings, notes)
    ledger, new_fills = _apply_fills(ledger, view.fills, notes)
    ledger = reduce_for_fills(ledger, view.odd_fills, notes)
    ledger = close_lots(ledger, view.read_at, settings, notes)
    ledger = settle_parents(ledger, view.read_at, settings, notes)
    notes += note_negative(before.cash, ledger)
    return Reconciled(ledger, _stamped(notes, view.read_at), new_fills)


def reconcile(
    ledger: Ledger, view: AccountView, settings: Settings, *, unconfirmed: Collection[Asset] = ()
) -> Reconciled:
    """Apply a complete account view to the ledger.

    Applying the same view twice changes nothing the second time; views may overlap, repeat, lag or come out of order.
    ``shortages`` names what was found missing and was not known to be; cash of any quote asset under the accounting
    asset. Balances are read before fills, so it counts only if a second look says the same: what is *unconfirmed* does
    not.
    """
    notes: list[AuditNote] = []
    before, view = ledger, set_odd_aside(ledger, view)
    ledger = _observe_orders(ledger, view.orders, view.read_at, settings, notes)
    ledger, new_fills = _apply_fills(ledger, view.fills, notes)
    ledger = reduce_odd_products(ledger, view, settings.execution.order_prefix, notes)
    ledger = note_missing(ledger, view, settings, notes)
    ledger = resolve_doubts(ledger, view, settings, notes)
    ledger = settle_conversions(ledger, view, settings.cycle, notes)
    ledger = accept_rounding(ledger, view.read_at, settings, notes)
    ledger = close_lots(ledger, view.read_at, settings, notes)
    ledger = settle_parents(ledger, view.read_at, settings, notes)
    ledger = _check_balances(ledger, view.balances, {*unconfirmed, *view.odd_wallets}, settings, notes)
    ledger = check_cash(ledger, view, unconfirmed, settings, notes)
    notes += note_negative(before.cash, ledger)
    ledger, dropped = withhold_contingent(ledger, view.read_at)
    ledger, finished = forget_orders(ledger, view.read_at, settings.cycle.order_memory_seconds)
    ledger = forget_entries(forget_tallies(ledger, view.read_at, settings), view.read_at, settings)
    known = before.reduce_only
    short = [base for base, why in ledger.reduce_only.items() if why.startswith(MISSING) and base not in known]
    short += list_short(before, ledger)
    return Reconciled(ledger, _stamped(notes, view.read_at), new_fills, (*dropped, *finished), frozenset(short))


def _stamped(notes: Iterable[AuditNote], read_at: Instant) -> tuple[AuditNote, ...]:
    # The instant goes on record: cool-downs and doubts are counted from it, and it is not when the record was written.
    return tuple(note._replace(body={**note.body, "read_at": read_at}) for note in notes)


# --- orders


def _observe_orders(
    ledger: Ledger, reports: Sequence[OrderStatusReport], now: Instant, settings: Settings, notes: list[AuditNote]
) -> Ledger:
    by_venue_id = {
        record.venue_order_id: key for key, record in ledger.orders.items() if record.venue_order_id is not None
    }
    # Parents first: a child is recognised by its parent's venue id.
    for report in sorted(reports, key=lambda each: (each.originating_order_id is not None, each.created_at)):
        key = (
            report.client_order_id
            if report.client_order_id in ledger.orders
            else by_venue_id.get(report.venue_order_id)
        )
        if key is None and report.originating_order_id in by_venue_id:
            parent = ledger.orders[by_venue_id[report.originating_order_id]]
            child = _child_of(ledger, parent, report, settings.execution.order_prefix)
            key = child.intent.client_order_id
            ledger = ledger.with_order(child)
            if parent.attached_order_id is None:
                # By this name the entry knows its own bracket among those of its lot.
                ledger = ledger.with_order(replace(parent, attached_order_id=report.venue_order_id))
        if key is None:
            continue
        by_venue_id[report.venue_order_id] = key
        ledger = _observe(ledger, ledger.orders[key], report, now, settings, notes)
    return ledger


def _child_of(ledger: Ledger, parent: OrderRecord, report: OrderStatusReport, prefix: str) -> OrderRecord:
    """Give the attached bracket a record of its own, under an id derived from its parent's.

    An entry may get another one, as where a person renews it: that bears the venue's id in its own.
    """
    intent = parent.intent
    first = name_attached(prefix, intent.client_order_id)
    name = first if first not in ledger.orders else client_order_id(prefix, first, report.venue_order_id)
    bracket = intent.bracket
    child = OrderIntent(
        client_order_id=name,
        cycle_id=intent.cycle_id,
        strategy=intent.strategy,
        product_id=intent.product_id,
        base=intent.base,
        quote=intent.quote,
        side=Side.SELL,
        purpose=OrderPurpose.PROTECTION,
        configuration=OrderConfiguration.BRACKET_GTC,
        quantity=intent.quantity,
        limit_price=bracket.target_price if bracket and bracket.target_price else intent.limit_price,
        stop_price=bracket.stop_price if bracket else None,
        lot_id=intent.lot_id,
        decided_at=intent.decided_at,
        reason=ATTACHED,
    )
    return OrderRecord(intent=child, status=OrderStatus.PENDING, venue_order_id=report.venue_order_id)


def _observe(
    ledger: Ledger,
    record: OrderRecord,
    report: OrderStatusReport,
    now: Instant,
    settings: Settings,
    notes: list[AuditNote],
) -> Ledger:
    status = report.status if may_follow(record.status, report.status) else record.status
    told: dict[str, Any] = {
        "status": status,
        "venue_order_id": report.venue_order_id,
        "attached_order_id": report.attached_order_id or record.attached_order_id,
        "reported_filled": Quantity(max(record.reported_filled, report.filled_quantity)),
        "sent_at": None,
        "sender_until": None,
        "repeats": 0,
        "missing_since": None,
        "note": "" if record.note == VANISHED else record.note,
        "final_at": (record.final_at or now) if status.is_final else None,
    }
    if all(getattr(record, name) == value for name, value in told.items()):
        return ledger
    seen = replace(record, **told)
    if status is not record.status:
        body = {"order": record.intent.client_order_id, "was": record.status, "is": status, "report": report}
        notes.append(AuditNote(EventKind.ORDER_OBSERVED, f"{record.intent.client_order_id}|{status}", body))
    ledger = ledger.with_order(seen).note_taken(seen.intent)
    if status is OrderStatus.OPEN:
        ledger = count_open(ledger, seen)
    return count_end(ledger, seen, now, settings) if status.is_final and not record.status.is_final else ledger


# --- fills


def _apply_fills(ledger: Ledger, fills: Iterable[Fill], notes: list[AuditNote]) -> tuple[Ledger, tuple[Fill, ...]]:
    owner: dict[VenueOrderId, ClientOrderId] = {
        record.venue_order_id: key for key, record in ledger.orders.items() if record.venue_order_id is not None
    }
    booked: list[Fill] = []
    # All buys first, whatever their time, so that a sell in the same page finds what it sells; then time order.
    for fill in sorted(fills, key=lambda each: (each.side is Side.SELL, each.time, each.trade_id)):
        key = owner.get(fill.venue_order_id)
        if key is None:
            continue  # not ours: the owner's own trading is none of our business
        record = ledger.orders[key]
        if record.has_booked(fill):
            continue
        if would_oversell(ledger, record, fill):
            ledger = _note_oversold(ledger, record, fill, notes)
            continue
        if has_no_lot(ledger, record, fill):
            continue  # of a newer release: it reports more than is booked, so that its fills are asked for again
        if exceeds_intent(record, fill):
            body = {"reason": "a fill exceeds its intent and was not booked", "intent": record.intent, "fill": fill}
            notes.append(AuditNote(EventKind.MISMATCH_FOUND, fill.trade_id, body))
            ledger = _reduced(ledger, record, f"fill {fill.trade_id} exceeds its intent")
            continue
        implausible = why_implausible(record, fill, ledger.accepted_marks.get(record.intent.base))
        ledger = book_fill(ledger, key, fill)
        record = ledger.orders[key]
        ledger = ledger.with_order(
            replace(record, reported_filled=Quantity(max(record.reported_filled, record.filled)))
        )
        booked.append(fill)
        notes.append(AuditNote(EventKind.FILL_APPLIED, fill.trade_id, {"order": key, "fill": fill}))
        if implausible is not None:
            # The venue says so, and what is held follows from it; what it is worth is not believed.
            why = f"{IMPLAUSIBLE}: {fill.trade_id}: {implausible}"
            notes.append(AuditNote(EventKind.MISMATCH_FOUND, f"{fill.trade_id}|numbers", {"reason": why, "order": key}))
            ledger = _reduced(ledger, record, why)
    return ledger, tuple(booked)


def _note_oversold(ledger: Ledger, record: OrderRecord, fill: Fill, notes: list[AuditNote]) -> Ledger:
    """Note a sell that nothing will ever cover: its buy is final and booked. Any other waits for its buy."""
    if any(each.intent.is_entry and each.is_active for each in ledger.orders_of(record.intent.lot_id)):
        return ledger
    body = {"reason": "a sell exceeds its lot and was not booked", "order": record.intent.client_order_id, "fill": fill}
    notes.append(AuditNote(EventKind.MISMATCH_FOUND, fill.trade_id, body))
    return _reduced(ledger, record, f"fill {fill.trade_id} exceeds its lot")


def _reduced(ledger: Ledger, record: OrderRecord, reason: str) -> Ledger:
    if ledger.reduce_only.get(record.intent.base, "").startswith(IMPLAUSIBLE):
        return ledger  # it keeps more from being done than any other
    return replace(ledger, reduce_only={**ledger.reduce_only, record.intent.base: reason})


# --- balances


def _check_balances(
    ledger: Ledger,
    balances: Mapping[Asset, Balance],
    unconfirmed: Collection[Asset],
    settings: Settings,
    notes: list[AuditNote],
) -> Ledger:
    """Prove the lots by the venue's balances; what is missing there puts the asset in reduce-only."""
    busy = {
        record.intent.base
        for record in ledger.orders.values()
        # A bracket may rest for days; one that is over and whose fills are still to come is another matter.
        if record.is_active and (not record.intent.is_protection or record.status.is_final)
    }
    held: dict[Asset, Decimal] = {}
    parts: tuple[Lot | Dust, ...] = (*ledger.lots.values(), *ledger.dust)
    for part in parts:
        held[part.base] = held.get(part.base, ZERO) + part.quantity
    reduce_only = {base: why for base, why in ledger.reduce_only.items() if base in busy or not why.startswith(MISSING)}
    for base, quantity in sorted(held.items()):
        if base in busy or base in unconfirmed:
            continue
        found = balances[base].total if base in balances else ZERO
        if found >= quantity * (1 - settings.exchange.balance_tolerance_ratio):
            continue
        # Another reason stays: that one does not go away by itself.
        reduce_only.setdefault(base, f"{MISSING}: ledger {quantity}, venue {found}")
        body = {"reason": MISSING, "base": base, "ledger": quantity, "venue": found}
        notes.append(AuditNote(EventKind.MISMATCH_FOUND, f"balance|{base}", body))
    return ledger if reduce_only == ledger.reduce_only else replace(ledger, reduce_only=reduce_only)
