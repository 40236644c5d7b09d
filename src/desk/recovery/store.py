"""Everything a recovery touches, and how it writes: under the lease, audited first, nothing old thrown away."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from desk.recovery.chain import AuditReader, Chain, read_chain
from desk.recovery.checkpoints import Beginning, choose_beginning, compare_with_venue, verify_beginning
from desk.recovery.ledger_item import LedgerItems, StoredLedger, to_bytes
from desk.recovery.rebuild import SLACK_SECONDS, ConversionIds, Rebuilt, read_listed_account, rebuild_ledger
from trader.cycle.account import check_portfolio
from trader.errors import AuditConflict, AuditError, LeaseHeld, MissingData, StoreError, TraderError
from trader.model.codec import digest_of
from trader.model.events import AuditNote, AuditObject, EventKind
from trader.model.ids import Instant, Scope, VenueOrderId, cycle_id_at
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.ports import AuditLog, Clock, ExchangeAdapter, LeaseGrant, StateStore, name_audit_object
from trader.settings import Settings
from trader.stages.audit_record import stamp_notes
from trader.stages.reconcile.ownership import find_fills_start, find_known_orders, find_orders_start


@dataclass(frozen=True, slots=True)
class RecoveryStores:
    """One scope's books and what is needed to make them anew. Without an exchange nothing was ever sent."""

    settings: Settings
    scope: Scope
    owner: str
    store: StateStore
    items: LedgerItems
    audit: AuditLog
    reader: AuditReader
    exchange: ExchangeAdapter | None
    clock: Clock

    def chain(self) -> Chain:
        """Read the audit, with what is still owed to it. Raises: AuditError, StoreUnavailable, LedgerCorrupt."""
        # In this order: what is stored meanwhile is seen in one of the two places, not in none.
        owed = self.items.read_owed(self.scope)
        return read_chain({**owed, **self.reader.texts(self.scope)})


