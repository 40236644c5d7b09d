"""What the publisher refuses, and that it fails aloud: nothing that was written down is left untold without a word."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from desk.invoke import Context
from trader.errors import ConfigError, MalformedData, PublishError

# Logger reads this when the handler is imported, as in Lambda, where it is there from the start.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "trader")

from trader.entry import publish

EVENT = json.loads((Path(__file__).parents[3] / "events/audit-object-created.json").read_text(encoding="utf-8"))
KEY = EVENT["detail"]["object"]["key"]


class Bucket:
    """Notes what it is asked for, and has nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get_object(self, **asked: str) -> Any:
        self.asked.append((asked["Bucket"], asked["Key"]))
        raise PublishError("nothing here")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setenv("TRADER_EVENT_BUS", "bus")
    monkeypatch.setattr(publish, "_clients", (made, None))
    return made


def without(*path: str) -> dict[str, Any]:
    """The recorded event with one place missing."""
    event = copy.deepcopy(EVENT)
    *parents, last = path
    place = event
    for name in parents:
        place = place[name]
    del place[last]
    return dict(event)


@pytest.mark.parametrize("key", [KEY, KEY.replace("#", "%23").replace("=", "%3D")], ids=["as it is", "escaped"])
def test_object_is_found_under_its_key_escaped_or_not(bucket: Bucket, key: str) -> None:
    """S3 escapes keys in some kinds of notification."""
    event = {**EVENT, "detail": {**EVENT["detail"], "object": {"key": key}}}

    with pytest.raises(PublishError):
        publish.handler(event, Context())

    assert [("trader-paper-auditbucket", KEY)] == bucket.asked


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(None, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({}, id="empty"),
        pytest.param({"scheduled_time": "2026-11-22T10:15:00Z"}, id="a tick"),
        pytest.param(without("detail"), id="no detail"),
        pytest.param({**EVENT, "detail": None}, id="detail is null"),
        pytest.param(without("detail", "bucket", "name"), id="no bucket"),
        pytest.param(without("detail", "object", "key"), id="no key"),
        pytest.param({**EVENT, "detail": {"bucket": {"name": "b"}, "object": {"key": 7}}}, id="key is a number"),
    ],
)
def test_event_that_names_no_object_is_refused(bucket: Bucket, caplog: pytest.LogCaptureFixture, event: Any) -> None:
    """Aloud, so that Lambda keeps it; nothing is asked of AWS."""
    with pytest.raises(MalformedData, match="names no bucket and object"):
        publish.handler(event, Context())

    assert [] == bucket.asked
    assert [("failed", "MalformedData")] == [(said.message, vars(said)["error"]) for said in caplog.records]


def test_publisher_without_a_bus_says_so(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it reads anything."""
    monkeypatch.delenv("TRADER_EVENT_BUS")

    with pytest.raises(ConfigError, match="TRADER_EVENT_BUS: not set"):
        publish.handler(EVENT, Context())

    assert [] == bucket.asked
