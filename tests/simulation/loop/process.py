"""The loop in a process of its own, as `trader run --venue` starts it, but for its time and its market.

The one argument is JSON: address, folder, seed, mode, key file, and either the end of virtual time or a fast clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from desk.cli.app import run
from desk.cli.loop import run_at_venue
from simulation.loop.clocks import FastClock, VenueClock
from simulation.loop.markets import make_scenario, make_settings
from trader.model.ids import Instant
from trader.settings.app import Mode

ROOT = Path(__file__).resolve().parents[3]


def start(told: dict[str, Any], out: IO[str]) -> subprocess.Popen[str]:
    """Start one; what it says goes to *out*."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "TRADER_LIVE_CONFIRMED": "yes"}
    command = [sys.executable, "-m", "simulation.loop.process", json.dumps(told)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True)


def main() -> None:
    """Run the loop until it is ended."""
    told = json.loads(sys.argv[1])
    fast, key_file = told.get("fast"), told.get("key_file")
    clock = FastClock(**fast) if fast else VenueClock(told["url"], Instant(told["until"]))
    settings = make_settings(make_scenario(told["seed"]), Mode(told["mode"]))
    key = Path(key_file) if key_file else None
    run(lambda **_: sys.exit(run_at_venue(told["url"], settings, Path(told["home"]), key_file=key, pace=clock.pace())))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
