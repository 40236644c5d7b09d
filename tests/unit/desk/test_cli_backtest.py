"""``trader backtest``: a screen for people, one object for machines, one line where something is missing."""

from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from desk.backtest import requirements
from desk.backtest.figures import summary
from desk.backtest.figures.activity import Entries
from desk.cli import backtest
from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.exit_codes import ExitCode
from desk.markets.candle_files import HEADER
from desk.run import CashCheck
from factories_settings import CONFIG
from trader.model.codec import digest_of

FIRST = 1_767_225_600


@pytest.fixture(autouse=True)
def _configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(CONFIG))


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Two days of a product that rises and falls by the hour."""
    rows = [f"{FIRST + hour * 3600},100,{105 + hour % 3},99,{101 + hour % 5},50000" for hour in range(48)]
    folder = tmp_path / "candles"
    folder.mkdir()
    with gzip.open(folder / "BTC-USD-1h.csv.gz", "wt") as file:
        file.write("\n".join([HEADER, *rows]) + "\n")
    return folder


def trader(candles: Path, *words: str) -> int:
    """The code that the command leaves the process with."""
    kept = candles.parent / "home"
    window = ["--candles", str(candles), "--home", str(kept), "--from", "2026-01-01", "--to", "2026-01-02T12:00:00Z"]
    window.append("--stretch")
    with pytest.raises(SystemExit) as left:
        run_command(build(), ["backtest", *window, *words])
    return int(left.value.code or 0)


def test_result_is_told_on_a_screen(
    candles: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Conventions, losses beside what holding lost, open lots and refusals; on stderr on what it ran."""
    monkeypatch.setenv("COLUMNS", "80")
    code = trader(candles)
    told = capsys.readouterr()
    lines = told.out.splitlines()

    assert code == 0
    assert "1 product, ONE_HOUR, a tick every 1:00:00" in told.err
    assert max(map(len, lines)) <= 80
    assert "backtest, neutral fills, 2026-01-01 to 2026-01-02: 2 days, 37 ticks, 1 product" in lines
    assert "equity 10,000.00 → 10,000.00 USD" in lines
    assert "365 days a year" in told.out
    assert ["deepest", "drawdown", "0.0", "%"] == row_of(lines, "deepest drawdown").split()[:4]
    assert "BTC held" in told.out
    assert "open lots: none" in lines
    assert "refusals by code: SPREAD_EXCEEDS_MAX 35, VOLUME_BELOW_MIN 1" in lines
    assert told.out.index("deepest drawdown") < told.out.index("total return") < told.out.index("costs: gross")


def row_of(lines: list[str], name: str) -> str:
    """The row of the table with this name."""
    return next(each for each in lines if each.startswith(name))


def test_each_fill_model_has_a_screen(candles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One below the other."""
    code = trader(candles, "--fills", "all")
    told = capsys.readouterr().out

    assert code == 0
    assert ["neutral", "optimistic", "pessimistic"] == sorted(re.findall(r"^backtest, (\w+) fills", told, re.MULTILINE))


def test_result_is_told_as_one_object(candles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of each fill model, every number in full, under a digest of its content."""
    code = trader(candles, "--fills", "all", "--json", "--engine", "exhaustive")
    told = json.loads(capsys.readouterr().out)
    neutral = told["neutral"]["content"]

    assert code == 0
    assert {"neutral", "optimistic", "pessimistic"} == set(told)
    assert neutral["run"]["ticks"] == told["neutral"]["ticks_run"] == 37
    assert neutral["run"]["capital"] == neutral["run"]["equity"] == "10000"
    assert {"SPREAD_EXCEEDS_MAX": 35, "VOLUME_BELOW_MIN": 1} == neutral["refusals"]["by_code"]
    assert None is neutral["performance"]["sharpe"]["value"]
    assert digest_of(neutral) == told["neutral"]["digest"]


def test_both_engines_tell_the_same(candles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the last byte, but for how many ticks were run."""
    texts = []
    for engine in ("screened", "exhaustive"):
        trader(candles, "--json", "--engine", engine)
        texts.append(re.sub(r'"ticks_run":\d+', "", capsys.readouterr().out))

    assert texts[0] == texts[1]


def test_the_one_command_is_said_where_numpy_is_missing(
    candles: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything that needs it is imported."""
    monkeypatch.setattr(backtest, "check_installed", lambda: requirements.check_installed(find=lambda _: None))

    code = trader(candles)

    assert code == ExitCode.CONFIG
    assert capsys.readouterr().err == "the backtest needs numpy; make research installs what is missing\n"


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_books_that_their_fills_do_not_explain_end_in_error(
    words: tuple[str, ...], candles: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the result was told, whether to people or to machines."""
    off = CashCheck(Decimal(1), Decimal(2), Decimal(1))
    monkeypatch.setattr("desk.backtest.result.check_cash", lambda *_: off)

    code = trader(candles, *words)
    told = capsys.readouterr()

    assert code == ExitCode.WRONG
    assert "10000" in told.out.replace(",", "")
    assert "neutral: the cash differs from what the fills make of it by 1" in told.err


@pytest.mark.parametrize("engine", ["screened", "exhaustive"])
def test_backtest_of_one_tick_is_one(candles: Path, engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first tick is the last one too."""
    code = trader(candles, "--to", "2026-01-01T00:30:00Z", "--engine", engine)

    assert (0, True) == (code, "1 day, 1 tick," in capsys.readouterr().out)


def test_entry_orders_on_the_screen_add_up(
    candles: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that still work at the end are neither filled nor given up."""
    monkeypatch.setattr(summary, "count_entries", lambda *_: Entries(4, 1, 1, 1, 1, {"EXPIRED": 1}))
    trader(candles)

    assert "4 entry orders: 1 filled, 1 in part, 1 given up (EXPIRED 1), 1 still working" in capsys.readouterr().out


def test_no_convention_tells_of_another_seed(candles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The samples are drawn by the seed that was asked for, not by the one it is without."""
    trader(candles, "--seed", "2", "--json")

    assert "seed 1" not in capsys.readouterr().out
