"""Candle files in NumPy columns: the same numbers, and the same complaints, as the reader that makes tuples."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from desk.backtest.data.folder import CandleFolderSource
from desk.markets.candle_files import NAMES
from desk.markets.candle_folder import CandleFolder
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import ProductId
from trader.model.market import Candle, Granularity
from unit.desk.backtest.data.candles_on_disk import BTC, ETH, FIVE, HOUR, a_row, put, put_parquet, rows_of

SHIB = Candle(3600, 0.00002113, 0.00002145, 8.5e-06, 0.000021, 87150016463.0)


def rows_in(source: CandleFolderSource, product_id: ProductId, granularity: Granularity) -> list[tuple[float, ...]]:
    columns = source.load(product_id, granularity)
    return list(zip(*(getattr(columns, name).tolist() for name in NAMES), strict=True))


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_candles_are_read_as_they_are_written(tmp_path: Path, ending: str) -> None:
    """Text to numbers, nothing else; each column in one piece."""
    put(tmp_path, f"SHIB-USD-1h.{ending}", "3600,0.00002113,0.00002145,8.5e-06,0.000021,87150016463", a_row(10_800))

    source = CandleFolderSource(tmp_path)
    columns = source.load(ProductId("SHIB-USD"), HOUR)

    assert [SHIB, (10_800, 10, 12, 9, 11, 5)] == rows_in(source, ProductId("SHIB-USD"), HOUR)
    assert columns.start.dtype == np.int64
    assert all(getattr(columns, name).flags["C_CONTIGUOUS"] for name in NAMES)


def test_parquet_is_read_as_it_is_written(tmp_path: Path) -> None:
    """The same columns under the same names."""
    put_parquet(tmp_path, "SHIB-USD-1h.parquet", rows_of([SHIB, Candle(10_800, 10, 12, 9, 11, 5)]))

    source = CandleFolderSource(tmp_path)

    assert [SHIB, (10_800, 10, 12, 9, 11, 5)] == rows_in(source, ProductId("SHIB-USD"), HOUR)


def test_numbers_are_those_of_the_other_reader(tmp_path: Path) -> None:
    """To the last bit, with many digits and with few."""
    chance = random.Random(7)
    rows = []
    for at in range(500):
        low, high = sorted(chance.choice([1e-7, 1.0, 1e5]) * chance.random() + 1e-9 for _ in range(2))
        rows.append(f"{at * 300},{low!r},{high!r},{low!r},{high!r},{round(chance.random() * 1e6, 8)!r}")
    put(tmp_path, "BTC-USD-5m.csv.gz", *rows)

    assert [tuple(each) for each in CandleFolder(tmp_path).load(BTC, FIVE)] == rows_in(
        CandleFolderSource(tmp_path), BTC, FIVE
    )


def test_folder_lists_what_it_has(tmp_path: Path) -> None:
    """Finest first; files of other names are left alone, and nothing is read before it is asked for."""
    for name in ("ETH-USD-1h.csv", "BTC-USD-1h.csv.gz", "BTC-USD-5m.parquet", "BTC-USD-5m.span.json", "BTC-EUR-1h.csv"):
        (tmp_path / name).write_text("no candles")

    source = CandleFolderSource(tmp_path)

    assert (BTC, ETH) == source.products()
    assert (FIVE, HOUR) == source.granularities(BTC)
    assert () == source.granularities(ProductId("BTC-EUR"))


def test_product_is_read_once(tmp_path: Path) -> None:
    """What was read is kept, whatever becomes of the file."""
    file = put(tmp_path, "BTC-USD-1h.csv", a_row(0))
    source = CandleFolderSource(tmp_path)

    first = source.load(BTC, HOUR)
    file.unlink()

    assert first is source.load(BTC, HOUR)


def test_what_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    """The folder, the product, and which of two files of the same candles is meant."""
    with pytest.raises(ConfigError, match="nowhere is not there"):
        CandleFolderSource(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="ONE_HOUR candles of BTC-USD"):
        CandleFolderSource(tmp_path).load(BTC, HOUR)
    for ending in ("csv", "parquet"):
        (tmp_path / f"BTC-USD-1h.{ending}").touch()
    with pytest.raises(ConfigError, match=r"BTC-USD-1h\.csv and BTC-USD-1h\.parquet are the same"):
        CandleFolderSource(tmp_path)


@pytest.mark.parametrize(
    "row",
    [
        "7200,10,12,9,abc,5",
        "7200,10,12,9,nan,5",
        "7200,10,12,9,11,inf",
        "7200,10,12,9,11,-5",
        "7200,10,12,10.5,11,5",
        "7200,10,12,0,11,5",
        "7200,10,12,9,,5",
        "7200,10,12,9,0x10,5",
        "7200.5,10,12,9,11,5",
        "7200.0,10,12,9,11,5",
        "7.2e3,10,12,9,11,5",
        "7200,10,12,9,11",
        "7200,10,12,9,11,5,6",
        '7200,10,12,9,11,"5"',
        "7200,10,12,9,11,5#6",
        "# 7200",
        "7201,10,12,9,11,5",
        "3600,10,12,9,11,5",
        "",
        " ",
    ],
)
def test_bad_row_is_named_as_the_other_reader_names_it(tmp_path: Path, row: str) -> None:
    """File, line and value."""
    file = put(tmp_path, "BTC-USD-1h.csv.gz", a_row(3600), row, a_row(10_800))

    with pytest.raises(MalformedData) as theirs:
        CandleFolder(tmp_path).load(BTC, HOUR)
    with pytest.raises(MalformedData) as ours:
        CandleFolderSource(tmp_path).load(BTC, HOUR)

    assert str(theirs.value) == str(ours.value)
    assert str(ours.value).startswith(f"{file}, line 3: ")


def test_what_python_takes_for_a_number_is_read(tmp_path: Path) -> None:
    """NumPy reads no such number; then the rows are read one by one, and nobody is told of a fault."""
    put(tmp_path, "BTC-USD-1h.csv", "3_600,10,1_2,9,11,5\r", "7200, 10 ,12,9,11,5\r")

    assert [(3600, 10, 12, 9, 11, 5), (7200, 10, 12, 9, 11, 5)] == rows_in(CandleFolderSource(tmp_path), BTC, HOUR)


@pytest.mark.parametrize(
    ("select", "complaint"),
    [
        (rows_of([Candle(0, 10, 12, 9, 11, 5), Candle(1, 10, 12, 9, 11, 5)]), "row 2: start 1 is not a multiple"),
        (rows_of([Candle(3600, 10, 12, 9, 11, 5)] * 2), "row 2: start 3600 does not follow 3600"),
        (rows_of([Candle(0, 10, 12, 11, 11, 5)]), r"row 1: \(0, 10.0, 12.0, 11.0, 11.0, 5.0\) is no candle"),
        (f"{rows_of([SHIB])} UNION ALL SELECT 7200, 1, 1, NULL, 1, 1", "row 2: low is empty"),
        ("SELECT 0.5::DOUBLE AS start, 1 AS open, 1 AS high, 1 AS low, 1 AS close, 0 AS volume", "start is float64"),
        ("SELECT 0 AS start, 1 AS open, 1 AS high, 1 AS low, 1 AS close", "volume"),
        ("SELECT 0 AS start, 'x' AS open, 1 AS high, 1 AS low, 1 AS close, 0 AS volume", "x"),
    ],
)
def test_bad_parquet_is_named_with_its_file_its_row_and_its_value(tmp_path: Path, select: str, complaint: str) -> None:
    """As a file of text is."""
    file = put_parquet(tmp_path, "BTC-USD-1h.parquet", select)

    with pytest.raises(DataError, match=complaint) as caught:
        CandleFolderSource(tmp_path).load(BTC, HOUR)

    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["BTC-USD-1h.csv", "BTC-USD-1h.csv.gz", "BTC-USD-1h.parquet"])
def test_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    """Bytes of something else."""
    (tmp_path / name).write_bytes(b"\x1f\x8b\x08\xff half a file")

    with pytest.raises(DataError, match=name):
        CandleFolderSource(tmp_path).load(BTC, HOUR)


def test_file_without_rows_is_refused(tmp_path: Path) -> None:
    """There is nothing of the product, and the file says that there is."""
    put(tmp_path, "BTC-USD-1h.csv")

    with pytest.raises(MalformedData, match="no candles"):
        CandleFolderSource(tmp_path).load(BTC, HOUR)


def test_folder_of_text_is_read_without_duckdb(tmp_path: Path) -> None:
    """It is as large as all the candles together."""
    put(tmp_path, "BTC-USD-1h.csv.gz", a_row(0))
    code = (
        "import sys; from pathlib import Path; from desk.backtest.data.folder import CandleFolderSource as Source\n"
        "from trader.model.market import Granularity\n"
        "print(len(Source(Path(sys.argv[1])).load('BTC-USD', Granularity.ONE_HOUR)), 'duckdb' in sys.modules)"
    )

    answer = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)

    assert "1 False\n" == answer.stdout
