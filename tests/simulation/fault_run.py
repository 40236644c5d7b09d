"""The loop: run a scenario once undisturbed, then again and again with a fault at one call, and compare.

A fault is injected into a copy of the undisturbed world as it stood before that tick. What follows a fault depends on
the state it leaves and on nothing else, so equal states are followed up once: that is what makes a sweep over every
call affordable, and it leaves nothing out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from simulation.checker import (
    against_the_switch,
    open_converts,
    refusals,
    sent_too_early,
    unobeyed,
    unprotected,
    unsettled,
    violations,
)
from simulation.errands import do_errand
from simulation.nemesis import Crash, Fault, Nemesis
from simulation.observed import ObservedWorld
from simulation.world import LEASE_SECONDS, RUN_SECONDS, SCOPE, Beat, Scenario, World, open_world
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import StoreError
from trader.model.conversions import ConversionStatus
from trader.model.ids import Instant
from trader.model.lots import Lot
from trader.model.orders import Fill, OrderIntent

#: Cycles after the last scripted tick, in which nothing is disturbed.
_QUIET_BEATS = 3
_PATIENCE = 2

Bare = tuple[tuple[str, int], ...]


class Restart(StrEnum):
    """How a tick that did not end is started again.

    AT_ONCE: a supervisor of one process knows that it is dead, gives its lease back and runs the same tick at the same
    instant. AFTER_LEASE: nobody knows; the same tick is delivered again when the lease has run out, which is the latest
    at which it may still act. NOT: nobody delivers it again, and the next tick finds what was left.
    """

    AT_ONCE = "restarted at once"
    AFTER_LEASE = "redelivered when the lease has run out"
    NOT = "left to the next tick"


@dataclass(frozen=True)
class Ending:
    """Where a history ended, and what was wrong on the way."""

    violations: tuple[str, ...]
    books: dict[str, Any]
    ledger: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One fault and what became of it.

    ``converting``: the fault left a conversion of which the ledger knows the venue's id, and which was not done.
    """

    scenario: str
    fault: Fault
    restart: Restart
    call: int
    method: str
    converting: bool
    ending: Ending

    def __str__(self) -> str:
        return f"{self.scenario}: {self.fault} at call {self.call}, {self.method}; {self.restart}"


@dataclass(frozen=True)
class _Hit:
    """The world as a fault left it, and whether the tick ended all the same."""

    world: World
    state: str
    ended: bool
    method: str
    converting: bool
    violations: tuple[str, ...]


