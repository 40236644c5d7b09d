"""Resources that moto's CloudFormation lacks: which ones, what has to be resolved for them, and what is then there."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.sandbox import stack_rest

TOPIC = {"Ref": "Topic"}
ALARM: dict[str, Any] = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "Namespace": "Trader",
        "MetricName": "CyclesCompleted",
        "Statistic": "Sum",
        "Period": {"Fn::FindInMap": ["Period", "5", "Seconds"]},
        "EvaluationPeriods": {"Ref": "AlarmPeriods"},
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "ActionsEnabled": {"Fn::If": ["IsScheduled", True, False]},
        "Dimensions": [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}],
        "AlarmActions": [TOPIC],
    },
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS of this test's own."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")


def key_of(value: Any) -> str:
    """What an intrinsic function is asked for under."""
    return next(iter(stack_rest.list_references({"One": {"Properties": {"Only": value}}})))


def answered(resources: dict[str, Any], *told: tuple[Any, str]) -> dict[str, str]:
    """What moto resolved: the values told, and every condition holds unless it is among them."""
    asked = stack_rest.list_references(resources)
    known = {key_of(value): text for value, text in told}
    return {key: known.get(key, "yes") for key in asked}


def test_only_what_moto_lacks_is_picked() -> None:
    """Neither what CloudFormation makes nor what is left out."""
    resources = {
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Alarm": ALARM,
        "Policy": {"Type": stack_rest.LEFT_OUT[0]},
    }

    assert {"Alarm": ALARM} == stack_rest.find_missing_resources({"Resources": resources})


def test_every_reference_and_every_condition_is_asked_for() -> None:
    """Functions at any depth as they stand, each once; of what may not be made, under its condition only."""
    conditional = {"Type": "AWS::SNS::Subscription", "Condition": "HasMail", "Properties": {"TopicArn": TOPIC}}

    asked = stack_rest.list_references({"Alarm": ALARM, "Mail": conditional})

    properties = ALARM["Properties"]
    functions = [properties["Period"], properties["EvaluationPeriods"], properties["ActionsEnabled"], TOPIC]
    functions.append({"Fn::If": ["HasMail", TOPIC, "AWS::NoValue"]})
    conditions = ["yes", {"Fn::If": ["HasMail", "yes", "no"]}]
    wanted = [*functions, properties["Dimensions"][0]["Value"], *conditions]
    assert sorted(map(json.dumps, wanted)) == sorted(map(json.dumps, asked.values()))


@pytest.mark.usefixtures("aws")
def test_alarm_gets_numbers_and_flags_back_from_text() -> None:
    """What an output made text of is a number again, a flag a flag, and the name is the stack's."""
    properties = ALARM["Properties"]
    resolved = answered(
        {"Quiet": ALARM},
        (properties["Period"], "300"),
        (properties["EvaluationPeriods"], "3"),
        (properties["ActionsEnabled"], "false"),
        (properties["Dimensions"][0]["Value"], "stack"),
        (TOPIC, "arn:aws:sns:us-east-1:123456789012:topic"),
    )

    made = stack_rest.create("stack", {"Quiet": ALARM}, resolved, client)

    (alarm,) = client("cloudwatch").describe_alarms()["MetricAlarms"]
    told = (
        alarm["AlarmName"],
        alarm["Period"],
        alarm["EvaluationPeriods"],
        alarm["Threshold"],
        alarm["ActionsEnabled"],
    )
    assert ["AWS::CloudWatch::Alarm"] == made
    assert ("stack-Quiet", 300, 3, 1.0, False) == told
    assert ["arn:aws:sns:us-east-1:123456789012:topic"] == alarm["AlarmActions"]
    assert [{"Name": "service", "Value": "stack"}] == alarm["Dimensions"]


@pytest.mark.usefixtures("aws")
def test_resource_whose_condition_does_not_hold_is_not_made() -> None:
    """As CloudFormation would not."""
    alarm = {**ALARM, "Condition": "IsLive"}
    resources = {"Quiet": alarm}
    resolved = answered(resources, ({"Fn::If": ["IsLive", "yes", "no"]}, "no"))
    resolved |= dict.fromkeys([key for key in resolved if key.endswith("IsMade")], "no")

    made = stack_rest.create("stack", resources, resolved, client)

    assert ([], []) == (made, client("cloudwatch").describe_alarms()["MetricAlarms"])


