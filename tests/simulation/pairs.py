"""Pairs of crashes: the second strikes while the first is being made good. Run by ``make reliability`` and ``nightly``.

There are more pairs than a day has minutes for on the real adapters, so they are played in memory; ``make
reliability`` draws some of them by a seed that it prints, ``make nightly`` plays all.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from simulation.fault_run import differences, fault_run_of
from simulation.scenarios import SCENARIOS

#: The restart makes a few calls more than the run it makes good.
_MORE_CALLS = 12
_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@dataclass(frozen=True)
class Pair:
    """One case: the tick that is struck, after which of its calls, and after which call of the restart."""

    scenario: str
    tick: int
    first: int
    second: int


def every_pair() -> list[Pair]:
    """List all pairs of all scenarios, always in the same order."""
    return [
        Pair(scenario.name, tick, first, second)
        for scenario in SCENARIOS
        for tick, trail in enumerate(fault_run_of(scenario).trails[: len(scenario.beats)])
        for first in range(1, len(trail) + 1)
        for second in range(1, _MORE_CALLS + len(trail) + 1)
    ]


def draw_pairs(count: int, seed: int) -> list[Pair]:
    """Draw so many pairs, the same for the same seed."""
    pairs = every_pair()
    return random.Random(seed).sample(pairs, min(count, len(pairs)))


def play_pair(pair: Pair) -> tuple[str, ...]:
    """Play one pair and say what is wrong, if anything."""
    fault_run = fault_run_of(_BY_NAME[pair.scenario])
    converting, ending = fault_run.strike_twice(pair.tick, pair.first, pair.second)
    found = list(ending.violations)
    if not converting:
        found += differences(fault_run.ending.ledger, ending.ledger)
        found += differences(fault_run.ending.books, ending.books)
    return tuple(
        f"{pair.scenario}: crash after calls {pair.first} and {pair.second} of tick {pair.tick}: {each}"
        for each in found
    )


def play_pairs(pairs: Sequence[Pair], processes: int) -> list[str]:
    """Play pairs side by side; those of one tick stay together, since they share its beginning."""
    together = sorted(pairs, key=lambda pair: (pair.scenario, pair.tick, pair.first, pair.second))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [line for found in pool.map(play_pair, together, chunksize=200) for line in found]


def main() -> None:
    """Play all pairs, or as many as are asked for; print the line for machines last."""
    parser = argparse.ArgumentParser(description="Play pairs of crashes.")
    parser.add_argument("--count", type=int, default=0, help="So many, drawn by the seed; 0 for all.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    pairs = draw_pairs(given.count, given.seed) if given.count else every_pair()
    broken = play_pairs(pairs, given.processes)
    for line in broken[:20]:
        print(line)
    print(f"pairs={len(pairs)} of={len(every_pair())} seed={given.seed} violations={len(broken)}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
