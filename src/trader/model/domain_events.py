"""The lines of an audit object as events for others to hear: what each tells, and where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trader.errors import MalformedData
from trader.model.codec import canonical_json, sha256_hex
from trader.model.ids import Instant

#: What every event names as its source.
SOURCE = "trader.audit"
#: Bytes that one event may have, all entries of a request together as well. EventBridge has taken more since 2026, but
#: not everything that a rule hands an event to does.
EVENT_BYTES_MAX = 256 * 1024
# What a bus counts for the instant of an event, whatever its text.
_INSTANT_BYTES = 14
_OPENS = "ObjectOpened"


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """One line of the audit: its kind, when it happened, and the JSON that is told of it."""

    kind: str
    at: Instant
    detail: str

    @property
    def size(self) -> int:
        """Bytes, as EventBridge counts them."""
        return _INSTANT_BYTES + len(SOURCE) + len(self.kind.encode()) + len(self.detail.encode())


def read_domain_events(bucket: str, key: str, text: str) -> tuple[DomainEvent, ...]:
    """Make an event of each line of an audit object, in their order; the first line only opens the object.

    A line that is too large for an event is told without its body: ``record`` says where it stands.

    Raises: MalformedData if this is no audit object, or another one than its key says.
    """
    # Not splitlines: a line may hold characters that it takes for line ends.
    first, *lines = text.removesuffix("\n").split("\n")
    header = _read_line(key, 1, first, ("event", "key"))
    if header["event"] != _OPENS or not key.endswith(f"/{header['key']}"):
        raise MalformedData(f"audit object {key}: line 1 opens another object")
    scope = str(header["key"]).partition("/")[0].removeprefix("scope=")
    shared = {"scope": scope, "schema": header.get("schema", 1)}
    place = {"bucket": bucket, "key": key}
    return tuple(_make_event(shared, place, number, line) for number, line in enumerate(lines, start=2))


def _make_event(shared: Mapping[str, Any], place: Mapping[str, str], number: int, line: str) -> DomainEvent:
    told = _read_line(place["key"], number, line, ("event", "id", "cycle", "at", "body"))
    record = {**place, "line": number, "digest": sha256_hex(line), "bytes": len(line.encode())}
    detail = {**shared, "id": told["id"], "cycle": told["cycle"], "at": told["at"], "record": record}
    whole = DomainEvent(told["event"], Instant(told["at"]), canonical_json({**detail, "body": told["body"]}))
    if whole.size <= EVENT_BYTES_MAX:
        return whole
    return DomainEvent(whole.kind, whole.at, canonical_json({**detail, "body": None}))


def _read_line(key: str, number: int, line: str, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not told.keys() >= set(names):
        raise MalformedData(f"audit object {key}: line {number} is no line of the audit")
    return told
