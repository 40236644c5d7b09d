"""What a market answered while something was wrong with it: taken down in one run, given again in another.

An answer is kept only if a fault was played between its question and its end. So a replay explains what those answers
changed, and nothing else: every other answer is that of its own market.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from trader.errors import DataError, VenueError
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Depth, Granularity, Product, Quote
from trader.ports import Clock, MarketData
from trader.sim.matching import MarketTape, Tape, Traded

#: The name of a method, and what it was asked.
Question = tuple[Any, ...]
#: When, what, and how often that was asked at this instant before.
Asked = tuple[Instant, Question, int]
#: What was answered for each product, or the error of the whole call.
Answer = Mapping[ProductId, Any] | VenueError


@dataclass
class FaultRecord:
    """Answers that a fault lay under."""

    answers: dict[Asked, Answer] = field(default_factory=dict)

    @cached_property
    def instants(self) -> frozenset[Instant]:
        """When there were any. Asked only when the record is complete."""
        return frozenset(at for at, _, _ in self.answers)

    def covers(self, at: int) -> bool:
        """Whether something was wrong at an instant."""
        return at in self.instants


class AskedMarket:
    """A market that hands each question on, with how often it was asked at this instant before, to whoever answers."""

    def __init__(self, clock: Clock, answer: Callable[[Asked, tuple[Any, ...]], Mapping[ProductId, Any]]) -> None:
        self._clock, self._answer = clock, answer
        self._at = Instant(-1)
        self._count: Counter[Question] = Counter()

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        return self._ask(("products", None if product_ids is None else tuple(product_ids)), product_ids)

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        return self._ask(("quotes", tuple(product_ids)), product_ids)

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        # How many is left out of the question: it says how long ago the tape was read, which no answer depends on.
        return self._ask(("bars", tuple(product_ids), granularity, now), product_ids, granularity, count, now)

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        return self._ask(("depth", tuple(product_ids), band_bps), product_ids, band_bps)

    def _ask(self, question: Question, *given: Any) -> Mapping[ProductId, Any]:
        now = self._clock.now()
        if now != self._at:
            self._at, self._count = now, Counter()
        place = self._count[question]
        self._count[question] += 1
        return self._answer((now, question, place), given)


def record_answers(
    market: MarketData, clock: Clock, count_faults: Callable[[Question], int], record: FaultRecord
) -> AskedMarket:
    """Return a market whose answers are taken down where *count_faults* rose while they were made."""

    def answer(asked: Asked, given: tuple[Any, ...]) -> Mapping[ProductId, Any]:
        before, found = count_faults(asked[1]), None
        try:
            found = getattr(market, asked[1][0])(*given)
        except VenueError as error:
            found = error
            raise
        finally:
            if found is not None and count_faults(asked[1]) > before:
                record.answers[asked] = found
        return dict(found)

    return AskedMarket(clock, answer)


def recall_answers(market: MarketData, clock: Clock, record: FaultRecord) -> AskedMarket:
    """Return a market that answers as another one did where a fault lay under the answer, else for itself."""

    def answer(asked: Asked, given: tuple[Any, ...]) -> Mapping[ProductId, Any]:
        known = record.answers.get(asked)
        if isinstance(known, VenueError):
            raise known.with_traceback(None)
        return dict(getattr(market, asked[1][0])(*given)) if known is None else known

    return AskedMarket(clock, answer)


class ReplayedTape:
    """What is traded: told by candles, and through the market's answers at an instant at which a fault lay under any.

    There it is read as a run on a real market reads it, which tells of no trade that could not be read.
    """

    def __init__(self, candles: Tape, market: MarketData, clock: Clock, record: FaultRecord) -> None:
        self._candles, self._market, self._clock, self._record = candles, MarketTape(market), clock, record

    def touch(self, product_id: ProductId) -> Quote | None:
        return self._choose().touch(product_id)

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        return self._choose().traded(product_id, since, until)

    def _choose(self) -> Tape:
        return self._market if self._record.covers(self._clock.now()) else self._candles
