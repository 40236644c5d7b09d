"""The smallest part of `make slow-venue`, from its command line; tests/simulation tries long delays in virtual time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PART = ("--delays", "0.2", "--requests", "all", "--words", "FLATTEN", "REDUCE_ONLY", "--lots", "1")
_SECONDS_MAX = 240


def test_drill_sells_through_the_function(tmp_path: Path) -> None:
    """In processes of its own: one lot for each of two reasons, set up, sold in one tick, told in line and page."""
    page = tmp_path / "page.md"
    command = [sys.executable, "-m", "desk.drill.slow_venue", str(page), *_PART]

    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS_MAX,
    )

    expected = "ticks_1_lot=1 ticks_8_lots=0 completed_with_exit_left=0 killed=0 bare=0 cases=2"
    assert (0, expected) == (done.returncode, done.stdout.splitlines()[-1]), done.stderr
    assert "| 0.2 s | all | 1 | - | - | - | 1 | - |" in page.read_text(encoding="utf-8")
