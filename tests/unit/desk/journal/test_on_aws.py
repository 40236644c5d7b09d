"""Asking a stack: its table and its bucket, no more requests than the question needs, and nothing but looking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.cost.aws_calls import list_permissions, record_calls
from factories_settings import CONFIG
from integration.grants import granted_to_viewers
from integration.proof import covering
from simulation.recovery_world import after_tick
from simulation.scenarios import STOPPED
from simulation.world import SCOPE, World
from trader.adapters.aws import clients
from trader.adapters.aws.state_store import DynamoStateStore
from trader.model.events import OwedRecord
from trader.model.ids import Instant
from unit.desk.journal.recorded import FIRST, decision_notes, make_chain, read_json, run, run_in, write_world

STACK = ("--table", "trader", "--bucket", "audit", "--mode", "PAPER", "--config", str(CONFIG))
LOOKED = {"dynamodb:GetItem", "dynamodb:Query", "s3:ListObjectsV2", "s3:GetObject"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """What lies on AWS after a stop was hit; the newest record is owed to the bucket still."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("TRADER_CONFIG_DIR", "TRADER_MODE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(clients, "_SESSION", None)
    with mock_aws():
        dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
        dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        s3.create_bucket(Bucket="audit")
        made = after_tick(STOPPED, len(STOPPED.beats) - 1)
        texts = dict(made.audit_texts())
        owed = OwedRecord(max(texts), texts.pop(max(texts)))
        for key, text in texts.items():
            s3.put_object(Bucket="audit", Key=f"audit/{key}", Body=text.encode())
        store, ledger = DynamoStateStore(dynamodb, "trader"), made.ledger()
        assert ledger is not None
        grant = store.acquire(SCOPE, "test", Instant(1), 60)
        stored = {"fills": made.stored_fills(), "finished": made.stored_orders(), "owed": (owed,)}
        store.commit(grant, ledger, release=True, **stored)  # type: ignore[arg-type]
        yield made


@pytest.mark.parametrize(
    "words",
    [("why", "sol"), ("why", "--summary"), ("trades",), ("fills",), ("lots",), ("parents",), ("cycles",)],
    ids=" ".join,
)
def test_stack_answers_as_a_folder_does(
    words: tuple[str, ...],
    world: World,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same records, the same words, the owed one included; and nothing is asked but to look."""
    write_world(tmp_path, world)
    assert 0 == run_in(tmp_path, *words, "--json")
    folder = read_json(capsys)
    with record_calls() as recording:
        monkeypatch.setattr(clients, "_SESSION", None)
        with recording.listening() as calls:
            assert 0 == run(*words, "--json", *STACK)
    stack = read_json(capsys)
    wanted = {each for call in calls for each in list_permissions(call)}

    differing = {"objects_read", "age_seconds", "next"}
    assert {**folder, **dict.fromkeys(differing)} == {**stack, **dict.fromkeys(differing)}
    assert "dynamodb:GetItem" in {call.name for call in calls}
    assert {call.name for call in calls} <= LOOKED
    assert set() == {each for each in wanted if not covering(granted_to_viewers(), each)}


def test_no_more_days_are_listed_than_are_looked_through(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a hundred days twelve cycles are looked at, one a day: one request names the days, one each of so many."""
    s3 = boto3.client("s3")
    cycles = [decision_notes({"SOL-USD": "TRIGGER_MISSING"})] * 100
    for key, text in make_chain(cycles, 86_400, Instant(FIRST - 101 * 86_400))[0].items():
        s3.put_object(Bucket="audit", Key=f"audit/{key}", Body=text.encode())
    with record_calls() as recording:
        monkeypatch.setattr(clients, "_SESSION", None)
        with recording.listening() as calls:
            assert 0 == run("why", "sol", *STACK)
    lists = [call.params for call in calls if call.name == "s3:ListObjectsV2"]
    gets = [call for call in calls if call.name == "s3:GetObject"]

    assert world
    assert 1 == len([each for each in lists if each.get("Delimiter")])
    assert 12 < len(lists) <= 30
    assert 12 < len(gets) <= 32
    assert "SOL-USD" in capsys.readouterr().out


def test_bucket_that_cannot_be_read_is_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """As when it is gone."""
    s3 = boto3.client("s3")
    for row in s3.list_objects_v2(Bucket="audit")["Contents"]:
        s3.delete_object(Bucket="audit", Key=row["Key"])
    s3.delete_bucket(Bucket="audit")

    assert world
    assert 1 == run("why", "sol", *STACK)
    assert 1 == len(capsys.readouterr().err.splitlines())
