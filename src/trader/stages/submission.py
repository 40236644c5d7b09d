"""What sending makes of the ledger: before, it remembers what is about to leave; after, what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trader.model.conversions import ConversionRecord
from trader.model.decisions import Plan
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant, utc_day
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Accepted, OrderIntent, Rejected, Submission
from trader.model.parents import ParentOrder
from trader.model.refusals import RefusalClass
from trader.model.tallies import name_conversion
from trader.settings.policy import ExecutionSettings

#: How the reason begins for which an asset takes no entries any more until a person looks.
FORBIDDEN = "the venue forbids this account to trade it"


@dataclass(frozen=True, slots=True)
class Settled:
    """The ledger after an answer. ``finished`` is the order, if nothing more is to come of it: it left the ledger."""

    ledger: Ledger
    finished: tuple[OrderRecord, ...] = ()


def apply_submission(record: OrderRecord, submission: Submission, now: Instant) -> OrderRecord:
    """Say what a submission makes of an order: Unknown is doubt, not failure; its sender sends it no more."""
    if isinstance(submission, Accepted):
        return replace(
            record,
            status=OrderStatus.PENDING,
            venue_order_id=submission.venue_order_id,
            attached_order_id=submission.attached_order_id,
            sent_at=None,
            sender_until=None,
            repeats=0,
        )
    if isinstance(submission, Rejected) and submission.refusal is not RefusalClass.DUPLICATE:
        return replace(
            record,
            status=OrderStatus.REJECTED,
            final_at=now,
            sent_at=None,
            sender_until=None,
            repeats=0,
            note=submission.reason,
        )
    return replace(record, status=OrderStatus.IN_DOUBT, sent_at=now, sender_until=now, note=submission.reason)


def settle_submission(
    ledger: Ledger, order_id: ClientOrderId, submission: Submission, now: Instant, rules: ExecutionSettings
) -> Settled:
    """Apply the venue's answer to an order: to its record, its tally, its place in the pace, its asset.

    A refusal is definite, and the order leaves the ledger, unless an attempt before it was not answered, or the venue
    is in trouble of its own.
    """
    before = ledger.orders[order_id]
    record = apply_submission(before, submission, now)
    ledger, intent = ledger.with_order(record), record.intent
    if isinstance(submission, Accepted):
        ledger, tally = ledger.note_taken(intent), ledger.tally(intent)
        return Settled(ledger.with_tally(intent, tally.count_taken()) if tally.refusals else ledger)
    if not isinstance(submission, Rejected) or record.status is not OrderStatus.REJECTED:
        return Settled(ledger)
    tally = ledger.tally(intent).count_refusal(submission, now, rules.refusal_waits)
    if submission.refusal is RefusalClass.MARKET and not intent.is_protection:
        tally, ledger = tally.count_try(now), ledger.count_try(intent, has_filled=False)
    ledger = ledger.with_tally(intent, tally)
    if submission.refusal is RefusalClass.PERMISSION:
        why = f"{FORBIDDEN}: {submission.reason}"
        ledger = replace(ledger, reduce_only={**ledger.reduce_only, intent.base: why})
    if before.status is not OrderStatus.INTENDED or before.sent_at is not None or before.repeats:
        return Settled(ledger)
    ledger = _give_back(ledger, intent)
    if submission.refusal is RefusalClass.EDGE:
        # Trouble of the venue's own is no word on an order: one that was taken all the same must be known here.
        return Settled(ledger)
    return Settled(ledger.without((), (order_id,)), (record,))


def withhold_order(ledger: Ledger, order_id: ClientOrderId, reason: str, now: Instant) -> Settled:
    """Write off an order that certainly never left; it leaves the ledger and gives back its place in the pace."""
    record = replace(ledger.orders[order_id], status=OrderStatus.WITHHELD, final_at=now, note=reason)
    return Settled(_give_back(ledger.without((), (order_id,)), record.intent), (record,))


def refuse_conversion(
    ledger: Ledger, record: ConversionRecord, refused: Rejected, now: Instant, rules: ExecutionSettings
) -> Ledger:
    """Remember that the venue would not even quote a conversion: nothing moved, and for a while nobody asks again."""
    name = name_conversion(record.intent.source, record.intent.target)
    tally = ledger.tally(name).count_refusal(refused, now, rules.refusal_waits)
    return ledger.with_conversion(record).with_tally(name, tally)


def remember_plan(
    ledger: Ledger, plan: Plan, resent: Iterable[ClientOrderId], now: Instant, until: Instant | None
) -> Ledger:
    """Put into the ledger what is about to be sent: from the commit of this on, it exists and counts for pacing.

    *until* is the last instant at which this run can send: if we stall or die around sending, the wait for it counts
    from there.
    """
    for order_id in resent:
        record = ledger.orders[order_id]
        ledger = ledger.with_order(replace(record, sent_at=now, sender_until=until, repeats=record.repeats + 1))
    for conversion in plan.conversions:
        ledger = ledger.with_conversion(ConversionRecord(conversion))
    return remember_orders(ledger, (*plan.intents, *plan.covers), (), now, until)


def remember_parents(ledger: Ledger, parents: Iterable[ParentOrder]) -> Ledger:
    """Put parents into the ledger as they were planned; what their children have booked meanwhile stays.

    One that ends with no child to wait for is over: it leaves.
    """
    for parent in parents:
        before = ledger.parents.get(parent.parent_id, parent)
        booked = replace(parent, filled=before.filled, spent=before.spent, taken_at=before.taken_at)
        ledger = ledger.with_parent(booked)
        entries = (each for each in ledger.orders_of(parent.parent_id) if each.intent.is_entry)
        if not parent.may_buy and not any(each.is_active for each in entries):
            ledger = ledger.without_parent(parent.parent_id)
    return ledger


def remember_orders(
    ledger: Ledger,
    intents: Iterable[OrderIntent],
    released: Iterable[ClientOrderId],
    now: Instant,
    until: Instant | None,
) -> Ledger:
    """Put new orders into the ledger, and let those that waited for the end of a sale be sent: they are *released*."""
    intents = tuple(intents)
    for order_id in released:
        record = ledger.orders[order_id]
        ledger = ledger.with_order(replace(record, status=OrderStatus.INTENDED, sender_until=until))
    for intent in intents:
        status = OrderStatus.INTENDED if intent.contingent_on is None else OrderStatus.CONTINGENT
        ledger = ledger.with_order(OrderRecord(intent, status, sender_until=until))
        ledger = ledger.with_tally(intent, ledger.tally(intent).count_made(intent, now))
        if intent.is_entry:
            ledger = _take_place(ledger, intent, now)
    # Counted for the day of its decision: so it is given back to the same.
    trades = sum(_is_trade(intent) and utc_day(intent.decided_at) == utc_day(now) for intent in intents)
    return replace(ledger, entry_pacing=ledger.entry_pacing.count_trades(trades, now))


def _take_place(ledger: Ledger, intent: OrderIntent, now: Instant) -> Ledger:
    """Give the first child of a parent a place in the pace: all that follow are the same entry."""
    parent = ledger.parents.get(intent.lot_id)
    if parent is not None and parent.paced_at is not None:
        return ledger
    if parent is not None:
        ledger = ledger.with_parent(replace(parent, paced_at=intent.decided_at))
    return replace(ledger, entry_pacing=ledger.entry_pacing.count_entry(intent.base, intent.decided_at, now))


def _give_back(ledger: Ledger, intent: OrderIntent) -> Ledger:
    """Give back the place in the pace that an order took which never came to be; not that of a parent with another."""
    pacing, parent = ledger.entry_pacing, ledger.parents.get(intent.lot_id)
    if intent.is_entry and parent is None:
        return replace(ledger, entry_pacing=pacing.give_back(intent.base, intent.decided_at))
    if intent.is_entry and parent is not None:
        if parent.taken_at is not None or parent.paced_at is None:
            return ledger
        ledger = ledger.with_parent(replace(parent, paced_at=None))
        return replace(ledger, entry_pacing=pacing.give_back(intent.base, parent.paced_at))
    if not _is_trade(intent) or pacing.day != utc_day(intent.decided_at):
        return ledger
    return replace(ledger, entry_pacing=pacing.count_trades(-1, intent.decided_at))


def _is_trade(intent: OrderIntent) -> bool:
    return intent.is_exit and intent.contingent_on is None
