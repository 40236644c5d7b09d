"""Parts of lots and raised stops: what stays is covered at every end of a run, whatever the venue says meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import QUIET, is_covered, lot_of, refuse, resting
from accidents.one_account import DIP, SOL, USD, Bar, World, a_path, a_world, down, down_after, with_settings
from desk.recovery.chain import read_chain
from desk.recovery.checkpoints import Beginning
from desk.recovery.diff import find_differences
from desk.recovery.rebuild import read_listed_account, rebuild_ledger
from factories import RULES, SCOPE, Scripted, a_proposal
from factories_venue import START
from trader.model.decisions import TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, Instant
from trader.model.inputs import StrategyContext
from trader.model.money import Price, Quantity
from trader.model.orders import OrderPurpose, Side, Unknown
from trader.model.parent_life import ParentStyle
from trader.model.targets import StopChange, TargetWeight
from trader.strategies.base import Answer

COIN = Asset("SOL")
WISH = a_proposal("SOL-USD", take_profit_pct=Decimal(60), stop_loss_pct=Decimal(20), max_hold_hours=None)


def holding(*after: Bar, **over: Any) -> World:
    """Three SOL bought at about 100, a stop at 80; from here on the strategy says what a test makes it say."""
    world = a_world(**{"paths": {SOL: a_path(DIP, Bar(), *after, *QUIET)}, **over})
    world = saying(world, lambda _: (WISH,))
    world.cycles(1)
    world = saying(world, lambda _: ())
    world.cycles(1)
    assert is_covered(world)
    return world


def saying(world: World, answers: Callable[[StrategyContext], Sequence[Answer]], **settings: Any) -> World:
    """The same world with a strategy that answers so."""
    return with_settings(world, Scripted(answers), **settings)


def part(quantity: str) -> Callable[[StrategyContext], Sequence[Answer]]:
    """A strategy that wants so much of its lot sold."""
    return lambda context: [TradeProposal.sell(lot, "part", Quantity(quantity)) for lot in context.lots]


def raising(stop: str) -> Callable[[StrategyContext], Sequence[Answer]]:
    """A strategy that wants the stop of its lots there."""
    return lambda context: [
        StopChange(lot.strategy, lot.product_id, lot.base, lot.lot_id, Price(stop)) for lot in context.lots
    ]


def weighing(weight: str, **over: Any) -> Callable[[StrategyContext], Sequence[Answer]]:
    """A strategy that wants so much of its capital in SOL."""
    terms: dict[str, Any] = {"stop_loss_pct": Decimal(20), "band": Decimal("0.05"), **over}
    return lambda _: (TargetWeight(RULES, SOL, COIN, Decimal(weight), **terms),)


def stops_of(world: World) -> list[Decimal]:
    """The stops of the sell orders that the venue has, and how much they sell."""
    world.venue.balances()
    orders = (each for each in world.stored.active.values() if each.side is Side.SELL)
    return [each.stop_price for each in orders if each.stop_price is not None]


def codes_of(report: Any) -> set[DenialCode]:
    """Why things were not done in a cycle."""
    assert report.decision is not None
    return {each.code for each in report.decision.verdicts if each.code is not None}


def assert_rebuilt(world: World) -> None:
    """What the record makes of it is what the ledger says."""
    chain = read_chain(world.audit.texts)
    account = read_listed_account(world.venue, chain, Instant(START - 86_400), world.clock.now())
    made = rebuild_ledger(world.pipeline.settings, SCOPE, Beginning(chain), account)
    assert ((), ()) == (chain.problems, find_differences(world.ledger, made.ledger))


# --- a part of a lot


def test_part_of_a_lot_is_sold_and_the_rest_is_covered_first() -> None:
    """Of three SOL one is sold: the smaller protective order is placed before the sale leaves."""
    world = holding()
    held = lot_of(world).quantity
    sent = refuse(world, "", times=0)

    saying(world, part("1")).cycle()

    assert lot_of(world).quantity == held - 1
    assert [OrderPurpose.PROTECTION, OrderPurpose.EXIT] == [each.purpose for each in sent.sent]
    assert [held - 1, 1] == [each.quantity for each in sent.sent]
    assert resting(world) == held - 1
    assert [world.ledger.lots[lot_of(world).lot_id].bracket.stop_price] == stops_of(world)


@pytest.mark.parametrize("wanted", ["2.995", "5"])
def test_part_that_leaves_too_little_takes_all_of_it(wanted: str) -> None:
    """What would be left could neither be protected nor sold by itself."""
    world = holding()

    saying(world, part(wanted)).cycle()

    assert not world.ledger.lots
    assert resting(world) == 0


def test_part_below_the_venues_minimum_is_denied() -> None:
    """A thousandth of a coin is ten cents: nothing is cancelled for it."""
    world = holding()
    before = stops_of(world)

    report = saying(world, part("0.001")).cycle()

    assert DenialCode.NOTIONAL_BELOW_MIN in codes_of(report)
    assert before == stops_of(world)
    assert world.sent("cancel") == 0


@pytest.mark.parametrize("reason", ["INSUFFICIENT_FUND", "INVALID_LIMIT_PRICE", "UNKNOWN_FAILURE_REASON"])
@pytest.mark.parametrize("purpose", [OrderPurpose.EXIT, OrderPurpose.PROTECTION])
def test_refusal_in_the_turn_of_a_part_leaves_nothing_bare(purpose: OrderPurpose, reason: str) -> None:
    """Whichever of the two orders is refused once, all that is held is covered when the run is over."""
    world = holding()
    refuse(world, reason, purpose, times=1)

    saying(world, part("1")).cycle()

    assert is_covered(world)


@pytest.mark.parametrize("purpose", [OrderPurpose.EXIT, OrderPurpose.PROTECTION])
@pytest.mark.parametrize("has_left", [True, False])
def test_lost_answer_in_the_turn_of_a_part_is_resolved(purpose: OrderPurpose, has_left: bool) -> None:
    """Nothing is sold twice and nothing stays bare, whether the order had arrived or not."""
    world = holding()
    lost: list[ClientOrderId] = []

    def lose(original: Any, intent: Any) -> Any:
        if intent.purpose is not purpose or lost:
            return original(intent)
        lost.append(intent.client_order_id)
        if has_left:
            original(intent)
        return Unknown("the answer was lost")

    world.meddlers["exchange.submit"] = lose
    held = lot_of(world).quantity
    saying(world, part("1")).cycle()
    world.pass_bars()
    saying(world, lambda _: ()).cycles(3)

    assert lot_of(world).quantity == held - 1 or (purpose is OrderPurpose.EXIT and not has_left)
    assert is_covered(world)
    assert world.total("SOL") == lot_of(world).quantity


def test_part_is_on_record_so_that_the_ledger_can_be_made_anew() -> None:
    """Cash, lots and orders agree to the last digit."""
    world = holding()
    saying(world, part("1")).cycle()
    world.pass_bars()

    saying(world, lambda _: ()).cycles(2)

    assert_rebuilt(world)


# --- a stop that is raised


def test_raised_stop_replaces_the_order_at_the_venue_in_one_turn() -> None:
    """From 80 to 90: the old order goes, the new one is there, the target stays."""
    world = holding()
    target = lot_of(world).bracket.target_price

    saying(world, raising("90")).cycle()

    assert lot_of(world).bracket.stop_price == 90
    assert lot_of(world).bracket.target_price == target
    assert [Decimal(90)] == stops_of(world)
    assert is_covered(world)
    world.pass_bars()
    assert_rebuilt(world)


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        ("79", DenialCode.STOP_TOO_LOW),
        ("80", DenialCode.STOP_TOO_LOW),
        ("80.01", DenialCode.STOP_TOO_LOW),
        ("99.99", DenialCode.STOP_TOO_HIGH),
        ("120", DenialCode.STOP_TOO_HIGH),
    ],
)
def test_stop_is_raised_only_if_that_is_worth_an_order(stop: str, code: DenialCode) -> None:
    """Never down, not by a hair, and not into the day's noise below the bid."""
    world = holding()
    before = stops_of(world)

    report = saying(world, raising(stop)).cycle()

    assert code in codes_of(report)
    assert before == stops_of(world)
    assert lot_of(world).stop_changed_at is None


