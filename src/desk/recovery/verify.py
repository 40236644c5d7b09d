"""Whether the audit is what was once written; and if not, which object and line are not, and what was done to them.

Three witnesses, each of which somebody with enough rights can silence alone: the chain of digests with the ledger at
its end; the versions that the bucket keeps of what was put over or deleted; the anchors, which the function writes
nowhere. What is out of the ordinary and honest all the same is explained, so that nobody takes it for a fork.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from desk.recovery.anchors import Anchored, Anchors, mark_lines
from desk.recovery.bars import read_bars
from desk.recovery.chain import Chain, ChainObject, read_chain
from desk.recovery.changes import describe_change
from desk.recovery.history import History, Version
from desk.recovery.ledger_item import StoredLedger
from trader.model.codec import sha256_hex
from trader.model.ids import Instant, rfc3339

#: A run has stored its objects by then, however long it may take.
_LATE_SECONDS = 3600
#: The template lets no record end sooner, so what was deleted later than that may have ended by its age.
_ENDS_AFTER_SECONDS = 90 * 86_400
_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH, _SHOWN = 16, 12


class Finding(NamedTuple):
    """Something about an object, in which line if that is known. Without a key it is about the ledger or a day."""

    key: str
    line: int | None
    what: str

    def __str__(self) -> str:
        place = f"{self.key} line {self.line}" if self.line is not None else self.key
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is to judge by: what lies and lay under each key, what is owed, the anchors, and the stored ledger."""

    history: History
    owed: Mapping[str, str] = field(default_factory=dict)
    anchors: Anchors = field(default_factory=Anchors)
    stored: StoredLedger | None = None


class Verification(NamedTuple):
    """What was looked at, what is wrong with it, and what looks wrong and is not.

    Of the ``decisions``, those are ``replayable`` whose bars are all on record.
    """

    objects: int
    lines: int
    decisions: int
    replayable: int
    owed: int
    days: int
    found: tuple[Finding, ...]
    explained: tuple[Finding, ...]


def verify_audit(evidence: Evidence) -> Verification:
    """Compare the three witnesses. A change is told once, by the one that knows most of it."""
    found: list[Finding] = []
    explained: list[Finding] = []
    for key, versions in sorted(evidence.history.items()):
        for is_wrong, finding in _judge_versions(key, versions):
            (found if is_wrong else explained).append(finding)
    originals = {key: text for key, each in evidence.history.items() if (text := each[0].text) is not None}
    found += _compare_anchors(originals, evidence.anchors, {each.key for each in found})
    chain = read_chain({**evidence.owed, **originals})
    known = {each.key for each in found}
    found += _list_breaks(chain, known)
    for is_wrong, finding in (*_judge_places(chain, evidence), *_judge_end(chain, evidence.stored)):
        (found if is_wrong else explained).append(finding)
    explained += [Finding(key, None, "owed: it waits beside the ledger to be stored") for key in evidence.owed]
    explained += _list_days(evidence.anchors)
    bars = list(read_bars(chain))
    return Verification(
        objects=len(originals),
        lines=sum(len(text.splitlines()) for text in originals.values()),
        decisions=len(bars),
        replayable=sum(not each.missing for each in bars),
        owed=len(evidence.owed),
        days=len(evidence.anchors.days),
        found=tuple(found),
        explained=tuple(explained),
    )


def _judge_versions(key: str, versions: Sequence[Version]) -> Iterator[tuple[bool, Finding]]:
    """Judge what was done to an object, oldest version against the others."""
    first, last = versions[0], versions[-1]
    if first.text is None:
        yield True, Finding(key, 1, f"deleted {_when(last)}, and no version of it is left")
        return
    changed = next((each for each in versions[1:] if each.text not in {None, first.text}), None)
    if changed is not None and changed.text is not None:
        line, what = describe_change(first.text.splitlines(), changed.text.splitlines())
        yield True, Finding(key, line, f"{what}; put over {_when(changed)}, the old version is kept")
    if last.text is None:
        ended = last.at is not None and first.at is not None and last.at - first.at >= _ENDS_AFTER_SECONDS
        what = "ended by its age" if ended else "deleted"
        yield not ended, Finding(key, None if ended else 1, f"{what} {_when(last)}, a version is kept")
    elif changed is None and len(versions) > 1:
        yield False, Finding(key, None, f"stored again {_when(last)}, byte for byte")


def _compare_anchors(originals: Mapping[str, str], anchors: Anchors, known: set[str]) -> Iterator[Finding]:
    """Compare what was written down of each object with the oldest of it that is left."""
    for key, was in sorted(anchors.objects.items()):
        text = originals.get(key)
        if text is not None and sha256_hex(text) != was.digest:
            yield _locate(key, was, text)
        elif text is None and key not in known:
            yield Finding(key, 1, "gone with all its versions; it was there when its day was written down")


