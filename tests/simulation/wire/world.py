"""A world on the real adapters: the ledger in DynamoDB, the audit in S3, the switch in SSM, the venue over HTTP.

It plays the same scenarios as the world in memory and shows an outsider the same things. It cannot be copied: a case
is played from its first tick.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, TypeVar

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from desk.recovery.aws import DynamoLedgerItems, S3AuditReader
from desk.recovery.store import RecoveryStores
from desk.sandbox.auth import ApiKey, make_key
from desk.sandbox.faults import Fault
from desk.sandbox.market import PriceSource
from desk.sandbox.options import VenueOptions
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from simulation.nemesis import Nemesis
from simulation.wire.account_book import read_book
from simulation.wire.wires import BUCKET, SWITCH, TABLE, AwsWire, Hands, VenueWire, VirtualClock
from simulation.world import SCOPE, START, Scenario
from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.command_slots import read_slots
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits, TimeoutPolicy, Timing
from trader.model.codec import decode
from trader.model.commands import NO_COMMANDS, StandingCommands
from trader.model.ids import Asset, Instant
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.trading_state import TradingState
from trader.ports import Identity, Ports, TimeBudget
from trader.sim.account import SimAccount

#: One request after the other, so that the N-th call is the same one in every run.
_LIMITS = RateLimits(1_000, 1_000, 1_000, parallel=1)
_PREFIX = "audit/"


class Wires:
    """What one process has once: the clock, the hand on the wires, AWS, a key of the venue."""

    def __init__(self) -> None:
        self.hands = Hands()
        self.clock = VirtualClock(START)
        self.aws = AwsWire(self.hands, self.clock)
        self.key: ApiKey = make_key()
        self.world_is_open = False


wires = cache(Wires)


class WireWorld:
    """One history of a scenario on the real adapters, from its beginning."""

    patience = TimeoutPolicy(connect_seconds=2, answer_seconds=2)
    lists_foreign_rows = True

    def __init__(self, scenario: Scenario, server: VenueServer, *, word: str = TradingState.RUN) -> None:
        self.scenario = scenario
        self.venue = server.venue
        if self.lists_foreign_rows:
            # The account is its owner's, too: their rows, however odd, are among ours in every answer.
            for path in ("/accounts", "/orders/historical/batch", "/orders/historical/fills"):
                self.venue.faults.add(Fault.FOREIGN_ROWS, "GET", path, count=0)
        self._url = server.url
        self._wires = wires()
        self.clock, self.aws, self.hands = self._wires.clock, self._wires.aws, self._wires.hands
        self.aws.reset(word)
        self._store = DynamoStateStore(self.aws.clients["dynamodb"], TABLE)
        self._audit: dict[str, str] = {}
        self._tags: dict[str, str] = {}

    # --- what an invocation gets

    @contextmanager
    def invocation(self, owner: str, nemesis: Nemesis) -> Iterator[Ports]:
        """The world as one process sees it, with connections of its own, and a nemesis on all its wires."""
        budget = TimeBudget()
        exchange = self._exchange(budget)
        clients = self.aws.clients
        ports = Ports(
            market=exchange,
            exchange=exchange,
            store=self._store,
            audit=S3AuditLog(clients["s3"], BUCKET, _PREFIX, lambda: clients["urgent s3"]),
            kill_switch=SsmKillSwitch(clients["ssm"], SWITCH),
            clock=self.clock,
            identity=Identity(SCOPE, owner, "test"),
            budget=budget,
        )
        try:
            with self._wires.hands.of(nemesis):
                yield ports
        finally:
            exchange._transport.close()

    def _wall(self) -> float:
        """What our process takes for the time of day. What measures how long something took is the venue's clock."""
        return self.clock.seconds()

    def _exchange(self, budget: TimeBudget | None = None) -> CoinbaseExchange:
        clock = self.clock
        timing = Timing(self._wall, clock.seconds, clock.wait, lambda low, high: (low + high) / 2)
        key = self._wires.key
        exchange = open_exchange(
            Credentials(key.name, key.secret),
            self._url,
            limits=_LIMITS,
            timeouts=self.patience,
            timing=timing,
            budget=budget,
        )
        exchange._transport._session.mount("http://", VenueWire(self._wires.hands))
        return exchange

    # --- what the operator does

    def put_switch(self, word: str | None) -> None:
        """Write any word into the kill switch, or take the parameter away."""
        with self._wires.hands.off():
            ssm = self.aws.clients["ssm"]
            if word is not None:
                self.aws.put_switch(word)
            elif ssm.describe_parameters()["Parameters"]:
                ssm.delete_parameter(Name=SWITCH)

    def free_the_lease(self) -> None:
        """Give back the lease of an invocation that is known to be dead."""
        grant = self._store.acquire(SCOPE, "supervisor", Instant(self.clock.at + 10**6), 30)
        self._store.release(grant)

    # --- what a recovery touches

    def wipe(self) -> None:
        """Lose every item of the table: the ledger, the fills, the finished orders."""
        with self._wires.hands.off():
            for beginning in ("LEDGER", "FILL#", "ORDER#", "OWED#"):
                for item in self._items(beginning):
                    key = {"pk": item["pk"], "sk": item["sk"]}
                    self.aws.clients["dynamodb"].delete_item(TableName=TABLE, Key=key)

    def place(self, ports: Ports) -> RecoveryStores:
        """What a recovery needs of the world."""
        dynamodb, s3 = self.aws.clients["dynamodb"], self.aws.clients["s3"]
        return RecoveryStores(
            settings=self.scenario.settings,
            scope=SCOPE,
            owner=ports.identity.owner,
            store=ports.store,
            items=DynamoLedgerItems(dynamodb, TABLE, s3, BUCKET),
            audit=ports.audit,
            reader=S3AuditReader(s3, BUCKET, _PREFIX),
            exchange=ports.exchange,
            clock=self.clock,
        )

    # --- what an outsider sees

    def ledger(self) -> Ledger | None:
        """The ledger as stored."""
        packed = next((item["ledger"]["B"] for item in self._items("LEDGER") if "ledger" in item), None)
        return None if packed is None else _ledger_of(packed)

    def commands(self) -> StandingCommands:
        """What stands in the slots."""
        return next((read_slots(item) for item in self._items("LEDGER")), NO_COMMANDS)

    def lease_owner(self) -> str:
        """Who holds the lease; nobody is an empty text."""
        return next((item["owner"]["S"] for item in self._items("LEDGER") if "owner" in item), "")

    def stored_fills(self) -> Sequence[Fill]:
        """Every fill that was stored."""
        return [_fill_of(item["body"]["S"]) for item in self._items("FILL#")]

    def stored_orders(self) -> Sequence[OrderRecord]:
        """Every order that was stored as finished."""
        return [_order_of(item["body"]["S"]) for item in self._items("ORDER#")]

    def _items(self, beginning: str) -> list[dict[str, Any]]:
        """The items of the table, read where moto keeps them: a thousand looks over the wire would take minutes."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[TABLE]
        rows = next((rows for key, rows in table.items.items() if key.value == SCOPE), {})
        found = sorted((key.value, item) for key, item in rows.items() if key.value.startswith(beginning))
        return [item.to_json()["Attributes"] for _, item in found]

    def owed_texts(self) -> Mapping[str, str]:
        """Every audit object that waits beside the ledger to be stored, by its key."""
        items = {item["sk"]["S"].removeprefix("OWED#"): item["body"]["B"] for item in self._items("OWED#")}
        return {key: zlib.decompress(body).decode() for key, body in items.items()}

    def audit_texts(self) -> Mapping[str, str]:
        """Every object of the audit log by its key; what lay there once has to lie there still, as it was."""
        keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys
        listed = {name: keys[name].etag for name in keys if name.startswith(_PREFIX)}
        changed = [key for key, tag in self._tags.items() if listed.get(key) != tag]
        assert not changed, f"audit objects were changed or deleted: {changed}"
        for name in listed.keys() - self._tags.keys():
            self._audit[name.removeprefix(_PREFIX)] = keys[name].value.decode()
        self._tags = listed
        return self._audit

    def book(self) -> SimAccount:
        """The venue's own book, brought up to now."""
        return read_book(self.venue, self.audit_texts())


