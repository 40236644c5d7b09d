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
from desk.cost import month
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
            assert condition == "IsLive"
            return text_of(then if references["Mode"] == "LIVE" else otherwise, references)
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


#: Emitted only in a cycle that has some to count.
RARE = {"StrategiesFailed"}
LOOKED_FOR = sorted(
    {
        each
        for each in (*looked_for_by_alarms(), *looked_for_by_widgets())
        if each[0] == "Trader" and each[1] not in RARE
    }
)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The one line for CloudWatch of one tick, by a process that is told nothing but the template's variables."""
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
    (line,) = [json.loads(line) for line in invocation.said.splitlines() if '"_aws"' in line]
    return dict(line)


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


def emitted(line: dict[str, Any]) -> list[Metric]:
    """Each metric that CloudWatch makes of a line in its embedded format, once for each set of dimensions."""
    return [
        (group["Namespace"], metric["Name"], tuple(sorted((name, line[name]) for name in dimensions)))
        for group in line["_aws"]["CloudWatchMetrics"]
        for dimensions in group["Dimensions"]
        for metric in group["Metrics"]
    ]


def test_something_of_ours_is_looked_for() -> None:
    """Five alarms, and what the dashboard shows beside them."""
    assert 5 == sum(namespace == "Trader" for namespace, _, _ in looked_for_by_alarms())
    assert len(LOOKED_FOR) > 4


@pytest.mark.parametrize("metric", LOOKED_FOR, ids=lambda metric: metric[1])
def test_metric_that_is_looked_for_is_emitted(printed: dict[str, Any], metric: Metric) -> None:
    """Under that namespace and name, with those dimensions and no other, and with a value in the line."""
    assert metric in emitted(printed)
    assert all(isinstance(value, float) for value in printed[metric[1]])


def test_metrics_are_few_and_have_one_set_of_dimensions(printed: dict[str, Any]) -> None:
    """Each name and set is paid for: nine names, one set, which is the stack's name and nothing more."""
    metrics = emitted(printed)

    assert {(("service", STACK),)} == {dimensions for _, _, dimensions in metrics}
    assert {"Trader"} == {namespace for namespace, _, _ in metrics}
    assert len(metrics) == len(set(metrics)) <= 9


def test_nothing_is_emitted_that_nobody_looks_at(printed: dict[str, Any]) -> None:
    """A metric costs the same whether it is looked at or not."""
    assert LOOKED_FOR == sorted(emitted(printed))


def test_cost_counts_what_the_template_has(printed: dict[str, Any]) -> None:
    """docs/cost.md prices so many metrics, alarms, dashboards and secrets a month."""
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::SecretsManager::Secret")

    counted = [len(emitted(printed)), *(len(of_type(TEMPLATE, kind)) for kind in kinds)]

    assert counted == [month.METRICS, month.ALARMS, month.DASHBOARDS, month.SECRETS]
