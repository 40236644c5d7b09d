"""One cycle, in the order of docs: lease, account, reconcile, market, decide, record, commit, act, settle."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from trader.cycle.act import Executor, compute_send_deadline
from trader.cycle.gather import add_depth, gather_inputs, read_account, read_trading_state
from trader.errors import AuditError, LeaseHeld, StoreUnavailable, VenueError, VersionConflict
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.decisions import Decision, Plan
from trader.model.events import AuditNote, AuditObject, EventKind
from trader.model.ids import ClientOrderId, Instant
from trader.model.inputs import AccountView, Tick
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional
from trader.model.orders import Fill, OrderRecord
from trader.model.portfolio import record_flow
from trader.model.trading_state import TradingState
from trader.ports import LeaseGrant, Ports, name_audit_object
from trader.settings import Settings
from trader.settings.bounds import HOLD_HOURS_LIMIT
from trader.stages.audit_record import record_decision, stamp_notes
from trader.stages.pipeline import Pipeline, count_failure
from trader.stages.reconcile.account import Reconciled, find_resendable, reconcile
from trader.stages.submission import remember_plan

#: How far back orders of ours are looked for before books are opened: twice as long as any position may be held.
_LOOK_BACK_SECONDS = 2 * HOLD_HOURS_LIMIT * 3600


class CycleOutcome(StrEnum):
    """How a cycle ended."""

    COMPLETED = "COMPLETED"
    SKIPPED = "SKIPPED"
    ABSTAINED = "ABSTAINED"
    HALTED = "HALTED"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What one cycle did, for its caller. ``reason`` says why it did not complete."""

    tick: Tick
    outcome: CycleOutcome
    reason: str = ""
    before: Ledger | None = None
    after: Ledger | None = None
    decision: Decision | None = None
    new_fills: tuple[Fill, ...] = ()
    notes: tuple[AuditNote, ...] = ()


@dataclass(slots=True)
class _Run:
    """The state of one cycle while it runs: what is ours by lease, and what is to be written down."""

    tick: Tick
    pipeline: Pipeline
    ports: Ports
    grant: LeaseGrant
    before: Ledger
    ledger: Ledger
    notes: list[AuditNote] = field(default_factory=list)
    pending_fills: list[Fill] = field(default_factory=list)
    all_fills: list[Fill] = field(default_factory=list)
    finished: list[OrderRecord] = field(default_factory=list)
    decision: Decision | None = None

    def adopt(self, done: Reconciled) -> None:
        """Adopt what a reconciliation found."""
        self.ledger = done.ledger
        self.keep(done)
        self.notes += done.notes

    def keep(self, done: Reconciled) -> None:
        """Remember what must be stored beside the ledger."""
        self.pending_fills += done.new_fills
        self.all_fills += done.new_fills
        self.finished += done.finished

    def write_audit(self, part: str, notes: Sequence[AuditNote]) -> None:
        """Store one audit object and make it the head of the chain. Raises: AuditError."""
        key = name_audit_object(self.grant.scope, self.tick.cycle_id, self.grant.epoch, part)
        events = stamp_notes(notes, self.tick.cycle_id, self.ports.clock.now())
        head = self.ports.audit.write(AuditObject(key, self.ledger.audit_head, events))
        self.ledger = replace(self.ledger, audit_head=head)

    def commit(self, *, phase: CyclePhase, release: bool = False) -> None:
        """Store the ledger under our lease. Raises: VersionConflict, StoreUnavailable."""
        self.ledger = replace(self.ledger, last_cycle=CycleMark(self.tick.cycle_id, phase))
        self.grant = self.ports.store.commit(
            self.grant, self.ledger, fills=self.pending_fills, finished=self.finished, release=release
        )
        self.pending_fills, self.finished = [], []

    def report(self, outcome: CycleOutcome, reason: str = "") -> CycleReport:
        """Close the books of this invocation."""
        fills, notes = tuple(self.all_fills), tuple(self.notes)
        return CycleReport(self.tick, outcome, reason, self.before, self.ledger, self.decision, fills, notes)


