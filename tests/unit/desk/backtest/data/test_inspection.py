"""What is said of a folder of candles: all that is in it, and of what is wrong the very words of who refuses it."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
from pathlib import Path

import pytest

from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.data.inspection import check_folder, list_folder
from desk.markets.candle_files import HEADER, NAMES
from desk.markets.candle_folder import CandleFolder
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Instant
from trader.model.market import Candle
from unit.desk.backtest.data.candles_on_disk import BTC, ETH, FIVE, HOUR, a_row, put, put_parquet, rows_of

NOW = Instant(36_000)
MILLISECONDS = 1_767_225_600_000
#: A row that no reader takes, by what is wrong with it.
BAD_ROWS = {
    "disorder": "0,10,12,9,11,5",
    "duplicate": "3600,10,12,9,11,5",
    "off-grid": "7201,10,12,9,11,5",
    "open-candle": "36000,10,12,9,11,5",
    "milliseconds": f"{MILLISECONDS},10,12,9,11,5",
    "before-1970": "-3600,10,12,9,11,5",
    "high-below-close": "7200,10,10.5,9,11,5",
    "low-above-open": "7200,10,12,10.5,11,5",
    "price-of-nothing": "7200,10,12,0,11,5",
    "negative-volume": "7200,10,12,9,11,-5",
    "not-a-number": "7200,10,12,9,nan,5",
    "infinite": "7200,10,inf,9,11,5",
    "beyond-floats": "7200,10,12,9,11,1e999",
    "many-digits": f"7200,10,12,9,11,{'9' * 400}",
    "word": "7200,10,12,9,abc,5",
    "empty-cell": "7200,10,12,9,,5",
    "empty-line": "",
    "cell-missing": "7200,10,12,9,11",
    "cell-too-many": "7200,10,12,9,11,5,6",
    "two-rows-in-one": "7200,10,12,9,11,5,null,10800,10,12,9,11,5",
    "quoted": '7200,10,12,9,11,"5"',
    "fraction": "7200.5,10,12,9,11,5",
    "day": "1970-01-01,10,12,9,11,5",
}


def refuse(folder: Path) -> str:
    """What both readers say, which is the same."""
    with pytest.raises(DataError) as theirs:
        CandleFolder(folder, NOW).load(BTC, HOUR)
    with pytest.raises(DataError) as ours:
        CandleFolderSource(folder, NOW).load(BTC, HOUR)
    assert str(theirs.value) == str(ours.value)
    return str(ours.value)


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
def test_what_readers_refuse_is_named_in_their_words(tmp_path: Path, row: str, ending: str) -> None:
    """With file, line and value; the sound rows around it are counted."""
    file = put(tmp_path, f"BTC-USD-1h.{ending}", a_row(3600), row, a_row(14_400))

    checked = check_folder(tmp_path, NOW)

    assert refuse(tmp_path) == checked.faults[0]
    assert checked.faults[0].startswith(f"{file}, line 3: ")


@pytest.mark.parametrize(
    "row", ["7200, 10 ,12,9,11,5\r", "7_200,10,12,9,11,5", "+7200,10,12,9,11,5", "07200,10,12,9,11,5"]
)
def test_what_readers_take_is_no_fault(tmp_path: Path, row: str) -> None:
    """However odd it looks."""
    put(tmp_path, "BTC-USD-1h.csv", a_row(3600), row)

    assert () == check_folder(tmp_path, NOW).faults
    assert [3600, 7200] == [each.start for each in CandleFolder(tmp_path, NOW).load(BTC, HOUR)]
    assert [3600, 7200] == CandleFolderSource(tmp_path, NOW).load(BTC, HOUR).start.tolist()


def test_cells_that_moved_from_one_row_to_the_next_are_found(tmp_path: Path) -> None:
    """Counted together they would be as many as there should be."""
    put(tmp_path, "BTC-USD-1h.csv", "3600,10,12,9,11", "5,7200,10,12,9,11,5")

    assert "line 2: 5 cells instead of 6" in refuse(tmp_path)
    assert 2 == len(check_folder(tmp_path, NOW).faults)


def test_every_fault_is_named_once(tmp_path: Path) -> None:
    """What follows a row that is out of order is no fault by that, wherever the rows are cut to be read at once."""
    rows = [a_row(at * 300) for at in range(20_000)]
    rows[7_000], rows[12_345], rows[19_999] = rows[7_001], "7,8", a_row(5)
    file = put(tmp_path, "BTC-USD-5m.csv.gz", *rows)

    checked = check_folder(tmp_path, Instant(10**9))

    lines = [fault.removeprefix(f"{file}, ").split(":")[0] for fault in checked.faults]
    assert ["line 7003", "line 12347", "line 20001"] == lines
    assert 19_997 == checked.candles


def spoil(text: str, chance: random.Random) -> str:
    """Put in, replace or take away a character or two."""
    for _ in range(chance.randint(1, 2)):
        at, way = chance.randrange(len(text)), chance.randrange(3)
        odd = "" if way == 2 else chance.choice("0123456789.,+-eE_ \t\r\nnaif#\"'x;\x0b\x0c\x1c\x00")
        text = text[:at] + odd + text[at + (way > 0) :]
    return text


def read_by(source: CandleFolder | CandleFolderSource) -> list[tuple[float, ...]] | str:
    """The candles, or why there are none."""
    try:
        found = source.load(BTC, HOUR)
    except DataError as error:
        return str(error)
    if isinstance(found, list):
        return [tuple(map(float, each)) for each in found]
    return list(zip(*(map(float, getattr(found, name)) for name in NAMES), strict=True))


def test_readers_and_check_agree_on_whatever_a_file_may_say(tmp_path: Path) -> None:
    """Files with a character or two spoilt: both readers take the same numbers, or both refuse as check says."""
    chance, taken = random.Random(20261130), 0
    for _ in range(1_000):
        text = spoil("\n".join(f"{at * 3600},10,12,9,{11 + chance.random()},5" for at in range(1, 5)), chance)
        (tmp_path / "BTC-USD-1h.csv").write_bytes(f"{HEADER}\n{text}\n".encode())

        theirs, ours = read_by(CandleFolder(tmp_path, NOW)), read_by(CandleFolderSource(tmp_path, NOW))
        faults = check_folder(tmp_path, NOW).faults

        assert theirs == ours, repr(text)
        assert faults[:1] == ((theirs,) if isinstance(theirs, str) else ()), repr(text)
        taken += not faults
    assert 100 < taken < 900


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"junk", "Not a gzipped file"),
        (gzip.compress(b"start,open" * 99)[:30], "ended"),
        (gzip.compress(b"time,open\n1,2\n"), "line 1: expected 'start,open"),
        (gzip.compress(b"start,open,high,low,close,volume\n"), "no candles"),
        (gzip.compress("start,open,high,low,close,volume\n3600,10,12,9,11,\uff15\n".encode()), "plain text"),
    ],
    ids=["no-gzip", "torn", "header", "no-rows", "not-ascii"],
)
def test_file_that_cannot_be_read_is_named_as_readers_name_it(tmp_path: Path, content: bytes, said: str) -> None:
    """And listed with its size and digest."""
    file = tmp_path / "BTC-USD-1h.csv.gz"
    file.write_bytes(content)

    (fault,) = check_folder(tmp_path, NOW).faults
    (listed,) = list_folder(tmp_path)

    assert refuse(tmp_path) == fault
    assert said in fault
    assert (len(content), hashlib.sha256(content).hexdigest(), 0) == (listed.size, listed.digest, len(listed.starts))
    assert str(file) in listed.problem


def test_parquet_is_checked_as_its_reader_checks_it(tmp_path: Path) -> None:
    """Row by row, and all of them."""
    rows = [Candle(0, 10, 12, 9, 11, 5), Candle(1, 10, 12, 9, 11, 5), Candle(3600, 10, 12, 11, 11, 5)]
    put_parquet(tmp_path, "BTC-USD-1h.parquet", rows_of(rows))

    faults = check_folder(tmp_path, NOW).faults
    with pytest.raises(MalformedData) as refused:
        CandleFolderSource(tmp_path, NOW).load(BTC, HOUR)

    assert str(refused.value) == faults[0]
    assert ["row 2: start 1 is not a multiple of 3600", "row 3: (3600, 10.0, 12.0, 11.0, 11.0, 5.0) is no candle"] == [
        fault.partition(", ")[2] for fault in faults
    ]


def test_parquet_of_an_open_candle_is_refused(tmp_path: Path) -> None:
    """At an instant at which it is closed it is not."""
    put_parquet(tmp_path, "BTC-USD-1h.parquet", rows_of([Candle(36_000, 10, 12, 9, 11, 5)]))

    assert (
        "row 1: start 36000 is of a candle that is open until 1970-01-01T11:00:00Z"
        in check_folder(tmp_path, NOW).faults[0]
    )
    assert () == check_folder(tmp_path, Instant(NOW + 3600)).faults


def test_two_files_of_the_same_candles_are_named_and_both_are_looked_at(tmp_path: Path) -> None:
    """In the words of a reader, which takes neither."""
    put(tmp_path, "BTC-USD-1h.csv", a_row(3600))
    put(tmp_path, "BTC-USD-1h.csv.gz", a_row(3601))

    first, second = check_folder(tmp_path, NOW).faults
    with pytest.raises(ConfigError) as refused:
        CandleFolder(tmp_path)

    assert str(refused.value) == first
    assert "BTC-USD-1h.csv.gz, line 2: start 3601" in second


def test_names_that_no_reader_knows_are_named(tmp_path: Path) -> None:
    """If they look like candles; a page of text and what a writer left are not looked at."""
    odd = ["BTC-EUR-1h.csv", "BTC-USD-7m.csv.gz", "BTC-USD_1h.csv", "btc-usd-1h.CSV", "BTC-USD-1h.csv.zip"]
    for name in (*odd, "README.md", "manifest.json", ".BTC-USD-1h.csv.gz.x7_ab3k"):
        (tmp_path / name).write_text("x")
    put(tmp_path, "BTC-USD-1h.csv", a_row(3600))

    faults = check_folder(tmp_path, NOW).faults

    assert sorted(odd) == sorted(Path(fault.partition(":")[0]).name for fault in faults)
    assert all("no reader takes a file of this name" in fault for fault in faults)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("BTC-USD-1h.asked.json", '{"start": 3600, "end": 14400, "candles": 3}', "2 candles of the stretch"),
        ("BTC-USD-1h.asked.json", '{"start": 3601, "end": 14400, "candles": 2}', "no stretch of time"),
        ("BTC-USD.product.json", "{}", "BTC-USD.product.json: 'read_at' is missing"),
    ],
)
def test_what_lies_beside_candles_is_checked(tmp_path: Path, name: str, text: str, said: str) -> None:
    """What was asked for and is not there, and metadata that cannot be read."""
    put(tmp_path, "BTC-USD-1h.csv.gz", a_row(3600), a_row(7200))
    (tmp_path / name).write_text(text)

    (fault,) = check_folder(tmp_path, NOW).faults

    assert said in fault


def test_gap_is_a_fault_only_if_it_is_longer_than_allowed(tmp_path: Path) -> None:
    """A bucket that is not there is none by itself."""
    file = put(tmp_path, "BTC-USD-1h.csv.gz", a_row(0), a_row(7200), a_row(21_600))

    free, strict = check_folder(tmp_path, NOW), check_folder(tmp_path, NOW, 2)

    assert ((), [1, 3]) == (free.faults, [gap.buckets for gap in free.gaps[file]])
    assert (f"{file}: 1970-01-01T03:00:00Z to 1970-01-01T06:00:00Z: 3 ONE_HOUR buckets",) == strict.faults


def test_folder_is_listed_by_what_its_files_hold(tmp_path: Path) -> None:
    """First, last, how many, gaps, and the digest of the very bytes."""
    file = put(tmp_path, "BTC-USD-5m.csv.gz", a_row(300), a_row(600), a_row(1500))
    put_parquet(tmp_path, "ETH-USD-1h.parquet", rows_of([Candle(3600, 10, 12, 9, 11, 5)]))

    btc, eth = list_folder(tmp_path)

    assert (BTC, FIVE, [300, 600, 1500], [2]) == (
        btc.file.product_id, btc.file.granularity, btc.starts, [gap.buckets for gap in btc.gaps]
    )  # fmt: skip
    assert (file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()) == (btc.size, btc.digest)
    assert (ETH, HOUR, [3600], ()) == (eth.file.product_id, eth.file.granularity, eth.starts, eth.gaps)


@pytest.mark.parametrize("rows", [("3600,1", "oops"), ("3601,1",), ("7200,1", "3600,1"), ("3600,1", "", "7200,1")])
def test_listing_says_of_what_it_cannot_tell_the_span(tmp_path: Path, rows: tuple[str, ...]) -> None:
    """Rather than tell a wrong one."""
    put(tmp_path, "BTC-USD-1h.csv", *rows)

    (listed,) = list_folder(tmp_path)

    assert "not every row begins with a start" in listed.problem
    assert () == listed.starts


def test_folder_without_candles_is_refused(tmp_path: Path) -> None:
    """That nothing is wrong with nothing would be no answer."""
    (tmp_path / "README.md").touch()

    with pytest.raises(ConfigError, match="no files of candles"):
        check_folder(tmp_path, NOW)
    with pytest.raises(ConfigError, match="no files of candles"):
        list(list_folder(tmp_path))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str, ending: str) -> None:
    """Whoever read a pipe that nobody writes into, or a device without an end, would wait for ever."""
    put(tmp_path, "ETH-USD-1h.csv", a_row(0))
    place = tmp_path / f"BTC-USD-1h.{ending}"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case _:
            place.symlink_to("/dev/zero")
    told = f"{place}: is a folder, a pipe or a device; allowed is a file"

    with pytest.raises(DataError) as refused:
        CandleFolderSource(tmp_path, NOW).load(BTC, HOUR)
    assert told == str(refused.value)
    if ending != "parquet":
        with pytest.raises(DataError) as refused:
            CandleFolder(tmp_path, NOW).products(HOUR, Instant(0), Instant(1))
        assert told == str(refused.value)
    assert (told,) == check_folder(tmp_path, NOW).faults
    assert [told, ""] == [each.problem for each in list_folder(tmp_path)]
