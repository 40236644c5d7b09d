"""What has left the simulated account, and how the two are read as one.

What ends stays in the account for a short while. Then it moves to the archive of the account's store, where every fill,
order and conversion is kept for good under a key of its own::

    FILL#<time, ten digits>#<trade id>
    ORDER#<venue order id>
    CONVERSION#<venue conversion id>

The archive is asked only for what the account cannot answer. What reads it raises what the given store does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from trader.errors import StoreError, VenueProtocol, VenueUnavailable
from trader.model.codec import sha256_hex
from trader.model.conversions import ConversionIntent
from trader.model.frozen import replace
from trader.model.ids import Instant, VenueOrderId
from trader.model.money import ZERO
from trader.model.orders import Fill
from trader.sim.account import KindT, SimAccount, SimAccountStore
from trader.sim.orders import SimConversion, SimOrder

#: How long what has ended stays in the account, beyond the visibility lag: longer than a ledger needs to book it.
RECENT_SECONDS = 2 * 3600
#: So far an account may be matched, by bars in which nothing happened, beyond what is stored of it.
_UNSAVED_SECONDS = 3600

_FILL, _ORDER, _CONVERSION = "FILL#", "ORDER#", "CONVERSION#"

Ended = Mapping[str, Fill | SimOrder | SimConversion]


class VenueAccounts:
    """An account store whose errors are the venue's: what cannot be read or saved is a venue that does not answer."""

    def __init__(self, accounts: SimAccountStore) -> None:
        self._accounts = accounts

    def load(self) -> SimAccount | None:
        with _as_venue_error("read"):
            return self._accounts.load()

    def save(
        self, account: SimAccount, ended: Ended = MappingProxyType({}), *, replaces: SimAccount | None = None
    ) -> None:
        with _as_venue_error("saved"):
            self._accounts.save(account, ended, replaces=replaces)

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        with _as_venue_error("read"):
            return self._accounts.read_archived(key, kind)

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        with _as_venue_error("read"):
            return self._accounts.list_archived(first, last, kind)


def is_worth_saving(account: SimAccount, stored: SimAccount) -> bool:
    """Whether an account says more than the stored one, or has been matched for long without being saved.

    That nothing happened in a few bars is found again by whoever looks next.
    """
    if account is stored:
        return False
    if account.matched_until.keys() != stored.matched_until.keys():
        return True
    moved = max((account.matched_until[each] - at for each, at in stored.matched_until.items()), default=0)
    return moved > _UNSAVED_SECONDS or replace(account, matched_until=stored.matched_until) != stored


def split_ended(account: SimAccount, oldest: Instant) -> tuple[SimAccount, Ended]:
    """Take out of an account what ended before an instant; return what stays, and what goes by its key.

    An attached bracket stays as long as its parent is active, which must not get a second one.
    """
    fills = {_fill_key(fill.time, fill.trade_id): fill for fill in account.fills if fill.time < oldest}
    orders = {
        key: order
        for key, order in account.finished.items()
        if (order.final_at or order.created_at) < oldest and order.parent not in account.active
    }
    # One that failed has no time of its own, and moved no money that a lag would have to hide.
    conversions = {
        key: each for key, each in account.conversions.items() if not each.is_open and (each.done_at or 0) < oldest
    }
    if not (fills or orders or conversions):
        return account, {}
    kept = replace(
        account,
        fills=tuple(fill for fill in account.fills if fill.time >= oldest),
        finished={key: order for key, order in account.finished.items() if key not in orders},
        conversions={key: each for key, each in account.conversions.items() if key not in conversions},
        complete_since=max(account.complete_since, oldest),
    )
    named_orders = {_ORDER + key: order for key, order in orders.items()}
    return kept, fills | named_orders | {_CONVERSION + key: each for key, each in conversions.items()}


def find_order(account: SimAccount, accounts: SimAccountStore, venue_order_id: VenueOrderId) -> SimOrder | None:
    """Find an order, however long ago it ended."""
    order = account.order(venue_order_id)
    if order is not None or not account.complete_since:
        return order
    return accounts.read_archived(_ORDER + venue_order_id, SimOrder)


def list_orders(
    account: SimAccount, accounts: SimAccountStore, since: Instant, prefix: str = ""
) -> tuple[SimOrder, ...]:
    """List the orders of a prefix that were created since an instant, by their age.

    Reads every archived order if that is not recent.
    """
    orders = {**account.finished, **account.active}
    if since < account.complete_since:
        archived = accounts.list_archived(_ORDER, _end_of(_ORDER), SimOrder)
        orders = {order.venue_order_id: order for order in archived.values()} | orders
    ours = (order for order in orders.values() if order.created_at >= since and order.root.startswith(prefix))
    return tuple(sorted(ours, key=lambda each: (each.created_at, each.venue_order_id)))


