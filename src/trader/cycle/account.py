"""Read the account and bring the ledger up to it. Half a listing is none; an odd row in it is set aside."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from itertools import islice

from trader.errors import StoreError, VenueAuth, VenueError, VenueUnavailable
from trader.model.conversions import ConversionReport
from trader.model.events import AuditNote
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, VenueOrderId
from trader.model.inputs import AccountListing, AccountView, OddRow
from trader.model.ledger import Ledger
from trader.model.market import split_answers
from trader.model.orders import Fill, OrderStatusReport
from trader.ports import ExchangeAdapter, Ports
from trader.settings import Settings
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.ownership import (
    find_fills_start,
    find_known_orders,
    find_late_orders,
    find_orders_start,
    find_unexplained,
    remember_look,
)
from trader.stages.reconcile.strangers import find_strangers, name_brackets, note_strangers, recall_orders
from trader.stages.reconcile.vanished import find_long_missing

#: Listings are read from a little before: clocks differ, and listings lag.
_SLACK_SECONDS = 60
#: So many unknown orders are read by themselves in one look; those that are left wait for the next one.
_UNEXPLAINED_MAX = 20
#: So many missing orders are looked up in one look. More than that are missing for one reason, which they share.
_LOOKED_UP_MAX = 5


def read_account(exchange: ExchangeAdapter, ledger: Ledger, now: Instant, settings: Settings) -> AccountView:
    """Read wallets, our orders, new fills and open conversions.

    Four requests and the pages of what is new, however old a lot is, and however much the account's owner trades. A
    row that cannot be read is set aside; a listing that cannot be read is not half believed.

    Raises: VenueError; VenueAuth if the key is for another portfolio than the books.
    """
    memory_seconds = settings.cycle.order_memory_seconds
    since = Instant(find_orders_start(ledger, now, memory_seconds) - _SLACK_SECONDS)
    known = find_known_orders(ledger, now, memory_seconds)
    listing = exchange.account(since, known)
    check_portfolio(ledger, listing.portfolios)
    if not ledger.orders:
        return _read_conversions(exchange, ledger, make_view(now, listing, ()))
    # Fills after orders: a reported fill that is not listed yet is waited for, an unreported one is booked.
    fills = tuple(exchange.fills(Instant(find_fills_start(ledger, now) - _SLACK_SECONDS)))
    explained, unresolved = _explain(exchange, find_unexplained(ledger, listing.orders, fills), now)
    found = _look_up_missing(exchange, ledger, listing, now, settings)
    orders = (*listing.orders, *explained, *found)
    reports = [each for each in orders if isinstance(each, OrderStatusReport)]
    if late := find_late_orders(ledger, reports, [each for each in fills if isinstance(each, Fill)]):
        # They are awaited until they can be read; what concerns other orders does not wait for that.
        with contextlib.suppress(VenueError):
            fills = (*fills, *exchange.order_fills(late))
    missing = frozenset(known) - {row.venue_order_id for row in orders}
    view = replace(make_view(now, replace(listing, orders=orders), fills), unresolved=unresolved, missing=missing)
    return _read_conversions(exchange, ledger, view)


def _explain(
    exchange: ExchangeAdapter, unexplained: Mapping[VenueOrderId, ProductId], now: Instant
) -> tuple[list[OrderStatusReport], frozenset[ProductId]]:
    """Read orders that may be one of ours in doubt; name the products of those that could not be read."""
    explained, unresolved = [], set()
    # Others first each time, so that none is never read.
    begin = now % max(len(unexplained), 1)
    turned = (*islice(unexplained.items(), begin, None), *islice(unexplained.items(), begin))
    for number, (venue_order_id, product_id) in enumerate(turned):
        try:
            if number >= _UNEXPLAINED_MAX:
                raise VenueUnavailable("too many to be read at once")
            explained.append(exchange.order(venue_order_id))
        except VenueError:
            unresolved.add(product_id)
    return explained, frozenset(unresolved)


def _look_up_missing(
    exchange: ExchangeAdapter, ledger: Ledger, listing: AccountListing, now: Instant, settings: Settings
) -> list[OrderStatusReport]:
    """Look orders up one by one that the listings have left out for too long; one that is not found stays missing."""
    listed, found = {row.venue_order_id for row in listing.orders}, []
    names = find_long_missing(ledger, now, settings.cycle.quiet_period_seconds)
    for name in islice((each for each in names if each not in listed), _LOOKED_UP_MAX):
        with contextlib.suppress(VenueError):
            found.append(exchange.order(name))
    return found


def _read_conversions(exchange: ExchangeAdapter, ledger: Ledger, view: AccountView) -> AccountView:
    """Read how far open conversions got. One that cannot be read stays open: no sale has to wait for it."""
    found, unread = [], set()
    for key, record in ledger.conversions.items():
        if record.is_open and record.venue_conversion_id is not None:
            try:
                found.append(exchange.read_conversion(record.venue_conversion_id, record.intent))
            except VenueError:
                unread.add(key)
    return replace(view, conversions=tuple(found), unread_conversions=frozenset(unread))


def check_portfolio(ledger: Ledger, told: frozenset[str]) -> None:
    """Raise VenueAuth if the key is for another portfolio than the books: nothing of ours is there."""
    if ledger.portfolio and told and ledger.portfolio not in told:
        raise VenueAuth(
            f"the books are about portfolio {ledger.portfolio}, and the key is for {', '.join(sorted(told))}: nothing "
            "is traded there. Use a key of the books' portfolio, or another app.account for books of its own"
        )


def make_view(
    now: Instant,
    listing: AccountListing,
    fills: Sequence[Fill | OddRow],
    conversions: tuple[ConversionReport, ...] = (),
) -> AccountView:
    """Part what could be read of a look from what could not."""
    balances, odd_wallets = split_answers(listing.balances)
    return AccountView(
        read_at=now,
        balances=balances,
        orders=tuple(each for each in listing.orders if isinstance(each, OrderStatusReport)),
        fills=tuple(each for each in fills if isinstance(each, Fill)),
        conversions=conversions,
        odd_orders=tuple(each for each in listing.orders if isinstance(each, OddRow)),
        odd_fills=tuple(each for each in fills if isinstance(each, OddRow)),
        odd_wallets=odd_wallets,
        portfolios=listing.portfolios,
    )


def reconcile_account(
    exchange: ExchangeAdapter, ledger: Ledger, ports: Ports, settings: Settings
) -> tuple[AccountView, Reconciled]:
    """Read the account and apply it to the ledger, orders that had ended and show all the same included.

    Balances are read before fills, so a fill in between looks like a shortage. Only what a second look shows again
    counts; one that fails shows nothing. Raises: VenueError if the first look fails.
    """
    view = read_account(exchange, ledger, ports.clock.now(), settings)
    ledger, odd, strange = _look_up_strangers(ledger, view, ports, settings)
    view = replace(view, odd_orders=(*view.odd_orders, *odd))
    done = reconcile(ledger, view, settings)
    if done.shortages:
        try:
            again = read_account(exchange, ledger, ports.clock.now(), settings)
        except VenueError:
            done = reconcile(ledger, view, settings, unconfirmed=done.shortages)
        else:
            again = replace(again, odd_orders=(*again.odd_orders, *odd))
            once = reconcile(ledger, again, settings).shortages - done.shortages
            view, done = again, reconcile(ledger, again, settings, unconfirmed=once)
    return view, replace(done, ledger=remember_look(done.ledger, view), notes=(*strange, *done.notes))


def _look_up_strangers(
    ledger: Ledger, view: AccountView, ports: Ports, settings: Settings
) -> tuple[Ledger, tuple[OddRow, ...], tuple[AuditNote, ...]]:
    """Look orders up that carry our prefix and are not in the ledger; those that are found nowhere are named.

    Also return those of which the store could not say anything: as long as that lasts, their assets take no entries.
    """
    strangers = find_strangers(ledger, view.orders, view.read_at, settings)
    if not strangers:
        return ledger, (), ()
    scope, prefix = ports.identity.scope, settings.execution.order_prefix
    try:
        records = ports.store.read_finished(scope, [report.client_order_id for report in strangers])
        if brackets := name_brackets(records, prefix):
            records = (*records, *ports.store.read_finished(scope, brackets))
    except StoreError as error:
        odd = (
            OddRow(f"{error}", client_order_id=each.client_order_id, product_id=each.product_id) for each in strangers
        )
        return ledger, tuple(odd), ()
    ledger, recalled = recall_orders(ledger, records, strangers)
    known = [record.intent.client_order_id for record in records]
    ledger, named = note_strangers(ledger, strangers, known)
    return ledger, (), (*recalled, *named)
