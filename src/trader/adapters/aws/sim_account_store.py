"""The simulated venue's account, for paper trading in Lambda: more items in the same table.

::

    pk = PAPER#main   sk = VENUE                    body (JSON, packed), parts
                      sk = VENUE#1, VENUE#2, …      part (what the first does not hold)
                      sk = VENUE#<key>              body (JSON): one fill, order or conversion that has left the account

One save is one transaction, on condition that the account is still the one that was loaded: whoever looked without the
lease, or woke up after losing it, changes nothing.

The client below sends a request again whose answer was lost, and then our own save refuses it: so a refusal is looked
at before it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from trader.adapters.aws.clients import translate_errors
from trader.adapters.aws.stored_text import StoredText
from trader.adapters.aws.table import DynamoTable, Refused
from trader.errors import AccountReplaced, StoreUnavailable
from trader.model.codec import canonical_json, read_stored
from trader.model.ids import Scope
from trader.model.schema import upgrade_stored

AccountT = TypeVar("AccountT")
KindT = TypeVar("KindT")

_WHAT = "account of the simulated venue"
_VENUE = "VENUE"


class DynamoSimAccountStore(Generic[AccountT]):
    """*kind* is the account's class: this package does not know the simulator.

    Raises: StoreUnavailable, LedgerCorrupt, AccountReplaced.
    """

    def __init__(self, client: Any, table: str, scope: Scope, kind: type[AccountT]) -> None:
        self._table = DynamoTable(client, table)
        self._scope = scope
        self._kind = kind
        self._known: tuple[StoredText, AccountT] | None = None

    def load(self) -> AccountT | None:
        """Read the account; None before the first save."""
        stored = self._table.find_body(self._scope, _VENUE, _WHAT)
        if stored is None:
            self._known = None
            return None
        # The same bytes are the same object, so that an unchanged account is not decoded again.
        if self._known is None or self._known[0] != stored:
            self._known = stored, read_stored(self._kind, stored.text(_WHAT), _WHAT, upgrade_stored)
        return self._known[1]

    def save(
        self, account: AccountT, ended: Mapping[str, Any] = MappingProxyType({}), *, replaces: AccountT | None = None
    ) -> None:
        """Replace the account that was loaded and keep what left it. What does not fit with it goes first."""
        stored = StoredText.pack(canonical_json(account))
        before, loaded = self._known or (None, None)
        replaced = AccountReplaced(f"{_WHAT}: another one lies there by now")
        if replaces is not loaded:
            raise replaced
        archived = [
            put
            for key, value in ended.items()
            for put in self._table.put_text(self._scope, _name_archived(key), StoredText.fit(canonical_json(value)))
        ]
        try:
            with translate_errors(_WHAT, StoreUnavailable):
                self._table.write(self._table.replace_text(self._scope, _VENUE, stored, before), archived)
        except Refused:
            if self._table.find_body(self._scope, _VENUE, _WHAT) != stored:
                raise replaced from None
        self._known = stored, account

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        """Read what has left the account under a key."""
        what = f"{_WHAT}, {key}"
        stored = self._table.find_body(self._scope, _name_archived(key), what)
        return None if stored is None else read_stored(kind, stored.text(what), what)

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        """Read what has left the account from one key up to and without another."""
        found = self._table.list_bodies(self._scope, _name_archived(first), _name_archived(last), _WHAT)
        values = {}
        for sort_key, stored in found.items():
            key = sort_key.removeprefix(_name_archived(""))
            what = f"{_WHAT}, {key}"
            values[key] = read_stored(kind, stored.text(what), what)
        return values


def _name_archived(key: str) -> str:
    return f"{_VENUE}#{key}"
