"""What the function says of itself: lines of its log, and the few metrics that alarms look at.

A metric is paid for by the hour it is published in. Two are steady: the heartbeat, and once a day the ledger's size.
The others exist while they are not zero, and until they have been told to be zero again (``trader.cycle.alarms``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

from trader.adapters.coinbase.auth import hide_tokens
from trader.cycle import CycleOutcome, CycleReport

_DAY_SECONDS, _HOUR_SECONDS = 86_400, 3_600
#: More than so many reasons are counted, not told: the log is paid for by the byte.
_TOLD_MAX = 20


class _Redacting(LambdaPowertoolsFormatter):
    """Whatever reaches the log passes here last: nothing that looks like a key or a token gets through."""

    def serialize(self, log: Any) -> str:
        return hide_tokens(super().serialize(log))


# Service and namespace come from the template's environment: the alarms look for exactly those.
logger = Logger(logger_formatter=_Redacting(), level=os.environ.get("TRADER_LOG_LEVEL", "INFO"))
metrics = Metrics()


def write_heartbeat(report: CycleReport) -> None:
    """Publish that a tick has come to the end it should, a halt by the switch included: the schedule is alive.

    What runs between the ticks must not hide that it is dead.
    """
    if report.outcome not in (CycleOutcome.COMPLETED, CycleOutcome.HALTED):
        return
    metrics.add_metric("Heartbeat", MetricUnit.Count, 1)
    if report.ledger_bytes and report.tick.scheduled_at % _DAY_SECONDS < _HOUR_SECONDS:
        metrics.add_metric("LedgerBytes", MetricUnit.Bytes, report.ledger_bytes)
    metrics.flush_metrics()


def write_alarm(name: str, found: Sequence[str]) -> None:
    """Publish how many there are of what rings under a name, and name each in the log, for the notifier."""
    for what in found[:_TOLD_MAX]:
        logger.warning(name, extra={"what": what})
    metrics.add_metric(name, MetricUnit.Count, len(found))
    metrics.flush_metrics()
