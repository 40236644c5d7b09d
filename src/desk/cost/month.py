"""What a month costs: the AWS calls of a quiet and of a trading cycle, at list prices.

How long a cycle takes on Lambda is not known here and is assumed.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from desk.cost import prices
from desk.cost.cycles import Measured, measure
from desk.cost.ledger_writes import LARGE, REALISTIC, LedgerWrites, measure_writes, write_rows
from trader.adapters.aws.stored_text import PART_BYTES_MAX

#: Assumed, since only Lambda itself could tell: how long a cycle takes there, and on how much memory.
SECONDS_PER_CYCLE = Decimal(6)
MEMORY_GB = Decimal("0.5")
#: What stands in template.yaml whatever happens.
METRICS, ALARMS, DASHBOARDS, SECRETS = 9, 10, 1, 1
TRADING_CYCLES_PER_DAY = 20
#: A month of what hardly counts. A consistent read of a ledger that packs to 8 KB takes two units.
SECRET_READS, TABLE_MEGABYTES, STATUS_READS, READ_UNITS, MAILS = 1000, 10, 1000, 2, 100
DAYS = Decimal("30.4")
PERIODS = (1, 5, 15)


def price_month(minutes: int, quiet: Measured, trading: Measured, ledger: LedgerWrites) -> dict[str, Decimal]:
    """Return what a month costs at a period, by what is paid for; writes are those of *ledger*. Units: US dollars."""
    cycles = DAYS * 24 * 60 / minutes
    trades = min(DAYS * TRADING_CYCLES_PER_DAY, cycles)

    def total(of: str) -> Decimal:
        return (cycles - trades) * Decimal(getattr(quiet, of)) + trades * Decimal(getattr(trading, of))

    def calls(name: str) -> Decimal:
        return (cycles - trades) * quiet.calls.get(name, 0) + trades * trading.calls.get(name, 0)

    # Each write of a cycle is one of the whole ledger, of which a quiet one takes two.
    units = (cycles - trades) * quiet.writes + trades * trading.writes
    compute = prices.LAMBDA_REQUEST.each + SECONDS_PER_CYCLE * MEMORY_GB * prices.LAMBDA_ARM_GB_SECOND.each
    return {
        "Lambda": cycles * compute,
        "EventBridge Scheduler": cycles * prices.SCHEDULER_INVOCATION.each,
        "DynamoDB writes": units * ledger.packed_units / 2 * prices.DYNAMODB_WRITE_UNIT.each,
        "S3 requests": calls("s3:PutObject") * prices.S3_PUT.each + calls("s3:GetObject") * prices.S3_GET.each,
        "S3, one month's records kept": total("audit_bytes") * prices.S3_BYTE_MONTH.each,
        "SSM reads": calls("ssm:GetParameter") * prices.SSM_STANDARD_READ.each,
        "Secrets Manager": SECRETS * prices.SECRET_MONTH.each,
        "Logs": total("log_bytes") * prices.LOGS_BYTE.each,
        "Metrics": METRICS * prices.METRIC_MONTH.each,
        "Alarms": ALARMS * prices.ALARM_MONTH.each,
        "Dashboard": DASHBOARDS * prices.DASHBOARD_MONTH.each,
        "Small items": sum(price_small_items().values(), Decimal(0)),
    }


def price_small_items() -> dict[str, Decimal]:
    """Return what hardly counts, for amounts that are assumed and generous. Units: US dollars a month."""
    kept = prices.DYNAMODB_BYTE_MONTH.each + prices.DYNAMODB_RECOVERY_BYTE_MONTH.each
    return {
        f"{SECRET_READS} reads of the secret by new processes": SECRET_READS * prices.SECRET_READ.each,
        f"{TABLE_MEGABYTES} MB of table with its recovery": TABLE_MEGABYTES * 1024**2 * kept,
        f"{STATUS_READS} looks at the ledger": STATUS_READS * READ_UNITS * prices.DYNAMODB_READ_UNIT.each,
        f"{MAILS} mails of alarms": MAILS * prices.SNS_MAIL.each,
        f"{MAILS} requests to the dead-letter queue": MAILS * prices.SQS_REQUEST.each,
    }


def write_page(cold: Measured, quiet: Measured, trading: Measured, ledgers: Sequence[LedgerWrites]) -> str:
    """Write the figures as a page."""
    costs = [price_month(minutes, quiet, trading, ledgers[0]) for minutes in PERIODS]
    table = [f"| {name} | " + " | ".join(f"{cost[name]:.2f}" for cost in costs) + " |" for name in costs[0]]
    total = " | ".join(f"**{sum(cost.values()):.2f}**" for cost in costs)
    return "\n".join(
        [
            "# Calls and cost",
            "",
            "Written by `make cost`: the function in LIVE with the shipped configuration, against AWS by moto and the",
            "simulated venue; calls are counted by botocore's own events. The cold cycle is a process's first one,",
            "under REDUCE_ONLY, so that it does not trade yet. The quiet one is at RUN, reads the market and sends",
            "nothing.",
            "",
            "| per cycle | cold | quiet | trading |",
            "|---|--:|--:|--:|",
            *_write_cycle_rows((cold, quiet, trading)),
            "",
            "## What a quiet cycle writes",
            "",
            "One update takes the lease and reads the ledger, another commits it; each is priced by the size of its",
            f"item. Before, the ledger was plain text; now it is packed. Beyond {PART_BYTES_MAX:,} bytes it takes",
            "more than one item, and its commit a transaction, which costs twice.",
            "",
            *write_rows(ledgers),
            "",
            f"## A month in US dollars, list prices of {prices.REGION}, no free tier",
            "",
            "| | " + " | ".join(f"every {each} min" for each in PERIODS) + " |",
            "|---|" + "--:|" * len(PERIODS),
            *table,
            f"| **together** | {total} |",
            "",
            f"The ledger is that of {ledgers[0].business}.",
            f"Assumed, not measured: {SECONDS_PER_CYCLE} s a cycle at {MEMORY_GB} GB on arm64, and",
            f"{TRADING_CYCLES_PER_DAY} trading cycles a day; small items are",
            f"{', '.join(price_small_items())}.",
            "Records are kept for years: each further month kept adds its S3 line once more. The first three",
            "dashboards, ten alarms and ten metrics of an account are free. Requests to the venue are not priced: the",
            "first 100 GB a month that leave AWS cost nothing.",
            "",
            f"Prices were looked up on {prices.LOOKED_UP} and stand in `src/desk/cost/prices.py`. AWS's pages show",
            "theirs by script and could not be read, so most sources quote its list; none was compared with a bill.",
            "",
            *prices.write_rows(),
            "",
        ]
    )


def _write_cycle_rows(cycles: Sequence[Measured]) -> Iterator[str]:
    for name in sorted({name for each in cycles for name in each.calls}):
        yield f"| {name} | " + " | ".join(str(each.calls.get(name, 0)) for each in cycles) + " |"
    for title, of in {
        "DynamoDB write units": "write_units",
        "ledger item, bytes": "item_bytes",
        "audit records, bytes": "audit_bytes",
        "log, bytes": "log_bytes",
        "orders": "orders",
        "requests for market data": "market_requests",
    }.items():
        yield f"| {title} | " + " | ".join(f"{getattr(each, of):,}" for each in cycles) + " |"


def main() -> None:
    """Measure, write the page, print the line for machines last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    cold, quiet, trading = measure()
    ledger, large = measure_writes(REALISTIC), measure_writes(LARGE)
    if given.page is not None:
        given.page.write_text(write_page(cold, quiet, trading, (ledger, large)), encoding="utf-8")
    costs = " ".join(
        f"usd_{minutes}min={sum(price_month(minutes, quiet, trading, ledger).values()):.2f}" for minutes in PERIODS
    )
    secret_reads = quiet.calls.get("secretsmanager:GetSecretValue", 0)
    print(
        f"quiet_dynamodb_writes={quiet.writes} quiet_s3_puts={quiet.calls.get('s3:PutObject', 0)} "
        f"quiet_ssm_reads={quiet.calls.get('ssm:GetParameter', 0)} quiet_secret_reads={secret_reads} "
        f"quiet_write_units={quiet.write_units} quiet_market_requests={quiet.market_requests} "
        f"ledger_plain_bytes={ledger.plain_bytes} ledger_packed_bytes={ledger.packed_bytes} "
        f"ledger_plain_write_units={ledger.plain_units} ledger_packed_write_units={ledger.packed_units} "
        f"trading_dynamodb_writes={trading.writes} trading_orders={trading.orders} {costs}"
    )


if __name__ == "__main__":
    main()
