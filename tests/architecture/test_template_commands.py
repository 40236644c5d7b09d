"""The template's promises about people, commands and looks: who may do what, how it comes in, and when it happens."""

import json
from itertools import product
from typing import Any

import pytest

from architecture.test_template import (
    Promise,
    Template,
    broken,
    listed,
    matches,
    of_type,
    parsed,
    properties,
    statements,
)
from architecture.tree import ROOT

SOURCE = "trader.operator"
KINDS = ["flatten", "resume", "close", "pause", "clear-drawdown", "reconcile"]
BUS = {"Fn::GetAtt": ["CommandBus", "Name"]}
LOGS = [{"Fn::GetAtt": ["FunctionLogs", "Arn"]}, {"Fn::GetAtt": ["AuditAnchorLogs", "Arn"]}]
_HERE = "${AWS::Region}:${AWS::AccountId}"
SWITCH = {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter${{SwitchParameter}}"}
BUCKET = {"Fn::GetAtt": ["AuditBucket", "Arn"]}
#: Each thing a person may do, and on what. Nothing that is not here is granted.
VIEWER = {
    "dynamodb:GetItem": {"Fn::GetAtt": ["StateTable", "Arn"]},
    "dynamodb:Query": {"Fn::GetAtt": ["StateTable", "Arn"]},
    "s3:GetObject": {"Fn::Sub": "${AuditBucket.Arn}/audit/*"},
    "s3:GetObjectVersion": {"Fn::Sub": "${AuditBucket.Arn}/audit/*"},
    "s3:ListBucket": BUCKET,
    "s3:ListBucketVersions": BUCKET,
    "ssm:GetParameter": SWITCH,
    "logs:DescribeLogStreams": LOGS,
    "logs:FilterLogEvents": LOGS,
    "logs:GetLogEvents": LOGS,
    "cloudwatch:DescribeAlarms": {"Fn::Sub": f"arn:${{AWS::Partition}}:cloudwatch:{_HERE}:alarm:*"},
    "cloudwatch:GetMetricData": "*",
    "cloudformation:DescribeStacks": {"Ref": "AWS::StackId"},
}
OPERATOR = {"events:PutEvents": {"Fn::GetAtt": ["CommandBus", "Arn"]}, "ssm:PutParameter": SWITCH}
CONDITIONS = {
    "s3:ListBucket": {"StringLike": {"s3:prefix": "audit/*"}},
    "s3:ListBucketVersions": {"StringLike": {"s3:prefix": "audit/*"}},
    "events:PutEvents": {"StringEquals": {"events:source": SOURCE, "events:detail-type": KINDS}},
}
MINUTES = set(range(60))


def recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "events" / f"{name}.json").read_text(encoding="utf-8")))


def event_of(template: Template, name: str) -> dict[str, Any]:
    return dict(properties(template, "TradingFunction")["Events"][name]["Properties"])


def granted(template: Template, policy: str) -> dict[str, Any]:
    """What a policy allows, each action with its resource; a condition that is not the expected one shows as well."""
    return {
        action: statement["Resource"]
        if (statement["Effect"], statement.get("Condition")) == ("Allow", CONDITIONS.get(action))
        else statement
        for name, statement in statements(template)
        if name == policy
        for action in listed(statement["Action"])
    }


def holds(template: Template, condition: Any, chosen: dict[str, str]) -> bool:
    """Whether a condition of the template holds under these parameters."""
    ((kind, given),) = condition.items()
    if kind == "Condition":
        return holds(template, template["Conditions"][given], chosen)
    if kind == "Fn::And":
        return all(holds(template, each, chosen) for each in given)
    assert kind == "Fn::Equals"
    left, right = (chosen.get(each["Ref"]) if isinstance(each, dict) else each for each in given)
    return left == right


def minutes_of(text: str) -> list[int]:
    """The minutes of a list of ranges, as cron reads it; one that is named twice is there twice."""
    ends = [[int(end) for end in each.split("-")] for each in text.split(",")]
    return [minute for first, *last in ends for minute in range(first, (last or [first])[0] + 1)]


