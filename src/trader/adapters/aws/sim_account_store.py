"""The simulated venue's account, for paper trading in Lambda: more items in the same table.

::

    pk = PAPER#main   sk = VENUE              body (JSON, packed), parts, mark
                      sk = VENUE#PART#<n>     the same, for an account that is larger than an item may be
                      sk = VENUE#<key>        body (JSON): one fill, order or conversion that has left the account

One save is one transaction. The lease keeps writers apart; a reader without it tells by the mark, which is made from
the account, whether the parts that it read are of one save.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from trader.adapters.aws.clients import translate_errors
from trader.errors import LedgerCorrupt, MalformedData, StoreUnavailable
from trader.model.codec import canonical_json, decode, read_stored
from trader.model.ids import Scope
from trader.model.schema import upgrade_stored

AccountT = TypeVar("AccountT")
KindT = TypeVar("KindT")

Item = Mapping[str, Mapping[str, Any]]

#: What DynamoDB takes as one item, names and keys included.
ITEM_BYTES_MAX = 409_600
# How much of a body one item gets: the rest is for keys and names, with room to spare.
_BODY_BYTES_MAX = ITEM_BYTES_MAX - 8192
#: What DynamoDB takes in one transaction.
_TRANSACTION_MAX, _TRANSACTION_BYTES_MAX = 100, 4 * 1024 * 1024

_WHAT = "account of the simulated venue"
_SORT_KEY = "VENUE"
#: How often an account is read that is being replaced meanwhile.
_READS_MAX = 3


class DynamoSimAccountStore(Generic[AccountT]):
    """*kind* is the account's class: this package does not know the simulator.

    ``stored_bytes`` is how large the account was when it was last read or saved, all its parts together.
    """

    def __init__(self, client: Any, table: str, scope: Scope, kind: type[AccountT]) -> None:
        self._client = client
        self._table = table
        self._scope = scope
        self._kind = kind
        self._known: tuple[str | bytes, AccountT] | None = None
        self._parts = 0
        self.stored_bytes = 0

    def load(self) -> AccountT | None:
        """Read the account; None before the first save. Raises: StoreUnavailable, LedgerCorrupt."""
        body = self._read_body()
        if body is None:
            return None
        # The same bytes are the same object, so that an unchanged account is not decoded again.
        if self._known is None or self._known[0] != body:
            try:
                text = body if isinstance(body, str) else zlib.decompress(body).decode()
                self._known = body, decode(self._kind, upgrade_stored(json.loads(text)))
            except (MalformedData, ValueError, zlib.error) as error:
                raise LedgerCorrupt(f"{_WHAT}: {error}") from error
        return self._known[1]

    def save(self, account: AccountT, ended: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Replace the account and keep what left it. What does not fit with it goes first. Raises: StoreUnavailable."""
        body = zlib.compress(canonical_json(account).encode())
        parts = [self._put(_part_key(number), part) for number, part in enumerate(_split_body(body))]
        stale = [self._delete(_part_key(number)) for number in range(len(parts), self._parts)]
        archived = [
            self._put(f"{_SORT_KEY}#{key}", {"body": {"S": canonical_json(value)}}) for key, value in ended.items()
        ]
        with translate_errors(_WHAT, StoreUnavailable):
            if len(parts) == 1 and not (stale or archived):
                self._client.put_item(**parts[0]["Put"])
            else:
                for batch in _batch([*parts, *stale], archived):
                    self._client.transact_write_items(TransactItems=batch)
        self._known, self._parts, self.stored_bytes = (body, account), len(parts), sum(map(_size_of, parts))

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        """Read what has left the account under a key. Raises: StoreUnavailable, LedgerCorrupt."""
        with translate_errors(_WHAT, StoreUnavailable):
            item = self._get(f"{_SORT_KEY}#{key}")
        return None if item is None else read_stored(kind, item["body"]["S"], f"{_WHAT}, {key}")

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        """Read what has left the account under a range of keys. Raises: StoreUnavailable, LedgerCorrupt."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": self._scope},
                ":first": {"S": f"{_SORT_KEY}#{first}"},
                ":last": {"S": f"{_SORT_KEY}#{last}"},
            },
            "ConsistentRead": True,
        }
        texts: dict[str, str] = {}
        with translate_errors(_WHAT, StoreUnavailable):
            while True:
                page = self._client.query(**request)
                texts |= {item["sk"]["S"].removeprefix(f"{_SORT_KEY}#"): item["body"]["S"] for item in page["Items"]}
                if "LastEvaluatedKey" not in page:
                    break
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return {key: read_stored(kind, text, f"{_WHAT}, {key}") for key, text in texts.items() if key != last}

    # --- requests

    def _read_body(self) -> str | bytes | None:
        for _ in range(_READS_MAX):
            with translate_errors(_WHAT, StoreUnavailable):
                parts = self._read_parts()
            if not parts:
                return None
            if len({part.get("mark", {}).get("S") for part in parts}) == 1:
                self._parts, self.stored_bytes = len(parts), sum(map(_size, parts))
                if "S" in parts[0]["body"]:
                    # As it was written before accounts were packed.
                    return str(parts[0]["body"]["S"])
                return b"".join(part["body"]["B"] for part in parts)
        raise LedgerCorrupt(f"{_WHAT}: its parts are not of one save")

    def _read_parts(self) -> list[Item]:
        head = self._get(_SORT_KEY)
        if head is None:
            return []
        count = int(head.get("parts", {"N": "1"})["N"])
        return [head, *(self._get(_part_key(number)) or {} for number in range(1, count))]

    def _get(self, sort_key: str) -> Item | None:
        reply = self._client.get_item(TableName=self._table, Key=self._key(sort_key), ConsistentRead=True)
        item: Item | None = reply.get("Item")
        return item

    def _key(self, sort_key: str) -> dict[str, dict[str, str]]:
        return {"pk": {"S": self._scope}, "sk": {"S": sort_key}}

    def _put(self, sort_key: str, attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {"Put": {"TableName": self._table, "Item": {**self._key(sort_key), **attributes}}}

    def _delete(self, sort_key: str) -> dict[str, Any]:
        return {"Delete": {"TableName": self._table, "Key": self._key(sort_key)}}


def _part_key(number: int) -> str:
    return f"{_SORT_KEY}#PART#{number}" if number else _SORT_KEY


def _split_body(body: bytes) -> list[dict[str, dict[str, Any]]]:
    pieces = [body[start : start + _BODY_BYTES_MAX] for start in range(0, len(body), _BODY_BYTES_MAX)]
    mark = {"S": sha256(body).hexdigest()[:16]}
    return [{"body": {"B": piece}, "parts": {"N": str(len(pieces))}, "mark": mark} for piece in pieces]


def _size(item: Item) -> int:
    values = (value for attribute in item.values() for value in attribute.values())
    return sum(map(len, item)) + sum(len(value if isinstance(value, bytes) else value.encode()) for value in values)


def _size_of(write: Mapping[str, Any]) -> int:
    return _size(write["Put"]["Item"]) if "Put" in write else 0


def _batch(account: list[dict[str, Any]], archived: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Sort writes into transactions: the last has the account, and of what left it as much as there is room for."""
    batches, size = [account], sum(map(_size_of, account))
    for write in archived:
        size += _size_of(write)
        if len(batches[-1]) == _TRANSACTION_MAX or size > _TRANSACTION_BYTES_MAX:
            batches.append([])
            size = _size_of(write)
        batches[-1].append(write)
    return batches[::-1]
