"""Settle a difference between ledger and account on purpose: a trade we did not send, booked like one we did.

A ledger is built from fills only, and that stays so. A quantity is adopted by an order and a fill of its own, under
ids that no venue gives (``adopted-<epoch>``), announced in the audit with the operator's reason. The reconciliation of
every cycle books it: nothing here writes a balance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from desk.recovery.adopt_intents import (
    AdoptionContext,
    AdoptionTerms,
    Quantities,
    make_as_shown,
    make_exit,
    make_purchase,
)
from desk.recovery.chain import Chain
from desk.recovery.event_handlers import lift_reduce_only
from desk.recovery.rebuild import SLACK_SECONDS
from desk.recovery.replay import ADOPTED
from desk.recovery.store import Change
from trader.cycle.account import make_view, read_account
from trader.errors import MissingData
from trader.model.codec import decode_told
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, TradeId, VenueOrderId, rfc3339
from trader.model.inputs import AccountListing, AccountView
from trader.model.ledger import Ledger
from trader.model.money import ZERO, Notional, Price, plain
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderIntent, OrderStatusReport, Side
from trader.stages.reconcile.account import reconcile
from trader.stages.reconcile.vanished import find_vanished, give_up_vanished


def adopt_quantity(context: AdoptionContext, wanted: Quantities, terms: AdoptionTerms, reason: str) -> Change:
    """Book a buy or a sell that we did not send. Raises: MissingData naming what is wrong or unsaid."""
    if not wanted.change or wanted.price < 0 or wanted.fee < 0:
        raise MissingData(
            f"quantity {wanted.change}, price {wanted.price}, fee {wanted.fee}: allowed is a quantity other than zero, "
            "and a price and a fee from zero up"
        )
    intent = (make_purchase if wanted.change > 0 else make_exit)(context, wanted, terms, reason)
    name = f"{ADOPTED}{context.epoch}"
    report = OrderStatusReport(
        venue_order_id=VenueOrderId(name),
        client_order_id=intent.client_order_id,
        product_id=intent.product_id,
        side=intent.side,
        status=OrderStatus.FILLED,
        filled_quantity=intent.quantity,
        created_at=context.now,
        settled=True,
    )
    fill = Fill(
        trade_id=TradeId(name),
        venue_order_id=VenueOrderId(name),
        product_id=intent.product_id,
        side=intent.side,
        price=Price(wanted.price),
        quantity=intent.quantity,
        fee=Notional(wanted.fee),
        time=context.now,
    )
    view = read_account(context.exchange, context.ledger, context.now, context.settings)
    view = replace(view, orders=(*view.orders, report), fills=(*view.fills, fill))
    body = {"what": "quantity", "asset": wanted.asset, "change": wanted.change, "price": wanted.price}
    change = _reconciled(context, context.ledger.with_order(OrderRecord(intent)), view, (body, intent), reason)
    if fill not in change.fills:
        raise MissingData(f"{plain(intent.quantity)} {wanted.asset} cannot be taken out of lot {intent.lot_id} now")
    return change


def adopt_order(context: AdoptionContext, name: str, chain: Chain, terms: AdoptionTerms, reason: str) -> Change:
    """Take an order that carries our prefix and is in no ledger into this one, with its own fills.

    If the audit announced it, it is taken as announced; else as the venue shows it. Raises: MissingData, VenueError.
    """
    since = Instant((chain.began_at if chain.began_at is not None else context.now) - SLACK_SECONDS)
    orders, fills = context.exchange.orders(since), context.exchange.fills(since)
    whole = make_view(context.now, AccountListing({}, orders), fills)
    report = next((each for each in whole.orders if each.client_order_id == name), None)
    if report is None:
        raise MissingData(f"order {name}: the venue lists no order of ours with this client id since {rfc3339(since)}")
    if name in context.ledger.orders:
        raise MissingData(f"order {name} is in the ledger already, {context.ledger.orders[ClientOrderId(name)].status}")
    if ended := context.store.read_finished(context.ledger.scope, [ClientOrderId(name)]):
        raise MissingData(f"order {name} was in the ledger and left it {ended[0].status}: all of it is booked")
    intent = _announced(chain, name) or make_as_shown(context, report, terms, reason)
    ledger = context.ledger.with_order(OrderRecord(intent))
    view = read_account(context.exchange, ledger, context.now, context.settings)
    view = replace(view, orders=whole.orders, fills=whole.fills)
    return _reconciled(context, ledger, view, ({"what": "order", "order": name}, intent), reason)


def acknowledge_mismatch(context: AdoptionContext, assets: Sequence[str], reason: str) -> Change:
    """Lift the reduce-only of these assets; the next cycle puts it back on an asset the venue still has too little of.

    Orders of theirs that the venue does not find any more are given up: whoever acknowledges them says they are gone.
    Raises: MissingData for an asset that is not reduce-only, and without a reason.
    """
    held = {base: why for base, why in context.ledger.reduce_only.items() if base in assets}
    if missing := [asset for asset in assets if asset not in held]:
        there = ", ".join(sorted(context.ledger.reduce_only)) or "none"
        raise MissingData(f"{missing[0]} is not reduce-only; allowed are {there}")
    view = read_account(context.exchange, context.ledger, context.now, context.settings)
    gone = find_vanished(context.ledger, held)
    body = {"what": "acknowledged", "lifted": sorted(held), "was": held, "given_up": gone}
    lifted = lift_reduce_only(give_up_vanished(context.ledger, gone, context.now), assets)
    change = _reconciled(context, lifted, view, (body, None), reason)
    if still := sorted(set(assets) & set(change.ledger.reduce_only)):
        why = change.ledger.reduce_only[Asset(still[0])]
        raise MissingData(f"{still[0]}: the venue still shows it, nothing was lifted: {why}")
    return change


def forget_last_cycle(ledger: Ledger, reason: str) -> Change:
    """Let ticks run again after a cycle that lies in the future, as after one run by a wrong clock.

    Raises: MissingData without a last cycle.
    """
    if not reason.strip():
        raise MissingData("an adjustment needs a reason; it goes into the audit")
    if ledger.last_cycle is None:
        raise MissingData("the books remember no cycle; there is none to forget")
    body = {"what": "forgot the last cycle", "forgotten": ledger.last_cycle, "reason": reason}
    note = AuditNote(EventKind.LEDGER_ADJUSTED, "last-cycle", body)
    return Change(replace(ledger, last_cycle=None), (note,))


def find_over_covered(ledger: Ledger) -> list[str]:
    """Name the active sell orders that would sell more than what is left of their lot."""
    found = []
    for record in ledger.active_orders:
        lot = ledger.lots.get(record.intent.lot_id)
        held = lot.quantity if lot is not None else ZERO
        if record.intent.side is Side.SELL and record.remaining > held:
            found.append(
                f"order {record.intent.client_order_id} sells {plain(record.remaining)}, its lot has {plain(held)}: "
                "cancel it at the venue, the next cycle protects what is left"
            )
    return found


def _reconciled(
    context: AdoptionContext,
    ledger: Ledger,
    view: AccountView,
    what: tuple[Mapping[str, object], OrderIntent | None],
    reason: str,
) -> Change:
    if not reason.strip():
        raise MissingData("an adjustment needs a reason; it goes into the audit")
    body, intent = what
    done = reconcile(ledger, view, context.settings)
    notes: list[AuditNote] = [
        AuditNote(EventKind.LEDGER_ADJUSTED, f"{ADOPTED}{context.epoch}", {**body, "reason": reason})
    ]
    if intent is not None:
        notes.append(AuditNote(EventKind.ORDER_INTENDED, intent.client_order_id, {"intent": intent}))
    return Change(done.ledger, (*notes, *done.notes), done.new_fills, done.finished)


def _announced(chain: Chain, name: str) -> OrderIntent | None:
    for each in (*chain.objects, *chain.orphaned):
        for event in each.events:
            told = event.body.get("intent") if event.kind == EventKind.ORDER_INTENDED else None
            if told is not None and told["client_order_id"] == name:
                intent: OrderIntent = decode_told(OrderIntent, told)
                return intent
    return None
