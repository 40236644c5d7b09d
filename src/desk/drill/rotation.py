"""Replace the API key at every kind of moment of a cycle, the old one revoked first, with lots held and due to be sold.

What may never be: a tick that does not complete although the new key was stored, an order that came twice, a piece of a
key in a log, an error, a record, the ledger or the answer, a revoked key without a successor that does not ring.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import islice, product
from pathlib import Path
from random import Random

from desk.drill.rotation_tries import KeyStore, Moment, Told, Try
from desk.drill.rotation_world import RotationWorld, Stage, open_stage, open_world
from desk.sandbox.auth import Algorithm
from trader.cycle import CycleOutcome

_CONFIG = Path(__file__).parents[3] / "config"

#: Every moment in a warm and a cold process, both stores, and every pair of shapes.
TRIES = len(Moment) * 2 * len(KeyStore) * len(Algorithm) ** 2
#: A tick that sells two lots asks the venue about so many times.
_REQUESTS = 30
#: What a tick that rings says, among what has failed for it: what to do about the key.
_NAMED = "put its successor there"


def plan_tries(tries: int, seed: int) -> list[Try]:
    """Plan every combination before one comes again; the seed says in which order, and before which requests."""
    chance = Random(seed)  # noqa: S311 - the same seed gives the same tries
    planned: list[Try] = []
    while len(planned) < tries:
        every = list(product(Moment, KeyStore, Algorithm, Algorithm, (True, False)))
        chance.shuffle(every)
        planned += [Try(*each, request=chance.randint(1, _REQUESTS)) for each in islice(every, tries - len(planned))]
    return planned


def run_try(attempt: Try, world: RotationWorld) -> Told:
    """Open lots, change the key at the moment of the try, and tick until all that was due must have happened."""
    told = world.told
    world.open_lots()
    if not attempt.is_warm:
        world.start_cold()
    if attempt.moment is Moment.UNREPLACED:
        _play_unreplaced(world)
    elif attempt.moment is Moment.BEFORE_TICK:
        world.rotate()
        told.met = True
        _expect_completed(world, 3)
    else:
        world.arm(world.rotate)
        _expect_completed(world, 3)
        if not told.met:
            # The tick was over before.
            world.rotate()
    _expect_completed(world, 2)
    told.unsold, told.doubled = world.held(), world.count_doubled()
    places = world.find_pieces()
    told.seen = len(places)
    told.faults += [f"a piece of a key is in {place}" for place in places]
    told.faults += [f"{told.unsold} lots are unsold"] if told.unsold else []
    told.faults += [f"{told.doubled} orders came twice"] if told.doubled else []
    return told


def _expect_completed(world: RotationWorld, seconds_ago: int) -> None:
    outcome, reason = world.tick(seconds_ago)
    if outcome != CycleOutcome.COMPLETED:
        world.told.lost += 1
        world.told.faults.append(f"{outcome}: {reason}")


def _play_unreplaced(world: RotationWorld) -> None:
    """Revoke in the middle of a tick; that one and the next have no other key, and the one after has."""
    world.arm(world.revoke)
    outcomes = [world.tick(4)]
    if not world.told.met:
        world.revoke()
    outcomes.append(world.tick(3))
    # The first may have had all it needed before; the second had nothing.
    for number, (outcome, reason) in enumerate(outcomes):
        is_named = outcome == "ERROR" and _NAMED in reason
        if not is_named and (number or outcome != CycleOutcome.COMPLETED):
            world.told.unnamed += 1
            world.told.faults.append(f"{outcome} without a word of the key: {reason}")
    world.store_successor()


def run_drill(tries: Sequence[Try], stage: Stage, say: Callable[[str], None] = print) -> list[Told]:
    """Play the tries one after the other; what went wrong is said at once."""
    told = []
    for attempt in tries:
        with open_world(attempt, stage) as world:
            told.append(run_try(attempt, world))
        for fault in told[-1].faults:
            say(f"{attempt}: {fault}")
    return told


def is_sound(told: Sequence[Told]) -> bool:
    """Whether nothing went wrong, the key was read again once an invocation at most, and ticks were met."""
    wrong = sum(each.lost + each.seen + each.unsold + each.doubled + each.unnamed for each in told)
    return not wrong and all(each.rereads_max <= 1 for each in told) and any(each.met for each in told)


def make_line(told: Sequence[Told]) -> str:
    """Write the line for machines."""
    counted = {
        "tries": len(told),
        "ticks": sum(each.ticks for each in told),
        "met": sum(each.met for each in told),
        "rereads_max": max((each.rereads_max for each in told), default=0),
        "unsold": sum(each.unsold for each in told),
        "doubled": sum(each.doubled for each in told),
        "unnamed": sum(each.unnamed for each in told),
        "cycles_lost": sum(each.lost for each in told),
        "secrets_seen": sum(each.seen for each in told),
    }
    return " ".join(f"{name}={value}" for name, value in counted.items())


def main() -> None:
    """Play the drill and print the line for machines last. Exits with 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.tries < 1:
        parser.error(f"--tries {given.tries}: allowed are 1 and more")
    with open_stage(_CONFIG) as stage:
        told = run_drill(plan_tries(given.tries, given.seed), stage)
    print(make_line(told))
    sys.exit(0 if is_sound(told) else 1)


if __name__ == "__main__":
    main()
