"""Cycles of the function as they are counted: in this process, in LIVE, on AWS by moto and the simulated venue.

Calls are those that botocore announces. Sizes are those of what was sent; nothing here knows how long a cycle takes on
Lambda.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from desk.cost.aws_calls import AwsCall, Recording, record_calls
from desk.invoke import Context
from desk.mocked_aws import open_mocked_aws
from desk.sandbox.server import VenueServer
from desk.sandbox.traffic import Traffic
from trader.adapters.aws.table import measure_item

CONFIG = Path(__file__).parents[3] / "config"
TABLE = "trader"

_SWITCH = "/trader/cost/kill-switch"
#: What Lambda writes about each invocation, and the fields the logger adds to a line. Units: bytes.
_PLATFORM_LOG_BYTES = 1000
_READS = ("dynamodb:GetItem", "dynamodb:Query")
_WRITES = ("dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:TransactWriteItems")
#: Paths of requests that read the market: products, quotes, candles, order books.
_MARKET = ("/products", "/best_bid_ask", "/market/")


@dataclass(frozen=True, slots=True)
class Measured:
    """One cycle: its calls by name, and sizes. Units: bytes; write units are DynamoDB's, a KB each.

    ``venue_units`` are those of them that PAPER's simulated venue takes for its own account.
    """

    calls: Mapping[str, int]
    write_units: int
    item_bytes: int
    audit_bytes: int
    log_bytes: int
    orders: int
    market_requests: int
    venue_units: int = 0
    outcome: str = ""

    @property
    def writes(self) -> int:
        """Requests to DynamoDB that write."""
        return sum(self.calls.get(name, 0) for name in _WRITES)

    @property
    def reads(self) -> int:
        """Requests to DynamoDB that read."""
        return sum(self.calls.get(name, 0) for name in _READS)


@dataclass
class Bench:
    """The function, ready to be invoked, and what records it."""

    handler: Any
    recording: Recording
    ssm: Any
    dynamodb: Any
    traffic: Traffic
    key: Mapping[str, Any]

    def cycle(self, seconds_ago: int) -> Measured:
        """Run the cycle of an instant, and count."""
        return self._invoke({"scheduled_time": _text(int(time.time()) - seconds_ago)})

    def _invoke(self, event: Mapping[str, Any]) -> Measured:
        said, asked = io.StringIO(), len(self.traffic.log())
        with self.recording.listening() as calls, contextlib.redirect_stdout(said):
            summary = self.handler(event, Context())
        item = measure_item(self.dynamodb.get_item(TableName=TABLE, Key=self.key)["Item"])
        records = [call for call in calls if call.name == "s3:PutObject"]
        return Measured(
            calls=Counter(call.name for call in calls),
            write_units=sum(count_write_units(call, item) for call in calls),
            item_bytes=item,
            audit_bytes=sum(len(call.params["Body"]) for call in records),
            log_bytes=len(said.getvalue()) + len(json.dumps(summary)) + _PLATFORM_LOG_BYTES,
            orders=int(summary.get("orders_sent", 0)),
            market_requests=sum(any(part in seen.path for part in _MARKET) for seen in self.traffic.log()[asked:]),
            venue_units=sum(count_write_units(call, 0) for call in calls if _is_venue_save(call)),
            outcome=str(summary["outcome"]),
        )

    def watch(self, at: int) -> Measured:
        """Look between two ticks, at an instant that is none of a tick, and count."""
        return self._invoke({"scheduled_time": _text(at - at % 300 + 60), "watch": True})

    def put(self, word: str) -> None:
        """Move the kill switch."""
        self.ssm.put_parameter(Name=_SWITCH, Value=word, Type="String", Overwrite=True)


def count_write_units(call: AwsCall, ledger_bytes: int) -> int:
    """Count a call's write units: a KB begun of each item, twice in a transaction.

    *ledger_bytes* is the size of the item that an update leaves; of what is deleted only the key is known.
    """
    params = call.params
    if call.name == "dynamodb:PutItem":
        return count_units(measure_item(params["Item"]))
    if call.name == "dynamodb:UpdateItem":
        return count_units(ledger_bytes)
    if call.name != "dynamodb:TransactWriteItems":
        return 0
    return sum(2 * count_units(_measure_action(each, ledger_bytes)) for each in params["TransactItems"])


def _is_venue_save(call: AwsCall) -> bool:
    """Whether a call stores the account of PAPER's simulated venue, which has items of its own."""
    puts = [each["Put"] for each in call.params.get("TransactItems", ()) if "Put" in each] or [call.params]
    return any(each.get("Item", {}).get("sk", {}).get("S", "").startswith("VENUE") for each in puts)


