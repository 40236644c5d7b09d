"""A bar closes while a cycle is at work: one call takes a minute, and a stop is hit behind the cycle's back."""

from __future__ import annotations

from simulation.fault_run import FaultRun, Watch, fault_run_of, invoke
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import SLOW
from simulation.world import World
from trader.model.ids import Instant
from trader.model.orders import Side

#: The tick whose bar closes under way, and how long the slow call takes: less than is left of the lease.
_TICK = 2
_SECONDS = 60
_EFFECTS = (
    "store.",
    "audit.",
    "exchange.submit",
    "exchange.cancel",
    "exchange.quote_conversion",
    "exchange.commit_conversion",
    "exchange.read_conversion",
)
_CASES_MIN = 240


def slowed(fault_run: FaultRun, slow: int, crash: int) -> tuple[World, Watch, tuple[str, ...], bool]:
    """Run the tick with one slow call and one crash; tell what was called and whether it died."""
    world, found, beat = fault_run.openings[_TICK].fork(), Watch(), fault_run.beats[_TICK]
    fault = Fault.AFTER if crash else None
    nemesis = Nemesis(crash, fault, hook_at=slow, hook=lambda: world.clock.set(Instant(beat.at + _SECONDS)))
    report = invoke(world, beat, "slowed", nemesis, found)
    found.after(world, healthy=report is not None)
    return world, found, tuple(nemesis.trail), report is None


def test_stop_behind_the_back_of_a_cycle_is_booked_once_wherever_it_crashes() -> None:
    """Every call over a network is the slow one, and every later one with an effect the last; then the restart."""
    fault_run, cases, broken = fault_run_of(SLOW), 0, []
    for slow, method in enumerate(fault_run.trails[_TICK], start=1):
        if method == "clock.now":
            continue
        _, _, trail, _ = slowed(fault_run, slow, 0)
        crashes = [call for call, name in enumerate(trail, start=1) if call >= slow and name.startswith(_EFFECTS)]
        for crash in (0, *crashes):
            cases += 1
            world, found, _, died = slowed(fault_run, slow, crash)
            if died:
                world.free_the_lease()
                invoke(world, fault_run.beats[_TICK], "restarted", Nemesis(), found)
                found.after(world, healthy=True)
            ending = fault_run.finish(_TICK, world, found)
            broken += [f"slow at call {slow}, crash after {crash}: {each}" for each in ending.violations]

    assert [] == broken[:5]
    assert cases >= _CASES_MIN


def test_fill_found_while_acting_is_stored_with_the_ledger_that_has_it() -> None:
    """The stop fills during the cancellation; the process dies after the conversion's id was remembered."""
    fault_run = fault_run_of(SLOW)
    trail = fault_run.trails[_TICK]
    cancel = trail.index("exchange.cancel") + 1
    quoted = trail.index("exchange.quote_conversion") + 2

    world, found, _, died = slowed(fault_run, cancel, quoted)

    ledger = world.ledger()
    assert died
    assert trail[quoted - 1] == "store.commit"
    assert ledger is not None
    # The entry has left by then; the lot carries what it bought.
    assert [Side.SELL] == [fill.side for record in ledger.orders.values() for fill in record.fills]
    assert [] == found.violations
