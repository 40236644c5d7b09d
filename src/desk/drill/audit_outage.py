"""The audit's bucket is gone for three hours, over midnight, with 200 products, watch runs, and a sale that falls due.

Cycle, watch runs and adapters are those of production, table and bucket are moto's, time is played. The lot's hold ends
at the very tick whose record holds all candles of the new day. What cannot be stored is owed beside the ledger, and
stored when the bucket is back.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import EndpointConnectionError

from desk.cost.aws_calls import AwsCall, record_calls
from desk.drill.audit_outage_market import (
    BACK,
    BOUGHT,
    FIRST,
    GONE,
    LAST,
    MIDNIGHT,
    MINUTE,
    STRATEGY,
    BuysOnce,
    make_market,
    make_outage_settings,
)
from desk.drill.market_modes_world import WaitingClock
from desk.in_memory import InMemoryKillSwitch, InMemorySimAccountStore
from desk.mocked_aws import open_mocked_aws
from desk.recovery.anchors import Anchors
from desk.recovery.aws import DynamoLedgerItems, S3History
from desk.recovery.evidence import Evidence
from desk.recovery.verify import verify_audit
from desk.run import make_tick
from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.aws.table import measure_item
from trader.cycle import CycleOutcome, run_cycle
from trader.cycle.watch import make_watch_tick, run_watch
from trader.entry.wiring import VenueAccess, choose_exchange
from trader.model.decisions import Plan
from trader.model.events import EventKind
from trader.model.ids import Instant, Scope, cycle_id_at
from trader.model.ledger import Ledger
from trader.ports import Identity, Ports
from trader.sim.account import SimAccount
from trader.stages.pipeline import Pipeline

SCOPE = Scope("PAPER#outage")
PRODUCTS = 200
#: No item may be larger. Units: bytes.
ITEM_BYTES_MAX = 300_000
_TABLE, _BUCKET = "trader", "audit"
#: What a put takes that is not answered: three tries of three seconds, or one that a sale waits for.
_PATIENT_SECONDS, _URGENT_SECONDS = 9, 1.5


@dataclass(slots=True)
class Told:
    """What the outage came to. Units: bytes; ``sold_after`` is in ticks after the one in which the sale fell due."""

    products: int = 0
    ticks: int = 0
    looks: int = 0
    owed: int = 0
    left: int = -1
    sold_after: int = -1
    wanted: int = 0
    entered: int = 0
    omitted: int = 0
    largest_item: int = 0
    decisions: int = 0
    replayable: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether the sale left in its tick, nothing that was wanted was entered, and all is stored and whole."""
        played = self.owed > 0 and self.wanted > 0 and 0 < self.largest_item <= ITEM_BYTES_MAX
        return played and not self.faults and (self.sold_after, self.left, self.entered) == (0, 0, 0)

    def line(self) -> str:
        """Write the line for machines."""
        return (
            f"products={self.products} ticks={self.ticks} looks={self.looks} sold_after={self.sold_after} "
            f"wanted={self.wanted} entered={self.entered} owed={self.owed} left={self.left} broken={len(self.faults)} "
            f"omitted={self.omitted} replayable={self.replayable} decisions={self.decisions} "
            f"largest_item={self.largest_item}"
        )


class _Bucket:
    """A client of S3 that does not answer while the bucket is gone."""

    def __init__(self, client: Any, clock: WaitingClock, patience: float) -> None:
        self._client, self._clock, self._patience = client, clock, patience

    def __getattr__(self, name: str) -> Callable[..., Any]:
        asked: Callable[..., Any] = getattr(self._client, name)

        def call(**params: Any) -> Any:
            if GONE <= self._clock.now() < BACK:
                self._clock.wait(self._patience)
                raise EndpointConnectionError(endpoint_url="the bucket")
            return asked(**params)

        return call


