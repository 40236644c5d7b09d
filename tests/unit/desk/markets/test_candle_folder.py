"""Candle files: what is there, what spans a window, and what is wrong with a row."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from desk.markets import candle_folder
from desk.markets.candle_files import HEADER, read_rows
from desk.markets.candle_folder import CandleFolder
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity

BTC, ETH, SOL = (ProductId(f"{base}-USD") for base in ("BTC", "ETH", "SOL"))
ONE, FIVE, HOUR = Granularity.ONE_MINUTE, Granularity.FIVE_MINUTE, Granularity.ONE_HOUR


def put(folder: Path, name: str, *rows: str, header: str = HEADER) -> None:
    """Write a candle file."""
    text = "\n".join([header, *rows]) + "\n"
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


def a_row(start: int) -> str:
    return f"{start},10,12,9,11,5"


def a_span(first: int, last: int, step: int) -> list[str]:
    return [a_row(start) for start in range(first, last + 1, step)]


def test_candles_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Text to numbers, nothing else."""
    put(tmp_path, "SHIB-USD-1h", "3600,0.00002113,0.00002145,8.5e-06,0.000021,87150016463")

    candles = CandleFolder(tmp_path).load(ProductId("SHIB-USD"), HOUR)

    assert [Candle(3600, 0.00002113, 0.00002145, 0.0000085, 0.000021, 87150016463.0)] == candles
    assert isinstance(candles[0], Candle)


def test_folder_lists_what_it_has(tmp_path: Path) -> None:
    """Finest first; files of other quote assets and other names are left alone."""
    for name in ("BTC-USD-1h", "ETH-USDT-1h", "BTC-USD-1m", "BTC-EUR-1h", "manifest", "BTC-USD-7m"):
        put(tmp_path, name, a_row(3600))

    folder = CandleFolder(tmp_path)

    assert (ONE, HOUR) == folder.granularities()
    assert (BTC, ProductId("ETH-USDT")) == folder.products(HOUR)
    assert () == folder.products(FIVE)


def test_window_asks_for_products_that_span_all_of_it(tmp_path: Path) -> None:
    """From before its start to the end of the last bar."""
    put(tmp_path, "BTC-USD-1h", *a_span(0, 7200, 3600))
    put(tmp_path, "ETH-USD-1h", *a_span(3600, 10_800, 3600))
    folder = CandleFolder(tmp_path)

    assert (BTC,) == folder.products(HOUR, Instant(0), Instant(10_800))
    assert (ETH,) == folder.products(HOUR, Instant(3600), Instant(14_400))
    assert (BTC, ETH) == folder.products(HOUR, Instant(3600), Instant(10_800))
    assert () == folder.products(HOUR, Instant(0), Instant(14_400))
    assert (Instant(3600), Instant(14_400)) == folder.span(ETH, HOUR)


def test_configured_bars_are_kept_if_half_of_the_products_have_them(tmp_path: Path) -> None:
    """One of two is half."""
    put(tmp_path, "BTC-USD-5m", *a_span(0, 3300, 300))
    put(tmp_path, "BTC-USD-1h", a_row(0))
    put(tmp_path, "ETH-USD-1h", a_row(0))

    assert FIVE is CandleFolder(tmp_path).choose_granularity(FIVE, Instant(0), Instant(3600))


def test_finest_well_covered_bars_are_taken_otherwise(tmp_path: Path) -> None:
    """One of three is too few; five minutes are covered by two and finer than an hour."""
    put(tmp_path, "BTC-USD-1m", *a_span(0, 3540, 60))
    for product_id in (BTC, ETH):
        put(tmp_path, f"{product_id}-5m", *a_span(0, 3300, 300))
    for product_id in (BTC, ETH, SOL):
        put(tmp_path, f"{product_id}-1h", a_row(0))

    folder = CandleFolder(tmp_path)

    assert FIVE is folder.choose_granularity(ONE, Instant(0), Instant(3600))
    assert FIVE is folder.choose_granularity(Granularity.SIX_HOUR, Instant(0), Instant(3600))


def test_window_without_candles_is_a_configuration_error(tmp_path: Path) -> None:
    """It names the folder and the window."""
    put(tmp_path, "BTC-USD-1h", a_row(0))

    with pytest.raises(ConfigError, match="from 1970-01-01T01:00:00Z to 1970-01-01T02:00:00Z"):
        CandleFolder(tmp_path).choose_granularity(FIVE, Instant(3600), Instant(7200))


