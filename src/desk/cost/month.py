"""What a month costs: the AWS calls of each kind of run, at list prices, and what a stack has of paid things.

How long a run takes on Lambda is not known here. Its processor time is measured, its waiting too, on a venue that takes
its time to answer; what is assumed stands above it and is more.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from desk.cost import prices
from desk.cost.cycles import Measured, Runs, count_units, measure
from desk.cost.footprint import Footprint, measure_footprint
from desk.cost.ledger_writes import LARGE, REALISTIC, measure_writes
from desk.cost.stack_parts import StackParts

#: Assumed, and more than is measured: how long a run takes on Lambda, until its answer. Units: seconds.
SECONDS_PER_CYCLE, SECONDS_PER_LOOK = Decimal(6), Decimal(1)
TRADING_CYCLES_PER_DAY = 20
#: A metric is paid for by the hour it is published in: these are in each, in one of a day, and in so many of a month.
STEADY_METRICS, DAILY_METRICS, SELDOM_METRICS, SELDOM_HOURS = 1, 1, 2, 10
#: A month of what hardly counts. A consistent read of a ledger that packs to 8 KB takes two units.
SECRET_READS, TABLE_MEGABYTES, STATUS_READS, READ_UNITS, MAILS = 1000, 10, 1000, 2, 100
NOTICES, NOTICE_GB_SECONDS = 50, Decimal("0.5")
#: A day's records as the anchor reads them, and what it writes into its log. Units: objects, GB-seconds, bytes.
ANCHORED, ANCHOR_GB_SECONDS, ANCHOR_BYTES = 320, Decimal(15), 100_000
DAYS = Decimal("30.4")
HOURS = DAYS * 24
PERIODS = (1, 5, 15)
#: Packed ledgers. Units: bytes.
SIZES = (6 * 1024, 25 * 1024, 50 * 1024)
LIMITS = {"usd_5min": Decimal("1.50"), "usd_watch": Decimal("0.30"), "peak_mb": Decimal(200)}


@dataclass(frozen=True, slots=True)
class Usage:
    """One stack as it is used: what its runs ask of AWS, how large its ledger is, and what it was deployed with."""

    runs: Runs
    stack: StackParts
    ledger_bytes: int
    minutes: int = 5
    has_secret: bool = True
    shows_dashboard: bool = False

    @property
    def cycles(self) -> Decimal:
        """Ticks of a month."""
        return DAYS * 24 * 60 / self.minutes

    @property
    def looks(self) -> Decimal:
        """Minutes of a month that have no tick."""
        return DAYS * 24 * 60 - self.cycles

    @property
    def trades(self) -> Decimal:
        """Cycles of a month that send something."""
        return min(DAYS * TRADING_CYCLES_PER_DAY, self.cycles)


def price_month(usage: Usage) -> dict[str, Decimal]:
    """Return what a month without looks costs, by what is paid for. Units: US dollars."""
    runs, stack, cycles, trades = usage.runs, usage.stack, usage.cycles, usage.trades

    def total(of: str) -> Decimal:
        return (cycles - trades) * Decimal(getattr(runs.quiet, of)) + trades * Decimal(getattr(runs.trading, of))

    def calls(name: str) -> Decimal:
        return (cycles - trades) * runs.quiet.calls.get(name, 0) + trades * runs.trading.calls.get(name, 0)

    units = (cycles - trades) * count_writes(runs.quiet, usage) + trades * count_writes(runs.trading, usage)
    reads = total("reads") * count_read_units(usage.ledger_bytes)
    return {
        "Lambda": cycles * _price_run(SECONDS_PER_CYCLE, stack),
        "EventBridge Scheduler": cycles * prices.SCHEDULER_INVOCATION.each,
        "DynamoDB writes": units * prices.DYNAMODB_WRITE_UNIT.each,
        "DynamoDB reads": reads * prices.DYNAMODB_READ_UNIT.each,
        "S3 requests": calls("s3:PutObject") * prices.S3_PUT.each + calls("s3:GetObject") * prices.S3_GET.each,
        "S3, one month's records kept": total("audit_bytes") * prices.S3_BYTE_MONTH.each,
        "SSM reads": calls("ssm:GetParameter") * prices.SSM_STANDARD_READ.each,
        "The key": stack.secrets * usage.has_secret * prices.SECRET_MONTH.each,
        "Logs": total("log_bytes") * prices.LOGS_BYTE.each,
        "Metrics": count_metric_months() * prices.METRIC_MONTH.each,
        "Alarms": sum(stack.alarm_metrics.values()) * prices.ALARM_MONTH.each,
        "Dashboard": max(stack.dashboards, usage.shows_dashboard) * prices.DASHBOARD_MONTH.each,
        "Small items": sum(price_small_items(has_secret=usage.has_secret).values(), Decimal(0)),
    }


def price_looks(usage: Usage, look: Measured) -> dict[str, Decimal]:
    """Return what looking between the ticks adds to a month. Units: US dollars."""
    looks = usage.looks
    units = look.reads * count_read_units(usage.ledger_bytes)
    return {
        "Lambda": looks * _price_run(SECONDS_PER_LOOK, usage.stack),
        "EventBridge Scheduler": looks * prices.SCHEDULER_INVOCATION.each,
        "DynamoDB reads": looks * units * prices.DYNAMODB_READ_UNIT.each,
        "Logs": looks * look.log_bytes * prices.LOGS_BYTE.each,
    }


def count_writes(run: Measured, usage: Usage) -> int:
    """Count a run's write units on a ledger of the size in question: each of its writes is of the whole ledger."""
    ledger_writes = run.writes - bool(run.venue_units)
    return ledger_writes * count_units(usage.ledger_bytes) + run.venue_units