def test_stop_is_raised_once_a_day() -> None:
    """An hour later it is refused, a day later it is done."""
    world = holding()
    saying(world, raising("85")).cycle()
    world.clock.advance(3600)

    report = saying(world, raising("90")).cycle()

    assert DenialCode.STOP_TOO_SOON in codes_of(report)
    assert [Decimal(85)] == stops_of(world)

    world.clock.advance(86_400 - 3600)
    saying(world, raising("90")).cycle()

    assert [Decimal(90)] == stops_of(world)


def test_refused_new_stop_leaves_the_old_order_and_the_new_stop_to_the_exit_engine() -> None:
    """The venue keeps its brake at 80; the next run that sees 89 sells all the same."""
    world = holding(Bar(), Bar(), Bar(close=89.0), *[Bar(close=89.0)] * 5)
    refuse(world, "INVALID_LIMIT_PRICE", OrderPurpose.PROTECTION, times=1)

    saying(world, raising("90")).cycle()

    assert lot_of(world).bracket.stop_price == 90
    assert len(stops_of(world)) == 1
    assert stops_of(world)[0] < 90
    assert is_covered(world)
    world.pass_bars()
    cancels = world.sent("cancel")
    saying(world, lambda _: ()).cycles(1)
    assert world.sent("cancel") == cancels
    saying(world, lambda _: ()).cycles(3)

    assert not world.ledger.lots


