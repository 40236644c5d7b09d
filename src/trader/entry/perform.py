"""What each request becomes: a tick, a look between two ticks, or a run for an event. The same on every machine."""

from __future__ import annotations

from trader.cycle import CycleOutcome, CycleReport
from trader.cycle.wake import follow_switch, obey_command, run_tick
from trader.cycle.watch import make_watch_tick, run_watch
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.model.commands import Command
from trader.model.frozen import replace
from trader.model.ids import Instant, cycle_id_at, run_id_at
from trader.model.inputs import Tick
from trader.ports import Ports
from trader.stages.pipeline import Pipeline


def perform(
    request: RunTick | RunWatch | SwitchChanged | Command, pipeline: Pipeline, ports: Ports, remaining_seconds: int
) -> CycleReport:
    """Do what an event asks for, done before the time that is left runs out.

    An event is acted on now, whenever it was said; a repeated delivery of it names the same run.
    Raises: CommandRefused, LeaseHeld if a command or a change of the switch waited in vain, and as ``run_cycle``.
    """
    now, cycle = ports.clock.now(), pipeline.settings.cycle
    deadline = Instant(now + min(remaining_seconds, cycle.run_seconds))
    match request:
        case RunTick(at):
            return run_tick(Tick(cycle_id_at(at), at, deadline), pipeline, ports)
        case RunWatch(at):
            tick = make_watch_tick(at, now, cycle.period_seconds)
            return run_watch(replace(tick, deadline=min(tick.deadline, deadline)), pipeline, ports)
        case SwitchChanged(at, event_id):
            return follow_switch(at, Tick(run_id_at(at, "switch", event_id), now, deadline), pipeline, ports)
        case Command(kind=kind, issued_at=at, command_id=event_id):
            return obey_command(request, Tick(run_id_at(at, kind, event_id), now, deadline), pipeline, ports)


def note_key_trouble(report: CycleReport, trouble: str) -> CycleReport:
    """Let a run that did not end well say why a key that the venue refused was not replaced, if that was so.

    Whatever it ended for, such as quotes that could not be read, a person has to hear of the key.
    """
    if not trouble or report.outcome in (CycleOutcome.COMPLETED, CycleOutcome.SKIPPED):
        return report
    reason = report.reason if trouble in report.reason else f"{report.reason}; the venue refused our key: {trouble}"
    return replace(report, reason=reason, is_key_refused=True)
