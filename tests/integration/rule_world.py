"""A moto server with the layers before it, the template's rules in it, and what they delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from architecture.test_template import parsed, properties
from desk.sandbox.moto_server import MotoServer
from integration.grants import SWITCH

TARGET = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
BUS = "test"
#: The template's rules, and the bus of each in this world; which function each of them wakes.
RULES = {"KillSwitchChanged": "default", "CommandGiven": BUS, "RecordWritten": "default"}
WAKES = {"KillSwitchChanged": "TradingFunction", "CommandGiven": "TradingFunction", "RecordWritten": "EventPublisher"}
#: The bucket of the recorded event.
BUCKET = "trader-paper-auditbucket"


def pattern_of(rule: str) -> dict[str, Any]:
    """A rule's pattern as the template says it, for this stack."""
    pattern = properties(parsed(), WAKES[rule])["Events"][rule]["Properties"]["Pattern"]
    told = {"KillSwitchChanged": {"name": [SWITCH]}, "RecordWritten": {"bucket": {"name": [BUCKET]}}}
    return {**pattern, "detail": {**pattern["detail"], **told[rule]}} if rule in told else dict(pattern)


class RuleWorld:
    """A server of this test's own; ``delivered`` are targets with their events, in order."""

    def __init__(self) -> None:
        self.server = MotoServer("127.0.0.1", 0, self.client)
        self.delivered: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str) -> Any:
        session = boto3.session.Session("testing", "testing", region_name="us-east-1")
        return session.client(service, endpoint_url=f"http://127.0.0.1:{self.server.port}")

    def make_rules(self) -> None:
        """Make the stack's bus, and the rules with their target."""
        events = self.client("events")
        events.create_event_bus(Name=BUS)
        for rule, bus in RULES.items():
            events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern_of(rule)))
            events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "one", "Arn": TARGET}])

    def remove_rules(self) -> None:
        """Take them away again: moto keeps them for the whole process."""
        events = self.client("events")
        for rule, bus in RULES.items():
            events.remove_targets(Rule=rule, EventBusName=bus, Ids=["one"])
            events.delete_rule(Name=rule, EventBusName=bus)
        events.delete_event_bus(Name=BUS)

    def put(self, word: str, name: str = SWITCH, **more: Any) -> None:
        """Write a parameter."""
        self.client("ssm").put_parameter(Name=name, Value=word, Type="String", Overwrite=True, **more)

    def changes(self) -> list[tuple[str, str]]:
        """What was said to have happened to parameters, in order."""
        return [(event["detail"]["name"], event["detail"]["operation"]) for _, event in self.delivered]

    def send(self, *entries: dict[str, Any]) -> dict[str, Any]:
        """Put events, on the stack's bus unless they name another."""
        return dict(self.client("events").put_events(Entries=[{"EventBusName": BUS, **each} for each in entries]))

    def listen(self) -> None:
        """Take what is delivered from now on."""
        self.server.events.deliver = lambda target, event: self.delivered.append((target, event))


@contextmanager
def open_rule_world() -> Iterator[RuleWorld]:
    """Serve while the context is open; nothing is delivered until somebody listens."""
    world = RuleWorld()
    world.server.start()
    try:
        world.make_rules()
        yield world
    finally:
        world.server.events.deliver = None
        world.remove_rules()
        world.server.stop()
