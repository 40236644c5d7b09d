"""The stored item, sound or not: what is read of it, and the one write that replaces what is no ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.recovery.aws import DynamoLedgerItems, S3AuditReader
from desk.recovery.chain import FolderAuditReader
from desk.recovery.ledger_item import FileLedgerItems, LedgerItems
from factories import SCOPE, a_ledger
from factories_size import with_noise
from simulation.nemesis import Fault, Nemesis
from simulation.wire.wires import BUCKET, TABLE
from simulation.wire.world import wires
from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.local.files import FileAuditLog, FileStateStore
from trader.errors import LeaseHeld, LedgerCorrupt, VersionConflict
from trader.model.checkpoints import Checkpoint
from trader.model.codec import canonical_json
from trader.model.events import AuditObject
from trader.model.ids import CycleId, Instant
from trader.ports import StateStore, name_audit_object

NOW = Instant(1_795_348_800)


class Bench:
    """A store, its shelf, and a hand that damages the ledger behind their backs."""

    def __init__(
        self, store: StateStore, items: LedgerItems, damage: Callable[[str], None], kept: Callable[[str], bytes]
    ) -> None:
        self.store, self.items, self.damage, self.kept = store, items, damage, kept

    def commit(self) -> None:
        """Store a ledger as a cycle would."""
        grant = self.store.acquire(SCOPE, "cycle", NOW, 120)
        self.store.commit(grant, a_ledger(), release=True)


def in_files(home: Path) -> Bench:
    store = FileStateStore(home)
    path = store.folder(SCOPE) / "ledger.json"
    return Bench(
        store,
        FileLedgerItems(home),
        lambda text: path.write_text(text, encoding="utf-8") and None,
        lambda where: Path(where).read_bytes(),
    )


def on_aws(_: Path) -> Bench:
    dynamodb, s3 = (boto3.client(name, region_name="us-east-1") for name in ("dynamodb", "s3"))
    dynamodb.create_table(
        TableName="trader",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    s3.create_bucket(Bucket="audit")

    def damage(text: str) -> None:
        dynamodb.update_item(
            TableName="trader",
            Key={"pk": {"S": SCOPE}, "sk": {"S": "LEDGER"}},
            UpdateExpression="SET ledger = :text",
            ExpressionAttributeValues={":text": {"S": text}},
        )

    def kept(where: str) -> bytes:
        key = where.removeprefix("s3://audit/")
        return bytes(s3.get_object(Bucket="audit", Key=key)["Body"].read())

    return Bench(DynamoStateStore(dynamodb, "trader"), DynamoLedgerItems(dynamodb, "trader", s3, "audit"), damage, kept)


@pytest.fixture(params=[in_files, on_aws], ids=["files", "aws"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield request.param(tmp_path)


def test_nothing_is_found_where_nothing_was_stored(bench: Bench) -> None:
    """And looking leaves nothing behind."""
    assert bench.items.find(SCOPE) is None
    assert bench.items.find(SCOPE) is None


def test_sound_item_is_found_with_its_lease(bench: Bench) -> None:
    """Reading it takes no lease."""
    bench.commit()
    grant = bench.store.acquire(SCOPE, "cycle", NOW, 120)

    found = bench.items.find(SCOPE)

    assert found is not None
    assert (a_ledger(), "cycle", grant.epoch, grant.version) == (
        found.ledger,
        found.owner,
        found.epoch,
        found.version,
    )
    assert (True, False) == (found.is_held(NOW), found.is_held(Instant(NOW + 120)))


def test_damaged_item_is_found_with_its_reason(bench: Bench) -> None:
    """No ledger, but the text, and why it is none."""
    bench.commit()
    bench.damage("[1, 2")

    found = bench.items.find(SCOPE)

    assert found is not None
    assert (None, True) == (found.ledger, "[1, 2" in found.text)
    assert found.problem


def test_ledger_is_put_where_none_is(bench: Bench) -> None:
    """With a free lease, and under an epoch that goes on."""
    bench.items.put(SCOPE, None, a_ledger(), 77, NOW)

    grant = bench.store.acquire(SCOPE, "cycle", NOW, 120)
    assert (a_ledger(), 78) == (grant.ledger, grant.epoch)


def test_ledger_is_put_in_place_of_a_damaged_one(bench: Bench) -> None:
    """Which no cycle could take the lease on."""
    bench.commit()
    bench.damage("[1, 2")
    with pytest.raises(LedgerCorrupt):
        bench.store.acquire(SCOPE, "cycle", NOW, 120)

    bench.items.put(SCOPE, bench.items.find(SCOPE), a_ledger(), 9, NOW)

    assert a_ledger() == bench.store.acquire(SCOPE, "cycle", NOW, 120).ledger


def test_item_that_appeared_meanwhile_is_left_alone(bench: Bench) -> None:
    """A cycle came first: what was found is no longer there."""
    bench.commit()

    with pytest.raises(VersionConflict):
        bench.items.put(SCOPE, None, a_ledger(cash={"USD": "1"}), 9, NOW)

    assert a_ledger() == bench.store.acquire(SCOPE, "cycle", NOW, 120).ledger


def test_item_under_a_lease_is_left_alone(bench: Bench) -> None:
    """Whoever holds it is at work."""
    found = bench.items.find(SCOPE)
    bench.store.acquire(SCOPE, "at work", NOW, 120)

    with pytest.raises(LeaseHeld, match="at work"):
        bench.items.put(SCOPE, found, a_ledger(), 9, NOW)


def test_item_on_which_somebody_had_the_lease_meanwhile_is_left_alone(bench: Bench) -> None:
    """Whoever had it may have written audit under the epoch that the new ledger would begin with."""
    bench.commit()
    found = bench.items.find(SCOPE)
    bench.store.release(bench.store.acquire(SCOPE, "cycle", NOW, 120))

    assert found is not None
    with pytest.raises(VersionConflict):
        bench.items.put(SCOPE, found, a_ledger(cash="1"), found.epoch + 1, NOW)


@pytest.mark.parametrize("before", [False, True], ids=["nothing", "damaged"])
def test_ledger_whose_answer_was_lost_is_there(before: bool) -> None:
    """The client sends it again, and is refused by what it has just written."""
    wires().aws.reset("RUN")
    clients = wires().aws.clients
    items = DynamoLedgerItems(clients["dynamodb"], TABLE, clients["s3"], BUCKET)
    if before:
        items.put(SCOPE, None, a_ledger(), 1, NOW)
        key = {"pk": {"S": SCOPE}, "sk": {"S": "LEDGER"}}
        text = {":text": {"S": "[1, 2"}}
        clients["dynamodb"].update_item(
            TableName=TABLE, Key=key, UpdateExpression="SET ledger = :text", ExpressionAttributeValues=text
        )
    found = items.find(SCOPE)

    nemesis = Nemesis(2, Fault.LOST_REPLY)
    with wires().hands.of(nemesis):
        items.put(SCOPE, found, a_ledger(cash="1"), 7, NOW)

    there = items.find(SCOPE)
    assert there is not None
    assert "UpdateItem" in nemesis.trail[1]
    assert (a_ledger(cash="1"), 7, "") == (there.ledger, there.epoch, there.owner)


def test_old_text_is_kept_byte_for_byte(bench: Bench) -> None:
    """Whatever was in it."""
    where = bench.items.set_aside(SCOPE, '{"half a ledger')

    assert b'{"half a ledger' == bench.kept(where)


def test_bytes_that_are_no_text_are_kept_as_well(tmp_path: Path) -> None:
    """A disk fault does not respect UTF-8."""
    bench = in_files(tmp_path)
    bench.commit()
    path = FileStateStore(tmp_path).folder(SCOPE) / "ledger.json"
    path.write_bytes(b'{"\xff\x00')

    found = FileLedgerItems(tmp_path).find(SCOPE)

    assert found is not None
    assert found.ledger is None
    assert b'{"\xff\x00' == bench.kept(bench.items.set_aside(SCOPE, found.text))


def test_audit_in_s3_is_read_whole_and_each_object_once() -> None:
    """More than one page of it, and nothing of another scope."""
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        s3.create_bucket(Bucket="audit")
        log, expected = S3AuditLog(s3, "audit"), {}
        for epoch in range(3):
            for scope in ("PAPER#main", "PAPER#other"):
                key = name_audit_object(type(SCOPE)(scope), CycleId("20261122T120000Z"), epoch, "decision")
                written = AuditObject(key, "", ())
                log.write(written)
                expected |= {key: written.text()} if scope == "PAPER#main" else {}
        counted = Counted(s3)
        reader = S3AuditReader(counted, "audit")

        assert (expected, expected) == (reader.texts(type(SCOPE)("PAPER#main")), reader.texts(SCOPE))
        assert 3 == counted.reads


def test_checkpoints_are_read_by_scope_and_are_no_records(tmp_path: Path) -> None:
    """In S3 and in a folder: what was written is what is read, and the chain does not have it."""
    made = {
        scope: Checkpoint("2026-12", a_ledger(scope=type(SCOPE)(scope))).make_record()
        for scope in ("PAPER#main", "PAPER#main2")
    }
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        s3.create_bucket(Bucket="audit")
        for log, reader in (
            (S3AuditLog(s3, "audit"), S3AuditReader(s3, "audit")),
            (FileAuditLog(tmp_path), FolderAuditReader(tmp_path)),
        ):
            for record in made.values():
                log.write(record, urgent=True)
            for scope, record in made.items():
                assert {record.key: record.body} == reader.checkpoints(type(SCOPE)(scope))
                assert {} == reader.texts(type(SCOPE)(scope))


class Counted:
    """A client that counts what is read; one key a page."""

    def __init__(self, client: Any) -> None:
        self._client, self.reads = client, 0

    def get_object(self, **request: Any) -> Any:
        self.reads += 1
        return self._client.get_object(**request)

    def get_paginator(self, name: str) -> Any:
        return Paged(self._client.get_paginator(name))


class Paged:
    """Pages of one."""

    def __init__(self, paginator: Any) -> None:
        self._paginator = paginator

    def paginate(self, **request: Any) -> Any:
        return self._paginator.paginate(**request, PaginationConfig={"PageSize": 1})


def test_ledger_is_written_as_the_stores_write_it(bench: Bench) -> None:
    """One form, whoever wrote it."""
    bench.items.put(SCOPE, None, a_ledger(), 1, NOW)

    found = bench.items.find(SCOPE)

    assert found is not None
    assert canonical_json(a_ledger()) in found.text


# --- packed, and in parts


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the table that ``on_aws`` makes."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("dynamodb", region_name="us-east-1")


def stored(dynamodb: Any) -> dict[str, Any]:
    """Every item of the table by its sort key."""
    return {item["sk"]["S"]: item for item in dynamodb.scan(TableName="trader")["Items"]}


def overwrite(dynamodb: Any, sort_key: str, content: bytes) -> None:
    """Put other bytes in place of a packed ledger, or of a part of one."""
    item = {**stored(dynamodb)[sort_key], "ledger": {"B": content}}
    dynamodb.put_item(TableName="trader", Item=item)


def test_bytes_that_do_not_unpack_are_kept_and_replaced(dynamodb: Any, tmp_path: Path) -> None:
    """Byte for byte, and what stands in their place is a ledger."""
    bench = on_aws(tmp_path)
    bench.commit()
    overwrite(dynamodb, "LEDGER", b"\x78\x9c\xff half")

    found = bench.items.find(SCOPE)
    assert found is not None
    where = bench.items.set_aside(SCOPE, found.text)
    bench.items.put(SCOPE, found, a_ledger(cash="1"), 9, NOW)

    there = bench.items.find(SCOPE)
    assert there is not None
    assert (None, b"\x78\x9c\xff half") == (found.ledger, bench.kept(where))
    assert "not a packed text" in found.problem
    assert (a_ledger(cash="1"), "") == (there.ledger, there.problem)


@pytest.mark.parametrize("before", [None, 0, 1_500_000], ids=["nothing", "small", "larger"])
def test_ledger_of_more_than_an_item_is_put_in_parts(dynamodb: Any, tmp_path: Path, before: int | None) -> None:
    """A store reads it as if it had written it, and of what was there before nothing is left."""
    bench, ledger = on_aws(tmp_path), with_noise(a_ledger(), 900_000)
    if before is not None:
        bench.store.commit(bench.store.acquire(SCOPE, "a", NOW, 60), with_noise(a_ledger(), before), release=True)
        overwrite(dynamodb, "LEDGER", b"damaged")

    bench.items.put(SCOPE, bench.items.find(SCOPE), ledger, 9, NOW)

    found = bench.items.find(SCOPE)
    assert found is not None
    assert (ledger, canonical_json(ledger)) == (found.ledger, found.text)
    assert ["LEDGER", "LEDGER#1", "LEDGER#2"] == sorted(stored(dynamodb))
    assert ledger == bench.store.acquire(SCOPE, "cycle", NOW, 60).ledger


def test_ledger_of_which_a_part_is_missing_is_found_as_damaged_and_replaced(dynamodb: Any, tmp_path: Path) -> None:
    """No cycle could take the lease on it; the command that makes the ledger anew can."""
    bench = on_aws(tmp_path)
    bench.store.commit(bench.store.acquire(SCOPE, "a", NOW, 60), with_noise(a_ledger(), 900_000), release=True)
    dynamodb.delete_item(TableName="trader", Key={"pk": {"S": SCOPE}, "sk": {"S": "LEDGER#1"}})

    found = bench.items.find(SCOPE)
    assert found is not None
    bench.items.put(SCOPE, found, a_ledger(), 9, NOW)

    there = bench.items.find(SCOPE)
    assert there is not None
    assert (None, True, a_ledger()) == (found.ledger, "a part of it is missing" in found.problem, there.ledger)
    assert ["LEDGER"] == sorted(stored(dynamodb))


def test_large_ledger_whose_answer_was_lost_is_there() -> None:
    """The second attempt meets all parts of the first."""
    wires().aws.reset("RUN")
    clients, ledger = wires().aws.clients, with_noise(a_ledger(), 900_000)
    items = DynamoLedgerItems(clients["dynamodb"], TABLE, clients["s3"], BUCKET)

    nemesis = Nemesis(2, Fault.LOST_REPLY)
    with wires().hands.of(nemesis):
        items.put(SCOPE, None, ledger, 7, NOW)

    there = items.find(SCOPE)
    assert there is not None
    assert "TransactWriteItems" in nemesis.trail[1]
    assert (ledger, 7, "") == (there.ledger, there.epoch, there.owner)
