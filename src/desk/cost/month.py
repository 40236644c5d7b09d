"""What a month costs: the AWS calls of a quiet and of a trading cycle, counted by botocore's own events.

The function runs in this process, in LIVE, against AWS by moto and the simulated venue. Sizes are those of what was
sent; how long a cycle takes on Lambda is not known here and is assumed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from moto import mock_aws

from desk.cost import prices
from desk.cost.aws_calls import AwsCall, Recording, record_calls
from desk.invoke import Context
from desk.sandbox.server import VenueServer

_CONFIG = Path(__file__).parents[3] / "config"
_SWITCH = "/trader/cost/kill-switch"

#: Assumed, since only Lambda itself could tell: how long a cycle takes there, and on how much memory.
SECONDS_PER_CYCLE = Decimal(6)
MEMORY_GB = Decimal("0.5")
#: What Lambda writes about each invocation, and the fields the logger adds to a line. Units: bytes.
PLATFORM_LOG_BYTES = 1000
#: What stands in template.yaml whatever happens.
METRICS, ALARMS, DASHBOARDS, SECRETS = 9, 10, 1, 1
TRADING_CYCLES_PER_DAY = 20
#: A month of what hardly counts. A consistent read of a ledger of 12 KB takes three units.
SECRET_READS, TABLE_MEGABYTES, STATUS_READS, READ_UNITS, MAILS = 1000, 10, 1000, 3, 100
DAYS = Decimal("30.4")
PERIODS = (1, 5, 15)

_WRITES = ("dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:TransactWriteItems")


@dataclass(frozen=True, slots=True)
class Measured:
    """One cycle: its calls by name, and sizes. Units: bytes; write units are DynamoDB's, a KB each."""

    calls: Mapping[str, int]
    write_units: int
    item_bytes: int
    audit_bytes: int
    log_bytes: int
    orders: int

    @property
    def writes(self) -> int:
        """Requests to DynamoDB that write."""
        return sum(self.calls.get(name, 0) for name in _WRITES)


