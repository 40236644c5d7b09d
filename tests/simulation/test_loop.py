"""A loop in a real process, killed again and again: equal to one that was left alone, and sound by the clock."""

from __future__ import annotations

import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from simulation.loop.folder_world import Snapshot
from simulation.loop.soak import LoopSoak, compare_sums
from simulation.loop.virtual import Player, compare, play_both
from trader.model.ids import Asset
from trader.settings.app import Mode


@pytest.mark.parametrize(("mode", "ticks", "kills"), [(Mode.PAPER, 6, 3), (Mode.LIVE, 6, 3)])
def test_loop_killed_in_virtual_time_ends_like_one_left_alone(
    mode: Mode, ticks: int, kills: int, tmp_path: Path
) -> None:
    """Ledger, fills and the venue's account, on a market without conversions: none is committed blindly."""
    alone, killed = play_both(Player(seed=4, mode=mode, ticks=ticks, folder=tmp_path), kills)

    assert [*[-signal.SIGKILL] * kills, 0] == killed.ends
    assert alone.ends == [0]
    assert alone.fills
    assert compare(alone, killed) == []


def test_plays_that_differ_are_found_different(tmp_path: Path) -> None:
    """A tick more is not the same."""
    shorter = Player(seed=1, mode=Mode.PAPER, ticks=2, folder=tmp_path).play("shorter")
    longer = Player(seed=1, mode=Mode.PAPER, ticks=3, folder=tmp_path).play("longer")

    assert "ledger" in compare(shorter, longer)


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoopSoak, Snapshot]:
    """A soak of twelve seconds, and the last look at it."""
    soak = LoopSoak(seed=1, seconds=12, kills=2, folder=tmp_path_factory.mktemp("soak"))
    return soak, soak.run()


def test_loop_by_the_clock_survives_kills_and_faults(soaked: tuple[LoopSoak, Snapshot]) -> None:
    """Twelve seconds of what ``make loop-soak`` does for twenty minutes."""
    soak, _ = soaked

    assert soak.found == []
    assert soak.killed == 2
    assert soak.outcomes.total()


def test_sums_that_differ_by_the_last_unit_are_found(soaked: tuple[LoopSoak, Snapshot]) -> None:
    """What the venue has, and a hundred-millionth more."""
    soak, seen = soaked
    totals = dict(seen.account.totals)
    totals[Asset("USD")] += Decimal("0.00000001")

    found = compare_sums(soak.scenario, replace(seen, account=replace(seen.account, totals=totals)))

    assert compare_sums(soak.scenario, seen) == []
    assert [each.partition(":")[0] for each in found] == ["USD"]


def test_memory_that_grows_is_measured(tmp_path: Path) -> None:
    """From the second fifth of a life to its last; one too short to tell has not grown."""
    soak = LoopSoak(seed=1, seconds=0, kills=0, folder=tmp_path)

    soak.memory = [9, 9, 100, 100, 100, 100, 150, 150, 400, 420]
    grown = soak.growth
    soak.memory = [1, 2, 3]

    assert (grown, soak.growth) == (310, 0)
