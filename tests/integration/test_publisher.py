"""From an audit object in the bucket to what a subscriber gets: rule, function, bus, and the patterns of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.events.models import EventPattern

from desk.cost.aws_calls import Recording, list_permissions, record_calls
from desk.invoke import PUBLISHER, Context, find_function
from integration.conftest import World, a_tick
from integration.grants import LOGS, REFERENCES, granted, of_its_own
from integration.proof import MODES, covering
from integration.rule_world import BUCKET, TARGET, RuleWorld, open_rule_world
from trader.adapters.aws import clients
from trader.entry import publish
from trader.errors import PublishError
from trader.model.domain_events import EVENT_BYTES_MAX, read_domain_events
from trader.model.events import AuditEvent, AuditObject, EventKind
from trader.model.ids import CycleId, Instant

ROOT = Path(__file__).parents[2]
EVENT = json.loads((ROOT / "events/audit-object-created.json").read_text(encoding="utf-8"))
KEY = EVENT["detail"]["object"]["key"]
BUS, SUBSCRIBER = "test-events", "arn:aws:lambda:us-east-1:123456789012:function:subscriber"
PATTERNS = re.findall(
    r"^```json\n(.+?)\n```$", (ROOT / "docs/domain-events.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
LOST = ("sqs:SendMessage", REFERENCES["LostEvents.Arn"])


def a_line(kind: EventKind, subject: str = "one", **body: Any) -> AuditEvent:
    return AuditEvent(kind, CycleId("20261122T101500Z"), Instant(1_795_342_507), subject, body)


def an_object(*events: AuditEvent, scope: str = "PAPER#main") -> str:
    name = KEY.removeprefix("audit/").replace("PAPER#main", scope)
    return AuditObject(name, "before", events).text()


class PublishingWorld(RuleWorld):
    """The rule wakes the publisher; ``heard`` is what a subscriber of everything gets, in its order."""

    def __init__(self, base: RuleWorld) -> None:
        self.server, self.delivered = base.server, base.delivered
        self.heard: list[dict[str, Any]] = []

    def open_bus(self) -> None:
        s3, events = self.client("s3"), self.client("events")
        s3.create_bucket(Bucket=BUCKET)
        events.create_event_bus(Name=BUS)
        events.put_rule(Name="everything", EventBusName=BUS, EventPattern='{"source": ["trader.audit"]}')
        events.put_targets(Rule="everything", EventBusName=BUS, Targets=[{"Id": "one", "Arn": SUBSCRIBER}])
        self.server.events.deliver = self._deliver

    def close_bus(self) -> None:
        """Moto keeps it all for the whole process."""
        s3, events = self.client("s3"), self.client("events")
        for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        s3.delete_bucket(Bucket=BUCKET)
        events.remove_targets(Rule="everything", EventBusName=BUS, Ids=["one"])
        events.delete_rule(Name="everything", EventBusName=BUS)
        events.delete_event_bus(Name=BUS)

    def write(self, text: str, event: Any = EVENT) -> None:
        """Store an object, and say so as S3 does."""
        self.client("s3").put_object(Bucket=BUCKET, Key=event["detail"]["object"]["key"], Body=text.encode())
        self.server.events.send(event)

    def _deliver(self, target: str, event: dict[str, Any]) -> None:
        if target == SUBSCRIBER:
            self.heard.append(event)
        else:
            assert TARGET == target
            publish.handler(event, Context())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[PublishingWorld]:
    with open_rule_world() as base:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{base.server.port}")
        monkeypatch.setenv("TRADER_EVENT_BUS", BUS)
        monkeypatch.setattr(clients, "_SESSION", None)
        monkeypatch.setattr(publish, "_clients", None)
        made = PublishingWorld(base)
        made.open_bus()
        yield made
        made.close_bus()


def test_each_line_of_the_object_reaches_who_listens(aws: PublishingWorld) -> None:
    """In its order, more than one request's worth, dated when it happened."""
    lines = [a_line(EventKind.VERDICT_GIVEN, f"P{number}-USD", number=number) for number in range(25)]

    aws.write(an_object(*lines))

    assert [line.event_id for line in lines] == [event["detail"]["id"] for event in aws.heard]
    assert {("trader.audit", "VerdictGiven", "2026-11-22T10:15:07Z")} == {
        (event["source"], event["detail-type"], event["time"]) for event in aws.heard
    }
    assert list(range(2, 27)) == [event["detail"]["record"]["line"] for event in aws.heard]


