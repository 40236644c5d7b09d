"""A first deployment that fails leaves nothing behind; a stack that was used leaves its books, whoever deletes it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from integration.conftest import World, a_tick
from integration.grants import SWITCH
from integration.template_functions import SwitchMaker, TableGuard


@pytest.fixture
def dynamodb(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return world.dynamodb


def is_protected(dynamodb: Any) -> bool:
    return bool(dynamodb.describe_table(TableName="trader")["Table"]["DeletionProtectionEnabled"])


def test_failed_first_deployment_leaves_neither_table_nor_switch(world: World, dynamodb: Any) -> None:
    """CloudFormation takes back what it made: first what its functions made, then the table, which lets it."""
    world.ssm.delete_parameter(Name=SWITCH)
    guard, maker = TableGuard(), SwitchMaker()
    made = [guard.play("Create"), maker.play("Create")]
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        dynamodb.delete_table(TableName="trader")

    taken_back = [guard.play("Delete"), maker.play("Delete")]
    dynamodb.delete_table(TableName="trader")

    assert ["SUCCESS"] * 4 == made + taken_back
    parameters = [each["Name"] for each in world.ssm.describe_parameters()["Parameters"]]
    assert ([], True) == (dynamodb.list_tables()["TableNames"], SWITCH not in parameters)


@pytest.mark.parametrize("requests", [["Create"], ["Create", "Update"], ["Create", "Create"], ["Update"]])
def test_table_of_a_stack_is_protected(dynamodb: Any, requests: list[str]) -> None:
    """Once is enough, twice does no harm, and a stack from before gets it with an update."""
    guard = TableGuard()

    assert {"SUCCESS"} == {guard.play(request) for request in requests}
    assert is_protected(dynamodb)
    assert {"trader"} == set(guard.physical_ids)


def test_table_with_books_stays_protected_when_its_stack_goes(world: World, dynamodb: Any) -> None:
    """One tick is enough; the stack goes all the same."""
    guard = TableGuard()
    guard.play("Create")
    world.invoke(a_tick())

    assert "SUCCESS" == guard.play("Delete")
    assert is_protected(dynamodb)


def test_table_that_is_gone_keeps_no_stack_from_going(dynamodb: Any) -> None:
    """But there is no stack without one, and the reason is told."""
    dynamodb.delete_table(TableName="trader")
    guard = TableGuard()

    assert ("SUCCESS", "FAILED") == (guard.play("Delete"), guard.play("Create"))
    assert "ResourceNotFoundException" in str(guard.reasons[-1])
