"""Consecutive cycles on one market, from one folder, resumable after any interruption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from desk.folder_lock import keep_visitors_out
from desk.in_memory import ManualClock
from desk.markets import MarketSetup
from desk.run_batch import RunFiles
from desk.run_journal import RunJournal, TickRecord, make_record
from desk.run_memory import RunMemory
from trader.cycle import run_cycle
from trader.entry.wiring import (
    VenueAccess,
    build_local_ports,
    build_pipeline,
    choose_exchange,
    make_scope,
    name_account,
)
from trader.errors import LedgerCorrupt, StoreUnavailable
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Asset, Instant, cycle_id_at
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import split_answers
from trader.model.money import ZERO
from trader.model.orders import Fill, Side
from trader.model.portfolio import assess_equity
from trader.ports import Ports
from trader.settings import Settings
from trader.stages.pipeline import Pipeline
from trader.stages.valuation import accept_marks

#: Of a run's folder, what each tick came to.
JOURNAL_NAME = "ticks.jsonl"
#: So many ticks are run in memory before they are kept: a second or two, which a death costs at most.
BATCH_TICKS = 64


@dataclass(slots=True)
class RunSummary:
    """What a run of many cycles came to. ``verdicts`` counts outcome or denial code per product and cycle."""

    ticks: int = 0
    entries: int = 0
    exits: int = 0
    fees: Decimal = ZERO
    equity_open: Decimal | None = None
    equity_close: Decimal | None = None
    verdicts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    cash_check: CashCheck | None = None
    lots: tuple[Lot, ...] = ()


def make_tick(scheduled: Instant, settings: Settings, now: Instant | None = None) -> Tick:
    """Make the tick that was scheduled for an instant, with as much time as it has in Lambda."""
    return Tick(cycle_id_at(scheduled), scheduled, Instant((now or scheduled) + settings.cycle.run_seconds))


class TickRun:
    """The ticks of one run, in its folder, which the caller has to himself.

    So the owner of the lease there at the start is dead, unless he is a visitor. Ticks are run in memory, and kept in
    batches: those after the last batch are run again after a death, and come to the same.
    Raises: StoreUnavailable if the disk fails, as a full one does: the run goes on later from where it stopped.
    """

    def __init__(self, setup: MarketSetup, folder: Path, ticks: Sequence[Instant]) -> None:
        self._setup, self._folder, self._ticks = setup, folder, ticks
        self._clock = ManualClock(Instant(0))
        self._market = setup.market(self._clock)
        self._files = RunFiles(folder)
        self._files.finish()
        self.journal = RunJournal(folder / JOURNAL_NAME)
        self.journal.check_order([cycle_id_at(at) for at in ticks])

    @property
    def is_finished(self) -> bool:
        """Whether every tick was run."""
        return len(self.journal.records) == len(self._ticks)

    def run(self, on_tick: Callable[[TickRecord], None], should_stop: Callable[[], bool]) -> None:
        """Run one cycle for each tick that is left, until all are done or it is told to stop."""
        memory, ports = self._open()
        pipeline = build_pipeline(self._setup.settings)
        for at in self._ticks[len(self.journal.records) :]:
            if should_stop():
                break
            self._clock.set(at)
            self.journal.add(record := self._run_tick(at, pipeline, ports))
            if len(self.journal.ahead.lines) >= BATCH_TICKS:
                memory.keep()
            on_tick(record)
        if self.journal.ahead.lines:
            memory.keep()

    def _open(self) -> tuple[RunMemory, Ports]:
        """Read the folder. Raises: LedgerCorrupt if ledger and journal do not tell of the same tick."""
        settings, access = self._setup.settings, VenueAccess(self._market, self._market)
        ports = build_local_ports(settings, self._folder, access, self._clock)
        scope = ports.identity.scope
        with keep_visitors_out(self._folder) as is_alone:
            if is_alone:
                self._files.free_lease(scope)
        memory = RunMemory(self._folder, scope, name_account(self._folder, settings), self.journal)
        ledger, done = memory.store.ledger, self.journal.records
        mark = ledger.last_cycle if ledger is not None else None
        if mark is not None and (not done or (mark.cycle_id, mark.phase) > (done[-1].cycle, CyclePhase.FINISHED)):
            told = f"the ledger is at {mark.cycle_id}, {mark.phase}, and {JOURNAL_NAME} at {len(done)} ticks"
            raise LedgerCorrupt(f"{self._folder}: {told}")
        exchange = choose_exchange(settings, access, self._clock, lambda: memory.accounts)
        market = exchange or access.market_data
        return memory, replace(ports, market=market, exchange=exchange, store=memory.store, audit=memory.audit)

    def _run_tick(self, at: Instant, pipeline: Pipeline, ports: Ports) -> TickRecord:
        report = run_cycle(make_tick(at, self._setup.settings), pipeline, ports)
        ledger = ports.store.look(ports.identity.scope).ledger
        if ledger is None or ledger.last_cycle != CycleMark(report.tick.cycle_id, CyclePhase.FINISHED):
            raise StoreUnavailable(f"{report.tick.cycle_id} was not finished: {report.reason}")
        return make_record(report)

    def sum_up(self) -> RunSummary:
        """Take the totals of all ticks done from what is stored, whichever process ran them."""
        done, settings = self.journal.records, self._setup.settings
        summary = RunSummary(len(done), outcomes=self.journal.count_outcomes(), verdicts=self.journal.count_verdicts())
        scope = make_scope(settings)
        ledger, fills = self._files.ledger(scope), self._files.fills(scope)
        if ledger is None or not done:
            return summary
        self._clock.set(self._ticks[len(done) - 1])
        summary.fees = sum((fill.fee for fill in fills), ZERO)
        summary.entries = len({fill.venue_order_id for fill in fills if fill.side is Side.BUY})
        summary.exits = len({fill.venue_order_id for fill in fills if fill.side is Side.SELL})
        summary.equity_open = settings.app.capital
        quotes, _ = split_answers(self._market.quotes([lot.product_id for lot in ledger.lots.values()]))
        summary.equity_close = assess_equity(accept_marks(ledger, quotes))
        summary.cash_check = check_cash(settings.app.capital, fills, ledger)
        summary.lots = tuple(lot for position in ledger.positions() for lot in position.lots)
        return summary


@dataclass(frozen=True, slots=True)
class CashCheck:
    """What the cash must be, what it is, and the difference, over all quote assets; zero in sound books."""

    expected: Decimal
    actual: Decimal
    difference: Decimal


def check_cash(opening: Decimal, fills: Iterable[Fill], ledger: Ledger) -> CashCheck:
    """Compare opening cash less purchases and fees plus sales with the ledger's cash, to the last unit.

    Conversions move cash between quote assets one to one and are part of the sum.
    """
    expected = Fraction(opening)
    for fill in fills:
        worth = Fraction(fill.price) * Fraction(fill.quantity)
        expected += (worth if fill.side is Side.SELL else -worth) - Fraction(fill.fee)
    converted: Mapping[Asset, Decimal] = ledger.converted
    expected += sum((Fraction(amount) for amount in converted.values()), Fraction(0))
    actual = sum((Fraction(amount) for amount in ledger.cash.values()), Fraction(0))
    return CashCheck(_decimal(expected), _decimal(actual), _decimal(actual - expected))


def _decimal(value: Fraction) -> Decimal:
    # Every sum of decimals is a decimal: the denominator has no prime factor but 2 and 5, and this is exact.
    return Decimal(value.numerator) / Decimal(value.denominator)
