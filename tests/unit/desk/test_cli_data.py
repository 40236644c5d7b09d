"""``trader data``: download, list and check, as a person and as a script types them."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from architecture.tree import ROOT
from desk.backtest.data.coinbase import Progress
from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.data_screen import DownloadScreen
from desk.cli.exit_codes import ExitCode
from desk.in_memory import ManualClock
from desk.markets.candle_files import HEADER
from desk.markets.candle_folder import CandleFolder
from desk.markets.series import CandleSeries
from desk.sandbox.market import PriceSource
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from factories_settings import CONFIG
from factories_venue import SOL, START, a_product, a_simulation
from trader.errors import VenueUnavailable
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity

BTC = ProductId("BTC-USD")
FIVE = Granularity.FIVE_MINUTE
BUCKETS = 400
FIRST = Instant(START - BUCKETS * 300)
WINDOW = ("--from", rfc3339(FIRST), "--to", rfc3339(START))


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(CONFIG))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[VenueServer]:
    rows = [Candle(FIRST + at * 300, 100, 101, 99, 100 + at % 2, 7) for at in range(BUCKETS) if at not in {50, 51, 90}]
    series = {(each, FIVE): CandleSeries(FIVE, rows) for each in (SOL, BTC)}
    clock = ManualClock(START)
    market = PriceSource([a_product(SOL), a_product(BTC)], series)
    with VenueServer(Venue(market, clock, settings=a_simulation())) as server:
        clock.advance(60)
        monkeypatch.setenv("TRADER_VENUE_URL", server.url)
        yield server


def trader(*words: str) -> int:
    """The code that the command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), list(words))
    return int(left.value.code or 0)


