"""Ledger and audit on AWS: the item in DynamoDB, the objects in S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from desk.recovery.anchors import Anchors, parse_anchors
from desk.recovery.chain import NO_TEXT, read_object
from desk.recovery.history import History, Version
from desk.recovery.ledger_item import StoredLedger, from_bytes, replace_item, to_bytes
from trader.adapters.aws.clients import read_error_code, translate_errors
from trader.adapters.aws.command_slots import fill_empty_slots
from trader.adapters.aws.state_store import LEDGER, decode_ledger
from trader.adapters.aws.stored_text import StoredText
from trader.adapters.aws.table import DynamoTable, Item, Refused, list_digests, name_parts, read_number
from trader.errors import AuditError, LeaseHeld, LedgerCorrupt, StoreUnavailable, VersionConflict
from trader.model.codec import read_stored
from trader.model.commands import Command
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill

_DIGITS = 12
#: No record is larger. Units: bytes.
_LARGEST = 32_000_000
#: What S3 says of an object that lies in an archive, or under a key that somebody else has: nobody can read it.
_UNREADABLE = frozenset({"InvalidObjectState", "InvalidRequest"})
_PARALLEL = 16
#: The sort keys of what is owed begin with the one, and lie before the other.
_OWED, _BEHIND_OWED = "OWED#", "OWED$"
#: How the log is asked for the anchors of a scope, so that the lines of Lambda itself stay where they are.
_ANCHORS = '{ $.anchor = 1 && $.scope = "%s" }'


class DynamoLedgerItems:
    """The ledger items of a DynamoStateStore. A ledger that is set aside is stored in the audit bucket."""

    def __init__(self, dynamodb: Any, table: str, s3: Any, bucket: str) -> None:
        self._table = DynamoTable(dynamodb, table)
        self._s3, self._bucket = s3, bucket

    def find(self, scope: Scope) -> StoredLedger | None:
        found = self._read(scope)
        return None if found is None else _read_stored_ledger(scope, *found)

    def _read(self, scope: Scope) -> tuple[Item, StoredText | None] | None:
        with translate_errors(f"ledger of {scope}", StoreUnavailable):
            return self._table.find_text(scope, LEDGER, "ledger")

    def put(
        self,
        scope: Scope,
        found: StoredLedger | None,
        ledger: Ledger,
        epoch: int,
        now: Instant,
        commands: Sequence[Command] = (),
    ) -> None:
        lying = self._read(scope)
        there = None if lying is None else _read_stored_ledger(scope, *lying)
        item = replace_item(there, found, ledger, epoch, now)
        stored = StoredText.pack(item.ledger)
        values = {
            ":free": {"S": ""},
            ":epoch": {"N": str(item.epoch)},
            ":version": {"N": str(item.version)},
            ":zero": {"N": "0"},
            ":ledger": stored.head,
            ":parts": name_parts(stored),
        }
        condition, parts_before = "attribute_not_exists(pk)", 0
        if lying is not None:
            condition, known = _as_it_lies(lying[0], now)
            values |= known
            parts_before = len(list_digests(lying[0]))
        expression = "SET #owner = :free, epoch = :epoch, version = :version, expires_at = :zero, "
        slots, names, texts = fill_empty_slots(commands)
        update = self._table.make_update(
            scope,
            LEDGER,
            f"{expression}ledger = :ledger, parts = :parts{slots}",
            condition,
            values | texts,
            {"#owner": "owner", **names},
        )
        together = [{"Update": update}, *self._table.replace_parts(scope, LEDGER, stored, parts_before)]
        try:
            with translate_errors(f"ledger of {scope}", StoreUnavailable):
                self._table.write(together, ())
        except Refused:
            now_there = self.find(scope)
            if now_there is not None and (now_there.text, now_there.epoch) == (item.ledger, item.epoch):
                # The client sent it again because the answer was lost, and met what it had written.
                return
            if now_there is not None and now_there.is_held(now):
                raise LeaseHeld(now_there.owner, now_there.expires_at) from None
            raise VersionConflict(found.epoch if found else 0, now_there.epoch if now_there else 0) from None

    def set_aside(self, scope: Scope, text: str) -> str:
        content = to_bytes(text)
        key = f"set-aside/scope={scope}/ledger-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.json"
        with translate_errors(f"set aside {key}", StoreUnavailable):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        return f"s3://{self._bucket}/{key}"

    def read_owed(self, scope: Scope) -> Mapping[str, str]:
        what = f"what is owed to the audit of {scope}"
        return {key.removeprefix(_OWED): text for key, text in self._list(scope, _OWED, _BEHIND_OWED, what).items()}

    def read_fills(self, scope: Scope) -> tuple[Fill, ...]:
        found = self._list(scope, "FILL#", "FILL$", f"fills of {scope}")
        return tuple(read_stored(Fill, text, key) for key, text in found.items())

    def read_finished(self, scope: Scope) -> tuple[OrderRecord, ...]:
        found = self._list(scope, "ORDER#", "ORDER$", f"finished orders of {scope}")
        return tuple(read_stored(OrderRecord, text, key) for key, text in found.items())

    def _list(self, scope: Scope, first: str, last: str, what: str) -> dict[str, str]:
        found = self._table.list_bodies(scope, first, last, what)
        return {key: stored.text(f"{what}, {key}") for key, stored in found.items()}


def _read_stored_ledger(scope: Scope, item: Item, stored: StoredText | None) -> StoredLedger:
    """Read as much as can be read; bytes that are no packed text stand in the text as they are."""
    owner = item.get("owner", {}).get("S", "")
    epoch, version, until = (read_number(item, name) for name in ("epoch", "version", "expires_at"))
    lease = StoredLedger("", owner, epoch, version, Instant(until), None)
    if "ledger" not in item:
        return lease
    what = f"ledger of {scope}"
    if stored is None:
        return replace(lease, text=from_bytes(item["ledger"]["B"]), problem=f"{what}: a part of it is missing")
    try:
        text = stored.text(what)
    except LedgerCorrupt as error:
        return replace(lease, text=from_bytes(stored.content), problem=str(error))
    try:
        return replace(lease, text=text, ledger=decode_ledger(scope, stored))
    except LedgerCorrupt as error:
        return replace(lease, text=text, problem=str(error))


def _as_it_lies(item: Item, now: Instant) -> tuple[str, Item]:
    """Say, as a condition and its values, that an item is what was read, and under nobody's lease."""
    condition = "(attribute_not_exists(#owner) OR #owner = :free OR expires_at <= :now) AND "
    epoch = read_number(item, "epoch")
    condition += "epoch = :was AND " if epoch else "(attribute_not_exists(epoch) OR epoch = :was) AND "
    condition += "ledger = :found" if "ledger" in item else "attribute_not_exists(ledger)"
    found = {":found": item["ledger"]} if "ledger" in item else {}
    return condition, {":now": {"N": str(now)}, ":was": {"N": str(epoch)}, **found}


