"""The books as they stood when a month began. Kept for longer than records are, so that a rebuild can begin there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trader.model.codec import canonical_json, read_stored, sha256_hex
from trader.model.commands import Command
from trader.model.events import CheckpointRecord
from trader.model.frozen import replace
from trader.model.ids import Instant, utc_day
from trader.model.ledger import Ledger
from trader.model.schema import SCHEMA, upgrade_stored
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

_MONTH_LENGTH = len("2026-12")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ledger of a month's beginning, without caches, and what lay beside it and no record of the month tells.

    The records that follow begin with the one whose predecessor is ``ledger.audit_head``. ``commands`` are those that
    stood and were acted on.
    """

    month: str
    ledger: Ledger
    commands: Mapping[str, Command] = field(default_factory=dict)
    schema: int = SCHEMA
    unknown: UnknownFields = NONE_UNKNOWN

    def make_record(self) -> CheckpointRecord:
        """Write it down as ``checkpoints/scope=…/2026-12-<digest>.json``: the same books are the same object."""
        body = canonical_json(self)
        return CheckpointRecord(f"checkpoints/scope={self.ledger.scope}/{self.month}-{name_digest(body)}.json", body)


def find_month(at: Instant) -> str:
    """Return the UTC month of an instant, as ``2026-12``: later ones are greater as texts, and any than none."""
    return utc_day(at)[:_MONTH_LENGTH]


def name_digest(text: str) -> str:
    """Return the digits of a checkpoint's digest that stand in its name."""
    return sha256_hex(text)[:_DIGITS]


def leave_out_caches(ledger: Ledger) -> Ledger:
    """Leave out what the next run reads anew, and what is owed: that is read where it lies."""
    return replace(ledger, products=None, fees=None, bars_on_record={}, owed=())


def read_checkpoint(text: str, where: str) -> Checkpoint:
    """Read a checkpoint. Raises: LedgerCorrupt naming the place."""
    return read_stored(Checkpoint, text, where, upgrade_stored)
