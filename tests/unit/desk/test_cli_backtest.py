"""``trader backtest``: tables for people, one object for machines, one line where something is missing."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from desk.backtest import requirements
from desk.cli import backtest
from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.exit_codes import ExitCode
from desk.markets.candle_files import HEADER
from desk.run import CashCheck
from factories_settings import CONFIG

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
    window = ["--candles", str(candles), "--from", "2026-01-01", "--to", "2026-01-02T12:00:00Z"]
    with pytest.raises(SystemExit) as left:
        run_command(build(), ["backtest", *window, *words])
    return int(left.value.code or 0)


def test_result_is_told_as_tables(candles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it came to, what was said of the products, and on stderr on what it ran."""
    code = trader(candles)
    told = capsys.readouterr()

    assert code == 0
    assert "1 product, ONE_HOUR, a tick every 1:00:00" in told.err
    assert "equity_close" in told.out
    assert "VOLUME_BELOW_MIN" in told.out


def test_result_is_told_as_one_object(candles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of each fill model, every number in full."""
    code = trader(candles, "--fills", "all", "--json", "--engine", "exhaustive")
    told = json.loads(capsys.readouterr().out)

    assert code == 0
    assert {"neutral", "optimistic", "pessimistic"} == set(told)
    assert told["neutral"]["ticks"] == told["neutral"]["exact"] == 37
    assert told["neutral"]["equity_open"] == told["neutral"]["equity_close"] == "10000"
    assert sum(told["neutral"]["verdicts"].values()) == 37


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
    assert "equity_close" in told.out
    assert "neutral: the cash differs from what the fills make of it by 1" in told.err