def run_drill(count: int, s3: Any, dynamodb: Any) -> Told:
    """Play the hours before, the outage and the hour after it, with so many products. To be called beside moto."""
    settings, clock = make_outage_settings(count), WaitingClock(Instant(FIRST))
    told = Told(products=count)
    store = DynamoStateStore(dynamodb, _TABLE)
    market = make_market(settings, clock, count)
    accounts: InMemorySimAccountStore[SimAccount] = InMemorySimAccountStore()
    ports = Ports(
        market=market,
        exchange=choose_exchange(settings, VenueAccess(market, market), clock, lambda: accounts),
        store=store,
        audit=S3AuditLog(
            _Bucket(s3, clock, _PATIENT_SECONDS),
            _BUCKET,
            open_urgent=lambda: _Bucket(s3, clock, _URGENT_SECONDS),
            monotonic=lambda: float(clock.now()),
            sleep=clock.wait,
        ),
        kill_switch=InMemoryKillSwitch(),
        clock=clock,
        identity=Identity(SCOPE, "drill", "drill"),
    )
    pipeline = Pipeline.build(settings, {STRATEGY: BuysOnce()})
    for minute in range(FIRST, LAST, MINUTE):
        _play_minute(Instant(minute), pipeline, ports, store, told)
    _judge(told, S3History(s3, _BUCKET), DynamoLedgerItems(dynamodb, _TABLE, s3, _BUCKET))
    return told


def _play_minute(at: Instant, pipeline: Pipeline, ports: Ports, store: DynamoStateStore, told: Told) -> None:
    clock, period = ports.clock, pipeline.settings.cycle.period_seconds
    assert isinstance(clock, WaitingClock)
    if clock.now() < at:
        clock.set(at)
    before = store.ledger(SCOPE)
    if at == MIDNIGHT and (before is None or not _holds(before)):
        told.faults.append("no lot was held when the sale fell due")
    if at % period:
        told.looks += 1
        report = run_watch(make_watch_tick(at, clock.now(), period), pipeline, ports)
    else:
        told.ticks += 1
        report = run_cycle(make_tick(at, pipeline.settings, clock.now()), pipeline, ports)
    after = store.ledger(SCOPE)
    if after is None:
        return
    # For want of a record nothing is entered, and a decision that only enters is made again: both are meant.
    if report.outcome is CycleOutcome.ABORTED and "audit" not in report.reason:
        told.faults.append(f"{cycle_id_at(at)}: {report.reason}")
    told.owed = max(told.owed, len(after.owed))
    told.left = len(after.owed) + after.unrecorded
    if at >= MIDNIGHT and told.sold_after < 0 and not _holds(after):
        told.sold_after = (at - MIDNIGHT) // period
    if GONE <= at < BACK:
        plan = report.decision.plan if report.decision is not None else Plan()
        told.wanted += sum(intent.is_entry for intent in plan.intents)
        sent = {note.subject for note in report.notes if note.kind is EventKind.ORDER_SUBMITTED}
        told.entered += sum(each.intent.is_entry for name, each in after.orders.items() if name in sent)


def _holds(ledger: Ledger) -> bool:
    return any(lot.product_id == BOUGHT and lot.quantity for lot in ledger.lots.values())


def _judge(told: Told, history: S3History, items: DynamoLedgerItems) -> None:
    evidence = Evidence(history.read(SCOPE), items.read_owed(SCOPE), Anchors(), items.find(SCOPE))
    judged = verify_audit(evidence)
    told.faults += [str(each) for each in judged.found]
    told.decisions, told.replayable = judged.decisions, judged.replayable
    told.omitted = sum("BarsOmitted" in (each[0].text or "") for each in evidence.history.values())


def measure_largest(calls: Sequence[AwsCall]) -> int:
    """Return the size of the largest item that was written. Units: bytes."""
    largest = 0
    for call in calls:
        actions = call.params.get("TransactItems") or [{"Update": call.params}]
        for action in actions:
            ((_, what),) = action.items()
            values = what.get("Item") or {**what.get("Key", {}), **what.get("ExpressionAttributeValues", {})}
            largest = max(largest, measure_item(values))
    return largest


def main() -> int:
    """Run the drill. Ends with 1 if the sale was late, something was entered, or the record is not whole."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    told = play_outage(PRODUCTS)
    for fault in told.faults:
        print(fault, file=sys.stderr)
    print(told.line())
    return 0 if told.is_sound else 1


def play_outage(count: int) -> Told:
    """Make table and bucket, play with so many products, and measure what was written."""
    keys = {"pk": "HASH", "sk": "RANGE"}
    with open_mocked_aws(), record_calls() as recording:
        session = boto3.session.Session("testing", "testing", region_name="us-east-1")
        s3, dynamodb = session.client("s3"), session.client("dynamodb")
        dynamodb.create_table(
            TableName=_TABLE,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        s3.create_bucket(Bucket=_BUCKET)
        s3.put_bucket_versioning(Bucket=_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        with recording.listening() as calls:
            told = run_drill(count, s3, dynamodb)
    told.largest_item = measure_largest([call for call in calls if call.service == "dynamodb"])
    return told


if __name__ == "__main__":
    sys.exit(main())
