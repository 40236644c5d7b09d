"""The table of what buying comes to: each limit can break, the same seed gives the same, and the page is whole."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.drill.execution import CASES, PURCHASES, SEED, main, measure, summarize, write_line, write_table
from desk.drill.execution_world import Case, MarketKind, Purchase, play_case
from desk.drill.growth import make_settings
from trader.model.frozen import replace as replace_frozen
from trader.model.money import Price
from trader.model.parent_life import ParentStyle
from trader.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/execution.md"
LINE = re.compile(
    r"cases=36 purchases=720 tries_min=\d+ given_up_still=0 taker_seconds_max=\d+ maker_pct_still=\d+ "
    r"passive_taken=0 broken=0 seed=1"
)
SETTINGS = make_settings()
#: One case for each limit, and one purchase of each.
FEW = (
    Case(0, ParentStyle.PASSIVE_THEN_TAKER, MarketKind.RISING),
    Case(60, ParentStyle.PASSIVE_THEN_TAKER, MarketKind.STILL),
    Case(60, ParentStyle.PASSIVE, MarketKind.RISING),
    Case(1440, ParentStyle.TAKER, MarketKind.FALLING),
)


def change_execution(**over: Any) -> Settings:
    return replace(SETTINGS, execution=replace(SETTINGS.execution, **over))


def find_faults(settings: Settings = SETTINGS, purchases: int = 4, cases: tuple[Case, ...] = FEW) -> list[str]:
    return summarize([measure(case, settings, SEED, purchases) for case in cases]).find_faults()


def test_what_is_shipped_keeps_the_limits() -> None:
    """In a few of the cases, a few times."""
    assert [] == find_faults()


def test_parent_without_time_gets_no_second_try() -> None:
    """As it was when a wish lasted as long as an order."""
    faults = find_faults(change_execution(give_up_minutes=5), cases=FEW[2:3])

    assert ["a purchase got 1 tries in a market that moves away; 2 are due"] == faults


def test_tries_that_take_all_the_time_leave_none_to_take() -> None:
    """A parent that may take at last, and rests for ever."""

    def wait_only(case: Case, settings: Settings, seed: str) -> Purchase:
        return play_case(replace(case, style=ParentStyle.PASSIVE), settings, seed)

    rows = [measure(case, SETTINGS, SEED, 8, wait_only) for case in FEW[1:2]]

    assert any("given up in a market that stands still" in each for each in summarize(rows).find_faults())


def test_venue_that_takes_and_pays_more_breaks_the_limits() -> None:
    """Resting is no taking, and the worst price is one."""

    def take(case: Case, settings: Settings, seed: str) -> Purchase:
        purchase = play_case(replace(case, style=ParentStyle.TAKER), settings, seed)
        (name, fill), *_ = purchase.fills.items()
        purchase.fills[name] = replace_frozen(fill, price=Price(purchase.price_max + 1))
        return purchase

    rows = [measure(case, SETTINGS, SEED, 1, take) for case in FEW]

    faults = summarize(rows).find_faults()
    assert "1 purchases that may only rest took" in faults
    assert "4 purchases bought too much, or too dear" in faults
    assert "one that waits first was a maker of 0 % where the market stands still" in faults


def test_taker_that_is_never_filled_breaks_the_limit() -> None:
    """It counts as if it had taken all the time there was."""

    def wait(case: Case, settings: Settings, seed: str) -> Purchase:
        purchase = play_case(case, settings, seed)
        purchase.fills.clear()
        return purchase

    rows = [measure(FEW[3], SETTINGS, SEED, 1, wait)]

    assert ["one that takes at once needed 7200 s"] == summarize(rows).find_faults()


def test_same_seed_measures_the_same_and_another_does_not() -> None:
    """Virtual time, and markets made of the seed."""
    first, again, other = ([measure(FEW[1], SETTINGS, seed, 4)] for seed in (SEED, SEED, SEED + 1))

    assert write_table(first) == write_table(again)
    assert [each.fills for each in first[0].purchases] == [each.fills for each in again[0].purchases]
    assert [each.seconds for each in first[0].purchases] != [each.seconds for each in other[0].purchases]
    assert write_line(first, SEED) == write_line(again, SEED)


@pytest.mark.parametrize(("minutes", "code"), [(30, 0), (5, 1)])
def test_command_ends_in_error_if_a_limit_is_broken(
    minutes: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is written all the same."""
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["execution", str(page), "--purchases", "2"])

    def play(case: Case, settings: Settings, seed: str) -> Purchase:
        return play_case(case, replace(settings, execution=replace(settings.execution, give_up_minutes=minutes)), seed)

    with pytest.raises(SystemExit) as ended:
        main(FEW[2:], play)

    lines = capsys.readouterr().out.splitlines()
    assert code == ended.value.code
    assert lines[-1].startswith("cases=2 purchases=4 ")
    assert lines[-1] in page.read_text(encoding="utf-8")
    assert bool(code) == any("moves away" in line for line in lines[:-1])


def test_committed_page_tells_of_every_case() -> None:
    """It was written by a whole run that broke no limit."""
    text = PAGE.read_text(encoding="utf-8")

    assert LINE.search(text)
    assert (36, 20, 1) == (len(CASES), PURCHASES, SEED)
    assert len(CASES) == sum(line.endswith(f" of {PURCHASES} |") for line in text.splitlines())
    assert "None is broken." in text