@dataclass
class FaultRun:
    """A scenario and its undisturbed history, tick by tick."""

    scenario: Scenario
    _hits: dict[tuple[int, int, Fault], _Hit] = field(default_factory=dict)
    _endings: dict[tuple[int, Restart | None, str], Ending] = field(default_factory=dict)
    _futures: dict[tuple[int, str, Bare], Ending] = field(default_factory=dict)

    @cached_property
    def beats(self) -> tuple[Beat, ...]:
        """The scripted ticks, and the quiet ones after them."""
        last = self.scenario.beats[-1].bar
        return (*self.scenario.beats, *(Beat(last + 1 + index) for index in range(_QUIET_BEATS)))

    @cached_property
    def openings(self) -> tuple[World, ...]:
        """The undisturbed world just before each tick, and at the end."""
        return self._history[0]

    @cached_property
    def trails(self) -> tuple[tuple[str, ...], ...]:
        """The calls that each undisturbed tick makes."""
        return self._history[1]

    @cached_property
    def ending(self) -> Ending:
        """Where the undisturbed history ends."""
        return Ending(self._history[2], books_of(self.openings[-1]), ledger_of(self.openings[-1]))

    @cached_property
    def _history(self) -> tuple[tuple[World, ...], tuple[tuple[str, ...], ...], tuple[str, ...]]:
        world, worlds, trails, found = open_world(self.scenario), [], [], Watch()
        for beat in self.beats:
            prepare_world(world, beat)
            worlds.append(world.fork())
            nemesis = Nemesis()
            report = invoke(world, beat, "undisturbed", nemesis, found)
            found.after(world, healthy=True)
            assert report is not None, f"{self.scenario.name}: {beat} did not end"
            trails.append(tuple(nemesis.trail))
        found.at_end(world)
        found.violations += refusals(world)
        return (*worlds, world), tuple(trails), tuple(found.violations)

    def strike(self, index: int, call: int, fault: Fault, restart: Restart) -> Case:
        """Let a fault strike at one call of one tick, start again, and play the story to its end."""
        hit = self._hit(index, call, fault)
        # A tick that ended is not started again, so how that would have been done makes no difference.
        key = (index, None if hit.ended else restart, hit.state)
        if key not in self._endings:
            self._endings[key] = self._play_on(index, hit.world.fork(), restart, again=not hit.ended)
        ending = self._endings[key]
        ending = replace(ending, violations=(*hit.violations, *ending.violations))
        number = sum(len(trail) for trail in self.trails[:index]) + call
        return Case(self.scenario.name, fault, restart, number, hit.method, hit.converting, ending)

    def _hit(self, index: int, call: int, fault: Fault) -> _Hit:
        key = (index, call, fault)
        if key not in self._hits:
            world, found, nemesis = self.openings[index].fork(), Watch(), Nemesis(call, fault)
            report = invoke(world, self.beats[index], "struck", nemesis, found)
            assert nemesis.has_struck
            found.after(world, healthy=False)
            ended = report is not None and report.outcome is not CycleOutcome.ABORTED
            method, converting = nemesis.trail[call - 1], is_converting(world)
            self._hits[key] = _Hit(world, world.digest(), ended, method, converting, tuple(found.violations))
        return self._hits[key]

    def let_go(self) -> None:
        """Forget the worlds as the faults so far left them; each is made again by whoever asks for it."""
        self._hits.clear()

    def strike_twice(self, index: int, first: int, second: int) -> tuple[bool, Ending]:
        """Let the process die after one call, and again while it makes good; tell whether a conversion hung then."""
        hit = self._hit(index, first, Fault.AFTER)
        world, found, beat = hit.world.fork(), Watch(), self.beats[index]
        world.free_the_lease()
        invoke(world, beat, "struck again", Nemesis(second, Fault.AFTER), found)
        found.after(world, healthy=False)
        converting = hit.converting or is_converting(world)
        ending = self._play_on(index, world, Restart.AT_ONCE, again=True)
        return converting, replace(ending, violations=(*hit.violations, *found.violations, *ending.violations))

    def _play_on(self, index: int, world: World, restart: Restart, *, again: bool) -> Ending:
        found, beat = Watch(), self.beats[index]
        if again and restart is not Restart.NOT:
            if restart is Restart.AT_ONCE:
                world.free_the_lease()
            else:
                world.clock.set(Instant(beat.at + LEASE_SECONDS))
            invoke(world, beat, "restarted", Nemesis(), found)
            found.after(world, healthy=True)
        return self.finish(index, world, found)

    def finish(self, index: int, world: World, found: Watch) -> Ending:
        """Play the ticks after one, undisturbed; equal worlds are played on once."""
        key = (index, world.digest(), found.bare())
        if key not in self._futures:
            self._futures[key] = self._future(index, world, Watch(found.bare()))
        future = self._futures[key]
        return replace(future, violations=(*found.violations, *future.violations))

    def _future(self, index: int, world: World, found: Watch) -> Ending:
        for place, later in enumerate(self.beats[index + 1 :], start=index + 1):
            if self._is_on_track(world, place):
                return replace(self.ending, violations=(*found.violations, *self.ending.violations))
            prepare_world(world, later)
            report = invoke(world, later, "later", Nemesis(), found)
            found.after(world, healthy=report is not None)
        found.at_end(world)
        self._wait_for_converts(world, found)
        return Ending(tuple(found.violations), books_of(world), ledger_of(world))

    def _is_on_track(self, world: World, place: int) -> bool:
        # Apart from the number of its epoch, and the audit objects behind it, it is the undisturbed world: so is what
        # follows, because no decision reads either.
        return track_of(world) == self._tracks[place]

    @cached_property
    def _tracks(self) -> tuple[object, ...]:
        return tuple(track_of(world) for world in self.openings)

    def _wait_for_converts(self, world: World, found: Watch) -> None:
        # A conversion that was quoted and perhaps committed stays open until its quote is long dead.
        if not open_converts(world):
            return
        last = self.beats[-1].bar
        for bar in (last + 13, last + 14):
            prepare_world(world, Beat(bar))
            invoke(world, Beat(bar), "much later", Nemesis(), found)
            found.after(world, healthy=True)
        found.violations += [f"conversion {each} is open for ever" for each in open_converts(world)]


class Watch:
    """Looks at the world after every cycle, and at every order as it leaves."""

    def __init__(self, bare: Bare = ()) -> None:
        self.violations: list[str] = []
        self._bare = dict(bare)

    def bare(self) -> Bare:
        """Name the lots that nothing protects, and for how many healthy cycles."""
        return tuple(sorted(self._bare.items()))

    def over(self, world: World, nemesis: Nemesis) -> Callable[[str, tuple[Any, ...]], None]:
        """Watch the calls of one invocation."""

        def look(method: str, args: tuple[Any, ...]) -> None:
            if method == "exchange.submit":
                intent: OrderIntent = args[0]
                self.violations += sent_too_early(world, intent.client_order_id, intent.__eq__)
                self.violations += against_the_switch(
                    intent.client_order_id,
                    intent.purpose,
                    nemesis.word,
                    nemesis.trail,
                    keeps_rest=intent.keeps_rest,
                )

        return look

    def after(self, world: World, *, healthy: bool) -> None:
        """Check what must hold after any cycle; and count for how many healthy ones a lot has been bare."""
        self.violations += violations(world)
        bare = unprotected(world)
        self._bare = {lot: self._bare.get(lot, 0) + 1 for lot in bare} if healthy else {}
        self.violations += [
            f"lot {lot} is unprotected after {count} healthy cycles"
            for lot, count in self._bare.items()
            if count > _PATIENCE
        ]

    def at_end(self, world: World) -> None:
        """Check what must hold when nothing has disturbed the last cycles."""
        self.violations += [*unsettled(world), *unobeyed(world)]


