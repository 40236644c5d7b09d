"""The commands on AWS and on a venue over HTTP: the table and the bucket of a stack, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cost.aws_calls import list_permissions, record_calls
from desk.sandbox.server import VenueServer
from factories_settings import CONFIG
from integration.grants import granted_to_viewers
from integration.proof import covering
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from simulation.world import SCOPE
from trader.adapters.aws import clients
from trader.adapters.aws.state_store import DynamoStateStore
from trader.model.codec import canonical_json


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A table without a ledger, and the audit of a lot of three SOL."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("TRADER_CONFIG_DIR", "TRADER_MODE", "TRADER_SECRET", "TRADER_VENUE_URL", "AWS_ENDPOINT_URL"):
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
        world = after_tick(ENTRY, 2)
        for key, text in world.audit_texts().items():
            s3.put_object(Bucket="audit", Key=f"audit/{key}", Body=text.encode())
        venue = {"pk": {"S": SCOPE}, "sk": {"S": "VENUE"}, "body": {"S": canonical_json(world.book())}}
        dynamodb.put_item(TableName="trader", Item=venue)
        yield dynamodb


def run(*arguments: str) -> int:
    options = ("--config", str(CONFIG), "--mode", "PAPER", "--table", "trader", "--bucket", "audit")
    with pytest.raises(SystemExit) as left:
        run_command(build(), ["ledger", *arguments, *options])
    return int(left.value.code or 0)


def test_lost_item_is_rebuilt_from_bucket_and_venue(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Dry first: neither the ledger nor the simulated venue's book is written. The fills are stored beside it again."""
    before = items_of(aws)

    with VenueServer() as venue:
        dry = run("rebuild", "--venue", venue.url)
        unchanged = before == items_of(aws)
        wet = run("rebuild", "--venue", venue.url, "--write")
    shown = run("show")

    output = capsys.readouterr().out
    ledger = DynamoStateStore(aws, "trader").ledger(SCOPE)
    assert ledger is not None
    assert (0, True, 0, 0) == (dry, unchanged, wet, shown)
    assert "20261122T121010Z FINISHED" in output
    stored = {key.split("/")[-1] for key in items_of(aws) if key.startswith("FILL#")}
    assert {fill.trade_id for record in ledger.orders.values() for fill in record.fills} == stored != set()


def items_of(dynamodb: Any) -> dict[str, str]:
    """Every item of the table by its sort key, as text."""
    return {item["sk"]["S"]: str(item) for item in dynamodb.scan(TableName="trader")["Items"]}


@pytest.mark.parametrize("command", [["rebuild"], ["adopt", "--reason", "seen"]], ids=lambda each: each[0])
@pytest.mark.parametrize("more", [["2999-01-01"], ["2999-01-01", "--write"], ["2026-11-22", "--write"]])
def test_leases_are_not_judged_by_another_clock(
    aws: Any, command: list[str], more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a later instant every lease would look as if it had run out, that of a cycle at work as well."""
    before = items_of(aws)

    code = run(*command, "--venue", "http://127.0.0.1:1", "--at", *more)

    assert (78, before) == (code, items_of(aws))
    assert "leases there end by the clock" in capsys.readouterr().err


def test_venue_that_does_not_answer_ends_with_1_and_changes_nothing(
    aws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """No rebuild without the venue: it is the authority on what happened."""
    before = items_of(aws)
    with VenueServer() as venue:
        url = venue.url

    code = run("rebuild", "--venue", url, "--write")

    assert (1, "VenueUnavailable") == (code, capsys.readouterr().err.split(":")[0])
    assert before == items_of(aws)


@pytest.mark.usefixtures("aws")
def test_viewer_may_do_what_looking_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """To show the ledger and to try a rebuild needs nothing that the template's policy for looking lacks."""
    with VenueServer() as venue:
        run("rebuild", "--venue", venue.url, "--write")
        with record_calls() as made:
            monkeypatch.setattr(clients, "_SESSION", None)
            with made.listening():
                codes = [run("show"), run("rebuild", "--venue", venue.url)]
    wanted = {permission for call in made.calls for permission in list_permissions(call)}

    assert [0, 0] == codes
    assert {"dynamodb:GetItem", "s3:GetObject", "s3:ListBucket"} <= {action for action, _ in wanted}
    assert set() == {each for each in wanted if not covering(granted_to_viewers(), each)}
