"""The ledger in one DynamoDB item, fills and finished orders in items of their own.

::

    pk = PAPER#main   sk = LEDGER                     owner, claim, epoch, version, expires_at, ledger (JSON)
                      sk = FILL#<order>/<trade>       body (JSON)
                      sk = ORDER#<client order id>    body (JSON)
                      sk = OWED#<audit key>           body (JSON Lines, packed)

Every write is conditional on the epoch: an invocation that lost its lease changes nothing.

The client below sends a request again whose answer was lost. If the first one had been done, the second is refused,
and what refuses it is our own write: so a refusal is looked at before it is believed.
"""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import read_error_code, translate_errors
from trader.errors import (
    InvariantViolation,
    LeaseHeld,
    LedgerCorrupt,
    MalformedData,
    StoreError,
    StoreUnavailable,
    VersionConflict,
)
from trader.model.codec import canonical_json, decode, read_stored
from trader.model.events import OwedRecord
from trader.model.ids import ClientOrderId, Instant, Scope
from trader.model.ledger import Ledger
from trader.model.orders import Fill, OrderRecord
from trader.model.schema import upgrade_stored
from trader.ports import LeaseGrant

_LEDGER = "LEDGER"
_REFUSED = "ConditionalCheckFailedException"
_CANCELLED = "TransactionCanceledException"
#: DynamoDB takes this many items in one transaction; one of them is the ledger.
_TRANSACTION_MAX = 100

Item = Mapping[str, Mapping[str, str]]


