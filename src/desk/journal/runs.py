"""The records run by run, newest first, and of each whether a ledger stood on it. No more is read than is asked for.

An object counts if a later one, or the ledger, names its digest. So each run is judged when the next older ones were
read too: names are in the order of the instants that runs are named after, and a late run wrote after a newer one.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any, Protocol

from desk.recovery.chain import Break, ChainObject, Recorded, parse_object
from desk.recovery.evidence import read_stamp
from trader.errors import MissingData
from trader.model.cycle_state import RunMark
from trader.model.events import EventKind
from trader.model.ids import CycleId, Instant, Scope, is_tick_id, utc_day

#: So many runs beyond the one in question are read to judge it.
_BESIDE = 2
#: How many runs are read at first, and at most, in one go.
_FIRST, _MOST = 8, 128
_RUN = re.compile(r".*/dt=(\d{4}-\d\d-\d\d)/(\d{8}T\d{6}Z.*)-(\d{8,})-[a-z]+\d*(?:-short)?\.jsonl")
_DECISION, _OUTCOME = "decision", "outcome"


class DayReader(Protocol):
    """Where the objects of a scope are found, day by day. Raises: AuditError."""

    def list_days(self, scope: Scope) -> list[str]:
        """List the days of which there are objects."""

    def list_keys(self, scope: Scope, day: str) -> list[str]:
        """List the keys of the objects of a day."""

    def read_texts(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Read these objects."""


class Standing(StrEnum):
    """Whether a ledger stood on a record."""

    COMMITTED = "committed"
    OPEN = "open"
    ORPHANED = "orphaned"
    UNFOLLOWED = "unfollowed"