def _text(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _measure_action(action: Mapping[str, Any], ledger_bytes: int) -> int:
    ((kind, what),) = action.items()
    return ledger_bytes if kind == "Update" else measure_item(what["Item"] if kind == "Put" else what["Key"])


def count_units(size: int) -> int:
    """Count the write units of one item."""
    return -(-size // 1024)


def create_table(dynamodb: Any) -> None:
    """Make the table as the template does."""
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )


@contextlib.contextmanager
def open_bench(config: Path, mode: str = "LIVE") -> Iterator[Bench]:
    """Put the function's world together: AWS by moto, the venue over HTTP, the shipped configuration."""
    with contextlib.ExitStack() as stack:
        recording = stack.enter_context(record_calls())
        stack.enter_context(open_mocked_aws())
        venue = stack.enter_context(VenueServer())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        make_config(config, folder)
        os.environ |= make_environment(folder, venue.url, mode)
        dynamodb, s3, ssm, secrets = (boto3.client(name) for name in ("dynamodb", "s3", "ssm", "secretsmanager"))
        create_table(dynamodb)
        s3.create_bucket(Bucket="audit")
        key = {"key_name": venue.key.name, "private_key": venue.key.secret}
        secrets.create_secret(Name="api-key", SecretString=json.dumps(key))
        # Imported here: its logger and its metrics read the environment when they are made.
        entry = import_module("trader.entry.lambda_handler")
        # What was built for a bench before this one would answer for it.
        vars(entry)["_runtime"] = vars(import_module("trader.adapters.aws.clients"))["_SESSION"] = None
        ledger_key = {"pk": {"S": f"{mode}#main"}, "sk": {"S": "LEDGER"}}
        yield Bench(entry.handler, recording, ssm, dynamodb, venue.venue.traffic, ledger_key)


def make_config(config: Path, folder: Path) -> None:
    """Copy a configuration, except that it does not forbid LIVE."""
    for file in config.glob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace("read_only: true", "read_only: false")
        text = text.replace("live_without_evidence: false", "live_without_evidence: true")
        (folder / file.name).write_text(text, encoding="utf-8")


def make_environment(config: Path, venue: str, mode: str) -> dict[str, str]:
    """Make the function's variables in a mode, beside those of an AWS that is none."""
    return {
        "AWS_ACCESS_KEY_ID": "cost",
        "AWS_SECRET_ACCESS_KEY": "cost",
        "AWS_SESSION_TOKEN": "cost",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "trader",
        "POWERTOOLS_METRICS_NAMESPACE": "Trader",
        "TRADER_CONFIG_DIR": str(config),
        "TRADER_MODE": mode,
        "TRADER_LIVE_CONFIRMED": "yes",
        "TRADER_TABLE": TABLE,
        "TRADER_AUDIT_BUCKET": "audit",
        "TRADER_KILL_SWITCH": _SWITCH,
        "TRADER_SECRET": "api-key",
        "TRADER_VENUE_URL": venue,
    }


@dataclass(frozen=True, slots=True)
class Runs:
    """A process's first cycle, a quiet and a trading one, and looks between: with nothing held, and with a lot held."""

    cold: Measured
    quiet: Measured
    trading: Measured
    idle_look: Measured
    held_look: Measured


def measure(mode: str = "LIVE", config: Path = CONFIG) -> Runs:
    """Run each kind once.

    The cold cycle runs under REDUCE_ONLY, so that it does not trade yet. The quiet one follows the trading one, at RUN:
    it reads the whole market, and what it might want it has bought already.

    Raises: RuntimeError if one was not what it should be.
    """
    with open_bench(config, mode) as made:
        made.put("REDUCE_ONLY")
        cold = made.cycle(4)
        idle_look = made.watch(int(time.time()))
        made.put("RUN")
        trading, quiet = made.cycle(3), made.cycle(2)
        # Nobody sells what is bought for weeks here: what works at the venue is looked at as what is held would be.
        held_look = made.watch(int(time.time()))
    runs = Runs(cold, quiet, trading, idle_look, held_look)
    if quiet.orders or "dynamodb:TransactWriteItems" in quiet.calls or not quiet.market_requests:
        raise RuntimeError(f"a quiet cycle reads the market, trades nothing and books nothing, unlike {quiet}")
    if [idle_look.outcome, held_look.outcome] != ["SKIPPED"] * 2 or not held_look.market_requests:
        raise RuntimeError(f"a look finds nothing due, unlike {idle_look}, {held_look}")
    return runs
