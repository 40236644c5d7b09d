"""Which products there were at an instant, and the holes in what is recorded of them."""

from __future__ import annotations

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.data.gaps import find_gaps
from desk.backtest.data.universe import Listing, make_universe
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity
from unit.desk.backtest.data.candles_on_disk import BTC, ETH, FIVE, HOUR

SOL = ProductId("SOL-USD")


def some_columns(*starts: int) -> Columns:
    """Return hours with these starts, in hours."""
    return Columns.from_candles(HOUR, [Candle(start * 3600, 1, 1, 1, 1, 1) for start in starts])


def test_product_is_listed_from_its_first_close_until_candles_stayed_away() -> None:
    """A hole that is short enough is a hole; from a longer one a product comes back with its next close."""
    candles = {BTC: some_columns(0, 1, 7, 30), ETH: some_columns(5), SOL: some_columns()}

    universe = make_universe(candles.items(), 6 * 3600)

    assert Listing((3600, 31 * 3600), (14 * 3600, 37 * 3600)) == universe.listings[BTC]  # type: ignore[arg-type]
    listed = {at: universe.listed_at(Instant(at)) for at in (3599, 3600, 6 * 3600, 12 * 3600, 14 * 3600, 111_600)}
    assert {
        3599: (),
        3600: (BTC,),
        6 * 3600: (BTC, ETH),
        12 * 3600: (BTC,),
        14 * 3600: (),
        111_600: (BTC,),
    } == listed
    assert [3600, 21_600, 43_200, 50_400, 111_600, 133_200] == list(universe.changes())
    assert [universe.is_listed(each, Instant(21_600)) for each in (BTC, ETH, SOL, ProductId("ADA-USD"))] == [
        True,
        True,
        False,
        False,
    ]


def test_listing_in_columns_is_that_at_each_instant() -> None:
    """At, before and after every change."""
    listing = make_universe([(BTC, some_columns(0, 1, 40))], 0).listings[BTC]
    ticks = np.arange(0, 50 * 3600, 900)

    assert [listing.is_listed(Instant(int(at))) for at in ticks] == listing.find_listed(ticks).tolist()
    assert [False] * 4 == Listing().find_listed(ticks[:4]).tolist()


def test_nothing_after_an_instant_changes_who_is_listed_at_it() -> None:
    """Whatever candles follow: by then nobody knows of them."""
    starts = (2, 3, 4, 9, 10, 40, 41)
    whole = make_universe([(BTC, some_columns(*starts))], 0)
    for until in range(0, 60 * 3600, 1800):
        known = make_universe([(BTC, some_columns(*(each for each in starts if (each + 1) * 3600 <= until)))], 0)
        assert known.listed_at(Instant(until)) == whole.listed_at(Instant(until))


def test_product_is_not_gone_while_its_market_is_quoted() -> None:
    """However short the absence that is asked for: two bars and one more of an hour, an hour and a bar of a minute."""
    minutes = Columns.from_candles(Granularity.ONE_MINUTE, [Candle(0, 1, 1, 1, 1, 1)])

    universe = make_universe([(BTC, some_columns(0)), (ETH, minutes)], 0)

    assert {BTC: (4 * 3600,), ETH: (60 + 3600 + 60,)} == {each: at.leaves for each, at in universe.listings.items()}


def test_holes_are_found_by_their_length() -> None:
    """One of one bucket, one of three; nothing before the first candle, nothing after the last."""
    starts = (600, 1200, 2400, 2700)
    columns = Columns.from_candles(FIVE, [Candle(start, 1, 1, 1, 1, 1) for start in starts])

    assert [(900, 1, 1200), (1500, 3, 2400)] == [
        (each.start, each.buckets, each.end) for each in find_gaps(FIVE, columns.start.tolist())
    ]
    assert [3] == [each.buckets for each in find_gaps(FIVE, columns.start.tolist(), longer_than=1)]
    assert () == find_gaps(FIVE, columns.start.tolist(), longer_than=3)
    assert () == find_gaps(FIVE, [])
