"""The case of `make release-drill` in which the next release left a parent of a style that this one does not know.

Nothing else in the ledger is new. A child of the parent rests at the venue. The market stands still for a while, and
dips, so that the child is filled; then it rises, an operator closes a lot, and at last the kill switch says HALT.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from desk.drill import release_writer as writer
from desk.drill.growth import make_settings
from desk.drill.growth_world import BASE, PRODUCT, SCOPE, USD, Run, make_flat_bar
from desk.drill.release_world import SET_UP, ReleaseWorld
from desk.in_memory import InMemoryStateStore
from trader.cycle import CycleReport, run_cycle
from trader.errors import TraderError
from trader.model.codec import canonical_json, encode
from trader.model.commands import Command, CommandKind
from trader.model.denials import DenialCode
from trader.model.ids import Asset, StrategyId
from trader.model.market import Candle
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Accepted, Bracket, OrderConfiguration, OrderIntent, Side
from trader.model.parent_life import ParentStyle
from trader.model.parents import ParentOrder
from trader.model.portfolio import Portfolio
from trader.model.trading_state import TradingState

STYLE = "ICEBERG"
#: Ticks after the next release wrote: the child is filled after the third, then its lot is closed by hand, and the
#: strategy sells what the child bought; the last two are under HALT.
TICKS, _DIPS, _CLOSES, _RISES, _HALTS = 12, 3, 5, 7, 10
_WANTED, _OFFERED = Quantity(1), Quantity("0.4")
_PRICE, _LOW, _HIGH, _BUSY = Price(99), 100.0, 102.0, 2000.0


@dataclass(slots=True)
class ParentTold:
    """What became of the parent.

    ``changed`` are ticks after which something of it but what its child filled was not as the next release left it,
    ``children`` orders that this one made for it, ``uncounted`` ticks in which its rest was no exposure, ``cancelled``
    is whether its child was taken off the book. ``denied`` entries name its style, ``booked`` is what its child filled,
    ``sold`` counts the exits that were filled.
    """

    changed: int = 0
    children: int = 0
    uncounted: int = 0
    cancelled: int = 0
    denied: int = 0
    booked: Decimal = Decimal(0)
    sold: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether it was counted and left alone, and what is this release's own was sold."""
        wrong = (self.changed, self.children, self.uncounted, self.cancelled)
        return not any(wrong) and self.denied > 0 and self.booked == _OFFERED and self.sold == 2 and not self.faults

    def line(self) -> str:
        """Write the part of the line for machines."""
        return (
            f"parent_changed={self.changed} parent_children={self.children} parent_uncounted={self.uncounted} "
            f"parent_cancelled={self.cancelled} parent_denied={self.denied} parent_booked={self.booked:f} "
            f"parent_exits={self.sold}"
        )


