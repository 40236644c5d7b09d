"""``trader backtest list | show | diff``, Ctrl-C and --resume: what is kept of a backtest, and what is told of it."""

from __future__ import annotations

import gzip
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desk.cli import backtest
from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.backtest_progress import ProgressBar
from desk.cli.exit_codes import ExitCode
from desk.markets.candle_files import HEADER
from desk.stop import StopRequest
from factories_settings import CONFIG

FIRST = 1_767_225_600
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(CONFIG))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type words of ``trader backtest``; returns the code, and what was told on stdout and stderr."""
    rows = [f"{FIRST + hour * 3600},100,{105 + hour % 3},99,{101 + hour % 5},50000" for hour in range(48)]
    (tmp_path / "candles").mkdir()
    for name in ("BTC-USD", "ETH-USD"):
        with gzip.open(tmp_path / f"candles/{name}-1h.csv.gz", "wt") as file:
            file.write("\n".join([HEADER, *rows]) + "\n")

    def type_words(*words: str) -> tuple[int, str, str]:
        window = ["--candles", str(tmp_path / "candles"), "--from", "2026-01-01", "--to", "2026-01-02T12:00:00Z"]
        begun = [*window, *words] if not words or words[0].startswith("-") else list(words)
        with pytest.raises(SystemExit) as left:
            run_command(build(), ["backtest", *begun, "--home", str(tmp_path / "home")])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return type_words


def list_kept(typed: Typed) -> list[dict[str, Any]]:
    """What is kept, the newest first."""
    found: list[dict[str, Any]] = json.loads(typed("list", "--json")[1])["backtests"]
    return found


def read_files(home: Path) -> dict[str, bytes]:
    """Every file of a home, by its path."""
    return {str(file.relative_to(home)): file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file()}


def test_same_backtest_is_the_same_name_and_the_same_bytes(typed: Typed, tmp_path: Path) -> None:
    """By either engine of which only the count of ticks that were run tells."""
    code, first, _ = typed("--json")
    before = read_files(tmp_path / "home")
    again = typed("--json")

    assert (0, 0) == (code, again[0])
    assert first == again[1]
    assert before == read_files(tmp_path / "home")
    assert len(list_kept(typed)) == 1
    typed("--engine", "exhaustive")
    assert len(list_kept(typed)) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--fee", "0.001,0.002"),
        ("--fee", "0"),
        ("--products", "BTC-USD"),
        ("--strategy", "mean_reversion"),
        ("--fills", "pessimistic"),
        ("--seed", "2"),
        ("--fills", "all"),
    ],
)
def test_what_a_result_follows_from_is_in_its_name(typed: Typed, words: tuple[str, ...]) -> None:
    """Each of them asks for another backtest, and the difference is told."""
    typed()
    assert typed(*words)[0] == 0
    kept = list_kept(typed)
    code, told, _ = typed("diff", kept[1]["name"], kept[0]["name"][:8])

    assert len(kept) == 2
    assert code == 0
    assert "the same code, settings, candles and instants" not in told


def test_candles_that_changed_are_told(typed: Typed, tmp_path: Path) -> None:
    """By the name of the series."""
    typed()
    file = tmp_path / "candles/ETH-USD-1h.csv.gz"
    rows = gzip.decompress(file.read_bytes()).decode().replace("50000", "60000", 1)
    with gzip.open(file, "wt") as changed:
        changed.write(rows)
    typed()
    kept = list_kept(typed)
    causes = json.loads(typed("diff", kept[1]["name"], kept[0]["name"], "--json")[1])["causes"]

    assert ["candles of ETH-USD ONE_HOUR"] == [each["what"] for each in causes]


def test_a_backtest_is_the_same_as_itself(typed: Typed) -> None:
    """And says so."""
    typed()
    name = list_kept(typed)[0]["name"]

    assert "every figure is the same" in typed("diff", name, name)[1]


def test_list_and_show_tell_what_was_run(typed: Typed) -> None:
    """A row for each fill model; every figure of each."""
    assert "no backtests in" in typed("list")[1]
    typed("--fills", "all")
    name = list_kept(typed)[0]["name"]
    rows = typed("list")[1].splitlines()
    code, told, _ = typed("show", name[:6])

    assert [name] * 3 == [row.split()[0] for row in rows[2:]]
    assert code == 0
    assert "finished" in told
    assert "rules_engine on BTC-USD, ETH-USD" in told
    assert told.count("performance.max_drawdown") == 3
    assert set(json.loads(typed("show", name, "--json")[1])) == {"neutral", "optimistic", "pessimistic"}


def interrupt_after(ticks: int, monkeypatch: pytest.MonkeyPatch) -> list[StopRequest]:
    """Ask every run to end once so many ticks are done."""
    made: list[StopRequest] = []

    class Asked(StopRequest):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    def show(_: ProgressBar, done: int) -> bool:
        if done >= ticks:
            made[-1].signal = signal.SIGINT
        return True

    monkeypatch.setattr(backtest, "StopRequest", Asked)
    monkeypatch.setattr(ProgressBar, "show", show)
    return made


def test_interrupted_run_is_kept_and_resumed(typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was run until then is told as a result of its own; --resume leaves the finished fill models alone."""
    typed("--fills", "all", "--engine", "exhaustive")
    whole = read_files(tmp_path / "home")
    with monkeypatch.context() as patched:
        interrupt_after(20, patched)
        code, told, said = typed("--fills", "all", "--engine", "exhaustive", "--seed", "9")
    stored = list_kept(typed)[0]

    assert code == ExitCode.INTERRUPTED
    assert "20 ticks" in told
    assert "interrupted after 20 of 37 ticks" in said
    assert {"neutral": 20, "optimistic": 0, "pessimistic": 0} == dict(sorted(stored["done"].items()))
    assert "interrupted: neutral 20" in typed("show", stored["name"])[1]
    assert "20 of 37" in typed("list")[1]
    code, _, said = typed("--fills", "all", "--engine", "exhaustive", "--seed", "9", "--resume")
    assert (0, False) == (code, "finished before" in said)
    code, _, said = typed("--fills", "all", "--engine", "exhaustive", "--seed", "9", "--resume", "--json")
    assert (0, 3) == (code, said.count("finished before"))
    assert whole.items() <= read_files(tmp_path / "home").items()


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "is no backtest"), ("../x", "is no backtest"), ("zz", "is no backtest"), ("*", "is no backtest")],
)
def test_name_that_is_none_is_one_line(typed: Typed, name: str, why: str) -> None:
    """And nothing outside the home is read."""
    typed()
    code, told, said = typed("show", name)

    assert (ExitCode.CONFIG, "", 1) == (code, told, said.count("\n"))
    assert why in said


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ticks": 3, "done": {"neutral": 3}}'])
def test_damaged_backtest_is_named_and_hides_no_other(typed: Typed, tmp_path: Path, text: str) -> None:
    """Whatever is wrong with its page."""
    typed()
    bad = tmp_path / "home/backtests/0123456789ab"
    bad.mkdir()
    (bad / "backtest.json").write_text(text, encoding="utf-8")
    code, told, said = typed("list")

    assert code == ExitCode.WRONG
    assert len(told.splitlines()) == 3
    assert str(bad) in said


def test_document_that_was_edited_is_found(typed: Typed, tmp_path: Path) -> None:
    """Its digest says so."""
    typed()
    name = list_kept(typed)[0]["name"]
    file = tmp_path / f"home/backtests/{name}/neutral.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"10000"', '"20000"'), encoding="utf-8")
    code, _, said = typed("show", name)

    assert code == ExitCode.WRONG
    assert f"{file}: its content is not what its digest says" in said
