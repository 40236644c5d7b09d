"""``trader audit verify``: in a folder, and on a stack with versions and with days that were written down."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cost.aws_calls import list_permissions, record_calls
from desk.drill.audit_anchor import write_anchor
from factories_settings import CONFIG
from integration.grants import granted_to_viewers
from integration.proof import covering
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from simulation.world import SCOPE, World
from trader.adapters.aws import clients
from trader.adapters.aws.state_store import DynamoStateStore
from trader.model.events import OwedRecord
from trader.model.ids import Instant

GROUP = "/trader/test/audit-anchor"
DAY = "2026-11-22"


@dataclass
class Stack:
    """What lies on AWS, and the world that made it."""

    s3: Any
    logs: Any
    world: World

    def keys(self) -> list[str]:
        return sorted(self.world.audit_texts())

    def write_down(self) -> None:
        """Let the template's function write the day down, as Lambda would put it into its log."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in ("START x", *write_anchor({"day": DAY}))]
        self.logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A table with the ledger, a bucket with versions, the log of the anchors."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("TRADER_CONFIG_DIR", "TRADER_MODE", "TRADER_ANCHORS", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(clients, "_SESSION", None)
    with mock_aws():
        dynamodb, s3, logs = boto3.client("dynamodb"), boto3.client("s3"), boto3.client("logs")
        dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        s3.create_bucket(Bucket="audit")
        s3.put_bucket_versioning(Bucket="audit", VersioningConfiguration={"Status": "Enabled"})
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
        world = after_tick(ENTRY, 2)
        for key, text in world.audit_texts().items():
            s3.put_object(Bucket="audit", Key=f"audit/{key}", Body=text.encode())
        store, ledger = DynamoStateStore(dynamodb, "trader"), world.store.ledger(SCOPE)
        assert ledger is not None
        store.commit(store.acquire(SCOPE, "test", Instant(1), 60), ledger, release=True)
        yield Stack(s3, logs, world)


def run(*options: str) -> int:
    with pytest.raises(SystemExit) as left:
        run_command(build(), ["audit", "verify", "--config", str(CONFIG), "--mode", "PAPER", *options])
    return int(left.value.code or 0)


def on_aws(*options: str) -> int:
    return run("--table", "trader", "--bucket", "audit", *options)


