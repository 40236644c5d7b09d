"""What follows once fills are booked: lots close, results count, conversions move cash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trader.model.converts import ConvertRecord, ConvertState, ConvertStatus
from trader.model.events import EventKind
from trader.model.facts import AccountView
from trader.model.ids import Instant
from trader.model.ledger import Ledger, Lot
from trader.model.memory import Cooldown, Streak
from trader.model.orders import Leg, Side
from trader.model.policy import RiskSettings
from trader.model.settings import CycleSettings

#: One line for the record: kind, subject, body.
Note = tuple[EventKind, str, Mapping[str, Any]]


def close_lots(ledger: Ledger, now: Instant, risk: RiskSettings, notes: list[Note]) -> Ledger:
    """Close every lot that is sold out and whose entry cannot fill any more; its result starts the cool-downs."""
    for lot in sorted(ledger.lots.values(), key=lambda each: (each.opened_at, each.lot_id)):
        entry = ledger.orders.get(lot.lot_id)
        if lot.quantity > 0 or (entry is not None and entry.is_live):
            continue
        ledger = ledger.with_closed(lot)
        won = lot.realized > 0
        how = _how_closed(ledger, lot)
        minutes = risk.cooldown_win_minutes if won else risk.cooldown_loss_minutes
        if how == "stop":
            minutes = risk.cooldown_stop_minutes
        book = ledger.books[lot.strategy]
        losses = 0 if won else ledger.streak.losses + 1
        rests = losses >= risk.loss_streak_max
        ledger = replace(
            ledger,
            books={
                **ledger.books,
                lot.strategy: replace(book, wins=book.wins + won, losses=book.losses + (not won)),
            },
            cooldowns={**ledger.cooldowns, lot.base: Cooldown(Instant(now + minutes * 60), how)},
            streak=Streak(
                losses=0 if rests else losses,
                rest_until=Instant(now + risk.loss_streak_rest_minutes * 60) if rests else ledger.streak.rest_until,
            ),
        )
        body = {"lot": lot.lot_id, "strategy": lot.strategy, "base": lot.base, "realized": lot.realized, "how": how}
        notes.append((EventKind.LOT_CLOSED, lot.lot_id, body))
    return ledger


def _how_closed(ledger: Ledger, lot: Lot) -> str:
    """Name what closed a lot: stop, target, or the reason of the exit that sold last."""
    sells = [
        (fill.time, record, fill)
        for record in ledger.orders_of(lot.lot_id)
        if record.intent.side is Side.SELL
        for fill in record.fills
    ]
    if not sells:
        return "unfilled"
    _, record, fill = max(sells, key=lambda each: (each[0], each[2].trade_id))
    if record.intent.leg is Leg.PROTECTION:
        return "target" if fill.price >= record.intent.limit_price else "stop"
    return record.intent.reason


def settle_converts(ledger: Ledger, view: AccountView, cycle: CycleSettings, notes: list[Note]) -> Ledger:
    """Book conversions the venue says are done, give up those that never were, forget old ones.

    One that was never quoted moved nothing, for the venue's id is remembered before it is committed: it may be tried
    for as long as the order it pays for may be sent. One that was quoted stays open until the venue says how it ended,
    or its quote is long dead: only then is it certain that nothing moved.
    """
    told = {state.venue_convert_id: state for state in view.converts}
    kept: dict[str, ConvertRecord] = {}
    for key, record in sorted(ledger.converts.items()):
        state = told.get(record.venue_convert_id) if record.venue_convert_id is not None else None
        after = _settled(record, state, view.read_at, cycle)
        if after.status is not record.status:
            notes.append((EventKind.CONVERT_OBSERVED, f"{key}|{after.status}", {"convert": after, "state": state}))
        if after.status is ConvertStatus.COMPLETED and record.is_open and state is not None:
            ledger = ledger.with_cash(record.intent.source, -record.intent.amount)
            ledger = ledger.with_cash(record.intent.target, state.received)
        if after.is_open or after.over_at is None or view.read_at - after.over_at < cycle.order_memory_seconds:
            kept[key] = after
    return replace(ledger, converts=kept)


def _settled(record: ConvertRecord, state: ConvertState | None, now: Instant, cycle: CycleSettings) -> ConvertRecord:
    if not record.is_open:
        return record
    if state is not None and state.status in (ConvertStatus.COMPLETED, ConvertStatus.FAILED):
        return replace(record, status=state.status, over_at=now)
    age = now - record.intent.decided_at
    never_quoted = record.status is ConvertStatus.INTENDED and age > cycle.max_tick_age_seconds
    quote_died = state is not None and age >= cycle.order_memory_seconds
    return replace(record, status=ConvertStatus.FAILED, over_at=now) if never_quoted or quote_died else record
