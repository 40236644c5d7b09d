"""Time how long a person waits for a command: ``--help``, one cycle, and the first tick of a run, each from its start.

Cycle and run work on a folder of half a year of candles, of which they need a week, though each row is checked. The
limits are ratios of CPU time to other processes of the same rounds, so that a slow machine is no fault: the help beside
the import of what prints it, the others beside the same command on the last ten days of the same candles.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from desk.bench.why import measure_cpu
from desk.markets.candle_files import HEADER, name_candles
from desk.markets.synthetic import make_synthetic_market
from trader.model.ids import Instant, rfc3339
from trader.model.market import Candle

#: What each may take beside its floor; 6.7 is what a cycle takes that makes a candle of every row.
LIMITS = {"help": 1.5, "cycle": 4.5, "run_first_tick": 4.5}
_END, _DAY = Instant(1_767_225_600), 86_400
#: So many days are made, and follow one another so often.
_DAYS, _REPEATED = 10, 18
_ROUNDS = 5

_TRADER = "from desk.cli import main; main()"
_HELP_FLOOR = "import typer, typer.rich_utils"


def write_candles(folder: Path, days: int = _DAYS, repeated: int = _REPEATED) -> Path:
    """Write the synthetic market's files: so many days up to its end, and the same ones before them again and again."""
    folder.mkdir(parents=True, exist_ok=True)
    for (product_id, granularity), series in make_synthetic_market(7, _END, days * 24).series.items():
        lines = [HEADER]
        for number in range(repeated - 1, -1, -1):
            lines += [_write_row(candle, number * days * _DAY) for candle in series.candles]
        path = folder / f"{name_candles(product_id, granularity)}.csv.gz"
        path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 6))
    return folder


def _write_row(candle: Candle, earlier: int) -> str:
    return ",".join((str(candle.start - earlier), *map(repr, candle[1:])))


class Stopwatch:
    """The fewest CPU seconds that each of several processes took, over rounds in which each of them runs once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.seconds: dict[str, float] = {}

    def measure(self, name: str, code: str, *words: str) -> None:
        """Run a program as a process of its own. Raises: SystemExit if it fails."""
        taken, _ = measure_cpu([sys.executable, "-c", code, *words], self._environment)
        self.seconds[name] = min(taken, self.seconds.get(name, taken))


def measure_rounds(folders: Mapping[str, Path], at: Instant, rounds: int) -> Mapping[str, float]:
    """Measure the help with its floor, and cycle and run on each folder; each begins with empty books."""
    watch = Stopwatch({name: value for name, value in os.environ.items() if not name.startswith("TRADER_")})
    tick = rfc3339(at)
    with _number_homes() as homes:
        for _ in range(rounds):
            watch.measure("help_floor", _HELP_FLOOR)
            watch.measure("help", _TRADER, "--help")
            for name, folder in folders.items():
                market = ("--mode", "PAPER", "--candles", str(folder), "--json", "--home")
                watch.measure(f"cycle{name}", _TRADER, "cycle", "--at", tick, *market, next(homes))
                run = ("run", "--from", tick, "--ticks", "1")
                watch.measure(f"run_first_tick{name}", _TRADER, *run, *market, next(homes))
    return watch.seconds


@contextmanager
def _number_homes() -> Iterator[Iterator[str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield (str(Path(folder) / str(number)) for number in count())


def assess(seconds: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """Return what each took, and beside its floor, as name=value pairs, and what misses its limit."""
    ratios = {name: seconds[name] / seconds[f"{name}_floor"] for name in LIMITS}
    pairs = [f"{name}_cpu_seconds={seconds[name]:.2f} {name}_ratio={ratio:.2f}" for name, ratio in ratios.items()]
    missed = [
        f"{name}_ratio={ratio:.2f}, {LIMITS[name]} is allowed" for name, ratio in ratios.items() if ratio > LIMITS[name]
    ]
    return pairs, missed


def main() -> None:
    """Print what takes more beside its floor than it may, and the line for machines last; end with 1 if any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as made:
        folders = {"": write_candles(Path(made) / "long"), "_floor": write_candles(Path(made) / "short", repeated=1)}
        seconds = measure_rounds(folders, Instant(_END - _DAY), rounds)
    pairs, missed = assess(seconds)
    for what in missed:
        print(f"MISSED {what}")
    print(*pairs)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