# --- promises ----------------------------------------------------------------------------------------------------


def commands_come_by_the_bus(template: Template) -> list[str]:
    """A bus of the stack's own; its rule lets through the six commands of the operator and nothing else."""
    rule, bus = event_of(template, "CommandGiven"), properties(template, "CommandBus")
    switch = event_of(template, "KillSwitchChanged")
    kept = {
        "a bus of the stack's name": bus.get("Name") == {"Ref": "AWS::StackName"},
        "a rule of that bus": rule.get("EventBusName") == BUS,
        "source and kinds": rule["Pattern"] == {"source": [SOURCE], "detail-type": KINDS},
        "the whole event": not {"Input", "InputPath", "InputTransformer"} & rule.keys(),
        "tried as often as a switch change": rule["RetryPolicy"] == switch["RetryPolicy"],
        "this account's own": not of_type(template, "AWS::Events::EventBusPolicy"),
        "an output": template["Outputs"].get("CommandBusName", {}).get("Value") == BUS,
    }
    found = [what for what, is_kept in kept.items() if not is_kept]
    for kind in KINDS:
        event = recorded(f"bus-{kind}")
        found += [] if matches(rule["Pattern"], event) else [f"the rule misses {kind}"]
        others = (
            {"source": "aws.ssm"},
            {"source": f"{SOURCE}.x"},
            {"detail-type": "buy"},
            {"detail-type": kind.upper()},
        )
        found += [f"the rule takes {other}" for other in others if matches(rule["Pattern"], event | other)]
    return found


