"""What DynamoDB makes of a simulated account: how it is packed, what one request costs, and parts of several saves."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from factories import SCOPE, a_fill
from trader.adapters.aws.sim_account_store import ITEM_BYTES_MAX, DynamoSimAccountStore
from trader.errors import LedgerCorrupt, StoreUnavailable
from trader.model.codec import canonical_json
from trader.model.ids import Asset, Instant
from trader.model.orders import Fill
from trader.sim.account import SimAccount

#: What DynamoDB takes in one transaction.
ITEMS_MAX, BYTES_MAX = 100, 4 * 1024 * 1024
HEAD = {"pk": {"S": SCOPE}, "sk": {"S": "VENUE"}}


@dataclass
class Client:
    """The client of the store. It notes what it sends, answers queries in small pages, and lets others write between.

    *between* is called once, before the request for an item whose sort key it is named by.
    """

    inner: Any
    names: list[str] = field(default_factory=list)
    transactions: list[list[Mapping[str, Any]]] = field(default_factory=list)
    between: dict[str, Callable[[], object]] = field(default_factory=dict)
    broken: bool = False

    def get_item(self, **request: Any) -> Any:
        self.between.pop(request["Key"]["sk"]["S"], lambda: None)()
        return self._send("get_item", request)

    def put_item(self, **request: Any) -> Any:
        return self._send("put_item", request)

    def query(self, **request: Any) -> Any:
        return self._send("query", {**request, "Limit": 2})

    def transact_write_items(self, **request: Any) -> Any:
        self.transactions.append(request["TransactItems"])
        return self._send("transact_write_items", request)

    def _send(self, name: str, request: Mapping[str, Any]) -> Any:
        self.names.append(name)
        if self.broken:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)
        return getattr(self.inner, name)(**request)

    def item(self, sort_key: str = "VENUE") -> dict[str, Any]:
        """An item as it is stored."""
        return dict(self.inner.get_item(TableName="trader", Key={**HEAD, "sk": {"S": sort_key}})["Item"])

    def keys(self) -> list[str]:
        """The sort keys of all items."""
        pages = self.inner.get_paginator("scan").paginate(TableName="trader")
        return sorted(item["sk"]["S"] for page in pages for item in page["Items"])

    def change(self, sort_key: str, **attributes: Any) -> None:
        """Write to an item behind the store's back."""
        self.inner.put_item(TableName="trader", Item={**self.item(sort_key), **attributes})


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


def a_store(client: Client) -> DynamoSimAccountStore[SimAccount]:
    return DynamoSimAccountStore(client, "trader", SCOPE, SimAccount)


def an_account(assets: int = 1, seed: int = 1) -> SimAccount:
    """Random names and amounts, 40 bytes each that cannot be packed."""
    chance = Random(seed)
    return SimAccount(
        totals={Asset(chance.randbytes(32).hex()): Decimal(chance.getrandbits(64)) for _ in range(assets)}
    )


def some_fills(count: int, digits: int = 1) -> dict[str, Fill]:
    """Fills one second apart; *digits* make them as large as wanted."""
    fills = [replace(a_fill(number=number, fee="1" * digits), time=Instant(number)) for number in range(count)]
    return {f"FILL#{fill.time:010d}#{fill.trade_id}": fill for fill in fills}


# --- how it is stored


def test_account_is_stored_as_packed_json_with_its_size_known(client: Client) -> None:
    """One item, whose body is the canonical JSON; 400 KB is what one item may have."""
    account, store = SimAccount(totals={Asset("USD"): Decimal(1)}), a_store(client)

    store.save(account)

    item = client.item()
    assert canonical_json(account) == zlib.decompress(item["body"]["B"]).decode()
    assert store.stored_bytes == sum(len(name) + len(*value.values()) for name, value in item.items())
    assert 409_600 == ITEM_BYTES_MAX
    again = a_store(client)
    again.load()
    assert store.stored_bytes == again.stored_bytes


def test_what_has_left_is_stored_by_scope_kind_and_time(client: Client) -> None:
    """One readable item each; a scope finds its own only."""
    fills = some_fills(2)

    a_store(client).save(an_account(), fills)

    assert ["VENUE", *(f"VENUE#{key}" for key in fills)] == client.keys()
    assert {canonical_json(fill) for fill in fills.values()} == {
        client.item(f"VENUE#{key}")["body"]["S"] for key in fills
    }
    other: DynamoSimAccountStore[SimAccount] = DynamoSimAccountStore(client, "trader", "PAPER#other", SimAccount)  # type: ignore[arg-type]
    assert {} == other.list_archived("FILL#", "FILL$", Fill)


def test_large_account_leaves_no_parts_behind(client: Client) -> None:
    """Each part is an item within the limit, under the mark of its save; what is not needed any more is deleted."""
    store = a_store(client)
    store.save(an_account(25_000))
    stored = client.keys()
    items = [client.item(key) for key in stored]
    store.save(an_account(15_000))
    fewer = client.keys()
    again = a_store(client)
    again.load()

    again.save(an_account())

    assert ["VENUE", *(f"VENUE#PART#{number}" for number in range(1, len(items)))] == [
        item["sk"]["S"] for item in items
    ]
    assert 3 <= len(items)
    assert 1 == len({item["mark"]["S"] for item in items})
    assert all(len(item["body"]["B"]) < ITEM_BYTES_MAX - 1024 for item in items)
    assert ["VENUE", "VENUE#PART#1"] == fewer
    assert ["VENUE"] == client.keys()