def test_honest_records_end_with_0(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was written down of the day, and without."""
    stack.write_down()

    codes = [on_aws(), on_aws("--anchors", GROUP)]

    output = capsys.readouterr().out
    assert [0, 0] == codes
    assert 2 == output.count("all of it is what was written")
    assert ", 0 days written down" in output
    assert ", 1 day written down" in output


def test_change_ends_with_1_and_names_object_line_and_deed(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """The old version says what the line was."""
    key = stack.keys()[0]
    lines = stack.world.audit_texts()[key].splitlines()
    stack.s3.put_object(Bucket="audit", Key=f"audit/{key}", Body="\n".join(lines[:2] + lines[3:] + [""]).encode())

    code = on_aws()

    told = capsys.readouterr()
    assert 1 == code
    assert f"not as it was: {key} line 3: a line is gone, 1 in all; put over " in told.out
    assert "AuditError: PAPER#main: 1 thing is not as it was written" in told.err


def test_object_of_which_no_version_is_left_was_written_down(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """With every right but that on another function's log."""
    stack.write_down()
    for each in stack.s3.list_object_versions(Bucket="audit", Prefix=f"audit/{stack.keys()[1]}")["Versions"]:
        stack.s3.delete_object(Bucket="audit", Key=each["Key"], VersionId=each["VersionId"])

    code = on_aws("--anchors", GROUP, "--json")

    told = json.loads(capsys.readouterr().out)
    assert 1 == code
    assert [[stack.keys()[1], 1]] == [each[:2] for each in told["found"]]
    assert "it was there when its day was written down" in told["found"][0][2]


def test_record_that_is_owed_is_part_of_the_chain(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """The bucket could not take the newest; it waits beside the ledger, which stands on it."""
    key = stack.keys()[-1]
    (version,) = stack.s3.list_object_versions(Bucket="audit", Prefix=f"audit/{key}")["Versions"]
    stack.s3.delete_object(Bucket="audit", Key=f"audit/{key}", VersionId=version["VersionId"])
    before = on_aws()
    store = DynamoStateStore(boto3.client("dynamodb"), "trader")
    grant = store.acquire(SCOPE, "test", Instant(2), 60)
    assert grant.ledger is not None
    store.commit(grant, grant.ledger, owed=[OwedRecord(key, stack.world.audit_texts()[key])], release=True)

    code = on_aws()

    assert (1, 0) == (before, code)
    assert f"explained: {key}: owed: it waits beside the ledger to be stored" in capsys.readouterr().out


def test_record_ends_after_the_days_that_the_stack_keeps_it(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody deletes one of yesterday for its age, whatever the stack was told."""
    stack.write_down()
    stack.s3.delete_object(Bucket="audit", Key=f"audit/{stack.keys()[0]}")

    codes = [on_aws("--anchors", GROUP), on_aws("--retention-days", "90")]

    assert [1, 1] == codes
    assert 2 == capsys.readouterr().out.count(f"not as it was: {stack.keys()[0]} line 1: deleted ")


def test_object_that_cannot_be_read_is_named(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """In an archive, or too large: all else is judged as well."""
    first, second, *_ = stack.keys()
    stack.s3.put_object(Bucket="audit", Key=f"audit/{first}", Body=b"x", StorageClass="GLACIER")
    stack.s3.put_object(Bucket="audit", Key=f"audit/{second}", Body=b"x" * 32_000_001)

    code = on_aws()

    told = capsys.readouterr().out
    assert 1 == code
    assert 2 == told.count("the old version is kept")
    assert all(f"not as it was: {key} line 1: " in told for key in (first, second))


def test_viewer_may_verify(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions and anchors are among what the template's policy for looking holds."""
    stack.write_down()
    key = f"audit/{stack.keys()[1]}"
    stack.s3.put_object(Bucket="audit", Key=key, Body=b"x\n")
    with record_calls() as made:
        monkeypatch.setattr(clients, "_SESSION", None)
        with made.listening() as calls:
            on_aws("--anchors", GROUP)
    wanted = set().union(*map(list_permissions, calls))

    assert {"s3:ListBucketVersions", "s3:GetObjectVersion", "logs:FilterLogEvents"} <= {action for action, _ in wanted}
    assert set() == {each for each in wanted if not covering(granted_to_viewers(), each)}


@pytest.mark.parametrize("lost", ["newest", "middle", "ledger"])
def test_folder_has_chain_and_ledger_alone(lost: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It keeps no versions: the object shows, the line does not; without a ledger nobody vouches for the newest."""
    world = after_tick(ENTRY, 2)
    for key, text in world.audit_texts().items():
        path = tmp_path / "audit" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ledger = tmp_path / f"scope={SCOPE}" / "ledger.json"
    ledger.parent.mkdir()
    ledger.write_text(world.store.texts[SCOPE], encoding="utf-8")
    sound = run("--home", str(tmp_path))
    keys = sorted(world.audit_texts())
    gone = {"newest": tmp_path / "audit" / keys[-1], "middle": tmp_path / "audit" / keys[1], "ledger": ledger}[lost]
    gone.unlink()

    code = run("--home", str(tmp_path))

    said = {
        "newest": "no object has as its digest: the newest is not as it was, or gone",
        "middle": f"not as it was: {keys[0]}: it is not as it was, or what followed it is gone",
        "ledger": "explained: no ledger vouches for the newest object",
    }
    assert (0, 0 if lost == "ledger" else 1) == (sound, code)
    assert said[lost] in capsys.readouterr().out


def test_nothing_and_a_log_without_a_stack_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An audit that is not there is not sound; a folder has no log of a stack."""
    codes = [run("--home", str(tmp_path)), run("--home", str(tmp_path), "--anchors", GROUP)]

    assert [1, 78] == codes
    told = capsys.readouterr().err
    assert "no audit object of PAPER#main was found" in told
    assert f"--anchors {GROUP} are two systems; allowed is one of them" in told