@dataclass
class Bench:
    """The function, ready to be invoked, and what records it."""

    handler: Any
    recording: Recording
    ssm: Any
    dynamodb: Any

    def cycle(self, seconds_ago: int) -> Measured:
        """Run the cycle of an instant, and count."""
        at = datetime.fromtimestamp(int(time.time()) - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = io.StringIO()
        with self.recording.listening() as calls, contextlib.redirect_stdout(said):
            summary = self.handler({"scheduled_time": at}, Context())
        item = _size(self.dynamodb.get_item(TableName="trader", Key=_KEY)["Item"])
        records = [call for call in calls if call.name == "s3:PutObject"]
        return Measured(
            calls=Counter(call.name for call in calls),
            write_units=sum(_write_units(call, item) for call in calls),
            item_bytes=item,
            audit_bytes=sum(len(call.params["Body"]) for call in records),
            log_bytes=len(said.getvalue()) + len(json.dumps(summary)) + PLATFORM_LOG_BYTES,
            orders=int(summary["orders_sent"]),
        )

    def put(self, word: str) -> None:
        """Move the kill switch."""
        self.ssm.put_parameter(Name=_SWITCH, Value=word, Type="String", Overwrite=True)


_KEY = {"pk": {"S": "LIVE#main"}, "sk": {"S": "LEDGER"}}


def _size(item: Mapping[str, Mapping[str, str]]) -> int:
    return sum(len(name) + len(text.encode()) for name, value in item.items() for text in value.values())


def _write_units(call: AwsCall, ledger_bytes: int) -> int:
    """Count a call's write units: a KB begun of each item, twice in a transaction."""
    if call.name in {"dynamodb:UpdateItem", "dynamodb:PutItem"}:
        size = _size(call.params["Item"]) if "Item" in call.params else ledger_bytes
        return -(-size // 1024)
    if call.name != "dynamodb:TransactWriteItems":
        return 0
    sizes = [_size(each["Put"]["Item"]) if "Put" in each else ledger_bytes for each in call.params["TransactItems"]]
    return sum(2 * -(-size // 1024) for size in sizes)


@contextlib.contextmanager
def open_bench(config: Path) -> Iterator[Bench]:
    """Put the function's world together: AWS by moto, the venue over HTTP, the shipped configuration in LIVE."""
    with contextlib.ExitStack() as stack:
        recording = stack.enter_context(record_calls())
        stack.enter_context(mock_aws())
        venue = stack.enter_context(VenueServer())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        for file in config.glob("*.yaml"):
            text = file.read_text(encoding="utf-8").replace("read_only: true", "read_only: false")
            (folder / file.name).write_text(text, encoding="utf-8")
        os.environ |= _environment(folder, venue.url)
        dynamodb, s3, ssm, secrets = (boto3.client(name) for name in ("dynamodb", "s3", "ssm", "secretsmanager"))
        dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        s3.create_bucket(Bucket="audit")
        key = {"key_name": venue.key.name, "private_key": venue.key.secret}
        secrets.create_secret(Name="api-key", SecretString=json.dumps(key))
        # Imported here: its logger and its metrics read the environment when they are made.
        handler = import_module("trader.entry.lambda_handler").handler
        yield Bench(handler, recording, ssm, dynamodb)


def _environment(config: Path, venue: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "cost",
        "AWS_SECRET_ACCESS_KEY": "cost",
        "AWS_SESSION_TOKEN": "cost",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "trader",
        "POWERTOOLS_METRICS_NAMESPACE": "Trader",
        "TRADER_CONFIG_DIR": str(config),
        "TRADER_MODE": "LIVE",
        "TRADER_LIVE_CONFIRMED": "yes",
        "TRADER_TABLE": "trader",
        "TRADER_AUDIT_BUCKET": "audit",
        "TRADER_KILL_SWITCH": _SWITCH,
        "TRADER_SECRET": "api-key",
        "TRADER_VENUE_URL": venue,
    }


def measure(config: Path = _CONFIG) -> tuple[Measured, Measured, Measured]:
    """Run a cold, a quiet and a trading cycle, in this order."""
    with open_bench(config) as made:
        made.put("REDUCE_ONLY")
        cold, quiet = made.cycle(3), made.cycle(2)
        made.put("RUN")
        trading = made.cycle(1)
    return cold, quiet, trading


def price_month(minutes: int, quiet: Measured, trading: Measured) -> dict[str, Decimal]:
    """Return what a month costs at a period, by what is paid for. Units: US dollars."""
    cycles = DAYS * 24 * 60 / minutes
    trades = min(DAYS * TRADING_CYCLES_PER_DAY, cycles)

    def total(of: str) -> Decimal:
        return (cycles - trades) * Decimal(getattr(quiet, of)) + trades * Decimal(getattr(trading, of))

    def calls(name: str) -> Decimal:
        return (cycles - trades) * quiet.calls.get(name, 0) + trades * trading.calls.get(name, 0)

    compute = prices.LAMBDA_REQUEST.each + SECONDS_PER_CYCLE * MEMORY_GB * prices.LAMBDA_ARM_GB_SECOND.each
    return {
        "Lambda": cycles * compute,
        "EventBridge Scheduler": cycles * prices.SCHEDULER_INVOCATION.each,
        "DynamoDB writes": total("write_units") * prices.DYNAMODB_WRITE_UNIT.each,
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


def write_page(cold: Measured, quiet: Measured, trading: Measured) -> str:
    """Write the figures as a page."""
    names = sorted({*cold.calls, *quiet.calls, *trading.calls})
    rows = [f"| {name} | {_counts(name, (cold, quiet, trading))} |" for name in names]
    sizes = {
        "DynamoDB write units": "write_units",
        "ledger item, bytes": "item_bytes",
        "audit records, bytes": "audit_bytes",
        "log, bytes": "log_bytes",
        "orders": "orders",
    }
    rows += [
        f"| {title} | " + " | ".join(f"{getattr(each, of):,}" for each in (cold, quiet, trading)) + " |"
        for title, of in sizes.items()
    ]
    costs = [price_month(minutes, quiet, trading) for minutes in PERIODS]
    table = [f"| {name} | " + " | ".join(f"{cost[name]:.2f}" for cost in costs) + " |" for name in costs[0]]
    total = " | ".join(f"**{sum(cost.values()):.2f}**" for cost in costs)
    return "\n".join(
        [
            "# Calls and cost",
            "",
            "Written by `make cost`: the function in LIVE with the shipped configuration, against AWS by moto and the",
            "simulated venue; calls are counted by botocore's own events. The cold cycle is a process's first one.",
            "",
            "| per cycle | cold | quiet | trading |",
            "|---|--:|--:|--:|",
            *rows,
            "",
            f"## A month in US dollars, list prices of {prices.REGION}, no free tier",
            "",
            "| | " + " | ".join(f"every {each} min" for each in PERIODS) + " |",
            "|---|" + "--:|" * len(PERIODS),
            *table,
            f"| **together** | {total} |",
            "",
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


def _counts(name: str, cycles: Sequence[Measured]) -> str:
    return " | ".join(str(each.calls.get(name, 0)) for each in cycles)


def main() -> None:
    """Measure, write the page, print the line for machines last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    cold, quiet, trading = measure()
    if given.page is not None:
        given.page.write_text(write_page(cold, quiet, trading), encoding="utf-8")
    costs = " ".join(
        f"usd_{minutes}min={sum(price_month(minutes, quiet, trading).values()):.2f}" for minutes in PERIODS
    )
    secret_reads = quiet.calls.get("secretsmanager:GetSecretValue", 0)
    print(
        f"quiet_dynamodb_writes={quiet.writes} quiet_s3_puts={quiet.calls.get('s3:PutObject', 0)} "
        f"quiet_ssm_reads={quiet.calls.get('ssm:GetParameter', 0)} quiet_secret_reads={secret_reads} "
        f"quiet_write_units={quiet.write_units} trading_dynamodb_writes={trading.writes} "
        f"trading_orders={trading.orders} {costs}"
    )


if __name__ == "__main__":
    main()
