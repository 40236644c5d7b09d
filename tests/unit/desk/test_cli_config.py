"""What the operator sees of the configuration, and how the command ends."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from factories_settings import CONFIG
from trader.adapters.config.files import load_settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests; and wide enough a terminal for the usage lines."""
    for name in ("TRADER_CONFIG_DIR", "TRADER_MODE", "TRADER_LOG_LEVEL", "TRADER_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("COINBASE_API_KEY", "COINBASE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A configuration with one problem in each of two files."""
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    for name, old, new in (
        ("app.yaml", "capital: 10000", "capital: -1"),
        ("policy.yaml", "total_pct_max: 25", "total_pct_max: 250"),
    ):
        file = directory / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return directory


def run(*arguments: str) -> int:
    """The code a command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), arguments)
    return int(left.value.code or 0)


def test_check_of_a_sound_configuration_says_ok_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, and nothing beside it."""
    code = run("config", "check", "--config", str(CONFIG))

    output = capsys.readouterr()
    assert (0, f"OK {load_settings(CONFIG, {}).digest} in mode DRY_RUN\n", "") == (code, output.out, output.err)


def test_check_in_a_mode_says_the_hash_that_its_records_have(capsys: pytest.CaptureFixture[str]) -> None:
    """What PAPER writes down is another hash than that of the mode in the file."""
    assert 0 == run("config", "check", "--config", str(CONFIG), "--mode", "PAPER")
    told = capsys.readouterr().out
    paper = load_settings(CONFIG, {"TRADER_MODE": "PAPER"})

    assert f"OK {paper.settings.digest} in mode PAPER\n" == told
    assert load_settings(CONFIG, {}).digest not in told


def test_check_names_a_file_of_evidence_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run stops for it, so here is where it must be said."""
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    (directory / "evidence").mkdir()
    (directory / "evidence" / "hold.json").write_text("[]", encoding="utf-8")

    assert 78 == run("config", "check", "--config", str(directory))
    assert "evidence/hold.json: [] is a list; allowed is a mapping of keys to values" in capsys.readouterr().err
    assert 0 == run("config", "show", "--config", str(directory))


def test_check_names_every_problem_and_ends_with_78(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each on stderr, nothing on stdout."""
    code = run("config", "check", "--config", str(broken))

    output = capsys.readouterr()
    assert (78, "") == (code, output.out)
    assert [
        "app.yaml: app.capital: -1 is out of range; allowed is 0 to 1000000000000",
        "policy.yaml: risk.total_pct_max: 250 is out of range; allowed is 0 to 100",
    ] == output.err.splitlines()


def test_check_names_contradictions(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that are fine one by one."""
    monkeypatch.setenv("TRADER_MODE", "LIVE")

    code = run("config", "check", "--config", str(CONFIG))

    assert code == 78
    assert capsys.readouterr().err.startswith(
        "environment: TRADER_MODE: app.mode: LIVE contradicts exchange.read_only: true;"
    )


def test_unknown_variable_ends_with_78(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in a name must not pass for no name."""
    monkeypatch.setenv("TRADER_MOED", "PAPER")

    code = run("config", "check", "--config", str(CONFIG))

    assert code == 78
    assert capsys.readouterr().err.startswith("environment: TRADER_MOED: unknown variable; allowed: ")


def test_folder_comes_from_the_environment_where_no_option_says_otherwise(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option wins over the variable."""
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(broken))

    assert [78, 0] == [run("config", "check"), run("config", "check", "--config", str(CONFIG))]


def test_folder_is_config_where_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the place one stands in."""
    shutil.copytree(CONFIG, tmp_path / "config")
    monkeypatch.chdir(tmp_path)

    assert run("config", "check") == 0


def test_show_lists_every_key_with_value_and_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row each, the overruled one with its variable, and the hash above."""
    monkeypatch.setenv("TRADER_MODE", "PAPER")
    loaded = load_settings(CONFIG, {"TRADER_MODE": "PAPER"})

    code = run("config", "show", "--config", str(CONFIG))

    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert code == 0
    assert f"configuration {loaded.digest}" in lines[0]
    assert ["app.mode", "PAPER", "environment: TRADER_MODE"] in rows
    assert ["risk.total_pct_max", "25", "policy.yaml"] in rows
    assert ["app.account", "main", "app.yaml"] in rows
    assert len(rows) == len(loaded.sources) + 2


def test_show_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """For other programs: the whole of stdout parses."""
    loaded = load_settings(CONFIG, {})

    code = run("config", "show", "--json", "--config", str(CONFIG))

    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert shown["digest"] == loaded.digest
    assert {"value": "25", "source": "policy.yaml"} == shown["settings"]["risk.total_pct_max"]
    assert set(loaded.sources) == set(shown["settings"])


@pytest.mark.parametrize("arguments", [["config", "show"], ["config", "show", "--json"]])
def test_secrets_are_never_shown(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they are set is all one learns."""
    monkeypatch.setenv("COINBASE_API_KEY", "organizations/xyz")
    monkeypatch.setenv("COINBASE_API_SECRET", "-----BEGIN")

    run(*arguments, "--config", str(CONFIG))

    output = capsys.readouterr()
    assert output.out.count("set, hidden") == 2
    assert "xyz" not in output.out + output.err
    assert "BEGIN" not in output.out + output.err


def test_command_that_is_none_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """With the code for wrong usage."""
    assert run("config", "chek") == 2
    assert "chek" in capsys.readouterr().err


def test_process_ends_with_78_and_runs_nothing(broken: Path, tmp_path: Path) -> None:
    """Seen from outside, as a supervisor sees it: the code, the lines, no traceback."""
    ended = subprocess.run(
        [sys.executable, "-c", "from desk.cli import main; main()", "config", "check", "--config", str(broken)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(CONFIG.parent / "src"), "PATH": ""},
    )

    assert (78, "") == (ended.returncode, ended.stdout)
    assert len(ended.stderr.splitlines()) == 2
    assert "Traceback" not in ended.stderr
