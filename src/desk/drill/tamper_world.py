"""The audit that `make tamper-drill` tampers with: a day and a half of round trips, as production writes them.

On the way two runs die before they commit, and for an hour the audit cannot be written: what such a history looks like
is honest, and must not be taken for a forgery.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass

from desk.drill.growth_trades import PLAYED, PaperWorld
from desk.drill.growth_world import SCOPE
from desk.in_memory import InMemoryAuditLog
from trader.errors import AuditError
from trader.model.codec import canonical_json
from trader.model.events import AuditText, OwedRecord
from trader.model.ids import Instant, utc_day
from trader.ports import Clock
from trader.settings import Settings

#: Cycles, four of each round trip; the day changes in the middle of them.
CYCLES = 80
#: Before these cycles a run died, and in these the audit cannot be written.
_KILLED, _DOWN = (9, 61), range(20, 27)
#: Before this cycle the books are as if their last checkpoint were of the month before: its run writes one.
_MONTH = 40


class KeptAudit(InMemoryAuditLog):
    """An audit that knows when each object was written, and that cannot be written while it is down."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.written: dict[str, Instant] = {}
        self.owed: list[str] = []
        self.is_down = False

    def write(self, record: AuditText, *, urgent: bool = False) -> str:
        if self.is_down:
            raise AuditError("the audit cannot be written")
        digest = super().write(record, urgent=urgent)
        self.written.setdefault(record.key, self._clock.now())
        if isinstance(record, OwedRecord):
            self.owed.append(record.key)
        return digest


class TamperWorld(PaperWorld):
    """Round trips whose audit is kept."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, CYCLES)
        self.audit, self.killed = KeptAudit(self.clock), list[str]()

    def open_audit(self) -> InMemoryAuditLog:
        return self.audit

    def play_next(self, number: int) -> None:
        if number in _KILLED:
            self._play_killed(number)
        if number == _MONTH:
            self._forget_checkpoint()
        self.audit.is_down = number in _DOWN
        super().play_next(number)

    def _forget_checkpoint(self) -> None:
        item = json.loads(self.store.texts[SCOPE])
        item["ledger"]["checkpoint"] = "2026-10"
        self.store.texts[SCOPE] = canonical_json(item)

    def _play_killed(self, number: int) -> None:
        """Let a run write its record and die: the lease was taken, nothing was committed, nothing was sent."""
        assert PLAYED[number % len(PLAYED)] == PLAYED[1], "in this cycle of a round trip nothing is sent"
        store, before = self.store, set(self.audit.texts)
        self.store = copy.deepcopy(store)
        super().play_next(number)
        self.store = store
        self.killed += set(self.audit.texts) - before
        now = self.clock.now()
        store.release(store.acquire(SCOPE, "killed", now, self.step))


@dataclass(frozen=True, slots=True)
class Written:
    """An audit as it was written: its objects, when each was stored, the ledger's item, and the day that is over.

    ``checkpoints`` stand beside it. ``odd`` are the objects of runs that died and those that were stored late: out of
    the ordinary, and honest.
    """

    texts: Mapping[str, str]
    checkpoints: Mapping[str, str]
    stored_at: Mapping[str, Instant]
    item: str
    first_day: str
    ended_at: Instant
    odd: frozenset[str]


def write_history(settings: Settings) -> Written:
    """Play the whole of it. Raises: RuntimeError if it was not what it should be."""
    world = TamperWorld(settings)
    world.set_up()
    for number in range(CYCLES):
        world.play_next(number)
    if world.venue.sent < CYCLES // len(PLAYED):
        raise RuntimeError(f"{world.venue.sent} orders were sent in {CYCLES} cycles")
    checkpoints = {key: text for key, text in world.audit.texts.items() if key.startswith("checkpoints/")}
    if len(checkpoints) != 1:
        raise RuntimeError(f"{len(checkpoints)} checkpoints were written in {CYCLES} cycles")
    return Written(
        texts={key: text for key, text in world.audit.texts.items() if key not in checkpoints},
        checkpoints=checkpoints,
        stored_at=dict(world.audit.written),
        item=world.store.texts[SCOPE],
        first_day=utc_day(world.instant(0)),
        ended_at=world.clock.now(),
        odd=frozenset(world.audit.owed) | frozenset(world.killed),
    )
