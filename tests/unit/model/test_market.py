"""Products, quotes and bars: what they say, and what they refuse to say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from factories import NOW, a_product, a_quote
from factories_market import flat_bars
from trader.errors import MalformedData, MissingData, StaleData
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Balance, Bars, Candle, Granularity, bars_from_candles, expected_last_start
from trader.model.money import Price

FIVE = Granularity.FIVE_MINUTE
#: The newest bar that is closed at NOW starts here.
LAST = NOW - 300


def a_candle(start: int, price: float = 100.0, **changes: float) -> Candle:
    return Candle(start, price, price, price, price, 10.0)._replace(**changes)


def lay(*candles: Candle, count: int = 3, now: int = NOW, settled_after: int = 0) -> Bars:
    return bars_from_candles(candles, FIVE, Instant(now), count, settled_after=settled_after)


# --- products and quotes


def test_open_product_closes_no_gate() -> None:
    """Post only and limit only forbid nothing that we send."""
    assert () == a_product(post_only=True, limit_only=True).trading_restrictions


@pytest.mark.parametrize("flag", ["is_disabled", "trading_disabled", "cancel_only", "in_auction", "view_only"])
def test_every_flag_that_forbids_an_entry_is_read(flag: str) -> None:
    """Accident 14: each of them alone closes the product, by its name."""
    assert (flag,) == a_product(**{flag: True}).trading_restrictions


@pytest.mark.parametrize(("status", "gate"), [("delisted", "status=delisted"), ("", "status=empty")])
def test_status_other_than_online_closes_a_product(status: str, gate: str) -> None:
    """An empty word is not online."""
    assert (gate,) == a_product(status=status).trading_restrictions


def test_alias_is_another_door_to_the_same_book() -> None:
    """BTC-USDC is BTC-USD; a product without an alias is itself."""
    aliases = a_product("BTC-USDC", alias=ProductId("BTC-USD")), a_product("BTC-USD")

    assert [ProductId("BTC-USD")] * 2 == [alias.canonical_id for alias in aliases]


@pytest.mark.parametrize(
    ("bid", "ask", "crossed"),
    [("99", "100", False), ("100", "100", True), ("101", "100", True), ("0", "100", True), ("99", "0", True)],
)
def test_quote_without_a_gap_between_two_sides_is_no_market(bid: str, ask: str, crossed: bool) -> None:
    """A missing side is written as zero."""
    assert crossed is a_quote(bid=bid, ask=ask).is_crossed


def test_spread_is_measured_at_the_mid() -> None:
    """99 and 101 are 200 basis points apart."""
    quote = a_quote(bid="99", ask="101")

    assert (Price(100), Decimal(200)) == (quote.mid, quote.spread_bps)


def test_balance_counts_what_is_held_by_orders() -> None:
    """What an order of ours sets aside is still there."""
    assert Decimal(3) == Balance(Asset("SOL"), Decimal(1), Decimal(2)).total


# --- bars


def test_running_bucket_is_dropped() -> None:
    """Only closed candles count, whatever the venue sends."""
    bars = lay(a_candle(LAST), a_candle(LAST + 300, price=500.0))

    assert (LAST,) == bars.start


def test_candles_come_in_any_order_and_twice() -> None:
    """The last word on a bucket wins; the grid is oldest first."""
    bars = lay(a_candle(LAST), a_candle(LAST - 300, price=1.0), a_candle(LAST - 300, price=2.0))

    assert ((LAST - 300, LAST), (2.0, 100.0)) == (bars.start, bars.close)


def test_hole_is_filled_with_the_close_before_it_and_counted() -> None:
    """A bucket without a trade has no volume and moves nothing."""
    bars = lay(a_candle(LAST - 600, price=90.0), a_candle(LAST, price=95.0))

    assert (1, (90.0, 90.0, 95.0), (10.0, 0.0, 10.0)) == (bars.filled, bars.close, bars.volume)
    assert pytest.approx(1 / 3) == bars.filled_ratio


def test_bars_older_than_asked_for_are_left_out() -> None:
    """The grid ends with the newest closed bar and has at most so many."""
    bars = lay(*(a_candle(LAST - 300 * back) for back in range(9)), count=3)

    assert (LAST - 600, LAST - 300, LAST) == bars.start


def test_young_product_has_fewer_bars() -> None:
    """Nothing is made up before its first candle."""
    assert 1 == len(lay(a_candle(LAST), count=300))


def test_missing_newest_bucket_is_not_a_hole() -> None:
    """The venue may simply not have published it: that is stale, not quiet."""
    with pytest.raises(StaleData, match=str(LAST)) as caught:
        lay(a_candle(LAST - 600), a_candle(LAST - 300))

    assert LAST - 300 == caught.value.newest


def test_no_closed_candle_is_missing_data() -> None:
    """Neither an empty answer nor one with the running bucket alone is a series."""
    with pytest.raises(MissingData):
        lay(a_candle(LAST + 300))


def test_bucket_counts_once_it_has_settled() -> None:
    """With a minute to settle, the bar that closed just now is not expected yet."""
    bars = lay(a_candle(LAST - 300), a_candle(LAST), settled_after=60)

    assert (LAST - 300,) == bars.start


@pytest.mark.parametrize(
    "changes",
    [
        {"low": 0.0},
        {"low": -1.0},
        {"low": 101.0, "high": 100.0},
        {"open": 103.0},
        {"close": 99.0},
        {"high": float("inf")},
        {"close": float("nan")},
        {"volume": -1.0},
        {"volume": float("nan")},
        {"volume": float("inf")},
    ],
)
def test_candle_that_makes_no_sense_is_refused(changes: dict[str, float]) -> None:
    """One bad number spoils the series; it is not repaired."""
    with pytest.raises(MalformedData, match=str(LAST)):
        lay(a_candle(LAST, **changes))


def test_candle_without_volume_is_sound() -> None:
    """A venue may well report a bucket in which nothing happened."""
    assert (0.0,) == lay(a_candle(LAST, volume=0.0)).volume


@pytest.mark.parametrize("second", [0, 1, 299])
def test_newest_closed_bar_ends_at_or_before_now(second: int) -> None:
    """A bar that closes this second is closed."""
    assert LAST == expected_last_start(FIVE, Instant(NOW + second))


def test_every_granularity_knows_its_length() -> None:
    """From a minute to a day, each longer than the one before."""
    lengths = [granularity.seconds for granularity in Granularity]

    assert (sorted(lengths), 60, 86_400) == (lengths, lengths[0], lengths[-1])


def test_digest_covers_every_number() -> None:
    """Two series are the same series only if every start, price and volume agrees."""
    bars = flat_bars(3)
    others = [
        replace(bars, **{column: (*getattr(bars, column)[:-1], 7)})
        for column in ("start", "open", "high", "low", "close", "volume")
    ]

    assert 7 == len({bars.digest, *(other.digest for other in others)})
    assert bars.digest == flat_bars(3).digest
