"""Runs that wait for the lease: ticks for a minute, commands and changes of the switch as long as they may.

An event carries no decision. A command writes its slot, and from then on it stands, whatever becomes of its invocation;
what follows is an ordinary run, by whoever gets the lease first.
"""

from __future__ import annotations

from collections.abc import Callable

from trader.cycle.alarms import ATTENTION, give_report
from trader.cycle.gather import read_trading_state
from trader.cycle.report import CycleOutcome, CycleReport
from trader.cycle.run import run_cycle
from trader.errors import CommandRefused, LeaseHeld
from trader.model.commands import Command
from trader.model.frozen import replace
from trader.model.ids import Instant, run_id_at
from trader.model.inputs import Tick
from trader.ports import Ports, StateReading
from trader.stages.commands import is_done, why_refuse
from trader.stages.pipeline import Pipeline

#: A tick waits so long for a run that is still busy; then it is skipped, and the next one is due.
_TICK_WAITS_SECONDS = 60
#: A run that has less time than this cannot do much: it is not begun any more.
_RUN_SECONDS_MIN = 30
#: After a run that a command came too late for, so many more are made at once.
_NEXT_RUNS_MAX = 3


def run_tick(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Run the cycle of a tick, after a run that is still busy; SKIPPED if that takes too long.

    Raises: as ``run_cycle``.
    """
    until = min(Instant(ports.clock.now() + _TICK_WAITS_SECONDS), _latest_start(tick))
    report = run_cycle(tick, pipeline, ports)
    # It is asked for before anything is looked at: most of the time it is free.
    if not _was_held(report):
        return run_next(report, pipeline, ports)
    try:
        return _run_when_free(tick, lambda _: False, pipeline, ports, until)
    except LeaseHeld as held:
        # Only who waited for it knows; the next tick tells when it is over.
        give_report(ports, ATTENTION, (f"a tick waited {_TICK_WAITS_SECONDS} s in vain: {held}",))
        return CycleReport(tick, CycleOutcome.SKIPPED, str(held))


def obey_command(command: Command, tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Let a command stand, and run at once; SKIPPED if another run has acted on it meanwhile.

    A run that leaves something of it to be done, as a lot that found no buyer, is ABORTED: the command stands, and
    whoever sent it shall not read that it is done.
    Raises: CommandRefused, LeaseHeld if another run was busy all the time (the command stands), else as ``run_cycle``.
    """
    scope = ports.identity.scope
    reading = ports.store.look(scope)
    standing = reading.commands.slots.get(command.slot)
    if standing is None or standing.text() < command.text():
        switch = read_trading_state(ports)
        strategies, now = pipeline.settings.strategies, ports.clock.now()
        refusal = why_refuse(command, reading.ledger, reading.commands, switch, now, strategies)
        if refusal is not None:
            raise CommandRefused(f"{command.slot}: {refusal}")
        ports.store.write_command(scope, command)
    report = _run_when_free(tick, lambda seen: _has_done(seen, command, ports), pipeline, ports, _latest_start(tick))
    if report.outcome not in (CycleOutcome.COMPLETED, CycleOutcome.ABSTAINED):
        return report
    if _has_done(ports.store.look(scope), command, ports):
        # It abstained from what nobody asked for: no run but a tick enters anything.
        return replace(report, outcome=CycleOutcome.COMPLETED)
    if report.outcome is CycleOutcome.ABSTAINED:
        return report
    return replace(report, outcome=CycleOutcome.ABORTED, reason=f"{command.slot} stands: not all of it is done yet")


def _has_done(seen: StateReading, command: Command, ports: Ports) -> bool:
    return seen.ledger is not None and is_done(command, seen.ledger, seen.commands, ports.clock.now())


def follow_switch(changed_at: Instant, tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Run at once after a change of the switch; SKIPPED if a run that began after it has finished.

    Raises: LeaseHeld if another run was busy all the time, else as ``run_cycle``.
    """

    def is_followed(seen: StateReading) -> bool:
        last = seen.ledger.last_run if seen.ledger is not None else None
        return last is not None and last.began_at > changed_at

    return _run_when_free(tick, is_followed, pipeline, ports, _latest_start(tick))


def _latest_start(tick: Tick) -> Instant:
    return Instant(tick.deadline - _RUN_SECONDS_MIN)


def _run_when_free(
    tick: Tick, is_over: Callable[[StateReading], bool], pipeline: Pipeline, ports: Ports, until: Instant
) -> CycleReport:
    while True:
        if is_over(_await_lease(ports, until)):
            return CycleReport(tick, CycleOutcome.SKIPPED, "another run has seen to it")
        report = run_cycle(tick, pipeline, ports)
        # Between the look and the lease another may have taken it: then that one is waited for.
        if not _was_held(report):
            return run_next(report, pipeline, ports)


def _was_held(report: CycleReport) -> bool:
    """Whether a run ended before it read anything, because another held the lease."""
    return report.outcome is CycleOutcome.SKIPPED and report.before is None


def _await_lease(ports: Ports, until: Instant) -> StateReading:
    """Ask once a second whether the lease is free, writing nothing. Raises: LeaseHeld when the time is over."""
    # Counted as well, so that a clock that stands still keeps nobody here for ever.
    left = until - ports.clock.now()
    while True:
        reading, now = ports.store.look(ports.identity.scope), ports.clock.now()
        if not reading.is_held(now):
            return reading
        if left <= 0 or now >= until:
            raise LeaseHeld(reading.owner, reading.expires_at)
        ports.clock.wait(1)
        left -= 1


def run_next(report: CycleReport, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """Run again for commands that came while a run was about to end; return the worst report, with what all did."""
    for _ in range(_NEXT_RUNS_MAX):
        now, deadline = ports.clock.now(), report.tick.deadline
        if not report.is_outdated or deadline - now < _RUN_SECONDS_MIN:
            break
        tick = Tick(run_id_at(now, "next", report.tick.cycle_id), now, deadline)
        following = run_cycle(tick, pipeline, ports)
        if following.outcome is CycleOutcome.SKIPPED:
            break
        worst = following if report.outcome is not CycleOutcome.ABORTED else replace(report, is_outdated=False)
        notes, fills = (*report.notes, *following.notes), (*report.new_fills, *following.new_fills)
        after = following.after or report.after
        report = replace(worst, before=report.before, after=after, notes=notes, new_fills=fills)
    return report
