"""Names of things, and the ids that follow from a decision."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import NewType

Asset = NewType("Asset", str)
ProductId = NewType("ProductId", str)
StrategyId = NewType("StrategyId", str)
Scope = NewType("Scope", str)
CycleId = NewType("CycleId", str)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)

#: Seconds since the UNIX epoch, UTC. Only a Clock makes one out of nothing.
Instant = NewType("Instant", int)

_CYCLE_ID_FORMAT = "%Y%m%dT%H%M%SZ"
_ID_HEX_DIGITS = 28


@lru_cache(maxsize=8)
def cycle_id_at(scheduled: Instant) -> CycleId:
    """Name the cycle that was scheduled for this instant, as ``20261122T101500Z``."""
    return CycleId(datetime.fromtimestamp(scheduled, UTC).strftime(_CYCLE_ID_FORMAT))


def run_id_at(instant: Instant, kind: str, event_id: str = "") -> CycleId:
    """Name the run that an event woke, as ``20261122T101530Z-flatten``: never the id of a tick.

    The event's own id tells two events of one second apart; it is hashed, so that this is letters and digits only.
    """
    told = f".{hashlib.sha256(event_id.encode()).hexdigest()[:8]}" if event_id else ""
    return CycleId(f"{cycle_id_at(instant)}-{kind}{told}")


def is_tick_id(cycle_id: CycleId) -> bool:
    """Tell whether this is the cycle of a tick, which has its place in the order of the schedule."""
    return "-" not in cycle_id


def utc_day(at: Instant) -> str:
    """Return the UTC calendar day, as ``2026-11-22``."""
    return _day_and_week(at // 86_400)[0]


def utc_week(at: Instant) -> str:
    """Return the ISO week in UTC, as ``2026-W47``."""
    return _day_and_week(at // 86_400)[1]


@lru_cache(maxsize=8)
def _day_and_week(days: int) -> tuple[str, str]:
    # Asked for several times a run, always about the same few days.
    day = datetime.fromtimestamp(days * 86_400, UTC).date()
    year, week, _ = day.isocalendar()
    return day.isoformat(), f"{year}-W{week:02d}"


def rfc3339(at: Instant) -> str:
    """Return the instant as ``2026-11-22T10:15:00Z``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def client_order_id(prefix: str, *decision: object) -> ClientOrderId:
    """Derive the id under which a decision is sent, and re-sent.

    Equal prefixes and parts give equal ids. Of an order the parts are scope, run, lot or wish, purpose and the number
    that the ledger has counted up to; nothing else goes in, so an order sent again in another minute keeps its id, and
    one that is decided anew gets another.
    """
    parts = "\x1f".join(str(part) for part in decision)
    return ClientOrderId(prefix + hashlib.sha256(parts.encode()).hexdigest()[:_ID_HEX_DIGITS])


def name_attached(prefix: str, entry_id: ClientOrderId) -> ClientOrderId:
    """Name the bracket that the venue makes out of an entry of ours, under an id derived from its entry's."""
    return client_order_id(prefix, "attached", entry_id)
