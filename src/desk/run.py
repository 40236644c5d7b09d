"""Consecutive cycles on one market, from one folder, resumable after any interruption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from desk.in_memory import ManualClock
from desk.markets import MarketSetup
from trader.adapters.local.atomic_files import lock_file
from trader.adapters.local.files import FileStateStore
from trader.cycle import CycleReport, run_cycle
from trader.entry.wiring import VenueAccess, build_local_ports, build_pipeline, make_scope
from trader.errors import ConfigError
from trader.model.ids import Asset, Instant, cycle_id_at
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.market import split_answers
from trader.model.money import ZERO
from trader.model.orders import Fill, Side
from trader.model.portfolio import equity_of
from trader.ports import MarketData, Ports
from trader.settings import Settings
from trader.stages.valuation import accept_marks

#: By then every lease has run out.
_END_OF_TIME = Instant(10**11)


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
    ledger: Ledger | None = None


def make_tick(scheduled: Instant, settings: Settings, now: Instant | None = None) -> Tick:
    """Make the tick that was scheduled for an instant, with as much time as it has in Lambda."""
    return Tick(cycle_id_at(scheduled), scheduled, Instant((now or scheduled) + settings.cycle.run_seconds))


def run_ticks(
    setup: MarketSetup, home: Path, ticks: Iterable[Instant], on_cycle: Callable[[CycleReport], None]
) -> RunSummary:
    """Run one cycle per instant; those that finished before an interruption are skipped by the cycle itself.

    One process at a time works in a folder. So the owner of the lease there at the start is dead, and its tick can be
    run again at the very instant it was killed at, which nobody but a simulated clock could wait for.
    """
    with lock_file(home / ".running"):
        return _run_ticks(setup, home, ticks, on_cycle)


def _run_ticks(
    setup: MarketSetup, home: Path, ticks: Iterable[Instant], on_cycle: Callable[[CycleReport], None]
) -> RunSummary:
    clock = ManualClock(Instant(0))
    market = setup.market(clock)
    ports = build_local_ports(setup.settings, home, VenueAccess(market, market), clock)
    pipeline, summary = build_pipeline(setup.settings), RunSummary()
    _free_the_lease(ports, setup)
    for at in ticks:
        clock.set(at)
        report = run_cycle(make_tick(at, setup.settings), pipeline, ports)
        summary.ticks += 1
        summary.outcomes[report.outcome] += 1
        if report.decision is not None:
            summary.verdicts.update(verdict.code or verdict.outcome for verdict in report.decision.verdicts)
        on_cycle(report)
    _sum_up(summary, setup, home, market)
    return summary


def _free_the_lease(ports: Ports, setup: MarketSetup) -> None:
    scope, owner = ports.identity.scope, ports.identity.owner
    grant = ports.store.acquire(scope, owner, _END_OF_TIME, setup.settings.cycle.run_seconds)
    ports.store.release(grant)


def _sum_up(summary: RunSummary, setup: MarketSetup, home: Path, market: MarketData) -> None:
    """Take the totals from what is stored, so that a resumed run counts the part before the interruption too."""
    store, scope = FileStateStore(home), make_scope(setup.settings)
    ledger = store.ledger(scope)
    if ledger is None:
        raise ConfigError("no cycle ran")
    fills = store.fills(scope)
    summary.ledger = ledger
    summary.fees = sum((fill.fee for fill in fills), ZERO)
    summary.entries = len({fill.venue_order_id for fill in fills if fill.side is Side.BUY})
    summary.exits = len({fill.venue_order_id for fill in fills if fill.side is Side.SELL})
    summary.equity_open = setup.settings.app.capital
    quotes, _ = split_answers(market.quotes([lot.product_id for lot in ledger.lots.values()]))
    summary.equity_close = equity_of(accept_marks(ledger, quotes), {})
    summary.cash_check = check_cash(setup.settings.app.capital, fills, ledger)


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