def prepare_world(world: World, beat: Beat) -> None:
    """Let time come to a tick, and the operator have his way."""
    world.clock.set(beat.at)
    if beat.switch is not None:
        world.kill_switch.word = beat.switch


def invoke(
    world: World, beat: Beat, owner: str, nemesis: Nemesis, found: Watch, seconds: int = RUN_SECONDS
) -> CycleReport | None:
    """Run one invocation; None if it died or could not even tell."""
    nemesis.watchers.append(found.over(world, nemesis))
    try:
        return do_errand(beat, world, world.ports(owner, nemesis.wrap), seconds)
    except (Crash, StoreError):
        return None


def is_converting(world: ObservedWorld) -> bool:
    """Whether a conversion is quoted and remembered, but was not done."""
    ledger, book = world.ledger(), world.book()
    records = ledger.conversions.values() if ledger is not None else ()
    quoted = [record.venue_conversion_id for record in records if record.status is ConversionStatus.QUOTED]
    return any(book.conversions[each].done_at is None for each in quoted if each is not None)


@cache
def fault_run_of(scenario: Scenario) -> FaultRun:
    """The story of a scenario, told once per process."""
    return FaultRun(scenario)


# --- what is compared


def books_of(world: ObservedWorld) -> dict[str, Any]:
    """The economic ledger, and everything at the venue; no epochs, no audit head, and no times.

    A tick that is run again later decides and trades that much later, within the same bar.
    """
    ledger, book = world.ledger(), world.book()
    assert ledger is not None
    orders = {record.intent.client_order_id: record for record in world.stored_orders()} | dict(ledger.orders)
    return {
        "cash": dict(ledger.cash),
        "capital": ledger.capital,
        "converted": dict(ledger.converted),
        "lots": {key: _lot(lot) for key, lot in ledger.lots.items()},
        "closed": {key: _lot(lot) for key, lot in ledger.closed_lots.items()},
        "books": dict(ledger.by_strategy),
        "dust": ledger.dust,
        "rests": {base: rest.reason for base, rest in ledger.cooldowns.items()},
        "losses": ledger.loss_streak.losses,
        "entries": (ledger.entry_pacing.trades_today, len(ledger.entry_pacing.entries)),
        "orders": {
            key: (record.status, record.intent.side, record.intent.quantity, record.intent.limit_price, record.filled)
            for key, record in orders.items()
        },
        "stored fills": {_fill(fill) for fill in world.stored_fills()},
        "venue orders": {
            key: (
                each.client_order_id,
                each.side,
                each.configuration,
                each.quantity,
                each.limit_price,
                each.status,
                each.filled,
            )
            for key, each in {**book.active, **book.finished}.items()
        },
        "venue fills": {_fill(fill) for fill in book.fills},
        "venue money": dict(book.totals),
        "venue converts": {
            each.conversion_id: each.amount for each in book.conversions.values() if each.done_at is not None
        },
    }


def ledger_of(world: World) -> dict[str, Any]:
    """Every field of the ledger, times included; but not the audit head, which tells runs apart by their epochs.

    Of a conversion the venue's id is left out too: one that was asked for again has another.
    """
    ledger = world.ledger()
    assert ledger is not None
    plain = {name: getattr(ledger, name) for name in ledger.__dataclass_fields__ if name != "audit_head"}
    return {
        **plain,
        "conversions": {key: replace(each, venue_conversion_id=None) for key, each in ledger.conversions.items()},
    }


def track_of(world: World) -> object:
    """Everything that the future depends on; the clock and the switch are set by the next tick."""
    ledger = world.ledger()
    item = json.loads(world.store.texts[SCOPE]) if ledger is not None else {"owner": ""}
    return (
        item["owner"],
        ledger and replace(ledger, audit_head=""),
        world.books.load(),
        world.store._fills,
        world.store._finished,
        world.scenario.name,
    )


def _fill(fill: Fill) -> tuple[object, ...]:
    return (fill.trade_id, fill.venue_order_id, fill.side, fill.price, fill.quantity, fill.fee, fill.liquidity)


def _lot(lot: Lot) -> tuple[object, ...]:
    return (
        lot.product_id,
        lot.strategy,
        lot.quantity,
        lot.cost,
        lot.entry_fees,
        lot.realized,
        lot.bracket,
        lot.peak_price,
    )


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Name what differs, with both values; of two mappings or sets, only the parts that differ."""
    found = []
    for name, was in one.items():
        now = other[name]
        if was == now:
            continue
        if isinstance(was, dict):
            keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
            found.append(f"{name}: " + "; ".join(f"{key}: {was.get(key)} became {now.get(key)}" for key in keys))
        elif isinstance(was, set):
            found.append(f"{name}: without {sorted(map(str, was - now))}, with {sorted(map(str, now - was))}")
        else:
            found.append(f"{name}: {was} became {now}")
    return found
