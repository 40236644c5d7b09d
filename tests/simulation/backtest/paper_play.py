"""PAPER, played in virtual time by the loop of `trader run --venue` at the HTTP sandbox, and everything it left.

The venue is in this process, on the clock that the loop waits by, so nothing moves while a run is at work; what
requests wait for is added to their own time only. So no run ends for want of time here.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from desk.backtest.fault_record import FaultRecord, Question, record_answers
from desk.backtest.schedule import Schedule
from desk.folder_lock import lock_folder
from desk.in_memory import ManualClock
from desk.loop.telling import Telling
from desk.loop.trading_loop import TradingLoop
from desk.markets.series import CandleSeries
from desk.real_venue import open_http_venue
from desk.sandbox.faults import Fault
from desk.sandbox.market import PriceSource
from desk.sandbox.options import Lags
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from desk.stop import StopRequest
from simulation.backtest.live_markets import LiveMarket
from trader.adapters.coinbase.limits import Timing
from trader.adapters.local.files import FileStateStore
from trader.cycle.report import CycleReport
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.entry.wiring import build_local_ports
from trader.errors import TraderError
from trader.model.commands import Command
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.sim.matching import MarketTape
from trader.stages.pipeline import Pipeline
from trader.strategies import registry

_MINUTE = 60
_LOOK_SECONDS = 60.0
#: A minute in so many has faults, if any are played.
_FAULTY_MINUTES = 0.15
_COUNTS = (1, 1, 2, 3, 4, 6, 12, 0)
_PATHS = ("", "", "/market/products$", "/market/products/", "/market/product_book")
_DETAILS: Mapping[Fault, Mapping[str, float]] = {
    Fault.RATE_LIMITED_HTML: {},
    Fault.RATE_LIMITED_JSON: {"retry_after": 3},
    Fault.INTERNAL_ERROR: {},
    Fault.BAD_GATEWAY: {},
    Fault.UNAVAILABLE: {},
    Fault.NOT_FOUND: {},
    Fault.TIMEOUT_BEFORE: {"seconds": 0.005},
    Fault.RESET_BEFORE: {},
    Fault.TRUNCATED: {},
    Fault.CUT_OFF: {},
    Fault.EMPTY: {},
    Fault.SLOW: {"seconds": 0.005},
    Fault.UNKNOWN_ENUMS: {},
    Fault.EXTRA_KEYS: {},
    Fault.NUMBERS_FOR_TEXT: {},
    Fault.FOREIGN_ROWS: {},
}
LATE_CANDLES = "late_candles"


@dataclass
class FaultPlayer:
    """Draws for each minute what goes wrong in it, if anything, and counts what did.

    With ``keeps_prices`` a question for anything but bars counts like a fault.
    """

    venue: Venue
    chance: random.Random | None
    played: Counter[str] = field(default_factory=Counter)
    keeps_prices: bool = False
    _is_late: bool = False
    _prices: int = 0

    def begin_minute(self) -> None:
        """Forget the faults of the minute before, and draw those of this one."""
        self._forget()
        if self.chance is None or self.chance.random() >= _FAULTY_MINUTES:
            return
        kind = self.chance.choice((*_DETAILS, LATE_CANDLES))
        if isinstance(kind, Fault):
            path, count = self.chance.choice(_PATHS), self.chance.choice(_COUNTS)
            every = self.chance.choice((1, 1, 2, 5))
            self.venue.faults.add(kind, "GET", path, count=count, every=every, **_DETAILS[kind])
        else:
            self._is_late = True
            self.venue.configure(lags=Lags(candles=self.chance.choice((30, 70, 200))))

    def count(self, question: Question) -> int:
        """Count what was played, to see whether anything was while a question was answered."""
        if self._is_late and question[0] == "bars":
            self.played[LATE_CANDLES] += 1
        self._prices += self.keeps_prices and question[0] != "bars"
        return self.played.total() + self._prices + sum(rule.fired for rule in self.venue.faults.rules())

    def _forget(self) -> None:
        self.played.update({rule.fault.value: rule.fired for rule in self.venue.faults.rules()})
        self.venue.faults.clear()
        if self._is_late:
            self._is_late = False
            self.venue.configure(lags=Lags())


class LoopClock(ManualClock):
    """A clock that jumps when the loop waits; *on_minute* is told of each minute that begins."""

    def __init__(self, at: Instant, until: Instant, stop: StopRequest) -> None:
        super().__init__(at)
        self._until, self._stop, self._slept = until, stop, 0.0
        self.on_minute: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> None:
        """Jump ahead, never over the beginning of a minute."""
        self.advance(max(round(seconds), 1))
        if self.at > self._until:
            self._stop.signal = signal.SIGTERM
        elif self.at % _MINUTE == 0:
            self.on_minute()

    def timing(self) -> Timing:
        """What the requests go by: they believe that they have waited, and nobody else does."""
        return Timing(lambda: float(self.at), lambda: time.monotonic() + self._slept, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds


@dataclass(frozen=True)
class Run:
    """One run: of which tick or look, when it began, and what it did; or why it could not be made."""

    scheduled: Instant
    start: Instant
    is_watch: bool
    report: CycleReport | None
    error: str = ""


@dataclass
class PaperPlay:
    """What a play left: its runs, and what lies in its folder at the end."""

    runs: list[Run]
    ledger: Ledger
    fills: dict[str, Fill]
    finished: dict[str, OrderRecord]
    record: FaultRecord
    played: Counter[str]

    def schedule(self) -> Schedule:
        """The instants of its ticks and looks."""
        ticks = [each for each in self.runs if not each.is_watch]
        looks = [each.start for each in self.runs if each.is_watch]
        return Schedule([each.scheduled for each in ticks], [each.start for each in ticks], looks)

    def list_orders(self) -> list[OrderRecord]:
        """Every order that was sent."""
        return [*self.finished.values(), *self.ledger.orders.values()]


class _Keeping(Telling):
    """Tells nobody, and keeps everything."""

    def __init__(self, settings: Any, runs: list[Run]) -> None:
        super().__init__(settings, None)
        self._runs = runs

    def tell(self, request: RunTick | RunWatch | SwitchChanged | Command, report: CycleReport, now: Instant) -> None:
        assert isinstance(request, RunTick | RunWatch), f"nobody is here who could ask for {request}"
        self._runs.append(Run(report.tick.scheduled_at, now, isinstance(request, RunWatch), report))

    def tell_failure(
        self, request: RunTick | RunWatch | SwitchChanged | Command, error: TraderError, now: Instant
    ) -> None:
        assert isinstance(request, RunTick | RunWatch), f"nobody is here who could ask for {request}"
        is_watch = isinstance(request, RunWatch)
        self._runs.append(Run(now, now, is_watch, None, f"{type(error).__name__}: {error}"))


def play_paper(market: LiveMarket, ticks: int, folder: Path, chance: random.Random | None = None) -> PaperPlay:
    """Play so many ticks and the looks between them; with *chance* faults are played.

    Of a market that is not joined every answer that tells a price of now is taken down, as if a fault lay under it.
    """
    recorded, begin, stop = market.recorded, market.begin, StopRequest()
    settings = recorded.settings
    period = settings.cycle.period_seconds
    clock = LoopClock(begin, Instant(begin + (ticks - 1) * period), stop)
    series = {key: _list_candles(each) for key, each in recorded.series.items()}
    venue = Venue(PriceSource(recorded.products, series), clock, settings=settings.simulation)
    faults, record, runs = FaultPlayer(venue, chance, keeps_prices=not market.is_joined), FaultRecord(), list[Run]()
    clock.on_minute = faults.begin_minute
    strategies = recorded.strategies
    pipeline = Pipeline.build(settings, registry.build(settings.strategies) if strategies is None else strategies)
    with VenueServer(venue) as server, lock_folder(folder) as lock:
        access = open_http_venue(server.url, settings, {}, None, clock.timing())
        seen = record_answers(access.market_data, clock, faults.count, record)
        access = replace(access, market_data=seen, fill_prices=MarketTape(seen))
        ports = build_local_ports(settings, folder, access, clock)
        TradingLoop(pipeline, ports, folder, lock, _Keeping(settings, runs), stop, look_seconds=_LOOK_SECONDS).run()
        faults.begin_minute()
        scope = ports.identity.scope
    store = FileStateStore(folder)
    ledger = store.ledger(scope)
    assert ledger is not None, "a play leaves books"
    fills = {each.trade_id: each for each in store.fills(scope)}
    finished = {each.intent.client_order_id: each for each in store.finished(scope)}
    return PaperPlay(runs, ledger, fills, finished, record, faults.played)


def _list_candles(series: Any) -> CandleSeries:
    return CandleSeries(series.granularity, series.between(Instant(0), Instant(2**40)))