def test_object_that_comes_again_is_recognized(aws: PublishingWorld) -> None:
    """Another event to EventBridge, the same detail to the subscriber, id included."""
    text = an_object(a_line(EventKind.FILL_APPLIED), a_line(EventKind.LOT_CLOSED))
    aws.write(text)
    aws.write(text)
    first, again = aws.heard[:2], aws.heard[2:]

    assert [event["detail"] for event in first] == [event["detail"] for event in again]
    assert 4 == len({event["id"] for event in aws.heard})
    assert 2 == len({(event["detail"]["scope"], event["detail"]["id"]) for event in aws.heard})


def test_pointer_leads_to_the_line(aws: PublishingWorld) -> None:
    """What it names in the bucket is the line that was too large."""
    large = a_line(EventKind.INPUTS_GATHERED, text="x" * EVENT_BYTES_MAX)
    aws.write(an_object(a_line(EventKind.FILL_APPLIED), large))

    record = aws.heard[1]["detail"]["record"]
    stored = aws.client("s3").get_object(Bucket=record["bucket"], Key=record["key"])["Body"].read().decode()
    assert (None, 3) == (aws.heard[1]["detail"]["body"], record["line"])
    assert large.line() == stored.split("\n")[record["line"] - 1]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"object": {"key": "set-aside/scope=PAPER#main/x.json"}}, id="below another prefix"),
        pytest.param({"bucket": {"name": "somebody-elses"}}, id="another bucket"),
    ],
)
def test_rule_takes_the_audit_of_its_own_bucket_only(aws: PublishingWorld, changes: dict[str, Any]) -> None:
    """Nobody is woken for anything else that S3 says."""
    aws.server.events.send({**EVENT, "detail": {**EVENT["detail"], **changes}})
    aws.server.events.send({**EVENT, "detail-type": "Object Deleted"})

    assert [] == aws.heard


