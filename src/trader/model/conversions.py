"""Conversions of one quote asset into another: decided, quoted, committed, done."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.ids import Asset, CycleId, Instant
from trader.model.money import Notional
from trader.model.unknown import NONE_UNKNOWN, OpenEnum, UnknownFields


class ConversionStatus(OpenEnum):
    """How far a conversion of one quote asset into another got."""

    INTENDED = "INTENDED"
    QUOTED = "QUOTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ConversionIntent:
    """A conversion as decided. Committing it is not idempotent at the venue: it is never blindly retried."""

    conversion_id: str
    cycle_id: CycleId
    source: Asset
    target: Asset
    amount: Notional
    decided_at: Instant
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """A conversion as the venue reports it; *received* is in the target asset.

    ``is_begun``: it was committed and is under way, or in a state nobody knows: it does not end by itself.
    """

    venue_conversion_id: str
    status: ConversionStatus
    received: Notional
    is_begun: bool = False


@dataclass(frozen=True, slots=True)
class ConversionRecord:
    """What the ledger remembers of a conversion. QUOTED with an id means the commit may have happened.

    ``is_unread``: the last look could not find out how far it got.
    """

    intent: ConversionIntent
    status: ConversionStatus = ConversionStatus.INTENDED
    venue_conversion_id: str | None = None
    final_at: Instant | None = None
    is_unread: bool = False
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to be learnt."""
        return self.status not in (ConversionStatus.COMPLETED, ConversionStatus.FAILED)
