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
from trader.entry.events import AskStatus, Request, RunTick, RunWatch, parse_event
from trader.entry.runtime import Runtime
from trader.errors import TraderError
from trader.model.commands import Command
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
        request = parse_event(event, Instant(int(time.time())), str(context.aws_request_id))
        runtime = _get_runtime()
        if isinstance(request, AskStatus):
            return runtime.status()
        remaining = int(context.get_remaining_time_in_millis() / 1000)
        begun = time.perf_counter()
        report = runtime.run(request, remaining)
        if not isinstance(request, RunWatch):
            metrics.add_metric("CycleSeconds", MetricUnit.Seconds, time.perf_counter() - begun)
    except Exception as error:
        logger.error("failed", extra={"error": type(error).__name__, "detail": str(error)})
        raise
    return _conclude(report, request)


def _conclude(report: CycleReport, request: Request) -> dict[str, Any]:
    outcome = report.outcome
    summary = {"cycle": report.tick.cycle_id, "outcome": outcome.value, "reason": report.reason}
    if isinstance(request, RunWatch) and outcome is CycleOutcome.SKIPPED:
        # Once a minute, and there is nothing to tell.
        logger.debug("watch", extra=summary)
        return summary
    counted = _count(report, is_tick=isinstance(request, RunTick))
    for name, count in counted.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    if report.ledger_bytes:
        metrics.add_metric("LedgerBytes", MetricUnit.Bytes, report.ledger_bytes)
    if report.decision is not None and report.decision.equity is not None:
        metrics.add_metric("Equity", MetricUnit.NoUnit, float(report.decision.equity))
    for note in report.notes:
        if note.kind is EventKind.STRATEGY_FAILED:
            logger.error("strategy failed", extra={**summary, **note.body})
    told = {**summary, "orders_sent": counted["OrdersSent"], "fills": len(report.new_fills)}
    logger.info("cycle", extra={**told, **({"due": report.due} if report.due else {})})
    is_unheard = outcome is CycleOutcome.ABSTAINED and isinstance(request, Command)
    if outcome is CycleOutcome.ABORTED or is_unheard:
        # A command that could not be acted on comes again; it stands meanwhile.
        raise CycleAborted(f"cycle {report.tick.cycle_id}: {report.reason}")
    return told


def _count(report: CycleReport, *, is_tick: bool) -> dict[str, int]:
    """Count for the alarms what this run was, and what they look for in it."""
    outcome = report.outcome
    counted = {
        "CyclesAbstained": outcome is CycleOutcome.ABSTAINED,
        "CyclesHalted": outcome is CycleOutcome.HALTED,
        "CyclesAborted": outcome is CycleOutcome.ABORTED,
        "OrdersSent": sum(note.kind == "OrderSubmitted" for note in report.notes),
    }
    if is_tick:
        # What runs between the ticks must not hide that the schedule is dead.
        counted["CyclesCompleted"] = outcome is CycleOutcome.COMPLETED
    if outcome is not CycleOutcome.SKIPPED:
        # A run that was skipped has looked at nothing: nobody may read an all-clear into it.
        counted["Exposed"] = len(report.exposed)
    # What is seldom anything is published only then: a metric is paid for by the hour it is published in.
    seldom = {
        "ExitsWithheld": len(report.withheld_exits),
        "AuditOwed": len(report.after.owed) + report.after.unrecorded if report.after else 0,
        "StrategiesFailed": len(report.decision.failed_strategies) if report.decision is not None else 0,
    }
    counted |= {name: count for name, count in seldom.items() if count}
    return {name: int(count) for name, count in counted.items()}
