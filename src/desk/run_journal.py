"""What each tick of a run came to, one line a tick, so that the totals count every one of them after any interruption.

A line is written when its cycle has ended, before the next begins. So after a death at most the last one is missing:
what the ledger and the audit say of that tick makes it anew.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from trader.adapters.local.atomic_files import keep_names, read_lines, translate_errors
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import LedgerCorrupt
from trader.model.codec import canonical_json, decode, translate_damage
from trader.model.events import EventKind
from trader.model.ids import CycleId, Scope
from trader.ports import name_audit_object


@dataclass(frozen=True, slots=True)
class TickRecord:
    """What one tick came to. ``verdicts`` counts outcome or denial code over the products."""

    cycle: CycleId
    outcome: str
    verdicts: Mapping[str, int]
    equity: Decimal | None


class RunJournal:
    """The lines of a run, in the order of its ticks. Raises: LedgerCorrupt for what is none; StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with translate_errors(path):
            lines = read_lines(path)
        with translate_damage(path):
            self.records: list[TickRecord] = [decode(TickRecord, json.loads(line)) for line in lines]
        # What a death left of a line is not among them, and is written over.
        self._size = sum(len(line) + 1 for line in lines)

    def append(self, record: TickRecord) -> None:
        """Add a tick; it is on the disk when this returns. Raises: StoreUnavailable."""
        line = (canonical_json(record) + "\n").encode()
        with translate_errors(self._path), self._path.open("ab") as file:
            if not self._size:
                keep_names(self._path.parent)
            file.truncate(self._size)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._size += len(line)
        self.records.append(record)

    def count_outcomes(self) -> Counter[str]:
        """Count how the ticks ended."""
        return Counter(record.outcome for record in self.records)

    def count_verdicts(self) -> Counter[str]:
        """Count what was said of the products, over all ticks."""
        verdicts: Counter[str] = Counter()
        for record in self.records:
            verdicts.update(record.verdicts)
        return verdicts

    def check_order(self, cycles: Sequence[CycleId]) -> None:
        """Make sure that these are the first of the ticks of a run. Raises: LedgerCorrupt."""
        written = [record.cycle for record in self.records]
        if written != list(cycles[: len(written)]):
            raise LedgerCorrupt(f"{self._path}: the ticks in it are not the first {len(written)} of this run")


def read_progress(path: Path) -> tuple[int, Decimal | None]:
    """Tell how many ticks are done, and the equity after the last of them. Raises: LedgerCorrupt, StoreUnavailable."""
    with translate_errors(path):
        lines = read_lines(path)
    if not lines:
        return 0, None
    with translate_damage(path):
        last: TickRecord = decode(TickRecord, json.loads(lines[-1]))
    return len(lines), last.equity


def make_record(report: CycleReport) -> TickRecord:
    """Make the record of a tick from its cycle; without verdicts if it only finished what was decided before."""
    record = TickRecord(report.tick.cycle_id, report.outcome.value, {}, None)
    if report.decision is None:
        return record
    verdicts = Counter(str(each.code or each.outcome) for each in report.decision.verdicts)
    return replace(record, verdicts=dict(verdicts), equity=report.decision.equity)


def recall_decision(record: TickRecord, audit: Path, scope: Scope, cooldown_until: int) -> TickRecord:
    """Complete the record of a tick that was decided before a death, from the audit.

    A decision that was made twice was made of the same inputs, and is the same. A cycle that only finishes one does not
    know whether it lacked data; the audit says so by the count of such ticks, or by the cool-down that they earned,
    which would last until *cooldown_until*. Raises: LedgerCorrupt, StoreUnavailable.
    """
    folder = (audit / name_audit_object(scope, record.cycle, 0, "decision")).parent
    for path in sorted(folder.glob(f"{record.cycle}-*-decision.jsonl")):
        with translate_errors(path), translate_damage(path):
            events = [json.loads(line) for line in read_lines(path)]
            bodies = [(each["event"], each.get("body", {})) for each in events]
            record = _apply(record, bodies, cooldown_until)
    return record


def _apply(record: TickRecord, bodies: Sequence[tuple[str, Mapping[str, Any]]], cooldown_until: int) -> TickRecord:
    given = [body["verdict"] for kind, body in bodies if kind == EventKind.VERDICT_GIVEN]
    risk = next((body for kind, body in bodies if kind == EventKind.RISK_CHECKED), None)
    if risk is None:
        return record
    streak, equity = risk["failure_streak"], risk["equity"]
    lacks_data = streak["failed_cycles"] > 0 or streak["cooldown_until"] == cooldown_until
    is_blind = lacks_data and record.outcome == CycleOutcome.COMPLETED
    return replace(
        record,
        outcome=CycleOutcome.ABSTAINED.value if is_blind else record.outcome,
        verdicts=dict(Counter(str(each["code"] or each["outcome"]) for each in given)),
        equity=None if equity is None else Decimal(equity),
    )
