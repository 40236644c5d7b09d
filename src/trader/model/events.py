"""What is written down. Events are past participles; an object is one file of them, chained to the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from trader.model.codec import canonical_json, sha256_hex
from trader.model.frozen import replace
from trader.model.ids import CycleId, Instant
from trader.model.schema import SCHEMA


class EventKind(StrEnum):
    """Every kind of audit event."""

    FILL_APPLIED = "FillApplied"
    ORDER_OBSERVED = "OrderObserved"
    ORDER_RECALLED = "OrderRecalled"
    ORDER_ROUNDED = "OrderRounded"
    LOT_CLOSED = "LotClosed"
    LOT_EXPOSED = "LotExposed"
    STOP_CHANGED = "StopChanged"
    DUST_BOOKED = "DustBooked"
    FLOW_RECORDED = "FlowRecorded"
    CONVERSION_OBSERVED = "ConversionObserved"
    MISMATCH_FOUND = "MismatchFound"
    INPUTS_GATHERED = "InputsGathered"
    BARS_READ = "BarsRead"
    BARS_OMITTED = "BarsOmitted"
    PRODUCTS_UNLISTED = "ProductsUnlisted"
    REGIME_ASSESSED = "RegimeAssessed"
    UNIVERSE_SELECTED = "UniverseSelected"
    TRIGGERS_DETECTED = "TriggersDetected"
    STRATEGIES_PROPOSED = "StrategiesProposed"
    STRATEGY_FAILED = "StrategyFailed"
    TURN_MISSED = "TurnMissed"
    EVIDENCE_OVERRIDDEN = "EvidenceOverridden"
    RISK_CHECKED = "RiskChecked"
    EXECUTION_PLANNED = "ExecutionPlanned"
    VERDICT_GIVEN = "VerdictGiven"
    PARENT_PLANNED = "ParentPlanned"
    PARENT_ENDED = "ParentEnded"
    ORDER_INTENDED = "OrderIntended"
    SENDING_BEGUN = "SendingBegun"
    ORDER_SUBMITTED = "OrderSubmitted"
    ORDER_WITHHELD = "OrderWithheld"
    CANCEL_REQUESTED = "CancelRequested"
    COMMAND_APPLIED = "CommandApplied"
    COMMANDS_FORGOTTEN = "CommandsForgotten"
    DRAWDOWN_CLEARED = "DrawdownCleared"
    CYCLE_SETTLED = "CycleSettled"
    CHECKPOINT_WRITTEN = "CheckpointWritten"
    LEDGER_REBUILT = "LedgerRebuilt"
    LEDGER_ADJUSTED = "LedgerAdjusted"


class AuditNote(NamedTuple):
    """One thing to be written down; the cycle it belongs to, and when, are stamped on later."""

    kind: EventKind
    subject: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened. *subject* makes the id unique within its cycle and kind, without a counter of runs."""

    kind: EventKind
    cycle_id: CycleId
    at: Instant
    subject: str
    body: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        """The same event, derived again after a crash, has the same id."""
        return sha256_hex(f"{self.cycle_id}|{self.kind}|{self.subject}")[:24]

    def line(self) -> str:
        """Write the event as one line of canonical JSON: the names in their order."""
        body, cycle, event = map(canonical_json, (self.body, self.cycle_id, self.kind))
        return f'{{"at":{self.at},"body":{body},"cycle":{cycle},"event":{event},"id":"{self.event_id}"}}'


@dataclass(frozen=True, slots=True)
class OwedRecord:
    """An audit object that could not be stored, as its final bytes: kept beside the ledger until it can be."""

    key: str
    body: str

    def text(self) -> str:
        """Return the whole file."""
        return self.body


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """The books of a month's beginning as their final bytes. It stands beside the chain: a record names its digest."""

    key: str
    body: str

    def text(self) -> str:
        """Return the whole file."""
        return self.body


@dataclass(frozen=True, slots=True)
class AuditObject:
    """One file of the audit log. Its first line names the digest of the object before it."""

    key: str
    previous: str
    events: tuple[AuditEvent, ...]

    def text(self) -> str:
        """Return the whole file, newline at the end."""
        header = canonical_json({"event": "ObjectOpened", "schema": SCHEMA, "previous": self.previous, "key": self.key})
        return "\n".join([header, *(event.line() for event in self.events)]) + "\n"

    def without_bars(self) -> AuditObject:
        """Leave out what only a replay of the decision needs, and say so; the same object if it has none of it."""
        kept = tuple(event for event in self.events if event.kind is not EventKind.BARS_READ)
        if len(kept) == len(self.events):
            return self
        last, body = self.events[-1], {"series": len(self.events) - len(kept)}
        omitted = AuditEvent(EventKind.BARS_OMITTED, last.cycle_id, last.at, "bars", body)
        return replace(self, events=(*kept, omitted))

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256_hex(self.text())


#: Whatever is written to the audit, once and for good.
AuditText = AuditObject | OwedRecord | CheckpointRecord