class DynamoStateStore:
    """One table, one item per scope for lease and ledger."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def acquire(self, scope: Scope, owner: str, now: Instant, lease_seconds: int) -> LeaseGrant:
        """Take the lease and read the ledger with the same conditional write."""
        if not owner or lease_seconds <= 0:
            raise InvariantViolation(f"{scope}: a lease needs an owner and a length, not {owner!r}, {lease_seconds} s")
        # Names this very question, so that its repetition can be told from a second one.
        claim = secrets.token_hex(8)
        values = {
            ":owner": {"S": owner},
            ":claim": {"S": claim},
            ":free": {"S": ""},
            ":now": {"N": str(now)},
            ":until": {"N": str(now + lease_seconds)},
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
        }
        try:
            with translate_errors(f"lease of {scope}", StoreUnavailable):
                item: Item = self._update(
                    scope,
                    "SET #owner = :owner, claim = :claim, expires_at = :until, "
                    "epoch = if_not_exists(epoch, :zero) + :one, version = if_not_exists(version, :zero)",
                    "attribute_not_exists(#owner) OR #owner = :free OR expires_at <= :now",
                    values,
                )["Attributes"]
        except _Refused as refused:
            item = refused.item
            if _text(item, "claim") != claim:
                raise LeaseHeld(_text(item, "owner"), _number(item, "expires_at")) from None
        try:
            return self._granted(scope, item)
        except LedgerCorrupt:
            # Nobody can work with this ledger; the lease is given back so that the alarm does not hide behind it.
            self.release(LeaseGrant(scope, owner, _number(item, "epoch"), _number(item, "version"), Instant(0), None))
            raise

    def commit(
        self,
        grant: LeaseGrant,
        ledger: Ledger,
        *,
        fills: Sequence[Fill] = (),
        finished: Sequence[OrderRecord] = (),
        owed: Sequence[OwedRecord] = (),
        repaid: Sequence[str] = (),
        release: bool = False,
    ) -> LeaseGrant:
        """Replace the ledger, with new fills, finished orders and owed records in the same transaction."""
        if ledger.scope != grant.scope:
            raise InvariantViolation(f"ledger of {ledger.scope} committed under a lease on {grant.scope}")
        free = ", #owner = :free, expires_at = :zero" if release else ""
        values = {
            ":owner": {"S": grant.owner},
            ":epoch": {"N": str(grant.epoch)},
            ":version": {"N": str(grant.version)},
            ":next": {"N": str(grant.version + 1)},
            ":ledger": {"S": canonical_json(ledger)},
            **({":free": {"S": ""}, ":zero": {"N": "0"}} if release else {}),
        }
        expression = f"SET ledger = :ledger, version = :next{free}"
        condition = "#owner = :owner AND epoch = :epoch AND version = :version"
        writes = [
            *(self._delete(grant.scope, key) for key in repaid),
            *(self._put(item) for item in _owed_items(grant.scope, owed)),
            *(self._put(item) for item in _fill_items(grant.scope, fills)),
            *(self._put(item) for item in _order_items(grant.scope, finished)),
        ]
        try:
            with translate_errors(f"commit of {grant.scope}", StoreUnavailable):
                # What does not fit beside the ledger goes first: stored before it counts, and stored once by its key.
                while len(writes) >= _TRANSACTION_MAX:
                    self._transact([writes.pop() for _ in range(_TRANSACTION_MAX - 1)])
                if writes:
                    update = self._update_request(grant.scope, expression, condition, values)
                    self._transact([{"Update": update}, *writes])
                else:
                    self._update(grant.scope, expression, condition, values)
        except _Refused as refused:
            # Nobody but us writes under our epoch, so the next version of it is what we have just written.
            written = ("" if release else grant.owner, grant.epoch, grant.version + 1)
            if _mark(refused.item) != written or _text(refused.item, "ledger") != values[":ledger"]["S"]:
                raise VersionConflict(grant.epoch, _number(refused.item, "epoch")) from None
        return LeaseGrant(grant.scope, grant.owner, grant.epoch, grant.version + 1, grant.expires_at, ledger)

    def release(self, grant: LeaseGrant) -> None:
        """Give the lease back; the epoch stays, so that the next one is higher."""
        values = {
            ":owner": {"S": grant.owner},
            ":epoch": {"N": str(grant.epoch)},
            ":free": {"S": ""},
            ":zero": {"N": "0"},
        }
        try:
            with translate_errors(f"release of {grant.scope}", StoreUnavailable):
                self._update(
                    grant.scope,
                    "SET #owner = :free, expires_at = :zero",
                    "#owner = :owner AND epoch = :epoch",
                    values,
                )
        except _Refused as refused:
            if _mark(refused.item) != ("", grant.epoch, grant.version):
                raise VersionConflict(grant.epoch, _number(refused.item, "epoch")) from None

    def ledger(self, scope: Scope) -> Ledger | None:
        """Read the ledger without a lease, for reports. Raises: StoreUnavailable, LedgerCorrupt."""
        key = {"pk": {"S": scope}, "sk": {"S": _LEDGER}}
        with translate_errors(f"ledger of {scope}", StoreUnavailable):
            found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _ledger(scope, found["Item"]) if "Item" in found else None

    def read_owed(self, scope: Scope, keys: Sequence[str]) -> Sequence[OwedRecord]:
        """Read the audit objects that are owed, one after the other."""
        found = []
        for key in keys:
            with translate_errors(f"owed record {key}", StoreUnavailable):
                item = self._client.get_item(TableName=self._table, Key=_owed_key(scope, key), ConsistentRead=True)
            try:
                found.append(OwedRecord(key, zlib.decompress(item["Item"]["body"]["B"]).decode()))
            except (KeyError, zlib.error, UnicodeDecodeError) as error:
                raise LedgerCorrupt(f"owed record {key}: {type(error).__name__}") from error
        return tuple(found)

    def read_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        """Read finished orders by their ids, one after the other."""
        found = []
        for order_id in order_ids:
            key = {"pk": {"S": scope}, "sk": {"S": f"ORDER#{order_id}"}}
            with translate_errors(f"finished order {order_id}", StoreUnavailable):
                item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
            if item is not None:
                found.append(read_stored(OrderRecord, item["body"]["S"], f"finished order {order_id}"))
        return tuple(found)

    # --- requests

    def _update(self, scope: Scope, expression: str, condition: str, values: Item) -> Any:
        request = self._update_request(scope, expression, condition, values)
        try:
            return self._client.update_item(**request, ReturnValues="ALL_NEW")
        except ClientError as error:
            if read_error_code(error) != _REFUSED:
                raise
            raise _Refused(error.response.get("Item") or {}) from None

    def _update_request(self, scope: Scope, expression: str, condition: str, values: Item) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": {"pk": {"S": scope}, "sk": {"S": _LEDGER}},
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _put(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"Put": {"TableName": self._table, "Item": item}}

    def _delete(self, scope: Scope, key: str) -> dict[str, Any]:
        return {"Delete": {"TableName": self._table, "Key": _owed_key(scope, key)}}

    def _transact(self, actions: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._client.transact_write_items(TransactItems=list(actions))
        except ClientError as error:
            reasons = error.response.get("CancellationReasons") or []
            refused = [reason for reason in reasons if reason.get("Code") == "ConditionalCheckFailed"]
            if read_error_code(error) != _CANCELLED or not refused:
                raise
            raise _Refused(refused[0].get("Item") or {}) from None

    def _granted(self, scope: Scope, item: Item) -> LeaseGrant:
        return LeaseGrant(
            scope,
            _text(item, "owner"),
            _number(item, "epoch"),
            _number(item, "version"),
            Instant(_number(item, "expires_at")),
            _ledger(scope, item),
        )


class _Refused(StoreError):
    """A condition did not hold. Carries the item as it is; never leaves this module."""

    def __init__(self, item: Item) -> None:
        self.item = item
        super().__init__("condition refused")


def _text(item: Item, name: str) -> str:
    return item.get(name, {}).get("S", "")


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", "0"))


def _mark(item: Item) -> tuple[str, int, int]:
    """Who holds the lease, the epoch, the version."""
    return _text(item, "owner"), _number(item, "epoch"), _number(item, "version")


def _ledger(scope: Scope, item: Item) -> Ledger | None:
    if "ledger" not in item:
        return None
    try:
        ledger: Ledger = decode(Ledger, upgrade_stored(json.loads(_text(item, "ledger"))))
    except (MalformedData, ValueError) as error:
        raise LedgerCorrupt(f"ledger of {scope}: {error}") from error
    return ledger


def _fill_items(scope: Scope, fills: Sequence[Fill]) -> list[Item]:
    return [_body_item(scope, f"FILL#{fill.venue_order_id}/{fill.trade_id}", canonical_json(fill)) for fill in fills]


def _order_items(scope: Scope, finished: Sequence[OrderRecord]) -> list[Item]:
    return [_body_item(scope, f"ORDER#{record.intent.client_order_id}", canonical_json(record)) for record in finished]


def _owed_key(scope: Scope, key: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": scope}, "sk": {"S": f"OWED#{key}"}}


def _owed_items(scope: Scope, owed: Sequence[OwedRecord]) -> list[dict[str, Any]]:
    return [{**_owed_key(scope, each.key), "body": {"B": zlib.compress(each.body.encode())}} for each in owed]


def _body_item(scope: Scope, key: str, body: str) -> Item:
    return {"pk": {"S": scope}, "sk": {"S": key}, "body": {"S": body}}
