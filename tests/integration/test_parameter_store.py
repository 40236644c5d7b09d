"""The layer before moto's Parameter Store: the pattern holds, and a change of a parameter is an event of a rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from architecture.test_template import parsed, properties
from desk.sandbox.parameter_store import MotoServer
from integration.grants import SWITCH
from trader.entry.events import SwitchChanged, parse_event
from trader.model.ids import Instant

TARGET = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
PATTERN = properties(parsed(), "SwitchParameter")["Parameter"]["AllowedPattern"]


class Aws:
    """A server of this test's own, with the template's rule for the switch, and what was delivered."""

    def __init__(self) -> None:
        self.server = MotoServer("127.0.0.1", 0, self.client)
        self.delivered: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str) -> Any:
        session = boto3.session.Session("testing", "testing", region_name="us-east-1")
        return session.client(service, endpoint_url=f"http://127.0.0.1:{self.server.port}")

    def set_rule(self) -> None:
        """As the template says it, for this stack."""
        rule = properties(parsed(), "TradingFunction")["Events"]["KillSwitchChanged"]["Properties"]["Pattern"]
        rule = {**rule, "detail": {**rule["detail"], "name": [SWITCH]}}
        events = self.client("events")
        events.put_rule(Name="switch", EventPattern=json.dumps(rule))
        events.put_targets(Rule="switch", Targets=[{"Id": "one", "Arn": TARGET}])

    def put(self, word: str, name: str = SWITCH, **more: Any) -> None:
        self.client("ssm").put_parameter(Name=name, Value=word, Type="String", Overwrite=True, **more)

    def changes(self) -> list[tuple[str, str]]:
        """What was said to have happened, in order."""
        return [(event["detail"]["name"], event["detail"]["operation"]) for _, event in self.delivered]


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    made.server.start()
    made.client("ssm").delete_parameters(Names=[SWITCH, "/other"])
    made.set_rule()
    made.put("RUN", AllowedPattern=PATTERN)
    made.server.parameters.deliver = lambda target, event: made.delivered.append((target, event))
    yield made
    made.server.parameters.deliver = None
    made.client("events").remove_targets(Rule="switch", Ids=["one"])
    made.client("events").delete_rule(Name="switch")
    made.server.stop()


@pytest.mark.parametrize("word", ["GO", "run", "RUN ", "HALT now"])
def test_fifth_word_is_refused_and_is_no_event(aws: Aws, word: str) -> None:
    """By the pattern that the parameter was made with; what stood there stands."""
    with pytest.raises(ClientError, match="failed to satisfy constraint") as refused:
        aws.put(word)

    assert "ParameterPatternMismatchException" == refused.value.response["Error"]["Code"]
    assert "RUN" == aws.client("ssm").get_parameter(Name=SWITCH)["Parameter"]["Value"]
    assert [] == aws.delivered


def test_new_parameter_is_held_to_its_own_pattern(aws: Aws) -> None:
    """One without a pattern takes anything."""
    with pytest.raises(ClientError, match="failed to satisfy"):
        aws.put("GO", "/other", AllowedPattern=PATTERN)
    aws.put("GO", "/other")

    assert "GO" == aws.client("ssm").get_parameter(Name="/other")["Parameter"]["Value"]


def test_each_change_of_the_switch_is_an_event_and_no_other_is(aws: Aws) -> None:
    """Written, deleted, made again; another parameter's change and a look are none."""
    aws.put("HALT")
    aws.put("HALT", "/other")
    aws.client("ssm").get_parameter(Name=SWITCH)
    aws.client("ssm").delete_parameter(Name=SWITCH)
    aws.put("RUN")
    aws.client("ssm").delete_parameters(Names=[SWITCH, "/other"])

    assert [(SWITCH, what) for what in ("Update", "Delete", "Create", "Delete")] == aws.changes()
    assert {TARGET} == {target for target, _ in aws.delivered}


def test_event_is_a_change_of_the_switch_to_the_handler(aws: Aws) -> None:
    """Each has an id of its own."""
    aws.put("HALT")
    aws.put("RUN")
    commands = [parse_event(event, Instant(0)) for _, event in aws.delivered]

    assert all(isinstance(command, SwitchChanged) for command in commands)
    assert 2 == len(set(commands)) == len({event["id"] for _, event in aws.delivered})


def test_refused_request_is_no_event(aws: Aws) -> None:
    """The parameter is there already, and Overwrite was not said."""
    with pytest.raises(ClientError, match="already exists"):
        aws.client("ssm").put_parameter(Name=SWITCH, Value="HALT", Type="String")
    with pytest.raises(ClientError, match="not found"):
        aws.client("ssm").delete_parameter(Name="/nowhere")

    assert [] == aws.delivered
