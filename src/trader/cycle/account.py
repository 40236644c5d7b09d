"""Read the account and bring the ledger up to it. Half a view is no view."""

from __future__ import annotations

from dataclasses import replace

from trader.errors import StoreError, VenueError
from trader.model.events import AuditNote
from trader.model.ids import Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.ports import ExchangeAdapter, Ports
from trader.settings import Settings
from trader.stages.reconcile.account import Reconciled, find_fills_start, reconcile
from trader.stages.reconcile.strangers import find_strangers, note_strangers, recall_orders

_SLACK_SECONDS = 60


def read_account(exchange: ExchangeAdapter, ledger: Ledger, now: Instant) -> AccountView:
    """Read balances, and our orders, fills and conversions as far back as the ledger remembers any.

    Raises: VenueError if any part cannot be read; half a view is no view.
    """
    since = find_fills_start(ledger, _SLACK_SECONDS)
    balances, orders = exchange.account(since)
    # Fills after orders: a reported fill that is not listed yet is waited for, an unreported one is booked.
    fills = tuple(exchange.fills(since)) if since is not None else ()
    conversions = tuple(
        exchange.read_conversion(record.venue_conversion_id, record.intent)
        for record in ledger.conversions.values()
        if record.is_open and record.venue_conversion_id is not None
    )
    return AccountView(now, balances, tuple(orders), fills, conversions)


def reconcile_account(
    exchange: ExchangeAdapter, ledger: Ledger, ports: Ports, settings: Settings
) -> tuple[AccountView, Reconciled]:
    """Read the account and apply it to the ledger, orders that had ended and show all the same included.

    Balances are read before fills, so a fill in between looks like a shortage. Only what a second look shows again
    counts; one that fails shows nothing. Raises: VenueError if the first look fails.
    """
    view = read_account(exchange, ledger, ports.clock.now())
    ledger, strange = _look_up_strangers(ledger, view, ports, settings)
    done = reconcile(ledger, view, settings)
    if done.shortages:
        try:
            again = read_account(exchange, ledger, ports.clock.now())
        except VenueError:
            done = reconcile(ledger, view, settings, unconfirmed=done.shortages)
        else:
            once = reconcile(ledger, again, settings).shortages - done.shortages
            view, done = again, reconcile(ledger, again, settings, unconfirmed=once)
    return view, replace(done, notes=(*strange, *done.notes))


def _look_up_strangers(
    ledger: Ledger, view: AccountView, ports: Ports, settings: Settings
) -> tuple[Ledger, tuple[AuditNote, ...]]:
    """Look orders up that carry our prefix and are not in the ledger; those that are found nowhere are named."""
    strangers = find_strangers(ledger, view.orders, view.read_at, settings)
    if not strangers:
        return ledger, ()
    try:
        wanted = [report.client_order_id for report in strangers]
        records = ports.store.read_finished(ports.identity.scope, wanted)
    except StoreError:
        records = ()
    ledger, recalled = recall_orders(ledger, records)
    known = [record.intent.client_order_id for record in records]
    ledger, named = note_strangers(ledger, strangers, known)
    return ledger, (*recalled, *named)
