"""The world of a soak: the world of the sweeps, with clocks that differ, and rules that change on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from desk.sandbox.options import VenueOptions
from desk.sandbox.server import VenueServer
from simulation.nemesis import Nemesis
from simulation.soak.market import SoakScenario
from simulation.wire.wires import VirtualClock
from simulation.wire.world import WireWorld, begun
from trader.adapters.coinbase.limits import TimeoutPolicy
from trader.model.ids import Instant
from trader.model.orders import Fill, Liquidity
from trader.ports import Ports


class OurClock:
    """The clock of our process: the venue's, and what it differs by."""

    def __init__(self, true: VirtualClock) -> None:
        self.true = true
        self.ahead = 0

    def now(self) -> Instant:
        """Now, as we believe."""
        return Instant(self.true.now() + self.ahead)

    def seconds(self) -> float:
        """Now, as we believe, with its fraction."""
        return self.true.seconds() + self.ahead

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.true.wait(seconds)


class SoakWorld(WireWorld):
    """One history; ``scenario`` may be exchanged for another variant of itself between ticks."""

    scenario: SoakScenario
    #: An answer is waited for as long as on AWS: some take eight seconds.
    patience = TimeoutPolicy()
    #: The storm says when.
    lists_foreign_rows = False

    def __init__(self, scenario: SoakScenario, server: VenueServer) -> None:
        super().__init__(scenario, server)
        self.ours = OurClock(self.clock)

    @contextmanager
    def invocation(self, owner: str, nemesis: Nemesis) -> Iterator[Ports]:
        """The world as one process sees it, by its own clock."""
        with super().invocation(owner, nemesis) as ports:
            yield replace(ports, clock=self.ours)

    def _wall(self) -> float:
        return self.ours.seconds()

    # --- what an outsider sees

    def stored_fills(self) -> Sequence[Fill]:
        """Every fill that was stored.

        A liquidity that is not known is taken from the venue's book: the answer that was stored said another word
        than the book has, because its enums were damaged on the wire. Nothing is decided or booked by it.
        """
        told = {fill.trade_id: fill.liquidity for fill in self.book().fills}
        return [
            replace(fill, liquidity=told.get(fill.trade_id, fill.liquidity))
            if fill.liquidity is Liquidity.UNKNOWN
            else fill
            for fill in super().stored_fills()
        ]


class Seen:
    """The world as the checker is to see it: with the capital that the books were last told of."""

    def __init__(self, world: SoakWorld) -> None:
        self._world = world
        ledger = world.ledger()
        capital = world.scenario.settings.app.capital if ledger is None else ledger.capital
        self.scenario: SoakScenario = world.scenario.variant({"app.capital": str(capital)})

    def __getattr__(self, name: str) -> object:
        return getattr(self._world, name)


@contextmanager
def open_soak_world(scenario: SoakScenario) -> Iterator[SoakWorld]:
    """Make the world before the first tick."""
    with begun(SoakWorld, scenario, scenario.at(0, 0), VenueOptions()) as world:
        yield world
