"""How a cycle ended, and what it did, for its caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trader.model.decisions import Decision
from trader.model.events import AuditNote
from trader.model.ids import ClientOrderId
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.orders import Fill


class CycleOutcome(StrEnum):
    """How a cycle ended."""

    COMPLETED = "COMPLETED"
    SKIPPED = "SKIPPED"
    ABSTAINED = "ABSTAINED"
    HALTED = "HALTED"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What one cycle did, for its caller. ``reason`` says why it did not complete.

    ``withheld_exits`` says of each sale and protection that was due and did not leave why it did not; ``exposed``
    of each lot that is neither covered nor being sold at the end why it is not. ``ledger_bytes`` is what the ledger
    takes in its store; 0 where that does not count, or was not asked. ``is_outdated``: a command was written during the
    run that it has not acted on. ``due`` is why a watch run was made. ``is_key_refused``: the run failed
    because the venue would not have our key, or because it is not one for these books.
    """

    tick: Tick
    outcome: CycleOutcome
    reason: str = ""
    before: Ledger | None = None
    after: Ledger | None = None
    decision: Decision | None = None
    new_fills: tuple[Fill, ...] = ()
    notes: tuple[AuditNote, ...] = ()
    withheld_exits: Mapping[ClientOrderId, str] = field(default_factory=dict)
    exposed: Mapping[ClientOrderId, str] = field(default_factory=dict)
    ledger_bytes: int = 0
    is_outdated: bool = False
    due: str = ""
    is_key_refused: bool = False