# --- what it costs


def test_save_without_anything_that_leaves_is_one_plain_put(client: Client) -> None:
    """Half the price of a transaction."""
    store = a_store(client)

    store.save(an_account())
    store.load()

    assert ["put_item", "get_item"] == client.names


@pytest.mark.parametrize(
    ("items", "transactions"), [(1, [2]), (99, [100]), (100, [1, 100]), (101, [2, 100]), (250, [51, 100, 100])]
)
def test_save_is_cut_into_transactions_the_last_with_the_account(
    client: Client, items: int, transactions: list[int]
) -> None:
    """What has left the account is stored before the account is without it."""
    a_store(client).save(an_account(), some_fills(items))

    assert transactions == [len(each) for each in client.transactions]
    with_account = [any(put["Put"]["Item"]["sk"]["S"] == "VENUE" for put in each) for each in client.transactions]
    assert [False] * (len(transactions) - 1) + [True] == with_account
    assert some_fills(items) == a_store(client).list_archived("FILL#", "FILL$", Fill)


def test_transaction_keeps_to_four_megabytes(client: Client) -> None:
    """Also with fewer than a hundred items."""
    account, fills = an_account(20_000), some_fills(40, digits=150_000)

    a_store(client).save(account, fills)

    sizes = [sum(_bytes_of(put["Put"]["Item"]) for put in each) for each in client.transactions]
    assert 2 == len(sizes)
    assert BYTES_MAX / 2 < sizes[1] <= BYTES_MAX
    assert account == a_store(client).load()
    assert fills == a_store(client).list_archived("FILL#", "FILL$", Fill)


def _bytes_of(item: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(len(name) + len(value) for name, attribute in item.items() for value in attribute.values())


def test_range_is_read_page_by_page(client: Client) -> None:
    """DynamoDB gives a megabyte at a time."""
    store, fills = a_store(client), some_fills(7)
    store.save(an_account(), fills)
    client.names.clear()

    found = store.list_archived("FILL#", "FILL$", Fill)

    assert fills == found
    assert ["query"] * 4 == client.names


# --- what can go wrong


def test_account_replaced_while_it_is_read_is_read_again(client: Client) -> None:
    """A reader without the lease: the head is of one save, the next part of another."""
    old, new = an_account(15_000, seed=1), an_account(15_000, seed=2)
    a_store(client).save(old)
    client.between["VENUE#PART#1"] = lambda: a_store(Client(client.inner)).save(new)

    assert new == a_store(client).load()


def test_account_that_shrinks_while_it_is_read_is_read_again(client: Client) -> None:
    """The part that was to be read next is gone."""
    writer = a_store(Client(client.inner))
    writer.save(an_account(15_000))
    client.between["VENUE#PART#1"] = lambda: writer.save(an_account())

    assert an_account() == a_store(client).load()


@pytest.mark.parametrize("mark", ["0123456789abcdef", ""])
def test_parts_of_two_saves_are_never_taken_for_an_account(client: Client, mark: str) -> None:
    """Somebody must look; nothing is made up."""
    a_store(client).save(an_account(15_000))
    client.change("VENUE#PART#1", mark={"S": mark})

    with pytest.raises(LedgerCorrupt, match="its parts are not of one save"):
        a_store(client).load()


@pytest.mark.parametrize(
    "body",
    [{"B": b"not packed"}, {"B": zlib.compress(b"{}")[:-1]}, {"B": zlib.compress(b"[1]")}, {"S": "{"}, {"S": "[]"}],
)
def test_damaged_account_is_told_apart_from_none(client: Client, body: Mapping[str, Any]) -> None:
    """A venue that opened anew would forget what is owed."""
    a_store(client).save(an_account())
    client.change("VENUE", body=body)

    with pytest.raises(LedgerCorrupt, match="account of the simulated venue"):
        a_store(client).load()


def test_damaged_record_is_named(client: Client) -> None:
    """By its key."""
    ((key, fill),) = some_fills(1).items()
    a_store(client).save(an_account(), {key: fill})
    client.change(f"VENUE#{key}", body={"S": "{}"})

    with pytest.raises(LedgerCorrupt, match=key):
        a_store(client).read_archived(key, Fill)


def test_store_that_does_not_answer_says_so(client: Client) -> None:
    """Whatever is asked of it, and what was known before is known still."""
    store = a_store(client)
    store.save(an_account())
    client.broken = True

    for ask in (
        store.load,
        lambda: store.save(an_account(2)),
        lambda: store.save(an_account(2), some_fills(1)),
        lambda: store.read_archived("ORDER#1", Fill),
        lambda: store.list_archived("FILL#", "FILL$", Fill),
    ):
        with pytest.raises(StoreUnavailable, match="account of the simulated venue: ThrottlingException"):
            ask()
    client.broken = False
    assert an_account() == store.load()
