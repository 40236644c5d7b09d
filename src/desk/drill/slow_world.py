"""One case of the slow venue: a venue, a ledger and a kill switch of its own, and lots that have to go.

The lots are opened by the function's first run (`held_lots`), at full speed. Only then do the venue's answers become
slow.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
from botocore.config import Config

from desk.counting import write_count
from desk.drill.function_process import Invoked, invoke_for, open_aws
from desk.drill.held_lots import PRODUCTS, SCOPE, prepare_config, remember_entries
from desk.sandbox.auth import ApiKey, make_key
from desk.sandbox.faults import Fault
from desk.sandbox.market import PriceSource
from desk.sandbox.orders import OrderType
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.config.files import load_settings
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleOutcome
from trader.model.ids import Asset, Instant
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.settings import Settings

_REGION, _SECRET = "us-east-1", "api-key"
_SET_UP_SECONDS, _DAY = 120, 86_400


class Delayed(StrEnum):
    """Which requests are answered late."""

    ALL = "all"
    POST = "post"
    GET = "get"
    THIRD = "third"


@dataclass(frozen=True, slots=True)
class Case:
    """What is slow, how much is to be sold, and why.

    ``word`` is what the kill switch says. FLATTEN is the reason itself; with RUN and REDUCE_ONLY the lots have been
    held for as long as they may. Units: ``delay`` in seconds.
    """

    delay: float
    delayed: Delayed
    lots: int
    word: TradingState

    def __str__(self) -> str:
        return f"{self.delay:g} s, {self.delayed}, {write_count(self.lots, 'lot')}, {self.word}"


@dataclass(frozen=True, slots=True)
class Left:
    """Lots that are left: held at the venue, of these without a sale, and without any order; and lots in the books."""

    held: int
    unsold: int
    bare: int
    booked: int

    def __str__(self) -> str:
        return f"held={self.held} unsold={self.unsold} bare={self.bare} booked={self.booked}"


class Cloud:
    """AWS as moto plays it, one for all cases, with the venue's key; what a case writes to is its own.

    A shared table would not do: moto copies all of it for a transaction, while others write, and puts the copy back if
    the transaction fails.
    """

    def __init__(self, endpoint: str, key: ApiKey) -> None:
        self.key = key
        self.environment = {
            "AWS_ACCESS_KEY_ID": "drill",
            "AWS_SECRET_ACCESS_KEY": "drill",
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_ENDPOINT_URL": endpoint,
        }
        session = boto3.session.Session("drill", "drill", region_name=_REGION)
        config = Config(max_pool_connections=50)
        names = ("dynamodb", "s3", "ssm", "secretsmanager")
        clients = {name: session.client(name, endpoint_url=endpoint, config=config) for name in names}
        self._dynamodb, self._s3, self._ssm = clients["dynamodb"], clients["s3"], clients["ssm"]
        secret = {"key_name": key.name, "private_key": key.secret}
        clients["secretsmanager"].create_secret(Name=_SECRET, SecretString=json.dumps(secret))

    def create_store(self, name: str) -> DynamoStateStore:
        """Make the table of a case, and a bucket of the same name for its record."""
        self._s3.create_bucket(Bucket=name)
        self._dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        return DynamoStateStore(self._dynamodb, name)

    def lease_ends(self, table: str) -> int:
        """Return until when somebody has the lease, in seconds since the epoch; 0 if nobody has."""
        key = {"pk": {"S": SCOPE}, "sk": {"S": "LEDGER"}}
        item = self._dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
        return int(item["expires_at"]["N"]) if item.get("owner", {}).get("S") else 0

    def put_switch(self, name: str, word: TradingState) -> None:
        """Move the kill switch of a case."""
        self._ssm.put_parameter(Name=name, Value=word, Type="String", Overwrite=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """What all cases stand on. Whoever sets ``over`` ends them all."""

    cloud: Cloud
    source: PriceSource
    settings: Settings
    config: Path
    logs: Path
    over: threading.Event = field(default_factory=threading.Event)


class SlowWorld:
    """Hands and eyes of one case; *name* is that of its table and its bucket."""

    def __init__(self, case: Case, name: str, stage: Stage, server: VenueServer) -> None:
        self._case, self._name, self._stage, self._server = case, name, stage, server
        self._switch = f"/trader/{name}/kill-switch"
        self._store = stage.cloud.create_store(name)
        self._scheduled = 0

    # --- hands

    def set_up(self) -> None:
        """Open the lots through the function, make sure that they are there and protected, and slow the venue down.

        Raises: RuntimeError if they are not.
        """
        now = SystemClock().now()
        hold_until = Instant(now + _DAY) if self._case.word is TradingState.FLATTEN else now
        products = PRODUCTS[: self._case.lots]
        remember_entries(self._store, self._server.venue, self._stage.settings, products, hold_until)
        self._stage.cloud.put_switch(self._switch, TradingState.RUN)
        run, left = self.invoke(_SET_UP_SECONDS), self.look()
        if run.outcome != CycleOutcome.COMPLETED or left != Left(self._case.lots, self._case.lots, 0, self._case.lots):
            raise RuntimeError(f"{self._case}: set-up ended as {run} with {left}")
        self._stage.cloud.put_switch(self._switch, self._case.word)
        method = self._case.delayed if self._case.delayed in {Delayed.POST, Delayed.GET} else ""
        every = 3 if self._case.delayed is Delayed.THIRD else 1
        self._server.venue.faults.add(Fault.SLOW, method, every=every, count=0, seconds=self._case.delay)

    def wait_for_next_tick(self) -> None:
        """Wait until no dead invocation has the lease, and a new second, which names the next cycle, has begun."""
        ready = max(self._stage.cloud.lease_ends(self._name), self._scheduled + 1)
        self._stage.over.wait(max(ready - time.time(), 0))

    def invoke(self, seconds: float) -> Invoked:
        """Run the tick of now."""
        self._scheduled = int(time.time())
        at = datetime.fromtimestamp(self._scheduled, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        variables = {
            **self._stage.cloud.environment,
            "POWERTOOLS_SERVICE_NAME": "trader",
            "POWERTOOLS_METRICS_NAMESPACE": "Trader",
            "TRADER_CONFIG_DIR": str(self._stage.config),
            "TRADER_MODE": "LIVE",
            "TRADER_LIVE_CONFIRMED": "yes",
            "TRADER_TABLE": self._name,
            "TRADER_AUDIT_BUCKET": self._name,
            "TRADER_KILL_SWITCH": self._switch,
            "TRADER_SECRET": _SECRET,
            "TRADER_VENUE_URL": self._server.url,
        }
        return invoke_for(seconds, {"scheduled_time": at}, variables, self._stage.logs / self._name, self._stage.over)

    # --- eyes

    def look(self) -> Left:
        """Look at venue and books from outside."""
        venue, ledger = self._server.venue, self._store.ledger(SCOPE)
        with venue.lock:
            selling = [order for order in venue.orders() if order.is_active and order.core.side is Side.SELL]
            held = {base for base in _bases(self._case.lots) if venue.account.totals.get(base, 0) > 0}
        sales = {order.core.base for order in selling if order.order_type is not OrderType.BRACKET}
        bare = held - {order.core.base for order in selling}
        return Left(len(held), len(held - sales), len(bare), len(ledger.lots) if ledger is not None else 0)


def _bases(lots: int) -> set[Asset]:
    return {Asset(product_id.rpartition("-")[0]) for product_id in PRODUCTS[:lots]}


@contextmanager
def open_stage(config: Path) -> Iterator[Stage]:
    """Put up what all cases stand on; it is gone when the context ends, and so are they."""
    with open_aws() as endpoint, TemporaryDirectory(prefix="slow-venue-") as name:
        folder = Path(name)
        prepare_config(config, folder / "config")
        settings = load_settings(folder / "config", {"TRADER_MODE": "LIVE"}).settings
        source = make_synthetic_source(now=SystemClock().now())
        yield Stage(Cloud(endpoint, make_key()), source, settings, folder / "config", folder)


@contextmanager
def open_world(case: Case, name: str, stage: Stage) -> Iterator[SlowWorld]:
    """Give a case its venue and its books."""
    with VenueServer(Venue(stage.source, keys=[stage.cloud.key])) as server:
        yield SlowWorld(case, name, stage, server)
