"""What each tick of a run came to, one line a tick, so that the totals count every one of them after any interruption.

A line is kept together with the books that its tick left: after a death both are there, or neither.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from desk.run_batch import Appended
from trader.adapters.local.atomic_files import read_lines, translate_errors
from trader.cycle import CycleReport
from trader.errors import LedgerCorrupt
from trader.model.codec import canonical_json, decode, translate_damage
from trader.model.ids import CycleId


@dataclass(frozen=True, slots=True)
class TickRecord:
    """What one tick came to. ``verdicts`` counts outcome or denial code over the products."""

    cycle: CycleId
    outcome: str
    verdicts: Mapping[str, int]
    equity: Decimal | None


class LinesAhead:
    """Lines for the end of a file that had these whole *lines* before; what a death left of one is not among them."""

    def __init__(self, path: Path, lines: Sequence[bytes]) -> None:
        self.path, self._size = path, sum(len(line) + 1 for line in lines)
        self.lines: list[str] = []

    def take(self) -> Appended:
        """Hand the new lines over: from here on they count as lines of before."""
        taken = Appended(self._size, "".join(f"{line}\n" for line in self.lines))
        self._size, self.lines = self._size + len(taken.text.encode()), []
        return taken


def find_end(path: Path) -> LinesAhead:
    """Find where new lines of a file begin. Raises: StoreUnavailable."""
    with translate_errors(path):
        return LinesAhead(path, read_lines(path))


class RunJournal:
    """The lines of a run, in the order of its ticks. Raises: LedgerCorrupt for what is none; StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        with translate_errors(path):
            lines = read_lines(path)
        self.ahead = LinesAhead(path, lines)
        with translate_damage(path):
            self.records: list[TickRecord] = [decode(TickRecord, json.loads(line)) for line in lines]

    def add(self, record: TickRecord) -> None:
        """Add a tick, whose line is still to be written."""
        self.ahead.lines.append(canonical_json(record))
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
            raise LedgerCorrupt(f"{self.ahead.path}: the ticks in it are not the first {len(written)} of this run")


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
