"""Conversions of one quote asset into another: decided, quoted, committed, done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trader.model.ids import Asset, CycleId, Instant
from trader.model.money import Notional


class ConvertStatus(StrEnum):
    """How far a conversion of one quote asset into another got."""

    INTENDED = "INTENDED"
    QUOTED = "QUOTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ConvertIntent:
    """A conversion as decided. Committing it is not idempotent at the venue: it is never blindly retried."""

    convert_id: str
    cycle_id: CycleId
    source: Asset
    target: Asset
    amount: Notional
    decided_at: Instant


@dataclass(frozen=True, slots=True)
class ConvertState:
    """A conversion as the venue reports it; *received* is in the target asset."""

    venue_convert_id: str
    status: ConvertStatus
    received: Notional


@dataclass(frozen=True, slots=True)
class ConvertRecord:
    """What the ledger remembers of a conversion. QUOTED with an id means the commit may have happened."""

    intent: ConvertIntent
    status: ConvertStatus = ConvertStatus.INTENDED
    venue_convert_id: str | None = None
    over_at: Instant | None = None

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to be learnt."""
        return self.status in (ConvertStatus.INTENDED, ConvertStatus.QUOTED)