@pytest.mark.usefixtures("aws")
def test_policy_reaches_every_topic_and_queue_it_names() -> None:
    """The document arrives whole, its references resolved."""
    arns = [client("sns").create_topic(Name=name)["TopicArn"] for name in ("one", "two")]
    url = client("sqs").create_queue(QueueName="lost")["QueueUrl"]
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:SendMessage",
                "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    resources = {
        "OfTopics": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": arns, "PolicyDocument": document}},
        "OfQueue": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document},
        },
    }
    told = [({"Ref": "Queue"}, url), ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:of-the-queue")]

    made = stack_rest.create("stack", resources, answered(resources, *told), client)

    kept = [client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"] for arn in arns]
    kept.append(client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert ["AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"] == made
    assert ["arn:of-the-queue"] * 3 == [json.loads(text)["Statement"][0]["Resource"] for text in kept]
    assert document["Statement"][0]["Condition"] == json.loads(kept[2])["Statement"][0]["Condition"]


@pytest.mark.usefixtures("aws")
def test_schedule_is_made_as_the_template_says() -> None:
    """Nested structures keep their text, and their numbers become numbers."""
    role = {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
    properties = {
        "Name": "stack-tick",
        "ScheduleExpression": "cron(0/5 * * * ? *)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {
            "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "RoleArn": role,
            "Input": '{"scheduled_time": "<aws.scheduler.scheduled-time>"}',
            "RetryPolicy": {"MaximumRetryAttempts": "0", "MaximumEventAgeInSeconds": "60"},
        },
    }
    resources = {"Tick": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}
    resolved = answered(resources, (role, "arn:aws:iam::123456789012:role/schedule"))

    stack_rest.create("stack", resources, resolved, client)

    target = client("scheduler").get_schedule(Name="stack-tick")["Target"]
    assert "arn:aws:iam::123456789012:role/schedule" == target["RoleArn"]
    assert {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60} == target["RetryPolicy"]
    assert '{"scheduled_time": "<aws.scheduler.scheduled-time>"}' == target["Input"]


@pytest.mark.usefixtures("aws")
def test_switch_is_made_by_the_call_that_its_function_makes() -> None:
    """The properties of the call are the resource's; what the function behind it is called plays no part."""
    parameter = {"Name": "/trader/stack/kill-switch", "Type": "String", "Value": {"Ref": "InitialSwitch"}}
    token = {"Fn::GetAtt": ["SwitchMaker", "Arn"]}
    properties = {"ServiceToken": token, "Parameter": parameter}
    resources = {"Switch": {"Type": stack_rest.SWITCH, "Properties": properties}}

    stack_rest.create("stack", resources, answered(resources, ({"Ref": "InitialSwitch"}, "HALT")), client)

    made = client("ssm").get_parameter(Name="/trader/stack/kill-switch")["Parameter"]
    assert ("HALT", 1) == (made["Value"], made["Version"])


@pytest.mark.usefixtures("aws")
def test_alias_may_be_invoked_by_what_the_permission_names() -> None:
    """Version, alias and permission, in the order of the template; the permission is the alias's."""
    trusts = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trusts]})
    role = client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    function = client("lambda").create_function(
        FunctionName="f", Runtime="python3.13", Handler="index.f", Role=role, Code={"ZipFile": an_empty_zip()}
    )
    alias = {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}
    arn = f"{function['FunctionArn']}:live"
    allows = {"Action": "lambda:InvokeFunction", "FunctionName": arn, "Principal": "events.amazonaws.com"}
    resources = {
        "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": "f", "Description": "the first"}},
        "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": allows},
    }

    stack_rest.create("stack", resources, answered(resources), client)

    policy = json.loads(client("lambda").get_policy(FunctionName="f", Qualifier="live")["Policy"])
    assert "1" == client("lambda").get_alias(FunctionName="f", Name="live")["FunctionVersion"]
    assert ["stack-Permission"] == [each["Sid"] for each in policy["Statement"]]


def an_empty_zip() -> bytes:
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("index.py", "")
    return text.getvalue()


@pytest.mark.usefixtures("aws")
def test_property_the_call_does_not_know_stops_everything() -> None:
    """A slip in the template is no resource that silently lacks something."""
    slipped = {**ALARM, "Properties": {"Treshold": 1}}
    resources = {"Quiet": slipped}

    with pytest.raises(KeyError, match="Treshold"):
        stack_rest.create("stack", resources, answered(resources), client)


@pytest.mark.usefixtures("aws")
def test_no_value_is_left_out_of_a_list_and_of_an_object() -> None:
    """An output cannot be nothing: a word stands for it on the way."""
    nothing = {"Fn::If": ["IsLive", "arn:of-live", {"Ref": "AWS::NoValue"}]}
    properties = {**ALARM["Properties"], "AlarmActions": [TOPIC, nothing], "Unit": nothing}
    resources = {"Quiet": {**ALARM, "Properties": properties}}
    asked = stack_rest.list_references(resources)
    resolved = answered(
        resources,
        (properties["Period"], "300"),
        (properties["EvaluationPeriods"], "3"),
        (properties["ActionsEnabled"], "true"),
        (properties["Dimensions"][0]["Value"], "stack"),
        (TOPIC, "arn:aws:sns:us-east-1:123456789012:topic"),
        (nothing, "AWS::NoValue"),
    )

    stack_rest.create("stack", resources, resolved, client)

    (alarm,) = client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {"Fn::If": ["IsLive", "arn:of-live", "AWS::NoValue"]} in asked.values()
    assert (["arn:aws:sns:us-east-1:123456789012:topic"], None) == (alarm["AlarmActions"], alarm.get("Unit"))
