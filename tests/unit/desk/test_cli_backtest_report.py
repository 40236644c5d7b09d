"""``--report FILE`` of a run and of one that is kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.exit_codes import ExitCode
from desk.markets.candle_files import HEADER
from factories_settings import CONFIG

FIRST = 1_767_225_600
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type words of ``trader backtest``, ``run`` on two days of two products; the code, and what was told."""
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(CONFIG))
    rows = [f"{FIRST + hour * 3600},100,{105 + hour % 3},99,{101 + hour % 5},50000" for hour in range(48)]
    (tmp_path / "candles").mkdir()
    for name in ("BTC-USD", "ETH-USD"):
        with gzip.open(tmp_path / f"candles/{name}-1h.csv.gz", "wt") as file:
            file.write("\n".join([HEADER, *rows]) + "\n")

    def type_words(first: str, *words: str) -> tuple[int, str, str]:
        window = [
            "--candles",
            str(tmp_path / "candles"),
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-02T12:00:00Z",
            "--stretch",
        ]
        begun = [first, *(window if first == "run" else []), *words, "--home", str(tmp_path / "home")]
        with pytest.raises(SystemExit) as left:
            run_command(build(), ["backtest", *begun])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return type_words


def test_run_and_show_write_the_same_page(typed: Typed, tmp_path: Path) -> None:
    """The same command again too, and the screen is told as without it."""
    files = [tmp_path / name for name in ("run.html", "again.html", "show.html")]
    code, told, said = typed("run", "--fills", "all", "--report", str(files[0]))
    typed("run", "--fills", "all", "--report", str(files[1]))
    (kept,) = (page.parent for page in (tmp_path / "home/backtests").glob("*/backtest.json"))
    shown = typed("show", kept.name[:6], "--report", str(files[2]))
    pages = [each.read_bytes() for each in files]

    assert (0, 0) == (code, shown[0])
    assert f"report: {files[0]}, " in said
    assert told == typed("run", "--fills", "all")[1]
    assert shown[1] == typed("show", kept.name)[1]
    assert pages[0] == pages[1] == pages[2]
    assert f"<h1>Backtest {kept.name}</h1>".encode() in pages[0]


@pytest.mark.parametrize("where", [".", "nowhere/report.html"])
def test_place_that_cannot_be_written_is_told_before_the_run(typed: Typed, tmp_path: Path, where: str) -> None:
    """A folder, and a file in a folder that is not there: nothing is run for them."""
    code, told, said = typed("run", "--report", str(tmp_path / where))

    assert (ExitCode.CONFIG, "", 1) == (code, told, said.count("\n"))
    assert "--report" in said
    assert not (tmp_path / "home").exists()


def test_backtest_kept_without_prices_has_a_page(typed: Typed, tmp_path: Path) -> None:
    """As one that an earlier release kept."""
    typed("run")
    (kept,) = (page.parent for page in (tmp_path / "home/backtests").glob("*/backtest.json"))
    (kept / "prices.json").unlink()
    code, _, _ = typed("show", kept.name, "--report", str(tmp_path / "page.html"))

    assert code == 0
    assert "svg" in (tmp_path / "page.html").read_text(encoding="utf-8")
