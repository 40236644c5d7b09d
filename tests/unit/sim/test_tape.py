"""What trades is matched however late it becomes known: an order ends by its time only where all of that was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.in_memory import InMemorySimAccountStore
from desk.markets.candle_market import CandleMarket
from factories_venue import (
    PREFIX,
    SOL,
    START,
    USD,
    Bar,
    Venue,
    a_bracket,
    a_path,
    a_product,
    a_simulated_venue,
    a_simulation,
    an_intent,
)
from trader.errors import DataError, MalformedData, MissingData, StaleData
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Bars, Candle, Granularity, bars_from_candles
from trader.model.order_life import OrderStatus
from trader.sim.account import SimAccount
from trader.sim.exchange import SimulatedExchange
from trader.sim.matching import MarketTape, Traded

MINUTE, HOUR = 60, 3600
BASE = Asset("SOL")


class LateMarket(CandleMarket):
    """Candles of one product, the newest of which are not published yet, or none of which can be read."""

    candles: Sequence[Candle] = ()
    late_seconds = 0
    trouble: DataError | None = None
    asked: int = 0

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        self.asked += 1
        published = [each for each in self.candles if each.start + MINUTE <= self._clock.now() - self.late_seconds]
        try:
            if self.trouble is not None:
                raise self.trouble
            return {SOL: bars_from_candles(published, granularity, now, count)}
        except DataError as error:
            return {SOL: error}


@dataclass
class Minutes:
    """A venue over minutes of a market whose newest may be late, read as PAPER reads a real one."""

    venue: Venue
    market: LateMarket

    def wait(self, minutes: int, *, late: int = 0) -> None:
        """Let minutes pass; the newest so many are not published then."""
        self.venue.clock.advance(minutes * MINUTE)
        self.market.late_seconds = late * MINUTE

    def send(self, minutes: int, **changes: object) -> Instant:
        """Send a buy of 2 at 99.90 that is good for so many minutes; return its end."""
        end = Instant(self.venue.clock.now() + minutes * MINUTE)
        self.order_id = self.venue.accepted(self.venue.exchange.submit(an_intent(expires_at=end, **changes)))
        return end

    @property
    def status(self) -> OrderStatus:
        return self.venue.exchange.order(self.order_id).status


def minutes_of(bars: Sequence[Bar | None]) -> Minutes:
    """A quiet day of minutes, then the bars given; where there is none, nothing traded."""
    at = range(START, START + len(bars) * MINUTE, MINUTE)
    before = [Bar().candle(START - back * MINUTE) for back in range(1440, 0, -1)]
    candles = [*before, *(bar.candle(start) for start, bar in zip(at, bars, strict=True) if bar is not None)]
    venue = a_simulated_venue()
    market = LateMarket([a_product()], {(SOL, Granularity.ONE_MINUTE): candles}, a_simulation(), venue.clock)
    market.candles = candles
    exchange = SimulatedExchange(
        market,
        MarketTape(market),
        a_simulation(),
        venue.clock,
        InMemorySimAccountStore[SimAccount](),
        opening={USD: Decimal(10_000), BASE: Decimal(10)},
        order_prefix=PREFIX,
    )
    return Minutes(Venue(exchange, venue.clock), market)


# --- the end of an order


@pytest.mark.parametrize("late", [1, 2, 3])
def test_order_that_filled_in_minutes_not_published_yet_is_not_over(late: int) -> None:
    """Neither expired nor cancelled, and it holds its money; once they are published it is filled."""
    minutes = minutes_of([Bar(), Bar(low=99.0), Bar(), Bar(), Bar(), Bar()])
    minutes.send(2)
    minutes.wait(max(late, 2), late=late)

    early = minutes.status
    taken = minutes.venue.exchange.cancel([minutes.order_id])
    held = minutes.venue.exchange.balances()[USD].hold
    minutes.wait(1)

    assert (OrderStatus.OPEN, {minutes.order_id: False}) == (early, taken)
    assert held > 0
    assert OrderStatus.FILLED is minutes.status


@pytest.mark.parametrize("trouble", [MissingData("gone"), MalformedData("odd"), StaleData("old")])
def test_order_is_not_over_while_its_market_cannot_be_read(trouble: DataError) -> None:
    """However often it is looked at; what was read before is not read again."""
    minutes = minutes_of([Bar(), Bar(), Bar(low=99.0), *[Bar()] * 20])
    minutes.send(4)
    minutes.wait(1)
    assert OrderStatus.OPEN is minutes.status
    minutes.market.trouble = trouble

    seen = []
    for _ in range(8):
        minutes.wait(1)
        seen.append(minutes.status)
    minutes.market.trouble = None

    assert {OrderStatus.OPEN} == set(seen)
    assert OrderStatus.FILLED is minutes.status


def test_order_ends_at_its_time_where_all_was_seen() -> None:
    """On the minute, though a look comes later, and although the minute that runs is not known."""
    minutes = minutes_of([Bar()] * 9)
    end = minutes.send(2)
    minutes.wait(1)
    before = minutes.status
    minutes.venue.clock.advance(MINUTE + 5)

    ended = minutes.status

    assert (OrderStatus.OPEN, OrderStatus.EXPIRED) == (before, ended)
    minutes.wait(3)
    assert end == minutes.venue.exchange._advanced().finished[minutes.order_id].final_at  # type: ignore[attr-defined]


def test_order_in_a_market_without_trades_ends_five_minutes_later() -> None:
    """A minute that is missing so long after its close had no trade; until then it may be late."""
    minutes = minutes_of([Bar(), *[None] * 20, Bar(low=99.0)])
    minutes.send(5)
    minutes.wait(9)

    too_early = minutes.status
    minutes.wait(1)

    assert (OrderStatus.OPEN, OrderStatus.EXPIRED) == (too_early, minutes.status)


def test_order_in_a_market_that_is_gone_can_be_cancelled_after_an_hour() -> None:
    """Its money is not held without end; by itself it never ends there."""
    minutes = minutes_of([Bar()] * 70)
    minutes.send(2)
    minutes.market.trouble = MissingData("not listed")
    minutes.wait(61)
    too_early = minutes.venue.exchange.cancel([minutes.order_id])
    minutes.wait(1)

    assert OrderStatus.OPEN is minutes.status
    assert [False, True] == [*too_early.values(), *minutes.venue.exchange.cancel([minutes.order_id]).values()]
    assert OrderStatus.CANCELLED is minutes.status


def test_order_on_a_market_without_candles_does_not_expire() -> None:
    """As where a command opens the venue without its market: who cannot look changes nothing."""
    venue = a_simulated_venue(a_path(Bar(low=99.0), Bar(), Bar(), Bar()))
    closed = CandleMarket((), {}, a_simulation(), venue.clock)
    assert Traded(MINUTE, (), START) == closed.traded(SOL, START, Instant(START + HOUR))
    order_id = venue.accepted(venue.exchange.submit(an_intent()))
    accounts = venue.exchange._accounts  # type: ignore[attr-defined]
    blind = SimulatedExchange(closed, closed, a_simulation(), venue.clock, accounts, opening={}, order_prefix=PREFIX)
    venue.pass_bars(3)

    seen = blind.order(order_id).status

    assert (OrderStatus.OPEN, OrderStatus.FILLED) == (seen, venue.order(order_id).status)


# --- what is late, or was slept through


BARS = st.lists(st.sampled_from([Bar(), Bar(low=99.0, volume=7.0), Bar(low=94.0), Bar(high=111.0), None]), max_size=30)
LOOKS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), max_size=12)


@given(BARS, LOOKS, st.integers(1, 20))
def test_late_market_gives_the_same_account_as_a_punctual_one(
    bars: list[Bar | None], looks: list[tuple[int, int]], good_for: int
) -> None:
    """Whenever somebody looks, and whatever is published by then: fills, ends, money."""
    accounts = []
    for is_late in (True, False):
        minutes = minutes_of([Bar(), *bars, *[Bar()] * 90])
        minutes.send(good_for)
        minutes.venue.exchange.submit(a_bracket())
        for wait, late in looks:
            minutes.wait(wait, late=late if is_late else 0)
            minutes.venue.exchange.balances()
        minutes.venue.clock.set(Instant(START + 110 * MINUTE))
        minutes.market.late_seconds = 0
        accounts.append(minutes.venue.exchange._advanced())  # type: ignore[attr-defined]

    assert accounts[0] == accounts[1]


def test_long_pause_is_worked_through_from_its_beginning() -> None:
    """Three days asleep: what traded on the first day fills, and its bracket of before comes next, look by look."""
    quiet = [Bar()] * 1000
    minutes = minutes_of([*quiet, Bar(low=99.0), *quiet, *quiet, *quiet, Bar(low=94.0), *quiet])
    minutes.send(1500)
    stop = minutes.venue.accepted(minutes.venue.exchange.submit(a_bracket()))
    minutes.wait(5000)

    minutes.venue.exchange.balances()
    account = minutes.venue.exchange._accounts.load()  # type: ignore[attr-defined]

    assert OrderStatus.FILLED is account.finished[minutes.order_id].status
    assert ({stop}, {SOL: START + 3000 * MINUTE}) == (account.active.keys(), account.matched_until)
    assert OrderStatus.FILLED is minutes.venue.exchange.order(stop).status


def test_quiet_market_is_asked_once_a_look() -> None:
    """What was seen of it, that nothing traded since, is all there is."""
    minutes = minutes_of([Bar(), *[None] * 30])
    minutes.wait(10)
    minutes.send(60)
    before = minutes.market.asked

    minutes.wait(3)
    minutes.venue.exchange.balances()

    assert before + 1 == minutes.market.asked
