"""``trader backtest list | show | diff``, Ctrl-C and --resume: what is kept of a backtest, and what is told of it."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desk.backtest import sweep
from desk.backtest.archive import Archive, StoredBacktest
from desk.backtest.figures import summary
from desk.cli import backtest
from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.backtest_progress import ProgressBar
from desk.cli.exit_codes import ExitCode
from desk.markets.candle_files import HEADER
from desk.stop import StopRequest
from factories_settings import CONFIG
from trader.model.codec import digest_of

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
        window = [
            "--candles",
            str(tmp_path / "candles"),
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-02T12:00:00Z",
            "--stretch",
        ]
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


def test_interrupted_again_loses_nothing_that_was_finished(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C in a second run of the same tells of that run, and leaves the finished one as it was."""
    typed("--engine", "exhaustive")
    whole = read_files(tmp_path / "home")
    with monkeypatch.context() as patched:
        interrupt_after(20, patched)
        code, told, said = typed("--engine", "exhaustive", "--json")

    assert code == ExitCode.INTERRUPTED
    assert json.loads(told)["neutral"]["content"]["run"]["ticks"] == 20
    assert "what was kept of neutral before is of more ticks, and stays" in said
    assert "--resume" not in said
    assert whole == read_files(tmp_path / "home")


def test_ctrl_c_while_figures_are_made_loses_no_run(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The model that was run is kept whole; the next one is not begun."""
    summarize = summary.summarize_backtest

    def interrupted(*words: Any, **named: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return summarize(*words, **named)

    monkeypatch.setattr(summary, "summarize_backtest", interrupted)
    code, told, said = typed("--fills", "all")

    assert (ExitCode.INTERRUPTED, True) == (code, "37 ticks" in told)
    assert "--resume runs what is missing" in said
    assert [37, 0, 0] == sorted(list_kept(typed)[0]["done"].values(), reverse=True)


def test_two_processes_with_the_same_backtest_keep_what_each_finished(typed: Typed, tmp_path: Path) -> None:
    """Whoever comes later adds to what is kept by then, not to what was kept when it began."""
    typed("--fills", "all")
    archive = Archive(tmp_path / "home")
    kept = archive.list_stored()[0]
    assert isinstance(kept, StoredBacktest)
    begun = StoredBacktest(kept.path, {**kept.page, "done": dict.fromkeys(kept.page["done"], 0)}, {})
    after = archive.keep(begun, "optimistic", kept.documents["optimistic"], 37)

    assert after == kept
    assert "finished" == archive.find(kept.name).state


def name_kept(tmp_path: Path) -> Path:
    """The folder of the only backtest."""
    return next((tmp_path / "home/backtests").glob("*/backtest.json")).parent


#: What somebody did to the page by hand, and what is said of it.
EDITS: dict[str, tuple[dict[str, Any], str]] = {
    "products-a-number": ({"products": 3}, "another shape"),
    "strategies-null": ({"strategies": None}, "another shape"),
    "from-a-number": ({"from": 7}, "must be plain text"),
    "from-escapes": ({"from": "\x1b[31m"}, "must be plain text"),
    "no-identity": ({"identity": []}, "it is the page of"),
    "other-identity": ({"identity": {"asked": {"fills": ["neutral"]}}}, "it is the page of"),
    "done-true": ({"done": {"neutral": True}}, "done is"),
    "done-negative": ({"done": {"neutral": -5}}, "done is"),
    "done-beyond": ({"done": {"neutral": 99}}, "done is"),
    "done-path": ({"done": {"../../../x": 37}}, "none of a backtest"),
    "done-empty": ({"done": {}}, "none of a backtest"),
    "ticks-none": ({"ticks": 0}, "none of a backtest"),
    "ticks-a-fraction": ({"ticks": 37.0}, "none of a backtest"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_page_that_was_edited_is_refused_wherever_it_is_read(typed: Typed, tmp_path: Path, edit: str) -> None:
    """By list, show and diff, and by the same backtest again, which says how it can be run anew."""
    typed()
    folder, (change, why) = name_kept(tmp_path), EDITS[edit]
    page = json.loads((folder / "backtest.json").read_text(encoding="utf-8"))
    (folder / "backtest.json").write_text(json.dumps({**page, **change}), encoding="utf-8")
    before = read_files(folder)

    for words in (("list",), ("show", folder.name), ("diff", folder.name, folder.name), (), ("--resume",)):
        code, _, said = typed(*words)
        assert (ExitCode.WRONG, True) == (code, why in said), (words, said)
        assert f"once {folder} is removed, the same command runs it anew" in said or words[:1] not in (
            (),
            ("--resume",),
        )
    assert before == read_files(folder)


def test_page_that_tells_of_another_run_is_not_gone_on_with(typed: Typed, tmp_path: Path) -> None:
    """Whatever was changed in it: the same backtest knows what its page must say."""
    typed()
    file = name_kept(tmp_path) / "backtest.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"from":"2026-01-01T00', '"from":"2025-01-01T00', 1))
    code, _, said = typed("--resume")

    assert code == ExitCode.WRONG
    assert "says other than this backtest is" in said


@pytest.mark.parametrize("name", ["backtest.json", "neutral.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, "\ufeff{}", '{"content": {}, "digest": ""}', None])
def test_file_of_a_backtest_that_is_none_is_one_line(typed: Typed, tmp_path: Path, name: str, text: str | None) -> None:
    """Nested without end, half, or a folder in its place; the others are listed."""
    typed()
    typed("--seed", "2")
    file = name_kept(tmp_path) / name
    file.unlink()
    file.mkdir() if text is None else file.write_text(text, encoding="utf-8")

    for words in (("list",), ("show", file.parent.name)):
        code, told, said = typed(*words)
        assert (ExitCode.WRONG, 1, True) == (code, said.count("\n"), str(file) in said), said
        assert words != ("list",) or 3 == len(told.splitlines())


def test_result_of_another_release_is_told(typed: Typed, tmp_path: Path) -> None:
    """Its fields may have other names."""
    typed()
    file = name_kept(tmp_path) / "neutral.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["content"]["schema"] = 2
    document["digest"] = digest_of(document["content"])
    file.write_text(json.dumps(document), encoding="utf-8")
    code, _, said = typed("show", file.parent.name)

    assert code == ExitCode.WRONG
    assert "schema 2 is of another release" in said


def test_figure_that_only_one_of_two_has_is_compared(typed: Typed, tmp_path: Path) -> None:
    """As of a release that had one less."""
    typed()
    typed("--seed", "2")
    file = name_kept(tmp_path) / "neutral.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    del document["content"]["costs"]["gross"]
    document["digest"] = digest_of(document["content"])
    file.write_text(json.dumps(document), encoding="utf-8")
    names = [each["name"] for each in list_kept(typed)]

    for pair in (names, names[::-1]):
        code, told, _ = typed("diff", *pair)
        assert (0, True) == (code, "costs.gross" in told)


def test_finished_backtest_that_is_resumed_prints_the_same(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, in the order of the fill models, from what is kept alone; and that it was finished is said."""
    first = typed("--fills", "all")
    monkeypatch.setattr("desk.backtest.run.Backtest.run_model", None)
    code, shown, said = typed("--fills", "all", "--resume")

    assert (0, 0) == (first[0], code)
    assert first[1] == shown
    assert 3 == shown.count("backtest, ")
    assert 3 == said.count(": finished before, in ")


def test_interrupted_sweep_says_at_once_what_it_does_and_then_what_resumes_it(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set at work is run to its end and kept; the same command runs the others."""
    file = tmp_path / "sets.yaml"
    file.write_text("grid: {simulation.spread_bps: [1, 2, 3]}\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["trader", "backtest", "--sweep", "my sets.yaml"])
    told: list[bytes] = []
    run_set = sweep._run_set

    def interrupt(*words: Any) -> StoredBacktest:
        with monkeypatch.context() as heard:
            heard.setattr("desk.stop.os.write", lambda _, text: told.append(text))
            os.kill(os.getpid(), signal.SIGINT)
        return run_set(*words)

    monkeypatch.setattr(sweep, "_run_set", interrupt)
    code, _, said = typed("--sweep", str(file))

    assert [b"ends after the set at work; once more ends it at once, and what was run of it is lost\n"] == told
    assert code == ExitCode.INTERRUPTED
    assert said.splitlines()[-2:] == [
        "interrupted after 1 of 3 sets",
        "the same command goes on: trader backtest --sweep 'my sets.yaml'",
    ]
    assert len(list_kept(typed)) == 1
