"""What a hostile venue, a clumsy operator and a trader who checks the sums find in weights, parts and stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accidents.hostile_venue import is_covered, lot_of
from accidents.one_account import SOL, USD, USDC, Bar, World, a_path, a_world
from accidents.test_parts_and_stops import holding, saying, weighing
from trader.model.decisions import TradeProposal
from trader.model.money import Quantity
from trader.model.parent_life import ParentStyle


def list_fills_late(world: World, seconds: int) -> None:
    """From now on the venue lists a fill so long after it was made; orders say at once what they have filled."""

    def late(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return tuple(each for each in original(*args, **named) if each.time <= world.clock.now() - seconds)

    world.meddlers["exchange.fills"] = world.meddlers["exchange.order_fills"] = late


def test_part_is_not_sold_again_while_its_fills_are_not_listed() -> None:
    """A strategy that keeps one coin keeps it, though the lot in the books is still what it was before the sale."""
    world = holding()
    list_fills_late(world, 700)
    keep_one = saying(
        world,
        lambda context: [
            TradeProposal.sell(lot, "all but one", Quantity(lot.quantity - 1))
            for lot in context.lots
            if lot.quantity > 1
        ],
    )

    keep_one.cycles(5)

    assert world.total("SOL") == 1
    assert lot_of(world).quantity == 1
    assert is_covered(world)


def test_child_stays_on_the_book_while_the_money_that_it_holds_is_all_there_is() -> None:
    """The owner has turned most dollars into USDC; asked again in every cycle, a wish does not cancel its own order."""
    still = a_path(*[Bar(close=100.0, low=100.0, volume=0.0)] * 20)
    world = a_world(paths={SOL: still}, opening={USD: "400", USDC: "9600"})
    world = saying(world, weighing("1", style=ParentStyle.PASSIVE, give_up_minutes=600))
    world.cycles(1)
    (parent,) = world.ledger.parents.values()

    reports = world.cycles(1)

    assert world.ledger.parents[parent.parent_id].quantity == parent.quantity
    assert world.sent("cancel") == 0
    assert not [trim for report in reports if report.decision for trim in report.decision.plan.trims]
