"""What follows once fills are booked: lots close, results count, conversions move cash."""

from __future__ import annotations

from trader.model.conversions import ConversionRecord, ConversionReport, ConversionStatus
from trader.model.cycle_state import Cooldown
from trader.model.events import AuditNote, EventKind
from trader.model.fill_bounds import IMPLAUSIBLE, why_implausible_conversion
from trader.model.frozen import replace
from trader.model.ids import Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.round_trips import describe_closing
from trader.settings import Settings
from trader.settings.app import CycleSettings


def close_lots(ledger: Ledger, now: Instant, settings: Settings, notes: list[AuditNote]) -> Ledger:
    """Close every lot that is sold out and whose entries cannot fill any more; its result starts the cool-downs.

    Fills that a finished entry reports and nobody lists are waited for no longer than the quiet period: a late one
    finds the lot among the closed ones.
    A cool-down that already stands for the asset is lengthened, never shortened.
    """
    risk, settled = settings.risk, Instant(now - settings.cycle.quiet_period_seconds)
    for lot in sorted(ledger.lots.values(), key=lambda each: (each.opened_at, each.lot_id)):
        if lot.quantity > 0 or ledger.has_open_entry(lot.lot_id, settled):
            continue
        ledger = ledger.with_closed_lot(lot)
        won = lot.realized > 0
        how = describe_closing(ledger.orders_of(lot.lot_id))
        minutes = risk.cooldown_win_minutes if won else risk.cooldown_loss_minutes
        if how == "stop":
            minutes = risk.cooldown_stop_minutes
        cooldown = Cooldown(Instant(now + minutes * 60), how)
        part = ledger.by_strategy[lot.strategy]
        losses = 0 if won else ledger.loss_streak.losses + 1
        pauses = losses >= risk.loss_streak_max
        ledger = replace(
            ledger,
            by_strategy={
                **ledger.by_strategy,
                lot.strategy: replace(part, wins=part.wins + won, losses=part.losses + (not won)),
            },
            cooldowns={**ledger.cooldowns, lot.base: _longer(ledger.cooldowns.get(lot.base), cooldown)},
            loss_streak=replace(
                ledger.loss_streak,
                losses=0 if pauses else losses,
                cooldown_until=Instant(now + risk.loss_streak_cooldown_minutes * 60)
                if pauses
                else ledger.loss_streak.cooldown_until,
            ),
        )
        body = {"lot": lot.lot_id, "strategy": lot.strategy, "base": lot.base, "realized": lot.realized, "how": how}
        notes.append(AuditNote(EventKind.LOT_CLOSED, lot.lot_id, body))
    return ledger


def _longer(before: Cooldown | None, earned: Cooldown) -> Cooldown:
    # A small win of one strategy is no reason to forget what another has just lost on the same asset.
    return earned if before is None or before.until <= earned.until else before


def settle_conversions(ledger: Ledger, view: AccountView, cycle: CycleSettings, notes: list[AuditNote]) -> Ledger:
    """Book conversions the venue says are done, give up those that never were, forget old ones.

    One that was never quoted moved nothing, for the venue's id is remembered before it is committed: it may be tried
    for as long as the order it pays for may be sent. One that was quoted stays open until the venue says how it ended,
    or its quote is long dead: only then is it certain that nothing moved.
    """
    if not ledger.conversions:
        return ledger
    told = {report.venue_conversion_id: report for report in view.conversions}
    kept: dict[str, ConversionRecord] = {}
    for key, record in sorted(ledger.conversions.items()):
        report = told.get(record.venue_conversion_id) if record.venue_conversion_id is not None else None
        after = _settled(record, report, view.read_at, cycle)
        after = replace(after, is_unread=after.is_open and key in view.unread_conversions)
        if after.status is not record.status:
            notes.append(
                AuditNote(
                    EventKind.CONVERSION_OBSERVED, f"{key}|{after.status}", {"conversion": after, "report": report}
                )
            )
        if after.status is ConversionStatus.COMPLETED and record.is_open and report is not None:
            ledger = ledger.with_cash(record.intent.source, -record.intent.amount)
            ledger = ledger.with_cash(record.intent.target, report.received)
            ledger = _doubt_received(ledger, record, report, notes)
        if after.is_open or after.final_at is None or view.read_at - after.final_at < cycle.order_memory_seconds:
            kept[key] = after
    return replace(ledger, conversions=kept)


def _doubt_received(
    ledger: Ledger, record: ConversionRecord, report: ConversionReport, notes: list[AuditNote]
) -> Ledger:
    """Forbid entries, and believe no cash, where what arrived cannot be, until a person has looked."""
    implausible = why_implausible_conversion(record.intent, report)
    if implausible is None:
        return ledger
    target, why = record.intent.target, f"{IMPLAUSIBLE}: {record.intent.conversion_id}: {implausible}"
    body = {"reason": why, "conversion": record.intent.conversion_id}
    notes.append(AuditNote(EventKind.MISMATCH_FOUND, f"{record.intent.conversion_id}|numbers", body))
    return replace(ledger, reduce_only={**ledger.reduce_only, target: why})


def _settled(
    record: ConversionRecord, report: ConversionReport | None, now: Instant, cycle: CycleSettings
) -> ConversionRecord:
    if not record.is_open or not record.status.is_known:
        return record
    if report is not None and report.status in (ConversionStatus.COMPLETED, ConversionStatus.FAILED):
        return replace(record, status=report.status, final_at=now)
    age = now - record.intent.decided_at
    never_quoted = record.status is ConversionStatus.INTENDED and age > cycle.max_tick_age_seconds
    quote_died = report is not None and not report.is_begun and age >= cycle.order_memory_seconds
    return replace(record, status=ConversionStatus.FAILED, final_at=now) if never_quoted or quote_died else record