def test_missing_folder_and_missing_file_are_configuration_errors(tmp_path: Path) -> None:
    """Said when asked for, by name."""
    with pytest.raises(ConfigError, match="nowhere"):
        CandleFolder(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="ONE_HOUR candles of BTC-USD"):
        CandleFolder(tmp_path).load(BTC, HOUR)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("7200,10,12,9,abc,5", "line 3: close 'abc' is not a number"),
        ("7200,10,12,9,nan,5", "line 3: '7200,10,12,9,nan,5' is no candle"),
        ("7200,10,12,9,11,inf", "line 3: '7200,10,12,9,11,inf' is no candle"),
        ("7200,10,12,10.5,11,5", "line 3: '7200,10,12,10.5,11,5' is no candle"),
        ("7200,10,12,0,11,5", "line 3: '7200,10,12,0,11,5' is no candle"),
        ("7200,10,12,9,11,-5", "line 3: '7200,10,12,9,11,-5' is no candle"),
        ("7200.5,10,12,9,11,5", "line 3: start '7200.5' is not a whole number"),
        ("7200,10,12,9,11", "line 3: 5 cells instead of 6"),
        ("7201,10,12,9,11,5", "line 3: start 7201 is not a multiple of 3600"),
        ("3600,10,12,9,11,5", "line 3: start 3600 does not follow 3600"),
        ("", "line 3: 1 cells instead of 6"),
    ],
)
def test_bad_row_is_named_with_its_file_its_line_and_its_value(tmp_path: Path, row: str, complaint: str) -> None:
    """So that it can be found in a file of fifty thousand."""
    put(tmp_path, "BTC-USD-1h", a_row(3600), row, a_row(10_800))

    with pytest.raises(MalformedData) as caught:
        CandleFolder(tmp_path).load(BTC, HOUR)

    assert str(caught.value).startswith(f"{tmp_path / 'BTC-USD-1h.csv.gz'}, {complaint}")


def test_other_header_is_refused(tmp_path: Path) -> None:
    """Columns in another order would be read as other numbers."""
    put(tmp_path, "BTC-USD-1h", a_row(0), header="start,low,high,open,close,volume")

    with pytest.raises(MalformedData, match="line 1"):
        CandleFolder(tmp_path).load(BTC, HOUR)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    """Half a download is not data."""
    put(tmp_path, "BTC-USD-1h", *a_span(0, 360_000, 3600))
    file = tmp_path / "BTC-USD-1h.csv.gz"
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.raises(DataError, match="BTC-USD-1h"):
        CandleFolder(tmp_path).load(BTC, HOUR)


def test_file_without_rows_spans_nothing(tmp_path: Path) -> None:
    """It is reported rather than skipped."""
    put(tmp_path, "BTC-USD-1h")

    with pytest.raises(MalformedData, match="no candles"):
        CandleFolder(tmp_path).load(BTC, HOUR)
    with pytest.raises(MalformedData, match="no candles"):
        CandleFolder(tmp_path).products(HOUR, Instant(0), Instant(1))


def test_file_that_spans_a_window_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To see that it spans it, and to be opened; one that does not is not kept."""
    put(tmp_path, "BTC-USD-1h", *a_span(0, 36_000, 3600))
    put(tmp_path, "ETH-USD-1h", *a_span(0, 3600, 3600))
    unpacked: list[str] = []
    monkeypatch.setattr(candle_folder, "read_rows", lambda file: (unpacked.append(file.name), read_rows(file))[1])
    folder = CandleFolder(tmp_path)

    assert (BTC,) == folder.products(HOUR, Instant(0), Instant(36_000))
    assert [Candle(36_000, 10, 12, 9, 11, 5)] == folder.open_series(BTC, HOUR).take_newest(1)
    assert ["BTC-USD-1h.csv.gz", "ETH-USD-1h.csv.gz"] == unpacked
    assert 2 == len(folder.load(ETH, HOUR))
    assert ["BTC-USD-1h.csv.gz", "ETH-USD-1h.csv.gz", "ETH-USD-1h.csv.gz"] == unpacked