_ledger_of = lru_cache(maxsize=64)(lambda packed: decode(Ledger, json.loads(zlib.decompress(packed))))
_fill_of = lru_cache(maxsize=4096)(lambda text: decode(Fill, json.loads(text)))
_order_of = lru_cache(maxsize=4096)(lambda text: decode(OrderRecord, json.loads(text)))

World = TypeVar("World", bound=WireWorld)


@contextmanager
def begun(
    kind: Callable[[Any, VenueServer], World], scenario: Scenario, at: Instant, options: VenueOptions
) -> Iterator[World]:
    """Make a world before its first tick, with what the account's owner did by hand.

    One at a time: the next one empties the AWS of this process.
    """
    once = wires()
    assert not once.world_is_open, "another world is still being played on this AWS"
    once.world_is_open = True
    once.clock.set(at)
    venue = Venue(
        PriceSource(scenario.products, scenario.series),
        once.clock,
        settings=scenario.settings.simulation,
        opening=dict[Asset, Any](scenario.opening),
        options=options,
        keys=[once.key],
    )
    try:
        with VenueServer(venue) as server:
            world = kind(scenario, server)
            for intent in scenario.foreign:
                with world.invocation("the owner", Nemesis()) as ports:
                    assert ports.exchange is not None
                    ports.exchange.submit(intent)
            yield world
    finally:
        once.world_is_open = False


@contextmanager
def open_wire_world(scenario: Scenario, **options: Any) -> Iterator[WireWorld]:
    """Make a world of a scenario that begins where its script does."""
    with begun(WireWorld, scenario, START, VenueOptions(**options)) as world:
        yield world
