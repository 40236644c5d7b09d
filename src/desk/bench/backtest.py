"""Our backtest beside others, on the same bars and the same strategy, each in a fresh process, by turns, on one core.

``python -m desk.bench.backtest --peers DIR --home DIR``: the folder with a script for each peer, and one with their
environments and data (``venv/<peer>``, ``data``), as ``run_all.sh`` of the peers makes them. A peer that is not
installed says ``na``. What counts is the CPU time of the whole process, from its start to its result; a ratio says how
many times as much a peer takes as we do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

_ROOT = Path(__file__).parents[3]
#: Of each peer: its environment, its script, and what it wants in the environment.
_PEERS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "vectorbt": ("vectorbt", "peer_vectorbt.py", {}),
    "backtesting": ("backtesting", "peer_backtesting.py", {}),
    "freqtrade": ("freqtrade", "peer_freqtrade.py", {}),
    # It aborts in native code for some hash seeds.
    "nautilus": ("nautilus", "peer_nautilus.py", {"PYTHONHASHSEED": "2"}),
    "raptorbt": ("raptorbt", "peer_raptorbt.py", {"RAPTOR": "arrays"}),
    "raptorbt_class": ("raptorbt", "peer_raptorbt.py", {"RAPTOR": "class"}),
    "numpy_floor": ("base", "floor_numpy.py", {}),
}
_OURS: Mapping[str, Sequence[str]] = {
    "screened": (),
    "sparse": ("--sparse",),
    "exhaustive_500": ("--engine", "exhaustive", "--ticks", "500"),
    "exhaustive_5000": ("--engine", "exhaustive", "--ticks", "5000"),
}
#: How many times as much CPU a peer must take at least.
_LEAST: Mapping[str, float] = {"vectorbt": 0.85, "backtesting": 1.0, "freqtrade": 2.0, "nautilus": 2.0}
_TRADES, _EXACT_MS_MAX, _PEAK_MB_MAX, _SPARSE_BARS_MIN = 2084, 1.0, 150.0, 1_000_000
_PATIENCE_SECONDS = 900


@dataclass
class Samples:
    """What one contender came to, run after run. Units: seconds of CPU, MB."""

    cpu: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    exact_ms: list[float] = field(default_factory=list)


def run_once(command: Sequence[str], environment: Mapping[str, str], cpu: str) -> tuple[float, float, dict[str, Any]]:
    """Run a process to its end on one core; return its CPU seconds, its largest size in MB, and its RESULT line."""
    pinned = ["taskset", "-c", cpu, *command] if cpu else list(command)
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(  # noqa: S603 - our own program, or a peer's script
            pinned, cwd=_ROOT, env={**os.environ, **environment}, stdout=out, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = [line.removeprefix("RESULT ") for line in out if line.startswith("RESULT ")]
    found = json.loads(lines[0]) if lines else {}
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, found


def list_contenders(peers: Path, home: Path) -> dict[str, tuple[list[str], Mapping[str, str]]]:
    """List what can be run here: ours, and the peers that are installed."""
    data = str(home / "data")
    ours = [sys.executable, "-m", "desk.bench.breakout_run", data]
    found: dict[str, tuple[list[str], Mapping[str, str]]] = {
        name: ([*ours, *options], {"PYTHONPATH": str(_ROOT / "src")}) for name, options in _OURS.items()
    }
    for name, (venv, script, environment) in _PEERS.items():
        python = home / "venv" / venv / "bin" / "python"
        if python.exists() and (peers / script).exists():
            found[name] = ([str(python), str(peers / script), data, "5m10"], environment)
    return found


def measure(contenders: Mapping[str, tuple[list[str], Mapping[str, str]]], rounds: int, cpu: str) -> dict[str, Samples]:
    """Run everybody, round by round, so that a busy minute meets all."""
    samples = {name: Samples() for name in contenders}
    for _ in range(rounds):
        for name, (command, environment) in contenders.items():
            seconds, peak, said = run_once(command, environment, cpu)
            if said:
                samples[name].cpu.append(seconds)
                samples[name].peak_mb.append(said.get("peak_mb", peak))
                samples[name].said = said
                samples[name].exact_ms += [said["exact_ms"]] if "exact_ms" in said else []
            print(f"{name}: {seconds:.2f} s of CPU, {said.get('trades', 'no')} trades", flush=True)
    return {name: each for name, each in samples.items() if each.cpu}


def assess(samples: Mapping[str, Samples]) -> tuple[str, list[str]]:
    """Return the line for machines, and what misses its limit."""
    ours, sparse = samples["screened"], samples["sparse"]
    cpu, exact_ms = median(ours.cpu), median(ours.exact_ms)
    ratios = {name: median(samples[name].cpu) / cpu if name in samples else None for name in _LEAST}
    bars_per_second = sparse.said["bars"] / median(sparse.cpu)
    missed = [
        f"{name} takes {ratio:.2f} times as much, {_LEAST[name]} is required"
        for name, ratio in ratios.items()
        if ratio is not None and ratio < _LEAST[name]
    ]
    checks = (
        (ours.said["trades"] == _TRADES, f"{ours.said['trades']} trades, {_TRADES} are right"),
        (exact_ms <= _EXACT_MS_MAX, f"an exact tick takes {exact_ms:.2f} ms, {_EXACT_MS_MAX} is allowed"),
        (max(ours.peak_mb) <= _PEAK_MB_MAX, f"{max(ours.peak_mb):.0f} MB, {_PEAK_MB_MAX:.0f} are allowed"),
        (bars_per_second >= _SPARSE_BARS_MIN, f"{bars_per_second:,.0f} bars a second of a sparse strategy"),
    )
    missed += [what for is_kept, what in checks if not is_kept]
    told = {name: "na" if ratio is None else f"{ratio:.2f}" for name, ratio in ratios.items()}
    line = (
        f"exact_tick_ms={exact_ms:.3f} exact_share={ours.said['exact'] / ours.said['ticks']:.4f} "
        f"ratio_vectorbt_cold={told['vectorbt']} ratio_backtesting={told['backtesting']} "
        f"ratio_freqtrade={told['freqtrade']} ratio_nautilus={told['nautilus']} trades={ours.said['trades']} "
        f"peak_mb={max(ours.peak_mb):.0f} cpu_seconds={cpu:.2f} sparse_bars_per_second={bars_per_second:.0f}"
    )
    return line, missed


def main() -> int:
    """Measure, print a table, and the line last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", default="0", help="the core that everybody runs on; empty for any")
    told = parser.parse_args()
    if not (told.home / "data" / "BTC.npz").exists():
        sys.exit(f"{told.home / 'data'}: there are no bars; gen_data.py of the peers makes them")
    samples = measure(list_contenders(told.peers, told.home), told.rounds, told.cpu)
    if not {"screened", "sparse"} <= samples.keys():
        sys.exit("our own engine did not come to an end")
    print(f"{'':<18}{'CPU s':>8}{'trades':>8}{'peak MB':>9}{'exact ticks':>13}{'ms each':>9}")
    for name, each in sorted(samples.items(), key=lambda pair: median(pair[1].cpu)):
        exact = f"{each.said['exact']:>13}{median(each.exact_ms):>9.2f}" if each.exact_ms else ""
        print(f"{name:<18}{median(each.cpu):>8.2f}{each.said['trades']:>8}{max(each.peak_mb):>9.0f}{exact}")
    line, missed = assess(samples)
    for what in missed:
        print(f"MISSED {what}")
    print(line)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
