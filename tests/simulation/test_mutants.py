"""The faults kept on purpose, each with the check that would have told us: first on the sound code, then on the mutant.

What a mutant is, and which ordinary tests fail with it, stands in mutants.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from inspect import getmembers, isfunction, signature
from typing import Any

import pytest

from accidents.one_account import DIP, a_path, a_world
from accidents.one_account import Bar as QuietBar
from accidents.one_account import World as AccountWorld
from factories import a_proposal, once
from simulation.checker import violations
from simulation.fault_run import FaultRun, Restart, Watch, differences, invoke
from simulation.mutants.registry import COMMIT_SKIPPED, MUTANTS, Edit, Mutant
from simulation.mutants.table import ordinary_rows
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import COMMANDED, CONVERT, ENTRY, EXIT_BY_TIME, MIXED, SOL, WATCHED
from simulation.wire.cases import overtaken_case, switched_case, undisturbed
from simulation.wire.meetings import met_case, told_case
from simulation.wire.telling import Telling, beats_of
from simulation.wire.world import open_wire_world
from simulation.world import Bar, Beat, Scenario, World, open_world
from trader.adapters.coinbase.wire.requests import encode_order
from trader.model.commands import CommandKind
from trader.model.ids import Asset, Instant, client_order_id
from trader.model.money import Quantity
from trader.model.orders import OrderIntent, Rejected, Submission, Unknown
from trader.model.trading_state import TradingState

Found = Sequence[str]
Tell = Callable[[Found, str], None]

_BY_TEST = {mutant.test: mutant for mutant in MUTANTS}


@pytest.fixture
def mutant(request: pytest.FixtureRequest) -> Mutant:
    """The mutant that this test is about."""
    return _BY_TEST[request.node.name]


@pytest.fixture
def demand(record_property: Callable[[str, object], None]) -> Tell:
    """Demands that something was found, and keeps the first such thing for the table of `make mutants`."""

    def demand(found: Found, wanted: str) -> None:
        fitting = [each for each in found if wanted in each]

        assert fitting, f"{wanted!r} was not found, but {list(found)[:5]}"
        record_property("said", fitting[0])

    return demand


def test_sending_before_remembering_is_seen_as_the_order_leaves(mutant: Mutant, demand: Tell) -> None:
    """Nothing need go wrong for it: the store is looked into at the moment of sending."""
    assert () == FaultRun(ENTRY).ending.violations

    with mutant.applied():
        found = FaultRun(ENTRY).ending.violations

    demand(found, "was sent before it was remembered")


def test_recording_after_sending_is_seen_as_the_order_leaves(mutant: Mutant, demand: Tell) -> None:
    """At the end every record is there and the chain is whole; only who looks while the order leaves can tell."""
    assert () == FaultRun(ENTRY).ending.violations

    with mutant.applied():
        found = FaultRun(ENTRY).ending.violations

    demand(found, "was sent without having been announced")


# --- ids


def redecided(restart: Restart) -> tuple[Found, Found]:
    """Crash after the record of a decision and before its commit: what is wrong at the end, and what is different."""
    fault_run = FaultRun(ENTRY)
    case = fault_run.strike(0, fault_run.trails[0].index("store.commit") + 1, Fault.BEFORE, restart)
    return case.ending.violations, differences(fault_run.ending.books, case.ending.books)


def test_random_ids_are_seen_when_a_decision_is_made_again(mutant: Mutant, demand: Tell) -> None:
    """Restarted at the same instant, the same decision is announced under two ids."""
    wrong, different = redecided(Restart.AT_ONCE)
    assert [] == [*wrong, *different]

    with mutant.applied():
        wrong, different = redecided(Restart.AT_ONCE)

    demand(wrong, "one decision, 2 ids")
    assert any(each.startswith("venue orders") for each in different)


def test_ids_from_the_clock_are_seen_when_a_tick_is_redelivered_later(mutant: Mutant, demand: Tell) -> None:
    """Restarted at the same instant nothing shows; two minutes later the same decision has another id."""
    wrong, different = redecided(Restart.AFTER_LEASE)
    assert [] == [*wrong, *different]

    with mutant.applied():
        wrong, different = redecided(Restart.AFTER_LEASE)

    demand(wrong, "one decision, 2 ids")
    assert any(each.startswith("venue orders") for each in different)


# --- doubt


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


def test_ignoring_doubt_is_seen_as_a_second_entry(mutant: Mutant, demand: Tell) -> None:
    """The order in doubt is sent again, as it should be; the mutant buys once more beside it."""
    sound = two_ticks_with_an_unanswered_order()
    assert [] == violations(sound)
    assert len(sound.book().active) == 1

    with mutant.applied():
        found = violations(two_ticks_with_an_unanswered_order())

    demand(found, "is bought and open")
    assert any("the cap is" in each for each in found)


# --- the store, and what is booked


def test_sleeper_without_a_fence_is_seen_to_write_over_what_the_other_did(mutant: Mutant, demand: Tell) -> None:
    """On DynamoDB: asleep before its last write while the next tick books a fill, it stores the books of before."""
    trail, beats = undisturbed(ENTRY).trails[1], beats_of(ENTRY)
    case = (ENTRY, 1, len(trail), beats[2], beats[2].at)
    assert "dynamodb.UpdateItem" == trail[-1]
    assert () == overtaken_case(*case)

    with mutant.applied():
        found = overtaken_case(*case)

    demand(found, "the stored fills say")
    assert any(each.startswith("sleeper and other ended as") for each in found)


def test_fill_booked_twice_is_seen_in_the_ledger(mutant: Mutant, demand: Tell) -> None:
    """A fill of a part of an order is listed in every cycle; of a whole order, its own size would stop the second."""
    assert () == FaultRun(MIXED).ending.violations

    with mutant.applied():
        found = FaultRun(MIXED).ending.violations

    demand(found, "was booked 2 times")
    assert any("the stored fills say" in each for each in found)


# --- the kill switch


def halted_at_the_commit() -> tuple[Found, bool]:
    """On SSM: HALT is there before the orders are committed. What is wrong, and whether one got to the venue."""
    trail, beat = undisturbed(ENTRY).trails[0], ENTRY.beats[0]
    # From behind: the commit, the commands, the last look at the switch, the product's flags, the order.
    call = trail.index("venue POST /orders") - 3
    assert "dynamodb.UpdateItem" == trail[call - 1]
    with open_wire_world(ENTRY) as world:
        telling = Telling(world)
        telling.stage(beat)
        telling.invoke(beat, "halted", Nemesis(hook_at=call, hook=lambda: world.put_switch(TradingState.HALT)))
        telling.look(healthy=True)
        return telling.found, bool(world.venue.account.orders)


def test_switch_that_is_read_once_is_seen_when_it_is_flipped_on_the_way_to_the_order(
    mutant: Mutant, demand: Tell
) -> None:
    """The mutant sends, for the switch said RUN when the cycle began; nobody had asked it since the commit."""
    assert ([], False) == halted_at_the_commit()

    with mutant.applied():
        found, is_sent = halted_at_the_commit()

    assert is_sent
    demand(found, "nobody had asked the kill switch in its turn")


def halted_at_the_commit_of_a_sale() -> Found:
    """On SSM, while a lot whose time is over is to be sold; HALT stays for three ticks."""
    trail = undisturbed(EXIT_BY_TIME).trails[3]
    cancel = trail.index("venue POST /orders/batch_cancel")
    commit = max(call for call, name in enumerate(trail[:cancel]) if name.startswith("dynamodb."))
    return switched_case(EXIT_BY_TIME, 3, commit + 1, TradingState.HALT)


def test_bracket_that_goes_before_the_switch_was_asked_is_seen_as_a_bare_lot(mutant: Mutant, demand: Tell) -> None:
    """The sale is withheld, rightly; but nothing stands at the venue any more, and HALT forbids to put it back."""
    assert () == halted_at_the_commit_of_a_sale()

    with mutant.applied():
        found = halted_at_the_commit_of_a_sale()

    demand(found, "is unprotected after 2 healthy cycles")


# --- the turn of a sale


def a_lot_whose_time_is_up() -> AccountWorld:
    """SOL held with its bracket at the venue, beside 40 that are the owner's; one more cycle sells it."""
    opening = {Asset("USD"): "10000", Asset("SOL"): "40"}
    paths = {SOL: a_path(DIP, *[QuietBar()] * 24)}
    made = a_world(strategy=once(a_proposal("SOL-USD", max_hold_hours=1)), paths=paths, opening=opening)
    made.cycles(2)
    made.clock.advance(3600)
    return made


