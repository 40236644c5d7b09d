"""The Lambda function: an event in, one command run, a summary out. Failures are raised, so that alarms see them."""

from __future__ import annotations

# The imports below make a great many objects and no garbage; collecting in between would only cost start-up time.
import gc

gc.disable()

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

from trader.adapters.coinbase.auth import hide_tokens
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import Command, Operate, Operation, RunTick, SwitchChanged, parse_event
from trader.entry.runtime import Runtime, WakingEvent
from trader.errors import TraderError
from trader.model.events import EventKind
from trader.model.ids import Instant


class _Redacting(LambdaPowertoolsFormatter):
    """Whatever reaches the log passes here last: nothing that looks like a key or a token gets through."""

    def serialize(self, log: Any) -> str:
        return hide_tokens(super().serialize(log))


class CycleAborted(TraderError):
    """The cycle stopped on the way; what it had committed is finished by the next one."""


# Service and namespace come from the template's environment: the alarms look for exactly those.
logger = Logger(logger_formatter=_Redacting(), level=os.environ.get("TRADER_LOG_LEVEL", "INFO"))
metrics = Metrics()
_runtime: Runtime | None = None


def _get_runtime() -> Runtime:
    global _runtime  # noqa: PLW0603 - kept between invocations of one process, which is what makes them cheap
    if _runtime is None:
        try:
            _runtime = Runtime.build(os.environ)
            # Everything made so far lives as long as the process: it need not be looked through again and again.
            gc.freeze()
        finally:
            # A process that cannot build it is invoked again, and must not keep what each attempt leaves behind.
            gc.enable()
    return _runtime


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: Any, context: Any) -> dict[str, Any]:
    """Do what the event asks for. Raises: whatever went wrong, after it was logged."""
    try:
        command = parse_event(event)
        runtime = _get_runtime()
        if isinstance(command, Operate) and command.operation is Operation.STATUS:
            return runtime.status()
        flatten = isinstance(command, Operate) and command.operation is Operation.FLATTEN
        decides = not (isinstance(command, Operate) and command.operation is Operation.RECONCILE)
        remaining = int(context.get_remaining_time_in_millis() / 1000)
        begun = time.perf_counter()
        report = runtime.run(
            _instant_of(command), remaining, woken_by=_event_of(command, context), flatten=flatten, decides=decides
        )
        metrics.add_metric("CycleSeconds", MetricUnit.Seconds, time.perf_counter() - begun)
    except Exception as error:
        logger.error("failed", extra={"error": type(error).__name__, "detail": str(error)})
        raise
    return _conclude(report)


def _instant_of(command: Command) -> Instant | None:
    return command.scheduled_at if isinstance(command, RunTick) else None


def _event_of(command: Command, context: Any) -> WakingEvent | None:
    """Name the event that woke a run that is no tick: it is acted on now, whenever it was said.

    A direct invocation has no event id: the request's own stands for it, which a repeated delivery keeps.
    """
    if isinstance(command, Operate):
        return WakingEvent(command.operation, str(context.aws_request_id))
    return WakingEvent("switch", command.event_id, command.changed_at) if isinstance(command, SwitchChanged) else None


def _conclude(report: CycleReport) -> dict[str, Any]:
    outcome = report.outcome
    summary = {"cycle": report.tick.cycle_id, "outcome": outcome.value, "reason": report.reason}
    sent = sum(note.kind == "OrderSubmitted" for note in report.notes)
    counted = {
        "CyclesCompleted": outcome is CycleOutcome.COMPLETED,
        "CyclesAbstained": outcome is CycleOutcome.ABSTAINED,
        "CyclesHalted": outcome is CycleOutcome.HALTED,
        "CyclesAborted": outcome is CycleOutcome.ABORTED,
        "OrdersSent": sent,
    }
    if outcome is not CycleOutcome.SKIPPED:
        # A run that was skipped has looked at nothing: nobody may read an all-clear into it.
        counted["Exposed"] = len(report.exposed)
    # What is seldom anything is published only then: a metric is paid for by the hour it is published in.
    seldom = {
        "ExitsWithheld": len(report.withheld_exits),
        "AuditOwed": len(report.after.owed) + report.after.unrecorded if report.after else 0,
    }
    counted |= {name: count for name, count in seldom.items() if count}
    for name, count in counted.items():
        metrics.add_metric(name, MetricUnit.Count, int(count))
    if report.ledger_bytes:
        metrics.add_metric("LedgerBytes", MetricUnit.Bytes, report.ledger_bytes)
    if report.decision is not None and report.decision.equity is not None:
        metrics.add_metric("Equity", MetricUnit.NoUnit, float(report.decision.equity))
    failed = report.decision.failed_strategies if report.decision is not None else ()
    if failed:
        # Only then: a metric is paid for in every month that it is seen in.
        metrics.add_metric("StrategiesFailed", MetricUnit.Count, len(failed))
    for note in report.notes:
        if note.kind is EventKind.STRATEGY_FAILED:
            logger.error("strategy failed", extra={**summary, **note.body})
    logger.info("cycle", extra={**summary, "orders_sent": sent, "fills": len(report.new_fills)})
    if outcome is CycleOutcome.ABORTED:
        raise CycleAborted(f"cycle {report.tick.cycle_id}: {report.reason}")
    return {**summary, "orders_sent": sent, "fills": len(report.new_fills)}
