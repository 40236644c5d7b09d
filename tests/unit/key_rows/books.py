"""Ledgers with a history: entries that never filled, an order in doubt, a lot that is being sold."""

from dataclasses import replace
from typing import Any

from factories import a_parent
from factories_market import NOW, a_lot
from trader.model.cycle_state import LossStreak
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId, TradeId, VenueOrderId
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.market import Balance
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, Fill, OrderConfiguration, OrderIntent, OrderPurpose, Rejected, Side
from trader.model.tallies import OrderTally
from trader.settings import Settings
from trader.stages.reconcile.account import reconcile
from unit.key_rows.world import SOL, a_ledger, holding


def an_order(name: str = "entry", *, age: int = 0, product_id: str = SOL, **changes: Any) -> OrderIntent:
    """A post-only buy of one unit at 100, decided so many seconds ago, of the rules engine."""
    base, _, quote = product_id.partition("-")
    intent = OrderIntent(
        client_order_id=ClientOrderId(f"t247-{name}"),
        cycle_id=CycleId("20261122T090000Z"),
        strategy=StrategyId("rules_engine"),
        product_id=ProductId(product_id),
        base=Asset(base),
        quote=Asset(quote),
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=Quantity(1),
        limit_price=Price(100),
        lot_id=ClientOrderId(f"t247-{name}"),
        decided_at=Instant(NOW - age),
        expires_at=Instant(NOW - age + 600),
        bracket=Bracket(Price(94), Price(112)),
        max_hold_until=Instant(NOW + 48 * 3600),
    )
    return replace(intent, **changes)


def a_record(intent: OrderIntent, status: OrderStatus, **changes: Any) -> OrderRecord:
    """What the ledger remembers of an order; the venue's id is derived from ours."""
    return replace(OrderRecord(intent, status, VenueOrderId(f"venue-{intent.client_order_id}")), **changes)


def ordered(*records: OrderRecord) -> dict[str, Any]:
    """What the ledger of whoever gave these orders differs in."""
    return {"orders": {record.intent.client_order_id: record for record in records}}


def chased(tries: int, *, product_id: str = SOL) -> dict[str, Any]:
    """A parent, of which the market left so many children unfilled."""
    parent = a_parent(product_id, tries=tries, paced_at=Instant(NOW - 600))
    return {"parents": {parent.parent_id: parent}}


def worked(age: int) -> dict[str, Any]:
    """A parent of SOL whose child has rested at 100 for so many seconds."""
    books = chased(0)
    (parent,) = books["parents"].values()
    child = OrderRecord(
        an_order(age=age, lot_id=parent.parent_id), OrderStatus.OPEN, venue_order_id=VenueOrderId("venue-child")
    )
    wider = replace(parent, price_max=Price(102), decided_at=Instant(NOW - age))
    return {"parents": {parent.parent_id: wider}, "orders": {child.intent.client_order_id: child}}


def refused(count: int, *, reason: str = "PERMISSION_DENIED", age: int = 0, settings: Settings) -> dict[str, Any]:
    """So many entries into SOL that the venue refused in a row, the last of them so many seconds ago."""
    tally, at = OrderTally(), Instant(NOW - age)
    for _ in range(count):
        tally = tally.count_refusal(Rejected(reason), at, settings.execution.refusal_waits)
    return {"tallies": {"rules_engine|SOL|ENTRY": tally}}


def in_doubt(age: int) -> dict[str, Any]:
    """An entry decided so many seconds ago, of which nobody knows whether the venue has it."""
    intent = an_order(age=age)
    return ordered(a_record(intent, OrderStatus.IN_DOUBT, venue_order_id=None, sent_at=intent.decided_at))


def tried_to_sell(tries: int) -> dict[str, Any]:
    """A lot below its stop, and so many exits of it that sold nothing."""
    lot, at = a_lot(SOL), Instant(NOW - 600)
    return {**holding(lot), "tallies": {f"{lot.lot_id}|EXIT": OrderTally(tries, tries, at, at)}}


def view(*fills: Fill, at: int = NOW, **totals: str) -> AccountView:
    """What the venue says: fills, and how much there is of each asset; of dollars plenty, unless that is told."""
    told = {"USD": "1000000", **totals}
    balances = {Asset(name): Balance(Asset(name), Quantity(total), Quantity(0)) for name, total in told.items()}
    return AccountView(Instant(at), balances, fills=fills)


def a_fill(record: OrderRecord, price: str, *, at: int = NOW) -> Fill:
    """All of an order, executed at a price without a fee."""
    intent = record.intent
    name = VenueOrderId(record.venue_order_id or "none")
    return Fill(
        TradeId(f"trade-{name}"),
        name,
        intent.product_id,
        intent.side,
        Price(price),
        intent.quantity,
        Notional(0),
        Instant(at),
    )


def sold(settings: Settings, price: str, *, purpose: OrderPurpose = OrderPurpose.EXIT, losses: int = 0) -> Ledger:
    """The books after a lot bought at 100 was sold at a price by an exit, or by its bracket, just now."""
    kind = OrderConfiguration.LIMIT_IOC if purpose is OrderPurpose.EXIT else OrderConfiguration.BRACKET_GTC
    entry = a_record(an_order(age=7200), OrderStatus.FILLED, final_at=Instant(NOW - 7000), reported_filled=Quantity(1))
    bought = a_fill(entry, "100", at=NOW - 7000)
    sale = a_record(
        an_order(
            "sale",
            age=60,
            side=Side.SELL,
            purpose=purpose,
            configuration=kind,
            lot_id=entry.intent.lot_id,
            limit_price=Price(112) if purpose is OrderPurpose.PROTECTION else Price(price),
            stop_price=Price(price) if purpose is OrderPurpose.PROTECTION else None,
        ),
        OrderStatus.FILLED,
        final_at=Instant(NOW),
        reported_filled=Quantity(1),
    )
    ledger = a_ledger(settings, **ordered(entry, sale), loss_streak=LossStreak(losses))
    return reconcile(ledger, view(bought, a_fill(sale, price)), settings).ledger