def run_cycle(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Run one cycle from the lease to the settled ledger.

    Safe to call twice for the same tick, from two processes at once, or again after a crash anywhere: what was decided
    is finished, not decided again.

    Raises: StoreUnavailable, LedgerCorrupt if the state cannot be read; InvariantViolation for our own bugs. From the
    commit of the intents on, failures end in a report, not in an exception.
    """
    settings = pipeline.settings
    now = ports.clock.now()
    try:
        grant = ports.store.acquire(ports.identity.scope, ports.identity.owner, now, settings.cycle.lease_seconds)
    except LeaseHeld as held:
        return CycleReport(tick, CycleOutcome.SKIPPED, str(held))
    if grant.ledger is None and (blocker := _opening_blocker(settings, ports, now)) is not None:
        _give_back(ports, grant)
        return CycleReport(tick, *blocker)
    ledger = grant.ledger or open_ledger(
        ports.identity.scope, settings.app.accounting_asset, Notional(settings.app.capital)
    )
    mark = ledger.last_cycle
    if mark is not None and (mark.cycle_id, mark.phase) >= (tick.cycle_id, CyclePhase.FINISHED):
        ports.store.release(grant)
        return CycleReport(tick, CycleOutcome.SKIPPED, f"cycle {mark.cycle_id} is finished", ledger, ledger)
    run = _Run(tick, pipeline, ports, grant, ledger, ledger)
    if grant.ledger is None:
        # The first line of the record says what the books began with: without it they could not be made anew.
        run.notes.append(AuditNote(EventKind.FLOW_RECORDED, "opening", {"change": ledger.capital, "opening": True}))
    try:
        return _run(run, resumes=mark is not None and mark.cycle_id == tick.cycle_id)
    except (AuditError, VersionConflict, StoreUnavailable) as error:
        return _abort(run, error)


def _opening_blocker(settings: Settings, ports: Ports, now: Instant) -> tuple[CycleOutcome, str] | None:
    """Say why empty books must not be opened: an account with orders at the venue has had books before.

    A ledger that was lost would be replaced by one that knows of no position, and buys them all again.
    """
    if ports.exchange is None:
        return None
    try:
        orders = ports.exchange.orders(Instant(now - _LOOK_BACK_SECONDS))
    except VenueError as error:
        return CycleOutcome.ABSTAINED, f"no books are opened while the venue cannot be read: {error}"
    prefix = settings.execution.order_prefix
    ours = [order.client_order_id for order in orders if order.client_order_id.startswith(prefix)]
    if not ours:
        return None
    seen = f"the venue lists {len(ours)} orders that begin with {prefix!r}, such as {min(ours)}"
    remedy = "`trader ledger rebuild`, or another execution.order_prefix"
    return CycleOutcome.ABORTED, f"there is no ledger, but {seen}: {remedy}"


def _run(run: _Run, *, resumes: bool) -> CycleReport:
    run.ledger = _record_capital_change(run)
    state = read_trading_state(run.ports)
    view: AccountView | None = None
    if run.ports.exchange is not None:
        try:
            view = read_account(run.ports.exchange, run.ledger, run.ports.clock.now())
        except VenueError as error:
            return _abstain(run, f"the account could not be read: {error}")
        run.adopt(reconcile(run.ledger, view, run.pipeline.settings))
    if run.tick.decides and not resumes:
        _decide(run, state, view)
    plan = run.decision.plan if run.decision is not None and run.ports.exchange is not None else Plan()
    resent = find_resendable(run.ledger, run.ports.clock.now(), run.pipeline.settings)
    run.ledger = replace(run.ledger, cancels=tuple(dict.fromkeys((*run.ledger.cancels, *plan.cancels))))
    if run.ports.exchange is None or not (plan.intents or plan.conversions or resent or run.ledger.cancels):
        run.write_audit("decision", run.notes)
        run.commit(phase=CyclePhase.FINISHED, release=True)
        return _conclude(run, state)
    run.ledger = remember_plan(run.ledger, plan, resent, run.ports.clock.now())
    run.write_audit("decision", run.notes)
    run.commit(phase=CyclePhase.COMMITTED)
    written = len(run.notes)
    _act(run, plan, resent)
    run.write_audit("outcome", run.notes[written:])
    run.commit(phase=CyclePhase.FINISHED, release=True)
    return _conclude(run, state)


def _record_capital_change(run: _Run) -> Ledger:
    """Record a change of the configured capital as the flow it is."""
    change = Notional(run.pipeline.settings.app.capital - run.ledger.capital)
    if change == 0:
        return run.ledger
    run.notes.append(AuditNote(EventKind.FLOW_RECORDED, str(run.pipeline.settings.app.capital), {"change": change}))
    return record_flow(run.ledger, change)


def _decide(run: _Run, state: TradingState, view: AccountView | None) -> None:
    pipeline, ports = run.pipeline, run.ports
    balances = view.balances if view is not None else None
    inputs, screen = gather_inputs(run.tick, run.ledger, balances, state, pipeline, ports)
    partial = pipeline.propose(inputs, screen)
    inputs = add_depth(inputs, partial.products_to_buy(), pipeline.settings, ports.market)
    run.decision = pipeline.conclude(partial, inputs)
    run.notes += record_decision(inputs, run.decision, pipeline.settings.digest, ports.identity.code_version)
    run.ledger = run.decision.ledger


def _act(run: _Run, plan: Plan, resent: Sequence[ClientOrderId]) -> None:
    exchange = run.ports.exchange
    if exchange is None:
        return
    settings = run.pipeline.settings
    executor = Executor(
        ledger=run.ledger,
        settings=settings,
        ports=run.ports,
        exchange=exchange,
        stop_at=compute_send_deadline(run.tick.deadline, run.grant.expires_at, settings.cycle.reserve_seconds),
        commit=lambda ledger: _commit_within(run, ledger),
        on_reconciled=run.keep,
    )
    executor.execute(plan, resent)
    executor.refresh()
    run.ledger = replace(executor.ledger, cancels=())
    run.notes += executor.notes


def _commit_within(run: _Run, ledger: Ledger) -> None:
    run.ledger = ledger
    run.commit(phase=CyclePhase.COMMITTED)


def _conclude(run: _Run, state: TradingState) -> CycleReport:
    if state is TradingState.HALT:
        return run.report(CycleOutcome.HALTED, "the kill switch says HALT or could not be read")
    if run.decision is not None and not run.decision.complete:
        cause = next(iter(run.decision.failures), "nobody knows why")
        return run.report(CycleOutcome.ABSTAINED, f"too much market data is missing for any entry: {cause}")
    return run.report(CycleOutcome.COMPLETED)


def _abstain(run: _Run, reason: str) -> CycleReport:
    """End a cycle that cannot know where it stands: count the failure, change nothing else, try again next tick."""
    risk = run.pipeline.settings.risk
    streak = count_failure(run.ledger.failure_streak, risk, run.ports.clock.now(), data_complete=False)
    run.ledger = replace(run.ledger, failure_streak=streak)
    run.notes.append(AuditNote(EventKind.CYCLE_SETTLED, "abstained", {"reason": reason, "failure_streak": streak}))
    run.write_audit("decision", run.notes)
    run.commit(phase=CyclePhase.FINISHED, release=True)
    return run.report(CycleOutcome.ABSTAINED, reason)


def _abort(run: _Run, error: Exception) -> CycleReport:
    """Stop where we are. What was committed is finished by the next cycle; the lease is given back if it is ours."""
    _give_back(run.ports, run.grant)
    return run.report(CycleOutcome.ABORTED, f"{type(error).__name__}: {error}")


def _give_back(ports: Ports, grant: LeaseGrant) -> None:
    # Another may have taken it over meanwhile; and a lease that stays ends by itself.
    with contextlib.suppress(VersionConflict, StoreUnavailable):
        ports.store.release(grant)
