"""The bars of each decision, put together from the records of whole cycles, whatever happens between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accidents.one_account import World, a_world, down
from desk.recovery.bars import read_bars
from desk.recovery.chain import Recorded, read_chain
from factories import Scripted, a_proposal, scripted
from factories_venue import START
from trader.cycle import run_cycle
from trader.model.events import EventKind
from trader.model.ids import Instant, run_id_at
from trader.model.inputs import Tick
from trader.model.market import BarsNeeded, Granularity
from trader.model.trading_state import TradingState
from trader.settings.schedule import ScheduleSettings
from trader.stages.pipeline import Pipeline

MIDNIGHT = Instant(START + 12 * 3600)


class PowerCut(BaseException):
    """The invocation ends here."""


def missing(world: World, day: str = "") -> list[tuple[str, ...]]:
    """What could not be put together of each decision, from the records of one day or of all."""
    texts = {key: text for key, text in world.audit.texts.items() if f"dt={day}" in key}
    return [each.missing for each in read_bars(read_chain(texts))]


def die_before_the_end(world: World) -> None:
    """Play a cycle that decides, commits, sends, and ends before it writes its last record."""

    def cut(original: Callable[..., Any], record: Any, **named: Any) -> Any:
        if "-outcome" in record.key:
            raise PowerCut
        return original(record, **named)

    world.meddlers["audit.write"] = cut
    with pytest.raises(PowerCut):
        world.cycle()
    del world.meddlers["audit.write"]


def halt(world: World) -> None:
    """Play a cycle that reads no market."""
    world.kill_switch.word = TradingState.HALT
    world.cycle()
    world.kill_switch.word = TradingState.RUN


def look(world: World) -> None:
    """Play a run between two ticks, which reads no bars and has something to say."""
    at = world.clock.now()
    run_cycle(Tick(run_id_at(at, "watch"), at, Instant(at + 60)), world.pipeline, world.ports())


def fail_to_read(world: World) -> None:
    """Play a cycle that does not learn its account."""
    world.meddlers["exchange.balances"] = down
    world.cycle()
    del world.meddlers["exchange.balances"]


@pytest.mark.parametrize("event", [die_before_the_end, halt, look, fail_to_read])
def test_one_cycle_that_writes_no_bars_costs_no_other_cycle_its_own(event: Callable[[World], None]) -> None:
    """What the next one goes on from is what the ledger of the last commit says, not what the last run read."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), execution__entry_ttl_cycles=1)
    world.cycles(3)
    event(world)
    world.pass_bars()
    world.cycles(3)

    found = missing(world)

    assert {()} == {each for index, each in enumerate(found) if index != 3}
    assert len(found) >= 6


@pytest.mark.parametrize("event", [die_before_the_end, halt, fail_to_read, World.cycle])
def test_each_day_stands_on_its_own(event: Callable[[World], None]) -> None:
    """Its first cycle may write none: then the next one does, all of them, and not only what is new since yesterday."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), execution__entry_ttl_cycles=1)
    world.clock.set(Instant(MIDNIGHT - 900))
    world.cycles(3)
    event(world)
    world.pass_bars()
    world.cycles(2)

    assert [(), ()] == missing(world, "2026-11-23")[-2:]


@pytest.mark.parametrize("field", ["series", "granularity", "begins", "from", "filled", "close", "volume"])
@pytest.mark.parametrize("value", [None, "x", "1 2", 1e999, -1, 10**30, [], {"a": 1}], ids=str)
def test_bars_that_somebody_else_wrote_are_missing(field: str, value: object) -> None:
    """Whatever stands in the record, there is an answer, and what was not read is not taken for what was."""
    world = a_world()
    world.cycles(2)
    chain = read_chain(world.audit.texts)
    last = chain.objects[-1]
    events = [_with(each, field, value) for each in last.events]

    found = list(read_bars(replace(chain, objects=(*chain.objects[:-1], replace(last, events=tuple(events))))))

    assert [()] == [each.missing for each in found[:-1]]
    assert field == "filled" or (field, value) == ("from", 10**30) or "SOL-USD" in found[-1].missing


@pytest.mark.parametrize("value", [None, "x", 1, [], {"SOL-USD": 1}], ids=str)
@pytest.mark.parametrize("field", ["bars", "benchmark"])
def test_inputs_that_somebody_else_wrote_are_answered(field: str, value: object) -> None:
    """They may name no series at all."""
    world = a_world()
    world.cycle()
    chain = read_chain(world.audit.texts)
    last = chain.objects[-1]
    events = tuple(_with(each, field, value, EventKind.INPUTS_GATHERED) for each in last.events)

    (found,) = read_bars(replace(chain, objects=(replace(last, events=events),)))

    assert not (found.series.keys() & found.missing)


def _with(event: Recorded, field: str, value: object, kind: EventKind = EventKind.BARS_READ) -> Recorded:
    return replace(event, body={**event.body, field: value}) if event.kind == kind else event


def test_bars_of_a_strategys_own_are_on_record_once_and_then_what_is_new() -> None:
    """It is asked every fifteen minutes: between its turns the cycles read none of them."""
    need = BarsNeeded(Granularity.ONE_HOUR, 20)
    world = a_world(strategy=Scripted(bars=[need]))
    settings = world.pipeline.settings
    (name,) = settings.strategies
    paced = replace(settings.strategies[name], schedule=ScheduleSettings(every_minutes=15))
    pipeline = Pipeline.build(replace(settings, strategies={name: paced}), {name: Scripted(bars=[need])})
    world = replace(world, pipeline=pipeline)
    world.cycles(14)

    decisions = list(read_bars(read_chain(world.audit.texts)))

    own = "SOL-USD ONE_HOUR x 20"
    assert [()] * 14 == [each.missing for each in decisions]
    assert [number % 3 == 0 for number in range(14)] == [own in each.series for each in decisions]
    events = [event for each in read_chain(world.audit.texts).objects for event in each.events]
    told = [event.body for event in events if event.kind == EventKind.BARS_READ and event.body["series"] == own]
    assert [20, 1] == [len(str(body["close"]).split()) for body in told]