#: What is said of a record that no ledger is known to have stood on.
STANDINGS: Mapping[Standing, str] = {
    Standing.COMMITTED: "",
    Standing.OPEN: "no ledger stands on it yet: a run is at work, or died",
    Standing.ORPHANED: "no ledger ever stood on it: its run died or lost its lease, and nothing of it counts",
    Standing.UNFOLLOWED: "neither a ledger nor a later record names it; trader audit verify says more",
}


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What one invocation wrote: its objects in the order of writing, without those that no ledger stood on.

    Of a run nothing of which counts all is there, and ``standing`` says so.
    """

    cycle_id: CycleId
    epoch: int
    objects: tuple[ChainObject, ...]
    standing: Standing = Standing.COMMITTED

    @property
    def at(self) -> Instant:
        """The instant it is named after: of a tick, when it was scheduled."""
        return read_stamp(self.cycle_id)

    @property
    def is_cycle(self) -> bool:
        """Whether a tick decided in it, or abstained; one that only finished what another had decided did neither."""
        decides = self.list_events(EventKind.INPUTS_GATHERED, EventKind.CYCLE_SETTLED)
        return is_tick_id(self.cycle_id) and next(decides, None) is not None

    @property
    def counts(self) -> bool:
        """Whether what it decided may be told as what the system did."""
        return self.standing is not Standing.ORPHANED

    def list_events(self, *kinds: EventKind) -> Iterator[Recorded]:
        """List the events of these kinds, in the order of writing."""
        return (event for each in self.objects for event in each.events if event.kind in kinds)

    def find_body(self, kind: EventKind) -> Mapping[str, Any]:
        """Return the body of the first event of a kind; an empty one if there is none."""
        return next((event.body for event in self.list_events(kind)), {})


@dataclass(slots=True)
class Journal:
    """The runs of a scope, and what was met on the way to them.

    ``head`` is the digest that the ledger names as the newest, None if there is no ledger; ``last_run`` is how the last
    run ended, as the ledger remembers it. ``broken`` grows with what cannot be read, ``objects_read`` counts.
    """

    reader: DayReader
    scope: Scope
    owed: Mapping[str, str] = field(default_factory=dict)
    head: str | None = None
    last_run: RunMark | None = None
    broken: list[Break] = field(default_factory=list)
    objects_read: int = 0

    def iterate_runs(self, until: Instant | None = None, since: Instant | None = None) -> Iterator[RunRecord]:
        """Yield the runs from *since* on, those at or before *until*, newest first."""
        judge = _Judge(self.head)
        waiting: deque[list[ChainObject]] = deque()
        for objects in self._read_runs(until, since):
            judge.take(objects)
            waiting.append(objects)
            if len(waiting) > _BESIDE:
                yield from _within(judge.judge(waiting.popleft()), until, since)
        while waiting:
            yield from _within(judge.judge(waiting.popleft()), until, since)

    def iterate_cycles(self, until: Instant | None = None, since: Instant | None = None) -> Iterator[RunRecord]:
        """Yield what ticks decided, newest first, without what no ledger stood on."""
        return (each for each in self.iterate_runs(until, since) if each.is_cycle and each.counts)

    def find_newest(self) -> Instant | None:
        """Return the instant of the newest run on record; None if there is none."""
        known = len(self.broken)
        newest = next(self._list_runs(None, None), None)
        del self.broken[known:]
        return None if newest is None else read_stamp(_name(newest[0])[0])

    def explain_nothing(self, told: str) -> MissingData:
        """Say that nothing was found, and whether that is because what is there cannot be read."""
        if self.broken:
            told += f"; of what is there {len(self.broken)} cannot be read: trader audit verify says more"
        else:
            told += "; trader cycle and trader run make some"
        return MissingData(told)

    def _read_runs(self, until: Instant | None, since: Instant | None) -> Iterator[list[ChainObject]]:
        """Read the runs, a few at a time and then more, and some on either side of what is asked for."""
        size, beyond = _FIRST, 0
        batch: list[list[str]] = []
        for keys in self._list_runs(until, since):
            batch.append(keys)
            beyond += since is not None and read_stamp(_name(keys[0])[0]) < since
            if len(batch) >= size or beyond > _BESIDE:
                yield from self._parse(batch)
                size, batch = min(size * 2, _MOST), []
            if beyond > _BESIDE:
                return
        yield from self._parse(batch)

    def _list_runs(self, until: Instant | None, since: Instant | None) -> Iterator[list[str]]:
        """List the keys of each run, newest first; of those after *until* the few next to it."""
        last = utc_day(until) if until is not None else "9999"
        first = utc_day(Instant(since - 86_400)) if since is not None else ""
        owed = sorted({key.split("/")[1].removeprefix("dt=") for key in self.owed if "/" in key})
        days = sorted({*self.reader.list_days(self.scope), *owed})
        later = [day for day in days if day > last][:1]
        after: list[list[str]] = []
        for day in [*later, *(day for day in reversed(days) if first <= day <= last)]:
            for keys in self._list_day(day):
                if until is not None and read_stamp(_name(keys[0])[0]) > until:
                    after.append(keys)
                    continue
                yield from after[-_BESIDE:]
                after = []
                yield keys

    def _list_day(self, day: str) -> list[list[str]]:
        folder = f"scope={self.scope}/dt={day}/"
        keys = {*self.reader.list_keys(self.scope, day), *(key for key in self.owed if key.startswith(folder))}
        named = [key for key in keys if _RUN.fullmatch(key)]
        self.broken += [Break(key, f"{key} is not the name of an audit object") for key in sorted(keys - {*named})]
        ordered = sorted(named, key=lambda key: (*_name(key), key), reverse=True)
        return [list(group) for _, group in groupby(ordered, key=_name)]

    def _parse(self, runs: Sequence[Sequence[str]]) -> Iterator[list[ChainObject]]:
        keys = [key for run in runs for key in run]
        stored = self.reader.read_texts([key for key in keys if key not in self.owed])
        self.objects_read += len(stored)
        for run in runs:
            texts = ((key, self.owed.get(key) or stored[key]) for key in run)
            parsed = (parse_object(key, text, self.broken) for key, text in texts)
            if objects := [each for each in parsed if each is not None]:
                yield objects


def _name(key: str) -> tuple[str, int]:
    """Return the run that a key belongs to, and its epoch."""
    found = _RUN.fullmatch(key)
    return (found[2], int(found[3])) if found is not None else ("", 0)


def _within(run: RunRecord, until: Instant | None, since: Instant | None) -> Iterator[RunRecord]:
    if (until is None or run.at <= until) and (since is None or run.at >= since):
        yield run


class _Judge:
    """Tells what counts: an object does whose digest a later one, or the ledger, names."""

    def __init__(self, head: str | None) -> None:
        self._head = head
        self._named = {head} if head else set()
        self._rivals: dict[str, list[ChainObject]] = {}
        self._is_newest = head is not None

    def take(self, objects: Sequence[ChainObject]) -> None:
        for each in objects:
            self._named.add(each.previous)
            self._rivals.setdefault(each.previous, []).append(each)

    def judge(self, objects: Sequence[ChainObject]) -> RunRecord:
        ordered = sorted(objects, key=lambda each: (_rank(each.part), each.is_short))
        told = [(each, self._judge(each)) for each in ordered]
        self._is_newest = self._is_newest and all(standing is Standing.OPEN for _, standing in told)
        kept = [each for each, standing in told if standing is not Standing.ORPHANED]
        standings = [standing for each, standing in told if each in kept]
        first = ordered[0]
        if not kept:
            return RunRecord(first.cycle_id, first.epoch, tuple(ordered), Standing.ORPHANED)
        return RunRecord(first.cycle_id, first.epoch, tuple(kept), standings[0])

    def _judge(self, each: ChainObject) -> Standing:
        if each.digest in self._named:
            return Standing.COMMITTED
        rivals = [other for other in self._rivals[each.previous] if other.digest != each.digest]
        if any(other.digest in self._named or other.epoch > each.epoch for other in rivals):
            return Standing.ORPHANED
        return Standing.OPEN if self._is_newest else Standing.UNFOLLOWED


def _rank(part: str) -> tuple[int, int, str]:
    """Put decision, turns and outcome in the order of writing."""
    number = part.lstrip("abcdefghijklmnopqrstuvwxyz")
    return {_DECISION: 0, _OUTCOME: 2}.get(part, 1), int(number or 0), part
