"""Time a flatten by the clock: from the word, said to the kill switch or on the stack's bus, to the last sale.

The stack of template.yaml in the sandbox, its rules, and the function that they wake, in LIVE: in a process of its own
as by `trader sandbox up`, or by `sam local invoke`. In half of the tries a tick is running when the word is said.
Limits are on counts alone, never on this machine's clock: every try ends flat, and nothing of the owner's is sold.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, Queue
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event

from desk.drill.clock_tries import ANSWERS, MANY_LOTS, SAM_TRIES, TRIES, TRIES_MANY, Ended, Try, Way, plan_tries
from desk.drill.clock_world import ClockWorld, open_clock_world
from desk.invoke import CONFIG, Invocation, invoke_by_process, invoke_by_sam
from desk.sandbox.env_files import FUNCTION

_MINUTES, _AT_ONCE = 13, 8
_SAID = {Way.SWITCH: "`ssm put-parameter`, FLATTEN", Way.BUS: "`events put-events`, `flatten`"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tries come to. ``planned`` are as many as should be there, ``by_sam`` those by `sam local invoke`."""

    ended: Sequence[Ended]
    by_sam: Sequence[Ended]
    planned: int

    @property
    def is_good(self) -> bool:
        """Whether every try that was planned was made and ended flat, and nothing of the owner's was sold."""
        every = (*self.ended, *self.by_sam)
        return len(every) == self.planned and all(each.is_flat and not each.missing for each in every)

    def __str__(self) -> str:
        every = (*self.ended, *self.by_sam)
        counts = {
            "tries": len(every),
            "planned": self.planned,
            "flat": sum(each.is_flat for each in every),
            "oversold": sum(bool(each.missing) for each in every),
            "came_again": sum(each.came_again for each in every),
            "tick_running": sum(each.attempt.runs for each in every),
        }
        rows = {
            f"{way}_{_name_of(delay)}": _times(self.ended, way=way, delay=delay, lots=1)
            for way, delay in product(Way, sorted({each.attempt.delay for each in self.ended}))
        } | {"sam": _times(self.by_sam)}
        times = [f"{row}_p50={median(found):.1f} {row}_max={max(found):.1f}" for row, found in rows.items() if found]
        return " ".join([*(f"{name}={count}" for name, count in counts.items()), *times])


def run_waiting(
    world: ClockWorld, waiting: Queue[Try], until: float, say: Callable[[str], None] = print
) -> list[Ended]:
    """Play what waits, one try after the other, as long as there is time to begin one. *say* is told of each.

    Units: *until* in seconds since the epoch.
    """
    done: list[Ended] = []
    while not world.over.is_set() and time.time() < until:
        try:
            attempt = waiting.get_nowait()
        except Empty:
            break
        done.append(world.play(attempt))
        say(str(done[-1]))
    return done


def invoke_woken(file: Path, variables: Mapping[str, str]) -> Invocation:
    """Invoke the function as `trader sandbox up` does, in a fresh interpreter."""
    return invoke_by_process(file, variables, config=Path(variables["TRADER_CONFIG_DIR"]))


def invoke_woken_by_sam(built: Path, file: Path, variables: Mapping[str, str]) -> Invocation:
    """Invoke what `sam build` made, in a container that has the drill's configuration as its layer."""
    told = file.with_suffix(".env.json")
    inside = {**variables, "TRADER_CONFIG_DIR": "/opt/config"}
    told.write_text(json.dumps({FUNCTION: inside}), encoding="utf-8")
    docker_host, config = os.environ.get("DOCKER_HOST", ""), Path(variables["TRADER_CONFIG_DIR"])
    return invoke_by_sam(file, built, told, docker_host=docker_host, config=config)


_PAGE = """# A flatten by the clock

Written by `make command-clock`: {tries} tries in {minutes:.0f} minutes, {flat} of them flat, {oversold} oversold.
Each holds lots that the function has bought, with their brackets at the venue. Then somebody writes FLATTEN into the
stack's parameter, or puts a `flatten` on its bus. **A time is from that call to the last sale, by the venue's own log,
in seconds.** The stack is the one of `template.yaml` in the sandbox (moto): its own rules wake the function, which runs
in LIVE with the shipped configuration, against the simulated venue over HTTP. The venue does what it is asked, and
answers, so much later each time.

In half of the tries a tick is running when the word is said: it has the lease, and is anywhere between its first
request and its last. The run that the event wakes begins beside it, as with `ReserveConcurrency=no`, and waits for the
lease, unless the tick itself sells. Where one execution is reserved, Lambda holds the event back and tries again after
a second, then after ever longer pauses, until the tick has ended: add that wait.

| said by | answers after | lots | tries | flat | p50 | max | p50, a tick runs | max, a tick runs |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}

The function starts cold each time, in a fresh interpreter as in `make sandbox`; {at_once} tries go on side by side on
{processors} processors that do other things as well, so a part of every time is this machine's. On AWS there are
EventBridge's delivery, for which no bound is promised, and Lambda's own start in its place.{sam}

An event whose run failed is delivered once more after a minute, as by Lambda: {came_again} were. The command fails if
a try does not end flat, if a coin of the account's owner is sold, who has one of each, or if a try was not made. It
does not judge the times.
"""
_BY_SAM = """ The tries by
`sam local invoke` were made one after the other; each has the start of a container in it."""


