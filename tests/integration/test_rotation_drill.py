"""The drill of a new key: a few tries of each kind, what it counts, and that it fails where something is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from desk.drill.rotation import TRIES, is_sound, make_line, plan_tries, run_drill, run_try
from desk.drill.rotation_tries import KeyStore, Moment, Told, Try
from desk.drill.rotation_world import RotationWorld, Stage, open_stage, open_world
from desk.sandbox.auth import Algorithm
from integration.conftest import ROOT
from trader.adapters.coinbase.renewal import RenewableKey

LINE = re.compile(
    r"tries=\d+ ticks=\d+ met=\d+ rereads_max=\d+ unsold=\d+ doubled=\d+ unnamed=\d+ cycles_lost=(\d+) .*"
)
A_TRY = Try(Moment.BEFORE_ORDER, KeyStore.SECRETS_MANAGER, Algorithm.ES256, Algorithm.EDDSA, is_warm=True, request=1)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with open_stage(ROOT / "config") as opened:
        yield opened


def test_every_combination_is_planned_once_before_one_comes_again() -> None:
    """All moments, processes, stores and shapes; the seed alone says in which order."""
    plain = Counter(replace(each, request=0) for each in plan_tries(2 * TRIES, 3))

    assert (TRIES, {2}) == (len(plain), set(plain.values()))
    assert plan_tries(9, 1) == plan_tries(9, 1) != plan_tries(9, 2)


def test_key_is_replaced_at_every_kind_of_moment_and_nothing_is_lost(stage: Stage) -> None:
    """One try of each kind, with every store, shape and process among them."""
    tries = [
        Try(Moment.BEFORE_TICK, KeyStore.PARAMETER_STORE, Algorithm.EDDSA, Algorithm.ES256, is_warm=False, request=1),
        Try(Moment.AT_REQUEST, KeyStore.PARAMETER_STORE, Algorithm.ES256, Algorithm.ES256, is_warm=True, request=3),
        A_TRY,
        Try(Moment.UNREPLACED, KeyStore.SECRETS_MANAGER, Algorithm.EDDSA, Algorithm.EDDSA, is_warm=False, request=2),
    ]

    told = run_drill(tries, stage)

    assert is_sound(told), [each.faults for each in told]
    assert len(tries) == sum(each.met for each in told)
    assert make_line(told).endswith(" cycles_lost=0 secrets_seen=0")
    assert LINE.fullmatch(make_line(told))


def test_function_that_keeps_its_key_is_found_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was before: every tick of the process is lost, and the lots stay."""
    monkeypatch.setattr(RenewableKey, "renew", lambda *_: False)

    (told,) = run_drill([A_TRY], stage, lambda _: None)

    assert (False, True) == (is_sound([told]), told.lost > 0)


def test_key_in_a_log_is_found(stage: Stage) -> None:
    """Any piece of either key; the name, or one line of the secret."""
    for number in (0, 1):
        with open_world(A_TRY, stage) as world:
            _leak(world, number)
            told = run_try(A_TRY, world)

        assert (1, False) == (told.seen, is_sound([told]))


def _leak(world: RotationWorld, number: int) -> None:
    key = world.venue.key
    world.say((key.name, key.secret.splitlines()[-2])[number])


@pytest.mark.parametrize("name", ["lost", "seen", "unsold", "doubled", "unnamed"])
def test_each_count_fails_the_drill(name: str) -> None:
    """One of a kind is enough; so are two reads too many, and a change that met no tick."""
    good = Told(met=True, rereads_max=1)
    bad = Told(met=True)
    setattr(bad, name, 1)

    assert is_sound([good])
    assert not is_sound([good, bad])
    assert not is_sound([good, Told(rereads_max=2)])
    assert not is_sound([Told()])
