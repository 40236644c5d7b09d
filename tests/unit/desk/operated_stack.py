"""A stack's bus with its rule, its table and its switch, in a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from integration.rule_world import BUS, RuleWorld, open_rule_world
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from simulation.world import SCOPE
from trader.adapters.aws import clients
from trader.adapters.aws.state_store import DynamoStateStore
from unit.desk.operated_folder import NOW, VARIABLES

SWITCH = "/trader/test/kill-switch"
_AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "LOGNAME": "ada",
}
ALL = ("--table", "trader", "--bus", BUS, "--switch", SWITCH)


@dataclass
class Stack:
    """A stack's bus with its rule, its table and its switch, in a server of this file's own."""

    world: RuleWorld
    item: dict[str, Any]
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def delivered(self) -> list[tuple[str, dict[str, Any]]]:
        """What reached the function."""
        return self.world.delivered

    def client(self, service: str) -> Any:
        """A client of the server, made once."""
        return self.clients.setdefault(service, self.world.client(service))

    def items(self) -> list[dict[str, Any]]:
        """Everything in the table."""
        return list(self.client("dynamodb").scan(TableName="trader")["Items"])

    def set_switch(self, word: str) -> None:
        self.client("ssm").put_parameter(Name=SWITCH, Value=word, Type="String", Overwrite=True)

    def switch(self) -> str:
        return str(self.client("ssm").get_parameter(Name=SWITCH)["Parameter"]["Value"])


def serve_stack() -> Iterator[Stack]:
    """Three SOL are held."""
    with open_rule_world() as world:
        made = Stack(world, {})
        dynamodb = made.client("dynamodb")
        dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        store, ledger = DynamoStateStore(dynamodb, "trader"), after_tick(ENTRY, 2).store.ledger(SCOPE)
        assert ledger is not None
        store.commit(store.acquire(SCOPE, "a run", NOW, 60), ledger, release=True)
        (made.item,) = made.items()
        world.listen()
        yield made
        dynamodb.delete_table(TableName="trader")
        made.client("ssm").delete_parameter(Name=SWITCH)


def renew_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The same before anything happened, the switch at RUN; Ada is logged in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**_AWS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{stack.world.server.port}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "_SESSION", None)
    for item in stack.items():
        stack.client("dynamodb").delete_item(TableName="trader", Key={name: item[name] for name in ("pk", "sk")})
    stack.client("dynamodb").put_item(TableName="trader", Item=stack.item)
    stack.set_switch("RUN")
    stack.delivered.clear()
    return stack
