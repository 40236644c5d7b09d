"""One DynamoDB table: requests, how much fits into one, and texts that one item does not hold.

Of such a text the item X holds the first part, and the digests of the `parts` that follow; X#1, X#2, … hold a `part`
each. All are written in one transaction. A reader asks for them one after the other, so it compares the digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import read_error_code, translate_errors
from trader.adapters.aws.stored_text import StoredText
from trader.errors import LedgerCorrupt, StoreError, StoreUnavailable
from trader.model.ids import Scope

#: What DynamoDB takes of one item: names and values of all attributes. Units: bytes.
ITEM_BYTES_MAX = 409_600
#: What it takes in one transaction: 100 actions, and 4 MB, less what the expressions may take.
ACTIONS_MAX = 100
TRANSACTION_BYTES_MAX = 4_000_000

# A text in parts may be replaced between two of them.
_READS_MAX = 4
_REFUSED = "ConditionalCheckFailedException"
_CANCELLED = "TransactionCanceledException"

Item = Mapping[str, Mapping[str, Any]]
Action = Mapping[str, Mapping[str, Any]]


class Refused(StoreError):
    """A condition did not hold. Carries the item as it is; never leaves the adapter."""

    def __init__(self, item: Item) -> None:
        self.item = item
        super().__init__("condition refused")


class DynamoTable:
    """Requests to one table. Raises: what the client raises; a condition that does not hold is Refused."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    # --- read

    def read(self, scope: Scope, sort_key: str) -> Item | None:
        """Read one item as it is now."""
        key = make_key(scope, sort_key)
        item: Item | None = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        return item

    def find_text(self, scope: Scope, sort_key: str, attribute: str) -> tuple[Item, StoredText | None] | None:
        """Read an item and the text that begins in it, once more each time that it was replaced meanwhile.

        The text is None if a part of it is missing; None is returned if there is no item.
        Raises: StoreUnavailable if it was replaced each time.
        """
        item = self.read(scope, sort_key)
        for _ in range(_READS_MAX):
            if item is None:
                return None
            stored, before = self.read_text(item, attribute), item
            if stored is not None:
                return item, stored
            item = self.read(scope, sort_key)
            if item == before:
                return item, None
        raise StoreUnavailable(f"{sort_key} of {scope} was replaced each time it was read")

    def read_text(self, item: Item, attribute: str) -> StoredText | None:
        """Read the whole text that begins in an item; None if its parts are not, or no longer, those of this item."""
        value = item.get(attribute, {})
        if "B" not in value:
            return StoredText(value.get("S", "").encode(), is_packed=False)
        content, key = value["B"], item["sk"]["S"]
        for number, digest in enumerate(list_digests(item), 1):
            part = (self.read(Scope(item["pk"]["S"]), _name_part(key, number)) or {}).get("part", {}).get("B", b"")
            if _digest(part) != digest:
                return None
            content += part
        return StoredText(content)

    def find_body(self, scope: Scope, sort_key: str, what: str, attribute: str = "body") -> StoredText | None:
        """Read the text of an item; None if there is none. Raises: StoreUnavailable, LedgerCorrupt, naming *what*."""
        with translate_errors(what, StoreUnavailable):
            found = self.find_text(scope, sort_key, attribute)
        if found is None or attribute not in found[0]:
            return None
        return check_whole(found[1], what)

    def list_bodies(self, scope: Scope, first: str, last: str, what: str) -> dict[str, StoredText]:
        """Read the texts of all items from one sort key up to and without another, in their order.

        Raises: StoreUnavailable, LedgerCorrupt, naming *what*.
        """
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":pk": {"S": scope}, ":first": {"S": first}, ":last": {"S": last}},
            "ConsistentRead": True,
        }
        items: list[Item] = []
        with translate_errors(what, StoreUnavailable):
            while True:
                page = self._client.query(**request)
                items += page["Items"]
                if "LastEvaluatedKey" not in page:
                    break
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            # What has no body is a part of the one before it.
            bodies = {item["sk"]["S"]: item for item in items if "body" in item and item["sk"]["S"] != last}
            texts = {key: self.read_text(item, "body") for key, item in bodies.items()}
        return {key: check_whole(stored, f"{what}, {key}") for key, stored in texts.items()}

    # --- write

    def update(self, update: Mapping[str, Any], *, reads: bool = False) -> Item:
        """Do one update; return the item as it is then, if the caller *reads* it."""
        try:
            reply = self._client.update_item(**update, ReturnValues="ALL_NEW" if reads else "NONE")
        except ClientError as error:
            if read_error_code(error) != _REFUSED:
                raise
            raise Refused(error.response.get("Item") or {}) from None
        item: Item = reply.get("Attributes", {})
        return item

    def write(self, together: Sequence[Action], others: Sequence[Action]) -> None:
        """Do some actions in one transaction, and the *others* there or before it.

        One update or put alone is a plain request, at half the price.
        """
        if len(together) > 1 or others:
            for actions in _split_into_transactions(together, others):
                self._transact(actions)
        elif "Update" in together[0]:
            self.update(together[0]["Update"])
        else:
            self._put_alone(together[0]["Put"])

    def make_update(
        self,
        scope: Scope,
        sort_key: str,
        expression: str,
        condition: str,
        values: Item,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Make the update of an item that says who may do it: by its `owner`, unless other *names* are given."""
        return {
            "TableName": self._name,
            "Key": make_key(scope, sort_key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names or {"#owner": "owner"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def put_text(self, scope: Scope, sort_key: str, stored: StoredText, parts_before: int = 0) -> list[Action]:
        """Make the puts of a text as the `body` of an item and as its parts. See ``replace_parts``."""
        digests = {"parts": name_parts(stored)} if stored.parts else {}
        item = {**make_key(scope, sort_key), "body": stored.head, **digests}
        return [self._put(item), *self.replace_parts(scope, sort_key, stored, parts_before)]

    def replace_text(self, scope: Scope, sort_key: str, stored: StoredText, before: StoredText | None) -> list[Action]:
        """Make the puts of a text where *before* still lies, or nothing if that is None: else they are Refused."""
        first, *others = self.put_text(scope, sort_key, stored, 0 if before is None else len(before.parts))
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before is not None:
            condition["ConditionExpression"] = "body = :body AND attribute_not_exists(parts)"
            condition["ExpressionAttributeValues"] = {":body": before.head}
            if before.parts:
                condition["ConditionExpression"] = "body = :body AND parts = :parts"
                condition["ExpressionAttributeValues"][":parts"] = name_parts(before)
        return [{"Put": {**first["Put"], **condition}}, *others]

    def replace_parts(self, scope: Scope, sort_key: str, stored: StoredText, parts_before: int) -> list[Action]:
        """Make the puts of all parts of a text but the first, and the deletions of what there was more of them."""
        puts = [
            self._put({**make_key(scope, _name_part(sort_key, number)), "part": {"B": part}})
            for number, part in enumerate(stored.parts, 1)
        ]
        surplus = range(len(puts) + 1, parts_before + 1)
        return [*puts, *(self._delete(scope, _name_part(sort_key, number)) for number in surplus)]

    def delete_text(self, scope: Scope, sort_key: str, parts: int) -> list[Action]:
        """Make the deletions of an item and of the parts that follow it."""
        keys = (sort_key, *(_name_part(sort_key, number) for number in range(1, parts + 1)))
        return [self._delete(scope, key) for key in keys]

    def _put_alone(self, put: Mapping[str, Any]) -> None:
        try:
            self._client.put_item(**put)
        except ClientError as error:
            if read_error_code(error) != _REFUSED:
                raise
            raise Refused(error.response.get("Item") or {}) from None

    def _put(self, item: Item) -> Action:
        return {"Put": {"TableName": self._name, "Item": item}}

    def _delete(self, scope: Scope, sort_key: str) -> Action:
        return {"Delete": {"TableName": self._name, "Key": make_key(scope, sort_key)}}

    def _transact(self, actions: Sequence[Action]) -> None:
        try:
            self._client.transact_write_items(TransactItems=list(actions))
        except ClientError as error:
            reasons = error.response.get("CancellationReasons") or []
            refused = [reason for reason in reasons if reason.get("Code") == "ConditionalCheckFailed"]
            if read_error_code(error) != _CANCELLED or not refused:
                raise
            raise Refused(refused[0].get("Item") or {}) from None


def make_key(scope: Scope, sort_key: str) -> dict[str, dict[str, str]]:
    """Make the key of an item."""
    return {"pk": {"S": scope}, "sk": {"S": sort_key}}


def read_number(item: Item, name: str) -> int:
    """Read a number of an item; 0 if there is none."""
    return int(item.get(name, {}).get("N", "0"))


def name_parts(stored: StoredText) -> Mapping[str, Any]:
    """Make the attribute by which an item names the parts that follow it: their digests."""
    return {"S": " ".join(_digest(part) for part in stored.parts)}


def list_digests(item: Item) -> list[str]:
    """List the digests of the parts that follow an item."""
    digests: str = item.get("parts", {}).get("S", "")
    return digests.split()


def check_whole(stored: StoredText | None, what: str) -> StoredText:
    """Return a text that was read. Raises: LedgerCorrupt naming *what* it is, if a part of it is missing."""
    if stored is None:
        raise LedgerCorrupt(f"{what}: a part of it is missing")
    return stored


def measure_item(item: Item) -> int:
    """Measure an item by DynamoDB's rule: names and values, text in UTF-8; a number by its digits, which is more."""
    values = (value for attribute in item.values() for value in attribute.values())
    return sum(len(name.encode()) for name in item) + sum(
        len(value) if isinstance(value, bytes) else len(value.encode()) for value in values
    )


def _digest(part: bytes) -> str:
    return sha256(part).hexdigest()[:16]


def _name_part(sort_key: str, number: int) -> str:
    return f"{sort_key}#{number}"


def _measure(action: Action) -> int:
    ((_, what),) = action.items()
    return measure_item({**(what.get("Item") or what["Key"]), **what.get("ExpressionAttributeValues", {})})


def _split_into_transactions(last: Sequence[Action], others: Iterable[Action]) -> list[list[Action]]:
    """Put the others into the *last* transaction as far as they fit, the rest of them into transactions before it."""
    transactions, size = [list(last)], sum(_measure(action) for action in last)
    for action in others:
        if len(transactions[0]) == ACTIONS_MAX or size + _measure(action) > TRANSACTION_BYTES_MAX:
            transactions.insert(0, [])
            size = 0
        transactions[0].append(action)
        size += _measure(action)
    return transactions
