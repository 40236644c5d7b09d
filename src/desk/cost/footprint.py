"""What a cycle takes of a process: its peak memory and its processor seconds, in a fresh interpreter.

AWS by moto is a process of its own, the venue another one's thread. The interpreter and the speed of the processor are
this machine's, not Lambda's: figures to size by, no promises.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from desk.cost.cycles import CONFIG, TABLE, create_table, make_config, make_environment
from desk.cost.ledger_writes import REALISTIC
from desk.cost.realistic_ledger import make_ledger
from desk.drill.function_process import open_aws
from desk.markets.synthetic import DEMO_SEED
from desk.sandbox.options import VenueOptions
from desk.sandbox.price_sources import add_many_products, make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.aws.state_store import DynamoStateStore
from trader.model.ids import Instant, Scope

#: A whole core of Lambda's; less memory is as much less of one. Units: megabytes.
CORE_MEGABYTES = 1769
_CYCLES = 5
# Lambda keeps a process for many cycles; the first one imports everything. The peak is the kernel's own.
_CHILD = """
import json, sys, time
from trader.entry.lambda_handler import handler
class Context:
    function_name, memory_limit_in_mb, invoked_function_arn, aws_request_id = "cost", 256, "arn", "cost"
    def get_remaining_time_in_millis(self):
        return 210_000
spent = []
for event in json.loads(sys.argv[1]):
    wall, cpu = time.perf_counter(), time.process_time()
    answer = handler(event, Context())
    spent.append([answer["outcome"], time.perf_counter() - wall, time.process_time() - cpu])
with open("/proc/self/status", encoding="ascii") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"peak_mb": peak / 1024, "spent": spent, "loaded": loaded}), file=sys.stderr)
"""
_FOREIGN = {"desk", "moto", "pytest", "numpy", "hypothesis"}


#: How long each answer of the venue takes, assumed. Units: seconds.
LATENCY_SECONDS = 0.1
#: The four calls of AWS that a quiet cycle makes, 20 ms each, assumed.
_AWS_SECONDS = 0.08


@dataclass(frozen=True, slots=True)
class Footprint:
    """Units: megabytes; seconds of one run of a warm process, waits for answers and for the rate limits included."""

    peak_mb: float
    cpu_seconds: float
    wall_seconds: float

    def estimate_seconds(self, memory_mb: int) -> Decimal:
        """Estimate the run on Lambda: what it waits for here, and its processor time on less of a core."""
        waits = max(self.wall_seconds - self.cpu_seconds, 0)
        return round(Decimal(waits + _AWS_SECONDS + self.cpu_seconds * CORE_MEGABYTES / memory_mb), 2)


def measure_footprint(mode: str, *, watches: bool = False, config: Path = CONFIG) -> Footprint:
    """Run cycles, or watch runs after them, on a venue of thirty products that takes its time to answer.

    In LIVE the account is what the cycles make of it; in DRY_RUN the ledger is the realistic one from the start.
    Raises: RuntimeError if a run was not what it should be.
    """
    with ExitStack() as stack:
        endpoint = stack.enter_context(open_aws())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        make_config(config, folder)
        now = Instant(int(time.time()))
        source = add_many_products(make_synthetic_source(DEMO_SEED, now), REALISTIC.products)
        venue = stack.enter_context(VenueServer(Venue(source, options=VenueOptions(delay_seconds=LATENCY_SECONDS))))
        key = {"key_name": venue.key.name, "private_key": venue.key.secret}
        variables = make_environment(folder, venue.url, mode) | {"AWS_ENDPOINT_URL": endpoint}
        _furnish(variables, key, mode)
        said = _run_child(variables, _list_events(now, watches=watches))
    ends = [each[0] for each in said["spent"]]
    if ends != ["COMPLETED"] * _CYCLES + ["SKIPPED"] * (_CYCLES * watches) or _FOREIGN & set(said["loaded"]):
        raise RuntimeError(f"{mode}: runs ended as {ends}; loaded besides: {sorted(_FOREIGN & set(said['loaded']))}")
    _, walls, cpus = zip(*said["spent"][-3:], strict=True)
    return Footprint(said["peak_mb"], median(cpus), median(walls))


def _list_events(now: Instant, *, watches: bool) -> list[dict[str, Any]]:
    def at(seconds: int) -> dict[str, Any]:
        return {"scheduled_time": datetime.fromtimestamp(now - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}

    ticks = [at(_CYCLES - number) for number in range(_CYCLES)]
    minute = at(0) if now % 300 else at(1)
    return ticks + [{**minute, "watch": True}] * (_CYCLES * watches)


def _furnish(variables: Mapping[str, str], key: Mapping[str, str], mode: str) -> None:
    session = boto3.session.Session("cost", "cost", region_name=variables["AWS_DEFAULT_REGION"])
    clients = {
        name: session.client(name, endpoint_url=variables["AWS_ENDPOINT_URL"])
        for name in ("dynamodb", "s3", "ssm", "secretsmanager")
    }
    create_table(clients["dynamodb"])
    clients["s3"].create_bucket(Bucket=variables["TRADER_AUDIT_BUCKET"])
    clients["ssm"].put_parameter(Name=variables["TRADER_KILL_SWITCH"], Value="RUN", Type="String")
    clients["secretsmanager"].create_secret(Name=variables["TRADER_SECRET"], SecretString=json.dumps(key))
    if mode == "DRY_RUN":
        scope, store = Scope("DRY_RUN#main"), DynamoStateStore(clients["dynamodb"], TABLE)
        ledger = make_ledger(REALISTIC.products, REALISTIC.lots, REALISTIC.orders, scope=scope)
        ledger = replace(ledger, last_cycle=None)
        store.commit(store.acquire(scope, "cost", Instant(int(time.time())), 60), ledger, release=True)


def _run_child(variables: Mapping[str, str], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "TRADER_", "POWERTOOLS_"))}
    command = [sys.executable, "-c", _CHILD, json.dumps(events)]
    done = subprocess.run(command, env=kept | dict(variables), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"the function failed: {done.stderr.strip()[-2000:]}")
    return dict(json.loads(done.stderr.splitlines()[-1]))
