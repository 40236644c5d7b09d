"""Daily closes of many coins in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from desk.backtest.data.daily import DailyCloseSource
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Asset, ProductId
from trader.model.market import Granularity
from unit.desk.backtest.data.candles_on_disk import put

DAY = Granularity.ONE_DAY
BTC, SOL = ProductId("BTC-USDT"), ProductId("SOL-USDT")
HEADER = "date,BTC,SOL,DEAD"


def a_source(folder: Path, *lines: str, header: str = HEADER) -> DailyCloseSource:
    return DailyCloseSource(put(folder, "closes.csv.gz", *lines, header=header))


def test_day_is_its_close(tmp_path: Path) -> None:
    """Open, high and low are the close, nothing was traded, and the source says that it knows no better."""
    source = a_source(tmp_path, "2020-01-01,7195.65,,", "2020-01-02,6961.8,1.5,")

    columns = source.load(BTC, DAY)

    assert source.has_only_closes
    assert [1577836800, 1577923200] == columns.start.tolist()
    assert all([7195.65, 6961.8] == each.tolist() for each in (columns.open, columns.high, columns.low, columns.close))
    assert [0, 0] == columns.volume.tolist()
    assert columns.start.dtype == np.int64


def test_empty_field_is_a_day_without_the_coin(tmp_path: Path) -> None:
    """It was not listed yet, or no longer; a coin without any close is not there."""
    source = a_source(tmp_path, "2020-01-01,1,,", "2020-01-02,1,2,", "2020-01-03,1,,")

    assert (BTC, SOL) == source.products()
    assert [1577923200] == source.load(SOL, DAY).start.tolist()
    assert (DAY,) == source.granularities(SOL)
    assert () == source.granularities(ProductId("DEAD-USDT"))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("2020-01-02,1,abc,", "line 3: SOL: 'abc' is not a number"),
        ("2020-01-02,1,nan,", "line 3: SOL: 'nan' is no price"),
        ("2020-01-02,0,1,", "line 3: BTC: '0' is no price"),
        ("2020-01-02,inf,1,", "line 3: BTC: 'inf' is no price"),
        ("2020-01-02,1", "line 3: 2 cells instead of 4"),
        ("2.1.2020,1,1,", "line 3: date '2.1.2020' is no day"),
        ("2020-01-01,1,1,", "line 3: date 2020-01-01 does not follow"),
    ],
)
def test_bad_line_is_named_with_its_file_and_its_value(tmp_path: Path, line: str, complaint: str) -> None:
    """And with the coin."""
    with pytest.raises(MalformedData) as caught:
        a_source(tmp_path, "2020-01-01,1,1,", line)

    assert str(caught.value).startswith(f"{tmp_path / 'closes.csv.gz'}, {complaint}")


@pytest.mark.parametrize("header", ["day,BTC", "date", "date,BTC,BTC", "date,btc", "date,"])
def test_other_header_is_refused(tmp_path: Path, header: str) -> None:
    """It is another file."""
    with pytest.raises(MalformedData, match="line 1"):
        a_source(tmp_path, header=header)


def test_what_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    """The file, the product, another length of bar, a quote asset of others."""
    source = a_source(tmp_path, "2020-01-01,1,1,")

    with pytest.raises(ConfigError, match="not there"):
        DailyCloseSource(tmp_path / "nowhere.csv")
    with pytest.raises(ConfigError, match="ONE_DAY candles of ETH-USDT"):
        source.load(ProductId("ETH-USDT"), DAY)
    with pytest.raises(ConfigError, match="ONE_HOUR candles of BTC-USDT"):
        source.load(BTC, Granularity.ONE_HOUR)
    with pytest.raises(ConfigError, match="EUR"):
        DailyCloseSource(source.path, Asset("EUR"))


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    """Half a download is not data."""
    file = put(tmp_path, "closes.csv.gz", "2020-01-01,1,1,", header=HEADER)
    file.write_bytes(file.read_bytes()[:-9])

    with pytest.raises(DataError, match=r"closes\.csv\.gz"):
        DailyCloseSource(file)
