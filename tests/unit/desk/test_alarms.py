"""Who hears a stack's alarms, and a test that rings: against moto, on the template's own alarms."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from architecture.test_template import of_type, parsed
from desk import alarms
from desk.alarms import ALARMS, describe_hearers, perform_test
from trader.errors import ConfigError

STACK = "trader-paper"


def make_alarm(name: str) -> Any:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=f"{STACK}-{name}",
        Namespace="Trader",
        MetricName="Heartbeat",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        Statistic="Sum",
    )
    return cloudwatch


def make_stack(topic: str, webhook: str = "no") -> None:
    """A stack that says what the template's outputs say."""
    outputs = {"MessageTopicArn": {"Value": topic}, "AlarmWebhookIsSet": {"Value": webhook}}
    resources = {"Any": {"Type": "AWS::SNS::Topic"}}
    body = str({"Resources": resources, "Outputs": outputs}).replace("'", '"')
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=body)


class Sns:
    """An SNS with these subscriptions."""

    def __init__(self, *subscriptions: tuple[str, str]) -> None:
        self._found = [{"SubscriptionArn": arn, "Protocol": "email", "Endpoint": who} for arn, who in subscriptions]

    def get_paginator(self, _: str) -> Sns:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Subscriptions": self._found}]


def test_alarms_are_those_of_the_template() -> None:
    """By the names that it gives them."""
    names = [
        each["Properties"]["AlarmName"]["Fn::Sub"] for each in of_type(parsed(), "AWS::CloudWatch::Alarm").values()
    ]

    assert [f"${{AWS::StackName}}-{name}" for name in ALARMS] == names


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_rings_and_is_over(name: str, own_aws: None) -> None:
    """Two changes of its state, which is how CloudWatch tells anybody."""
    cloudwatch, states = make_alarm(name), []
    cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch.SetAlarmState", lambda params, **_: states.append(params["StateValue"])
    )

    perform_test(STACK, name, cloudwatch)

    alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
    assert ["ALARM", "OK"] == states
    assert ("OK", True) == (alarm["StateValue"], "A test" in alarm["StateReason"])


def test_alarm_that_rings_already_is_left_alone(own_aws: None) -> None:
    """It would be called over while it is not."""
    cloudwatch = make_alarm("exposed")
    cloudwatch.set_alarm_state(AlarmName=f"{STACK}-exposed", StateValue="ALARM", StateReason="a lot")

    with pytest.raises(ConfigError, match="rings already"):
        perform_test(STACK, "exposed", cloudwatch)

    assert "ALARM" == cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"]


def test_stack_without_the_alarm_is_named(own_aws: None) -> None:
    """As one that was deployed by an older release."""
    with pytest.raises(ConfigError, match="trader-paper has no alarm trader-paper-errors"):
        perform_test(STACK, "errors", boto3.client("cloudwatch"))


@pytest.mark.parametrize(
    ("subscriptions", "webhook", "expected"),
    [
        ([("PendingConfirmation", "me@example.org")], "no", ["NOT CONFIRMED"]),
        ([("arn:aws:sns:one", "me@example.org")], "yes", ["hears them", "webhook"]),
        ([], "yes", ["webhook"]),
        ([], "no", ["NOBODY"]),
    ],
)
def test_who_hears_is_said_of_each(subscriptions: list[tuple[str, str]], webhook: str, expected: list[str]) -> None:
    """An address that has not confirmed hears nothing, and nobody tells otherwise."""
    outputs = {"MessageTopicArn": "arn", "AlarmWebhookIsSet": webhook}

    lines = list(describe_hearers(outputs, Sns(*subscriptions)))

    assert len(expected) == len(lines)
    assert all(word in line for word, line in zip(expected, lines, strict=True))


def test_commands_find_the_stack_of_a_profile(own_aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    """As `make deploy` and `make test-alarm` call them."""
    topic = boto3.client("sns").create_topic(Name="messages")["TopicArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="me@example.org")
    make_stack(topic, webhook="yes")
    make_alarm("heartbeat")

    codes = [
        alarms.main(["hearers", "paper"]),
        alarms.main(["test", "paper"]),
        alarms.main(["test", "paper", "--alarm", "errors"]),
    ]

    said = capsys.readouterr()
    assert [0, 0, 1] == codes
    assert 2 == said.out.count("me@example.org (email) hears them")
    assert "trader-paper-heartbeat rang and is over" in said.out
    assert "has no alarm" in said.err


@pytest.mark.parametrize("what", ["hearers", "test"])
def test_stack_that_is_not_there_is_one_line(what: str, own_aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    """What `make test-alarm` says before the first deployment; `make deploy` comes here only after one."""
    code = alarms.main([what, "paper", "--stack", "trader-nowhere"])

    told = capsys.readouterr().err.splitlines()
    assert (1, 1) == (code, len(told))
    assert told[0].startswith("alarms: ")
    assert "trader-nowhere" in told[0]
