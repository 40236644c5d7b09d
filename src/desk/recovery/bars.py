"""The bars that decisions were made from, put together again from what each record has of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from desk.recovery.chain import Chain, Recorded
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
    """Return what each decision read, in the order of the chain; each series has the digest that its decision names."""
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
            elif event.kind == EventKind.BARS_OMITTED:
                known.clear()
    if awaited is not None:
        yield _conclude(*awaited, known)


def _conclude(cycle_id: CycleId, inputs: Recorded, known: dict[str, Bars]) -> RecordedBars:
    told = {**inputs.body["bars"], BENCHMARK: inputs.body["benchmark"]}
    # Anything else is the reason why there was no series.
    digests = {name: digest for name, digest in told.items() if isinstance(digest, str) and _is_digest(digest)}
    found = {name: known[name] for name, digest in digests.items() if name in known and known[name].digest == digest}
    # What was not read is not followed any more, and one that is not what was read is of no use.
    for name in known.keys() - found.keys():
        del known[name]
    return RecordedBars(cycle_id, found, tuple(sorted(digests.keys() - found.keys())))


def _extend(known: dict[str, Bars], event: Recorded) -> None:
    body = event.body
    name, granularity = str(body["series"]), Granularity(body["granularity"])
    columns = {column: tuple(map(float, str(body[column]).split())) for column in _COLUMNS}
    begins, first = int(body["begins"]), int(body["from"])
    if first > begins and name in known:
        before = known[name]
        place = (begins - before.start[0]) // granularity.seconds
        columns = {column: getattr(before, column)[max(place, 0) :] + columns[column] for column in _COLUMNS}
    starts = tuple(begins + granularity.seconds * index for index in range(len(columns["close"])))
    known[name] = Bars(granularity, starts, **columns, filled=int(body["filled"]))


def _is_digest(text: str) -> bool:
    return len(text) == _DIGEST_LENGTH and set(text) <= set("0123456789abcdef")
