"""How a command ends when something goes wrong."""

import errno
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from architecture.tree import ROOT
from desk.cli.app import build, run
from desk.cli.command_group import COMMANDS, load_command
from desk.cli.exit_codes import ExitCode
from trader import __version__
from trader.errors import ConfigError, VenueThrottled


def run_raising(error: Exception) -> int:
    """The exit code of a command that raises this."""

    def fail() -> None:
        raise error

    commands = typer.Typer(pretty_exceptions_enable=False)
    commands.command("fail")(fail)
    with pytest.raises(SystemExit) as left:
        run(commands, [])
    return int(left.value.code or 0)


def test_problems_of_the_configuration_end_with_78(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each."""
    code = run_raising(ConfigError(("a.yaml: one", "b.yaml: two")))

    output = capsys.readouterr()
    assert (78, "a.yaml: one\nb.yaml: two\n", "") == (code, output.err, output.out)


def test_other_errors_of_ours_end_with_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Its name and what it says, line breaks taken out."""
    code = run_raising(VenueThrottled("too many\n  requests"))

    assert (1, "VenueThrottled: too many requests\n") == (code, capsys.readouterr().err)


def test_what_the_machine_refuses_ends_with_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk is no bug."""
    code = run_raising(OSError(errno.ENOSPC, "No space left on device"))

    assert (1, f"OSError: [Errno {errno.ENOSPC}] No space left on device\n") == (code, capsys.readouterr().err)


def test_bug_keeps_its_traceback() -> None:
    """What is not ours is not explained away."""
    with pytest.raises(ZeroDivisionError):
        run_raising(ZeroDivisionError())


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stdout, and no command is needed."""
    with pytest.raises(SystemExit) as left:
        run(build(), ["--version"])

    assert (0, f"trader {__version__}\n") == (left.value.code, capsys.readouterr().out)


#: A library that warns while one of our modules is imported.
PROGRAM = """
import sys, warnings
class Library:
    def find_spec(self, name, path, target=None):
        if name == "desk.cli.app":
            warnings.warn("this Python is old", FutureWarning)
sys.meta_path.insert(0, Library())
from desk.cli import main
main()
"""


def start(*options: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, *options, "-c", PROGRAM, "--version"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


def test_what_a_library_warns_of_stays_off_the_screen() -> None:
    """From the first import on; Python's own option shows it."""
    assert ("", f"trader {__version__}\n") == ((done := start()).stderr, done.stdout)
    assert "this Python is old" in start("-W", "default").stderr


#: Types some words, and prints which modules are there at the end.
LISTING = """
import sys
from desk.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
HEAVY = {"boto3", "botocore", "numpy", "pydantic", "requests", "yaml"}


def list_loaded(*words: str) -> set[str]:
    """The modules that a process of its own has loaded when it has done what was typed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", LISTING, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return set(done.stderr.splitlines()[-1].split())


def list_own(loaded: set[str]) -> set[str]:
    """The modules of commands among them."""
    return loaded & {f"desk.cli.{row.module}" for row in COMMANDS.values()}


@pytest.mark.parametrize("words", [(), ("--help",), ("--version",)])
def test_help_loads_neither_a_command_nor_a_large_library(words: tuple[str, ...]) -> None:
    """Who only looks what there is waits for nothing else."""
    loaded = list_loaded(*words)

    assert "desk.cli.command_group" in loaded
    assert (set(), set()) == (list_own(loaded), loaded & HEAVY)
    assert set() == {each for each in loaded if each.startswith("trader.")} - {"trader.errors"}


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (("stauts",), set()),
        (("status", "--help"), {"desk.cli.status"}),
        (("backtest", "--help"), {"desk.cli.backtest"}),
        (("--", "use", "--help"), {"desk.cli.use"}),
        (("config", "check", "--help"), {"desk.cli.config"}),
    ],
)
def test_command_loads_no_other_command(words: tuple[str, ...], own: set[str]) -> None:
    """And a word that is none loads none; neither loads what only trading needs."""
    loaded = list_loaded(*words)

    assert own == list_own(loaded)
    assert set() == loaded & (HEAVY - {"pydantic", "yaml"})


@pytest.mark.parametrize("name", COMMANDS)
def test_row_of_a_command_says_what_the_command_says_of_itself(name: str) -> None:
    """The row stands in for the command where commands are listed."""
    told = load_command(name).help

    assert told.partition("\n\n")[0] == COMMANDS[name].help


def test_every_module_with_commands_has_all_of_them_in_the_table() -> None:
    """And the table has no other."""
    registered: dict[str, str] = {}
    for path in sorted((ROOT / "src/desk/cli").glob("*.py")):
        if "\ndef register(" in path.read_text(encoding="utf-8"):
            app = typer.Typer()
            import_module(f"desk.cli.{path.stem}").register(app)
            registered |= dict.fromkeys(typer.main.get_group(app).commands, path.stem)

    assert registered == {name: row.module for name, row in COMMANDS.items()}


def test_wrong_word_is_answered_with_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Of all there are."""
    with pytest.raises(SystemExit) as left:
        run(build(), ["stauts"])

    assert (2, True) == (left.value.code, "Did you mean 'status'?" in capsys.readouterr().err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
@pytest.mark.parametrize(
    ("words", "deaf", "code"),
    [("config check --config nowhere", "stderr", ExitCode.CONFIG), ("--version", "stdout", ExitCode.WRONG)],
)
def test_number_is_the_same_where_nothing_can_be_written(words: str, deaf: str, code: ExitCode) -> None:
    """A supervisor goes by it; Python's own for a stream that it cannot empty at the end would be 120."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", PROGRAM, *words.split()]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, deaf: full}
        done = subprocess.run(command, text=True, check=False, env=environment, **streams)  # type: ignore[call-overload]

    assert code == done.returncode
    assert "Traceback" not in (done.stdout or "") + (done.stderr or "")
