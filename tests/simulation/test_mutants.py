"""Four faults we could have built in, and the check that would have told us.

Patching is the point here: each mutant is one wrong line, put in place of the right one while a check runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from simulation.checker import violations
from simulation.nemesis import Fault, Nemesis
from simulation.rig import Restart, Story, Watch, differences, invoke
from simulation.scenarios import CONVERT, ENTRY, SOL
from simulation.world import Bar, Beat, Scenario, World, open_world
from trader.cycle import run as cycle_run
from trader.model.decisions import RiskReview, TradeProposal
from trader.model.ids import ClientOrderId, Instant
from trader.model.memory import CyclePhase, Regime
from trader.model.money import floor_to
from trader.model.portfolio import Portfolio
from trader.stages.execution import entries, purse, sells
from trader.stages.risk import RiskManager

Patch = pytest.MonkeyPatch


@contextmanager
def commit_before_sending_skipped() -> Iterator[None]:
    """The point of no return is not written down."""
    right = cycle_run._Run.commit

    def wrong(self: cycle_run._Run, *, phase: CyclePhase, release: bool = False) -> None:
        if phase is not CyclePhase.COMMITTED:
            right(self, phase=phase, release=release)

    with Patch.context() as patch:
        patch.setattr(cycle_run._Run, "commit", wrong)
        yield


@contextmanager
def exposure_in_doubt_ignored() -> Iterator[None]:
    """Risk looks away from orders of which nobody knows whether the venue has them."""
    right = RiskManager.check_all

    def wrong(self: RiskManager, proposals: list[TradeProposal], portfolio: Portfolio, regime: Regime) -> RiskReview:
        orders = {key: each for key, each in portfolio.ledger.orders.items() if not each.is_in_doubt}
        return right(self, proposals, replace(portfolio, ledger=replace(portfolio.ledger, orders=orders)), regime)

    with Patch.context() as patch:
        patch.setattr(RiskManager, "check_all", wrong)
        yield


@contextmanager
def ids_at_random() -> Iterator[None]:
    """Every id is a new one, as from uuid4."""
    numbers = itertools.count()

    def wrong(prefix: str, *_: object) -> ClientOrderId:
        return ClientOrderId(f"{prefix}random-{next(numbers)}")

    with Patch.context() as patch:
        for module in (entries, sells, purse):
            patch.setattr(module, "client_order_id", wrong)
        yield


@contextmanager
def floor_for_ceil() -> Iterator[None]:
    """What has to be rounded up is rounded down."""
    with Patch.context() as patch:
        for module in (entries, sells, purse):
            patch.setattr(module, "ceil_to", floor_to)
        yield


def test_sending_before_remembering_is_seen_as_the_order_leaves() -> None:
    """Nothing need go wrong for it: the store is looked into at the moment of sending."""
    assert () == Story(ENTRY).ending.violations

    with commit_before_sending_skipped():
        found = Story(ENTRY).ending.violations

    assert any("was sent before it was remembered" in each for each in found)


#: Two ticks a minute apart, as when a change of the switch wakes the function between two ticks of the schedule.
_CLOSE_TICKS = Scenario(
    "close ticks",
    (Beat(0), Beat(0, late=60)),
    {SOL: [Bar(100.0), *([Bar(100.2)] * 20)]},
    {"risk.product_spacing_minutes": 0, "risk.entry_spacing_seconds": 0},
)


def two_ticks_with_an_unanswered_order() -> World:
    """The first tick's order gets lost on its way; the second tick comes while it is in doubt."""
    world, first, second = open_world(_CLOSE_TICKS), *_CLOSE_TICKS.beats
    trail = Nemesis()
    world.clock.set(first.at)
    invoke(world.fork(), first, "rehearsal", trail, Watch())
    call = trail.trail.index("exchange.submit") + 1
    invoke(world, first, "first", Nemesis(call, Fault.LOST_REQUEST), Watch())
    world.clock.set(Instant(second.at))
    invoke(world, second, "second", Nemesis(), Watch())
    return world


def test_ignoring_doubt_is_seen_as_a_second_entry() -> None:
    """The order in doubt is sent again, as it should be; the mutant buys once more beside it."""
    sound = two_ticks_with_an_unanswered_order()
    assert [] == violations(sound)
    assert len(sound.book().live) == 1

    with exposure_in_doubt_ignored():
        found = violations(two_ticks_with_an_unanswered_order())

    assert any("2 entries into SOL at once" in each for each in found)
    assert any("the cap is" in each for each in found)


def test_random_ids_are_seen_when_a_decision_is_made_again() -> None:
    """A crash after the record and before the commit: the same decision is announced under two ids."""
    story = Story(ENTRY)
    call = story.trails[0].index("store.commit") + 1
    case = story.strike(0, call, Fault.BEFORE, Restart.AT_ONCE)
    assert () == case.ending.violations
    assert [] == differences(story.ending.books, case.ending.books)

    with ids_at_random():
        mutant = Story(ENTRY)
        case = mutant.strike(0, call, Fault.BEFORE, Restart.AT_ONCE)

    assert any("one decision, 2 ids" in each for each in case.ending.violations)
    assert any(each.startswith("venue orders") for each in differences(mutant.ending.books, case.ending.books))


def test_rounding_down_is_seen_as_a_refusal_by_the_venue() -> None:
    """A conversion that is a cent short cannot pay for its entry."""
    assert () == Story(CONVERT).ending.violations

    with floor_for_ceil():
        found = Story(CONVERT).ending.violations

    assert any("was refused: INSUFFICIENT_FUND" in each for each in found)
