"""One cycle, in the order of docs: lease, account, reconcile, market, decide, record, commit, act, settle."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from trader.cycle.act import Executor
from trader.cycle.admission import why_not_now, why_not_open, why_not_run
from trader.cycle.gather import add_depth, gather_inputs, read_trading_state, reconcile_account
from trader.cycle.records import Records
from trader.cycle.report import CycleOutcome, CycleReport
from trader.cycle.run_time import LEASE_MARGIN_SECONDS, RunTime
from trader.errors import AuditError, LeaseHeld, StoreUnavailable, VenueError, VersionConflict
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.decisions import Decision, Plan
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ClientOrderId
from trader.model.inputs import AccountView, Tick
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional
from trader.model.orders import Fill, OrderRecord, Side
from trader.model.portfolio import record_flow
from trader.model.trading_state import TradingState
from trader.ports import LeaseGrant, Ports
from trader.stages.audit_record import record_decision
from trader.stages.pipeline import Pipeline, count_failure
from trader.stages.reconcile.account import Reconciled
from trader.stages.reconcile.doubts import find_resendable
from trader.stages.submission import remember_plan

#: What keeps a due sale from becoming an order, and no decision of ours does.
_BLINDING = frozenset({DenialCode.QUOTE_MISSING, DenialCode.PRODUCT_MISSING, DenialCode.ORDER_IN_DOUBT})


@dataclass(slots=True)
class _Run:
    """The state of one cycle while it runs: what is ours by lease, and what is to be written down."""

    tick: Tick
    pipeline: Pipeline
    ports: Ports
    time: RunTime
    grant: LeaseGrant
    before: Ledger
    ledger: Ledger
    records: Records
    notes: list[AuditNote] = field(default_factory=list)
    pending_fills: list[Fill] = field(default_factory=list)
    all_fills: list[Fill] = field(default_factory=list)
    finished: list[OrderRecord] = field(default_factory=list)
    decision: Decision | None = None
    withheld_exits: dict[ClientOrderId, str] = field(default_factory=dict)

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

    def write_audit(self, part: str, notes: Sequence[AuditNote], *, urgent: bool = False, may_owe: bool = True) -> None:
        """Store one audit object, or owe it, and make it the head of the chain. Raises: AuditError if it may not."""
        self.ledger = self.records.write(self.ledger, part, notes, urgent=urgent, may_owe=may_owe)

    def commit(self, *, phase: CyclePhase, release: bool = False) -> None:
        """Store the ledger under our lease. Raises: VersionConflict, StoreUnavailable."""
        if self.tick.is_in_order:
            self.ledger = replace(self.ledger, last_cycle=CycleMark(self.tick.cycle_id, phase))
        owed, repaid = self.records.take()
        self.grant = self.ports.store.commit(
            self.grant,
            self.ledger,
            fills=self.pending_fills,
            finished=self.finished,
            owed=owed,
            repaid=repaid,
            release=release,
        )
        self.pending_fills, self.finished = [], []

    def report(self, outcome: CycleOutcome, reason: str = "") -> CycleReport:
        """Close the books of this invocation."""
        fills, notes = tuple(self.all_fills), tuple(self.notes)
        return CycleReport(
            self.tick, outcome, reason, self.before, self.ledger, self.decision, fills, notes, self.withheld_exits
        )


def run_cycle(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Run one cycle from the lease to the settled ledger.

    Safe to call twice for the same tick, from two processes at once, or again after a crash anywhere: what was decided
    is finished, not decided again.

    Raises: StoreUnavailable, LedgerCorrupt if the state cannot be read; InvariantViolation for our own bugs. From the
    commit of the intents on, failures end in a report, not in an exception.
    """
    settings = pipeline.settings
    now = ports.clock.now()
    time = RunTime(ports.clock, ports.budget, tick.deadline)
    if (reason := why_not_run(tick, now)) is not None:
        return CycleReport(tick, CycleOutcome.ABORTED, reason)
    ports.budget.begin(time.closes_at)
    lease_seconds = tick.deadline + LEASE_MARGIN_SECONDS - now
    try:
        grant = ports.store.acquire(ports.identity.scope, ports.identity.owner, now, lease_seconds)
    except LeaseHeld as held:
        return CycleReport(tick, CycleOutcome.SKIPPED, str(held))
    if grant.ledger is None and (blocker := why_not_open(settings, ports, now)) is not None:
        _give_back(ports, grant)
        return CycleReport(tick, *blocker)
    ledger = grant.ledger or open_ledger(
        ports.identity.scope, settings.app.accounting_asset, Notional(settings.app.capital)
    )
    mark = ledger.last_cycle
    if mark is not None and tick.is_in_order and (blocker := why_not_now(mark, tick, now)) is not None:
        _give_back(ports, grant)
        return CycleReport(tick, *blocker, ledger, ledger)
    run = _Run(tick, pipeline, ports, time, grant, ledger, ledger, Records(ports, time, grant, tick.cycle_id))
    if grant.ledger is None:
        # The first line of the record says what the books began with: without it they could not be made anew.
        run.notes.append(AuditNote(EventKind.FLOW_RECORDED, "opening", {"change": ledger.capital, "opening": True}))
    try:
        return _run(run, resumes=mark is not None and mark.cycle_id == tick.cycle_id)
    except (AuditError, VersionConflict, StoreUnavailable) as error:
        return _abort(run, error)


