"""Which products there were at an instant, and the holes in what is recorded of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.backtest.data.columns import Columns
from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.data.gaps import find_gaps
from desk.backtest.data.universe import Listing, make_universe
from trader.errors import ConfigError
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle
from unit.desk.backtest.data.candles_on_disk import BTC, ETH, FIVE, HOUR, a_row, put


def a_source(folder: Path) -> CandleFolderSource:
    """BTC over three hours, ETH in the second one alone, SOL in finer bars only."""
    put(folder, "BTC-USD-1h.csv", a_row(0), a_row(7200))
    put(folder, "ETH-USD-1h.csv", a_row(3600))
    put(folder, "SOL-USD-5m.csv", a_row(3600))
    return CandleFolderSource(folder)


def test_product_enters_when_its_data_begin_and_leaves_when_they_end(tmp_path: Path) -> None:
    """From the start of its first bar to the end of its last one; a hole in between is no absence."""
    universe = make_universe(a_source(tmp_path), HOUR)

    listed = {at: universe.listed_at(Instant(at)) for at in (-1, 0, 3599, 3600, 7199, 7200, 10_799, 10_800)}
    assert {
        -1: (),
        0: (BTC,),
        3599: (BTC,),
        3600: (BTC, ETH),
        7199: (BTC, ETH),
        7200: (BTC,),
        10_799: (BTC,),
        10_800: (),
    } == listed
    assert (0, 3600, 7200, 10_800) == universe.changes()


def test_universe_is_of_the_products_that_are_named(tmp_path: Path) -> None:
    """Of one that has no such bars it cannot be made."""
    source = a_source(tmp_path)

    assert (Listing(ETH, Instant(3600), Instant(7200)),) == make_universe(source, HOUR, [ETH]).listings
    with pytest.raises(ConfigError, match="ONE_HOUR candles of SOL-USD"):
        make_universe(source, HOUR, [ETH, ProductId("SOL-USD")])


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