@dataclass(frozen=True, slots=True)
class RebuildOptions:
    """What an operator may say about a rebuild."""

    since: Instant | None = None
    broken_ok: bool = False
    conversions: ConversionIds | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written: the ledger, what is stored beside it, and what is recorded about it."""

    ledger: Ledger
    notes: tuple[AuditNote, ...]
    fills: tuple[Fill, ...] = ()
    finished: tuple[OrderRecord, ...] = ()


def rebuild(stores: RecoveryStores, options: RebuildOptions) -> tuple[Rebuilt, Beginning]:
    """Make the ledger anew; nothing is written. Raises: AuditError for a broken chain, VenueError."""
    beginning = _verified(stores, options)
    chain, start, finished = beginning.chain, beginning.start, tuple[OrderRecord, ...]()
    listed = None
    if stores.exchange is not None:
        now = stores.clock.now()
        oldest = chain.began_at if chain.began_at is not None else now
        known: Sequence[VenueOrderId] = ()
        if start is not None:
            # As a run on these books would have asked: an order of before is found by its id alone.
            books, memory_seconds = start.checkpoint.ledger, stores.settings.cycle.order_memory_seconds
            known = find_known_orders(books, now, memory_seconds)
            oldest = min(find_orders_start(books, oldest, memory_seconds), find_fills_start(books, oldest))
            beginning = replace(beginning, told=(*beginning.told, *compare_with_venue(start, stores.exchange)))
        since = options.since if options.since is not None else Instant(oldest - SLACK_SECONDS)
        listed = read_listed_account(stores.exchange, chain, since, now, options.conversions, known)
    if start is not None:
        finished = tuple(stores.items.read_finished(stores.scope))
    made = rebuild_ledger(stores.settings, stores.scope, beginning, listed, options.conversions, finished)
    return made, beginning


def _store_owed(stores: RecoveryStores, options: RebuildOptions) -> list[str]:
    """Store what is owed, byte for byte, as a cycle would; return the keys, for the commit that drops them.

    Raises: AuditError. One whose key holds something else stays where it is, if breaks are taken.
    """
    stored = []
    for record in stores.store.read_owed(stores.scope, tuple(stores.items.read_owed(stores.scope))):
        try:
            stores.audit.write(record)
        except AuditConflict:
            if not options.broken_ok:
                raise
        else:
            stored.append(record.key)
    return stored


def _verified(stores: RecoveryStores, options: RebuildOptions) -> Beginning:
    # After the records: what one of them names was stored before it.
    chain, texts = stores.chain(), stores.reader.checkpoints(stores.scope)
    beginning = choose_beginning(chain, texts, broken_ok=options.broken_ok)
    verify_beginning(beginning, broken_ok=options.broken_ok)
    if not beginning.chain.objects and beginning.start is None:
        raise AuditError(f"no audit object of {stores.scope} was found: there is nothing to rebuild from")
    return beginning


def write_rebuilt(stores: RecoveryStores, options: RebuildOptions) -> tuple[Rebuilt, str]:
    """Make the ledger anew and store it; return it and where the old text lies, if there was one.

    Raises: LeaseHeld while a cycle runs, VersionConflict, AuditError, VenueError; then nothing was replaced.
    """
    _verified(stores, options)
    found = stores.items.find(stores.scope)
    if found is not None and found.is_held(stores.clock.now()):
        raise LeaseHeld(found.owner, found.expires_at)
    if found is not None and found.ledger is not None:
        return _replaced(stores, options, found)
    made, beginning = rebuild(stores, options)
    kept = stores.items.set_aside(stores.scope, found.text) if found is not None and found.text else ""
    # Above every epoch on record: no key of the audit is ever written under twice, and no old grant is valid again.
    epoch = max(found.epoch if found is not None else 0, beginning.chain.epoch) + 1
    repaid = _store_owed(stores, options)
    ledger = record_change(stores, epoch, _change(made, beginning, found), "rebuild")
    stores.items.put(stores.scope, found, ledger, epoch, stores.clock.now(), made.commands)
    # What is stored beside the ledger goes the usual way; if this is cut short, the same command does it again.
    grant = stores.store.acquire(stores.scope, stores.owner, stores.clock.now(), stores.settings.cycle.run_seconds)
    stores.store.commit(
        grant, grant.ledger or ledger, fills=made.fills, finished=made.finished, repaid=repaid, release=True
    )
    return made, kept


def _replaced(stores: RecoveryStores, options: RebuildOptions, found: StoredLedger) -> tuple[Rebuilt, str]:
    """Replace a sound ledger under the lease, as a cycle would."""
    grant = stores.store.acquire(stores.scope, stores.owner, stores.clock.now(), stores.settings.cycle.run_seconds)
    try:
        made, beginning = rebuild(stores, options)
        if grant.ledger is not None:
            check_portfolio(grant.ledger, frozenset({made.ledger.portfolio} - {""}))
        kept = stores.items.set_aside(stores.scope, found.text)
        change, repaid = _change(made, beginning, found), _store_owed(stores, options)
        ledger = record_change(stores, grant.epoch, change, "rebuild")
        stores.store.commit(grant, ledger, fills=change.fills, finished=change.finished, repaid=repaid, release=True)
    except TraderError:
        _give_back(stores, grant)
        raise
    return made, kept


def change_under_lease(stores: RecoveryStores, part: str, change: Callable[[Ledger, int], Change]) -> Ledger:
    """Change a sound ledger under the lease; the change is told the epoch.

    Raises: LeaseHeld, and what the change raises; then nothing is written.
    """
    grant = stores.store.acquire(stores.scope, stores.owner, stores.clock.now(), stores.settings.cycle.run_seconds)
    try:
        if grant.ledger is None:
            raise MissingData(f"{stores.scope}: there is no ledger; trader ledger rebuild makes one")
        made = change(grant.ledger, grant.epoch)
        ledger = record_change(stores, grant.epoch, made, part)
        stores.store.commit(grant, ledger, fills=made.fills, finished=made.finished, release=True)
    except TraderError:
        _give_back(stores, grant)
        raise
    return ledger


def record_change(stores: RecoveryStores, epoch: int, change: Change, part: str) -> Ledger:
    """Write the audit object of a change and return the ledger anchored in it. Raises: AuditError."""
    now = stores.clock.now()
    cycle_id = cycle_id_at(now)
    key = name_audit_object(stores.scope, cycle_id, epoch, part)
    events = stamp_notes(change.notes, cycle_id, now)
    return replace(change.ledger, audit_head=stores.audit.write(AuditObject(key, change.ledger.audit_head, events)))


def _change(made: Rebuilt, beginning: Beginning, found: StoredLedger | None) -> Change:
    chain = beginning.chain
    body = {
        "objects": len(chain.objects),
        "checkpoint": beginning.start.key if beginning.start is not None else "",
        "head": chain.head,
        "ledger": digest_of(made.ledger),
        "replaced": hashlib.sha256(to_bytes(found.text)).hexdigest() if found is not None and found.text else "",
        "broken": chain.problems,
        "unknown": made.unknown,
        "foreign_orders": [state.venue_order_id for state in made.foreign.orders],
    }
    note = AuditNote(EventKind.LEDGER_REBUILT, "ledger", body)
    return Change(made.ledger, (note, *made.notes), made.fills, made.finished)


def _give_back(stores: RecoveryStores, grant: LeaseGrant) -> None:
    # An operator's failure must not keep cycles out for as long as the lease would last.
    with contextlib.suppress(StoreError):
        stores.store.release(grant)