def _locate(key: str, was: Anchored, text: str) -> Finding:
    lines = mark_lines(text)
    if lines == was.lines:
        return Finding(key, None, "not as it was when its day was written down; the line does not show")
    line, what = describe_change(was.lines, lines)
    return Finding(key, line, f"{what}; not as it was when its day was written down")


def _list_breaks(chain: Chain, known: set[str]) -> Iterator[Finding]:
    """List what is wrong with the chain, but for what follows from an object that is known to be gone or changed."""
    runs = {_run_of(key) for key in known}
    for each in chain.breaks:
        if each.line is not None and each.key not in known:
            runs.add(_run_of(each.key))
            yield Finding(each.key, each.line, each.told.removeprefix(f"{each.key} "))
    order = [each.key for each in chain.objects]
    for each in (each for each in chain.breaks if each.line is None):
        # Pieces of a chain stand one after the other, so what comes before a gap is the end of the piece before it.
        before = order[order.index(each.key) - 1] if each.key in order[1:] else ""
        if not any(_run_of(before) <= run <= _run_of(each.key) for run in runs):
            is_gap = bool(before) and " follows " in each.told
            told = each.told.removeprefix(f"{each.key} ")
            yield (
                Finding(before, None, f"it is not as it was, or what followed it is gone: {each.told}")
                if is_gap
                else (Finding(each.key, None, told))
            )


def _run_of(key: str) -> str:
    return key.rpartition("-")[0]


def _judge_places(chain: Chain, evidence: Evidence) -> Iterator[tuple[bool, Finding]]:
    """Judge objects that no ledger stood on, and those that were stored late or after their day was written down."""
    epochs = {each.epoch: each.cycle_id for each in chain.objects}
    for each in chain.orphaned:
        if epochs.get(each.epoch, each.cycle_id) != each.cycle_id and len(chain.openings) == 1:
            yield True, Finding(each.key, 1, f"put in: epoch {each.epoch} is that of the run {epochs[each.epoch]}")
        elif _is_late(each, evidence.history) or _was_missing(each, evidence.anchors):
            yield True, Finding(each.key, 1, f"put in {_stored(each, evidence.history)}, after its day or its run")
        else:
            what = "its run ended before the commit, so nothing of it left; the next run decided again"
            yield False, Finding(each.key, None, what)
    for each in chain.objects:
        if each.key not in evidence.owed and _is_late(each, evidence.history):
            what = f"stored {_stored(each, evidence.history)}, late, as what was owed is"
            yield False, Finding(each.key, None, what)


def _judge_end(chain: Chain, stored: StoredLedger | None) -> Iterator[tuple[bool, Finding]]:
    """Judge whether the chain ends where the ledger says."""
    if stored is None or stored.ledger is None:
        yield False, Finding("", None, "no ledger vouches for the newest object")
        return
    head, digests = stored.ledger.audit_head, [each.digest for each in chain.objects]
    if head not in digests:
        if head or digests:
            newest = chain.objects[-1].key if chain.objects else "none"
            what = f"the ledger stands on {head[:_SHOWN] or 'nothing'}, which no object has as its digest: the newest"
            yield True, Finding("", None, f"{what} is not as it was, or gone; there is {newest}")
        return
    for each in chain.objects[digests.index(head) + 1 :]:
        yield False, Finding(each.key, None, "no ledger stands on it yet: its run goes on, or ended before the commit")


def _list_days(anchors: Anchors) -> Iterator[Finding]:
    """Name the days between the first and the last that were not written down."""
    days = sorted(datetime.fromisoformat(day) for day in anchors.days)
    while days and days[0] < days[-1]:
        days[0] += timedelta(days=1)
        if days[0] not in days[1:]:
            yield Finding("", None, f"{days[0]:%Y-%m-%d} was not written down")


def _is_late(each: ChainObject, history: History) -> bool:
    versions = history.get(each.key)
    at = versions[0].at if versions else None
    began = datetime.strptime(each.cycle_id[:_STAMP_LENGTH], _STAMP).replace(tzinfo=UTC)
    return at is not None and at - began.timestamp() > _LATE_SECONDS


def _was_missing(each: ChainObject, anchors: Anchors) -> bool:
    day = f"{each.cycle_id[:4]}-{each.cycle_id[4:6]}-{each.cycle_id[6:8]}"
    return day in anchors.days and each.key not in anchors.days[day]


def _stored(each: ChainObject, history: History) -> str:
    return _when(history[each.key][0]) if each.key in history else "beside the ledger"


def _when(version: Version) -> str:
    return rfc3339(Instant(version.at)) if version.at is not None else "at an instant nobody knows"
