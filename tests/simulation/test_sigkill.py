"""A real process, really killed: the same command goes on where it stopped and ends with the same books."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trader.model.codec import digest_of

ROOT = Path(__file__).resolve().parents[2]
_TICKS = 30
_PATIENCE_SECONDS = 120


def start(home: Path) -> subprocess.Popen[str]:
    """Start the run in a process of its own."""
    command = ["run", "--mode", "PAPER", "--ticks", str(_TICKS), "--home", str(home), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        [sys.executable, "-c", "from desk.cli import main; main()", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after(home: Path, records: int, pause: float) -> int:
    """Kill the run a moment after so many audit objects lie there; return how it ended."""
    process, until = start(home), time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until and len(audit_objects(home)) < records:
        time.sleep(0.001)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


def run_to_the_end(home: Path) -> dict[str, Any]:
    """Let the run end and return its summary."""
    output, errors = start(home).communicate(timeout=_PATIENCE_SECONDS)
    assert output, errors
    summary: dict[str, Any] = json.loads(output)
    return summary


def audit_objects(home: Path) -> list[Path]:
    """What was recorded so far."""
    return list(home.glob("runs/*-1/audit/**/*.jsonl"))


def kept(home: Path) -> dict[str, Any]:
    """Ledger, fills and venue book as they lie on the disk; without what tells invocations apart."""
    (folder,) = home.glob("runs/*-1")
    (scope,) = folder.glob("scope=*")
    (venue,) = folder.glob("venue-*.json")
    item = json.loads((scope / "ledger.json").read_text(encoding="utf-8"))
    fills = (scope / "fills.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "lease": item["owner"],
        "ledger": {name: value for name, value in item["ledger"].items() if name != "audit_head"},
        "fills": sorted(fills),
        "book": json.loads(venue.read_text(encoding="utf-8")),
    }


def test_run_killed_three_times_ends_with_the_books_of_one_left_alone(tmp_path: Path) -> None:
    """Totals, ledger, fills and venue book are the same, to the last instant; only epochs and audit objects differ."""
    chance = random.Random(20261122)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    summary = run_to_the_end(alone)
    moments = sorted(chance.sample(range(4, _TICKS - 5), 3))

    ends = [kill_after(killed, moment, chance.uniform(0, 0.004)) for moment in moments]
    last = run_to_the_end(killed)

    assert [-signal.SIGKILL] * 3 == ends
    assert summary["entries"] >= 2
    assert summary == last
    for name, value in kept(alone).items():
        assert digest_of(value) == digest_of(kept(killed)[name]), name
