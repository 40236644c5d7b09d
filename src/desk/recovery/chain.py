"""The audit as one sequence: every object in the order of the chain, and whatever is wrong with the chain.

An object names the digest of the one before it. Two that name the same one are rivals: the invocation with the lower
epoch lost its lease, or died, before it could commit, so no ledger ever stood on its object and it is put aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from trader.errors import AuditError, MalformedData
from trader.model.codec import sha256_hex
from trader.model.events import EventKind
from trader.model.ids import CycleId, Instant, Scope
from trader.model.schema import is_schema_1, upgrade_event
from trader.ports import name_audit_object

_RUN = r"\d{8}T\d{6}Z(?:(?:-[a-z_]+)+(?:\.[0-9a-f]+)?)?"
_KEY = re.compile(rf"scope=([^/]+)/dt=\d{{4}}-\d\d-\d\d/({_RUN})-(\d{{8,}})-([a-z]+\d*)(-short)?\.jsonl")
_STAMP, _STAMP_LENGTH = "%Y%m%dT%H%M%SZ", 16
#: What can be raised by a text that is no record, however it came about.
UNREADABLE = (MalformedData, ValueError, LookupError, TypeError, OverflowError, RecursionError)
_SHOWN = 12
#: So begins what stands for bytes that are no text.
NO_TEXT = "no text: "
_KINDS: frozenset[str] = frozenset(EventKind)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as it was written down."""

    kind: str
    at: Instant
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChainObject:
    """One object of the audit: its place in the chain, who wrote it, and what it says."""

    key: str
    digest: str
    previous: str
    cycle_id: CycleId
    epoch: int
    part: str
    events: tuple[Recorded, ...]

    @property
    def is_short(self) -> bool:
        """Whether it was owed without its bars. The whole of it may lie beside it, if only the answer was lost."""
        return self.key.endswith("-short.jsonl")

    def known_events(self) -> tuple[Recorded, ...]:
        """Return the events of kinds that this release knows; those of a newer one tell it nothing."""
        return tuple(event for event in self.events if event.kind in _KINDS)


@dataclass(frozen=True, slots=True)
class Break:
    """Something that is wrong with a chain: at which object it shows, in which line if that is known, and what."""

    key: str
    told: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """The whole audit of one scope.

    ``orphaned`` are objects that no ledger stood on. ``openings`` are the keys at which the books began, which is once
    unless a ledger was lost and nobody noticed. ``breaks`` is empty in a sound chain.
    """

    objects: tuple[ChainObject, ...] = ()
    orphaned: tuple[ChainObject, ...] = ()
    openings: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, a line each."""
        return tuple(each.told for each in self.breaks)

    @property
    def head(self) -> str:
        """Digest of the newest object; empty if there is none."""
        return self.objects[-1].digest if self.objects else ""

    @property
    def epoch(self) -> int:
        """The highest epoch that ever wrote."""
        return max((each.epoch for each in (*self.objects, *self.orphaned)), default=0)

    @property
    def began_at(self) -> Instant | None:
        """When the oldest record was written; None if there is none."""
        return min((event.at for each in self.objects for event in each.events), default=None)

    def verify(self, *, broken_ok: bool = False) -> Chain:
        """Return this chain. Raises: AuditError naming the first break, unless breaks are taken as they are."""
        if self.problems and not broken_ok:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise AuditError(f"the audit chain is broken: {self.problems[0]}{more}")
        return self


def read_chain(texts: Mapping[str, str]) -> Chain:
    """Put the objects in the order of the chain, and name every break.

    A changed object shows at the one after it, which names another digest. The newest object has none after it: only
    the ledger vouches for that one.
    """
    breaks: list[Break] = []
    every = [found for key, text in sorted(texts.items()) if (found := parse_object(key, text, breaks)) is not None]
    digests = {each.digest for each in every}
    after: dict[str, list[ChainObject]] = {}
    for each in every:
        after.setdefault(each.previous, []).append(each)
    openings, rivals = _openings(after.get("", []), after)
    objects: list[ChainObject] = []
    orphaned = list(rivals)
    lost = {each.previous: None for each in every if each.previous and each.previous not in digests}
    # What two of them follow may have ended by its age: they are rivals as if it were there.
    gaps = [heir for name in lost if (heir := _choose_heir(after[name], after, orphaned, breaks)) is not None]
    breaks += [
        Break(each.key, f"{each.key} follows {each.previous[:_SHOWN]}, which no object has as its digest")
        for each in gaps
    ]
    if every and not openings:
        oldest = min(gaps or every, key=_place).key
        breaks.append(Break(oldest, f"no object begins the chain; the oldest is {oldest}"))
    for start in sorted([*openings, *gaps], key=_place):
        _walk(start, after, objects, orphaned, breaks)
    return Chain(tuple(objects), tuple(orphaned), tuple(each.key for each in openings), tuple(breaks))


def _place(each: ChainObject) -> tuple[str, int, str, bool]:
    return each.cycle_id, each.epoch, each.part, each.is_short


def _walk(
    start: ChainObject,
    after: Mapping[str, Sequence[ChainObject]],
    objects: list[ChainObject],
    orphaned: list[ChainObject],
    breaks: list[Break],
) -> None:
    at: ChainObject | None = start
    while at is not None:
        objects.append(at)
        at = _choose_heir(after.get(at.digest, ()), after, orphaned, breaks)


def _choose_heir(
    heirs: Sequence[ChainObject],
    after: Mapping[str, Sequence[ChainObject]],
    orphaned: list[ChainObject],
    breaks: list[Break],
) -> ChainObject | None:
    if not heirs:
        return None
    # What others follow was committed, whatever epoch somebody gives to an object that he puts in beside it.
    *rivals, heir = sorted(heirs, key=lambda each: (each.digest in after, each.epoch, each.is_short))
    for rival in rivals:
        orphaned.append(rival)
        if rival.digest in after or not _is_given_up(rival, heir):
            told = f"{rival.key} and {heir.key} both follow {rival.previous[:_SHOWN]}"
            breaks.append(Break(rival.key, told))
    return heir


def _is_given_up(rival: ChainObject, heir: ChainObject) -> bool:
    """Whether a later run decided again, or the same one wrote it again without its bars, for want of an answer."""
    is_again = (rival.cycle_id, rival.part) == (heir.cycle_id, heir.part) and heir.is_short
    return rival.epoch < heir.epoch or (rival.epoch == heir.epoch and is_again)


def _openings(
    firsts: Iterable[ChainObject], after: Mapping[str, Sequence[ChainObject]]
) -> tuple[list[ChainObject], list[ChainObject]]:
    """Tell first objects that ledgers stood on from those that a later epoch replaced before they counted.

    Epochs rise as long as the item lives. So a first object with a lower epoch than an earlier one means that the item
    was lost in between, and that both counted.
    """
    ordered = sorted(firsts, key=_place)
    kept: list[ChainObject] = []
    rivals: list[ChainObject] = []
    for index, each in enumerate(ordered):
        replaced = any(_is_given_up(each, later) for later in ordered[index + 1 :])
        (rivals if replaced and not after.get(each.digest) else kept).append(each)
    return kept, rivals


def _event(line: Mapping[str, Any], *, is_old: bool) -> Recorded:
    kind, body = str(line["event"]), line["body"]
    if not isinstance(body, dict):
        raise MalformedData(f"the body of {kind} must be an object, not {body!r:.80}")
    if is_old:
        kind, body = upgrade_event(kind, body)
    return Recorded(kind, Instant(int(line["at"])), body)


def read_object(body: bytes) -> str:
    """Read the bytes of an object. Any that are no text show as a change, not as an error, and as no other text."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        # No honest object begins so, and no two such bodies become the same text.
        return NO_TEXT + body.hex(" ")


