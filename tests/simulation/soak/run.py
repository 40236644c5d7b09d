"""The soak: random markets, random faults, thousands of cycles, the invariants after every one. ``make soak``.

World after world is drawn from the seed, played and checked until the time is up. World *n* of a seed is the same in
every run, however many processes share the worlds, and can be played alone: ``make soak SEED=7 WORLD=12``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from simulation.soak.fault_kinds import FaultKind
from simulation.soak.soak_world import SoakWorld
from simulation.soak.told import Told

PROCESSES = 2


@dataclass(frozen=True)
class SoakReport:
    """What a soak came to. ``faults`` has every kind, also those that never hit; ``traces`` one digest a world."""

    seed: int
    seconds: float
    worlds: int
    cycles: int
    faults: Mapping[str, int]
    outcomes: Mapping[str, int]
    orders: int
    fills: int
    traces: Mapping[int, str]
    broken: tuple[str, ...]

    @property
    def line(self) -> str:
        """Everything in one line, for machines."""
        kinds = sum(count > 0 for count in self.faults.values())
        return (
            f"seed={self.seed} seconds={self.seconds:.0f} worlds={self.worlds} cycles={self.cycles} "
            f"faults={sum(self.faults.values())} kinds={kinds} orders={self.orders} fills={self.fills} "
            f"violations={len(self.broken)}"
        )

    @property
    def table(self) -> str:
        """How often each kind hit, and how the cycles ended."""
        rows = [f"{count:9,}  {kind}" for kind, count in self.faults.items()]
        ends = [f"{count:9,}  {how}" for how, count in sorted(self.outcomes.items())]
        return "\n".join(["faults that hit something, by kind:", *rows, "", "how the cycles ended:", *ends])


def soak(seed: int, seconds: float, *, processes: int = PROCESSES, worlds: int | None = None) -> SoakReport:
    """Play worlds until the time is up, or so many; stops by itself after the world that a violation was found in."""
    begun = time.monotonic()
    shares = [(seed, first, processes, seconds, worlds) for first in range(processes)]
    if processes == 1:
        told = _share(*shares[0])
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            told = [each for share in pool.map(_share, *zip(*shares, strict=True)) for each in share]
    return report_of(seed, time.monotonic() - begun, told)


def _share(seed: int, first: int, step: int, seconds: float, worlds: int | None) -> list[Told]:
    end, told, number = time.monotonic() + seconds, list[Told](), first
    while time.monotonic() < end and (worlds is None or number < worlds):
        told.append(SoakWorld(seed, number).run())
        if told[-1].broken:
            break
        number += step
    return told


def report_of(seed: int, seconds: float, told: Sequence[Told]) -> SoakReport:
    """Sum up."""
    faults: Counter[str] = sum((each.tally.hits for each in told), Counter[str]())
    return SoakReport(
        seed=seed,
        seconds=seconds,
        worlds=len(told),
        cycles=sum(each.cycles for each in told),
        faults={kind.value: faults[kind.value] for kind in FaultKind},
        outcomes=sum((each.outcomes for each in told), Counter[str]()),
        orders=sum(each.orders for each in told),
        fills=sum(each.fills for each in told),
        traces={each.number: each.trace for each in told},
        broken=tuple(line for each in told for line in each.broken),
    )


def _keep(file: Path, line: str) -> None:
    """Put a line in the place of the one of the same seed."""
    seed = line.split(maxsplit=1)[0]
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    kept = [each for each in lines if each.split()[0] != seed]
    file.write_text("\n".join(sorted([*kept, line])) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print, and say by the exit code whether anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--record", type=Path, help="keep the last line in this file, one for each seed")
    parser.add_argument("--world", type=int, help="play this world alone, request by request")
    told = parser.parse_args(arguments)
    if told.world is not None:
        begun = time.monotonic()
        fault_run = SoakWorld(told.seed, told.world, echo=print)
        worlds = [fault_run.run()]
        report = report_of(told.seed, time.monotonic() - begun, worlds)
        print(f"trace={report.traces[told.world]}")
    else:
        report = soak(told.seed, told.seconds, processes=told.processes)
    print(report.table)
    for line in report.broken:
        print(f"VIOLATION {line}")
    print(report.line)
    if told.record is not None:
        _keep(told.record, report.line)
    return int(bool(report.broken))


if __name__ == "__main__":
    sys.exit(main())
