"""Names what differs between two runs of one tick or look: decision, orders, fills, journal, books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from desk.backtest.advance import MADE_ANEW
from trader.cycle.report import CycleReport
from trader.errors import TraderError
from trader.model.decisions import Decision
from trader.model.events import AuditNote
from trader.model.ledger import Ledger

_REPORTED = ("outcome", "reason", "due", "new_fills", "withheld_exits", "exposed")
#: So much is shown of two values, from shortly before the first letter that differs.
_BEFORE, _AFTER = 60, 60


def compare_reports(ours: CycleReport, theirs: CycleReport, *, has_journal: bool) -> Iterator[str]:
    """Name what differs; of the notes only where both keep a journal, since much of it is made for one."""
    if ours.decision is None or theirs.decision is None:
        yield from compare_values("decision", ours.decision, theirs.decision)
    else:
        for each in fields(Decision):
            name = f"decision.{each.name}"
            one, other = getattr(ours.decision, each.name), getattr(theirs.decision, each.name)
            yield from compare_books(name, one, other) if isinstance(one, Ledger) else compare_values(name, one, other)
    for name in _REPORTED:
        yield from compare_values(name, getattr(ours, name), getattr(theirs, name))
    if has_journal:
        yield from _compare_notes(ours.notes, theirs.notes)
    for when in ("before", "after"):
        yield from compare_books(when, getattr(ours, when), getattr(theirs, when))


def _compare_notes(ours: Sequence[AuditNote], theirs: Sequence[AuditNote]) -> Iterator[str]:
    named = [[f"{each.kind} {each.subject}" for each in notes] for notes in (ours, theirs)]
    yield from compare_values("notes", *named)
    if named[0] == named[1]:
        for name, one, other in zip(named[0], ours, theirs, strict=True):
            for key in sorted(one.body.keys() | other.body.keys()):
                yield from compare_values(f"note {name}, {key}", one.body.get(key), other.body.get(key))


def compare_books(when: str, ours: Any, theirs: Any) -> Iterator[str]:
    """Name the fields in which two ledgers differ, but for those of a record that a backtest does not keep."""
    for each in fields(Ledger):
        if each.name not in MADE_ANEW:
            one, other = getattr(ours, each.name, None), getattr(theirs, each.name, None)
            yield from compare_values(f"{each.name} {when}", one, other)


def compare_values(name: str, ours: Any, theirs: Any) -> Iterator[str]:
    """Say by a line if two values differ, and where."""
    one, other = _make_comparable(ours), _make_comparable(theirs)
    if one != other:
        yield f"{name}: {_show_difference(str(one), str(other))}"


def _make_comparable(value: Any) -> Any:
    """Write errors as text: two of them are never equal."""
    if isinstance(value, TraderError):
        return type(value).__name__, str(value)
    if isinstance(value, Mapping):
        return {key: _make_comparable(each) for key, each in value.items()}
    return value


def _show_difference(one: str, other: str) -> str:
    pairs = enumerate(zip(one, other, strict=False))
    at = next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(one), len(other)))
    return " against ".join(f"…{each[max(at - _BEFORE, 0) : at + _AFTER]}…" for each in (one, other))
