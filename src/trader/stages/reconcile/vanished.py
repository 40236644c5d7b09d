"""Orders that the venue has acknowledged and shows no longer, not even by their ids. Absence alone ends none of them.

Listings lag, so an order may be missing for as long as the quiet period. Then it is looked up by itself; if that does
not find it either, a person must: it may have filled, so nothing takes its place, and its asset takes no entries until
it is found, or a person says that it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, Instant, VenueOrderId
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.settings import Settings
from trader.stages.reconcile.ownership import VANISHED, reduce_until_looked


def find_long_missing(ledger: Ledger, now: Instant, quiet_seconds: int) -> tuple[VenueOrderId, ...]:
    """Name the orders that are missing for longer than listings lag, and were not looked up yet, the longest first."""
    found = [
        (record.missing_since, record.venue_order_id)
        for record in ledger.orders.values()
        if record.is_at_venue and record.venue_order_id is not None and record.missing_since is not None
        if record.note != VANISHED
    ]
    return tuple(name for since, name in sorted(found) if now - since >= quiet_seconds)


def note_missing(ledger: Ledger, view: AccountView, settings: Settings, notes: list[AuditNote]) -> Ledger:
    """Remember since when orders are missing; the asset of one that was looked up in vain is in reduce-only."""
    now = view.read_at
    looked_up = view.missing.intersection(find_long_missing(ledger, now, settings.cycle.quiet_period_seconds))
    for key, record in sorted(ledger.orders.items()):
        if not record.is_at_venue or record.venue_order_id not in view.missing:
            continue
        if record.missing_since is None:
            ledger = ledger.with_order(replace(record, missing_since=now))
        elif record.venue_order_id in looked_up:
            body = {"order": key, "was": record.status, "since": record.missing_since, "reason": VANISHED}
            notes.append(AuditNote(EventKind.MISMATCH_FOUND, f"{key}|vanished", body))
            ledger = ledger.with_order(replace(record, note=VANISHED))
    return _reduce_vanished(ledger)


def _reduce_vanished(ledger: Ledger) -> Ledger:
    gone = [record for _, record in sorted(ledger.orders.items()) if record.is_at_venue and record.note == VANISHED]
    lifted = {base: why for base, why in ledger.reduce_only.items() if not why.startswith(VANISHED)}
    reduced = ledger if lifted == ledger.reduce_only else replace(ledger, reduce_only=lifted)
    for record in gone:
        name, intent = record.venue_order_id, record.intent
        why = f"{VANISHED}: {intent.client_order_id} ({name}), {record.status} when it was last seen"
        reduced = reduce_until_looked(reduced, intent.base, why)
    return ledger if reduced.reduce_only == ledger.reduce_only else reduced


def find_vanished(ledger: Ledger, bases: Iterable[Asset]) -> tuple[ClientOrderId, ...]:
    """Name the orders of these assets that the venue does not find."""
    wanted = set(bases)
    return tuple(
        key
        for key, record in sorted(ledger.orders.items())
        if record.note == VANISHED and record.is_at_venue and record.intent.base in wanted
    )


def give_up_vanished(ledger: Ledger, order_ids: Iterable[ClientOrderId], now: Instant) -> Ledger:
    """Give orders up of which a person says that they are gone; one that shows up after all is known again."""
    for key in order_ids:
        record = ledger.orders.get(key)
        if record is not None and not record.status.is_final:
            given_up = replace(record, status=OrderStatus.ABANDONED, final_at=now, missing_since=None)
            ledger = ledger.with_order(given_up)
    return ledger
