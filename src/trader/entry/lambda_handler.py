"""The Lambda function: an event in, one command run, a summary out. Failures are raised, so that alarms see them."""

from __future__ import annotations

# The imports below make a great many objects and no garbage; collecting in between would only cost start-up time.
import gc

gc.disable()

import os
import time
from typing import Any

from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import AskStatus, Request, RunTick, RunWatch, parse_event
from trader.entry.runtime import Runtime
from trader.entry.telemetry import logger, write_heartbeat
from trader.errors import TraderError
from trader.model.commands import Command
from trader.model.ids import Instant


class CycleAborted(TraderError):
    """The cycle stopped on the way; what it had committed is finished by the next one."""


_runtime: Runtime | None = None


def _get_runtime() -> Runtime:
    global _runtime  # noqa: PLW0603 - kept between invocations of one process, which is what makes them cheap
    if _runtime is None:
        try:
            _runtime = Runtime.build(os.environ)
            # Everything made so far lives as long as the process: it need not be looked through again and again.
            if not gc.get_freeze_count():
                gc.freeze()
        finally:
            # A process that cannot build it is invoked again, and must not keep what each attempt leaves behind.
            gc.enable()
    return _runtime


def _forget_runtime() -> None:
    global _runtime  # noqa: PLW0603 - see above
    # The key of the next invocation is read from where it is stored, whatever was wrong with this one.
    _runtime = None


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, Any]:
    """Do what the event asks for. Raises: whatever went wrong, after it was logged."""
    try:
        request = parse_event(event, Instant(int(time.time())), str(context.aws_request_id))
        runtime = _get_runtime()
        if isinstance(request, AskStatus):
            return runtime.status()
        remaining = int(context.get_remaining_time_in_millis() / 1000)
        begun = time.perf_counter()
        report = runtime.run(request, remaining)
        if report.is_key_refused:
            _forget_runtime()
    except Exception as error:
        logger.error("failed", extra={"error": type(error).__name__, "detail": str(error)})
        raise
    return _conclude(report, request, time.perf_counter() - begun)


def _conclude(report: CycleReport, request: Request, seconds: float) -> dict[str, Any]:
    outcome = report.outcome
    summary = {"cycle": report.tick.cycle_id, "outcome": outcome.value, "reason": report.reason}
    if isinstance(request, RunWatch) and outcome is CycleOutcome.SKIPPED:
        # Once a minute, and there is nothing to tell.
        logger.debug("watch", extra=summary)
        return summary
    if isinstance(request, RunTick):
        write_heartbeat(report)
    told: dict[str, Any] = {
        **summary,
        "orders_sent": sum(note.kind == "OrderSubmitted" for note in report.notes),
        "fills": len(report.new_fills),
    }
    logger.info("cycle", extra={**told, **_measure(report, seconds)})
    is_unheard = outcome is CycleOutcome.ABSTAINED and isinstance(request, Command)
    if outcome is CycleOutcome.ABORTED or is_unheard or report.is_key_refused:
        # A command that could not be acted on comes again; it stands meanwhile. A key is for a person to replace.
        raise CycleAborted(f"cycle {report.tick.cycle_id}: {report.reason}")
    return told


def _measure(report: CycleReport, seconds: float) -> dict[str, Any]:
    """Name what is worth a line of the log, and no metric: that is paid for by the hour it is published in."""
    measured: dict[str, Any] = {"seconds": round(seconds, 1)}
    if report.due:
        measured["due"] = report.due
    if report.ledger_bytes:
        measured["ledger_bytes"] = report.ledger_bytes
    if report.decision is not None and report.decision.equity is not None:
        measured["equity"] = str(report.decision.equity)
    return measured
