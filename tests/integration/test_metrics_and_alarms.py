"""What the function prints for CloudWatch, in the template's own environment, against what the template looks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from architecture.test_template import of_type, parsed, properties
from desk.invoke import invoke_by_process
from desk.sandbox.server import VenueServer
from integration.conftest import a_tick

STACK = "trader-by-any-name"
TEMPLATE = parsed()
#: Namespace, name, and the dimensions as pairs: what makes a metric the one that is meant.
Metric = tuple[str, str, tuple[tuple[str, str], ...]]


def text_of(value: Any, references: dict[str, str]) -> str:
    """What CloudFormation puts in a value's place."""
    if isinstance(value, dict):
        ((function, given),) = value.items()
        if function == "Fn::If":
            condition, then, otherwise = given
            store = {"KeepsSecret": "SECRETS_MANAGER", "KeepsParameter": "PARAMETER_STORE"}[condition]
            holds = (references["Mode"], references["KeyStore"]) == ("LIVE", store)
            return text_of(then if holds else otherwise, references)
        assert function == "Ref", value
        return references[given]
    return str(value)


def environment(venue: str) -> dict[str, str]:
    """The template's, for a stack with default parameters, but for the venue."""
    defaults = {name: str(each.get("Default", "")) for name, each in TEMPLATE["Parameters"].items()}
    made = {"StateTable": "trader", "AuditBucket": "audit", "SwitchParameter": f"/trader/{STACK}/kill-switch"}
    references = {**defaults, **made, "AWS::StackName": STACK, "AWS::NoValue": "", "VenueUrl": venue}
    variables = properties(TEMPLATE, "TradingFunction")["Environment"]["Variables"]
    resolved = {name: text_of(value, references) for name, value in variables.items()}
    return {name: text for name, text in resolved.items() if text}


def looked_for_by_alarms() -> Iterator[Metric]:
    for alarm in of_type(TEMPLATE, "AWS::CloudWatch::Alarm").values():
        rule = alarm["Properties"]
        dimensions = [
            (each["Name"], STACK if each["Value"] == {"Ref": "AWS::StackName"} else "") for each in rule["Dimensions"]
        ]
        yield rule["Namespace"], rule["MetricName"], tuple(sorted(dimensions))


def looked_for_by_widgets() -> Iterator[Metric]:
    body = properties(TEMPLATE, "Dashboard")["DashboardBody"]["Fn::Sub"][0].replace("${AWS::StackName}", STACK)
    for widget in json.loads(re.sub(r"\$\{[\w:.]+\}", "1", body))["widgets"]:
        for namespace, name, *rest in widget["properties"].get("metrics", []):
            words = [each for each in rest if isinstance(each, str)]
            yield namespace, name, tuple(sorted(zip(words[::2], words[1::2], strict=True)))


#: Emitted in one hour of a day only.
DAILY = {"LedgerBytes"}
LOOKED_FOR = sorted(
    {
        each
        for each in (*looked_for_by_alarms(), *looked_for_by_widgets())
        if each[0] == "Trader" and each[1] not in DAILY
    }
)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The lines for CloudWatch of a first tick, by a process that is told nothing but the template's variables."""
    tick = tmp_path_factory.mktemp("event") / "tick.json"
    tick.write_text(json.dumps(a_tick()), encoding="utf-8")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        with VenueServer() as venue:
            variables = environment(venue.url)
            aws = furnished(f"http://127.0.0.1:{server.get_host_and_port()[1]}", variables)
            invocation = invoke_by_process(tick, variables | aws)
    finally:
        server.stop()
    assert not invocation.failed, invocation.said
    return [json.loads(line) for line in invocation.said.splitlines() if '"_aws"' in line]


def furnished(endpoint: str, variables: dict[str, str]) -> dict[str, str]:
    """Put there what the variables name; say where AWS is."""
    session = boto3.session.Session("testing", "testing", region_name="us-east-1")
    table = properties(TEMPLATE, "StateTable")
    session.client("dynamodb", endpoint_url=endpoint).create_table(
        TableName=variables["TRADER_TABLE"],
        **{each: table[each] for each in ("KeySchema", "AttributeDefinitions", "BillingMode")},
    )
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket=variables["TRADER_AUDIT_BUCKET"])
    session.client("ssm", endpoint_url=endpoint).put_parameter(
        Name=variables["TRADER_KILL_SWITCH"], Value="RUN", Type="String"
    )
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
    return {"AWS_ENDPOINT_URL": endpoint, **keys}


def emitted(lines: list[dict[str, Any]]) -> list[Metric]:
    """Each metric that CloudWatch makes of lines in its embedded format, once for each set of dimensions."""
    return [
        (group["Namespace"], metric["Name"], tuple(sorted((name, line[name]) for name in dimensions)))
        for line in lines
        for group in line["_aws"]["CloudWatchMetrics"]
        for dimensions in group["Dimensions"]
        for metric in group["Metrics"]
    ]


def test_something_of_ours_is_looked_for() -> None:
    """By three of the four alarms."""
    assert 3 == sum(namespace == "Trader" for namespace, _, _ in looked_for_by_alarms())
    assert 3 == len(LOOKED_FOR)


@pytest.mark.parametrize("metric", LOOKED_FOR, ids=lambda metric: metric[1])
def test_metric_that_is_looked_for_is_emitted(printed: list[dict[str, Any]], metric: Metric) -> None:
    """Under that namespace and name, with those dimensions and no other, and with a value in the line."""
    (line,) = [line for line in printed if metric in emitted([line])]
    assert all(isinstance(value, float) for value in line[metric[1]])


def test_metrics_are_few_and_have_one_set_of_dimensions(printed: list[dict[str, Any]]) -> None:
    """Each name and set is paid for: four names, one set, which is the stack's name and nothing more."""
    metrics = emitted(printed)

    assert {(("service", STACK),)} == {dimensions for _, _, dimensions in metrics}
    assert {"Trader"} == {namespace for namespace, _, _ in metrics}
    assert len(metrics) == len(set(metrics)) <= 4


def test_nothing_is_emitted_that_nobody_looks_at(printed: list[dict[str, Any]]) -> None:
    """A metric costs the same whether it is looked at or not."""
    assert LOOKED_FOR == sorted(each for each in emitted(printed) if each[1] not in DAILY)
