"""Whether the audit is what was once written; and if not, which object and line are not, and what was done to them.

Three witnesses, each of which somebody with enough rights can silence alone: the chain of digests with the ledger at
its end; the versions that the bucket keeps of what was put over or deleted; the anchors, which the function writes
nowhere. What is out of the ordinary and honest all the same is explained, so that nobody takes it for a fork.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from desk.recovery.anchors import Anchored, Anchors, mark_lines
from desk.recovery.bars import read_bars
from desk.recovery.chain import Chain, read_chain, split_lines
from desk.recovery.changes import describe_change
from desk.recovery.checkpoints import assess_checkpoints
from desk.recovery.evidence import DAY_SECONDS, Evidence, Finding, find_stamp, show_when
from desk.recovery.history import Version
from desk.recovery.places import Judged, assess_end, assess_places
from trader.model.codec import sha256_hex
from trader.model.ids import Instant, utc_day

#: Half an hour after midnight, and as much as that may take if it is tried again.
_WRITTEN_AFTER_SECONDS = 2 * 3600


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
    judged = [each for key, row in sorted(evidence.history.items()) for each in _judge_versions(key, row, evidence)]
    originals = {key: text for key, row in evidence.history.items() if (text := row[0].text) is not None}
    ended = _list_ended(originals, evidence)
    judged += _compare_anchors(originals, evidence.anchors, {finding.key for _, finding in judged} | ended.keys())
    judged += _explain_ended(ended)
    chain = read_chain({**evidence.owed, **originals})
    known = {finding.key for is_wrong, finding in judged if is_wrong}
    judged += _judge_breaks(chain, known, {was.digest for was in ended.values()}, evidence)
    judged += [*assess_places(chain, evidence), *assess_end(chain, evidence)]
    judged += assess_checkpoints(evidence.checkpoints, chain)[1]
    if evidence.stored is not None and evidence.stored.problem:
        judged.append((True, Finding("", None, f"the ledger cannot be read: {evidence.stored.problem}")))
    judged += [(False, Finding(key, None, "owed: it waits beside the ledger to be stored")) for key in evidence.owed]
    judged += [(False, each) for each in _list_days(evidence)]
    bars = list(read_bars(chain))
    return Verification(
        objects=len(originals),
        lines=sum(len(split_lines(text)) for text in originals.values()),
        decisions=len(bars),
        replayable=sum(not each.missing for each in bars),
        owed=len(evidence.owed),
        days=len(evidence.anchors.days),
        found=tuple(finding for is_wrong, finding in judged if is_wrong),
        explained=tuple(finding for is_wrong, finding in judged if not is_wrong),
    )


def _judge_versions(key: str, versions: Sequence[Version], evidence: Evidence) -> Iterator[Judged]:
    """Judge what was done to an object, oldest version against the others."""
    first, last, kept_for = versions[0], versions[-1], evidence.retention_days * DAY_SECONDS
    if first.text is None:
        began = find_stamp(key)
        if len(versions) == 1 and began is not None and last.at is not None and evidence.may_have_ended(began):
            yield last.at - began < kept_for, Finding(key, None, f"deleted {show_when(last)}, ended by its age")
            return
        yield True, Finding(key, 1, f"deleted {show_when(first)}, and no version from before is left")
        return
    changed = next((each for each in versions[1:] if each.text not in {None, first.text}), None)
    if changed is not None and changed.text is not None:
        line, what = describe_change(split_lines(first.text), split_lines(changed.text))
        yield True, Finding(key, line, f"{what}; put over {show_when(changed)}, the old version is kept")
    if last.text is None:
        ended = last.at is not None and first.at is not None and last.at - first.at >= kept_for
        what = "ended by its age" if ended else "deleted"
        yield not ended, Finding(key, None if ended else 1, f"{what} {show_when(last)}, a version is kept")
    elif changed is None and len(versions) > 1:
        yield False, Finding(key, None, f"stored again {show_when(last)}, byte for byte")


def _list_ended(originals: Mapping[str, str], evidence: Evidence) -> dict[str, Anchored]:
    """List what was written down and need not be there any more."""
    return {
        key: was
        for key, was in evidence.anchors.objects.items()
        if key not in originals and (began := find_stamp(key)) is not None and evidence.may_have_ended(began)
    }


def _explain_ended(ended: Mapping[str, Anchored]) -> Iterator[Judged]:
    if days := sorted(utc_day(began) for key in ended if (began := find_stamp(key)) is not None):
        what = f"{len(days)} objects of {days[0]} to {days[-1]} that were written down have ended by their age"
        yield False, Finding("", None, what)


def _compare_anchors(originals: Mapping[str, str], anchors: Anchors, known: set[str]) -> Iterator[Judged]:
    """Compare what was written down of each object with the oldest of it that is left."""
    for key, was in sorted(anchors.objects.items()):
        text = originals.get(key)
        if text is not None and sha256_hex(text) != was.digest:
            yield True, _locate(key, was, text)
        elif text is None and key not in known:
            yield True, Finding(key, 1, "gone with all its versions; it was there when its day was written down")


def _locate(key: str, was: Anchored, text: str) -> Finding:
    lines = mark_lines(text)
    if lines == was.lines:
        return Finding(key, None, "not as it was when its day was written down; the line does not show")
    line, what = describe_change(was.lines, lines)
    return Finding(key, line, f"{what}; not as it was when its day was written down")


def _judge_breaks(chain: Chain, known: set[str], ended: set[str], evidence: Evidence) -> Iterator[Judged]:
    """Judge what is wrong with the chain, but for what follows from an object that is known to be gone or changed."""
    runs = {_run_of(key) for key in known}
    for each in chain.breaks:
        if each.line is not None and each.key not in known:
            runs.add(_run_of(each.key))
            yield True, Finding(each.key, each.line, each.told.removeprefix(f"{each.key} "))
    order = [each.key for each in chain.objects]
    previous = {each.key: each.previous for each in chain.objects}
    for each in (each for each in chain.breaks if each.line is None):
        told, is_placed = each.told.removeprefix(f"{each.key} "), each.key in previous
        began = find_stamp(each.key)
        if is_placed and (previous[each.key] in ended or (began is not None and evidence.may_have_ended(began))):
            yield False, Finding(each.key, None, "what it follows has ended by its age")
            continue
        # Pieces of a chain stand one after the other, so what comes before a gap is the end of the piece before it.
        before = order[order.index(each.key) - 1] if each.key in order[1:] else ""
        if each.key in known or (is_placed and any(_run_of(before) <= run <= _run_of(each.key) for run in runs)):
            continue
        is_gap = bool(before) and " follows " in each.told
        what = f"it is not as it was, or what followed it is gone: {each.told}"
        yield True, Finding(before, None, what) if is_gap else Finding(each.key, None, told)


def _run_of(key: str) -> str:
    return key.rpartition("-")[0]


def _list_days(evidence: Evidence) -> Iterator[Finding]:
    """Name the days from the first one on that were not written down, or not as a whole."""
    anchors = evidence.anchors
    for day, objects in sorted(anchors.days.items()):
        if not anchors.is_whole(day):
            yield Finding("", None, f"of {day} only {len(objects)} of {anchors.counts[day]} objects were written down")
    days = sorted(map(date.fromisoformat, anchors.days))
    if evidence.read_at is not None and days:
        # By then the day before was written down, if it was.
        over = date.fromisoformat(utc_day(Instant(evidence.read_at - _WRITTEN_AFTER_SECONDS)))
        days.append(max(over, days[-1] + timedelta(days=1)))
    for one, next_one in pairwise(days):
        first, last = one + timedelta(days=1), next_one - timedelta(days=1)
        if first <= last:
            yield Finding("", None, f"{first}{f' to {last}' if first < last else ''} was not written down")
