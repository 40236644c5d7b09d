"""A DynamoDB of one table, by moto, behind a client that notes what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from trader.adapters.aws.state_store import DynamoStateStore

Item = Mapping[str, Mapping[str, Any]]
#: What DynamoDB takes in one transaction; moto counts the actions only. Units: bytes.
TRANSACTION_BYTES_MAX = 4 * 1024 * 1024


@dataclass
class Client:
    """The client of the store. It notes what it sends, and sends every write as often as it is told to.

    Sent twice is what the client of botocore does after an answer that was lost: the second answer counts.
    ``before_read`` is called with the sort key of an item that is about to be read. Queries are answered in small
    pages. One that is broken answers nothing.
    """

    inner: Any
    times: int = 1
    transactions: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    before_read: Callable[[str], None] = lambda _: None
    is_broken: bool = False

    def update_item(self, **request: Any) -> Any:
        return self._write("update", self.inner.update_item, request)

    def put_item(self, **request: Any) -> Any:
        return self._write("put", self.inner.put_item, request)

    def transact_write_items(self, **request: Any) -> Any:
        self.transactions.append(request["TransactItems"])
        assert sum(map(size_of_action, request["TransactItems"])) <= TRANSACTION_BYTES_MAX
        return self._write("transaction", self.inner.transact_write_items, request)

    def get_item(self, **request: Any) -> Any:
        self._note("read")
        self.before_read(request["Key"]["sk"]["S"])
        return self.inner.get_item(**request)

    def query(self, **request: Any) -> Any:
        self._note("query")
        return self.inner.query(**request, Limit=2)

    def _write(self, name: str, send: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        self._note(name)
        for _ in range(self.times - 1):
            send(**request)
        return send(**request)

    def _note(self, name: str) -> None:
        self.requests.append(name)
        if self.is_broken:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)

    def stored(self, prefix: str) -> list[Mapping[str, Any]]:
        """The items whose sort key begins so."""
        pages = self.inner.get_paginator("scan").paginate(TableName="trader", ConsistentRead=True)
        return [item for page in pages for item in page["Items"] if item["sk"]["S"].startswith(prefix)]

    def names(self, prefix: str = "") -> list[str]:
        """The sort keys that begin so."""
        return sorted(item["sk"]["S"] for item in self.stored(prefix))

    def change(self, sort_key: str, **attributes: Any) -> None:
        """Write to an item behind the store's back."""
        (item,) = (each for each in self.stored(sort_key) if each["sk"]["S"] == sort_key)
        self.inner.put_item(TableName="trader", Item={**item, **attributes})


def size_of(item: Item) -> int:
    """An item's size by DynamoDB's rule: UTF-8 of names and texts, bytes of binaries, numbers in 21 bytes at most."""
    size = 0
    for name, attribute in item.items():
        ((kind, value),) = attribute.items()
        size += len(name.encode()) + (21 if kind == "N" else len(value if kind == "B" else value.encode()))
    return size


def size_of_action(action: Mapping[str, Any]) -> int:
    """What an action of a transaction writes and compares."""
    ((_, what),) = action.items()
    return size_of({**(what["Item"] if "Item" in what else what["Key"]), **what.get("ExpressionAttributeValues", {})})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        dynamodb.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Client(dynamodb)


@pytest.fixture
def store(client: Client) -> DynamoStateStore:
    return DynamoStateStore(client, "trader")
