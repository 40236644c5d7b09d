"""A market of many months on which one lot is held without a limit, and an audit that forgets what is old.

Records end by their age as the bucket's rule has it; checkpoints stay. Beside the lot, round trips come and go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

from desk.drill.growth import make_settings
from desk.drill.growth_trades import propose_purchase
from desk.drill.growth_world import SCOPE, GrowthWorld, make_flat_bar
from desk.in_memory import InMemoryAuditLog
from desk.recovery.store import RecoveryStores
from simulation.recovery_world import InMemoryLedgerItems
from trader.errors import AuditError
from trader.model.codec import encode
from trader.model.decisions import Denial, TradeProposal
from trader.model.events import AuditText, CheckpointRecord
from trader.model.ids import Instant, Scope, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.lots import GeneralExit
from trader.model.market import BarsNeeded, Candle
from trader.settings.policy import StrategySettings

HOLDER, TRADER = StrategyId("holder"), StrategyId("trader")
DAY_PERIODS, DAY_SECONDS = 288, 86_400
LOW, IDLE, HIGH = 100.0, 101.0, 102.0
_SET_UP = 6
#: Every so many days a round trip begins, in the middle of the day; of it these periods are played.
_TRIP_DAYS, _TRIP, _RISE, _PLAYED = 9, 144, 6, (0, 2, 7, 8, 20)


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


class MortalAudit(InMemoryAuditLog):
    """An audit in which checkpoints may be refused, and at which a run can be made to die."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = self.dies_before = self.dies_after = False
        self.tried = 0

    def write(self, record: AuditText, *, urgent: bool = False) -> str:
        if not isinstance(record, CheckpointRecord):
            return super().write(record, urgent=urgent)
        self.tried += 1
        if self.refuses:
            raise AuditError("the bucket takes no checkpoint")
        if self.dies_before:
            raise KilledError
        digest = super().write(record, urgent=urgent)
        if self.dies_after:
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
        self.audit, self.days, self._retention_days = MortalAudit(), days, retention_days
        super().__init__(settings, self._make_bar, (days + 1) * DAY_PERIODS + _SET_UP, strategies)

    def open_audit(self) -> InMemoryAuditLog:
        return self.audit

    def set_up(self) -> None:
        for period in range(_SET_UP):
            self.play(period)

    def play_next(self, number: int) -> None:
        """Play a day."""
        begin = _SET_UP + number * DAY_PERIODS
        self.play(begin)
        if _is_trip(number):
            for place in _PLAYED:
                self.play(begin + _TRIP + place)
        self.end_records()

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

    def lose_table(self) -> None:
        """Lose the ledger and all that lies beside it."""
        self.store.texts.clear()
        self.store._fills.clear()
        self.store._finished.clear()

    def recovery(self) -> RecoveryStores:
        """Everything that a recovery touches."""
        return RecoveryStores(
            settings=self.settings,
            scope=SCOPE,
            owner="operator",
            store=self.store,
            items=InMemoryLedgerItems(self.store),  # type: ignore[arg-type]
            audit=self.audit,
            reader=_Reader(self),
            exchange=self.venue,  # type: ignore[arg-type]
            clock=self.clock,
        )

    def _make_bar(self, period: int, start: int) -> Candle:
        # A cycle sees the bar before its own period.
        day, place = divmod(period + 1 - _SET_UP, DAY_PERIODS)
        place -= _TRIP
        if not _is_trip(day) or not 0 <= place < 2 * _TRIP // 3:
            return make_flat_bar(IDLE, 2000.0, start)
        price = LOW if place < _RISE else HIGH
        return Candle(start, price, price, price - 1 if price == LOW else price, price, 2000.0)


class _Reader:
    def __init__(self, world: CheckpointWorld) -> None:
        self._world = world

    def texts(self, _: Scope) -> Mapping[str, str]:
        return self._world.records()

    def checkpoints(self, _: Scope) -> Mapping[str, str]:
        return self._world.checkpoints()


def _is_trip(day: int) -> bool:
    return day > 0 and day % _TRIP_DAYS == 0


def find_holding(world: CheckpointWorld) -> Instant:
    """When the lot was opened that is held without a limit."""
    (lot,) = (lot for lot in world.ledger().lots.values() if lot.strategy == HOLDER)
    assert lot.max_hold_until is None
    return lot.opened_at


def plain(value: object) -> object:
    """A value as its canonical JSON says it."""
    return encode(value)
