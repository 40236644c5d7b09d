"""One DynamoDB table: requests, how much fits into one, and texts that one item does not hold.

Of such a text the item X holds the first part and says how many `parts` follow; X#1, X#2, … hold those, each with the
`version` of X. All are written in one transaction. A reader asks for them one after the other, so it compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import read_error_code
from trader.adapters.aws.stored_text import StoredText
from trader.errors import StoreError
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

    def read(self, scope: Scope, sort_key: str) -> Item | None:
        """Read one item as it is now."""
        key = make_key(scope, sort_key)
        item: Item | None = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        return item

    def find_text(self, scope: Scope, sort_key: str, attribute: str) -> tuple[Item, StoredText | None] | None:
        """Read an item and the text that begins in it, once more each time that it was replaced meanwhile.

        The text is None if its parts never fitted; None is returned if there is no item.
        """
        item, stored = self.read(scope, sort_key), None
        for _ in range(_READS_MAX):
            if item is None or (stored := self.read_text(item, attribute)) is not None:
                break
            item = self.read(scope, sort_key)
        return None if item is None else (item, stored)

    def read_text(self, item: Item, attribute: str) -> StoredText | None:
        """Read the whole text that begins in an item; None if its parts are not, or no longer, those of this item."""
        value = item.get(attribute, {})
        if "B" not in value:
            return StoredText(value.get("S", "").encode(), is_packed=False)
        content, key = value["B"], item["sk"]["S"]
        for number in range(1, read_number(item, "parts") + 1):
            part = self.read(Scope(item["pk"]["S"]), _name_part(key, number))
            if part is None or read_number(part, "version") != read_number(item, "version"):
                return None
            content += part.get(attribute, {}).get("B", b"")
        return StoredText(content)

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

    def write(self, update: Mapping[str, Any], beside: Sequence[Action], others: Sequence[Action]) -> None:
        """Do an update, what goes *beside* it in the same transaction, and the *others*, there or before it.

        Without any of them it is one plain update, at half the price.
        """
        if not beside and not others:
            self.update(update)
            return
        for actions in _split_into_transactions([{"Update": update}, *beside], others):
            self._transact(actions)

    def make_update(self, scope: Scope, sort_key: str, expression: str, condition: str, values: Item) -> dict[str, Any]:
        """Make the update of an item that says who may do it by its `owner`."""
        return {
            "TableName": self._name,
            "Key": make_key(scope, sort_key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def put_text(self, scope: Scope, sort_key: str, stored: StoredText) -> list[Action]:
        """Make the puts of a text as the `body` of an item and of its parts."""
        first, *rest = stored.parts()
        count = {"parts": {"N": str(len(rest))}} if rest else {}
        head: Action = {"Put": {"TableName": self._name, "Item": {**make_key(scope, sort_key), "body": first, **count}}}
        return [head, *self.put_parts(scope, sort_key, "body", rest)]

    def put_parts(
        self, scope: Scope, sort_key: str, attribute: str, parts: Iterable[Mapping[str, Any]], version: int = 0
    ) -> list[Action]:
        """Make the puts of all parts of a text but the first."""
        mark = {"version": {"N": str(version)}} if version else {}
        items = (
            {**make_key(scope, _name_part(sort_key, number)), attribute: part, **mark}
            for number, part in enumerate(parts, 1)
        )
        return [{"Put": {"TableName": self._name, "Item": item}} for item in items]

    def delete(self, scope: Scope, sort_key: str) -> Action:
        """Make the deletion of an item."""
        return {"Delete": {"TableName": self._name, "Key": make_key(scope, sort_key)}}

    def delete_parts(self, scope: Scope, sort_key: str, numbers: Iterable[int]) -> list[Action]:
        """Make the deletions of some parts of a text."""
        return [self.delete(scope, _name_part(sort_key, number)) for number in numbers]

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


def measure_item(item: Item) -> int:
    """Measure an item by DynamoDB's rule: names and values, text in UTF-8; a number by its digits, which is more."""
    values = (value for attribute in item.values() for value in attribute.values())
    return sum(len(name.encode()) for name in item) + sum(
        len(value) if isinstance(value, bytes) else len(value.encode()) for value in values
    )


def _name_part(sort_key: str, number: int) -> str:
    return f"{sort_key}#{number}"


def _measure(action: Action) -> int:
    ((_, what),) = action.items()
    return measure_item(what.get("Item") or {**what["Key"], **what.get("ExpressionAttributeValues", {})})


def _split_into_transactions(last: list[Action], others: Iterable[Action]) -> list[list[Action]]:
    """Put the others into the *last* transaction as far as they fit, the rest of them into transactions before it."""
    transactions, size = [last], sum(_measure(action) for action in last)
    for action in others:
        if len(transactions[0]) == ACTIONS_MAX or size + _measure(action) > TRANSACTION_BYTES_MAX:
            transactions.insert(0, [])
            size = 0
        transactions[0].append(action)
        size += _measure(action)
    return transactions
