"""What release 0.2.0 stored is read by this one, and its stories go on: nothing is lost, bought twice or left bare.

The files in tests/fixtures/release_0_2_0 were written by that release; their README says how.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulation.fault_run import Watch, invoke, prepare_world
from simulation.nemesis import Nemesis
from simulation.scenarios import SCENARIOS
from simulation.world import SCOPE, Beat, Scenario, World, open_world
from trader.adapters.local.lease import read_lease_item, read_ledger
from trader.model.codec import decode
from trader.model.ledger import Ledger
from trader.model.orders import Side
from trader.model.schema import upgrade_stored
from trader.model.trading_state import TradingState
from trader.sim.account import SimAccount

FIXTURES = Path(__file__).parents[1] / "fixtures/release_0_2_0"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))
_STORIES = {scenario.name: scenario for scenario in SCENARIOS}
#: Enough for what is open to be over, the longest holding time of the shipped rules apart.
_MORE = 8


@cache
def stored(name: str) -> dict[str, Any]:
    """One file."""
    read: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return read


def ledger_of(name: str) -> Ledger:
    """The ledger of a file, as this release reads it."""
    ledger = read_ledger(read_lease_item(stored(name)["item"], name).ledger, name)
    assert ledger is not None
    return ledger


def opened(name: str) -> tuple[World, Scenario, int]:
    """A world as that release left it, its story, and how many runs of it are over."""
    told = stored(name)
    scenario = _STORIES[told["story"]]
    world = open_world(scenario)
    world.clock.set(told["clock"])
    world.store.texts[SCOPE] = told["item"]
    world.store._fills[SCOPE] = dict(told["fills"])
    world.store._finished[SCOPE] = dict(told["orders"])
    world.books.put(decode(SimAccount, upgrade_stored(told["account"])))
    for key, text in told["audit"].items():
        world.audit.texts[key] = text
    return world, scenario, told["beats"]


@pytest.mark.parametrize("name", NAMES)
def test_ledger_is_read_without_a_field_that_is_not_known(name: str) -> None:
    """Nothing in it is of a newer release, and its money is proven by its own parts."""
    ledger = ledger_of(name)

    assert (ledger.newer, ledger.unproven, dict(ledger.parents)) == (None, None, {})


@pytest.mark.parametrize("name", NAMES)
def test_story_goes_on_as_if_nothing_had_been_deployed(name: str) -> None:
    """Every invariant holds after every run; lots stay covered, entries are filled or end, and all of it is settled."""
    world, scenario, place = opened(name)
    before, watch = ledger_of(name), Watch()
    last = scenario.beats[-1].bar
    for beat in (*scenario.beats[place:], *(Beat(last + 1 + n) for n in range(_MORE))):
        prepare_world(world, beat)
        assert invoke(world, beat, "0.3.0", Nemesis(), watch) is not None
        watch.after(world, healthy=True)
    watch.at_end(world)

    assert watch.violations == []
    after = world.ledger()
    assert after is not None
    assert after.recorded_capital == after.capital == before.capital
    assert after.cash_shortage is None
    assert not [each for each in after.orders.values() if each.is_active and each.intent.side is Side.BUY]


@pytest.mark.parametrize("name", NAMES)
def test_everything_can_be_sold_at_once_after_the_update(name: str) -> None:
    """FLATTEN is the first word that the new release hears."""
    world, scenario, place = opened(name)
    watch, last = Watch(), scenario.beats[place].bar
    for bar in range(last, last + 4):
        beat = Beat(bar, TradingState.FLATTEN)
        prepare_world(world, beat)
        invoke(world, beat, "0.3.0", Nemesis(), watch)
        watch.after(world, healthy=True)
    watch.at_end(world)

    assert watch.violations == []
    after = world.ledger()
    assert after is not None
    assert (dict(after.lots), after.active_orders) == ({}, ())
