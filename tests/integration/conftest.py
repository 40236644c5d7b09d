"""The function's whole world on this machine: AWS by moto, the venue by our own simulated Coinbase over HTTP."""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.sandbox.server import VenueServer
from integration.aws_call_recorder import EAR
from integration.grants import KEY_PARAMETER, SWITCH
from integration.proof import BY_PARAMETER, PROPERTY
from trader.adapters.aws import clients

# Logger and Metrics read these when the handler is imported, as in Lambda, where they are there from the start.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "trader")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Trader")

from trader.entry import lambda_handler

ROOT = Path(__file__).parents[2]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Listen from the first fixture on."""
    EAR.begin()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Put what was heard into the test's last report, which reaches integration/proof.py from any process."""
    if call.when == "teardown":
        item.user_properties.append((PROPERTY, EAR.end()))


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function about its invocation."""

    function_name: str = "trader"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:trader"
    aws_request_id: str = "request-1"
    seconds: int = 55

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds * 1000


class World:
    """Hands and eyes of a test: set the switch, invoke, and read what was stored."""

    def __init__(self, venue: VenueServer, monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
        self.venue = venue
        self.config = config
        self._monkeypatch = monkeypatch
        names = ("dynamodb", "s3", "ssm", "secretsmanager")
        self.dynamodb, self.s3, self.ssm, self.secrets = (boto3.client(name) for name in names)
        self.dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.s3.create_bucket(Bucket="audit")
        self.switch("RUN")
        key = {"key_name": venue.key.name, "private_key": venue.key.secret}
        self.secrets.create_secret(Name="api-key", SecretString=json.dumps(key))
        self.ssm.put_parameter(Name=KEY_PARAMETER, Value=json.dumps(venue.key.file()), Type="SecureString")

    def mode(self, mode: str, *, confirmed: str = "") -> None:
        """Deploy in another mode, or in LIVE with the key in Parameter Store."""
        self._monkeypatch.setenv("TRADER_MODE", mode.partition(" ")[0])
        self._monkeypatch.setenv("TRADER_SECRET", "" if mode == BY_PARAMETER else "api-key")
        self._monkeypatch.setenv("TRADER_KEY_PARAMETER", KEY_PARAMETER if mode == BY_PARAMETER else "")
        self._monkeypatch.setenv("TRADER_LIVE_CONFIRMED", confirmed)
        self._monkeypatch.setattr(lambda_handler, "_runtime", None)

    def switch(self, word: str) -> None:
        """Move the kill switch."""
        self.ssm.put_parameter(Name=SWITCH, Value=word, Type="String", Overwrite=True)

    def invoke(self, event: Any) -> dict[str, Any]:
        """Call the function as Lambda does."""
        return lambda_handler.handler(event, Context())

    def ledger(self, scope: str) -> dict[str, Any]:
        """Read the stored ledger."""
        key = {"pk": {"S": scope}, "sk": {"S": "LEDGER"}}
        packed = self.dynamodb.get_item(TableName="trader", Key=key)["Item"]["ledger"]["B"]
        return dict(json.loads(zlib.decompress(packed)))

    def audit(self) -> list[dict[str, Any]]:
        """Read every audit line, objects in the order of their keys."""
        keys = [item["Key"] for item in self.s3.list_objects_v2(Bucket="audit").get("Contents", [])]
        bodies = [self.s3.get_object(Bucket="audit", Key=key)["Body"].read().decode() for key in sorted(keys)]
        return [json.loads(line) for body in bodies for line in body.splitlines()]


def a_tick(seconds_ago: int = 0) -> dict[str, str]:
    """The event of a tick that was due just now, or a little earlier."""
    at = datetime.fromtimestamp(int(time.time()) - seconds_ago, UTC)
    return {"scheduled_time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration, except that LIVE is not forbidden by it, and that a venue of ours may be hurried."""
    for file in (ROOT / "config").glob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace("read_only: true", "read_only: false")
        text = text.replace("live_without_evidence: false", "live_without_evidence: true")
        text = re.sub(r"(_per_second): \d+", r"\1: 100", text)
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, config: Path) -> Iterator[World]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(clients, "_SESSION", None)
    with mock_aws(), VenueServer() as venue:
        for name, value in {
            "TRADER_CONFIG_DIR": str(config),
            "TRADER_TABLE": "trader",
            "TRADER_AUDIT_BUCKET": "audit",
            "TRADER_KILL_SWITCH": SWITCH,
            "TRADER_SECRET": "api-key",
            "TRADER_VENUE_URL": venue.url,
        }.items():
            monkeypatch.setenv(name, value)
        made = World(venue, monkeypatch, config)
        made.mode("DRY_RUN")
        yield made
    monkeypatch.setattr(lambda_handler, "_runtime", None)
