"""The events of ``events/`` are recordings: each happened at an instant of its own. Here one happens now."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from trader.model.ids import Instant, rfc3339

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: When an event happened: what was scheduled, put on a bus, or said.
_OWN_INSTANT = ("scheduled_time", "time", "issued_at")


def make_current(event: Any, now: Instant) -> Any:
    """Have an event happen now: all of its instants move by the same, and it gets an id of its own.

    An event that does not say when it happened stays as it is; so does one that says it in another form.
    """
    if not isinstance(event, dict):
        return event
    happened = _read(next((event[key] for key in _OWN_INSTANT if key in event), None))
    if happened is None:
        return event

    def move(text: str) -> str:
        if _UUID.fullmatch(text):
            return str(uuid.uuid4())
        at = _read(text)
        return text if at is None else rfc3339(Instant(at - happened + now))

    return _map_texts(event, move)


def _read(text: Any) -> int | None:
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return None


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _map_texts(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_map_texts(each, change) for each in value]
    return change(value) if isinstance(value, str) else value