def split_lines(text: str) -> list[str]:
    """Split a text at its newlines alone: what a person or a venue wrote may have what Python takes for other ends."""
    return text.removesuffix("\n").split("\n") if text else []


def _is_name(key: str, named: re.Match[str]) -> bool:
    """Whether it is the only name of its object: of a day that there is, and in the folder of that day."""
    scope, cycle_id, epoch, part, short = named.groups()
    try:
        datetime.strptime(cycle_id[:_STAMP_LENGTH], _STAMP)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return key == name_audit_object(Scope(scope), CycleId(cycle_id), int(epoch), part + (short or ""))


def parse_object(key: str, text: str, breaks: list[Break]) -> ChainObject | None:
    """Read one object, wherever it stands in the chain; None, and why in *breaks*, if it is none."""
    named = _KEY.fullmatch(key)
    if named is None or not _is_name(key, named):
        breaks.append(Break(key, f"{key} is not the name of an audit object"))
        return None
    number = 1
    try:
        first, *lines = split_lines(text) or [""]
        header = json.loads(first)
        if header["event"] != "ObjectOpened" or header["key"] != key:
            breaks.append(Break(key, f"{key} says that it is {header['key']}", 1))
            return None
        is_old, previous, events = is_schema_1(header), str(header["previous"]), []
        for number, line in enumerate(lines, 2):  # noqa: B007 - the handler below names the line
            events.append(_event(json.loads(line), is_old=is_old))
    except UNREADABLE as error:
        breaks.append(Break(key, f"{key} cannot be read: {type(error).__name__}: {error}", number))
        return None
    _, cycle_id, epoch, part, _ = named.groups()
    return ChainObject(key, sha256_hex(text), previous, CycleId(cycle_id), int(epoch), part, tuple(events))


class AuditReader(Protocol):
    """Where the audit is read from."""

    def texts(self, scope: Scope) -> Mapping[str, str]:
        """Return every object of a scope by its key. Raises: AuditError."""

    def checkpoints(self, scope: Scope) -> Mapping[str, str]:
        """Return every checkpoint of a scope by its key. Raises: AuditError."""


class FolderAuditReader:
    """The audit of a FileAuditLog."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def texts(self, scope: Scope) -> Mapping[str, str]:
        return self.read_texts([key for day in self.list_days(scope) for key in self.list_keys(scope, day)])

    def checkpoints(self, scope: Scope) -> Mapping[str, str]:
        folder = f"checkpoints/scope={scope}"
        return self.read_texts(f"{folder}/{path.name}" for path in sorted((self._folder / folder).glob("*.json")))

    def list_days(self, scope: Scope) -> list[str]:
        """List the days of which there are objects. Raises: AuditError for what is no folder of them."""
        for each in (self._folder, self._folder / f"scope={scope}"):
            if each.exists() and not each.is_dir():
                raise AuditError(f"{each}: this is no folder of records")
        return sorted(each.name.removeprefix("dt=") for each in (self._folder / f"scope={scope}").glob("dt=*"))

    def list_keys(self, scope: Scope, day: str) -> list[str]:
        """List the keys of the objects of a day."""
        folder = f"scope={scope}/dt={day}"
        return [f"{folder}/{path.name}" for path in sorted((self._folder / folder).glob("*.jsonl"))]

    def read_texts(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Read these objects. Raises: AuditError."""
        try:
            return {key: read_object((self._folder / key).read_bytes()) for key in keys}
        except OSError as error:
            raise AuditError(f"{self._folder}: {error}") from error
