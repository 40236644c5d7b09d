"""The synthetic market: the same for everybody, and something to see in it."""

from __future__ import annotations

from desk.in_memory import FixedClock
from desk.markets.candle_market import CandleMarket
from desk.markets.synthetic import DEMO_SEED, SyntheticMarket, make_synthetic_market
from factories_venue import START, STEP, a_simulation
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Granularity

FIVE, HOUR = Granularity.FIVE_MINUTE, Granularity.ONE_HOUR


def closes_of(market: SyntheticMarket) -> dict[ProductId, tuple[float, ...]]:
    return {key[0]: tuple(c.close for c in series.candles) for key, series in market.series.items() if key[1] is FIVE}


def the_market(now: int = START) -> CandleMarket:
    made = make_synthetic_market(DEMO_SEED, Instant(now))
    return CandleMarket(made.products, made.series, a_simulation(), FixedClock(Instant(now)))


def test_same_seed_is_the_same_market() -> None:
    """To the last digit, in every process."""
    one, other = (make_synthetic_market(DEMO_SEED, START, hours=30) for _ in range(2))

    assert closes_of(one) == closes_of(other)
    assert one.products == other.products


def test_first_bitcoin_prices_of_the_demo_are_these() -> None:
    """A golden value: a change here changes what every demo and every test on this market shows."""
    closes = closes_of(make_synthetic_market(DEMO_SEED, START))[ProductId("BTC-USD")]

    assert ((102297.95, 102400.11, 102340.11), 108954.55) == (closes[:3], closes[-1])


def test_other_seed_is_another_market() -> None:
    """The seed is all there is to it."""
    assert closes_of(make_synthetic_market(1, START, hours=3)) != closes_of(make_synthetic_market(2, START, hours=3))


def test_shape_hangs_on_the_end_of_the_stretch() -> None:
    """The demo shows the same market at any hour of any day."""
    assert closes_of(make_synthetic_market(3, START)) == closes_of(make_synthetic_market(3, Instant(START + 12_345)))


def test_newest_candle_is_the_newest_closed_one() -> None:
    """Whatever the second."""
    market = make_synthetic_market(3, Instant(START + 299))

    assert {START - STEP} == {series.starts[-1] for (_, step), series in market.series.items() if step is FIVE}


def test_there_is_enough_history_for_every_window() -> None:
    """300 five-minute bars of each sound product, and the benchmark's 168 hours."""
    market = the_market()
    sound = [product_id for product_id in market.products() if product_id != "ALGO-USD"]
    five = market.bars(sound, FIVE, 300, START)
    hours = market.bars([ProductId("BTC-USD")], HOUR, 168, START)[ProductId("BTC-USD")]

    assert {300} == {len(bars) for bars in five.values() if isinstance(bars, Bars)}
    assert isinstance(hours, Bars)
    assert 168 == len(hours)


def test_tradable_products_trade_enough_for_their_tiers() -> None:
    """10 million a day for the core, 5 million for the rest; the thin one stays below."""
    volumes = {product_id: product.volume_24h for product_id, product in the_market().products().items()}

    assert all(volumes[ProductId(f"{base}-USD")] > 10_000_000 for base in ("BTC", "ETH", "SOL"))
    assert sum(volume > 5_000_000 for volume in volumes.values()) >= 12
    assert volumes[ProductId("ATOM-USD")] < 5_000_000


def test_demo_ends_with_a_rise_and_a_fall() -> None:
    """Somebody is up by more than 2.5 % in the last hour, somebody down by as much, and most are neither."""
    market = the_market()
    answers = market.bars(tuple(market.products()), FIVE, 20, START)
    moves = [bars.close[-1] / bars.close[-13] - 1 for bars in answers.values() if isinstance(bars, Bars)]

    assert 1 == sum(move >= 0.025 for move in moves)
    assert 1 == sum(move <= -0.025 for move in moves)


def test_one_product_is_full_of_holes() -> None:
    """So that a refusal for gaps is seen; its newest candle is there."""
    algo = the_market().bars([ProductId("ALGO-USD")], FIVE, 300, START)[ProductId("ALGO-USD")]

    assert isinstance(algo, Bars)
    assert algo.filled_ratio > 0.1


def test_market_is_a_week_of_sixteen_assets() -> None:
    """And one alias: what the demo shows, and what every command without candles runs on."""
    market = make_synthetic_market(DEMO_SEED, START)
    bitcoin = market.series[ProductId("BTC-USD"), Granularity.FIVE_MINUTE].candles

    assert (17, 16) == (len(market.products), len({product.base for product in market.products}))
    assert 7 * 86_400 <= bitcoin[-1].start - bitcoin[0].start