class S3AuditReader:
    """The audit of an S3AuditLog, several objects at a time. They never change, so each is read once."""

    def __init__(self, client: Any, bucket: str, prefix: str = "audit/") -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix
        self._known: dict[str, str] = {}

    def texts(self, scope: Scope) -> Mapping[str, str]:
        return self.read_texts(self._list_keys(f"scope={scope}/"))

    def checkpoints(self, scope: Scope) -> Mapping[str, str]:
        return self.read_texts(self._list_keys(f"checkpoints/scope={scope}/"))

    def list_days(self, scope: Scope) -> list[str]:
        """List the days of which there are objects. Raises: AuditError."""
        prefix = f"{self._prefix}scope={scope}/"
        pages = self._list(prefix, Prefix=prefix, Delimiter="/")
        folders = [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", ())]
        return sorted(each.removeprefix(f"{prefix}dt=").rstrip("/") for each in folders)

    def list_keys(self, scope: Scope, day: str) -> list[str]:
        """List the keys of the objects of a day. Raises: AuditError."""
        return self._list_keys(f"scope={scope}/dt={day}/")

    def read_texts(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Read these objects. Raises: AuditError."""
        keys = list(keys)
        missing = [key for key in keys if key not in self._known]
        with translate_errors("objects of the audit", AuditError), ThreadPoolExecutor(_PARALLEL) as pool:
            self._known |= dict(zip(missing, pool.map(self._text, missing), strict=True))
        return {key: self._known[key] for key in keys}

    def _list_keys(self, folder: str) -> list[str]:
        pages = self._list(folder, Prefix=f"{self._prefix}{folder}")
        return [row["Key"].removeprefix(self._prefix) for page in pages for row in page.get("Contents", ())]

    def _list(self, folder: str, **asked: str) -> list[Mapping[str, Any]]:
        with translate_errors(f"audit below {folder}", AuditError):
            return list(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **asked))

    def _text(self, key: str) -> str:
        return read_object(self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read())


class S3History:
    """The versions of a bucket, several at a time."""

    def __init__(self, client: Any, bucket: str, prefix: str = "audit/") -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def read(self, scope: Scope) -> History:
        with translate_errors(f"versions of the audit of {scope}", AuditError):
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}scope={scope}/"
            )
            rows = [row for page in pages for kind in ("DeleteMarkers", "Versions") for row in page.get(kind, ())]
            # S3 lists the newest of a key first: of one second, too, the oldest shall come first, and no marker.
            rows.reverse()
            rows.sort(key=lambda row: (row["Key"], row["LastModified"], row["IsLatest"]))
            with ThreadPoolExecutor(_PARALLEL) as pool:
                versions = list(pool.map(self._version, rows))
        history: dict[str, list[Version]] = {}
        for row, version in zip(rows, versions, strict=True):
            history.setdefault(row["Key"].removeprefix(self._prefix), []).append(version)
        return {key: tuple(each) for key, each in history.items()}

    def _version(self, row: Mapping[str, Any]) -> Version:
        at = Instant(int(row["LastModified"].timestamp()))
        if "Size" not in row:
            return Version(None, at)
        if row["Size"] > _LARGEST:
            return Version(f"{NO_TEXT}{row['Size']} bytes", at)
        with translate_errors(row["Key"], AuditError):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=row["Key"], VersionId=row["VersionId"])
            except ClientError as error:
                if read_error_code(error) not in _UNREADABLE:
                    raise
                return Version(f"{NO_TEXT}{read_error_code(error)}", at)
            return Version(read_object(found["Body"].read()), at)


def read_anchors(logs: Any, log_group: str, scope: Scope) -> Anchors:
    """Read the anchors of a scope from the log of the stack. Raises: AuditError."""
    with translate_errors(f"log group {log_group}", AuditError):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=log_group, filterPattern=_ANCHORS % scope, startTime=0
        )
        events = [event for page in pages for event in page["events"]]
    lines = [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]
    return parse_anchors((line for line in lines if line.startswith("{")), scope)
