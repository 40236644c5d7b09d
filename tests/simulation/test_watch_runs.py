"""Watch runs beside ticks: at the same instant, killed anywhere, and a whole day of them with nothing to do."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from simulation.checker import applied, positions
from simulation.errands import command_of
from simulation.fault_run import Watch, fault_run_of, invoke, prepare_world
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import ETH, SOL, WATCHED
from simulation.world import AFTER_BOUNDARY, SCOPE, Bar, Beat, Scenario, World, open_world
from trader.cycle import CycleOutcome, CycleReport
from trader.model.commands import CommandKind
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Instant, cycle_id_at

_WORLDS = 200
_DAY_MINUTES = 1_440
_WRITES = (
    "store.acquire",
    "store.commit",
    "store.release",
    "store.write_command",
    "store.drop_commands",
    "audit.write",
)
#: The watch runs of the stories, and how many calls they make together: the sweep must not shrink unseen.
_KILLED_MIN = 100


def at_boundary(bar: int, *, watches: bool = False, before: int = 0) -> Beat:
    """A run that is scheduled for the very boundary of a bar, or so long before it."""
    return Beat(bar, late=-AFTER_BOUNDARY - before, watches=watches)


def a_random_world(seed: int) -> Scenario:
    """Two markets that wander about, jump now and then, and fill what rests below them."""
    chance = random.Random(seed)

    def path() -> list[Bar]:
        price, bars = 100.0, []
        for _ in range(8):
            price = round(price * (1 + chance.choice((-0.06, -0.01, 0.0, 0.002, 0.01, 0.05))), 2)
            before = bars[-1].close if bars else 100.0
            high, low = max(before, price) * 1.01, min(before, price) * 0.985
            bars.append(Bar(price, high=round(high, 2), low=round(low, 2)))
        return bars

    overrides: dict[str, object] = {
        "execution.attach_brackets": chance.random() < 0.5,
        "risk.entries_per_cycle_max": chance.choice((1, 2)),
        "risk.product_spacing_minutes": 0,
        "risk.entry_spacing_seconds": 0,
        "risk.entries_per_hour_max": 20,
    }
    return Scenario(f"random {seed}", (Beat(0), Beat(1), Beat(2)), {SOL: path(), ETH: path()}, overrides)


def what_ticked(world: World, tick: Beat, report: CycleReport | None) -> list[str]:
    """Say what is wrong with the end of a tick that had to decide."""
    ledger = world.ledger()
    found = [] if report is not None and report.decision is not None else [f"it ended as {report}"]
    if report is not None and report.outcome is not CycleOutcome.COMPLETED:
        found.append(f"it ended as {report.outcome}: {report.reason}")
    if ledger is None or ledger.last_cycle != CycleMark(cycle_id_at(tick.at), CyclePhase.FINISHED):
        found.append(f"the last cycle is {ledger and ledger.last_cycle}")
    return found


def test_tick_decides_whichever_of_it_and_a_watch_run_of_its_instant_comes_first() -> None:
    """200 worlds, both orders: the watch run leaves the instant to the tick, and reads nothing."""
    broken, did = [], Counter[str]()
    for seed in range(_WORLDS):
        chance, world, found = random.Random(seed), open_world(a_random_world(seed)), Watch()
        bars = chance.randrange(1, 7)
        for bar in range(bars):
            prepare_world(world, Beat(bar))
            invoke(world, Beat(bar), "before", Nemesis(), found)
        tick, watching = at_boundary(bars), at_boundary(bars, watches=True)
        for beats in ((tick, watching), (watching, tick)):
            both, trail = world.fork(), Nemesis()
            both.clock.set(Instant(tick.at + chance.randrange(60)))
            reports = {}
            for beat in beats:
                nemesis = trail if beat.watches else Nemesis()
                reports[beat] = invoke(both, beat, f"run {beat.watches}", nemesis, found)
            found.after(both, healthy=True)
            seen = reports[watching]
            wrong = [*what_ticked(both, tick, reports[tick]), *found.violations]
            if seen is None or seen.outcome is not CycleOutcome.SKIPPED or set(trail.trail) - {"clock.now"}:
                wrong.append(f"the watch run did {trail.trail}")
            broken += [f"world {seed}, {beats[0]} first: {each}" for each in wrong]
        ledger = world.ledger()
        did["lots"] += bool(ledger and ledger.lots)
        did["orders"] += bool(ledger and ledger.orders)

    assert [] == broken[:5]
    assert did["lots"] >= _WORLDS // 10
    assert did["orders"] >= _WORLDS // 2


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER], ids=lambda fault: fault.name.lower())
def test_tick_decides_after_a_watch_run_that_was_killed_anywhere(fault: Fault) -> None:
    """Killed as late as it may begin, its lease is over when the tick is due: nobody has to wait."""
    fault_run, broken, cases = fault_run_of(WATCHED), [], 0
    for index, beat in enumerate(WATCHED.beats):
        if not beat.watches:
            continue
        latest = at_boundary(beat.bar + 1, watches=True, before=60)
        for run, started_at in ((beat, beat.at), (latest, Instant(latest.at + 5)), (latest, Instant(latest.at + 48))):
            rehearsal, trail = fault_run.openings[index].fork(), Nemesis()
            rehearsal.clock.set(started_at)
            invoke(rehearsal, run, "rehearsal", trail, Watch())
            for call in range(1, len(trail.trail) + 1):
                world, found, tick = fault_run.openings[index].fork(), Watch(), at_boundary(beat.bar + 1)
                world.clock.set(started_at)
                killed = invoke(world, run, "killed", Nemesis(call, fault), found)
                found.after(world, healthy=False)
                world.clock.set(tick.at)
                report = invoke(world, tick, "the tick", Nemesis(), found)
                found.after(world, healthy=True)
                wrong = [*what_ticked(world, tick, report), *found.violations]
                wrong += [] if killed is None else [f"the watch run ended as {killed.outcome}"]
                broken += [f"run {index} from {started_at}, dead at call {call}: {each}" for each in wrong]
                cases += 1

    assert [] == broken[:5]
    assert cases >= _KILLED_MIN


@pytest.mark.parametrize("index", [index for index, beat in enumerate(WATCHED.beats) if beat.watches and index != 3])
def test_command_said_while_a_watch_run_works_is_acted_on_before_it_ends(index: int) -> None:
    """Whoever said it died; said before the last commit it is too late for the run, which makes one more at once."""
    fault_run = fault_run_of(WATCHED)
    last = max(call for call, name in enumerate(fault_run.trails[index], start=1) if name == "store.commit")
    world, found = fault_run.openings[index].fork(), Watch()
    command = command_of(CommandKind.FLATTEN, WATCHED.beats[index].at, world)
    nemesis = Nemesis(hook_at=last, hook=lambda: world.store.write_command(SCOPE, command))

    report = invoke(world, WATCHED.beats[index], "watching", nemesis, found)

    assert report is not None
    assert report.due
    assert 1 == applied(world)[command.command_id]
    assert [] == [*positions(world), *found.violations]


@cache
def held_all_day() -> World:
    """Two lots with their brackets, on markets that stand still for a day."""
    calm = [Bar(100.0), Bar(100.0, low=99.0), *(Bar(round(100.2 + 0.02 * (bar % 3), 2)) for bar in range(300))]
    scenario = Scenario(
        "a calm day",
        (Beat(0), Beat(2), Beat(3)),
        {SOL: calm, ETH: calm},
        {
            "risk.product_spacing_minutes": 0,
            "risk.entry_spacing_seconds": 0,
            **{f"strategies.rules_engine.settings.rules[{row}].hold_hours_max": 48 for row in range(7)},
        },
    )
    world, found = open_world(scenario), Watch()
    for beat in scenario.beats:
        prepare_world(world, beat)
        invoke(world, beat, "before", Nemesis(), found)
    assert [] == found.violations
    return world


def test_day_of_watch_runs_with_nothing_due_writes_nothing() -> None:
    """1,440 of them over two held lots: no write to the store, none to the audit, no order, and every minute looked."""
    world, found, nemesis = held_all_day().fork(), Watch(), Nemesis()
    ledger = world.ledger()
    assert ledger is not None
    assert {SOL, ETH} == {lot.product_id for lot in ledger.lots.values()}
    before = dict(world.store.texts), dict(world.audit.texts), dict(world.store.owed)
    reasons = Counter[str]()
    first = at_boundary(4, watches=True)
    for minute in range(_DAY_MINUTES):
        beat = replace(first, late=first.late + 60 * minute)
        world.clock.set(Instant(beat.at + minute % 7))
        report = invoke(world, beat, f"minute {minute}", nemesis, found)
        assert report is not None
        assert report.outcome is CycleOutcome.SKIPPED
        reasons[report.reason] += 1

    assert {"nothing is due": _DAY_MINUTES * 4 // 5, "the tick of this instant looks": _DAY_MINUTES // 5} == reasons
    assert [] == [name for name in nemesis.trail if name in _WRITES or name.startswith("exchange.submit")]
    assert before == (world.store.texts, world.audit.texts, world.store.owed)
    assert Counter(nemesis.trail)["exchange.account"] == _DAY_MINUTES * 4 // 5