def put(folder: Path, name: str, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(gzip.compress("\n".join([HEADER, *rows, ""]).encode()))
    return folder / name


def test_download_is_told_and_readable(venue: VenueServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What came of each product with its gaps, and what to type next, which works."""
    out = tmp_path / "candles"
    assert 0 == trader("data", "download", "--out", str(out), "--products", "sol-usd, BTC-USD,SOL-USD", *WINDOW)
    told = capsys.readouterr()

    assert f"starting SOL-USD, BTC-USD, FIVE_MINUTE, from {WINDOW[1]} to {WINDOW[3]}, into {out}" in told.err
    (row,) = [line for line in told.out.splitlines() if "SOL-USD" in line]
    assert ["SOL-USD", "397", "2", "3"] == re.sub("[│┃]", "", row).split()[:4]
    assert "2 FIVE_MINUTE buckets" in row
    assert f"next: trader data check {out}" in told.err
    assert 397 == len(CandleFolder(out).load(SOL, FIVE))
    assert 0 == trader("data", "check", str(out))
    assert f"{out}: 2 files, 794 sound candles, 0 faults" in capsys.readouterr().out


def test_second_download_asks_for_what_is_missing_only(venue: VenueServer, tmp_path: Path) -> None:
    """The same asks for no candle; a wider one for those beside."""

    def count(start: Instant) -> int:
        venue.venue.traffic.reset()
        window = ("--from", rfc3339(start), "--to", rfc3339(START))
        assert 0 == trader("data", "download", "--out", str(tmp_path), "--products", "SOL-USD", *window)
        queries = [parse_qs(each.query) for each in venue.venue.traffic.log() if "/candles" in each.path]
        return sum((int(each["end"][0]) - int(each["start"][0])) // 300 + 1 for each in queries)

    assert [300, 0, 100] == [count(Instant(FIRST + 30_000)), count(Instant(FIRST + 30_000)), count(FIRST)]


def test_without_names_it_is_for_those_the_configuration_lists(
    venue: VenueServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the venue does not know is named, with what to type again, and the others are there."""
    code = trader("data", "download", "--out", str(tmp_path), *WINDOW)
    told = capsys.readouterr()

    assert ExitCode.WRONG == code
    assert "starting 14 products, FIVE_MINUTE" in told.err
    assert "ETH-USD: " in told.err.splitlines()[-1]
    assert "to ask for them again: " in told.err
    assert "SOL-USD: " not in told.err
    assert {SOL, BTC} == set(CandleFolder(tmp_path).products(FIVE))


def test_venue_that_stops_answering_ends_with_what_to_type(
    venue: VenueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, after it was asked again."""
    monkeypatch.setattr("desk.cli.data._PAUSES", (0.1,))
    monkeypatch.setattr(sys, "argv", ["trader", "data", "download", "--out", "x y"])
    venue.venue.faults.add("unavailable", "GET", "/market/products/SOL-USD", count=0)

    code = trader("data", "download", "--out", str(tmp_path / "x y"), "--products", "SOL-USD", *WINDOW)
    lines = capsys.readouterr().err.splitlines()

    assert ExitCode.WRONG == code
    assert lines[1].endswith("asked again in 0 s")
    assert lines[2].startswith("VenueUnavailable: ")
    assert lines[2].endswith("the same command goes on: trader data download --out 'x y'")
    assert 3 == len(lines)


def test_faults_are_a_line_each_and_end_in_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, since they are what was asked for."""
    file = put(tmp_path, "BTC-USD-1h.csv.gz", "3600,10,12,9,11,5", "3600,10,12,9,11,5", "7200,10,12,13,11,5")
    (tmp_path / "BTC-USD-7m.csv").touch()
    (tmp_path / ".unfinished/BTC-USD-5m").mkdir(parents=True)

    code = trader("data", "check", str(tmp_path))
    lines = capsys.readouterr().out.splitlines()

    assert ExitCode.WRONG == code
    assert [
        f"{tmp_path}/BTC-USD-7m.csv: no reader takes a file of this name; allowed are names like BTC-USD-5m.csv.gz",
        f"{file}, line 3: start 3600 does not follow 3600",
        f"{file}, line 4: '7200,10,12,13,11,5' is no candle",
        "unfinished: BTC-USD-5m; the download it is of goes on with it",
        f"{tmp_path}: 1 file, 1 sound candle, 3 faults",
    ] == lines


def test_long_gap_is_a_fault_where_it_is_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else it is told."""
    put(tmp_path, "BTC-USD-1h.csv.gz", "3600,10,12,9,11,5", "14400,10,12,9,11,5")

    assert [0, 0, 1] == [
        trader("data", "check", str(tmp_path), *more) for more in ([], ["--max-gap", "2"], ["--max-gap", "1"])
    ]
    assert 3 == capsys.readouterr().out.count("gaps: BTC-USD-1h.csv.gz: 1, of 2 buckets; the longest")


def test_many_faults_are_counted_and_json_has_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A screen is no place for thousands."""
    put(tmp_path, "BTC-USD-1h.csv.gz", *["x"] * 250)

    assert 1 == trader("data", "check", str(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert 1 == trader("data", "check", str(tmp_path), "--json")
    told = json.loads(capsys.readouterr().out)

    assert (102, "150 more; --json lists them") == (len(lines), lines[100])
    assert (250, 0, 1) == (len(told["faults"]), told["candles"], told["files"])


def test_files_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, as JSON, and with what cannot be read."""
    put(tmp_path, "BTC-USD-1h.csv.gz", "3600,10,12,9,11,5", "14400,10,12,9,11,5")

    assert 0 == trader("data", "list", str(tmp_path))
    assert "1970-01-01T04:00:00Z" in capsys.readouterr().out
    (tmp_path / "ETH-USD-1h.csv.gz").write_bytes(b"junk")
    assert 1 == trader("data", "list", str(tmp_path), "--json")
    told = capsys.readouterr()

    first, second = json.loads(told.out)["files"]
    assert ("BTC-USD", "ONE_HOUR", 2, 1, 2) == tuple(
        first[name] for name in ("product", "granularity", "candles", "gaps", "missing")
    )
    assert (None, "ETH-USD-1h.csv.gz") == (second["first"], second["file"])
    assert f"→ trader data check {tmp_path}" in told.err


@pytest.mark.parametrize("words", ["list DIR", "check DIR", "download --out OUT --products SOL-USD"])
def test_text_needs_no_numpy(venue: VenueServer, tmp_path: Path, words: str) -> None:
    """Nor anything else that make research installs."""
    put(tmp_path / "DIR", "BTC-USD-1h.csv.gz", "3600,10,12,9,11,5")
    code = "import sys; sys.modules['numpy'] = sys.modules['duckdb'] = None\nfrom desk.cli import main; main()"
    window = WINDOW if "download" in words else ()
    done = subprocess.run(
        [sys.executable, "-c", code, "data", *words.split(), *window],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr


def test_lines_say_how_far_how_fast_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches, one in ten seconds; what was there before makes it no faster."""
    seconds = 0.0
    screen = DownloadScreen(lambda: seconds)
    with screen:
        screen.show(Progress(SOL, 1_000, 3_000, 0))
        for done in (1_500, 2_000):
            seconds += 6
            screen.show(Progress(SOL, done, 3_000, done - 1_000))
        screen.tell_trouble(VenueUnavailable("no\nanswer"), 2)

    assert [
        "SOL-USD: 2000 of 3000 buckets, 83 buckets a second, 0:00:12 left",
        "no answer; asked again in 2 s",
    ] == capsys.readouterr().err.splitlines()


def test_terminal_shows_a_bar_with_pace(venue: VenueServer, tmp_path: Path) -> None:
    """On a terminal of its own."""
    reading, writing = pty.openpty()
    words = ["data", "download", "--out", str(tmp_path / "out"), "--products", "SOL-USD,BTC-USD", *WINDOW]
    with subprocess.Popen(
        [sys.executable, "-c", "from desk.cli import main; main()", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writing,
    ) as process:
        os.close(writing)
        shown = b""
        try:
            while piece := os.read(reading, 4096):
                shown += piece
        except OSError:
            # The other end of a terminal that is gone.
            pass
        os.close(reading)

    assert 0 == process.returncode, shown
    assert b"/800" in shown
    assert b"buckets a second" in shown


@pytest.mark.parametrize(
    ("products", "why"),
    [
        ("BTC-USD,,ETH-USD", "--products: 'BTC-USD,,ETH-USD'; allowed are names with one comma between them"),
        ("", "--products: ''; allowed are names with one comma between them"),
        (
            "btc-usd,BTC-EUR",
            "--products: 'BTC-EUR' is no product; allowed are names like BTC-USD,ETH-USD, quoted in USD",
        ),
    ],
)
@pytest.mark.parametrize("words", ["data download --out OUT", "backtest --candles OUT --to 2025-01-02"])
def test_products_are_refused_in_the_same_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, products: str, why: str
) -> None:
    """Whichever command they are of."""
    typed = words.replace("OUT", str(tmp_path)).split()

    assert trader(*typed, "--from", "2025-01-01", "--products", products) == ExitCode.CONFIG
    assert why in capsys.readouterr().err
