"""The smallest part of `make command-clock`, from its command line; tests/simulation has functions that do wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from desk.sandbox.sam_tool import find_sam

ROOT = Path(__file__).parents[2]
_SECONDS_MAX = 240


@pytest.mark.skipif(find_sam() is None, reason="no SAM anywhere: nothing here can translate template.yaml")
def test_drill_flattens_through_the_function(tmp_path: Path) -> None:
    """One lot by the switch, and one by the bus while a tick runs: both flat, told in line and page."""
    page = tmp_path / "page.md"
    command = [sys.executable, "-m", "desk.drill.command_clock", str(page)]
    command += ["--tries", "1", "--tries-many", "0", "--answers", "0.05", "--at-once", "1"]

    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS_MAX,
    )

    last = (done.stdout.splitlines() or [""])[-1]
    assert (0, True) == (
        done.returncode,
        last.startswith("tries=2 planned=2 flat=2 oversold=0 came_again=0 tick_running=1 switch_50ms_p50="),
    ), done.stdout + done.stderr
    assert "| `events put-events`, `flatten` | 0.05 s | 1 | 1 | 1 | " in page.read_text(encoding="utf-8")
