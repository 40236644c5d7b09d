"""A venue that answers late, in virtual time: lots have to go, and the function is killed when its time is over.

What `make slow-venue` tries on a real clock. Here requests go one after the other and nothing but an answer takes time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from desk.drill.function_process import KILLED
from desk.drill.slow_venue import TICKS_MAX
from desk.sandbox.faults import FaultRule
from desk.sandbox.options import VenueOptions
from simulation.checker import positions
from simulation.nemesis import Crash, Nemesis
from simulation.scenarios import make_lots
from simulation.wire.telling import Telling
from simulation.wire.wires import VirtualClock
from simulation.wire.world import WireWorld, begun
from simulation.world import START, Beat
from trader.adapters.coinbase.adapter import CoinbaseExchange
from trader.adapters.coinbase.limits import TimeoutPolicy
from trader.cycle import run_cycle
from trader.errors import VenueUnavailable
from trader.model.ids import Instant, cycle_id_at
from trader.model.inputs import Tick
from trader.model.trading_state import TradingState

#: The ticks of the scenario at which the lots are all there, and at which their time is over.
_SETTLED, _DUE = 2, 3


class SlowVenue(Nemesis):
    """Answers take as long as a rule says, if that hits them; the process is dead when its time is over."""

    def __init__(self, clock: VirtualClock, rule: FaultRule, seconds: int) -> None:
        super().__init__()
        self._clock, self._rule, self._ends = clock, rule, clock.seconds() + seconds

    def strike(
        self, name: str, act: Callable[[], Any], lose: Callable[[], Any] | None, args: tuple[Any, ...] = ()
    ) -> Any:
        """Do it at once, and tell of it late: not at all if that is later than the caller waits for."""
        answer = super().strike(name, act, lose, args)
        wire, *request = name.split(" ")
        if wire != "venue" or not self._rule.hits(*request):
            return answer
        _, patience = args[1]
        self._clock.wait(min(self._rule.seconds, patience))
        if self._clock.seconds() >= self._ends:
            raise Crash(name)
        return answer if self._rule.seconds < patience or lose is None else lose()


class PatientWorld(WireWorld):
    """The adapters wait for answers as long as they do on AWS."""

    patience = TimeoutPolicy()


def play(lots: int, word: TradingState, rule: FaultRule) -> list[str]:
    """Hold so many lots, let the venue slow down when they have to go, and tell how each tick until the last ended.

    With FLATTEN they go at once, else when they have been held for as long as they may.
    """
    scenario = make_lots(lots)
    with begun(PatientWorld, scenario, START, VenueOptions()) as world:
        beat = Telling(world).come_to(_SETTLED if word is TradingState.FLATTEN else _DUE)
        assert lots == len(positions(world))
        world.put_switch(word)
        ticks: list[str] = []
        while len(ticks) < TICKS_MAX and not _is_flat(world):
            later = Beat(beat.bar + len(ticks))
            world.clock.set(later.at)
            ticks.append(f"{_tick(world, later, rule)}, {len(positions(world))} left")
        return ticks


def _tick(world: WireWorld, beat: Beat, rule: FaultRule) -> str:
    """Run one invocation, as cold as that of a new process."""
    seconds = world.scenario.settings.cycle.run_seconds
    tick = Tick(cycle_id_at(beat.at), beat.at, Instant(beat.at + seconds))
    try:
        with world.invocation(f"tick {beat.bar}", SlowVenue(world.clock, rule, seconds)) as ports:
            assert isinstance(ports.exchange, CoinbaseExchange)
            ports.exchange.self_test()
            return run_cycle(tick, world.scenario.pipeline, ports).outcome
    except Crash:
        return KILLED
    except VenueUnavailable as error:
        return str(error)


def _is_flat(world: WireWorld) -> bool:
    ledger = world.ledger()
    assert ledger is not None
    return not positions(world) and not ledger.lots
