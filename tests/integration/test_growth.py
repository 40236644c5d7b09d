"""The drill of growth: a part of its stories, what it says of books that forget nothing, and its page."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from desk.drill.growth import CYCLES, STORIES, Story, main, make_settings, run_story
from desk.drill.growth_trades import PLAYED
from desk.drill.growth_world import Run
from trader.cycle import CycleReport, run_cycle
from trader.errors import InvariantViolation
from trader.model.ids import Asset
from trader.model.inputs import Tick
from trader.ports import Ports
from trader.stages.pipeline import Pipeline

PAGE = Path(__file__).parents[2] / "docs/growth.md"
SUMMARY = re.compile(r"stories=(\d+) cycles=(\d+) bytes_per_cycle_max=(\d+) item_kb_max=(\d+)")

BY_NAME = {story.name: replace(story, cycles=60) for story in STORIES}
#: Nothing grows in them, whatever is forgotten when.
QUIET = (BY_NAME["cancel-only market"], BY_NAME["coins gone"])


def never_forget(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """A cycle that leaves something in the ledger for good."""
    report = run_cycle(tick, pipeline, ports)
    grant = ports.store.acquire(ports.identity.scope, "test", ports.clock.now(), 1)
    assert grant.ledger is not None
    reduce_only = {**grant.ledger.reduce_only, Asset(f"COIN{tick.cycle_id}"): "never forgotten"}
    ports.store.commit(grant, replace(grant.ledger, reduce_only=reduce_only), release=True)
    return report


def crash_at_noon(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """A cycle that dies in one hour of the day."""
    if tick.cycle_id[9:11] == "13":
        raise InvariantViolation("this cannot be")
    return run_cycle(tick, pipeline, ports)


@pytest.mark.parametrize("story", QUIET, ids=lambda story: story.name)
def test_quiet_stories_keep_the_limits(story: Story) -> None:
    """The ledger knows of the trouble, and of no more after an hour than at once."""
    told = run_story(story, make_settings())

    assert [] == told.find_faults()
    assert told.ledger.growth.last > 1000


def test_books_that_forget_nothing_break_the_limit() -> None:
    """What a cycle leaves behind is named, with the story, in bytes a cycle."""
    told = run_story(QUIET[0], make_settings(), never_forget)

    (fault,) = told.find_faults()
    assert "cancel-only market: the ledger grows by 4" in fault


def test_item_above_the_limit_is_named() -> None:
    """Also where nothing grows any more."""
    told = run_story(QUIET[0], make_settings())

    large = replace(told, account=replace(told.account, item_kb=101))

    assert ["cancel-only market: the account is an item of 101 KB"] == large.find_faults()


def test_crashed_cycles_are_named_and_the_story_goes_on() -> None:
    """Twelve cycles of the hour from 13:00 on; the ones after them run."""
    told = run_story(QUIET[0], make_settings(), crash_at_noon)

    assert 12 == len(told.find_faults()) == len(told.crashes)
    assert "cancel-only market: cycle 11 crashed: InvariantViolation: this cannot be" == told.find_faults()[0]
    assert told.story.cycles + 2 - 12 == sum(told.outcomes.values())


@pytest.mark.parametrize("story", BY_NAME.values(), ids=lambda story: story.name)
def test_every_story_can_be_played(story: Story) -> None:
    """Each is what its name says for as long as it lasts, and none crashes."""
    told = run_story(replace(story, cycles=40), make_settings())

    assert () == told.crashes


def test_children_that_are_never_forgotten_break_the_limit() -> None:
    """What ended of a parent leaves the ledger; where it stays, the row says so."""
    settings, story = make_settings(), BY_NAME[f"a parent repriced {CYCLES // 2} times, none filled"]
    hoarding = replace(settings, cycle=replace(settings.cycle, order_memory_seconds=10**7))

    assert [] == run_story(story, settings).find_faults()
    assert any("the ledger grows by" in each for each in run_story(story, hoarding).find_faults())


def test_round_trips_send_an_entry_and_a_sale() -> None:
    """The bracket comes with the entry."""
    story = replace(STORIES[-1], cycles=10 * len(PLAYED))

    assert 20 == run_story(story, make_settings()).sent


@pytest.mark.parametrize(("run", "code"), [(run_cycle, 0), (never_forget, 1)], ids=["sound", "mutant"])
def test_drill_ends_in_error_if_a_limit_is_broken(
    run: Run, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is written all the same; the last line counts, the lines before it name what is broken."""
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["growth", str(page)])
    with pytest.raises(SystemExit) as ended:
        main(QUIET, run)

    lines = capsys.readouterr().out.splitlines()
    found = SUMMARY.fullmatch(lines[-1])
    assert code == ended.value.code
    assert found is not None
    assert ("2", "120") == found.group(1, 2)
    assert bool(code) == (found.group(3) != "0")
    assert bool(code) == any("the ledger grows by" in line for line in lines)
    assert lines[-1] in page.read_text(encoding="utf-8")


def test_committed_page_tells_of_every_story() -> None:
    """It was written by a whole run: as many cycles, and a row for each story."""
    text = PAGE.read_text(encoding="utf-8")

    found = SUMMARY.search(text)
    assert found is not None
    assert (len(STORIES), sum(story.cycles for story in STORIES)) == tuple(int(each) for each in found.group(1, 2))
    assert [] == [story.name for story in STORIES if f"| {story.name} | {story.cycles} |" not in text]
