"""Runs have names: what ``trader run`` and ``trader runs`` make of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.folder_lock import lock_folder
from desk.stop import StopRequest
from factories_settings import CONFIG
from unit.desk.operated_folder import VARIABLES

FIRST = "dry-run-synthetic-7-1"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "TRADER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(CONFIG))


def trader(*arguments: object) -> int:
    """The code a command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), [str(each) for each in arguments])
    return int(left.value.code or 0)


def run(home: Path, *options: object, ticks: int = 2) -> int:
    """Run a few ticks."""
    return trader("run", "--ticks", ticks, "--home", home, *options)


def names(home: Path) -> list[str]:
    """The runs that there are."""
    return sorted(each.name for each in home.glob("runs/[!.]*"))


def page(home: Path, name: str = FIRST) -> dict[str, Any]:
    """What a run says of itself."""
    told: dict[str, Any] = json.loads((home / "runs" / name / "run.json").read_text(encoding="utf-8"))
    return told


def make_unfinished(home: Path, name: str = FIRST) -> None:
    """Let a run be one that was interrupted after its first tick."""
    folder = home / "runs" / name
    told = {**page(home, name), "state": "unfinished", "finished_at": "", "totals": {}}
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")


def texts_in(folder: Path) -> dict[str, bytes]:
    """Every file, and what it holds."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_finished_run_is_left_as_it_is_and_the_same_command_begins_another(tmp_path: Path) -> None:
    """Under the next number."""
    run(tmp_path)
    before = texts_in(tmp_path / "runs" / FIRST)

    code = run(tmp_path)

    assert code == 0
    assert [FIRST, "dry-run-synthetic-7-2"] == names(tmp_path)
    assert before == texts_in(tmp_path / "runs" / FIRST)


def test_page_of_a_run_says_which_it_is_and_what_it_came_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its totals are those that were printed."""
    run(tmp_path, "--json")

    told = page(tmp_path)
    assert ("finished", "DRY_RUN", 2, 300) == (told["state"], told["mode"], told["ticks"], told["period_seconds"])
    assert ("2025-12-31T23:50:00Z", "2025-12-31T23:55:00Z") == (told["first"], told["last"])
    assert "synthetic market, seed 7" == told["title"]
    assert json.loads(capsys.readouterr().out) == told["totals"]


