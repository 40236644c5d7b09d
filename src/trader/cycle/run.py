"""One cycle, in the order of docs: lease, account, reconcile, market, decide, record, commit, act, settle."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from trader.cycle.account import reconcile_account
from trader.cycle.act import Executor
from trader.cycle.admission import why_not_now, why_not_open, why_not_run
from trader.cycle.alarms import (
    ATTENTION,
    EXPOSED,
    count_unread,
    give_report,
    list_attention,
    note_found,
    note_ringing,
    note_suspects,
    note_zeros,
)
from trader.cycle.capital import record_capital_change
from trader.cycle.checkpoint import note_month, write_checkpoint
from trader.cycle.gather import add_depth, gather_inputs, read_switch
from trader.cycle.records import Records
from trader.cycle.report import CycleOutcome, CycleReport
from trader.cycle.run_state import RunState
from trader.cycle.run_time import LEASE_MARGIN_SECONDS, RunTime
from trader.errors import AuditError, LeaseHeld, StoreUnavailable, VenueAuth, VenueError, VersionConflict
from trader.model.cycle_state import CyclePhase
from trader.model.decisions import Plan
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId
from trader.model.inputs import AccountView, Tick
from trader.model.ledger import open_ledger
from trader.model.money import Notional
from trader.model.orders import OrderPurpose, Side
from trader.model.trading_state import TradingState
from trader.ports import LeaseGrant, Ports
from trader.stages.audit_record import open_day, record_unlisted
from trader.stages.execution.protection import find_exposed, why_exposed
from trader.stages.pipeline import Pipeline
from trader.stages.reconcile.doubts import find_resendable
from trader.stages.submission import remember_parents, remember_plan
from trader.stages.universe.checks import count_failure

#: What keeps a due sale from becoming an order, and no decision of ours does.
_BLINDING = frozenset(
    {DenialCode.QUOTE_MISSING, DenialCode.PRODUCT_MISSING, DenialCode.ORDER_IN_DOUBT, DenialCode.LEDGER_NEWER}
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
    if ledger.products is not None:
        ledger = ledger.with_products(ledger.products.drop_unusable())
    mark = ledger.last_cycle
    if mark is not None and tick.decides and (blocker := why_not_now(mark, tick, now)) is not None:
        _give_back(ports, grant)
        return CycleReport(tick, *blocker, ledger, ledger, ledger_bytes=grant.size_bytes)
    if tick.decides:
        ledger = open_day(ledger, tick.cycle_id)
    ledger = note_month(ledger, ports, now)
    records = Records(ports, time, grant, tick.cycle_id)
    run = RunState(tick, pipeline, ports, time, now, grant, ledger, ledger, records, grant.commands)
    if grant.ledger is None:
        # The first line of the record says what the books began with: without it they could not be made anew.
        run.notes.append(AuditNote(EventKind.FLOW_RECORDED, "opening", {"change": ledger.capital, "opening": True}))
    try:
        return _run(run, resumes=mark is not None and mark.cycle_id == tick.cycle_id)
    except (AuditError, VersionConflict, StoreUnavailable) as error:
        return _abort(run, error)


def _run(run: RunState, *, resumes: bool) -> CycleReport:
    note_suspects(run)
    record_capital_change(run)
    switch = read_switch(run.ports)
    run.ledger = count_unread(run.ledger, switch)
    state = run.commands.trading_state(switch or TradingState.HALT)
    view: AccountView | None = None
    if run.ports.exchange is not None:
        try:
            view, done = reconcile_account(run.ports.exchange, run.ledger, run.ports, run.pipeline.settings)
        except VenueError as error:
            reason = f"the account could not be read: {error}"
            return _abstain(run, reason, is_key_refused=isinstance(error, VenueAuth))
        run.adopt(done)
    if not resumes:
        _decide(run, state, view)
    plan = run.decision.plan if run.decision is not None and run.ports.exchange is not None else Plan()
    run.ledger = remember_parents(run.ledger, plan.parents)
    resent = find_resendable(run.ledger, run.ports.clock.now(), run.pipeline.settings)
    if plan.cancels:
        run.ledger = replace(run.ledger, cancels=tuple(dict.fromkeys((*run.ledger.cancels, *plan.cancels))))
    is_due = bool(plan.intents or plan.conversions or resent or run.ledger.cancels)
    if run.ports.exchange is None or not (is_due or _lies_open(run, state)):
        return _finish(run, state, "decision")
    sending = {"until": run.tick.deadline, "resent": resent}
    run.notes.append(AuditNote(EventKind.SENDING_BEGUN, "sending", sending))
    run.ledger = remember_plan(run.ledger, plan, resent, run.ports.clock.now(), run.tick.deadline)
    sells = any(run.ledger.orders[order_id].intent.side is Side.SELL for order_id in (*resent, *_ids_of(plan)))
    enters = bool(plan.conversions) or any(intent.is_entry for intent in plan.intents)
    run.write_audit("decision", urgent=sells, may_owe=sells or not enters)
    if enters and run.records.is_owing:
        # What will not be entered is no turn of a strategy; its place in the pace comes back with it.
        run.ledger = replace(run.ledger, strategy_runs=run.before.strategy_runs)
    run.commit(phase=CyclePhase.COMMITTED)
    _act(run, plan, resent)
    return _finish(run, state, "outcome")


def _finish(run: RunState, state: TradingState, part: str) -> CycleReport:
    """Write the last record, store the ledger and give the lease back."""
    _name_exposed(run)
    run.apply_commands()
    run.note_bars()
    write_checkpoint(run)
    run.write_audit(part, urgent=part == "outcome")
    overdue = _list_overdue(run, state)
    outcome, reason = _conclude(run, state, overdue)
    found = {EXPOSED: overdue, ATTENTION: list_attention(run)}
    # Whoever abstained has not seen enough to say that all is well; while one took too long, another may have looked.
    is_blind = outcome is CycleOutcome.ABSTAINED or run.ports.clock.now() > run.tick.deadline
    note_zeros(run, found, is_blind=is_blind)
    run.mark_finished(outcome, reason)
    run.commit(phase=CyclePhase.FINISHED, release=True)
    note_found(run, found)
    return run.report(outcome, reason)


def _ids_of(plan: Plan) -> tuple[ClientOrderId, ...]:
    return tuple(intent.client_order_id for intent in plan.intents)


def _decide(run: RunState, state: TradingState, view: AccountView | None) -> None:
    pipeline, ports = run.pipeline, run.ports
    balances = view.balances if view is not None else None
    inputs, screen = gather_inputs(run.tick, run.ledger, balances, state, pipeline, ports, run.time, run.commands)
    if run.grant.size_bytes or run.grant.size_max:
        inputs = replace(inputs, ledger_bytes=run.grant.size_bytes, ledger_bytes_max=run.grant.size_max // 2)
    partial = pipeline.propose(inputs, screen)
    if wanted := partial.products_to_buy():
        with ports.budget.limited(run.time.entries_until(pipeline.count_turns(inputs))):
            inputs = add_depth(inputs, wanted, pipeline.settings, ports.market)
    run.notes += record_unlisted(run.ledger.products, inputs.ledger.products)
    run.decide(inputs, pipeline.conclude(partial, inputs))


def _act(run: RunState, plan: Plan, resent: Sequence[ClientOrderId]) -> None:
    exchange = run.ports.exchange
    if exchange is None:
        return
    run.renew_commands()
    executor = Executor(
        ledger=run.ledger,
        settings=run.pipeline.settings,
        ports=run.ports,
        exchange=exchange,
        commands=run.grant.commands,
        time=run.time,
        run_id=run.tick.cycle_id,
        is_recorded=not run.records.is_owing,
        commit=run.commit_turn,
        announce=run.announce,
        on_reconciled=run.keep,
        notes=run.notes,
        withheld_exits=run.withheld_exits,
        exposed=run.exposed,
        strange=run.strange,
    )
    executor.execute(plan, resent)
    run.ledger = replace(executor.ledger, cancels=())
    for record in run.ledger.active_orders:
        intent = record.intent
        if record.is_in_doubt and intent.side is Side.SELL and intent.lot_id in run.ledger.lots:
            run.withheld_exits.setdefault(intent.client_order_id, f"in doubt: {record.note}")


def _list_overdue(run: RunState, state: TradingState) -> list[str]:
    """List the sales and protections that were due and did not leave; under HALT the lots that lie open only."""
    overdue = [f"lot {lot_id} is neither covered nor being sold: {why}" for lot_id, why in run.exposed.items()]
    if state is TradingState.HALT:
        return overdue
    withheld = (f"{order_id}: {why}" for order_id, why in sorted(run.withheld_exits.items()))
    return [*_denied_exits(run), *withheld, *overdue]


def _conclude(run: RunState, state: TradingState, overdue: Sequence[str]) -> tuple[CycleOutcome, str]:
    if state is TradingState.HALT:
        return CycleOutcome.HALTED, "the kill switch says HALT or could not be read"
    if overdue:
        reason = f"{len(overdue)} sales or protections were due and did not leave: {'; '.join(overdue)}"
        return CycleOutcome.ABORTED, reason
    if run.strange:
        return CycleOutcome.ABORTED, f"a person should know: {'; '.join(run.strange.values())}"
    if run.decision is not None and not run.decision.complete:
        cause = next(iter(run.decision.failures), "nobody knows why")
        return CycleOutcome.ABSTAINED, f"too much market data is missing for any entry: {cause}"
    if run.records.is_owing:
        reason = f"the audit record could not be stored and is owed, nothing was entered: {run.records.trouble}"
        return CycleOutcome.ABORTED, reason
    return CycleOutcome.COMPLETED, ""


def _lies_open(run: RunState, state: TradingState) -> bool:
    """Whether a lot is uncovered and nothing was decided for it, as where its price is unknown: it is acted on too."""
    quiet = run.pipeline.settings.cycle.quiet_period_seconds
    now = run.ports.clock.now()
    return state.permits(OrderPurpose.PROTECTION) and bool(find_exposed(run.ledger, now, quiet))


def _name_exposed(run: RunState) -> None:
    """Keep, of the lots that something went wrong with, those that are exposed when all is done; add the others."""
    if run.ports.exchange is None:
        return
    now, quiet = run.ports.clock.now(), run.pipeline.settings.cycle.quiet_period_seconds
    run.exposed = {
        lot_id: run.exposed.get(lot_id) or why_exposed(run.ledger, lot_id, now, quiet)
        for lot_id in find_exposed(run.ledger, now, quiet)
    }
    run.notes += [
        AuditNote(EventKind.LOT_EXPOSED, lot_id, {"lot": lot_id, "reason": why}) for lot_id, why in run.exposed.items()
    ]


def _denied_exits(run: RunState) -> list[str]:
    """Name the sales that were due and became no order for want of what only the venue can tell."""
    if run.decision is None or run.ports.exchange is None:
        return []
    denied = (*run.decision.review.denials, *run.decision.plan.denials)
    return [
        f"{each.product_id}: {each.code}"
        for each in denied
        if each.code in _BLINDING and each.proposal is not None and each.proposal.reduces
    ]


def _abstain(run: RunState, reason: str, *, is_key_refused: bool) -> CycleReport:
    """End a cycle that cannot know where it stands: count the failure of a tick, change nothing else."""
    streak, risk = run.ledger.failure_streak, run.pipeline.settings.risk
    if run.tick.decides:
        streak = count_failure(streak, risk, run.ports.clock.now(), data_complete=False)
    run.ledger = replace(run.ledger, failure_streak=streak)
    _name_exposed(run)
    run.notes.append(AuditNote(EventKind.CYCLE_SETTLED, "abstained", {"reason": reason, "failure_streak": streak}))
    run.write_audit("decision")
    run.mark_finished(CycleOutcome.ABSTAINED, reason)
    if is_key_refused:
        note_ringing(run, ATTENTION)
    run.commit(phase=CyclePhase.FINISHED, release=True)
    if is_key_refused:
        # Only a person can replace a key.
        give_report(run.ports, ATTENTION, (reason,))
    return replace(run.report(CycleOutcome.ABSTAINED, reason), is_key_refused=is_key_refused)


def _abort(run: RunState, error: Exception) -> CycleReport:
    """Stop where we are. What was committed is finished by the next cycle; the lease is given back if it is ours."""
    _give_back(run.ports, run.grant)
    return run.report(CycleOutcome.ABORTED, f"{type(error).__name__}: {error}")


def _give_back(ports: Ports, grant: LeaseGrant) -> None:
    # Another may have taken it over meanwhile; and a lease that stays ends by itself.
    with contextlib.suppress(VersionConflict, StoreUnavailable):
        ports.store.release(grant)
