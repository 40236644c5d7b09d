"""A market of many months on which one lot is held without a limit, and an audit that forgets what is old.

Records end by their age as the bucket's rule has it; checkpoints stay. Beside the lot, round trips come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Self

from desk.drill.growth import make_settings
from desk.drill.growth_trades import propose_purchase
from desk.drill.growth_world import SCOPE, GrowthWorld, make_flat_bar
from desk.in_memory import InMemoryAuditLog, InMemoryStateStore
from desk.recovery.store import RecoveryStores
from simulation.recovery_world import InMemoryLedgerItems
from trader.errors import AuditError
from trader.model.decisions import Denial, TradeProposal
from trader.model.events import AuditText, CheckpointRecord
from trader.model.ids import Scope, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.lots import GeneralExit, Lot
from trader.model.market import BarsNeeded, Candle
from trader.settings.policy import StrategySettings

HOLDER, TRADER = StrategyId("holder"), StrategyId("trader")
DAY_PERIODS, DAY_SECONDS = 288, 86_400
LOW, IDLE, HIGH = 100.0, 101.0, 102.0
SET_UP = 6
#: Every so many days a round trip begins, in the middle of the day; of it these periods are played.
TRIP_DAYS, TRIP, _RISE, PLAYED = 9, 144, 6, (0, 2, 7, 8, 20)


@dataclass(frozen=True, slots=True)
class Holder:
    """Buys once, and lets nothing but the stop end it."""

    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = frozenset()

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Buy what it does not have."""
        if context.lots:
            return []
        return [
            replace(
                propose_purchase(each.product, stop_pct=20, target_pct=100, hold_hours=1),
                strategy=HOLDER,
                max_hold_hours=None,
            )
            for each in context.candidates.values()
        ]


@dataclass(frozen=True, slots=True)
class Trader:
    """Buys at the low price and sells at the high one."""

    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = frozenset(GeneralExit)

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Look at the last close."""
        if context.lots:
            held = {product_id: each.bars for product_id, each in context.held.items()}
            sold = (lot for lot in context.lots if (bars := held[lot.product_id]) and bars.close[-1] >= HIGH)
            return [TradeProposal.sell(lot, "the price is high") for lot in sold]
        return [
            replace(propose_purchase(each.product, stop_pct=6, target_pct=12, hold_hours=48), strategy=TRADER)
            for each in context.candidates.values()
            if each.bars.close[-1] <= LOW
        ]


class Death(StrEnum):
    """Where the run that writes a checkpoint dies."""

    NOWHERE = "nowhere"
    BEFORE = "before it is written"
    AFTER = "after it is written"
    BESIDE = "after the record that names it"


class MortalAudit(InMemoryAuditLog):
    """An audit in which checkpoints may be refused, and at which a run can be made to die.

    ``tries`` has, of each checkpoint that was tried, what *count* said then, and whether it was urgent.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        super().__init__()
        self.refuses, self.death = False, Death.NOWHERE
        self.tries: list[tuple[int, bool]] = []
        self._count = count

    def write(self, record: AuditText, *, urgent: bool = False) -> str:
        if not isinstance(record, CheckpointRecord):
            digest = super().write(record, urgent=urgent)
            if self.death is Death.BESIDE and "CheckpointWritten" in record.text():
                raise KilledError
            return digest
        self.tries.append((self._count(), urgent))
        if self.refuses:
            raise AuditError("the bucket takes no checkpoint")
        if self.death is Death.BEFORE:
            raise KilledError
        digest = super().write(record, urgent=urgent)
        if self.death is Death.AFTER:
            raise KilledError
        return digest


class KilledError(Exception):
    """Stands for a process that is gone."""


class CheckpointWorld(GrowthWorld):
    """One cycle a day and a few around each round trip; records are kept for so many days."""

    def __init__(self, days: int, retention_days: int) -> None:
        section = StrategySettings(Decimal(40), 1, None, enabled=True)
        settings = replace(make_settings(), strategies={HOLDER: section, TRADER: section})
        strategies = {HOLDER: Holder(), TRADER: Trader()}
        self.audit, self._retention_days = MortalAudit(lambda: self.venue.sent), retention_days
        super().__init__(settings, self._make_bar, (days + 1) * DAY_PERIODS + SET_UP, strategies)

    def open_audit(self) -> InMemoryAuditLog:
        return self.audit

    def set_up(self) -> None:
        for period in range(SET_UP):
            self.play(period)

    def play_next(self, number: int) -> None:
        """Play a day."""
        begin = SET_UP + number * DAY_PERIODS
        self.play(begin)
        for place in PLAYED if is_trip(number) else ():
            self.play(begin + TRIP + place)
        self.end_records()

    def play_days(self, first: int, end: int) -> Self:
        """Play these days one after the other."""
        for number in range(first, end):
            self.play_next(number)
        return self

    def check(self, cycles: int) -> None:
        if HOLDER not in {lot.strategy for lot in self.ledger().lots.values()}:
            raise RuntimeError(f"the lot is gone after {cycles} days")

    def end_records(self) -> None:
        """Let records end that are older than they are kept, by whole days, as the rule of the bucket does."""
        oldest = datetime.fromtimestamp(self.clock.now() - self._retention_days * DAY_SECONDS, UTC).date().isoformat()
        ended = [key for key in self.records() if key.split("dt=")[1][: len(oldest)] < oldest]
        for key in ended:
            del self.audit.texts[key]

    def records(self) -> Mapping[str, str]:
        """The records of the chain."""
        return {key: text for key, text in self.audit.texts.items() if key.startswith("scope=")}

    def checkpoints(self) -> Mapping[str, str]:
        """The checkpoints beside it."""
        return {key: text for key, text in self.audit.texts.items() if key.startswith("checkpoints/")}

    def recovery(
        self, records: Mapping[str, str] | None = None, checkpoints: Mapping[str, str] | None = None
    ) -> RecoveryStores:
        """Everything that a recovery touches, with an empty table; other *records* and *checkpoints* if given."""
        store = InMemoryStateStore()
        reader = _Reader(
            self.records() if records is None else records, self.checkpoints() if checkpoints is None else checkpoints
        )
        return RecoveryStores(
            settings=self.settings,
            scope=SCOPE,
            owner="operator",
            store=store,
            items=InMemoryLedgerItems(store),  # type: ignore[arg-type]
            audit=self.audit,
            reader=reader,
            exchange=self.venue,  # type: ignore[arg-type]
            clock=self.clock,
        )

    def _make_bar(self, period: int, start: int) -> Candle:
        # A cycle sees the bar before its own period.
        day, place = divmod(period + 1 - SET_UP, DAY_PERIODS)
        place -= TRIP
        if not is_trip(day) or not 0 <= place < 2 * TRIP // 3:
            return make_flat_bar(IDLE, 2000.0, start)
        price = LOW if place < _RISE else HIGH
        return Candle(start, price, price, price - 1 if price == LOW else price, price, 2000.0)


@dataclass(frozen=True, slots=True)
class _Reader:
    records: Mapping[str, str]
    beside: Mapping[str, str]

    def texts(self, _: Scope) -> Mapping[str, str]:
        return self.records

    def checkpoints(self, _: Scope) -> Mapping[str, str]:
        return self.beside


def is_trip(day: int) -> bool:
    """Whether a round trip begins on a day."""
    return day > 0 and day % TRIP_DAYS == 0


def find_lot(world: CheckpointWorld) -> Lot:
    """The lot that is held without a limit."""
    (lot,) = (lot for lot in world.ledger().lots.values() if lot.strategy == HOLDER)
    return lot
