"""What can be done to an audit by somebody with any rights on its bucket and on the ledger.

A way changes texts and says where: the key, and the line. What is gone has the number it had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from desk.recovery.chain import read_chain
from trader.model.codec import canonical_json, sha256_hex

Texts = dict[str, str]
#: Changes the texts at one key and says in which line.
Way = Callable[[Texts, str], int]


def edit(texts: Texts, key: str) -> int:
    """Put another number into the middle line."""
    lines = texts[key].splitlines()
    at = len(lines) // 2
    event = json.loads(lines[at])
    event["at"] += 1
    lines[at] = canonical_json(event)
    texts[key] = _join(lines)
    return at + 1


def delete_line(texts: Texts, key: str) -> int:
    """Take the middle line out."""
    lines = texts[key].splitlines()
    del lines[len(lines) // 2]
    at = len(texts[key].splitlines()) // 2
    texts[key] = _join(lines)
    return at + 1


def insert_line(texts: Texts, key: str) -> int:
    """Put a line in that looks like the one before it."""
    lines = texts[key].splitlines()
    at = len(lines) // 2
    event = json.loads(lines[at])
    event["id"] = sha256_hex("put in")[:24]
    lines.insert(at, canonical_json(event))
    texts[key] = _join(lines)
    return at + 1


def reorder_lines(texts: Texts, key: str) -> int:
    """Exchange two lines."""
    lines = texts[key].splitlines()
    at = len(lines) // 2
    lines[at - 1], lines[at] = lines[at], lines[at - 1]
    texts[key] = _join(lines)
    return at


def truncate(texts: Texts, key: str) -> int:
    """Leave the end away."""
    lines = texts[key].splitlines()
    kept = len(lines) // 2
    texts[key] = _join(lines[:kept])
    return kept + 1


def delete_object(texts: Texts, key: str) -> int:
    """Take the object away."""
    del texts[key]
    return 1


def insert_object(texts: Texts, key: str) -> int:
    """Put an object in beside another one, as the run before its epoch could have left it."""
    head, tail = key.rsplit("-", 1)
    run, epoch = head.rsplit("-", 1)
    name = f"{run}-{int(epoch) - 1:0{len(epoch)}}-forged{tail.removeprefix(tail.split('.')[0])}"
    header, *lines = texts[key].splitlines()
    texts[name] = _join([canonical_json({**json.loads(header), "key": name}), *lines])
    return 1


def exchange_objects(texts: Texts, key: str) -> int:
    """Exchange the contents of two objects."""
    other = next(each for each in sorted(texts) if each > key)
    texts[key], texts[other] = texts[other], texts[key]
    return 1


def edit_books(texts: Texts, key: str) -> int:
    """Put another capital into a checkpoint."""
    plain = json.loads(texts[key])
    plain["ledger"]["capital"] += "0"
    texts[key] = canonical_json(plain)
    return 1


def empty_books(texts: Texts, key: str) -> int:
    """Take the lots out of a checkpoint, and its place in the chain."""
    plain = json.loads(texts[key])
    plain["ledger"]["audit_head"], plain["ledger"]["lots"] = "", {}
    texts[key] = canonical_json(plain)
    return 1


@dataclass(frozen=True, slots=True)
class Forged:
    """A forged audit: its texts, where it was forged, and the head that the ledger was given."""

    texts: Mapping[str, str]
    key: str
    line: int
    head: str


WAYS: Sequence[Way] = (
    edit,
    delete_line,
    insert_line,
    reorder_lines,
    truncate,
    delete_object,
    insert_object,
    exchange_objects,
)
#: Those that leave something to be chained anew.
CHAINED: Sequence[Way] = (edit, delete_line, insert_line, reorder_lines, truncate, delete_object)

#: What can be done to a checkpoint, which has one line and stands beside the chain.
BESIDE: Sequence[Way] = (edit_books, empty_books, delete_object)


def forge(texts: Mapping[str, str], key: str, way: Way, *, chains: bool) -> Forged:
    """Change an audit in one way, and if asked to, write all that follows anew so that its chain is sound."""
    before, changed = dict(texts), dict(texts)
    line = way(changed, key)
    place = next(iter(changed.keys() - before.keys()), key)
    chain = read_chain(before)
    if not chains:
        return Forged(changed, place, line, chain.head)
    previous, followed = "", False
    for each in chain.objects:
        if each.key == key:
            followed = True
        if each.key in changed:
            if followed:
                changed[each.key] = _follow(changed[each.key], previous)
            previous = sha256_hex(changed[each.key])
    return Forged(changed, place, line, previous)


def _follow(text: str, previous: str) -> str:
    header, *lines = text.splitlines()
    return _join([canonical_json({**json.loads(header), "previous": previous}), *lines])


def _join(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
