"""Audit objects out of S3, and their events onto a bus: what the publisher asks of AWS, and all of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from trader.adapters.aws.clients import translate_errors
from trader.errors import PublishError
from trader.model.domain_events import EVENT_BYTES_MAX, SOURCE, DomainEvent

#: What one request may hold.
ENTRIES_MAX = 10
#: How often an entry is put at most. A bus is short of breath for seconds; after that Lambda brings the object again.
_PUTS_MAX, _PAUSE_SECONDS = 5, 0.2


def read_record(client: Any, bucket: str, key: str) -> str:
    """Read an audit object. Raises: PublishError if S3 refuses."""
    with translate_errors(f"audit object {key}", PublishError):
        return str(client.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


class EventBus:
    """Puts events on one bus, in their order, as far as a bus keeps one."""

    def __init__(self, client: Any, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Put every event; of a request that was taken in part, the rest is put again before the next one is made.

        Raises: PublishError if some were refused to the end. Those before them are out, those after them are not.
        """
        for batch in _batches(events):
            self._put(batch)

    def _put(self, batch: Sequence[DomainEvent]) -> None:
        entries = [self._entry(event) for event in batch]
        for attempt in range(_PUTS_MAX):
            if attempt:
                self._sleep(_PAUSE_SECONDS * 2 ** (attempt - 1))
            with translate_errors(f"bus {self._name}", PublishError):
                told = self._client.put_events(Entries=entries)["Entries"]
            refused = [
                (entry, each["ErrorCode"]) for entry, each in zip(entries, told, strict=True) if "ErrorCode" in each
            ]
            if not refused:
                return
            entries = [entry for entry, _ in refused]
        codes = ", ".join(f"{count} × {code}" for code, count in sorted(Counter(code for _, code in refused).items()))
        raise PublishError(f"bus {self._name}: refused after {_PUTS_MAX} attempts: {codes}")

    def _entry(self, event: DomainEvent) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.kind,
            "Time": datetime.fromtimestamp(event.at, UTC),
            "Detail": event.detail,
        }


def _batches(events: Sequence[DomainEvent]) -> Iterator[list[DomainEvent]]:
    """Split into requests, none with too many entries or bytes; an event that is too large alone is one of its own."""
    batch: list[DomainEvent] = []
    held = 0
    for event in events:
        if batch and (len(batch) == ENTRIES_MAX or held + event.size > EVENT_BYTES_MAX):
            yield batch
            batch, held = [], 0
        batch.append(event)
        held += event.size
    if batch:
        yield batch
