"""A look between two ticks. It takes no lease and writes nothing, unless something is due; then a run is made of it.

Nothing that was read without the lease is used after it: the run reads everything anew.
"""

from __future__ import annotations

from trader.cycle.account import reconcile_account
from trader.cycle.gather import gather_inputs, read_trading_state
from trader.cycle.report import CycleOutcome, CycleReport
from trader.cycle.run import run_cycle
from trader.cycle.run_time import RunTime
from trader.cycle.wake import run_next
from trader.errors import VenueError
from trader.model.frozen import replace
from trader.model.ids import Instant, run_id_at
from trader.model.inputs import Tick
from trader.model.orders import OrderPurpose
from trader.ports import ExchangeAdapter, Ports, StateReading
from trader.stages.execution.protection import find_exposed
from trader.stages.pipeline import Pipeline
from trader.stages.reconcile.doubts import find_resendable

#: A watch run is short, and is over before the next tick.
_WATCH_SECONDS = 45
_BEFORE_TICK_SECONDS = 10


def make_watch_tick(scheduled_at: Instant, now: Instant, period_seconds: int) -> Tick:
    """Make the run of a watch that was scheduled for an instant: it ends before the tick that comes next."""
    next_tick = (scheduled_at // period_seconds + 1) * period_seconds
    deadline = min(now + _WATCH_SECONDS, next_tick - _BEFORE_TICK_SECONDS)
    return Tick(run_id_at(scheduled_at, "watch"), scheduled_at, Instant(deadline))


def run_watch(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Look at what is held and worked, and run if something is due; else SKIPPED, with what there was to say.

    At the instant of a tick nothing is looked at: the tick does. Raises: as ``run_cycle``.
    """
    now = ports.clock.now()
    if tick.scheduled_at % pipeline.settings.cycle.period_seconds == 0:
        return CycleReport(tick, CycleOutcome.SKIPPED, "the tick of this instant looks")
    if tick.deadline <= now:
        return CycleReport(tick, CycleOutcome.SKIPPED, "the next tick is too near")
    ports.budget.begin(RunTime(ports.clock, ports.budget, tick.deadline).closes_at, only_looks=True)
    reading = ports.store.look(ports.identity.scope)
    if reading.is_held(now):
        return CycleReport(tick, CycleOutcome.SKIPPED, f"{reading.owner} is busy")
    try:
        due = _find_due(reading, tick, pipeline, ports)
    except VenueError as error:
        return CycleReport(tick, CycleOutcome.SKIPPED, f"the venue could not be looked at: {error}")
    if due is None:
        return CycleReport(tick, CycleOutcome.SKIPPED, "nothing is due")
    return replace(run_next(run_cycle(tick, pipeline, ports), pipeline, ports), due=due)


def _find_due(reading: StateReading, tick: Tick, pipeline: Pipeline, ports: Ports) -> str | None:
    """Say what is due: a command, a fill, an exit, a repair, an order to move; or None."""
    ledger, settings = reading.ledger, pipeline.settings
    if ledger is None:
        return None
    if new := reading.commands.find_new(ledger.applied_commands):
        return f"command {new[0].slot}"
    settled = Instant(ports.clock.now() - settings.cycle.quiet_period_seconds)
    if ports.exchange is None or not (
        ledger.lots or ledger.parents or any(each.awaits_fills(settled) for each in ledger.orders.values())
    ):
        return None
    return _find_due_at(ports.exchange, reading, tick, pipeline, ports)


def _find_due_at(
    exchange: ExchangeAdapter, reading: StateReading, tick: Tick, pipeline: Pipeline, ports: Ports
) -> str | None:
    before, settings = reading.ledger, pipeline.settings
    if before is None:
        return None
    view, done = reconcile_account(exchange, before, ports, settings)
    ledger = done.ledger
    # What is only forgotten for its age is no news, and leaves no note.
    if done.new_fills or (
        done.notes and (ledger.lots, ledger.orders, ledger.parents) != (before.lots, before.orders, before.parents)
    ):
        return "what the venue reports"
    now = ports.clock.now()
    if find_resendable(ledger, now, settings):
        return "an order in doubt"
    state = reading.commands.trading_state(read_trading_state(ports))
    quiet = settings.cycle.quiet_period_seconds
    if state.permits(OrderPurpose.PROTECTION) and find_exposed(ledger, now, quiet):
        return "a lot without protection"
    time = RunTime(ports.clock, ports.budget, tick.deadline)
    inputs, screen = gather_inputs(tick, ledger, view.balances, state, pipeline, ports, time, reading.commands)
    plan = pipeline.conclude(pipeline.propose(inputs, screen), inputs).plan
    is_due = plan.intents or plan.cancels or plan.conversions or plan.parents
    return "an exit or an order to move" if is_due else None