class ParentWorld(ReleaseWorld):
    """The lots of the drill, and a parent of the next release with a child on the book."""

    def __init__(self, store: InMemoryStateStore, run: Run = run_cycle) -> None:
        super().__init__(make_settings(), TICKS, store, run)
        self.parent_id, self.child_id = self._name("parent"), self._name("child")
        self.left: dict[str, Any] = {}

    def write_next(self) -> None:
        """Let the next release leave a parent, and its child at the venue."""
        intent = self._make_child()
        answer = self.watched.submit(intent)
        if not isinstance(answer, Accepted):
            raise RuntimeError(f"the child was not taken: {answer}")
        child = OrderRecord(intent, OrderStatus.OPEN, answer.venue_order_id)
        self.left = {**encode(self._make_parent()), "style": STYLE, writer.FIELD: writer.ADDED}

        def edit(item: dict[str, Any]) -> None:
            item["ledger"]["parents"][self.parent_id] = self.left
            item["ledger"]["orders"][self.child_id] = encode(child)

        self.store.texts[SCOPE] = writer.edit_text(self.store.texts[SCOPE], edit)

    def close_lot(self) -> None:
        """Let an operator close a lot that this release opened."""
        command = Command(CommandKind.CLOSE, self.clock.now(), "close-1", "operator", target=self.lot_ids["plain"])
        self.store.write_command(SCOPE, command)

    def _make_bar(self, period: int, start: int) -> Candle:
        tick = period - SET_UP
        if tick < _DIPS:
            return super()._make_bar(period, start)
        if tick == _DIPS:
            return Candle(start, _LOW, _LOW, float(_PRICE) - 1, _LOW, _BUSY)
        return make_flat_bar(_LOW if tick < _RISES else _HIGH, _BUSY, start)

    def _make_parent(self) -> ParentOrder:
        now = self.clock.now()
        return ParentOrder(
            parent_id=self.parent_id,
            strategy=StrategyId("drill"),
            product_id=PRODUCT,
            base=Asset(BASE),
            quote=USD,
            quantity=_WANTED,
            price_max=Price(101),
            style=ParentStyle.PASSIVE,
            bracket=Bracket(Price(94), Price(112)),
            max_hold_until=self.instant(10_000),
            decided_at=now,
            give_up_at=self.instant(SET_UP + 2),
            fee_rate_max=Decimal("0.02"),
            reason="drill",
            taken_at=now,
            paced_at=now,
        )

    def _make_child(self) -> OrderIntent:
        return replace(
            self._make_entry(self.parent_id),
            client_order_id=self.child_id,
            strategy=StrategyId("drill"),
            configuration=OrderConfiguration.POST_ONLY_GTD,
            quantity=_OFFERED,
            limit_price=_PRICE,
            expires_at=self.instant(10_000),
        )


def run_parent_case(store: InMemoryStateStore | None = None, run: Run = run_cycle) -> ParentTold:
    """Play the case: set up, let the next release write, go back, tick, and look at what is left of the parent."""
    world, told = ParentWorld(store or InMemoryStateStore(), run), ParentTold()
    world.set_up()
    world.write_next()
    begun = len(world.watched.intents)
    world.watched.cancelled.clear()
    child = str(world.read_plain()["orders"][world.child_id]["venue_order_id"])
    for number in range(TICKS):
        if number == _CLOSES:
            world.close_lot()
        if number == _HALTS:
            world.kill_switch.word = TradingState.HALT
        try:
            report = world.play_after_setup(number)
        except TraderError as error:
            told.faults.append(f"parent, tick {number + 1}: {type(error).__name__}: {error}")
            continue
        told.denied += sum(_names_style(report))
        _look(told, world, number)
    told.cancelled = world.watched.cancelled.count(child)  # type: ignore[arg-type]
    told.children = sum(each.side is Side.BUY for each in world.watched.intents[begun:])
    told.sold = sum(lot not in world.ledger().lots for lot in (world.lot_ids["plain"], world.parent_id))
    return told


def _names_style(report: CycleReport) -> Iterator[bool]:
    denials = report.decision.review.denials if report.decision is not None else ()
    for each in denials:
        yield each.code is DenialCode.LEDGER_NEWER and each.proposal is not None and STYLE in each.details.values()


def _look(told: ParentTold, world: ParentWorld, number: int) -> None:
    now, ledger = world.clock.now(), world.ledger()
    parent = ledger.parents.get(world.parent_id)
    if parent is None:
        told.changed += 1
        told.faults.append(f"parent, tick {number + 1}: it is gone")
        return
    told.booked = max(told.booked, parent.filled)
    # What its child filled is a fact, whoever reads it.
    kept_up = ("filled", "spent")
    seen = {**world.read_plain()["parents"][world.parent_id], **{name: world.left[name] for name in kept_up}}
    if canonical_json(seen) != canonical_json(world.left):
        told.changed += 1
        told.faults.append(f"parent, tick {number + 1}: it was {json.dumps(world.left)} and is {json.dumps(seen)}")
    portfolio = Portfolio(ledger=ledger, now=now, scheduled_at=now, clusters={}, tiers={}, equity=None)
    exposure = portfolio.exposures()[parent.strategy, parent.base]
    told.uncounted += exposure < parent.notional_left