def list_fills(account: SimAccount, accounts: SimAccountStore, since: Instant) -> tuple[Fill, ...]:
    """List the fills since an instant, by their time, whenever they were found."""
    return _list_between(account, accounts, since, account.complete_since)


def list_order_fills(
    account: SimAccount, accounts: SimAccountStore, venue_order_ids: Collection[VenueOrderId]
) -> tuple[Fill, ...]:
    """List the fills of some orders. The archive is asked about those of which the account has not every fill."""
    found = {fill.trade_id: fill for fill in account.fills if fill.venue_order_id in venue_order_ids}
    for venue_order_id in dict.fromkeys(venue_order_ids):
        known = sum((fill.quantity for fill in found.values() if fill.venue_order_id == venue_order_id), ZERO)
        order = find_order(account, accounts, venue_order_id)
        if order is None or order.filled == known:
            continue
        until = account.complete_since if order.final_at is None else Instant(order.final_at + 1)
        for fill in _list_between(account, accounts, order.created_at, min(until, account.complete_since)):
            if fill.venue_order_id == venue_order_id:
                found[fill.trade_id] = fill
    return _in_order(found.values())


def find_conversion(account: SimAccount, accounts: SimAccountStore, venue_conversion_id: str) -> SimConversion | None:
    """Find a conversion, however long ago it ended."""
    conversion = account.conversions.get(venue_conversion_id)
    if conversion is not None or not account.complete_since:
        return conversion
    return accounts.read_archived(_CONVERSION + venue_conversion_id, SimConversion)


def read_conversion(
    account: SimAccount, accounts: SimAccountStore, venue_conversion_id: str, intent: ConversionIntent
) -> SimConversion:
    """Find the conversion of an intent. Raises: VenueProtocol if there is none under this name."""
    conversion = find_conversion(account, accounts, venue_conversion_id)
    if conversion is None or (conversion.conversion_id, conversion.amount) != (intent.conversion_id, intent.amount):
        raise VenueProtocol(f"there is no conversion {venue_conversion_id} of {intent.amount} {intent.source}")
    return conversion


def name_conversion(account: SimAccount, accounts: SimAccountStore, conversion_id: str) -> str:
    """Name one more quote for a conversion: the same name in every run, and one that no earlier quote has."""
    asked = sum(1 for each in account.conversions.values() if each.conversion_id == conversion_id)
    while find_conversion(account, accounts, name := sha256_hex(f"convert|{conversion_id}|{asked}")[:32]) is not None:
        asked += 1
    return name


def load_whole(accounts: SimAccountStore) -> SimAccount | None:
    """Load the account together with all that ever left it."""
    account = accounts.load()
    if account is None or not account.complete_since:
        return account
    archived = accounts.list_archived(_CONVERSION, _end_of(_CONVERSION), SimConversion)
    conversions = {each.venue_conversion_id: each for each in archived.values()}
    finished = {
        order.venue_order_id: order
        for order in list_orders(account, accounts, Instant(0))
        if order.venue_order_id not in account.active
    }
    return replace(
        account,
        finished=finished,
        fills=list_fills(account, accounts, Instant(0)),
        conversions=conversions | dict(account.conversions),
        complete_since=Instant(0),
    )


def read_archive(accounts: SimAccountStore) -> Ended:
    """Read all that ever left the account, by its key."""
    fills = accounts.list_archived(_FILL, _end_of(_FILL), Fill)
    orders = accounts.list_archived(_ORDER, _end_of(_ORDER), SimOrder)
    return {**fills, **orders, **accounts.list_archived(_CONVERSION, _end_of(_CONVERSION), SimConversion)}


def _list_between(account: SimAccount, accounts: SimAccountStore, since: Instant, until: Instant) -> tuple[Fill, ...]:
    """List the account's fills since an instant, and the archive's up to and without another."""
    recent = tuple(fill for fill in account.fills if fill.time >= since)
    if since >= until:
        return _in_order(recent)
    # One that was archived by a save that broke off is in the account as well.
    archived = accounts.list_archived(_fill_key(since), _fill_key(until), Fill)
    found = {fill.trade_id: fill for fill in (*archived.values(), *recent)}
    return _in_order(found.values())


def _in_order(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    # A look matches one product after the other: of two at one instant the order must not tell how often was looked.
    return tuple(sorted(fills, key=lambda fill: (fill.time, fill.product_id)))


def _fill_key(time: Instant, trade_id: str = "") -> str:
    return f"{_FILL}{max(time, 0):010d}#{trade_id}"


def _end_of(prefix: str) -> str:
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


@contextmanager
def _as_venue_error(done: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise VenueUnavailable(f"the simulated account cannot be {done}: {error}") from error
