"""One try of the rotation drill: books, a venue and a stored key of its own, lots that are due, and a change of key.

The function runs in this process, in LIVE, against AWS by moto and the simulated venue over HTTP. A cold process is one
whose runtime is made anew. Everything it says, stores or fails with is kept, to be searched for the keys.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from moto import mock_aws

from desk.cost.aws_calls import AwsCall, Recording, record_calls
from desk.drill.held_lots import PRODUCTS, prepare_config, remember_entries
from desk.drill.rotation_tries import KeyStore, Moment, Moments, Told, Try
from desk.invoke import Context
from desk.sandbox.auth import ApiKey, make_key
from desk.sandbox.market import PriceSource
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.aws import clients as aws_clients
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.config.files import load_settings
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleOutcome
from trader.errors import TraderError
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.settings import Settings

LOTS = 2
_REGION = "us-east-1"
_ORDERS = "/api/v3/brokerage/orders"
#: A piece of a key that is shorter says nothing of it.
_PIECE_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """What all tries stand on."""

    clients: dict[str, Any]
    source: PriceSource
    settings: Settings
    module: Any
    recording: Recording
    numbers: Iterator[int]


class RotationWorld:
    """Hands and eyes of one try."""

    def __init__(self, attempt: Try, stage: Stage, server: VenueServer) -> None:
        self._attempt, self._stage, self.venue = attempt, stage, server.venue
        self._name = f"rotation-{next(stage.numbers)}"
        self._keys = [server.key]
        self._said = io.StringIO()
        self.told = Told()
        self._moments = self.venue.faults = Moments()
        os.environ |= self._variables(server.url)
        self._store_books()
        self.store(server.key)

    # --- hands

    def store(self, key: ApiKey) -> None:
        """Store a key's file, as it was downloaded."""
        text, clients = json.dumps(key.file()), self._stage.clients
        if self._attempt.store is KeyStore.PARAMETER_STORE:
            clients["ssm"].put_parameter(Name=self._key_name, Value=text, Type="SecureString", Overwrite=True)
        elif len(self._keys) == 1:
            clients["secretsmanager"].create_secret(Name=self._key_name, SecretString=text)
        else:
            clients["secretsmanager"].put_secret_value(SecretId=self._key_name, SecretString=text)

    def revoke(self) -> None:
        """Revoke the key that there is; its successor is known to the venue only."""
        self.venue.revoke_key(self._keys[-1].name)
        self._keys.append(self.venue.add_key(make_key(self._attempt.new)))

    def rotate(self) -> None:
        """Revoke the key that there is, then store its successor."""
        self.revoke()
        self.store(self._keys[-1])

    def store_successor(self) -> None:
        """Store the successor of a key that was revoked."""
        self.store(self._keys[-1])

    def arm(self, then: Callable[[], None]) -> None:
        """Do something at the moment of this try."""
        numbers = count(1)

        def is_due(_method: str, _path: str) -> bool:
            self.told.met = next(numbers) == self._attempt.request
            return self.told.met

        def is_order(method: str, path: str) -> bool:
            self.told.met = (method, path) == ("POST", _ORDERS)
            return self.told.met

        self._moments.arm(is_order if self._attempt.moment is Moment.BEFORE_ORDER else is_due, then)

    def start_cold(self) -> None:
        """Let the next invocation be the first of its process."""
        self._stage.module._runtime = None  # noqa: SLF001 - what a new process is without

    def tick(self, seconds_ago: int) -> tuple[str, str]:
        """Invoke the function for an instant; return the outcome, or ERROR, and what it failed with."""
        at = datetime.fromtimestamp(int(time.time()) - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.told.ticks += 1
        # A cold process has not read the key yet.
        reads_before = int(self._stage.module._runtime is None)  # noqa: SLF001
        with self._stage.recording.listening() as calls:
            ended = self._invoke({"scheduled_time": at})
        reads = sum(map(self._reads_key, calls))
        self.told.rereads_max = max(self.told.rereads_max, reads - reads_before)
        return ended

    def _invoke(self, event: dict[str, str]) -> tuple[str, str]:
        with contextlib.redirect_stdout(self._said), contextlib.redirect_stderr(self._said):
            for handler in logging.getLogger("trader").handlers:
                if isinstance(handler, logging.StreamHandler):
                    handler.setStream(self._said)
            try:
                answer = self._stage.module.handler(event, Context())
            except TraderError as error:
                self._said.write(f"{error!r} {error}")
                return "ERROR", str(error)
        self._said.write(json.dumps(answer))
        return str(answer["outcome"]), str(answer["reason"])

    def open_lots(self) -> None:
        """Have the function buy lots that are due to be sold at once. Raises: RuntimeError if it does not."""
        self.start_cold()
        outcome, reason = self.tick(9)
        if (outcome, self.held()) != (CycleOutcome.COMPLETED, LOTS):
            raise RuntimeError(f"{self._attempt}: the set-up ended as {outcome} with {self.held()} lots: {reason}")

    # --- eyes

    def held(self) -> int:
        """Count the lots that are held at the venue."""
        with self.venue.lock:
            self.venue.advance()
            bases = [product_id.partition("-")[0] for product_id in PRODUCTS[:LOTS]]
            return sum(self.venue.account.totals.get(base, 0) > 0 for base in bases)  # type: ignore[call-overload]

    def count_doubled(self) -> int:
        """Count orders that came twice, and sales beyond the one that a lot needs."""
        orders = [order.core for order in self.venue.orders() if order.core.parent is None]
        names = Counter(each.client_order_id for each in orders)
        sold = Counter(
            each.product_id for each in orders if each.side is Side.SELL and each.status is OrderStatus.FILLED
        )
        return sum(each - 1 for each in (*names.values(), *sold.values()))

    def find_pieces(self) -> list[str]:
        """Say where a piece of one of the keys is in what was said and stored."""
        pieces = {piece for key in self._keys for piece in _pieces(key)}
        return [place for place, text in self._texts() if any(piece in text for piece in pieces)]

    def say(self, text: str) -> None:
        """Have it searched as well."""
        self._said.write(text)

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield "what was said", self._said.getvalue()
        s3, dynamodb = self._stage.clients["s3"], self._stage.clients["dynamodb"]
        for each in s3.list_objects_v2(Bucket=self._name).get("Contents", []):
            body = s3.get_object(Bucket=self._name, Key=each["Key"])["Body"].read()
            yield each["Key"], body.decode("utf-8", "replace")
        for item in dynamodb.scan(TableName=self._name)["Items"]:
            yield item["sk"]["S"], json.dumps(item, default=lambda value: zlib.decompress(value).decode())

    def _reads_key(self, call: AwsCall) -> bool:
        name = call.params.get("SecretId") or call.params.get("Name")
        return call.name in ("secretsmanager:GetSecretValue", "ssm:GetParameter") and name == self._key_name

    # --- set-up

    @property
    def _key_name(self) -> str:
        return f"/trader/{self._name}/api-key"

    def _variables(self, venue_url: str) -> dict[str, str]:
        of_key = {"TRADER_SECRET": "", "TRADER_KEY_PARAMETER": ""}
        is_secret = self._attempt.store is KeyStore.SECRETS_MANAGER
        of_key["TRADER_SECRET" if is_secret else "TRADER_KEY_PARAMETER"] = self._key_name
        names = {"TRADER_TABLE": self._name, "TRADER_AUDIT_BUCKET": self._name}
        return {**of_key, **names, "TRADER_KILL_SWITCH": f"/trader/{self._name}/switch", "TRADER_VENUE_URL": venue_url}

    def _store_books(self) -> None:
        clients = self._stage.clients
        clients["s3"].create_bucket(Bucket=self._name)
        clients["dynamodb"].create_table(
            TableName=self._name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        clients["ssm"].put_parameter(Name=f"/trader/{self._name}/switch", Value=TradingState.RUN, Type="String")
        store, now = DynamoStateStore(clients["dynamodb"], self._name), SystemClock().now()
        remember_entries(store, self.venue, self._stage.settings, PRODUCTS[:LOTS], now)


def _pieces(key: ApiKey) -> set[str]:
    """Whatever of a key nobody may see: its name, the halves and lines of its secret, and the secret within a PEM."""
    lines = [line for line in key.secret.splitlines() if "-----" not in line]
    halves = [line[at : at + len(line) // 2] for line in lines for at in (0, len(line) // 2)]
    return {piece for piece in (key.name, *lines, *halves) if len(piece) >= _PIECE_LENGTH}


@contextlib.contextmanager
def _kept_environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def open_stage(config: Path) -> Iterator[Stage]:
    """Put up what all tries stand on: AWS by moto, a market, and the configuration with LIVE allowed, in a hurry."""
    with _kept_environment(), record_calls() as recording, mock_aws(), TemporaryDirectory(prefix="rotation-") as name:
        folder = Path(name) / "config"
        prepare_config(config, folder)
        app = folder / "app.yaml"
        app.write_text(re.sub(r"(_per_second): \d+", r"\1: 100", app.read_text(encoding="utf-8")), encoding="utf-8")
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "drill",
            "AWS_SECRET_ACCESS_KEY": "drill",
            "AWS_SESSION_TOKEN": "drill",
            "AWS_DEFAULT_REGION": _REGION,
            "POWERTOOLS_SERVICE_NAME": "trader",
            "POWERTOOLS_METRICS_NAMESPACE": "Trader",
            "TRADER_CONFIG_DIR": str(folder),
            "TRADER_MODE": "LIVE",
            "TRADER_LIVE_CONFIRMED": "yes",
        }
        settings = load_settings(folder, {"TRADER_MODE": "LIVE"}).settings
        # Only clients that are made from now on are heard.
        aws_clients._SESSION = None  # noqa: SLF001
        clients = {name: boto3.client(name) for name in ("dynamodb", "s3", "ssm", "secretsmanager")}
        source = make_synthetic_source(now=SystemClock().now())
        # Imported here: its logger and its metrics read the environment when they are made.
        module = import_module("trader.entry.lambda_handler")
        try:
            yield Stage(clients, source, settings, module, recording, count(1))
        finally:
            module._runtime = None  # type: ignore[attr-defined]  # noqa: SLF001


@contextlib.contextmanager
def open_world(attempt: Try, stage: Stage) -> Iterator[RotationWorld]:
    """Give a try its venue, its books and its key."""
    with VenueServer(Venue(stage.source, keys=[make_key(attempt.old)])) as server:
        yield RotationWorld(attempt, stage, server)
