"""However looks of an operator fall between the steps of runs, what is told as sold is what is stored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from desk.aftermath import Aftermath, OpenBooks, open_books, settle_books
from desk.confirmation import CommandWord, Stage, SwitchWord, follow
from desk.in_memory import InMemoryKillSwitch, InMemoryStateStore, ManualClock
from simulation.scenarios import ENTRY, FLATTEN
from simulation.world import SCOPE, START, STEP
from trader.cycle import CycleOutcome
from trader.entry.events import RunTick, SwitchChanged
from trader.errors import StoreUnavailable
from trader.model.commands import Command, CommandKind
from trader.model.ids import ClientOrderId, Instant, Scope
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Side
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from unit.desk.attended import Runner, a_world
from unit.desk.operated_folder import NOW


@dataclass(frozen=True)
class Step:
    """What is stored at one instant; ``is_finished`` once the run that is waited for has given its lease back."""

    store: InMemoryStateStore
    is_finished: bool = False


@dataclass
class SteppingStore(InMemoryStateStore):
    """Keeps what was stored after each write."""

    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        InMemoryStateStore.__init__(self)

    def _write(self, scope: Scope, text: str) -> None:
        super()._write(scope, text)
        self.steps.append(Step(a_copy(self)))


def a_copy(store: InMemoryStateStore) -> InMemoryStateStore:
    copied = InMemoryStateStore()
    copied.texts = dict(store.texts)
    copied._fills = {scope: dict(lines) for scope, lines in store._fills.items()}
    copied._finished = {scope: dict(lines) for scope, lines in store._finished.items()}
    return copied


COMMAND = Command(CommandKind.FLATTEN, NOW, "c-1", "ada", "news")


@cache
def steps_of(kind: str) -> Sequence[Step]:
    """A tick that is at work when the word is said, the run that acts on it, and a tick after it."""
    # Where an entry rests, no word of the switch is done before it is cancelled, whoever began when.
    world = a_world((FLATTEN, 1) if kind == "flatten" else (ENTRY, 2))
    store = SteppingStore()
    store.texts, store._fills, store._finished = (
        dict(world.store.texts),
        {SCOPE: dict(world.store._fills.get(SCOPE, {}))},
        {SCOPE: dict(world.store._finished.get(SCOPE, {}))},
    )
    switch = InMemoryKillSwitch()
    runner = Runner(world, store, switch)
    store.steps.append(Step(a_copy(store)))
    runner.run(RunTick(Instant(START + 2 * STEP + 60)))
    said = len(store.steps) - 2
    if kind == "flatten":
        store.write_command(SCOPE, COMMAND)
        runner.run(COMMAND)
    else:
        switch.word = kind
        runner.run(SwitchChanged(NOW, "e-1"))
    finished = len(store.steps) - 1
    world.clock.set(Instant(START + 3 * STEP + 10))
    runner.run(RunTick(Instant(START + 3 * STEP)))
    return [replace(step, is_finished=number >= finished) for number, step in enumerate(store.steps) if number >= said]


class SteppedControls:
    """What is stored, a few steps on at each look; some looks see nothing."""

    options, next_step, is_local = "", "", False

    def __init__(self, steps: Sequence[Step], strides: Iterable[int], switch: TradingState = TradingState.RUN) -> None:
        self._switch = switch
        self._steps, self._strides, self.at, self.told_at = steps, iter(strides), 0, 0

    def _see(self) -> InMemoryStateStore:
        stride = next(self._strides, 1)
        if stride < 0:
            raise StoreUnavailable("away")
        self.at = min(self.at + stride, len(self._steps) - 1)
        return self._steps[self.at].store

    def look(self, scope: Scope) -> StateReading:
        return self._see().look(scope)

    def list_fills(self, scope: Scope) -> tuple[Fill, ...]:
        fills, self.told_at = self._see().fills(scope), self.at
        return fills

    def list_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        return self._see().read_finished(scope, order_ids)

    def find_worker(self) -> str | None:
        return "the function"

    def read_switch(self) -> TradingState:
        return self._switch

    def check_scope(self, scope: Scope) -> None:
        raise AssertionError("nobody asks")

    def write_switch(self, state: TradingState) -> None:
        raise AssertionError("it is written already")

    def name_switch_command(self, state: TradingState) -> str:
        raise AssertionError("nobody asks")

    def give(self, scope: Scope, command: Command, detail: Mapping[str, Any]) -> str:
        raise AssertionError("it is given already")


class CountedPace:
    """Time that passes by waiting only."""

    def __init__(self) -> None:
        self.waited = 0.0

    def elapsed(self) -> float:
        return self.waited

    def wait(self, seconds: float) -> None:
        self.waited += max(seconds, 0.1)


STRIDES = st.lists(st.integers(-1, 3), max_size=40)


def settle(controls: SteppedControls, books: OpenBooks) -> Aftermath:
    while True:
        with contextlib.suppress(StoreUnavailable):
            return settle_books(books, controls, SCOPE)


@given(STRIDES, st.integers(0, 60))
def test_sold_lines_are_the_fills_that_are_stored(strides: list[int], timeout: int) -> None:
    """Also where waiting ends too early; none is told twice, and each belongs to its lot."""
    steps = steps_of("flatten")
    books = open_books(SteppedControls(steps, [0]), SCOPE, steps[0].store.ledger(SCOPE))
    controls = SteppedControls(steps, strides)

    ending = follow(
        CommandWord(COMMAND), controls, SCOPE, books, ManualClock(NOW), CountedPace(), timeout, tell=lambda _: None
    )
    aftermath = settle(controls, books)

    before = {(fill.venue_order_id, fill.trade_id) for fill in steps[0].store.fills(SCOPE)}
    stored = steps[controls.told_at].store.fills(SCOPE)
    new = [fill for fill in stored if (fill.venue_order_id, fill.trade_id) not in before and fill.side is Side.SELL]
    sold = [trade for trade in aftermath.trades if trade.side is Side.SELL]
    assert [(each.quantity, each.notional, each.fee) for each in sold] == [
        (fill.quantity, fill.notional, fill.fee) for fill in new
    ]
    assert all(trade.lot for trade in sold)
    if ending.judgment.stage is Stage.DONE:
        assert steps[controls.at].is_finished
        assert ending.reading is not None
        assert ending.reading.ledger is not None
        assert not ending.reading.ledger.lots


@given(STRIDES, st.sampled_from([TradingState.HALT, TradingState.REDUCE_ONLY]))
def test_switch_is_confirmed_by_no_run_that_began_before_it(strides: list[int], wanted: TradingState) -> None:
    """A tick may be at work when it is written, and end afterwards."""
    steps = steps_of(wanted.value)
    controls = SteppedControls(steps, strides, wanted)
    books = open_books(SteppedControls(steps, [0]), SCOPE, steps[0].store.ledger(SCOPE))
    word = SwitchWord(controls, wanted, NOW)
    word.judge(steps[0].store.look(SCOPE), NOW)

    ending = follow(word, controls, SCOPE, books, ManualClock(NOW), CountedPace(), 60, tell=lambda _: None)

    assert ending.judgment.stage is Stage.DONE
    assert steps[controls.at].is_finished
    assert ending.reading is not None
    assert ending.reading.ledger is not None
    assert ending.reading.ledger.last_run is not None
    expected = CycleOutcome.HALTED if wanted is TradingState.HALT else CycleOutcome.COMPLETED
    assert expected == ending.reading.ledger.last_run.outcome
