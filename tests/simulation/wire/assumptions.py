"""What happens if the venue is not what we take it for: each open assumption made false, and orders sent under it.

Three things nobody promises and nobody could try without trading: that a client id is known again, for how long, and
how soon a listing tells the truth. An order that is doubled here was sent twice because the venue took it twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from desk.sandbox.options import Lags
from simulation.fault_run import Restart
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import ENTRY, EXIT_BY_TIME
from simulation.wire.cases import undisturbed
from simulation.wire.telling import Telling
from simulation.wire.world import WireWorld, open_wire_world
from simulation.world import LEASE_SECONDS, Beat, Scenario
from trader.cycle import CycleOutcome
from trader.model.ids import Instant

_MINUTES = 180.0
_SEND = "venue POST /orders"
_LAGGING = Lags(order=_MINUTES, listing=_MINUTES, fills=_MINUTES)


@dataclass(frozen=True)
class Assumption:
    """Something the system takes for true, and the options of a venue where it is not."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


ALL_HOLD = "all hold"
ASSUMPTIONS = (
    Assumption(ALL_HOLD),
    Assumption("ids are not told apart", {"id_memory_seconds": 0}),
    Assumption("ids are forgotten after 60 s", {"id_memory_seconds": 60}),
    Assumption("orders and fills are listed 3 minutes late", {"lags": _LAGGING}),
    Assumption("listed 3 minutes late, and ids forgotten after 60 s", {"lags": _LAGGING, "id_memory_seconds": 60}),
    Assumption("listed 3 minutes late, and ids not told apart", {"lags": _LAGGING, "id_memory_seconds": 0}),
)

_TARGETS: tuple[tuple[Scenario, int], ...] = ((ENTRY, 0), (EXIT_BY_TIME, 3))


@dataclass(frozen=True)
class Consequence:
    """What came of an assumption over all its cases. ``doubled`` orders exist twice; ``noticed``: the audit says so.

    ``most`` is the largest multiple of its quantity that any one intent came to at the venue.
    """

    assumption: str
    cases: int
    doubled: int
    noticed: int
    most: int


def consequence(assumption: Assumption) -> Consequence:
    """Around every request that sends an order: answer or request lost, dead before and after, started again."""
    cases = doubled = noticed = most = 0
    for scenario, tick in _TARGETS:
        trail = undisturbed(scenario).trails[tick]
        for call in (number for number, name in enumerate(trail, start=1) if name == _SEND):
            for fault in (Fault.BEFORE, Fault.AFTER, Fault.LOST_REPLY, Fault.LOST_REQUEST):
                for restart in Restart if fault.kills else (Restart.NOT,):
                    copies, is_noticed = _play(assumption, scenario, tick, call, fault, restart)
                    cases, most = cases + 1, max(most, copies)
                    doubled, noticed = doubled + (copies > 1), noticed + (copies > 1 and is_noticed)
    return Consequence(assumption.name, cases, doubled, noticed, most)


def _play(
    assumption: Assumption, scenario: Scenario, tick: int, call: int, fault: Fault, restart: Restart
) -> tuple[int, bool]:
    """Return how often the most copied order exists, and whether the audit speaks of a mismatch."""
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beat: Beat = telling.beats[tick]
        telling.play(telling.beats[:tick], "before")
        world.venue.configure(**assumption.options)
        telling.stage(beat)
        report = telling.invoke(beat, "struck", Nemesis(call, fault))
        if report is None or report.outcome is CycleOutcome.ABORTED:
            if restart is Restart.AT_ONCE:
                world.free_the_lease()
            elif restart is Restart.AFTER_LEASE:
                world.clock.set(Instant(beat.at + LEASE_SECONDS))
            if restart is not Restart.NOT:
                telling.invoke(beat, "restarted")
        for later in telling.beats[tick + 1 :]:
            telling.stage(later)
            telling.invoke(later, "later")
        return max(_copies(world).values(), default=0), _is_noticed(world)


def _copies(world: WireWorld) -> Counter[str]:
    prefix = world.scenario.settings.execution.order_prefix
    book = world.book()
    orders = (order for order in (*book.active.values(), *book.finished.values()) if order.parent is None)
    return Counter(order.client_order_id for order in orders if order.client_order_id.startswith(prefix))


def _is_noticed(world: WireWorld) -> bool:
    return any('"MismatchFound"' in text for text in world.audit_texts().values())