def _run(run: _Run, *, resumes: bool) -> CycleReport:
    run.ledger = _record_capital_change(run)
    state = read_trading_state(run.ports)
    view: AccountView | None = None
    if run.ports.exchange is not None:
        try:
            view, done = reconcile_account(run.ports.exchange, run.ledger, run.ports.clock, run.pipeline.settings)
        except VenueError as error:
            return _abstain(run, f"the account could not be read: {error}")
        run.adopt(done)
    if run.tick.decides and not resumes:
        _decide(run, state, view)
    plan = run.decision.plan if run.decision is not None and run.ports.exchange is not None else Plan()
    resent = find_resendable(run.ledger, run.ports.clock.now(), run.pipeline.settings)
    run.ledger = replace(run.ledger, cancels=tuple(dict.fromkeys((*run.ledger.cancels, *plan.cancels))))
    if run.ports.exchange is None or not (plan.intents or plan.conversions or resent or run.ledger.cancels):
        run.write_audit("decision", run.notes)
        run.commit(phase=CyclePhase.FINISHED, release=True)
        return _conclude(run, state)
    sending = {"until": run.tick.deadline, "resent": resent}
    run.notes.append(AuditNote(EventKind.SENDING_BEGUN, "sending", sending))
    before = run.ledger
    run.ledger = remember_plan(before, plan, resent, run.ports.clock.now(), run.tick.deadline)
    sells = any(run.ledger.orders[order_id].intent.side is Side.SELL for order_id in (*resent, *_ids_of(plan)))
    enters = bool(plan.conversions) or any(intent.is_entry for intent in plan.intents)
    run.write_audit("decision", run.notes, urgent=sells, may_owe=sells or not enters)
    if enters and run.records.is_owing:
        # What will not be entered is no entry for the pace, and no turn of a strategy.
        sales = replace(plan, intents=tuple(intent for intent in plan.intents if not intent.is_entry))
        paced = remember_plan(before, sales, resent, run.ports.clock.now(), run.tick.deadline).entry_pacing
        run.ledger = replace(run.ledger, entry_pacing=paced, strategy_runs=run.before.strategy_runs)
    run.commit(phase=CyclePhase.COMMITTED)
    written = len(run.notes)
    _act(run, plan, resent)
    run.write_audit("outcome", run.notes[written:], urgent=True)
    run.commit(phase=CyclePhase.FINISHED, release=True)
    return _conclude(run, state)


def _ids_of(plan: Plan) -> tuple[ClientOrderId, ...]:
    return tuple(intent.client_order_id for intent in plan.intents)


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
    inputs, screen = gather_inputs(run.tick, run.ledger, balances, state, pipeline, ports, run.time)
    partial = pipeline.propose(inputs, screen)
    with ports.budget.limited(run.time.entries_until(pipeline.count_turns(inputs))):
        inputs = add_depth(inputs, partial.products_to_buy(), pipeline.settings, ports.market)
    run.decision = pipeline.conclude(partial, inputs)
    run.notes += record_decision(inputs, run.decision, pipeline.settings.digest, ports.identity.code_version)
    run.ledger = run.decision.ledger


def _act(run: _Run, plan: Plan, resent: Sequence[ClientOrderId]) -> None:
    exchange = run.ports.exchange
    if exchange is None:
        return
    executor = Executor(
        ledger=run.ledger,
        settings=run.pipeline.settings,
        ports=run.ports,
        exchange=exchange,
        time=run.time,
        is_recorded=not run.records.is_owing,
        commit=lambda ledger: _commit_within(run, ledger),
        on_reconciled=run.keep,
    )
    executor.execute(plan, resent)
    executor.refresh()
    run.ledger = replace(executor.ledger, cancels=())
    run.notes += executor.notes
    run.withheld_exits = executor.withheld_exits
    for record in run.ledger.active_orders():
        intent = record.intent
        if record.is_in_doubt and intent.side is Side.SELL and intent.lot_id in run.ledger.lots:
            run.withheld_exits.setdefault(intent.client_order_id, f"in doubt: {record.note}")


def _commit_within(run: _Run, ledger: Ledger) -> None:
    run.ledger = ledger
    run.commit(phase=CyclePhase.COMMITTED)


def _conclude(run: _Run, state: TradingState) -> CycleReport:
    if state is TradingState.HALT:
        return run.report(CycleOutcome.HALTED, "the kill switch says HALT or could not be read")
    overdue = [*_denied_exits(run), *(f"{order_id}: {why}" for order_id, why in sorted(run.withheld_exits.items()))]
    if overdue:
        reason = f"{len(overdue)} sales or protections were due and did not leave: {'; '.join(overdue)}"
        return run.report(CycleOutcome.ABORTED, reason)
    if run.decision is not None and not run.decision.complete:
        cause = next(iter(run.decision.failures), "nobody knows why")
        return run.report(CycleOutcome.ABSTAINED, f"too much market data is missing for any entry: {cause}")
    if run.records.is_owing:
        reason = f"the audit record could not be stored and is owed, nothing was entered: {run.records.trouble}"
        return run.report(CycleOutcome.ABORTED, reason)
    return run.report(CycleOutcome.COMPLETED)


def _denied_exits(run: _Run) -> list[str]:
    """Name the sales that were due and became no order for want of what only the venue can tell."""
    if run.decision is None or run.ports.exchange is None:
        return []
    denied = (*run.decision.review.denials, *run.decision.plan.denials)
    return [
        f"{each.product_id}: {each.code}"
        for each in denied
        if each.code in _BLINDING and each.proposal is not None and each.proposal.reduces
    ]


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
