"""What `make command-clock` says of a function that does wrong when it is woken."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

import pytest

from desk.drill.clock_tries import Ended, Try, Way
from desk.drill.clock_world import open_clock_world
from desk.drill.command_clock import Verdict, invoke_woken
from desk.invoke import CONFIG, Invocation
from desk.sandbox.sam_tool import find_sam

pytestmark = pytest.mark.skipif(find_sam() is None, reason="no SAM anywhere: nothing here can translate template.yaml")

_IDLE = Try(Way.SWITCH, 0.0, 1, runs=False, seed=1)

Invoke = Callable[[Path, Mapping[str, str]], Invocation]


def play(folder: Path, name: str, invoke: Invoke) -> Ended:
    """One try with a function of the test's own."""
    with open_clock_world(CONFIG, folder, invoke, name=name, over=Event()) as world:
        return world.play(_IDLE)


def drop(_file: Path, _variables: Mapping[str, str]) -> Invocation:
    """A function that answers as if all were well, and does nothing."""
    return Invocation(False, {"outcome": "COMPLETED", "reason": ""}, "")


def oversell(file: Path, variables: Mapping[str, str]) -> Invocation:
    """A function that does its work, and gives away a coin of the owner's as well."""
    done = invoke_woken(file, variables)
    body = json.dumps({"asset": "BTC", "amount": "-0.001"}).encode()
    request = urllib.request.Request(f"{variables['TRADER_VENUE_URL']}/__sandbox/deposit", body, method="POST")
    urllib.request.urlopen(request).close()
    return done


def test_function_that_drops_the_event_is_found_out(tmp_path: Path) -> None:
    """The lot is still there, at the venue with its bracket and in the books, whatever was answered."""
    ended = play(tmp_path, "clock-drops", drop)

    assert (None, 1, 1, 1) == (ended.seconds, ended.left, ended.booked, ended.working)
    assert not Verdict([ended], (), 1).is_good


def test_coin_of_the_owner_that_is_gone_is_found(tmp_path: Path) -> None:
    """All of ours is sold, and a little of the owner's with it."""
    ended = play(tmp_path, "clock-oversells", oversell)

    assert (True, 1) == (ended.is_flat, ended.missing)
    assert not Verdict([ended], (), 1).is_good
