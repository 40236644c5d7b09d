"""The market made of candles: what is known when, and never a bar too early."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.in_memory import ManualClock
from desk.markets.candle_market import CandleMarket, make_product
from desk.markets.series import CandleSeries
from factories_venue import SOL, SOL_USDC, START, STEP, Bar, a_path, a_product, a_simulation
from trader.errors import ConfigError, DataError, MalformedData, MissingData, StaleData
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Candle, Depth, Granularity, Quote, bars_from_candles
from trader.model.money import Notional, Price

FIVE, HOUR = Granularity.FIVE_MINUTE, Granularity.ONE_HOUR


def a_market(candles: list[Candle], at: int = START) -> tuple[CandleMarket, ManualClock]:
    """A market of SOL and its other door."""
    clock = ManualClock(Instant(at))
    other_door = replace(a_product(SOL_USDC), alias=SOL)
    return CandleMarket([a_product(), other_door], {(SOL, FIVE): candles}, a_simulation(), clock), clock


def series_of(market: CandleMarket, granularity: Granularity, count: int, now: int) -> Bars | DataError:
    return market.bars([SOL], granularity, count, Instant(now))[SOL]


def test_quote_is_around_the_last_closed_close() -> None:
    """10 bps around 100, although the running bar opened at 120."""
    market, _ = a_market(a_path(Bar(open=120.0)))

    quote = market.quotes([SOL])[SOL]

    assert (Price("99.95"), Price("100.05"), START) == (quote.bid, quote.ask, quote.time)


def test_touch_is_around_the_open_of_the_running_bar() -> None:
    """What is decided at a close is executed in the next bar."""
    market, _ = a_market(a_path(Bar(open=120.0)))

    touch = market.touch(SOL)

    assert touch is not None
    assert (Price("119.94"), Price("120.06")) == (touch.bid, touch.ask)


def test_touch_without_a_running_bar_is_the_last_close() -> None:
    """A bar without a trade is no bar, but the market is still there."""
    market, clock = a_market(a_path(Bar(open=120.0)))
    clock.advance(STEP)

    assert market.quotes([SOL])[SOL] == market.touch(SOL)


def test_quote_is_rounded_outwards_and_never_crossed() -> None:
    """A spread thinner than the increment becomes one increment."""
    candles = [Candle(START - STEP, 1.0, 1.0, 1.0, 1.0, 5.0)]
    clock = ManualClock(START)
    market = CandleMarket([a_product()], {(SOL, FIVE): candles}, a_simulation(spread_bps=Decimal(0)), clock)

    quote = market.quotes([SOL])[SOL]

    assert (Price("1.00"), Price("1.01"), False) == (quote.bid, quote.ask, quote.is_crossed)


def test_market_after_its_last_candle_is_shut() -> None:
    """An hour of silence is borne, more is not."""
    market, clock = a_market(a_path())

    clock.advance(3600)
    quiet = market.quotes([SOL])[SOL]
    clock.advance(1)

    assert isinstance(quiet, Quote)
    assert "no candle of it has closed lately" in str(market.quotes([SOL])[SOL])
    assert market.touch(SOL) is None


def test_market_before_its_first_candle_is_shut() -> None:
    """A product that is not listed yet has no quote, no depth and no volume."""
    market, _ = a_market(a_path(), at=START - 2 * 86_400)

    assert isinstance(market.quotes([SOL])[SOL], MissingData)
    assert isinstance(market.depth([SOL], Decimal(20))[SOL], MissingData)
    assert [Notional(0), Notional(0)] == [product.volume_24h for product in market.products().values()]


def test_volume_is_that_of_the_last_day() -> None:
    """288 bars of 1,000 units at 100."""
    market, _ = a_market(a_path(Bar(volume=9e9)))

    assert Notional(28_800_000) == market.products()[SOL].volume_24h


def test_depth_is_a_share_of_the_mean_hour() -> None:
    """A tenth of 1.2 million on each side, but for what each of ten levels loses to the size increment of 0.001."""
    market, _ = a_market(a_path())

    depth = market.depth([SOL], Decimal(20))[SOL]

    assert isinstance(depth, Depth)
    for side in (depth.bid_notional, depth.ask_notional):
        assert 120_000 - 10 * Decimal("0.001") * 101 < side < 120_000


def test_depth_is_what_rests_within_the_band() -> None:
    """Bid and ask are 5 bps from the mid, and the levels a basis point apart: within 6.5 bps lie two of ten."""
    market, _ = a_market(a_path())

    depth = market.depth([SOL], Decimal("6.5"))[SOL]

    assert isinstance(depth, Depth)
    assert 24_000 - 1 < depth.bid_notional < 24_000
    assert 24_000 - 1 < depth.ask_notional < 24_000


def test_alias_shows_the_market_behind_it() -> None:
    """Two doors, one book."""
    market, _ = a_market(a_path(Bar()))

    quotes = market.quotes([SOL, SOL_USDC])
    bars = market.bars([SOL, SOL_USDC], FIVE, 10, START)

    assert replace(quotes[SOL], product_id=SOL_USDC) == quotes[SOL_USDC]
    assert bars[SOL] == bars[SOL_USDC]
    assert market.traded(SOL, Instant(0), START).rows == market.traded(SOL_USDC, Instant(0), START).rows


def test_bars_come_with_their_reason_when_there_are_none() -> None:
    """Every product is answered; nothing is raised."""
    market, _ = a_market(a_path())
    nobody = ProductId("NONE-USD")

    answers = market.bars([SOL, nobody], FIVE, 10, Instant(START + STEP))

    assert isinstance(answers[SOL], StaleData)
    assert isinstance(answers[nobody], MissingData)


def test_longer_bars_are_made_of_shorter_ones() -> None:
    """Twelve five-minute bars to the hour: first open, last close, extremes, and the sum of the volume."""
    hour = [Bar(open=100.0 + index, high=130.0 - index, low=90.0 + index, volume=index) for index in range(12)]
    market, _ = a_market(a_path(*hour))

    bars = series_of(market, HOUR, 1, START + 3600)

    assert isinstance(bars, Bars)
    assert ((START,), (100.0,), (130.0,), (90.0,), (111.0,), (66.0,)) == (
        bars.start,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
    )


def test_shorter_bars_cannot_be_made_of_longer_ones() -> None:
    """They are missing, and say so."""
    market, _ = a_market(a_path())

    assert isinstance(series_of(market, Granularity.ONE_MINUTE, 5, START), MissingData)
    with pytest.raises(ConfigError):
        CandleSeries(HOUR, ()).aggregate(FIVE)


def test_tape_gives_each_closed_bar_once() -> None:
    """After the one instant, up to and with the other, by the time a bar closes."""
    market, _ = a_market(a_path(Bar(), Bar(), Bar()))

    first = market.traded(SOL, START, Instant(START + STEP))
    rest = market.traded(SOL, Instant(START + STEP), Instant(START + 3 * STEP - 1))

    assert ([START], [START + STEP]) == ([row.start for row in first.rows], [row.start for row in rest.rows])


CANDLES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(90, 110), st.integers(0, 3)), max_size=40, unique_by=lambda row: row[0]
).map(lambda rows: [Candle(at * STEP, p, p + 1.0, p - 1.0, p, float(v)) for at, p, v in rows])


@given(CANDLES, st.integers(0, 45 * STEP), st.integers(1, 30))
def test_bars_are_those_of_the_one_function_that_lays_candles_on_a_grid(
    candles: list[Candle], now: int, count: int
) -> None:
    """The short cut for a slice without holes gives what the long way gives, errors included."""
    market, _ = a_market(candles, at=now)
    try:
        expected: Bars | str = bars_from_candles(candles, FIVE, Instant(now), count)
    except DataError as error:
        expected = f"{type(error)} {error}"

    actual = series_of(market, FIVE, count, now)

    assert expected == (actual if isinstance(actual, Bars) else f"{type(actual)} {actual}")


@given(CANDLES, st.integers(0, 45 * STEP))
def test_cutting_off_the_future_changes_nothing_that_is_seen(candles: list[Candle], now: int) -> None:
    """Accident 27: quotes, bars, volumes and depth know only what had closed."""
    views = []
    for known in (candles, [candle for candle in candles if candle.start + STEP <= now]):
        market, _ = a_market(known, at=now)
        bars = [str(series_of(market, granularity, 9, now)) for granularity in (FIVE, HOUR)]
        quotes, depth = (str(each[SOL]) for each in (market.quotes([SOL]), market.depth([SOL], Decimal(20))))
        views.append((quotes, market.products(), depth, bars))

    assert views[1] == views[0]


def test_candle_that_makes_no_sense_spoils_only_the_windows_that_hold_it() -> None:
    """One bad row in a year of them is one day of refusals, not a year."""
    candles = a_path(Bar(), Bar(), Bar())
    candles[5] = candles[5]._replace(low=200.0)
    market, _ = a_market(candles)

    assert isinstance(series_of(market, FIVE, 10, START), Bars)
    assert isinstance(series_of(market, FIVE, 288, START), MalformedData)


def test_candles_in_any_order_are_put_in_order() -> None:
    """The last of two copies wins, as it does for a venue's pages."""
    candles = a_path(Bar(), Bar())
    shuffled = [candles[-1]._replace(close=1.0), *reversed(candles)]

    assert tuple(candles) == CandleSeries(FIVE, shuffled).candles


@pytest.mark.parametrize(
    ("close", "increment"), [(97_500.25, "0.01"), (0.392, "0.001"), (0.00002113, "0.00000001"), (100.0, "1")]
)
def test_price_increment_is_what_the_closes_show(close: float, increment: str) -> None:
    """One odd price in a hundred does not make the grid finer."""
    candles = [Candle(index * STEP, close, close, close, close, 1.0) for index in range(499)]
    odd = close * 1.000000123
    product = make_product(SOL, [*candles, Candle(499 * STEP, odd, odd, odd, odd, 1.0)])

    assert Price(increment) == product.price_increment
    assert ("SOL", "USD") == (product.base, product.quote)
