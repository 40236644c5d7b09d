"""What an audit is judged by, and the instants in it: when an object says it was written, and when it was stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from desk.recovery.anchors import Anchors
from desk.recovery.chain import ChainObject
from desk.recovery.history import History, Version
from desk.recovery.ledger_item import StoredLedger
from trader.model.ids import Instant, is_tick_id, rfc3339

DAY_SECONDS = 86_400
#: A run has stored its objects by then, however long it may take.
_LATE_SECONDS = 3600
_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = 16


class Finding(NamedTuple):
    """Something about an object, in which line if that is known. Without a key it is about the ledger or a day."""

    key: str
    line: int | None
    what: str

    def __str__(self) -> str:
        place = f"{self.key} line {self.line}" if self.line is not None else self.key
        told = f"{place}: {self.what}" if place else self.what
        # Whoever names an object may put into its name what moves a terminal's cursor.
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in told)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is to judge by: what lies and lay under each key, what is owed, the anchors, and the stored ledger.

    A record ends ``retention_days`` after it was stored, its last version as many days later. ``read_at`` is when all
    this was read; if nobody says so, it is the newest instant in it. ``checkpoints`` lie beside the chain, by key.
    """

    history: History
    owed: Mapping[str, str] = field(default_factory=dict)
    anchors: Anchors = field(default_factory=Anchors)
    stored: StoredLedger | None = None
    retention_days: int = 3650
    read_at: Instant | None = None
    checkpoints: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> Instant:
        """When it was read, as far as that is known."""
        if self.read_at is not None:
            return self.read_at
        return max(
            (each.at for row in self.history.values() for each in row if each.at is not None), default=Instant(0)
        )

    @property
    def awaited(self) -> frozenset[str]:
        """What is owed, or was when the ledger was read, which a run may have stored since."""
        named = self.stored.ledger.owed if self.stored is not None and self.stored.ledger is not None else ()
        return frozenset((*self.owed, *named))

    def stored_at(self, key: str) -> Instant | None:
        """When the oldest that is left of an object was stored."""
        return self.history[key][0].at if key in self.history else None

    def may_have_ended(self, began: Instant) -> bool:
        """Whether nothing need be left any more of what was stored then. S3 ends records by whole days."""
        return self.now - began >= (2 * self.retention_days - 1) * DAY_SECONDS


def read_stamp(cycle_id: str) -> Instant:
    """Return the instant that a run is named after."""
    return Instant(int(datetime.strptime(cycle_id[:_STAMP_LENGTH], _STAMP).replace(tzinfo=UTC).timestamp()))


def find_stamp(key: str) -> Instant | None:
    """Return the instant that an object's run is named after; None for a key that is no audit object's."""
    try:
        return read_stamp(key.rpartition("/")[2])
    except ValueError:
        return None


def show_when(version: Version) -> str:
    """Say when something was stored or deleted."""
    return rfc3339(Instant(version.at)) if version.at is not None else "at an instant nobody knows"


class Times:
    """When each object was stored, against when it says it was written."""

    def __init__(self, evidence: Evidence, objects: Iterable[ChainObject]) -> None:
        self._evidence = evidence
        stored = [(at, _written(each)) for each in objects if (at := evidence.stored_at(each.key)) is not None]
        # The first object of a bucket was stored in its run. If not, the bucket was filled from another one.
        first, written = min(stored, default=(None, Instant(0)))
        self.filled_at = first if first is not None and first - written > _LATE_SECONDS else None

    def is_copied(self, each: ChainObject) -> bool:
        """Whether it is older than its bucket, so that nothing says when it was stored at first."""
        return self.filled_at is not None and _written(each) < self.filled_at

    def is_late(self, each: ChainObject) -> bool:
        """Whether it was stored long after it says, or long before."""
        at = self._evidence.stored_at(each.key)
        return at is not None and abs(at - _written(each)) > _LATE_SECONDS and not self.is_copied(each)

    def was_missing(self, each: ChainObject) -> bool:
        """Whether it was not there when its day was written down, although it says that it was written before."""
        day = each.cycle_id[:4] + "-" + each.cycle_id[4:6] + "-" + each.cycle_id[6:8]
        anchors = self._evidence.anchors
        ended = read_stamp(each.cycle_id) // DAY_SECONDS * DAY_SECONDS + DAY_SECONDS
        return anchors.is_whole(day) and each.key not in anchors.days[day] and _written(each) < ended

    def is_odd(self, each: ChainObject) -> bool:
        """Whether it is out of its time."""
        return self.is_late(each) or self.was_missing(each)


def _written(each: ChainObject) -> Instant:
    """Return when an object says it was written. A command waits for its run, which is named after the command."""
    began = read_stamp(each.cycle_id)
    return began if is_tick_id(each.cycle_id) else max([began, *(event.at for event in each.events)])