def the_system_looks_between_the_ticks(template: Template) -> list[str]:
    """On every minute that has no tick, while the schedule is on; a look that was missed is not made up for."""
    watch, tick = event_of(template, "Watch"), event_of(template, "Tick")
    minutes = {"Minutes": {"Fn::FindInMap": ["Period", {"Ref": "PeriodMinutes"}, "Between"]}}
    kept = {
        "its minutes": watch["ScheduleExpression"] == {"Fn::Sub": ["cron(${Minutes} * * * ? *)", minutes]},
        "the tick's minutes": tick["ScheduleExpression"] == {"Fn::Sub": "cron(0/${PeriodMinutes} * * * ? *)"},
        "UTC": watch["ScheduleExpressionTimezone"] == tick["ScheduleExpressionTimezone"] == "UTC",
        "a name of its own": watch["Name"] == {"Fn::Sub": "${AWS::StackName}-watch"} != tick["Name"],
        "who wakes": watch["RoleArn"] == tick["RoleArn"],
        "never late": watch["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
        "its input": json.loads(watch["Input"]) == {**json.loads(tick["Input"]), "watch": True},
        "on unless said otherwise": template["Parameters"]["WatchState"]["Default"] == "ENABLED",
    }
    found = [what for what, is_kept in kept.items() if not is_kept]
    for period, row in template["Mappings"]["Period"].items():
        ticks, between = set(range(0, 60, int(period))), minutes_of(row["Between"])
        if sorted(between) != sorted(MINUTES - ticks):
            found.append(f"{period} minutes: looks at {between}")
    condition, *states = watch["State"]["Fn::If"]
    for schedule, looks in product(("ENABLED", "DISABLED"), repeat=2):
        chosen = {"ScheduleState": schedule, "WatchState": looks}
        state = states[0 if holds(template, {"Condition": condition}, chosen) else 1]
        if state != ("ENABLED" if schedule == looks == "ENABLED" else "DISABLED"):
            found.append(f"{chosen}: {state}")
    return found


def people_may_look_or_command(template: Template) -> list[str]:
    """Two policies, nothing of one in the other, neither with a way to invoke, and nobody has them from the start."""
    found = [] if granted(template, "ViewerPolicy") == VIEWER else ["what the viewer may do"]
    found += [] if granted(template, "OperatorPolicy") == OPERATOR else ["what the operator may do"]
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    found += sorted(policies.keys() ^ {"ViewerPolicy", "OperatorPolicy"})
    for name, policy in policies.items():
        given = {"Roles", "Users", "Groups"} & policy["Properties"].keys()
        found += [f"{name} is given to {who}" for who in sorted(given)]
        # A name would need a wider permission to deploy, and a second stack would collide with it.
        found += [f"{name} has a name"] if "ManagedPolicyName" in policy["Properties"] else []
        output = template["Outputs"].get(f"{name}Arn", {}).get("Value")
        found += [] if output == {"Ref": name} else [f"{name} is no output"]
    invokes = {name for name, each in statements(template) if "lambda:" in str(each["Action"])}
    return found + sorted(invokes - {"ScheduleRole"})


PROMISES: tuple[Promise, ...] = (
    commands_come_by_the_bus,
    the_system_looks_between_the_ticks,
    people_may_look_or_command,
)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_template_keeps(promise: Promise) -> None:
    """Nothing breaks the promise."""
    assert promise(parsed()) == []


EVENTS = "TradingFunction.Properties.Events"
VIEWS = "ViewerPolicy.Properties.PolicyDocument.Statement"
GIVES = "OperatorPolicy.Properties.PolicyDocument.Statement"
ON_THE_BUS = f"{EVENTS}.CommandGiven.Properties"
LOOKS = f"{EVENTS}.Watch.Properties"

SABOTAGES: tuple[tuple[Promise, str, Any], ...] = (
    (commands_come_by_the_bus, "CommandBus.Properties.Name", "trader"),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.EventBusName", "default"),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.Pattern", {"source": [SOURCE]}),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.Pattern", {"detail-type": KINDS}),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.Pattern.source", [SOURCE, "aws.ssm"]),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.Pattern.source", [{"prefix": "trader."}]),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.Pattern.detail-type", KINDS[:-1]),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.Pattern.detail-type", [*KINDS, "buy"]),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.RetryPolicy.MaximumRetryAttempts", 0),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.RetryPolicy.MaximumEventAgeInSeconds", 86400),
    (commands_come_by_the_bus, f"{ON_THE_BUS}.InputPath", "$.detail"),
    (commands_come_by_the_bus, "Everybody", {"Type": "AWS::Events::EventBusPolicy", "Properties": {}}),
    (the_system_looks_between_the_ticks, f"{LOOKS}.ScheduleExpression", "rate(1 minute)"),
    (the_system_looks_between_the_ticks, f"{LOOKS}.ScheduleExpressionTimezone", "Europe/Berlin"),
    (the_system_looks_between_the_ticks, f"{LOOKS}.Name", {"Fn::Sub": "${AWS::StackName}-tick"}),
    (the_system_looks_between_the_ticks, f"{LOOKS}.State.Fn::If", ["IsScheduled", "ENABLED", "DISABLED"]),
    (the_system_looks_between_the_ticks, f"{LOOKS}.State.Fn::If", ["IsLive", "ENABLED", "DISABLED"]),
    (the_system_looks_between_the_ticks, f"{LOOKS}.State.Fn::If", ["IsWatched", "DISABLED", "ENABLED"]),
    (the_system_looks_between_the_ticks, f"{LOOKS}.Input", '{"scheduled_time": "<aws.scheduler.scheduled-time>"}'),
    (the_system_looks_between_the_ticks, f"{LOOKS}.Input", '{"scheduled_time": "now", "watch": true}'),
    (the_system_looks_between_the_ticks, f"{LOOKS}.RetryPolicy.MaximumRetryAttempts", 1),
    (the_system_looks_between_the_ticks, f"{LOOKS}.RetryPolicy.MaximumEventAgeInSeconds", 120),
    (the_system_looks_between_the_ticks, f"{LOOKS}.RoleArn", {"Fn::GetAtt": ["FunctionRole", "Arn"]}),
    (people_may_look_or_command, f"{VIEWS}.0.Action", ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]),
    (people_may_look_or_command, f"{VIEWS}.0.Action", "dynamodb:GetItem"),
    (people_may_look_or_command, f"{VIEWS}.0.Effect", "Deny"),
    (people_may_look_or_command, f"{VIEWS}.1.Resource", {"Fn::Sub": "${AuditBucket.Arn}/*"}),
    (people_may_look_or_command, f"{VIEWS}.2.Condition", None),
    (people_may_look_or_command, f"{VIEWS}.3.Action", ["ssm:GetParameter", "ssm:PutParameter"]),
    (people_may_look_or_command, f"{VIEWS}.4.Resource", {"Fn::GetAtt": ["SwitchMakerLogs", "Arn"]}),
    (people_may_look_or_command, f"{VIEWS}.5.Resource", "*"),
    (people_may_look_or_command, f"{VIEWS}.6.Action", ["cloudwatch:GetMetricData", "cloudwatch:SetAlarmState"]),
    (people_may_look_or_command, f"{VIEWS}.7.Resource", "*"),
    (people_may_look_or_command, f"{GIVES}.0.Action", ["events:PutEvents", "events:PutRule"]),
    (people_may_look_or_command, f"{GIVES}.0.Resource", {"Fn::Sub": f"arn:aws:events:{_HERE}:event-bus/*"}),
    (people_may_look_or_command, f"{GIVES}.0.Condition", None),
    (people_may_look_or_command, f"{GIVES}.0.Condition.StringEquals.events:source", [SOURCE, "aws.ssm"]),
    (people_may_look_or_command, f"{GIVES}.0.Condition.StringEquals.events:detail-type", [*KINDS, "*"]),
    (people_may_look_or_command, f"{GIVES}.0.Condition.StringEquals", {"events:source": SOURCE}),
    (people_may_look_or_command, f"{GIVES}.1.Action", ["ssm:PutParameter", "ssm:GetParameter"]),
    (people_may_look_or_command, f"{GIVES}.1.Action", ["ssm:PutParameter", "lambda:InvokeFunction"]),
    (people_may_look_or_command, "OperatorPolicy.Properties.Roles", [{"Ref": "FunctionRole"}]),
    (people_may_look_or_command, "ViewerPolicy.Properties.Groups", ["everybody"]),
    (people_may_look_or_command, "ViewerPolicy.Properties.ManagedPolicyName", "viewer"),
    (people_may_look_or_command, "FunctionRole.Properties.Policies.0.PolicyDocument.Statement.0.Action", "lambda:*"),
)


