"""A refusal of every class at every order that is sent; then a death, a stall or a twin at every call of its turn.

What is demanded are the invariants of ``checker`` after every cycle: nothing sold twice, no id with two contents, no
lot left uncovered for longer than a fault explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from simulation.errands import seconds_beside
from simulation.fault_run import FaultRun, Watch, fault_run_of, invoke, prepare_world
from simulation.nemesis import Crash, Fault, Nemesis
from simulation.scenarios import ENTRY, EXIT_BY_TIME, FLATTEN, MIXED, PROTECTION, REPRICE, STOPPED
from simulation.world import LEASE_SECONDS, RUN_SECONDS, Scenario, World
from trader.cycle import CycleReport
from trader.model.ids import Instant
from trader.model.orders import Rejected
from trader.model.refusals import RefusalClass, classify_refusal

_SCENARIOS = (ENTRY, EXIT_BY_TIME, FLATTEN, STOPPED, REPRICE, PROTECTION, MIXED)
#: One word of each class.
_WORDS = (
    "INVALID_NO_LIQUIDITY",
    "NOT_ALLOWED_BY_MARKET_STATE",
    "INSUFFICIENT_FUND",
    "INVALID_SIZE_PRECISION",
    "PERMISSION_DENIED",
    "DUPLICATE_CLIENT_ORDER_ID",
    "COMMANDER_REJECTED_NEW_ORDER",
)
#: The sweep must not shrink unseen.
_DEATHS_MIN = 1_300


class Refusing(Nemesis):
    """Refuses the order of one number among those that a run sends, or all from that one on."""

    def __init__(self, number: int, word: str, *, for_good: bool = False, at: int = 0, **more: Any) -> None:
        super().__init__(at, Fault.AFTER if at else None, **more)
        self._number, self._word, self._for_good = number, word, for_good
        self.sent = 0
        self.refused_at = 0

    def call(self, port: str, method: str, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        if (port, method) != ("exchange", "submit"):
            return super().call(port, method, function, args, kwargs)
        self.sent += 1
        if self.sent != self._number and not (self._for_good and self.sent > self._number):
            return super().call(port, method, function, args, kwargs)
        self.refused_at = self.refused_at or len(self.trail) + 1
        return super().call(port, method, lambda *_, **__: Rejected(self._word), args, kwargs)


def orders(scenario: Scenario) -> Iterator[tuple[FaultRun, int, int]]:
    """Every order that the undisturbed story sends: the tick, and its number within that."""
    fault_run = fault_run_of(scenario)
    for index in range(len(scenario.beats)):
        for number in range(1, fault_run.trails[index].count("exchange.submit") + 1):
            yield fault_run, index, number


def played(fault_run: FaultRun, index: int, nemesis: Refusing) -> tuple[World, Watch, CycleReport | None]:
    """Run one tick under a nemesis."""
    world, found = fault_run.openings[index].fork(), Watch()
    report = invoke(world, fault_run.beats[index], "refused", nemesis, found)
    found.after(world, healthy=False)
    return world, found, report


@cache
def turns(scenario: Scenario, word: str) -> tuple[tuple[int, int, int, int], ...]:
    """Tick, order, and the calls of the run from the refusal to its end."""
    found = []
    for fault_run, index, number in orders(scenario):
        nemesis = Refusing(number, word)
        played(fault_run, index, nemesis)
        found.append((index, number, nemesis.refused_at, len(nemesis.trail)))
    return tuple(found)


def test_words_are_one_of_each_class() -> None:
    """A class without a word here would be tried by nobody."""
    assert set(RefusalClass) == {classify_refusal(word) for word in _WORDS}


@pytest.mark.parametrize("word", _WORDS)
@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda each: each.name)
def test_refusal_of_any_order_breaks_nothing(scenario: Scenario, word: str) -> None:
    """Of one, and of all that the run sends from there on."""
    broken = []
    for fault_run, index, number in orders(scenario):
        for for_good in (False, True):
            world, found, report = played(fault_run, index, Refusing(number, word, for_good=for_good))
            wrong = [*fault_run.finish(index, world, found).violations, *([] if report else ["it did not end"])]
            broken += [f"tick {index}, order {number}, for good {for_good}: {each}" for each in wrong]

    assert [] == broken[:5]


@pytest.mark.parametrize("word", _WORDS)
@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda each: each.name)
def test_death_at_any_call_after_a_refusal_is_made_good(scenario: Scenario, word: str) -> None:
    """The same tick is run again at once, and meets no refusal: what the turn had begun is finished."""
    fault_run, broken = fault_run_of(scenario), []
    for index, number, first, last in turns(scenario, word):
        for call in range(first, last + 1):
            world, found, _ = played(fault_run, index, Refusing(number, word, at=call))
            world.free_the_lease()
            invoke(world, fault_run.beats[index], "restarted", Nemesis(), found)
            found.after(world, healthy=True)
            wrong = fault_run.finish(index, world, found).violations
            broken += [f"tick {index}, order {number}, died after call {call}: {each}" for each in wrong]

    assert [] == broken[:5]


@pytest.mark.parametrize("is_twin", [False, True], ids=["stall", "twin"])
@pytest.mark.parametrize("word", _WORDS)
@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda each: each.name)
def test_other_invocation_at_any_write_after_a_refusal_breaks_nothing(
    scenario: Scenario, word: str, is_twin: bool
) -> None:
    """It comes when the lease has run out, or while it lasts; then the first goes on where it was."""
    fault_run, broken = fault_run_of(scenario), []
    for index, number, first, last in turns(scenario, word):
        beat = fault_run.beats[index]
        rehearsal = Refusing(number, word)
        played(fault_run, index, rehearsal)
        for call in range(first, last + 1):
            if rehearsal.trail[call - 1] not in ("store.commit", "exchange.submit", "audit.write"):
                continue
            world, found = fault_run.openings[index].fork(), Watch()

            def other(world: World = world, found: Watch = found, beat: Any = beat) -> None:
                if not is_twin:
                    world.clock.set(Instant(beat.at + LEASE_SECONDS))
                seconds = seconds_beside(world) if is_twin else RUN_SECONDS
                invoke(world, beat, "the other", Nemesis(), found, seconds)

            invoke(world, beat, "the first", Refusing(number, word, hook_at=call, hook=other), found)
            found.after(world, healthy=False)
            wrong = fault_run.finish(index, world, found).violations
            broken += [f"tick {index}, order {number}, other at call {call}: {each}" for each in wrong]

    assert [] == broken[:5]


def test_sweep_is_as_wide_as_it_was() -> None:
    """Deaths at every call from a refusal to the end of its run; stalls and twins at every write."""
    deaths = sum(last - first + 1 for each in _SCENARIOS for word in _WORDS for _, _, first, last in turns(each, word))

    assert deaths >= _DEATHS_MIN


def test_nemesis_refuses_what_it_is_told_to_refuse() -> None:
    """One order of one run; the venue never hears of it."""
    fault_run = fault_run_of(EXIT_BY_TIME)
    index = next(at for at, trail in enumerate(fault_run.trails) if "exchange.submit" in trail)
    world, _, _ = played(fault_run, index, Refusing(1, "PERMISSION_DENIED"))
    prepare_world(world, fault_run.beats[index + 1])

    assert not world.book().active
    assert not issubclass(Crash, Exception)
