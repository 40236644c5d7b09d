"""The simulated venue's account, for paper trading in Lambda: one more item in the same table."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

from trader.adapters.aws.clients import translate_errors
from trader.errors import LedgerCorrupt, MalformedData, StoreUnavailable
from trader.model.codec import canonical_json, decode
from trader.model.ids import Scope
from trader.model.schema import upgrade_stored

AccountT = TypeVar("AccountT")


class DynamoSimAccountStore(Generic[AccountT]):
    """*kind* is the account's class: this package does not know the simulator. The lease keeps writers apart."""

    def __init__(self, client: Any, table: str, scope: Scope, kind: type[AccountT]) -> None:
        self._client = client
        self._table = table
        self._key = {"pk": {"S": scope}, "sk": {"S": "VENUE"}}
        self._kind = kind
        self._known: tuple[str, AccountT] | None = None

    def load(self) -> AccountT | None:
        """Read the account; None before the first save. Raises: StoreUnavailable, LedgerCorrupt."""
        with translate_errors("account of the simulated venue", StoreUnavailable):
            found = self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        if "Item" not in found:
            return None
        text = found["Item"]["body"]["S"]
        # The same text is the same object, so that an unchanged account is not decoded again.
        if self._known is None or self._known[0] != text:
            try:
                self._known = text, decode(self._kind, upgrade_stored(json.loads(text)))
            except (MalformedData, ValueError) as error:
                raise LedgerCorrupt(f"account of the simulated venue: {error}") from error
        return self._known[1]

    def save(self, account: AccountT) -> None:
        """Replace the account. Raises: StoreUnavailable."""
        text = canonical_json(account)
        with translate_errors("account of the simulated venue", StoreUnavailable):
            self._client.put_item(TableName=self._table, Item={**self._key, "body": {"S": text}})
        self._known = text, account
