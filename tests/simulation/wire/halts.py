"""A process dies on its way to a sale, and the operator answers with HALT: how often a lot is left without protection.

HALT is absolute: not even a bracket is sent. So who dies between the end of a bracket and its sale leaves a lot bare
for as long as HALT lasts. That is known, and counted here; everything else must hold as always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulation.checker import unprotected, violations
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import EXIT_BY_TIME, FLATTEN
from simulation.wire.cases import undisturbed
from simulation.wire.telling import Telling
from simulation.wire.world import open_wire_world
from simulation.world import Beat, Scenario
from trader.cycle import CycleOutcome
from trader.model.trading_state import TradingState

SALES: Mapping[str, tuple[Scenario, int]] = {"exit": (EXIT_BY_TIME, 3), "flatten": (FLATTEN, 2)}
_CYCLES = 3


@dataclass(frozen=True)
class Halted:
    """What HALT after a death at each of some moments came to; *bare* moments left a lot without protection."""

    cycle: str
    moments: int
    bare: int
    found: tuple[str, ...]


def halted(cycle: str) -> Halted:
    """Die after each call of a cycle that sells, say HALT, and look for three cycles."""
    scenario, tick = SALES[cycle]
    found: list[str] = []
    trail = undisturbed(scenario).trails[tick]
    bare = {call for call in range(1, len(trail) + 1) if _is_bare(scenario, tick, call, found)}
    sale = trail.index("venue POST /orders") + 1
    cancel = max(call for call in range(1, sale) if trail[call - 1] == "venue POST /orders/batch_cancel")
    if bare != (known := set(range(cancel, sale))):
        found.append(f"a death in {cycle} lays bare at {sorted(bare)}; known are {sorted(known)}")
    return Halted(cycle, len(trail), len(bare), tuple(found))


def _is_bare(scenario: Scenario, tick: int, call: int, found: list[str]) -> bool:
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat = telling.come_to(tick)
        telling.invoke(beat, "dies", Nemesis(call, Fault.AFTER))
        world.put_switch(TradingState.HALT)
        world.free_the_lease()
        for count in range(_CYCLES):
            later = Beat(beat.bar + count)
            world.clock.set(later.at)
            report = telling.invoke(later, "halted")
            if report is None or report.outcome not in (CycleOutcome.HALTED, CycleOutcome.SKIPPED):
                telling.found.append(f"under HALT a cycle ended as {report and report.outcome}")
            telling.found += violations(world)
        found += [f"HALT after a death at call {call} of {scenario.name}: {each}" for each in telling.found]
        return bool(unprotected(world))
