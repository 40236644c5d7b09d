"""Sweep many settings, killed on the way and begun again, and see that it comes to the same; limit: CPU linear in sets.

Each kill takes the process that hands the sets out, at an instant drawn from the seed; its workers end with it. The
market is the synthetic one, a day of it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desk.markets.candle_files import HEADER, name_candles
from desk.markets.synthetic import DEMO_SEED, make_synthetic_market
from trader.model.ids import Instant, rfc3339

_ROOT = Path(__file__).parents[3]
_END, _DAY, _HOURS = Instant(1_767_600_000), 86_400, 96
#: What the second half of the sets may cost of the first.
_RATIO_MAX = 1.2
_LOOK_SECONDS = 0.01


def write_market(folder: Path) -> None:
    """Write the synthetic market as files of candles."""
    market = make_synthetic_market(DEMO_SEED, _END, _HOURS)
    folder.mkdir()
    for (product_id, granularity), series in market.series.items():
        candles = series.between(Instant(0), _END)
        rows = [",".join(map(str, (int(each.start), *each[1:]))) for each in candles]
        with gzip.open(folder / f"{name_candles(product_id, granularity)}.csv.gz", "wt") as file:
            file.write("\n".join((HEADER, *rows)) + "\n")


def write_sweep(file: Path, count: int) -> None:
    """Write so many sets: a spread each."""
    values = ", ".join(str(number + 1) for number in range(count))
    file.write_text(f"grid:\n  simulation.spread_bps: [{values}]\n", encoding="utf-8")


class Sweeper:
    """Runs the command in a process of its own."""

    def __init__(self, place: Path, workers: int) -> None:
        self._place, self._workers = place, workers

    def start(self, home: str, count: int) -> subprocess.Popen[str]:
        """Start a sweep of so many sets that keeps what it finds in a home."""
        file = self._place / f"{count}.yaml"
        write_sweep(file, count)
        words = ["--candles", self._place / "candles", "--from", rfc3339(Instant(_END - _DAY)), "--to", rfc3339(_END)]
        words += ["--granularity", "5m", "--config", _ROOT / "config", "--home", self._place / home]
        command = [sys.executable, "-c", "from desk.cli import main; main()", "backtest", *map(str, words)]
        return subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--sweep", str(file), "-j", str(self._workers), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT / "src")},
        )

    def finish(self, home: str, count: int) -> tuple[Mapping[str, Any], float]:
        """Run a sweep to its end; returns what it told, and the CPU seconds of all its processes."""
        before = _cpu_seconds()
        told, said = self.start(home, count).communicate()
        if not told:
            raise SystemExit(f"the sweep told nothing: {said}")
        found: Mapping[str, Any] = json.loads(told)
        return found, _cpu_seconds() - before

    def kill(self, home: str, count: int, kept: int, seconds: float) -> int:
        """Start a sweep, and kill it so long after so many results are kept; returns how many there are then."""
        with self.start(home, count) as process:
            while process.poll() is None and count_kept(self._place / home) < kept:
                time.sleep(_LOOK_SECONDS)
            time.sleep(seconds)
            process.kill()
        return count_kept(self._place / home)


def count_kept(home: Path) -> int:
    """Count the results that are kept."""
    return len(list(home.glob("backtests/*/neutral.json")))


def read_kept(home: Path) -> dict[str, bytes]:
    """Return every file that is kept, but what a kill left of one that was being written."""
    files = (file for file in home.rglob("*") if file.is_file() and not file.name.startswith("."))
    return {str(file.relative_to(home)): file.read_bytes() for file in files}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Sweep, kill, sweep on, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place, chance = Path(folder), random.Random(told.seed)  # noqa: S311 - repeatable on purpose
        write_market(place / "candles")
        sweeper = Sweeper(place, told.jobs)
        begun = time.monotonic()
        whole, cpu = sweeper.finish("whole", told.sets)
        a_set = (time.monotonic() - begun) / told.sets
        _, half = sweeper.finish("half", told.sets // 2)
        kept = [
            sweeper.kill("killed", told.sets, told.sets * (1 + each) // (told.kills + 1), chance.random() * a_set)
            for each in range(told.kills)
        ]
        killed, _ = sweeper.finish("killed", told.sets)
        different = sum(a != b for a, b in zip(whole["sets"], killed["sets"], strict=True))
        different += read_kept(place / "whole") != read_kept(place / "killed")
        # What the processes take to begin is in the first half alone, so the second one hides no growth behind it.
        ratio = (cpu - half) / half
        print(f"kept after each kill: {', '.join(map(str, kept))}")
        print(
            f"sets={len(killed['sets'])} kills={told.kills} seed={told.seed} different={different} "
            f"cpu_seconds={cpu:.1f} ratio_second_half={ratio:.2f}"
        )
    if different or len(killed["sets"]) != told.sets or ratio > _RATIO_MAX:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
