"""What a hostile venue, a clumsy operator and a trader who checks the sums find in weights, parts and stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import QUIET, is_covered, lot_of, refuse, resting
from accidents.one_account import SOL, USD, USDC, Bar, World, a_path, a_world
from accidents.test_parts_and_stops import WISH, assert_rebuilt, holding, raising, saying, stops_of, weighing
from trader.errors import VenueUnavailable
from trader.model.decisions import TradeProposal
from trader.model.money import Quantity
from trader.model.orders import OrderPurpose
from trader.model.parent_life import ParentStyle
from trader.model.trading_state import TradingState


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


# --- a lot of which another child order is on the book


def adding(runs: int = 2, later: float = 0.0) -> World:
    """Two of three SOL are bought and covered; the next child rests on the book, or is to, and has bought nothing."""
    bars = [Bar(low=99.5, volume=volume) for volume in (20.0, 0.0, 0.0, later, *[0.0] * 10)]
    world = saying(
        a_world(paths={SOL: a_path(*bars, *QUIET)}),
        lambda _: (replace(WISH, style=ParentStyle.PASSIVE, give_up_minutes=600),),
    )
    world.cycles(1)
    world = saying(world, lambda _: ())
    world.cycles(runs)
    assert lot_of(world).quantity == 2
    assert is_covered(world)
    return world


@pytest.mark.parametrize("runs", [1, 2])
def test_stop_is_raised_in_one_turn_while_the_next_child_rests(runs: int) -> None:
    """The order with the old stop goes; the bracket that the child may bring covers nothing that is held."""
    world = adding(runs)

    saying(world, raising("90")).cycle()

    assert resting(world) == 2
    assert [Decimal(90)] == stops_of(world)
    assert not [each for each in world.ledger.orders_of(lot_of(world).lot_id) if each.intent.is_entry and each.fills][
        1:
    ]


def test_whatever_a_parent_buys_after_its_lots_stop_was_raised_has_that_stop() -> None:
    """The child that was half filled goes with its old bracket; the next one brings the new stop."""
    bars = [Bar(low=99.5, volume=volume) for volume in (10.0, 0.0, 50.0, 0.0, 50.0)]
    world = a_world(paths={SOL: a_path(*bars, *QUIET)})
    world = saying(world, lambda _: (replace(WISH, style=ParentStyle.PASSIVE, give_up_minutes=600),))
    world.cycles(1)
    world = saying(world, lambda _: ())
    world.cycles(1)
    assert lot_of(world).quantity == 1

    saying(world, raising("90")).cycles(1)
    assert {Decimal(90)} == set(stops_of(world))
    world.cycles(3)

    assert lot_of(world).quantity > 2
    assert {Decimal(90)} == set(stops_of(world))
    assert is_covered(world)
    assert_rebuilt(world)


def test_lot_whose_stop_a_person_cancelled_is_covered_while_the_next_child_rests() -> None:
    """The next run covers it, and does not wait for hours until the parent is done."""
    world = adding()
    stops = [each.venue_order_id for each in world.ledger.active_orders if each.intent.is_protection]
    world.venue.cancel([each for each in stops if each is not None])
    assert resting(world) == 0

    world.cycle()

    assert resting(world) == 2


def test_lot_is_flattened_in_one_run_while_the_next_child_rests() -> None:
    """What has bought nothing brings no bracket: the child goes, and all that is held is sold."""
    world = adding()
    world.kill_switch.word = TradingState.FLATTEN

    world.cycle()

    assert world.total("SOL") == 0
    assert not world.ledger.lots


def test_lot_that_grows_while_its_child_is_cancelled_is_sold_beside_the_new_bracket() -> None:
    """The first cancel gets no answer, the child is filled before the second, and no listing shows its bracket."""
    world = adding(later=50.0)
    hidden = [each.intent.client_order_id for each in world.ledger.active_orders if each.intent.is_entry]
    (child,) = (world.ledger.orders[each].venue_order_id for each in hidden)

    def fill_first(original: Callable[..., Any], *args: Any) -> Any:
        if world.sent("cancel") == 1:
            raise VenueUnavailable("the venue does not answer")
        if world.sent("cancel") == 2:
            world.pass_bars()
        return original(*args)

    def hide(original: Callable[..., Any], *args: Any) -> Any:
        return tuple(each for each in original(*args) if each.originating_order_id != child)

    world.meddlers |= {"exchange.cancel": fill_first, "exchange.orders": hide, "exchange.known_orders": hide}
    sent = refuse(world, "", times=0)
    world.kill_switch.word = TradingState.FLATTEN

    world.cycle(seconds=3000)

    assert [2] == [each.quantity for each in sent.of(OrderPurpose.EXIT)]
    assert resting(world) == world.total("SOL") == Decimal("0.994011")
    world.meddlers.clear()
    world.pass_bars()
    world.cycle()
    assert world.total("SOL") == 0


def test_bracket_of_a_child_that_was_filled_in_part_covers_that_part_only() -> None:
    """Two SOL are covered by an order of ours, 0.7 by a bracket: nothing is cancelled, nothing stays bare."""
    world = adding(later=7.0)
    stops = [each.venue_order_id for each in world.ledger.active_orders if each.intent.is_protection]
    world.venue.cancel([each for each in stops if each is not None])

    for _ in range(5):
        world.cycle()
        assert resting(world) == world.total("SOL")
        world.pass_bars()

    assert world.total("SOL") == lot_of(world).quantity == Decimal("2.7")
    assert world.sent("cancel") == 0
