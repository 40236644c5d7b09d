"""Events that somebody puts: which of them a rule of the template lets through, and how they reach the function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.events.models import EventPattern

from desk.sandbox.sam_tool import find_sam, translate_template
from integration.rule_world import RULES, TARGET, WAKES, RuleWorld, open_rule_world, pattern_of

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
#: The recorded events that a rule lets through. The two that are malformed are for the function to refuse.
LET_THROUGH = {
    "kill-switch-changed": "KillSwitchChanged",
    **{
        f"bus-{kind}": "CommandGiven" for kind in ("flatten", "resume", "close", "pause", "clear-drawdown", "reconcile")
    },
    "audit-object-created": "RecordWritten",
    "bus-resume-without-issued-at": "CommandGiven",
    "bus-detail-is-text": "CommandGiven",
}
RECORDED = sorted(EVENTS.glob("*.json")) + sorted((EVENTS / "malformed").glob("*.json"))


@pytest.fixture
def aws() -> Iterator[RuleWorld]:
    with open_rule_world() as made:
        made.listen()
        yield made


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def an_entry(**changes: Any) -> dict[str, Any]:
    """A flatten as `aws events put-events` sends it; None leaves a part out."""
    entry = {"Source": "trader.operator", "DetailType": "flatten", "Detail": '{"who": "ada"}', **changes}
    return {key: value for key, value in entry.items() if value is not None}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_rules_take_their_own_events_and_no_other(path: Path) -> None:
    """Each recorded event is taken by the one rule that is for it, or by none."""
    event = read(path)
    event = event if isinstance(event, dict) else {"detail": event}
    if path.stem == "kill-switch-changed":
        event["detail"]["name"] = "/trader/test/kill-switch"
    taken = [rule for rule in RULES if EventPattern.load(json.dumps(pattern_of(rule))).matches_event(event)]

    assert ([LET_THROUGH[path.stem]] if path.stem in LET_THROUGH else []) == taken


@pytest.mark.parametrize("path", sorted(EVENTS.glob("bus-*.json")), ids=lambda path: path.stem)
def test_command_is_delivered_as_the_recorded_event(aws: RuleWorld, path: Path) -> None:
    """What is put on the bus is what the file says, under an id of its own that the sender is told."""
    event = read(path)

    told = aws.send(
        an_entry(DetailType=event["detail-type"], Detail=json.dumps(event["detail"]), Time=event["time"]),
    )

    (entry,) = told["Entries"]
    assert [(TARGET, {**event, "id": entry["EventId"]})] == aws.delivered
    assert (0, False) == (told["FailedEntryCount"], entry["EventId"] == event["id"])


def test_event_that_says_no_time_is_of_now(aws: RuleWorld) -> None:
    """In whole seconds, UTC; two of them have two ids."""
    before = datetime.now(UTC).replace(microsecond=0)
    aws.send(an_entry(), an_entry(Resources=["arn:x"]))
    after = datetime.now(UTC)
    (_, first), (_, second) = aws.delivered

    assert first["id"] != second["id"]
    assert ([], ["arn:x"]) == (first["resources"], second["resources"])
    assert all(before <= datetime.fromisoformat(each["time"]) <= after for each in (first, second))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Source": "somebody"}, id="source"),
        pytest.param({"Source": "trader.operator.x"}, id="longer source"),
        pytest.param({"DetailType": "buy"}, id="unknown command"),
        pytest.param({"DetailType": "Flatten"}, id="capital letter"),
        pytest.param({"EventBusName": "default"}, id="another bus"),
    ],
)
def test_what_no_rule_takes_is_accepted_and_reaches_nobody(aws: RuleWorld, changes: dict[str, Any]) -> None:
    """As on AWS: the sender is told an id all the same."""
    told = aws.send(an_entry(**changes))

    assert (0, []) == (told["FailedEntryCount"], aws.delivered)
    assert told["Entries"][0]["EventId"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Source": None}, "InvalidArgument"),
        ({"DetailType": None}, "InvalidArgument"),
        ({"Detail": None}, "InvalidArgument"),
        ({"Detail": "now"}, "MalformedDetail"),
        ({"Detail": '["now"]'}, "MalformedDetail"),
        ({"Source": "aws.ssm", "DetailType": "Parameter Store Change"}, "NotAuthorizedForSourceException"),
    ],
)
def test_entry_that_is_refused_leaves_the_others(aws: RuleWorld, changes: dict[str, Any], code: str) -> None:
    """Each entry has its own answer, in its own place."""
    told = aws.send(an_entry(), an_entry(**changes), an_entry(DetailType="reconcile"))

    assert (1, [None, code, None]) == (told["FailedEntryCount"], [each.get("ErrorCode") for each in told["Entries"]])
    assert ["flatten", "reconcile"] == [event["detail-type"] for _, event in aws.delivered]


def test_bus_that_is_not_there_and_too_many_entries_are_refused(aws: RuleWorld) -> None:
    """The first would be lost without a word on AWS: here it is said."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.send(an_entry(EventBusName="nowhere"))
    with pytest.raises(ClientError, match="ValidationException"):
        aws.send(*[an_entry()] * 11)

    assert [] == aws.delivered