@pytest.mark.parametrize(("promise", "path", "value"), SABOTAGES, ids=lambda part: getattr(part, "__name__", None))
def test_broken_promise_is_found(promise: Promise, path: str, value: Any) -> None:
    """One change in one place is enough."""
    assert promise(broken(path, value))


@pytest.mark.parametrize(
    ("promise", "root", "path", "value"),
    [
        (the_system_looks_between_the_ticks, "Mappings", "Period.5.Between", "0-59"),
        (the_system_looks_between_the_ticks, "Mappings", "Period.15.Between", "1-14,16-29,31-44"),
        (the_system_looks_between_the_ticks, "Mappings", "Period.30.Between", "1-29,29,31-59"),
        (the_system_looks_between_the_ticks, "Parameters", "WatchState.Default", "DISABLED"),
        (
            the_system_looks_between_the_ticks,
            "Conditions",
            "IsWatched",
            {"Fn::Equals": [{"Ref": "WatchState"}, "ENABLED"]},
        ),
        (commands_come_by_the_bus, "Outputs", "CommandBusName.Value", {"Ref": "AWS::StackName"}),
        (people_may_look_or_command, "Outputs", "ViewerPolicyArn", None),
        (people_may_look_or_command, "Outputs", "OperatorPolicyArn.Value", {"Ref": "ViewerPolicy"}),
    ],
)
def test_broken_promise_outside_the_resources_is_found(promise: Promise, root: str, path: str, value: Any) -> None:
    """In mappings, parameters, conditions and outputs as well."""
    assert promise(broken(path, value, root))


def test_every_event_of_the_bus_has_its_file_and_no_other_has() -> None:
    """One recorded event for each command; what carries another field is told by its file's name."""
    files = {path.stem.removeprefix("bus-") for path in (ROOT / "events").glob("bus-*.json")}

    assert set(KINDS) == files