def test_lot_that_the_venue_protects_no_more_is_sold() -> None:
    """New and old stop refused: it is sold at a bounded price, and both are told."""
    world = holding()
    refuse(world, "INVALID_LIMIT_PRICE", OrderPurpose.PROTECTION)

    saying(world, raising("90")).cycle()

    assert not world.ledger.lots
    assert world.total("SOL") < Decimal("0.0001")


@pytest.mark.parametrize("port", ["exchange.cancel", "exchange.submit"])
@pytest.mark.parametrize("fault", [down, down_after])
def test_venue_that_fails_in_the_turn_of_a_stop_leaves_the_lot_covered(port: str, fault: Any) -> None:
    """By the old order or the new one, in doubt or not, and once it answers again by one with the new stop."""
    world = holding()
    lost = fault if port == "exchange.cancel" else _losing(fault is down_after)
    world.meddlers[port] = lost

    saying(world, raising("90")).cycle()
    world.meddlers.clear()
    world.pass_bars()
    saying(world, lambda _: ()).cycles(4)

    assert is_covered(world)
    assert resting(world) == lot_of(world).quantity
    assert [Decimal(90)] == stops_of(world)


def _losing(has_left: bool) -> Any:
    def lose(original: Any, intent: Any) -> Any:
        if has_left:
            original(intent)
        return Unknown("the answer was lost")

    return lose


# --- a weight


def test_weight_is_bought_and_sold_outside_its_band() -> None:
    """A tenth of its capital is bought; a little less is within the band, half is sold down to, and then all."""
    world = saying(a_world(paths={SOL: a_path(DIP, *QUIET)}), weighing("0.1", style=ParentStyle.PASSIVE))
    world.cycles(8)
    held = world.total("SOL")
    assert Decimal(0) < held

    unmoved = saying(world, weighing("0.08"))
    unmoved.cycles(1)
    assert world.total("SOL") == held

    smaller = saying(world, weighing("0.04"))
    smaller.cycles(1)
    assert world.total("SOL") < held * Decimal("0.5")
    assert is_covered(world)

    saying(world, weighing("0")).cycles(1)
    assert not world.ledger.lots
    assert_rebuilt(world)


def test_weight_counts_what_its_parent_may_still_buy() -> None:
    """Asked in every cycle while an order rests: one parent, one order, no more than the target."""
    still = a_path(*[Bar(close=100.0, low=100.0, volume=0.0)] * 20)
    world = saying(a_world(paths={SOL: still}), weighing("0.1", style=ParentStyle.PASSIVE, give_up_minutes=600))

    world.cycles(5)

    (parent,) = world.ledger.parents.values()
    capital = Decimal(10_000) * world.pipeline.settings.risk.total_pct_max / 100
    capital *= world.pipeline.settings.strategies[RULES].weight_pct / 100
    assert parent.quantity * parent.price_max <= capital * Decimal("0.1")
    assert sum(each.intent.is_entry and each.is_active for each in world.ledger.orders.values()) <= 1


def test_parent_that_would_buy_beyond_its_target_ends() -> None:
    """The weight falls to zero before anything was bought: the order leaves the book, nothing is sold."""
    still = a_path(*[Bar(close=100.0, low=100.0, volume=0.0)] * 20)
    world = saying(a_world(paths={SOL: still}), weighing("0.1", style=ParentStyle.PASSIVE, give_up_minutes=600))
    world.cycles(2)
    assert world.ledger.parents

    saying(world, weighing("0")).cycles(2)

    assert not world.ledger.parents
    assert not world.ledger.active_orders
    assert world.ledger.cash[USD] == 10_000


def test_two_targets_of_one_product_are_one_too_many() -> None:
    """The second is denied; the first stands."""
    world = a_world(paths={SOL: a_path(DIP, *QUIET)})

    def both(_: StrategyContext) -> Sequence[Answer]:
        first = weighing("0.1")(_)[0]
        assert isinstance(first, TargetWeight)
        return (first, replace(first, weight=Decimal("0.2")))

    report = saying(world, both).cycle()

    assert report.decision is not None
    assert [Decimal("0.1")] == [Decimal(str(each.components["target_weight"])) for each in report.decision.proposals]
