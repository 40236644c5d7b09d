"""Books that add up: cash, sub-ledgers, positions, and what is forgotten."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from factories import (
    OTHER,
    PREFIX,
    RULES,
    SCOPE,
    USD,
    USDC,
    a_fill,
    a_held_ledger,
    a_ledger,
    a_lot,
    an_exit_intent,
    an_intent,
    an_order_record,
)
from trader.model.booking import book_fill
from trader.model.capital import find_imbalance
from trader.model.ids import Asset, ClientOrderId, Instant
from trader.model.ledger import open_ledger
from trader.model.money import Notional, Quantity
from trader.model.order_life import OrderStatus

ENTRY = ClientOrderId(PREFIX + "entry")


def test_opening_ledger_is_capital_in_cash_and_nothing_else() -> None:
    """No mark is made up: what it is worth is found out by the first cycle."""
    ledger = open_ledger(SCOPE, USD, Notional(500))

    assert ({USD: Notional(500)}, {}, {}, None) == (ledger.cash, ledger.lots, ledger.orders, ledger.equity_marks)


def test_positions_group_lots_by_strategy_and_product() -> None:
    """Two strategies in one product are two positions."""
    lots = [
        a_lot("SOL-USD", lot_id=ClientOrderId("b"), quantity=Quantity(2)),
        a_lot("SOL-USD", lot_id=ClientOrderId("a"), quantity=Quantity(1)),
        a_lot("SOL-USD", lot_id=ClientOrderId("c"), strategy="mean_reversion", quantity=Quantity(4)),
        a_lot("ETH-USD", lot_id=ClientOrderId("d"), quantity=Quantity(8)),
    ]

    positions = a_ledger(lots=lots).positions()

    assert [
        (OTHER, "SOL-USD", ["c"], Quantity(4)),
        (RULES, "ETH-USD", ["d"], Quantity(8)),
        (RULES, "SOL-USD", ["a", "b"], Quantity(3)),
    ] == [(p.strategy, p.product_id, [lot.lot_id for lot in p.lots], p.quantity) for p in positions]


def test_live_orders_come_in_the_order_they_were_decided() -> None:
    """What is over is left out; in one instant the id decides."""
    orders = [
        an_order_record(an_intent("b", decided_at=Instant(7))),
        an_order_record(an_intent("a", decided_at=Instant(7))),
        an_order_record(an_intent("z", decided_at=Instant(5))),
        an_order_record(an_intent("y", decided_at=Instant(1)), OrderStatus.CANCELLED),
    ]

    live = a_ledger(working=orders).active_orders

    assert ["t247-z", "t247-a", "t247-b"] == [record.intent.client_order_id for record in live]


def test_cash_of_a_strategy_is_in_its_sub_ledger_too() -> None:
    """The whole and the part move together."""
    ledger = a_ledger().with_cash(USD, Decimal("-10.5"), RULES).with_cash(USD, Decimal(3), OTHER)

    assert Notional("9992.5") == ledger.cash[USD]
    assert [{USD: Notional("-10.5")}, {USD: Notional(3)}] == [
        ledger.by_strategy[each].cash_flow for each in (RULES, OTHER)
    ]


def test_cash_that_no_strategy_caused_was_converted() -> None:
    """One asset less, another more; no strategy won or lost anything."""
    ledger = a_ledger().with_cash(USD, Decimal(-100)).with_cash(USDC, Decimal(100))

    assert {USD: Notional(-100), USDC: Notional(100)} == ledger.converted
    assert {USD: Decimal(0), USDC: Decimal(0)} == find_imbalance(ledger)


def test_parts_add_up_to_the_whole_after_fills_and_conversions() -> None:
    """To the smallest unit, per asset."""
    ledger = a_held_ledger(None, an_order_record(an_exit_intent())).with_cash(USD, Decimal("-0.01"))
    ledger = book_fill(ledger, ClientOrderId(PREFIX + "exit"), a_fill(an_exit_intent(), quantity="0.333", fee="0.07"))

    assert {USD: Decimal(0)} == find_imbalance(ledger)


def test_cash_that_nobody_can_explain_shows() -> None:
    """A cent that appeared from nowhere is one cent of imbalance."""
    ledger = replace(a_ledger(), cash={USD: Notional("10000.01")})

    assert {USD: Decimal("0.01")} == find_imbalance(ledger)


def test_orders_of_a_lot_are_those_that_opened_close_and_protect_it() -> None:
    """Orders of other lots are not among them."""
    ledger = a_held_ledger(None, an_order_record(an_exit_intent()), an_order_record(an_intent("stranger")))

    assert ["t247-entry", "t247-exit"] == [r.intent.client_order_id for r in ledger.orders_of(ENTRY)]


def test_closed_lot_is_no_longer_open() -> None:
    """It moves; it is in one place only."""
    ledger = a_held_ledger()
    lot = ledger.lots[ENTRY]

    closed = ledger.with_closed_lot(lot)

    assert ({}, {ENTRY: lot}) == (closed.lots, closed.closed_lots)


def test_forgetting_leaves_everything_else_alone() -> None:
    """Open lots are not forgotten, even if named."""
    lots = [a_lot("SOL-USD"), a_lot("ETH-USD")]
    ledger = a_ledger(lots=lots, working=[an_intent("a"), an_intent("b")]).with_closed_lot(lots[0])

    less = ledger.without([lots[0].lot_id, lots[1].lot_id], [ClientOrderId(PREFIX + "a")])

    assert ([lots[1].lot_id], [], [PREFIX + "b"]) == (list(less.lots), list(less.closed_lots), list(less.orders))


def test_forgetting_nothing_leaves_the_very_same_books() -> None:
    """A quiet tick forgets nothing, and copies nothing."""
    ledger = a_ledger(working=[an_intent()])

    assert ledger is ledger.without((ClientOrderId("never a lot"),), (ClientOrderId("never an order"),))
    assert ledger is ledger.with_products(ledger.products)


def test_entry_price_is_the_average_without_fees() -> None:
    """150 for 1.5 units is 100 each."""
    lot = a_lot(quantity=Quantity("1.5"), cost=Notional(150), base=Asset("BTC"))

    assert Decimal(100) == lot.entry_price