def write_page(verdict: Verdict, seconds: float, at_once: int) -> str:
    """Write what was found as a page: a row for each way, answer and number of lots."""
    every = (*verdict.ended, *verdict.by_sam)
    kinds = sorted({(each.attempt.lots, each.attempt.way, each.attempt.delay) for each in verdict.ended})
    rows = [
        _row([e for e in verdict.ended if (e.attempt.lots, e.attempt.way, e.attempt.delay) == kind], _SAID[kind[1]])
        for kind in sorted(kinds, key=lambda kind: (kind[0], list(Way).index(kind[1]), kind[2]))
    ]
    rows += [_row([each], f"{_SAID[each.attempt.way]}, by `sam local invoke`") for each in verdict.by_sam]
    return _PAGE.format(
        tries=len(every),
        minutes=seconds / 60,
        flat=sum(each.is_flat for each in every),
        oversold=sum(bool(each.missing) for each in every),
        came_again=sum(each.came_again for each in every),
        rows="\n".join(rows),
        at_once=at_once,
        processors=os.cpu_count(),
        sam=_BY_SAM if verdict.by_sam else "",
    )


def _row(ended: Sequence[Ended], said: str) -> str:
    first = ended[0].attempt
    cells = [said, f"{first.delay:g} s", str(first.lots), str(len(ended)), str(sum(each.is_flat for each in ended))]
    for found in (_times(ended), _times(ended, runs=True)):
        cells += [f"{median(found):.1f}", f"{max(found):.1f}"] if found else ["-", "-"]
    return f"| {' | '.join(cells)} |"


def _times(ended: Sequence[Ended], **wanted: object) -> list[float]:
    return [
        each.seconds
        for each in ended
        if each.seconds is not None and all(getattr(each.attempt, name) == value for name, value in wanted.items())
    ]


def _name_of(delay: float) -> str:
    return f"{1000 * delay:.0f}ms" if delay < 1 else f"{delay:g}s"


def _play_side_by_side(tries: Sequence[Try], until: float, count: int) -> list[Ended]:
    # A process for each world: what AWS's stand-in is slow to answer, the function takes for a fault of AWS.
    spawned = get_context("spawn")
    with (
        TemporaryDirectory(prefix="command-clock-") as folder,
        spawned.Manager() as manager,
        ProcessPoolExecutor(count, mp_context=spawned) as pool,
    ):
        waiting, over = manager.Queue(), manager.Event()
        for attempt in tries:
            waiting.put(attempt)
        try:
            hands = [
                pool.submit(_play_hand, f"clock-{number}", Path(folder) / str(number), waiting, until, over)
                for number in range(count)
            ]
            return [ended for hand in as_completed(hands) for ended in hand.result()]
        finally:
            # If one has failed, the others end at their next look.
            over.set()


def _play_hand(name: str, folder: Path, waiting: Queue[Try], until: float, over: Event) -> list[Ended]:
    with open_clock_world(CONFIG, folder, invoke_woken, name=name, over=over) as world:
        return run_waiting(world, waiting, until, partial(print, flush=True))


def _play_by_sam(built: Path, bind: str, until: float) -> list[Ended]:
    invoke, waiting = partial(invoke_woken_by_sam, built), Queue[Try]()
    for attempt in SAM_TRIES:
        waiting.put(attempt)
    with TemporaryDirectory(prefix="command-clock-") as folder:
        opened = open_clock_world(CONFIG, Path(folder), invoke, name="clock-sam", bind=bind, over=Event())
        with opened as world:
            return run_waiting(world, waiting, until, partial(print, flush=True))


def main() -> None:
    """Play all tries or a part, write the page, print the line for machines last. Exits with 1 if one is not flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--tries", type=int, default=TRIES, help="of each way and answer, with one lot")
    parser.add_argument("--tries-many", type=int, default=TRIES_MANY, help=f"the same with {MANY_LOTS} lots")
    parser.add_argument("--answers", type=float, nargs="+", default=ANSWERS, help="seconds until the venue's answer")
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="what is not begun then is left out, and fails")
    parser.add_argument("--at-once", type=int, default=_AT_ONCE, help="tries side by side")
    parser.add_argument(
        "--sam", type=Path, metavar="BUILT", help="template that sam build made: three more, in a container"
    )
    parser.add_argument("--bind", default="127.0.0.1", help="address under which that container reaches this machine")
    given = parser.parse_args()
    # Whatever ends it, folders and processes go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.time()
    until = begun + 60 * given.minutes
    tries = plan_tries(given.tries, given.tries_many, given.answers)
    ended = _play_side_by_side(tries, until, min(given.at_once, len(tries)))
    by_sam = _play_by_sam(given.sam, given.bind, until) if given.sam is not None else []
    verdict = Verdict(ended, by_sam, len(tries) + (len(SAM_TRIES) if given.sam is not None else 0))
    if given.page is not None:
        page = write_page(verdict, time.time() - begun, given.at_once)
        given.page.write_text(page, encoding="utf-8")
    print(verdict)
    sys.exit(0 if verdict.is_good else 1)


if __name__ == "__main__":
    main()
