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
from desk.run_journal import RunJournal, TickRecord, make_record, recall_decision
from desk.same_disk import AccountOnSameDisk, AuditOnSameDisk, DiskFailed
from trader.adapters.local.files import FileAuditLog, FileSimAccountStore, FileStateStore
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
from trader.sim.account import SimAccount
from trader.stages.pipeline import Pipeline
from trader.stages.valuation import accept_marks

#: Of a run's folder, what each tick came to.
JOURNAL_NAME = "ticks.jsonl"


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

    So the owner of the lease there at the start is dead, unless he is a visitor, and its tick can be run again at the
    very instant it was killed at, which nobody but a simulated clock could wait for.
    Raises: StoreUnavailable if the disk fails, as a full one does: the run goes on later from where it stopped.
    """

    def __init__(self, setup: MarketSetup, folder: Path, ticks: Sequence[Instant]) -> None:
        self._setup, self._folder, self._ticks = setup, folder, ticks
        self._clock = ManualClock(Instant(0))
        self._market = setup.market(self._clock)
        self._store = FileStateStore(folder)
        self.journal = RunJournal(folder / JOURNAL_NAME)
        self.journal.check_order([cycle_id_at(at) for at in ticks])

    @property
    def is_finished(self) -> bool:
        """Whether every tick was run."""
        return len(self.journal.records) == len(self._ticks)

    def run(self, on_tick: Callable[[TickRecord], None], should_stop: Callable[[], bool]) -> None:
        """Run one cycle for each tick that is left, until all are done or it is told to stop."""
        ports = self._open_ports()
        pipeline = build_pipeline(self._setup.settings)
        with keep_visitors_out(self._folder) as is_alone:
            if is_alone:
                self._store.free_lease(ports.identity.scope)
        for at in self._ticks[len(self.journal.records) :]:
            if should_stop():
                return
            self._clock.set(at)
            try:
                record = self._run_tick(at, pipeline, ports)
            except DiskFailed as error:
                raise error.cause from error
            self.journal.append(record)
            on_tick(record)

    def _open_ports(self) -> Ports:
        settings, access = self._setup.settings, VenueAccess(self._market, self._market)
        ports = build_local_ports(settings, self._folder, access, self._clock)
        accounts = FileSimAccountStore(name_account(self._folder, settings), SimAccount)
        exchange = choose_exchange(settings, access, self._clock, lambda: AccountOnSameDisk(accounts))
        audit = AuditOnSameDisk(FileAuditLog(self._folder / "audit"))
        return replace(ports, audit=audit, exchange=exchange)

    def _run_tick(self, at: Instant, pipeline: Pipeline, ports: Ports) -> TickRecord:
        """Run a tick. One that was finished or decided before a death is not decided again, and told by the audit."""
        tick, scope = make_tick(at, self._setup.settings), ports.identity.scope
        report = run_cycle(tick, pipeline, ports)
        ledger = ports.store.look(scope).ledger
        last = ledger.last_cycle if ledger is not None else None
        if last is not None and last.cycle_id > tick.cycle_id:
            done = len(self.journal.records)
            raise LedgerCorrupt(f"{self._folder}: the ledger is at {last.cycle_id}, {JOURNAL_NAME} at {done} ticks")
        if ledger is None or ledger.last_run is None or last != CycleMark(tick.cycle_id, CyclePhase.FINISHED):
            raise StoreUnavailable(f"{tick.cycle_id} was not finished: {report.reason}")
        # What is stored counts: this process may have skipped the tick, or been told that its last write failed.
        record = replace(make_record(report), outcome=ledger.last_run.outcome)
        if report.decision is not None:
            return record
        cooldown_seconds = self._setup.settings.risk.failed_cooldown_minutes * 60
        return recall_decision(record, self._folder / "audit", scope, at + cooldown_seconds)

    def sum_up(self) -> RunSummary:
        """Take the totals of all ticks done from what is stored, whichever process ran them."""
        done, settings = self.journal.records, self._setup.settings
        summary = RunSummary(len(done), outcomes=self.journal.count_outcomes(), verdicts=self.journal.count_verdicts())
        scope = make_scope(settings)
        ledger, fills = self._store.ledger(scope), self._store.fills(scope)
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
