"""What the backtest needs is asked of the backtest alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.backtest.requirements import check_installed
from trader.errors import ConfigError


def test_what_is_missing_is_named_with_the_command_that_installs_it() -> None:
    """In one line, whichever it is."""
    with pytest.raises(ConfigError) as caught:
        check_installed("numpy", "duckdb", find=lambda name: None)

    assert "the backtest needs numpy and duckdb; make research installs what is missing" == str(caught.value)
    with pytest.raises(ConfigError, match="needs numpy;"):
        check_installed(find=lambda name: None)


def test_what_is_there_is_enough() -> None:
    """These tests run with all of it."""
    check_installed()
    check_installed("numpy", "duckdb")


@pytest.mark.parametrize("command", [["--help"], ["cycle", "--home", "HOME"]], ids=["help", "demo"])
def test_demo_and_help_load_none_of_it(tmp_path: Path, command: list[str]) -> None:
    """``make demo`` installs neither, and an import takes a tenth of a second."""
    program = (
        "import sys, atexit\n"
        "heavy = ('numpy', 'duckdb', 'desk.backtest.data')\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules]))\n"
        "from desk.cli import main\n"
        "main()\n"
    )
    given = [each.replace("HOME", str(tmp_path)) for each in command]

    done = subprocess.run(
        [sys.executable, "-c", program, *given],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path)},
    )

    assert "[]" == done.stdout.splitlines()[-1]
