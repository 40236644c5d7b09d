"""Whose is this row? Ours are told by the venue's order id, our client id, or the order they were born from.

The owner of the account trades too. A row of theirs, however odd, is nobody's business; one of ours that cannot be
read keeps its product from being bought until it can be, or until a person has looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId, TradeId, VenueOrderId
from trader.model.inputs import AccountView, OddRow
from trader.model.ledger import Ledger
from trader.model.money import ZERO
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderStatusReport
from trader.model.protection import awaits_bracket

#: Our orders by the venue's ids. A row may name none.
Owners = Mapping[VenueOrderId | None, OrderRecord]

#: What is noted of an order that reports fills which are not listed for long.
UNLISTED = "it reports fills that the venue never listed"
#: What is noted of an order that the venue has acknowledged and does not find, and how the reason begins.
VANISHED = "the venue neither lists an order of ours nor finds it by its id"
#: How the reasons begin for which an asset takes no entries: as long as the venue tells it so, or until a person looks.
MISSING = "less at the venue than in the ledger"
_ODD = "a row of ours cannot be read"
_ODD_FILL = "a fill of ours cannot be read"


def find_orders_start(ledger: Ledger, now: Instant, memory_seconds: int) -> Instant:
    """Return the instant since which orders must be listed.

    Orders that the venue gave an id are read by it. Those in doubt are looked for since they were decided; and since
    the last look, and as long as ended orders are remembered, whatever shows that should not be there.
    """
    looked_at = find_last_look(ledger, now)
    settled = Instant(looked_at - memory_seconds)
    nameless = (
        record.intent.decided_at
        for record in ledger.orders.values()
        # The bracket of an entry that has bought is shown under an id that nobody knows yet.
        if record.venue_order_id is None or (record.filled > 0 and awaits_bracket(record, ledger, settled))
    )
    return Instant(min((now - memory_seconds, looked_at, *nameless)))


def find_known_orders(ledger: Ledger, now: Instant, memory_seconds: int) -> tuple[VenueOrderId, ...]:
    """Name the orders that are to be read by the venue's ids: those that may still change, and children never seen.

    What was over so long before the last look changes no more; an hour in which nobody looked is none.
    """
    looked_at = find_last_look(ledger, now)
    found = []
    for record in ledger.orders.values():
        is_old = record.final_at is not None and looked_at - record.final_at >= memory_seconds and not record.is_active
        found += [record.attached_order_id] if is_old else [record.venue_order_id, record.attached_order_id]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def find_last_look(ledger: Ledger, now: Instant) -> Instant:
    """Return the instant of the last look at the account; now, if none is remembered, or the clock was ahead then."""
    return min(now, ledger.fills_known_until or now)


def find_fills_start(ledger: Ledger, now: Instant) -> Instant:
    """Return the instant since which fills must be listed: all before it are known as ours or as somebody else's."""
    if ledger.fills_known_until:
        return find_last_look(ledger, now)
    return Instant(min((each.intent.decided_at for each in ledger.orders.values()), default=now))


def remember_look(ledger: Ledger, view: AccountView) -> Ledger:
    """Remember whose account it is, and that all fills up to this look are known now that it is booked.

    Never past the start of an order that awaits fills; one of which they never came is asked by its id.
    """
    before = ledger.fills_known_until
    waiting = (
        max(before, each.intent.decided_at)
        for each in ledger.orders.values()
        if each.is_in_doubt or (ledger.awaits_listing(each) and each.note not in (UNLISTED, VANISHED))
    )
    known_until = Instant(max(before, min((view.read_at, *waiting))))
    told = min(view.portfolios) if len(view.portfolios) == 1 and _shows_ours(ledger, view) else ""
    portfolio = ledger.portfolio or told
    if (known_until, portfolio) == (before, ledger.portfolio):
        return ledger
    return replace(ledger, fills_known_until=known_until, portfolio=portfolio)