def test_object_that_is_not_there_and_a_bus_that_is_gone_fail_aloud(
    aws: PublishingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda brings them again, and keeps them in the end."""
    with pytest.raises(PublishError, match="NoSuchKey"):
        publish.handler(EVENT, Context())
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=an_object(a_line(EventKind.LOT_CLOSED)).encode())
    monkeypatch.setenv("TRADER_EVENT_BUS", "nowhere")

    with pytest.raises(PublishError, match="bus nowhere: ResourceNotFoundException"):
        publish.handler(EVENT, Context())


def test_everything_that_a_trading_day_writes_can_be_told(world: World) -> None:
    """Ticks, a switch that moves and a flatten in PAPER: one event for each line, with the id that the audit has."""
    world.mode("PAPER")
    for event in (a_tick(seconds_ago=1), {"command": "flatten", "who": "ada", "why": "a test"}, a_tick()):
        world.invoke(event)
    keys = sorted(item["Key"] for item in world.s3.list_objects_v2(Bucket="audit")["Contents"])
    texts = {key: world.s3.get_object(Bucket="audit", Key=key)["Body"].read().decode() for key in keys}

    told = [event for key, text in texts.items() for event in read_domain_events("audit", key, text)]

    lines = [line for line in world.audit() if line["event"] != "ObjectOpened"]
    assert [(line["event"], line["id"], line["body"]) for line in lines] == [
        (event.kind, json.loads(event.detail)["id"], json.loads(event.detail)["body"]) for event in told
    ]
    assert {"OrderIntended", "VerdictGiven", "CommandApplied"} <= {event.kind for event in told}


# --- the patterns of the page

FILL, VERDICT = a_line(EventKind.FILL_APPLIED), a_line(EventKind.VERDICT_GIVEN, verdict={"product_id": "BTC-USD"})
OTHER = a_line(EventKind.VERDICT_GIVEN, "other", verdict={"product_id": "ETH-USD"})
INTENDED, EXPOSED = a_line(EventKind.ORDER_INTENDED), a_line(EventKind.LOT_EXPOSED)
LARGE = a_line(EventKind.INPUTS_GATHERED, text="x" * EVENT_BYTES_MAX)


@pytest.mark.parametrize(
    ("number", "taken"),
    [
        pytest.param(0, [("LIVE#main", FILL)], id="fills of real money"),
        pytest.param(1, [("LIVE#main", INTENDED), ("PAPER#main", INTENDED)], id="orders"),
        pytest.param(2, [("LIVE#main", EXPOSED), ("PAPER#main", EXPOSED)], id="to be looked at"),
        pytest.param(3, [("LIVE#main", VERDICT), ("PAPER#main", VERDICT)], id="one product"),
        pytest.param(4, [("LIVE#main", LARGE), ("PAPER#main", LARGE)], id="too large"),
    ],
)
def test_pattern_of_the_page_takes_what_it_says(
    aws: PublishingWorld, number: int, taken: list[tuple[str, AuditEvent]]
) -> None:
    """Of two scopes' records each pattern takes its own, as they were delivered, and no other."""
    for scope in ("LIVE#main", "PAPER#main"):
        key = {"key": KEY.replace("PAPER#main", scope)}
        event = {**EVENT, "detail": {**EVENT["detail"], "object": key}}
        aws.write(an_object(FILL, VERDICT, OTHER, INTENDED, EXPOSED, LARGE, scope=scope), event)
    pattern = EventPattern.load(PATTERNS[number])

    matched = [event["detail"] for event in aws.heard if pattern.matches_event(event)]

    assert [(scope, line.event_id) for scope, line in taken] == [(each["scope"], each["id"]) for each in matched]


def test_every_pattern_of_the_page_is_tried() -> None:
    """One added there needs a row here; every kind that it names is one."""
    kinds = {kind for pattern in PATTERNS for kind in json.loads(pattern).get("detail-type", ())}

    assert 5 == len(PATTERNS)
    assert kinds <= set(EventKind)


# --- its role


@pytest.fixture
def recording() -> Iterator[Recording]:
    """Stands before the world does, so that its clients are heard."""
    with record_calls() as made:
        yield made


def test_publishers_calls_and_grants_are_the_same_set(
    recording: Recording, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the record and puts events on one bus; Lambda writes its log and keeps what is lost."""
    monkeypatch.setenv("TRADER_EVENT_BUS", BUS)
    monkeypatch.setattr(publish, "_clients", None)
    boto3.client("events").create_event_bus(Name=BUS)
    world.s3.put_object(Bucket="audit", Key=KEY, Body=an_object(a_line(EventKind.LOT_CLOSED)).encode())
    with recording.listening():
        told = publish.handler({**EVENT, "detail": {**EVENT["detail"], "bucket": {"name": "audit"}}}, Context())
    asked = {permission for call in recording.calls for permission in list_permissions(call)}
    logs = {(action, REFERENCES["EventPublisherLogs.Arn"]) for action in LOGS}
    grants = of_its_own("LIVE", function=PUBLISHER) - {LOST}

    assert {"key": KEY, "events": 1} == told
    assert [1] * len(asked) == [len(covering(grants, each)) for each in asked]
    assert grants == set().union(*(covering(grants, each) for each in asked))
    assert grants | logs | {LOST} == granted("LIVE", function=PUBLISHER)


def test_publisher_has_nothing_of_the_trading_function_but_the_right_to_read_records() -> None:
    """And that Lambda keeps what is lost; the other way round, what trades can put nothing on the bus."""
    both = set().union(*map(granted, MODES)) & granted("LIVE", function=PUBLISHER)

    assert {("s3:GetObject", f"{REFERENCES['AuditBucket.Arn']}/audit/*"), LOST} == both


def test_recorded_event_is_for_the_publisher() -> None:
    """And no other file of the folder is."""
    files = sorted((ROOT / "events").rglob("*.json"))

    theirs = [path.stem for path in files if find_function(json.loads(path.read_text(encoding="utf-8"))) == PUBLISHER]

    assert ["audit-object-created"] == theirs
