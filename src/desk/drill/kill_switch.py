"""Flip the kill switch a thousand times at random while cycles send many orders, and see what slips through.

The switch is the one on AWS, an SSM parameter, simulated by moto; the venue is the simulated one over HTTP. Cycle,
switch and venue adapter are the ones that run in Lambda.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import boto3

from desk.drill.multi_order import MultiOrderDrill, Ran, Sent
from desk.drill.switch_flipper import STOPPING, Flip, Look, Operator, WatchedSwitch, find_readable, permits
from desk.mocked_aws import open_mocked_aws
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.model.orders import OrderPurpose
from trader.ports import KillSwitch

PARAMETER = "/trader/drill/kill-switch"
_CONFIG = Path(__file__).parents[3] / "config"
_UNREADABLE_CYCLES = 10
_MEAN_GAP_SECONDS = 0.03
_DELAY_SECONDS = 0.01

#: Puts something between the cycle and its switch; a test puts a fault there.
Wrap = Callable[[KillSwitch], KillSwitch]


@dataclass
class Findings:
    """What a drill found. Units: seconds."""

    cycles: int = 0
    flips: int = 0
    stops: int = 0
    intended: int = 0
    accepted: int = 0
    withheld: int = 0
    violations: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    unreadable_cycles: int = 0
    unreadable_intended: int = 0
    unreadable_accepted: int = 0
    seconds: float = 0.0


def run_drill(
    flips: int, seed: int = 4, *, config: Path = _CONFIG, wrap: Wrap | None = None, unreadable: int = _UNREADABLE_CYCLES
) -> Findings:
    """Run cycles until the switch has been flipped that often while one ran; then some whose switch is unreadable."""
    begun, found = time.monotonic(), Findings()
    drill = MultiOrderDrill(config, _DELAY_SECONDS)
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    with open_mocked_aws():
        ssm = [
            boto3.client("ssm", "us-east-1", aws_access_key_id="drill", aws_secret_access_key="drill")  # noqa: S106
            for _ in range(2)
        ]
        operator = Operator(ssm[0], PARAMETER, chance, _MEAN_GAP_SECONDS)
        while found.flips < flips:
            _one_cycle(found, drill, operator, SsmKillSwitch(ssm[1], PARAMETER), wrap)
        for number in range(unreadable):
            operator.reset()
            switch = SsmKillSwitch(ssm[1], PARAMETER)
            word = (None, "banana")[number % 2]
            ran = drill.cycle(wrap(switch) if wrap else switch, lambda word=word: _once(operator, word))  # type: ignore[misc]
            found.unreadable_cycles += 1
            found.unreadable_intended += ran.intended
            found.unreadable_accepted += len(ran.accepted)
    found.seconds = time.monotonic() - begun
    return found


def _one_cycle(
    found: Findings, drill: MultiOrderDrill, operator: Operator, switch: KillSwitch, wrap: Wrap | None
) -> None:
    operator.reset()
    watched = WatchedSwitch(switch)
    try:
        ran = drill.cycle(wrap(watched) if wrap else watched, operator.begin)
    finally:
        operator.end()
    found.cycles += 1
    found.flips += len(operator.flips) - 1
    found.intended += ran.intended
    found.accepted += len(ran.accepted)
    found.withheld += ran.intended - len(ran.sent)
    found.violations += find_violations(ran, watched.looks, operator.flips)
    latencies, stops = measure_latencies(ran, operator.flips)
    found.latencies += latencies
    found.stops += stops


def _once(operator: Operator, word: str | None) -> None:
    if len(operator.flips) == 1:
        operator.put(word)


def find_violations(ran: Ran, looks: Sequence[Look], flips: Sequence[Flip]) -> list[str]:
    """Name every order that the venue took although each word that could be read then forbade it.

    An order's moment begins with the last look at the switch in its own turn, which is after the call before it
    returned; an order without a look of its own is judged by the moment it was handed over.
    """
    found = []
    known = {sent.client_order_id for sent in ran.sent}
    found += [f"{name}: at the venue, and never handed over" for name in ran.accepted if name not in known]
    for sent in ran.sent:
        moment = _moment_of(sent, looks)
        words = find_readable(flips, moment, sent.begun)
        if sent.client_order_id in ran.accepted and not any(permits(word, sent.purpose) for word in words):
            found.append(f"{sent.client_order_id}: taken, the switch said {' then '.join(map(str, words))}")
    return found


def _moment_of(sent: Sent, looks: Sequence[Look]) -> float:
    own = [look.begun for look in looks if sent.turn_begun <= look.begun and look.done <= sent.begun]
    return own[-1] if own else sent.begun


def measure_latencies(ran: Ran, flips: Sequence[Flip]) -> tuple[list[float], int]:
    """Measure, for every flip away from RUN, how long after it the last order was taken; and count such flips.

    A flip after which nothing was taken has no latency.
    """
    found, stops = [], 0
    for index, (before, flip) in enumerate(pairwise(flips), start=1):
        if permits(flip.word, OrderPurpose.ENTRY) or not permits(before.word, OrderPurpose.ENTRY):
            continue
        stops += 1
        until = next(
            (later.begun for later in flips[index + 1 :] if permits(later.word, OrderPurpose.ENTRY)), float("inf")
        )
        after = [at - flip.done for at in ran.accepted.values() if flip.done < at < until]
        found += [max(after)] if after else []
    return found, stops


def compute_percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least *share* of all values do not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def write_report(found: Findings, seed: int) -> str:
    """Write the findings as a page."""
    p50, p99, most = _latencies_ms(found)
    words = ", ".join(f"`{word}`" if word else "the parameter deleted" for word in STOPPING)
    rows = {
        "flips while a cycle was sending": f"{found.flips:,}",
        "of these, from RUN to something that forbids entries": f"{found.stops:,}",
        "cycles": f"{found.cycles:,}",
        "orders intended": f"{found.intended:,}",
        "orders taken by the venue": f"{found.accepted:,}",
        "orders withheld by the cycle": f"{found.withheld:,}",
        "**orders taken after the flag was readable**": f"**{len(found.violations)}**",
        "cycles whose switch became unreadable before the first order": f"{found.unreadable_cycles:,}",
        "orders intended in those": f"{found.unreadable_intended:,}",
        "**orders taken in those**": f"**{found.unreadable_accepted}**",
    }
    return "\n".join(
        [
            "# The kill switch, tried out",
            "",
            "Written by `make kill-drill`: the switch is flipped at random moments while cycles send a dozen orders",
            f"each (seed {seed}). RUN is exchanged for {words}, and back.",
            "The cycle, the switch (an SSM parameter, by moto) and the venue adapter are those that run in Lambda; the",
            f"venue is the simulated one, over HTTP, and answers after {_DELAY_SECONDS * 1000:.0f} ms.",
            "",
            "| | |",
            "|---|--:|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "",
            "Nothing can be read and acted on in the same instant: the switch is read before every order, and an order",
            "whose reading was already under way when the flag changed may still leave. It is not counted above but",
            "measured: from the flag being readable to the last order the venue took. These orders are entries; of an",
            "exit the switch is read [before its bracket is cancelled](decisions/an-exit-is-one-turn.md), so it may",
            "leave later by that cancellation and the look that it is over.",
            "",
            "| flag → last order taken | ms |",
            "|---|--:|",
            f"| flips after which an order was still taken | {len(found.latencies):,} of {found.stops:,} |",
            f"| p50 | {p50:.1f} |",
            f"| p99 | {p99:.1f} |",
            f"| max | {most:.1f} |",
            "",
            "It is one reading and one order, on a machine that does other things too: on AWS put a round trip to SSM",
            "and one to Coinbase in their place. That the drill would notice is shown by a test, in which the switch",
            "is read once per cycle (`tests/integration/test_kill_switch_drill.py`).",
            "",
        ]
    )


def _latencies_ms(found: Findings) -> tuple[float, float, float]:
    ms = [1000 * seconds for seconds in found.latencies]
    return compute_percentile(ms, 0.5), compute_percentile(ms, 0.99), max(ms, default=0.0)


def main() -> None:
    """Run the drill, write the page, print the line for machines last. Exits with 1 if anything slipped through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=4)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    found = run_drill(given.flips, given.seed)
    if given.page is not None:
        given.page.write_text(write_report(found, given.seed), encoding="utf-8")
    for violation in found.violations:
        print(violation)
    p50, p99, most = _latencies_ms(found)
    print(
        f"flips={found.flips} stops={found.stops} cycles={found.cycles} intended={found.intended} "
        f"accepted={found.accepted} withheld={found.withheld} violations={len(found.violations)} "
        f"unreadable_accepted={found.unreadable_accepted} p50_ms={p50:.1f} p99_ms={p99:.1f} max_ms={most:.1f} "
        f"seconds={found.seconds:.0f}"
    )
    sys.exit(1 if found.violations or found.unreadable_accepted else 0)


if __name__ == "__main__":
    main()