def test_unfinished_run_is_resumed_also_under_another_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command is the same run; its name is found by what it is."""
    asked = iter([False, False])
    with monkeypatch.context() as patch:
        patch.setattr(StopRequest, "is_asked", property(lambda _: next(asked, True)))
        interrupted = run(tmp_path, "--name", "mine", ticks=3)
    told = capsys.readouterr().err
    code = run(tmp_path, ticks=3)

    assert (130, 0) == (interrupted, code)
    assert "interrupted after 2 of 3 cycles" in told
    assert (["mine"], "finished") == (names(tmp_path), page(tmp_path, "mine")["state"])
    assert "resuming after 2 of 3 cycles" in capsys.readouterr().err
    assert 3 == (tmp_path / "runs" / "mine" / "ticks.jsonl").read_bytes().count(b"\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--ticks", "2"), "--name mine is finished; trader runs show mine"),
        (("--ticks", "3"), "--name mine is another run (synthetic market, seed 7, DRY_RUN, 2025-12-31T23:50:00Z to"),
        (("--ticks", "2", "--mode", "PAPER"), "--name mine is another run"),
        (("--ticks", "2", "--seed", "8"), "--name mine is another run"),
    ],
)
def test_name_of_a_finished_run_or_of_another_is_refused(
    tmp_path: Path, options: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that says what to type; nothing is touched."""
    run(tmp_path, "--name", "mine")
    before = texts_in(tmp_path / "runs" / "mine")
    capsys.readouterr()

    code = trader("run", "--home", tmp_path, "--name", "mine", *options)

    assert code == 78
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert before == texts_in(tmp_path / "runs" / "mine")


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "../x", "/etc", "a b", "ü", "x" * 65, "a\n"])
@pytest.mark.parametrize(
    "command",
    ["run --ticks 1 --home {home} --name", "runs show --home {home} --", "runs remove --yes --home {home} --"],
)
def test_name_that_is_none_is_refused(
    tmp_path: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path above all; nothing is made."""
    code = trader(*command.format(home=tmp_path).split(), name)

    assert code == 78
    assert "is no name of a run" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_folders_of_the_release_before_are_left_alone(tmp_path: Path) -> None:
    """They lie beside the runs."""
    old = tmp_path / "run-46ffcb6f4fb6"
    old.mkdir()
    (old / "run.json").write_text('{"finished": true}', encoding="utf-8")

    run(tmp_path)

    assert '{"finished": true}' == (old / "run.json").read_text(encoding="utf-8")
    assert [FIRST] == names(tmp_path)


def test_folder_that_is_no_run_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by its name nor by the number that would be its name; one that is empty is taken."""
    for name in (FIRST, "mine", "blank"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in (FIRST, "mine"):
        (tmp_path / "runs" / name / "notes.txt").write_text("mine", encoding="utf-8")

    codes = [run(tmp_path), run(tmp_path, "--name", "mine"), run(tmp_path, "--name", "blank")]

    assert [0, 78, 0] == codes
    assert ["blank", FIRST, "dry-run-synthetic-7-2", "mine"] == names(tmp_path)
    assert "is something else; allowed is another name" in capsys.readouterr().err
    assert 78 == trader("runs", "remove", "mine", "--yes", "--home", tmp_path)
    assert (tmp_path / "runs" / "mine" / "notes.txt").exists()


def test_runs_are_listed_with_how_far_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table for people, one object for machines."""
    run(tmp_path)
    run(tmp_path, "--name", "other", ticks=3)
    make_unfinished(tmp_path, "other")
    capsys.readouterr()

    codes = [trader("runs", "list", "--home", tmp_path), trader("runs", "list", "--home", tmp_path, "--json")]

    table, _, last = capsys.readouterr().out.rpartition("\n{")
    runs = {each["name"]: each for each in json.loads("{" + last)["runs"]}
    assert [0, 0] == codes
    assert (2, 2, "finished", "10000") == tuple(runs[FIRST][key] for key in ("ticks_done", "ticks", "state", "equity"))
    assert (3, 3, "unfinished") == tuple(runs["other"][key] for key in ("ticks_done", "ticks", "state"))
    for word in (
        FIRST,
        "DRY_RUN",
        "2 of 2",
        "finished",
        "10000.00",
        "2025-12-31T23:55:00Z",
        "synthetic market, seed 7",
    ):
        assert word in table


def test_list_without_runs_says_where_a_loop_keeps_its_books(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has left a loop running looks for it among the runs."""
    assert 0 == trader("runs", "list", "--home", tmp_path)
    assert "trader run makes one" in capsys.readouterr().out
    (tmp_path / "venue-one" / "scope=PAPER#main").mkdir(parents=True)

    assert 0 == trader("runs", "list", "--home", tmp_path)
    told = f"trader run --venue keeps its books in {tmp_path / 'venue-one'}: trader status"
    assert told in capsys.readouterr().out


def test_run_that_cannot_be_read_keeps_no_other_from_being_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 1, and says which; that one can still be removed."""
    run(tmp_path)
    run(tmp_path, "--name", "bad")
    (tmp_path / "runs" / "bad" / "run.json").write_text('{"identity":', encoding="utf-8")
    capsys.readouterr()

    code = trader("runs", "list", "--home", tmp_path)

    output = capsys.readouterr()
    assert code == 1
    assert FIRST in output.out
    assert f"LedgerCorrupt: {tmp_path}/runs/bad/run.json: " in output.err
    assert 0 == trader("runs", "remove", "bad", "--yes", "--home", tmp_path)
    assert [FIRST] == names(tmp_path)


def test_run_is_shown_with_its_totals_and_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures as at its end; of an unfinished one what resumes it."""
    run(tmp_path, "--name", "one")
    printed = capsys.readouterr()
    trader("runs", "show", "one", "--home", tmp_path)
    shown = capsys.readouterr()
    make_unfinished(tmp_path, "one")
    trader("runs", "show", "one", "--home", tmp_path)

    look = f"trader status --home {tmp_path}/runs/one --mode DRY_RUN"
    assert printed.out in shown.out
    assert look in printed.err
    assert look in shown.err
    assert f"resume: trader run --ticks 2 --name one --home {tmp_path}" in capsys.readouterr().out


def test_run_is_removed_with_yes_only_and_not_while_a_process_works_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal to ask it is refused; the others stay."""
    run(tmp_path)
    run(tmp_path)
    command = ("runs", "remove", FIRST, "--home", tmp_path)
    with lock_folder(tmp_path / "runs" / FIRST):
        busy = trader(*command, "--yes")
        told = capsys.readouterr().err
    codes = [trader(*command), trader(*command, "--yes"), trader(*command, "--yes")]

    assert (75, [78, 0, 78]) == (busy, codes)
    assert "works there" in told
    assert "allowed is --yes" in capsys.readouterr().err
    assert ["dry-run-synthetic-7-2"] == names(tmp_path)
    assert ["dry-run-synthetic-7-2", ".lock"] == [each.name for each in sorted(tmp_path.glob("runs/*"), reverse=True)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--seed 3 --candles .", "--seed 3 and --candles . exclude one another"),
        ("--ticks 3 --from 2026-01-01 --to 2026-01-02", "--ticks 3, --from 2026-01-01 and --to 2026-01-02"),
        ("--candles .", "with --candles, run needs --from, and --to or --ticks"),
        ("--candles nowhere --from 2026-01-01 --ticks 2", "nowhere is not there; allowed is a folder of candles"),
        ("--candles pyproject.toml --from 2026-01-01 --ticks 2", "is no folder; allowed is a folder of candles"),
        (
            "--candles . --from 2026-01-01 --to 2026-01-02",
            "no candles from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z",
        ),
        ("--from 2026-01-02 --to 2026-01-01", "must be before"),
        ("--from 1971-01-01", "cycles; allowed are 250000"),
        ("--to 0001-01-01", "--to: '0001-01-01'; allowed are instants from 1971-01-01T00:00:00Z"),
        ("--from yesterday", "--from: 'yesterday' is not an instant"),
        ("--mode LIVE", "--mode: app.mode: LIVE contradicts exchange.read_only: true"),
    ],
)
def test_options_that_cannot_be_meant_are_one_line(
    tmp_path: Path, options: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are refused before anything is made."""
    code = trader("run", "--home", tmp_path, *options.split())

    output = capsys.readouterr()
    assert (78, "", 1) == (code, output.out, output.err.count("\n"))
    assert told in output.err
    assert [] == list(tmp_path.iterdir())


def test_run_on_longer_bars_is_looked_at_with_the_settings_it_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cycles are 15 minutes apart, and its limits are not those of another configuration."""
    candles, first = tmp_path / "candles", 1_759_881_600
    candles.mkdir()
    rows = [
        f"{at},100,{101 + at % 7},99,{100 + at % 5},1000"
        for at in range(first - 640_000 // 900 * 900, first + 9000, 900)
    ]
    text = "start,open,high,low,close,volume\n" + "\n".join(rows) + "\n"
    (candles / "BTC-USD-15m.csv.gz").write_bytes(gzip.compress(text.encode()))
    span = ("--from", "2025-10-08T00:00:00Z", "--to", "2025-10-08T02:00:00Z")
    words = ("run", "--mode", "PAPER", "--candles", candles, "--stretch", *span, "--home", tmp_path, "--name", "long")
    assert 0 == trader(*words)
    home = tmp_path / "runs" / "long"
    capsys.readouterr()

    trader("status", "--home", home, "--json")
    status = json.loads(capsys.readouterr().out)
    assert 0 == trader("why", "BTC", "--home", home, "--json")
    answer = json.loads(capsys.readouterr().out)

    assert ("20251008T014500Z", "2025-10-08T02:00:00Z") == (status["last_cycle"], status["next_due"])
    assert answer["is_config_of_now"]
    assert status["config"] == answer["config"]
    (home / "run.json").write_text("{", encoding="utf-8")
    trader("why", "BTC", "--home", home, "--json")
    assert not json.loads(capsys.readouterr().out)["is_config_of_now"]