def closing_in_the_turn() -> Found:
    """The book takes cancellations only from the moment at which the turn reads its flags. Returns the bare lots."""
    world = a_lot_whose_time_is_up()

    def close(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        world.meddlers["market.products"] = lambda read, *asked: {
            key: replace(each, cancel_only=True) for key, each in read(*asked).items()
        }
        return original(*args, **named)

    world.meddlers["store.commit"] = close
    world.cycle()
    held = sum((lot.quantity for lot in world.ledger.lots.values()), Decimal(0))
    for_sale = sum((order.remaining for order in world.stored.active.values()), Decimal(0))
    return [f"{held} held, {for_sale} covered"] if held != for_sale else []


def test_protection_that_goes_before_the_flags_were_read_is_seen_as_a_bare_lot(mutant: Mutant, demand: Tell) -> None:
    """33: the sale is not sent, rightly; and the venue takes nothing any more that could protect the lot again."""
    assert [] == closing_in_the_turn()

    with mutant.applied():
        found = closing_in_the_turn()

    demand(found, "held, 0 covered")


def unanswered_sale() -> Found:
    """The sale is executed, and its answer is lost. Returns what is on sale beyond what is held."""
    world = a_lot_whose_time_is_up()

    def lost(original: Callable[..., Any], intent: OrderIntent) -> Submission:
        original(intent)
        return Unknown("the answer was lost")

    world.meddlers["exchange.submit"] = lost
    world.cycle()
    for_sale = sum((order.remaining for order in world.stored.active.values()), Decimal(0))
    return [f"{for_sale} of the owner's for sale"] if for_sale else []


def test_protection_after_an_unanswered_sale_is_seen_as_too_much_for_sale(mutant: Mutant, demand: Tell) -> None:
    """12: it sold the lot; what would protect it again sells coins of the account's owner."""
    assert [] == unanswered_sale()

    with mutant.applied():
        found = unanswered_sale()

    demand(found, "of the owner's for sale")


def refused_for_its_size() -> Found:
    """The first sale does not fit the increments of now. Returns ids under which two different orders were sent."""
    world = a_lot_whose_time_is_up()
    bodies: dict[str, set[bytes]] = {}

    def refuse(original: Callable[..., Any], intent: OrderIntent) -> Submission:
        bodies.setdefault(intent.client_order_id, set()).add(encode_order(intent))
        if sum(map(len, bodies.values())) > 1:
            return original(intent)  # type: ignore[no-any-return]
        world.meddlers["market.products"] = lambda read, *args: {
            key: replace(each, base_increment=Quantity("0.1")) for key, each in read(*args).items()
        }
        return Rejected("INVALID_SIZE_PRECISION")

    world.meddlers["exchange.submit"] = refuse
    world.cycle()
    return [f"{len(each)} orders as {key}" for key, each in bodies.items() if len(each) > 1]


def test_number_that_does_not_rise_is_seen_as_two_orders_under_one_id(mutant: Mutant, demand: Tell) -> None:
    """The venue would answer the second with the first: an id never carries other bytes."""
    assert [] == refused_for_its_size()

    with mutant.applied():
        found = refused_for_its_size()

    demand(found, "2 orders as")


# --- commands and watch runs


def test_command_that_a_release_ignores_is_seen_as_one_that_nobody_acts_on(mutant: Mutant, demand: Tell) -> None:
    """Said before the last write of a run, by one who dies: the run that gives the lease back is to make one more."""
    case = (ENTRY, 0, len(undisturbed(ENTRY).trails[0]), CommandKind.FLATTEN)
    assert () == told_case(*case, dies=True)

    with mutant.applied():
        found = told_case(*case, dies=True)

    demand(found, "was applied 0 times when its run had ended")


def test_slot_that_goes_back_is_seen_when_the_older_command_comes_late(mutant: Mutant, demand: Tell) -> None:
    """A second flatten is said, and done with, while the first is about to be written."""
    trail = undisturbed(COMMANDED).trails[2]
    case = (COMMANDED, 2, trail.index("dynamodb.UpdateItem") + 1, CommandKind.FLATTEN)
    assert () == told_case(*case, dies=False)

    with mutant.applied():
        found = told_case(*case, dies=False)

    demand(found, "does not stand, but")


def test_commands_that_are_read_once_are_seen_as_an_entry_after_a_flatten(mutant: Mutant, demand: Tell) -> None:
    """Said when the orders are recorded and not remembered yet: none of them may leave."""
    case = (ENTRY, 0, undisturbed(ENTRY).trails[0].index("s3.PutObject") + 2, CommandKind.FLATTEN)
    assert () == told_case(*case, dies=True)

    with mutant.applied():
        found = told_case(*case, dies=True)

    demand(found, "left although flatten had been said")


def test_watch_run_that_believes_what_it_saw_is_seen_to_undo_a_tick(mutant: Mutant, demand: Tell) -> None:
    """A tick comes when the watch run has looked and has no lease yet; the mutant goes on with the books of before."""
    case = (WATCHED, 1, undisturbed(WATCHED).trails[1].index("dynamodb.UpdateItem") + 1)
    assert () == met_case(*case)

    with mutant.applied():
        found = met_case(*case)

    demand(found, "is not the last")


def test_watch_run_that_enters_is_seen_in_the_record(mutant: Mutant, demand: Tell) -> None:
    """One entry is left over for the next tick: whoever finds the fill of the first in between makes none."""
    assert () == FaultRun(WATCHED).ending.violations

    with mutant.applied():
        found = FaultRun(WATCHED).ending.violations

    demand(found, "which is no tick")


# --- rounding


def test_rounding_down_is_seen_as_a_refusal_by_the_venue(mutant: Mutant, demand: Tell) -> None:
    """A conversion that is a dollar short cannot pay for its entry."""
    assert () == FaultRun(CONVERT).ending.violations

    with mutant.applied():
        found = FaultRun(CONVERT).ending.violations

    demand(found, "was refused: INSUFFICIENT_FUND")


# --- the registry


def test_every_mutant_has_one_test_and_every_such_test_a_mutant() -> None:
    """A mutant without a test, or two of them with one, would be a fault that nobody looks for."""
    here = getmembers(sys.modules[__name__], isfunction)
    tests = [name for name, each in here if name.startswith("test_") and "mutant" in signature(each).parameters]

    assert sorted(tests) == sorted(mutant.test for mutant in MUTANTS)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_mutant_whose_line_is_no_longer_there_is_an_error() -> None:
    """Otherwise the first change to that line would leave a mutant that changes nothing."""
    stale = Edit(client_order_id, "uuid4()", "uuid1()")

    with pytest.raises(ValueError, match="holds 'uuid4\\(\\)' 0 times"), stale.applied():
        pass


def test_mutant_is_gone_when_its_check_is_over() -> None:
    """Also if the check failed."""
    (edit,) = COMMIT_SKIPPED.edits
    sound, during = edit.function.__code__, []

    with pytest.raises(ZeroDivisionError), COMMIT_SKIPPED.applied():
        during.append(edit.function.__code__ == sound) or 1 / 0

    assert [False] == during
    assert sound is edit.function.__code__


def test_failure_counts_only_if_the_sound_code_has_it_not() -> None:
    """A test that is red anyway, or green with the mutant, has caught nothing."""
    caught = replace(COMMIT_SKIPPED, others=("red with it", "red anyway", "green"))
    mutated, sound = {"red with it": "a", "red anyway": "b"}, {"red anyway": "b"}

    rows = ordinary_rows(caught, mutated, sound)

    assert [("red with it", True), ("red anyway", False), ("green", False)] == [(r.test, r.is_caught) for r in rows]
