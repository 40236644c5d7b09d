"""What became of the orders that the paper world placed at the beginning: runs last, when a minute has passed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from e2e.invocation import ROOT
from e2e.world import PaperLife, a_tick, entries, working

pytestmark = pytest.mark.e2e


def fills_of(record: dict[str, Any], fills: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [fill for fill in fills if fill["venue_order_id"] == record["venue_order_id"]]


def total(rows: list[dict[str, Any]], key: str) -> Decimal:
    return sum((Decimal(row[key]) for row in rows), Decimal(0))


def test_paper_fill_is_booked_once_and_flattened(paper: PaperLife) -> None:
    """The market comes to the orders: the next tick books fills and lots; its redelivery nothing; flatten sells all."""
    world, wanted = paper.world, entries(paper.placed)
    paper.wait_for_the_bar()
    tick = a_tick()

    filled = world.answer(tick)

    bought, ledger = world.fills("BUY"), world.ledger()
    applied = [each["fill"] for each in world.audit("FillApplied")]
    lots = {name: Decimal(lot["quantity"]) for name, lot in ledger["lots"].items()}
    assert ("COMPLETED", len(wanted)) == (filled["outcome"], filled["fills"])
    assert {each["intent"]["lot_id"]: Decimal(each["intent"]["quantity"]) for each in wanted} == lots
    for each in wanted:
        (fill,) = fills_of(each, bought)
        assert (each["intent"]["limit_price"], each["intent"]["quantity"]) == (fill["price"], fill["quantity"])
        assert fill in applied
    spent = sum(Decimal(fill["price"]) * Decimal(fill["quantity"]) for fill in bought) + total(bought, "fee")
    assert Decimal(ledger["capital"]) - spent == Decimal(ledger["cash"]["USD"])

    again = world.answer(tick)
    assert ("SKIPPED", 0, 0) == (again["outcome"], again["orders_sent"], again["fills"])
    assert (ledger, bought) == (world.ledger(), world.fills())

    reconciled = world.answer(ROOT / "events/reconcile.json")
    assert ("COMPLETED", 0, 0) == (reconciled["outcome"], reconciled["orders_sent"], reconciled["fills"])

    flattened = world.answer(ROOT / "events/flatten.json")
    ledger, sold = world.ledger(), world.fills("SELL")
    assert ("COMPLETED", len(lots)) == (flattened["outcome"], flattened["fills"])
    assert total(bought, "quantity") == total(sold, "quantity")
    assert ([], {}, []) == (working(ledger), ledger["lots"], ledger["dust"])
    assert len({fill["trade_id"] for fill in bought + sold}) == len(world.audit("FillApplied"))
