"""The implementations that every contract is run through. A new one is one more line in its table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.in_memory import InMemoryAuditLog, InMemoryKillSwitch, InMemorySimAccountStore, InMemoryStateStore
from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.adapters.aws.sim_account_store import DynamoSimAccountStore
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.local.files import FileAuditLog, FileKillSwitch, FileSimAccountStore, FileStateStore
from trader.model.codec import decode
from trader.model.ids import Scope
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.trading_state import TradingState
from trader.ports import AuditLog, KillSwitch, StateStore
from trader.sim.account import SimAccount, SimAccountStore
from trader.sim.archive import VenueAccounts

pytest.register_assert_rewrite("contract.exchange_cases")

SCOPE = Scope("PAPER#main")


@dataclass
class StoreBench:
    """A state store, and what a test may do behind its back."""

    store: StateStore
    read_fills: Callable[[], list[Fill]]
    read_finished: Callable[[], list[OrderRecord]]
    read_raw: Callable[[], str]
    write_raw: Callable[[str], None]


@dataclass
class SwitchBench:
    """A kill switch, and the operator's hand on it; None takes the switch away."""

    switch: KillSwitch
    put: Callable[[str | None], None]


@dataclass
class AccountBench:
    """The store of a simulated account, opened anew by each call; and how code of before left an account there."""

    open: Callable[[], SimAccountStore]
    put_plain: Callable[[str], object]


def _memory_store(_: Path) -> StoreBench:
    store = InMemoryStateStore()
    return StoreBench(
        store,
        lambda: list(store.fills(SCOPE)),
        lambda: list(store.finished(SCOPE)),
        lambda: store.texts[SCOPE],
        lambda text: store.texts.update({SCOPE: text}),
    )


def _file_store(home: Path) -> StoreBench:
    store = FileStateStore(home)
    path = store.folder(SCOPE) / "ledger.json"
    return StoreBench(
        store,
        lambda: list(store.fills(SCOPE)),
        lambda: list(store.finished(SCOPE)),
        lambda: path.read_text(encoding="utf-8"),
        lambda text: _put(path, text),
    )


def _memory_switch(_: Path) -> SwitchBench:
    switch = InMemoryKillSwitch()
    return SwitchBench(switch, lambda word: setattr(switch, "word", word))


def _file_switch(home: Path) -> SwitchBench:
    path = home / "kill-switch"
    FileKillSwitch(path).write(TradingState.RUN)
    return SwitchBench(FileKillSwitch(path), lambda word: path.unlink() if word is None else _put(path, word))


class MotoAws:
    """AWS on this machine: the clients of the adapters, on moto."""

    def __init__(self) -> None:
        self.dynamodb, self.s3, self.ssm = (
            boto3.client(name, region_name="us-east-1") for name in ("dynamodb", "s3", "ssm")
        )
        self.dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.s3.create_bucket(Bucket="trader-audit")

    def raw(self) -> str:
        return zlib.decompress(self._item()["ledger"]["B"]).decode()

    def damage(self, text: str) -> None:
        """Overwrite the ledger behind the store's back; the lease is free."""
        packed = {"B": zlib.compress(text.encode())}
        self.dynamodb.put_item(TableName="trader", Item={**self._item(), "ledger": packed, "owner": {"S": ""}})

    def bodies(self, prefix: str) -> list[dict[str, Any]]:
        found = self.dynamodb.query(
            TableName="trader",
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": SCOPE}, ":sk": {"S": prefix}},
        )
        return [json.loads(item["body"]["S"]) for item in found["Items"]]

    def _item(self) -> dict[str, Any]:
        key = {"pk": {"S": SCOPE}, "sk": {"S": "LEDGER"}}
        return dict(self.dynamodb.get_item(TableName="trader", Key=key)["Item"])


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test ever signs with keys that may be on this machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def _dynamo_store(_: Path) -> StoreBench:
    aws = MotoAws()
    return StoreBench(
        DynamoStateStore(aws.dynamodb, "trader"),
        lambda: [decode(Fill, body) for body in aws.bodies("FILL#")],
        lambda: [decode(OrderRecord, body) for body in aws.bodies("ORDER#")],
        aws.raw,
        aws.damage,
    )


def _ssm_switch(_: Path) -> SwitchBench:
    ssm = MotoAws().ssm

    def put(word: str | None) -> None:
        if word is None:
            ssm.delete_parameter(Name="/trader/kill-switch")
        else:
            # A parameter cannot be empty; a blank is the nearest an operator can get.
            ssm.put_parameter(Name="/trader/kill-switch", Value=word or " ", Type="String", Overwrite=True)

    put(TradingState.RUN)
    return SwitchBench(SsmKillSwitch(ssm, "/trader/kill-switch"), put)


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _memory_accounts(_: Path) -> AccountBench:
    store = InMemorySimAccountStore[SimAccount]()
    return AccountBench(lambda: store, lambda text: store.save(decode(SimAccount, json.loads(text))))


def _file_accounts(home: Path) -> AccountBench:
    path = home / "venue.json"
    return AccountBench(lambda: FileSimAccountStore(path, SimAccount), lambda text: _put(path, text))


def _dynamo_accounts(_: Path) -> AccountBench:
    dynamodb, key = MotoAws().dynamodb, {"pk": {"S": SCOPE}, "sk": {"S": "VENUE"}}
    return AccountBench(
        lambda: DynamoSimAccountStore(dynamodb, "trader", SCOPE, SimAccount),
        lambda text: dynamodb.put_item(TableName="trader", Item={**key, "body": {"S": text}}),
    )


def _venue_accounts(home: Path) -> AccountBench:
    bench = _file_accounts(home)
    return replace(bench, open=lambda: VenueAccounts(bench.open()))


STATE_STORES: dict[str, Callable[[Path], StoreBench]] = {
    "memory": _memory_store,
    "files": _file_store,
    "aws": _dynamo_store,
}
AUDIT_LOGS: dict[str, Callable[[Path], AuditLog]] = {
    "memory": lambda _: InMemoryAuditLog(),
    "files": FileAuditLog,
    "aws": lambda _: S3AuditLog(MotoAws().s3, "trader-audit"),
}
KILL_SWITCHES: dict[str, Callable[[Path], SwitchBench]] = {
    "memory": _memory_switch,
    "files": _file_switch,
    "aws": _ssm_switch,
}
ACCOUNT_STORES: dict[str, Callable[[Path], AccountBench]] = {
    "memory": _memory_accounts,
    "files": _file_accounts,
    "aws": _dynamo_accounts,
    "at the venue": _venue_accounts,
}


@pytest.fixture(params=STATE_STORES)
def state_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreBench]:
    with mock_aws():
        yield STATE_STORES[request.param](tmp_path)


@pytest.fixture(params=AUDIT_LOGS)
def audit_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AuditLog]:
    with mock_aws():
        yield AUDIT_LOGS[request.param](tmp_path)


@pytest.fixture(params=KILL_SWITCHES)
def switch_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SwitchBench]:
    with mock_aws():
        yield KILL_SWITCHES[request.param](tmp_path)


@pytest.fixture(params=ACCOUNT_STORES)
def account_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountBench]:
    with mock_aws():
        yield ACCOUNT_STORES[request.param](tmp_path)


@pytest.fixture
def account_store(account_bench: AccountBench) -> SimAccountStore:
    return account_bench.open()