def count_read_units(size: int) -> int:
    """Count the units of one consistent read."""
    return -(-size // 4096)


def count_metric_months() -> Decimal:
    """Count metrics, each by the part of the month in which it is published."""
    return STEADY_METRICS + DAILY_METRICS / Decimal(24) + SELDOM_METRICS * SELDOM_HOURS / HOURS


def price_small_items(*, has_secret: bool = True) -> dict[str, Decimal]:
    """Return what hardly counts, for amounts that are assumed and generous. Units: US dollars a month."""
    kept = prices.DYNAMODB_BYTE_MONTH.each + prices.DYNAMODB_RECOVERY_BYTE_MONTH.each
    notice = prices.LAMBDA_REQUEST.each + NOTICE_GB_SECONDS * prices.LAMBDA_ARM_GB_SECOND.each
    day = prices.LAMBDA_REQUEST.each + ANCHOR_GB_SECONDS * prices.LAMBDA_ARM_GB_SECOND.each
    day += ANCHORED * prices.S3_GET.each + ANCHOR_BYTES * prices.LOGS_BYTE.each
    return {
        f"{SECRET_READS} reads of the key by new processes": SECRET_READS * prices.SECRET_READ.each * has_secret,
        f"{TABLE_MEGABYTES} MB of table with its recovery": TABLE_MEGABYTES * 1024**2 * kept,
        f"{STATUS_READS} looks at the ledger": STATUS_READS * READ_UNITS * prices.DYNAMODB_READ_UNIT.each,
        f"{NOTICES} runs of the notifier": NOTICES * notice,
        f"a run of the anchor each day, over {ANCHORED} objects": DAYS * day,
        f"{MAILS} mails of alarms": MAILS * prices.SNS_MAIL.each,
        f"{MAILS} requests to the dead-letter queue": MAILS * prices.SQS_REQUEST.each,
    }


def _price_run(seconds: Decimal, stack: StackParts) -> Decimal:
    gigabytes = Decimal(stack.memory_mb) / 1024
    return prices.LAMBDA_REQUEST.each + seconds * gigabytes * prices.LAMBDA_ARM_GB_SECOND.each


def add_up(costs: Mapping[str, Decimal]) -> Decimal:
    """Add a month's lines up."""
    return sum(costs.values(), Decimal(0))


def list_missed(figures: Mapping[str, Decimal], stack: StackParts, cycle: Footprint, look: Footprint) -> list[str]:
    """List the limits that are missed, and the assumptions that what was measured exceeds."""
    limits = {name: limit for name, limit in LIMITS.items() if name != "peak_mb" or stack.memory_mb <= 256}
    missed = [f"{name}={figures[name]} is above {limit}" for name, limit in limits.items() if figures[name] > limit]
    for what, assumed, measured in (("cycle", SECONDS_PER_CYCLE, cycle), ("look", SECONDS_PER_LOOK, look)):
        estimate = measured.estimate_seconds(stack.memory_mb)
        missed += [f"a {what} takes {estimate} s, {assumed} s were assumed"] if estimate > assumed else []
    return missed


def main() -> int:
    """Measure, write the page, print the line for machines last; 1 if a limit is missed."""
    from desk.cost.page import write_page  # noqa: PLC0415 - it needs this module

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    stack, live, paper = StackParts.read(), measure("LIVE"), measure("PAPER")
    ledger, large = measure_writes(REALISTIC), measure_writes(LARGE)
    cycle, look = measure_footprint("LIVE"), measure_footprint("LIVE", watches=True)
    seeded = measure_footprint("DRY_RUN")
    usage = Usage(live, stack, ledger.packed_bytes)
    sim = replace(usage, runs=paper, has_secret=False)
    figures = {
        **{f"usd_{each}min": add_up(price_month(replace(usage, minutes=each))) for each in PERIODS},
        "usd_watch": add_up(price_looks(usage, live.held_look)),
        "usd_watch_idle": add_up(price_looks(usage, live.idle_look)),
        "usd_parameter": add_up(price_month(replace(usage, has_secret=False))),
        "usd_paper": add_up(price_month(sim)),
        "usd_1000_cycles": add_up(price_month(usage)) * 1000 / usage.cycles,
        "peak_mb": Decimal(max(each.peak_mb for each in (cycle, look, seeded))),
        "cpu_seconds": Decimal(cycle.cpu_seconds),
    }
    figures = {name: round(value, 0 if name == "peak_mb" else 2) for name, value in figures.items()}
    if given.page is not None:
        page = write_page(usage, sim, (ledger, large), (cycle, look, seeded))
        given.page.write_text(page, encoding="utf-8")
    quiet = live.quiet
    counted = {
        "quiet_dynamodb_writes": quiet.writes,
        "quiet_s3_puts": quiet.calls.get("s3:PutObject", 0),
        "quiet_ssm_reads": quiet.calls.get("ssm:GetParameter", 0),
        "quiet_secret_reads": quiet.calls.get("secretsmanager:GetSecretValue", 0),
        "quiet_market_requests": quiet.market_requests,
        "ledger_plain_bytes": ledger.plain_bytes,
        "ledger_packed_bytes": ledger.packed_bytes,
        "ledger_plain_write_units": ledger.plain_units,
        "ledger_packed_write_units": ledger.packed_units,
        "trading_dynamodb_writes": live.trading.writes,
        "trading_orders": live.trading.orders,
        "alarm_metrics": sum(stack.alarm_metrics.values()),
    }
    missed = list_missed(figures, stack, cycle, look)
    for each in missed:
        print(each, file=sys.stderr)
    print(" ".join(f"{name}={value}" for name, value in {**counted, **figures}.items()))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
