"""A loop over a folder, a market in memory and a clock that moves when the loop waits, and ends it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from desk.folder_lock import lock_folder
from desk.loop.telling import Telling
from desk.loop.trading_loop import TradingLoop
from desk.markets.candle_market import CandleMarket
from desk.stop import StopRequest
from simulation.scenarios import ENTRY
from simulation.world import SCOPE, START, Scenario
from trader.adapters.local.files import FileStateStore
from trader.entry.wiring import VenueAccess, build_local_ports
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.ports import Ports


@dataclass
class StoppingClock:
    """Moves as far as is waited, does what is planned for an instant, and asks for the end at another."""

    at: Instant
    until: Instant
    stop: StopRequest
    plans: dict[Instant, Callable[[], object]] = field(default_factory=dict)

    def now(self) -> Instant:
        return self.at

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.at = Instant(self.at + max(int(seconds), 1))
        for instant in sorted(self.plans):
            if instant <= self.at:
                self.plans.pop(instant)()
        if self.at >= self.until:
            self.stop._hear(15, None)


@dataclass
class FolderLoop:
    """Its parts, and what it said."""

    home: Path
    scenario: Scenario = ENTRY
    begins: Instant = START
    seconds: int = 600
    wrap: Callable[[Ports], Ports] = lambda ports: ports
    plans: dict[Instant, Callable[[], object]] = field(default_factory=dict)

    def run(self) -> list[str]:
        """Run it; return the lines it said."""
        stop = StopRequest()
        clock = StoppingClock(self.begins, Instant(self.begins + self.seconds), stop, self.plans)
        settings = self.scenario.settings
        market = CandleMarket(self.scenario.products, self.scenario.series, settings.simulation, clock)
        ports = build_local_ports(settings, self.home, VenueAccess(market, market), clock)
        ports = self.wrap(replace(ports, identity=replace(ports.identity, owner="the loop")))
        out = io.StringIO()
        try:
            with lock_folder(self.home) as lock:
                TradingLoop(self.scenario.pipeline, ports, self.home, lock, Telling(settings, out), stop).run()
        finally:
            self.said = out.getvalue().splitlines()
        return self.said

    def ledger(self) -> Ledger:
        """The ledger as stored."""
        ledger = FileStateStore(self.home).ledger(SCOPE)
        assert ledger is not None
        return ledger