def _shows_ours(ledger: Ledger, view: AccountView) -> bool:
    """Whether an order of ours is there, if there must be one: else the key may be for somebody else's account."""
    there = {each.venue_order_id for each in ledger.orders.values() if each.is_at_venue}
    return not there or any(report.venue_order_id in there for report in view.orders)


def find_late_orders(
    ledger: Ledger, reports: Iterable[OrderStatusReport], fills: Sequence[Fill]
) -> tuple[VenueOrderId, ...]:
    """Name our orders that report more than is booked and listed: their fills are asked for by the order."""
    listed: dict[VenueOrderId, dict[TradeId, Fill]] = {}
    for fill in fills:
        listed.setdefault(fill.venue_order_id, {})[fill.trade_id] = fill
    reported = {each.venue_order_id: each.filled_quantity for each in reports}
    late = []
    for record in ledger.orders.values():
        name = record.venue_order_id
        if name is None:
            continue
        new = (each.quantity for each in listed.get(name, {}).values() if not record.has_booked(each))
        told = max(record.reported_filled, reported.get(name, record.reported_filled))
        seen = record if told == record.reported_filled else replace(record, reported_filled=told)
        if seen.unreported_quantity > sum(new, ZERO):
            late.append(name)
    return tuple(late)


def find_unexplained(
    ledger: Ledger, orders: Sequence[OrderStatusReport | OddRow], fills: Iterable[Fill | OddRow]
) -> dict[VenueOrderId, ProductId]:
    """Name unknown orders of products in which one of ours is in doubt: each may be it, and must be read.

    An order is known if the ledger has it, or if its row names a client id. Two listings on one order book are one
    product: the base asset decides.
    """
    doubtful = {each.intent.base for each in ledger.orders.values() if each.is_in_doubt}
    if not doubtful:
        return {}
    ours = _venue_names(ledger)
    known = {each.venue_order_id for each in orders if each.client_order_id or each.originating_order_id in ours}
    return {
        row.venue_order_id: row.product_id
        for row in (*orders, *fills)
        if row.venue_order_id is not None
        and row.product_id is not None
        and row.venue_order_id not in known | ours.keys()
        and extract_base(row.product_id) in doubtful
    }


def extract_base(product_id: ProductId) -> Asset:
    """Return the base asset that a product is named after."""
    return Asset(product_id.rpartition("-")[0])


# --- what is odd


def set_odd_aside(ledger: Ledger, view: AccountView) -> AccountView:
    """Set rows aside that bear the id of an order of ours and speak of another side or asset."""
    owners = _venue_names(ledger)
    orders: dict[bool, list[OrderStatusReport]] = {True: [], False: []}
    fills: dict[bool, list[Fill]] = {True: [], False: []}
    for report in view.orders:
        record = ledger.orders.get(report.client_order_id) or owners.get(report.venue_order_id)
        is_child = record is not None and record.attached_order_id == report.venue_order_id
        orders[record is None or is_child or _is_about(record, report)].append(report)
    for fill in view.fills:
        record = owners.get(fill.venue_order_id)
        is_child = record is not None and record.venue_order_id != fill.venue_order_id
        fills[record is None or is_child or _is_about(record, fill)].append(fill)
    return replace(
        view,
        orders=tuple(orders[True]),
        fills=tuple(fills[True]),
        odd_orders=(*view.odd_orders, *(_make_odd(each) for each in orders[False])),
        odd_fills=(*view.odd_fills, *(_make_odd(each) for each in fills[False])),
    )


