"""A file kept as columns answers as all of its candles do, makes few of them, and was checked in every row."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.cli.run_tables import make_run_json
from desk.markets import MarketSetup, set_up_candles
from desk.markets.candle_files import HEADER, name_candles
from desk.markets.candle_folder import CandleFolder
from desk.markets.candle_rows import parse_columns
from desk.markets.file_series import FileSeries
from desk.markets.series import CandleSeries
from desk.markets.synthetic import make_synthetic_market
from desk.run import TickRun
from factories import shipped_settings
from trader.adapters.local.files import FileStateStore
from trader.entry.wiring import make_scope
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity

STEP, BEGIN, ROWS = 300, 1_735_689_600, 900
BTC, FIVE = ProductId("BTC-USD"), Granularity.FIVE_MINUTE
END = Instant(1_767_225_600)


def make_rows(seed: int) -> list[Candle]:
    """Candles with holes of an hour and more, in which a market is shut."""
    chance, rows, at = random.Random(seed), [], BEGIN
    for _ in range(ROWS):
        at += STEP * chance.choice([1] * 30 + [2, 3, 15, 40])
        low = round(100 + 10 * chance.random(), 2)
        rows.append(Candle(at, low + 0.5, low + 2, low, low + 1, round(1e6 * chance.random(), 3)))
    return rows


def write_rows(rows: list[Candle]) -> bytes:
    return b"\n".join(",".join(map(repr, row)).encode() for row in rows)


def answer(ask: Callable[[], Any]) -> Any:
    """What is answered, or the words of what is refused."""
    try:
        return ask()
    except DataError as error:
        return type(error), str(error)


def iterate_answers(series: FileSeries | CandleSeries, now: Instant) -> Iterator[Any]:
    for count in (1, 20, 200):
        yield answer(lambda count=count: series.bars(count, now))
    yield series.last_closed(now)
    yield series.running_open(now)
    yield series.between(Instant(now - 4000), now)
    yield series.day_notional(now)


@pytest.mark.parametrize("seed", range(6))
def test_every_answer_is_that_of_the_candles(seed: int) -> None:
    """At instants before, in and after them, on and off the grid; the turnover to the last bit."""
    rows = make_rows(seed)
    whole, last = CandleSeries(FIVE, rows), rows[-1].start
    series = FileSeries(FIVE, parse_columns(Path("file"), write_rows(rows), STEP))
    chance = random.Random(seed)

    for _ in range(150):
        now = Instant(chance.randrange(BEGIN - 9000, last + 9000))
        assert list(iterate_answers(series, now)) == list(iterate_answers(whole, now))

    assert rows[-7:] == series.take_newest(7)
    assert rows == series.take_newest(ROWS + 1)
    assert whole.aggregate(Granularity.ONE_HOUR).candles == series.aggregate(Granularity.ONE_HOUR).candles
    with pytest.raises(ConfigError, match="cannot be put into"):
        series.aggregate(Granularity.ONE_MINUTE)


@pytest.mark.parametrize("at", [3, 450, ROWS - 3])
@pytest.mark.parametrize(
    "row",
    [
        "{at},10,12,9,11",
        "{at},10,12,9,11,5,5",
        "{at}.5,10,12,9,11,5",
        "7,10,12,9,11,5",
        "300,10,12,9,11,5",
        "{at}000,10,12,9,11,5",
        "{at},10,12,9,abc,5",
        "{at},10,12,9,nan,5",
        "{at},10,12,10.5,11,5",
        "{at},10,12,0,11,5",
        "{at},10,12,9,11,inf",
        "{at},10,12,9,11,-5",
        "",
    ],
)
def test_faulty_row_is_named_as_soon_as_the_file_is_opened(tmp_path: Path, row: str, at: int) -> None:
    """Wherever it is, and in the words in which all candles of the file are refused."""
    lines = [f"{BEGIN + STEP * number},10,12,9,11,5" for number in range(ROWS)]
    lines[at] = row.format(at=BEGIN + STEP * at)
    (tmp_path / "BTC-USD-5m.csv").write_text("\n".join([HEADER, *lines]), encoding="ascii")

    opened = answer(lambda: CandleFolder(tmp_path).open_series(BTC, FIVE))

    assert answer(lambda: CandleFolder(tmp_path).load(BTC, FIVE)) == opened
    assert opened[0] is MalformedData
    assert f"BTC-USD-5m.csv, line {at + 2}: " in opened[1]


def test_candle_that_is_open_and_file_without_rows_are_refused(tmp_path: Path) -> None:
    """As where all candles are read."""
    file = tmp_path / "BTC-USD-5m.csv"
    file.write_text(f"{HEADER}\n{BEGIN},10,12,9,11,5\n", encoding="ascii")

    CandleFolder(tmp_path, Instant(BEGIN + STEP)).open_series(BTC, FIVE)
    with pytest.raises(MalformedData, match="of a candle that is open until"):
        CandleFolder(tmp_path, Instant(BEGIN + STEP - 1)).open_series(BTC, FIVE)
    file.write_text(f"{HEADER}\n", encoding="ascii")
    with pytest.raises(MalformedData, match="no candles"):
        CandleFolder(tmp_path).open_series(BTC, FIVE)


def put_synthetic(folder: Path) -> Path:
    """Write files of 20 days of a synthetic market, which go on for two days after the last tick."""
    made = make_synthetic_market(7, Instant(END + 2 * 86_400), 22 * 24)
    folder.mkdir()
    for (product_id, granularity), series in made.series.items():
        text = f"{HEADER}\n{write_rows(list(series.candles)).decode()}\n"
        (folder / f"{name_candles(product_id, granularity)}.csv.gz").write_bytes(gzip.compress(text.encode(), 1))
    return folder


def run_all(setup: MarketSetup, home: Path, ticks: list[Instant]) -> dict[str, Any]:
    """Run the ticks; of totals, fills and records nothing is left out."""
    run = TickRun(setup, home, ticks)
    run.run(lambda _: None, lambda: False)
    records = {str(each.relative_to(home)): each.read_bytes() for each in sorted((home / "audit").rglob("*.jsonl"))}
    fills = FileStateStore(home).fills(make_scope(setup.settings))
    return {"totals": make_run_json(run.sum_up()), "fills": fills, "records": records}


def test_run_makes_few_candles_and_is_that_on_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte on record; made were the newest for the products' decimals, and no bars at all."""
    folder, first, count = put_synthetic(tmp_path / "candles"), Instant(END - 3600), 12
    settings, made, make = shipped_settings({"app.mode": "PAPER"}), [0], FileSeries._make_candles

    def make_counted(series: FileSeries, low: int, high: int) -> list[Candle]:
        made[0] += high - low
        return make(series, low, high)

    monkeypatch.setattr(FileSeries, "_make_candles", make_counted)
    setup = set_up_candles(settings, folder, first, Instant(first + 1))
    ticks = [Instant(first + setup.settings.cycle.period_seconds * number) for number in range(count)]
    done = run_all(setup, tmp_path / "part", ticks)
    candles = CandleFolder(folder)
    whole = replace(setup, series={key: CandleSeries(key[1], candles.load(*key)) for key in setup.series})

    assert {FileSeries} == set(map(type, setup.series.values()))
    assert len(done["records"]) >= count
    assert made[0] < 1000 * len(setup.products) < 22 * 288 * len(setup.products)
    assert done == run_all(whole, tmp_path / "whole", ticks)
