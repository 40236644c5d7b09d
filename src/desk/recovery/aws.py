"""Ledger and audit on AWS: the item in DynamoDB, the objects in S3."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from desk.recovery.ledger_item import StoredLedger, replace_item
from trader.adapters.aws.clients import read_error_code, translate_errors
from trader.adapters.aws.state_store import DynamoStateStore
from trader.errors import AuditError, LeaseHeld, LedgerCorrupt, StoreUnavailable, VersionConflict
from trader.model.codec import canonical_json, sha256_hex
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger

_DIGITS = 12
_PARALLEL = 16


class DynamoLedgerItems:
    """The ledger items of a DynamoStateStore. A ledger that is set aside is stored in the audit bucket."""

    def __init__(self, dynamodb: Any, table: str, s3: Any, bucket: str) -> None:
        self._dynamodb, self._table = dynamodb, table
        self._s3, self._bucket = s3, bucket
        self._store = DynamoStateStore(dynamodb, table)

    def find(self, scope: Scope) -> StoredLedger | None:
        with translate_errors(f"ledger of {scope}", StoreUnavailable):
            reply = self._dynamodb.get_item(TableName=self._table, Key=_key(scope), ConsistentRead=True)
        item = reply.get("Item")
        if item is None:
            return None
        ledger, problem = None, ""
        try:
            ledger = self._store.ledger(scope)
        except LedgerCorrupt as error:
            problem = str(error)
        text = item.get("ledger", {}).get("S", "")
        owner = item.get("owner", {}).get("S", "")
        epoch, version, until = (int(item.get(name, {}).get("N", "0")) for name in ("epoch", "version", "expires_at"))
        return StoredLedger(text, owner, epoch, version, Instant(until), ledger, problem)

    def put(self, scope: Scope, found: StoredLedger | None, ledger: Ledger, epoch: int, now: Instant) -> None:
        item = replace_item(found, found, ledger, epoch, now)
        values = {
            ":free": {"S": ""},
            ":epoch": {"N": str(item.epoch)},
            ":version": {"N": str(item.version)},
            ":zero": {"N": "0"},
            ":ledger": {"S": canonical_json(ledger)},
        }
        condition = "attribute_not_exists(pk)"
        if found is not None:
            values |= {":now": {"N": str(now)}, ":was": {"N": str(found.epoch)}}
            condition = "(attribute_not_exists(#owner) OR #owner = :free OR expires_at <= :now) AND "
            condition += "epoch = :was AND " if found.epoch else "(attribute_not_exists(epoch) OR epoch = :was) AND "
            condition += "ledger = :found" if found.text else "attribute_not_exists(ledger)"
            values |= {":found": {"S": found.text}} if found.text else {}
        request = {
            "TableName": self._table,
            "Key": _key(scope),
            "UpdateExpression": "SET #owner = :free, epoch = :epoch, version = :version, expires_at = :zero, "
            "ledger = :ledger",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": values,
        }
        with translate_errors(f"ledger of {scope}", StoreUnavailable):
            try:
                self._dynamodb.update_item(**request)
                return
            except ClientError as error:
                if read_error_code(error) != "ConditionalCheckFailedException":
                    raise
        there = self.find(scope)
        if there is not None and (there.text, there.epoch) == (values[":ledger"]["S"], item.epoch):
            # The client sent it again because the answer was lost, and met what it had written.
            return
        if there is not None and there.is_held(now):
            raise LeaseHeld(there.owner, there.expires_at)
        raise VersionConflict(found.epoch if found else 0, there.epoch if there else 0)

    def set_aside(self, scope: Scope, text: str) -> str:
        key = f"set-aside/scope={scope}/ledger-{sha256_hex(text)[:_DIGITS]}.json"
        with translate_errors(f"set aside {key}", StoreUnavailable):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode())
        return f"s3://{self._bucket}/{key}"


def _key(scope: Scope) -> dict[str, dict[str, str]]:
    return {"pk": {"S": scope}, "sk": {"S": "LEDGER"}}


class S3AuditReader:
    """The audit of an S3AuditLog, several objects at a time. They never change, so each is read once."""

    def __init__(self, client: Any, bucket: str, prefix: str = "audit/") -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix
        self._known: dict[str, str] = {}

    def texts(self, scope: Scope) -> Mapping[str, str]:
        with translate_errors(f"audit of {scope}", AuditError):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}scope={scope}/"
            )
            keys = [row["Key"].removeprefix(self._prefix) for page in pages for row in page.get("Contents", ())]
            missing = [key for key in keys if key not in self._known]
            with ThreadPoolExecutor(_PARALLEL) as pool:
                self._known |= dict(zip(missing, pool.map(self._text, missing), strict=True))
        return {key: self._known[key] for key in keys}

    def _text(self, key: str) -> str:
        body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise AuditError(f"{key}: {error}") from error