def reduce_odd_products(ledger: Ledger, view: AccountView, prefix: str, notes: list[AuditNote]) -> Ledger:
    """Forbid entries into what an odd row of ours is about. Wallets and orders are forgiven once they can be read."""
    ledger = reduce_for_fills(ledger, view.odd_fills, notes)
    odd = {asset: why for asset, why in view.odd_wallets.items() if asset in _assets_that_matter(ledger)}
    owners = _venue_names(ledger)
    for row in view.odd_orders:
        base = _base_of_ours(ledger, owners, row, prefix)
        odd |= {base: row.reason} if base is not None else {}
    kept = {base: why for base, why in ledger.reduce_only.items() if not why.startswith(_ODD)}
    # Another reason stays: that one does not go away by itself.
    new = {base: f"{_ODD}: {why}" for base, why in sorted(odd.items()) if base not in kept}
    notes += [_make_note(base, why) for base, why in new.items() if ledger.reduce_only.get(base) != why]
    reduced = {**kept, **new}
    return ledger if reduced == ledger.reduce_only else replace(ledger, reduce_only=reduced)


def await_person(ledger: Ledger) -> Mapping[Asset, str]:
    """Return why assets take no entries until a person has looked; what ends by itself is left out."""
    return {base: why for base, why in sorted(ledger.reduce_only.items()) if not why.startswith((_ODD, MISSING))}


def reduce_until_looked(ledger: Ledger, base: Asset, why: str) -> Ledger:
    """Forbid entries into an asset until a person has looked. A reason of that kind that stands already stays."""
    if base in await_person(ledger):
        return ledger
    return replace(ledger, reduce_only={**ledger.reduce_only, base: why})


def reduce_for_fills(ledger: Ledger, rows: Iterable[OddRow], notes: list[AuditNote]) -> Ledger:
    """Forbid entries into the assets of orders with a fill that cannot be booked, until a person has looked."""
    owners = _venue_names(ledger)
    for row in rows:
        record = owners.get(row.venue_order_id) if row.venue_order_id is not None else None
        if record is None:
            continue
        base, why = record.intent.base, f"{_ODD_FILL}: {row.reason}"
        if base in await_person(ledger):
            continue
        notes.append(_make_note(base, why))
        ledger = reduce_until_looked(ledger, base, why)
    return ledger


def _make_odd(row: OrderStatusReport | Fill) -> OddRow:
    what = "order" if isinstance(row, OrderStatusReport) else "fill"
    reason = f"{what} of {row.venue_order_id}: {row.side} {row.product_id} is not what was ordered"
    client_order_id = row.client_order_id if isinstance(row, OrderStatusReport) else None
    return OddRow(reason, row.venue_order_id, client_order_id, product_id=row.product_id)


def _make_note(base: Asset, why: str) -> AuditNote:
    return AuditNote(EventKind.MISMATCH_FOUND, f"odd|{base}", {"reason": why, "base": base})


def _is_about(record: OrderRecord, row: OrderStatusReport | Fill) -> bool:
    return row.side is record.intent.side and extract_base(row.product_id) == extract_base(record.intent.product_id)


def _venue_names(ledger: Ledger) -> Owners:
    """Map the venue's ids to our orders; a child that is not remembered yet to its parent."""
    children = {each.attached_order_id: each for each in ledger.orders.values()}
    ours = {**children, **{each.venue_order_id: each for each in ledger.orders.values()}}
    return {name: record for name, record in ours.items() if name is not None}


def _base_of_ours(ledger: Ledger, owners: Owners, row: OddRow, prefix: str) -> Asset | None:
    record = owners.get(row.venue_order_id) or owners.get(row.originating_order_id)
    if record is None and row.client_order_id is not None:
        record = ledger.orders.get(row.client_order_id)
    if record is not None:
        return record.intent.base
    is_named = row.client_order_id is not None and row.client_order_id.startswith(prefix)
    return extract_base(row.product_id) if is_named and row.product_id is not None else None


def _assets_that_matter(ledger: Ledger) -> set[Asset]:
    """Name the assets that we hold, buy, or pay with."""
    held = {*ledger.held_bases(), *(each.base for each in ledger.dust), *ledger.cash, ledger.accounting_asset}
    held |= {asset for each in ledger.orders.values() for asset in (each.intent.base, each.intent.quote)}
    return held | {asset for each in ledger.known_products.values() for asset in (each.base, each.quote)}
