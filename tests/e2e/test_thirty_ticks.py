"""PAPER for thirty ticks: it reads the market as anybody may, has no key, and sends nothing to the venue."""

from __future__ import annotations

import pytest

from e2e.conftest import PLAIN, OpenWorld
from e2e.world import a_tick

pytestmark = pytest.mark.e2e

TICKS = 30
KEYS = ("TRADER_SECRET", "TRADER_KEY_PARAMETER")


def test_paper_lives_thirty_ticks_without_a_key(open_world: OpenWorld) -> None:
    """Each completes; the venue saw no order, no request that needs a key, and nothing but reads.

    In plain processes: a container for each would be minutes, and what the venue is asked is the same.
    """
    world = open_world("PAPER", invoked=PLAIN)
    outcomes = [world.answer(a_tick())["outcome"] for _ in range(TICKS)]
    seen = world.sandbox.venue.venue.traffic.log()

    assert ["COMPLETED"] * TICKS == outcomes
    assert not set(KEYS) & world.names.keys()
    assert "SecretId" not in world.sandbox.stack.outputs
    assert seen
    assert {"GET"} == {each.method for each in seen}
    assert {"public"} == {each.kind for each in seen}
    assert [] == world.sandbox.venue.venue.orders()
    assert TICKS <= len(world.audit("InputsGathered"))
