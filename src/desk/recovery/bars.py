"""The bars that decisions were made from, put together again from what each record has of them."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from desk.recovery.chain import UNREADABLE, Chain, Recorded
from trader.model.events import EventKind
from trader.model.ids import CycleId
from trader.model.market import Bars, Granularity
from trader.stages.audit_record import BENCHMARK

_COLUMNS = ("open", "high", "low", "close", "volume")
_DIGEST_LENGTH = 64


@dataclass(frozen=True, slots=True)
class RecordedBars:
    """The series of one decision, as far as they could be put together; ``missing`` names those that could not."""

    cycle_id: CycleId
    series: Mapping[str, Bars]
    missing: tuple[str, ...]


def read_bars(chain: Chain) -> Iterator[RecordedBars]:
    """Return what each decision read, in the order of the chain; each series has the digest that its decision names.

    What is known of a series stands until it begins anew: a run that read none of it, or died before it wrote it down,
    changes nothing of what the next one goes on from. The digest says whether it fits.
    """
    known: dict[str, Bars] = {}
    awaited: tuple[CycleId, Recorded] | None = None
    for each in chain.objects:
        for event in each.events:
            if event.kind == EventKind.INPUTS_GATHERED:
                if awaited is not None:
                    yield _conclude(*awaited, known)
                awaited = each.cycle_id, event
            elif event.kind == EventKind.BARS_READ:
                _extend(known, event)
    if awaited is not None:
        yield _conclude(*awaited, known)


def _conclude(cycle_id: CycleId, inputs: Recorded, known: Mapping[str, Bars]) -> RecordedBars:
    told = inputs.body.get("bars"), inputs.body.get("benchmark")
    if not isinstance(told[0], dict):
        return RecordedBars(cycle_id, {}, ("bars",))
    # Anything else is the reason why there was no series.
    digests = {name: digest for name, digest in {**told[0], BENCHMARK: told[1]}.items() if _is_digest(digest)}
    found = {name: known[name] for name, digest in digests.items() if name in known and known[name].digest == digest}
    return RecordedBars(cycle_id, found, tuple(sorted(digests.keys() - found.keys())))


def _extend(known: dict[str, Bars], event: Recorded) -> None:
    """Put bars to those before them. What cannot be read is no bar: then the digest does not fit."""
    with contextlib.suppress(*UNREADABLE, struct.error):
        name, bars = _follow(known, event.body)
        assert bars.digest, "numbers and lengths that have none raise"
        known[name] = bars


def _follow(known: Mapping[str, Bars], body: Mapping[str, Any]) -> tuple[str, Bars]:
    name, granularity = str(body["series"]), Granularity(body["granularity"])
    columns = {column: tuple(map(float, str(body[column]).split())) for column in _COLUMNS}
    begins, first = int(body["begins"]), int(body["from"])
    if first > begins:
        before = known[name]
        place, end = ((at - before.start[0]) // granularity.seconds for at in (begins, first))
        columns = {column: getattr(before, column)[max(place, 0) : end] + columns[column] for column in _COLUMNS}
    starts = tuple(begins + granularity.seconds * index for index in range(len(columns["close"])))
    return name, Bars(granularity, starts, **columns, filled=int(body["filled"]))


def _is_digest(text: object) -> bool:
    return isinstance(text, str) and len(text) == _DIGEST_LENGTH and set(text) <= set("0123456789abcdef")
