"""Answers under faults: taken down, and given again at the same question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from desk.backtest.fault_record import FaultRecord, ReplayedTape, recall_answers, record_answers
from desk.in_memory import ManualClock
from desk.markets.candle_market import CandleMarket
from factories_venue import SOL, START, STEP, Bar, a_path, a_product, a_simulation
from trader.errors import MissingData, VenueUnavailable
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity

FIVE = Granularity.FIVE_MINUTE


class Failing(CandleMarket):
    """A market some of whose answers are spoiled: ``plan`` says for each call to come which way."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.plan: list[Exception | None] = []
        self.faults = 0

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Any]:
        """Answer as planned."""
        planned = self.plan.pop(0) if self.plan else None
        self.faults += planned is not None
        if isinstance(planned, VenueUnavailable):
            raise planned
        return super().quotes(product_ids) if planned is None else dict.fromkeys(product_ids, planned)


@pytest.fixture
def clock() -> ManualClock:
    """A clock at START."""
    return ManualClock(START)


@pytest.fixture
def market(clock: ManualClock) -> Failing:
    """SOL at 100."""
    return Failing([a_product()], {(SOL, FIVE): a_path(*[Bar()] * 5)}, a_simulation(), clock)


def test_answers_without_a_fault_are_not_taken_down(market: Failing, clock: ManualClock) -> None:
    record = FaultRecord()
    seen = record_answers(market, clock, lambda _: market.faults, record).quotes([SOL])

    assert market.quotes([SOL]) == seen
    assert FaultRecord() == record
    assert not record.covers(START)


def test_answers_under_faults_are_given_again_at_the_same_question(market: Failing, clock: ManualClock) -> None:
    """The second answer of an instant to the same question, and an error of the whole call at another."""
    record, missing = FaultRecord(), MissingData("torn")
    recording = record_answers(market, clock, lambda _: market.faults, record)
    market.plan = [None, missing, None, VenueUnavailable("gone")]
    played: list[Any] = [recording.quotes([SOL]) for _ in range(3)]
    clock.advance(STEP)
    with pytest.raises(VenueUnavailable, match="gone"):
        recording.quotes([SOL])

    clock.set(START)
    replayed = recall_answers(market, clock, record)
    assert played == [replayed.quotes([SOL]) for _ in range(3)]
    assert played[1] == {SOL: missing}
    clock.advance(STEP)
    with pytest.raises(VenueUnavailable, match="gone"):
        replayed.quotes([SOL])
    assert market.quotes([SOL]) == replayed.quotes([SOL])
    assert {START, Instant(START + STEP)} == record.instants


def test_tape_is_read_through_the_market_only_where_a_fault_lay(market: Failing, clock: ManualClock) -> None:
    """Where the market tells nothing nothing has traded yet; a bar later the candles tell all of it."""
    question = ("bars", (SOL,), Granularity.ONE_MINUTE, START)
    record = FaultRecord({(START, question, 0): {SOL: MissingData("torn")}})
    tape = ReplayedTape(market, recall_answers(market, clock, record), clock, record)
    since = Instant(START - STEP)

    assert since == tape.traded(SOL, since, START).until
    later = clock.advance(STEP)
    assert market.traded(SOL, since, later) == tape.traded(SOL, since, later)
