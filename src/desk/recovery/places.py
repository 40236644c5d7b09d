"""Whether each object of an audit is where it can have come to honestly, and whether the chain ends at the ledger.

Bucket and table cannot say who wrote an object. But a run writes its own in its time, one after the other, each under
an epoch of its own; and what is stored late is stored by a run that then writes an object itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from desk.counting import write_count
from desk.recovery.chain import Chain, ChainObject
from desk.recovery.evidence import Evidence, Finding, Times, show_when
from trader.model.ids import rfc3339

_SHOWN = 12
#: Whether it is wrong, and what it is.
Judged = tuple[bool, Finding]


def assess_places(chain: Chain, evidence: Evidence) -> Iterator[Judged]:
    """Judge objects that no ledger stood on, and those that were stored late or after their day was written down."""
    times = Times(evidence, (*chain.objects, *chain.orphaned))
    if times.filled_at is not None:
        filled = rfc3339(times.filled_at)
        what = f"the bucket was filled from another one on {filled}: when what is older was stored is not known"
        yield False, Finding("", None, what)
    yield from _judge_orphaned(chain, evidence, times)
    vouched = _list_vouched(chain, evidence, times)
    for each in chain.objects:
        if each.key in evidence.awaited or not times.is_odd(each):
            continue
        stored = _stored(each, evidence)
        if each.key not in vouched:
            yield (
                True,
                Finding(each.key, 1, f"put in {stored}, after its day or its run; no run follows that stored it"),
            )
        elif times.was_missing(each):
            yield (
                False,
                Finding(each.key, None, f"stored {stored}, after its day was written down, as what was owed is"),
            )
        else:
            yield False, Finding(each.key, None, f"stored {stored}, late, as what was owed is")


def assess_end(chain: Chain, evidence: Evidence) -> Iterator[Judged]:
    """Judge whether the chain ends where the ledger says."""
    stored = evidence.stored
    if stored is None or stored.ledger is None:
        yield False, Finding("", None, "no ledger vouches for the newest object")
        return
    if lost := stored.ledger.unrecorded:
        what = (
            f"{write_count(lost, 'record was', 'records were')} never stored: "
            "there was no room, or something lay in its place"
        )
        yield False, Finding("", None, what)
    head, digests = stored.ledger.audit_head, [each.digest for each in chain.objects]
    if head in digests:
        for each in chain.objects[digests.index(head) + 1 :]:
            yield (
                False,
                Finding(each.key, None, "no ledger stands on it yet: its run goes on, or ended before the commit"),
            )
        return
    aside = next((each for each in chain.orphaned if each.digest == head), None)
    if aside is not None:
        rivals = [each for each in chain.objects if each.previous == aside.previous]
        for each in rivals:
            yield True, Finding(each.key, 1, f"put in beside {aside.key}, on which the ledger stands")
    elif head or digests:
        newest = chain.objects[-1].key if chain.objects else "none"
        what = f"the ledger stands on {head[:_SHOWN] or 'nothing'}, which no object has as its digest: the newest"
        yield True, Finding("", None, f"{what} is not as it was, or gone; there is {newest}")


def _judge_orphaned(chain: Chain, evidence: Evidence, times: Times) -> Iterator[Judged]:
    epochs = {each.epoch: each.cycle_id for each in chain.objects}
    broken = {each.key for each in chain.breaks}
    again = {(each.cycle_id, each.epoch, each.part) for each in chain.objects if each.is_short}
    for each in chain.orphaned:
        if epochs.get(each.epoch, each.cycle_id) != each.cycle_id and len(chain.openings) == 1:
            yield True, Finding(each.key, 1, f"put in: epoch {each.epoch} is that of the run {epochs[each.epoch]}")
        elif each.key not in evidence.awaited and times.is_odd(each):
            yield True, Finding(each.key, 1, f"put in {_stored(each, evidence)}, after its day or its run")
        elif each.key not in broken:
            what = "its run ended before the commit, so nothing of it left; the next run decided again"
            if (each.cycle_id, each.epoch, each.part) in again:
                what = "stored, but no answer came: its run wrote it again without its bars"
            yield False, Finding(each.key, None, what)


def _list_vouched(chain: Chain, evidence: Evidence, times: Times) -> set[str]:
    """List the objects after which a run wrote one in its time, or owes one: such a run may have stored them.

    What is newer than the ledger vouches for nothing, nor does what stands beside the ledger's own chain.
    """
    vouched: set[str] = set()
    pieces = list(_cut(chain.objects))
    head = evidence.stored.ledger.audit_head if evidence.stored is not None and evidence.stored.ledger else ""
    ledgers = next((piece for piece in pieces if any(each.digest == head for each in piece)), None)
    for piece in pieces:
        is_vouched = False
        counts = ledgers is None or (piece is not ledgers and piece[-1].cycle_id < ledgers[0].cycle_id)
        for each in reversed(piece):
            counts = counts or (piece is ledgers and each.digest == head)
            is_vouched = is_vouched or (counts and (each.key in evidence.awaited or not times.is_odd(each)))
            if is_vouched:
                vouched.add(each.key)
    return vouched


def _cut(objects: Sequence[ChainObject]) -> Iterator[list[ChainObject]]:
    """Cut what stands one after the other where it does not follow."""
    piece: list[ChainObject] = []
    for each in objects:
        if piece and each.previous != piece[-1].digest:
            yield piece
            piece = []
        piece.append(each)
    if piece:
        yield piece


def _stored(each: ChainObject, evidence: Evidence) -> str:
    return show_when(evidence.history[each.key][0]) if each.key in evidence.history else "beside the ledger"
