"""The strategy on the page for those who write one: it runs as it stands there, from the section that stands there."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from accidents.hostile_venue import is_covered
from accidents.one_account import SOL, Bar, World, a_path, a_world
from architecture.tree import ROOT
from desk.markets.series import CandleSeries
from factories_settings import shipped_trees, with_overrides
from factories_venue import START
from trader.adapters.config.files import parse_settings
from trader.entry.wiring import build_pipeline
from trader.errors import ConfigError
from trader.model.denials import DenialCode
from trader.model.ids import StrategyId
from trader.model.market import Candle, Granularity
from unit.adapters.config.test_plugins import install

PAGE = (ROOT / "docs/writing-a-strategy.md").read_text(encoding="utf-8")
NAME = StrategyId("above_mean")
DAY = 86_400


def blocks(language: str) -> list[str]:
    """The blocks of the page in this language: the strategy, then its test."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module of the page, in a package of somebody's own."""
    install(tmp_path, "somebodys_own", NAME, blocks("python")[0])
    monkeypatch.syspath_prepend(str(tmp_path))


def section() -> dict[str, Any]:
    """The section of the page."""
    read: dict[str, Any] = yaml.safe_load(blocks("yaml")[0])[NAME]
    return read


def trees(**settings: Any) -> Any:
    """The shipped configuration with the section of the page, and no other strategy at work."""
    own = section()
    own["settings"] |= settings
    changes: dict[str, Any] = {f"strategies.{NAME}": own, "strategies.rules_engine.enabled": False}
    return with_overrides(shipped_trees(), changes)


def world_with_days(*closes: float) -> World:
    """SOL at 100 for the days of this world; its days before it closed like that, the newest yesterday."""
    world = a_world(paths={SOL: a_path(*[Bar(low=99.0), Bar(low=99.0)] * 400)})
    newest = START // DAY * DAY - DAY
    rows = [Candle(newest - DAY * (len(closes) - 1 - n), each, each, each, each, 1e6) for n, each in enumerate(closes)]
    world.market._series[SOL, Granularity.ONE_DAY] = CandleSeries(Granularity.ONE_DAY, rows)
    return replace(world, pipeline=build_pipeline(parse_settings(trees()).settings))


def answer_to(world: World) -> Any:
    """What one cycle says of SOL."""
    report = world.cycle()
    world.pass_bars()
    assert report.decision is not None
    return next(each for each in report.decision.verdicts if each.product_id == SOL)


def test_page_buys_holds_and_sells_by_the_mean() -> None:
    """Above the mean it is bought once a day, in one parent order; below it is sold on the next."""
    world = world_with_days(*[90.0] * 49, 99.0)
    world.cycles(4)
    (lot,) = world.ledger.lots.values()
    assert (lot.strategy, lot.max_hold_until, lot.bracket.target_price) == (NAME, None, None)
    assert is_covered(world)

    later = world_with_days(*[110.0] * 50, 90.0)
    rows = later.market._series[SOL, Granularity.ONE_DAY]
    world.market._series[SOL, Granularity.ONE_DAY] = rows
    world.cycles(2)
    assert world.ledger.lots

    world.clock.advance(13 * 3600)
    world.market._series[SOL, Granularity.ONE_DAY] = CandleSeries(
        Granularity.ONE_DAY,
        [Candle(START // DAY * DAY - DAY * n, *[110.0 if n else 90.0] * 4, 1e6) for n in range(50, -1, -1)],
    )
    world.cycles(3)
    assert not world.ledger.lots


def test_page_says_what_it_lacks() -> None:
    """Ten days of fifty: denied with both numbers."""
    verdict = answer_to(world_with_days(*[90.0] * 10))

    assert (verdict.code, verdict.details["bars"], verdict.details["bars_min"]) == (
        DenialCode.HISTORY_TOO_SHORT, 10, 50,
    )  # fmt: skip


def test_page_asks_for_no_stop_too_near() -> None:
    """Its stop follows by a quarter of a day's volatility at least; a quiet market moves none."""
    world = world_with_days(*[90.0] * 49, 99.0)
    world.cycles(4)
    (before,) = world.ledger.lots.values()
    world.cycles(3)

    (after,) = world.ledger.lots.values()
    assert before.bracket == after.bracket


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"mean_days": 1}, "mean_days"), ({"weight": 2}, "weight"), ({"band": Decimal("0.5")}, "band: nothing is ever")],
)
def test_section_of_the_page_is_checked(changes: dict[str, Any], told: str) -> None:
    """By the types of its fields, and by what it says of itself."""
    changed = {name: float(each) if isinstance(each, Decimal) else each for name, each in changes.items()}

    with pytest.raises(ConfigError) as refused:
        parse_settings(trees(**changed))

    assert told in str(refused.value)


def test_test_of_the_page_passes() -> None:
    """As it stands there, below the strategy."""
    strategy, test = blocks("python")
    names = dict(vars(importlib.import_module("somebodys_own")))
    assert strategy.startswith('"""Hold what')
    exec(compile(test, "test", "exec"), names)

    (name,) = (each for each in names if each.startswith("test_"))
    names[name]()