def test_disabled_rule_and_absent_listener_take_nothing(aws: RuleWorld) -> None:
    """The event is accepted all the same."""
    aws.client("events").disable_rule(Name="CommandGiven", EventBusName="test")
    disabled = aws.send(an_entry())
    aws.client("events").enable_rule(Name="CommandGiven", EventBusName="test")
    aws.server.events.deliver = None
    unheard = aws.send(an_entry())

    assert [0, 0] == [disabled["FailedEntryCount"], unheard["FailedEntryCount"]]
    assert [] == aws.delivered


def test_rule_of_a_schedule_takes_no_event(aws: RuleWorld) -> None:
    """It has no pattern, which is not one that everything matches."""
    events = aws.client("events")
    events.put_rule(Name="daily", ScheduleExpression="cron(30 0 * * ? *)")
    events.put_targets(Rule="daily", Targets=[{"Id": "one", "Arn": TARGET}])
    aws.server.events.send({"source": "anything", "detail-type": "x", "detail": {}})
    events.remove_targets(Rule="daily", Ids=["one"])
    events.delete_rule(Name="daily")

    assert [] == aws.delivered


def test_other_requests_to_the_bus_are_motos(aws: RuleWorld) -> None:
    """Only what is put is answered by the layer."""
    assert ["test"] == [each["Name"] for each in aws.client("events").list_event_buses(NamePrefix="te")["EventBuses"]]


@pytest.mark.skipif(find_sam() is None, reason="SAM's translator is not here; make template installs it")
def test_each_rule_may_wake_its_own_and_nothing_else() -> None:
    """SAM makes target and permission: both name the alias, or the publisher; the permission is for that rule only."""
    resources = translate_template(ROOT / "template.yaml", "s3://bucket/key", "us-east-1")["Resources"]
    woken = {
        "TradingFunction": {"Ref": "TradingFunctionAliaslive"},
        "EventPublisher": {"Fn::GetAtt": ["EventPublisher", "Arn"]},
    }
    targets = {
        name: [target["Arn"] for target in each["Properties"]["Targets"]]
        for name, each in resources.items()
        if each["Type"] == "AWS::Events::Rule"
    }
    every = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Permission"]
    permissions = [each for each in every if each["Principal"] == "events.amazonaws.com"]
    sources = {each["SourceArn"]["Fn::GetAtt"][0]: each["FunctionName"] for each in permissions}

    by_schedule = {"AuditAnchorDaily": [{"Fn::GetAtt": ["AuditAnchor", "Arn"]}]}
    assert {f"{WAKES[rule]}{rule}": [woken[WAKES[rule]]] for rule in RULES} | by_schedule == targets
    assert {
        "TradingFunctionKillSwitchChanged": woken["TradingFunction"],
        "TradingFunctionCommandGiven": woken["TradingFunction"],
        "EventPublisherRecordWritten": {"Ref": "EventPublisher"},
        "AuditAnchorDaily": {"Ref": "AuditAnchor"},
    } == sources
    assert {"Arn"} == {each["SourceArn"]["Fn::GetAtt"][1] for each in permissions}
    assert len(sources) == len(permissions)
