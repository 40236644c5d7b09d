"""A sweep that is killed on its way comes to the same; its file is read with one clear line for each mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.backtest.archive import Archive
from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.request import BacktestRequest
from desk.backtest.sweep import SweepPlan, read_sweep, run_sweep
from desk.bench.sweep import write_market
from factories_settings import CONFIG
from trader.errors import ConfigError
from trader.model.ids import Instant
from trader.model.market import Granularity

END = Instant(1_767_600_000)


def plan_sweep(place: Path) -> SweepPlan:
    """Two hours of the synthetic market."""
    write_market(place / "candles")
    request = BacktestRequest(place / "candles", Instant(END - 7200), END, Granularity.FIVE_MINUTE)
    return SweepPlan(request, CONFIG, {"TRADER_MODE": "PAPER"}, place / "home", END)


def test_killed_sweep_comes_to_the_same() -> None:
    """Processes, killed for good, and begun again."""
    done = subprocess.run(
        [sys.executable, "-m", "desk.bench.sweep", "--sets", "8", "--kills", "2"],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "sets=8 kills=2 seed=1 different=0" in done.stdout, done.stderr
    assert "kept after each kill: 0, 0" not in done.stdout


def test_sets_are_told_in_the_order_of_their_numbers_and_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is finished is found by its name, and no candle is read for it twice."""
    plan, sets = plan_sweep(tmp_path), [{"simulation.spread_bps": each} for each in (1, 2, 3)]
    first: list[tuple[int, str]] = []
    run_sweep(plan, sets, 1, lambda number, stored: first.append((number, stored.name)))
    again: list[tuple[int, str]] = []
    monkeypatch.setattr("desk.backtest.run.Backtest.run_model", None)
    run_sweep(plan, sets, 1, lambda number, stored: again.append((number, stored.name)))

    assert [0, 1, 2] == [number for number, _ in first]
    assert first == again
    assert {name for _, name in first} == {
        each.name for each in Archive(plan.home).list_stored() if not isinstance(each, str)
    }
    assert len({name for _, name in first}) == 3


def test_no_set_is_begun_once_somebody_asked_to_end(tmp_path: Path) -> None:
    """The one under way is finished and kept."""
    plan, done = plan_sweep(tmp_path), list[int]()
    sets = [{"simulation.spread_bps": each} for each in (1, 2, 3)]
    run_sweep(plan, sets, 1, lambda number, _: done.append(number), lambda: bool(done))

    assert [0] == done


def test_wrong_set_is_named_before_anything_is_run(tmp_path: Path) -> None:
    """With the file and the key, whichever set it is."""
    plan = plan_sweep(tmp_path)
    sets = [{"simulation.spread_bps": 1}, {"risk.drawdown_pct_max": 700}, {"exits.nothing": 1}]
    with pytest.raises(ConfigError) as refused:
        run_sweep(plan, sets, 1, lambda *_: None)

    assert "set 2: policy.yaml: risk.drawdown_pct_max: 700" in str(refused.value)
    assert [] == Archive(plan.home).list_stored()


def test_combinations_come_after_single_sets_and_none_twice(tmp_path: Path) -> None:
    """In the order of the file, the last key turning fastest."""
    file = tmp_path / "sets.yaml"
    file.write_text(
        "sets:\n  - {a.x: 1, a.y: 4}\n  - {a.z: 5}\ngrid:\n  a.x: [1, 2]\n  a.y: [3, 4]\n", encoding="utf-8"
    )

    assert read_sweep(file) == (
        {"a.x": 1, "a.y": 4},
        {"a.z": 5},
        {"a.x": 1, "a.y": 3},
        {"a.x": 2, "a.y": 3},
        {"a.x": 2, "a.y": 4},
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty or no mapping"),
        ("grid: 3\n", "grid: must be key paths with lists of values"),
        ("grid:\n  exits.trailing: true\n", "grid: must be key paths with lists of values"),
        ("grid:\n  exits.trailing: []\n", "grid: must be key paths with lists of values"),
        ("sets: {a: 1}\n", "sets: must be a list of key paths with values"),
        ("sets:\n  - 3\n", "sets: must be a list of key paths with values"),
        ("grids:\n  a: [1]\n", "grids: unknown; allowed are grid and sets"),
        ("sets: []\n", "0 sets; allowed are 1 to 10000"),
        ("grid:\n  a: [1, 2\n", "is not YAML"),
        ("grid:\n  a: [1]\n  a: [2]\n", "is there twice"),
    ],
)
def test_wrong_file_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    """Its name, what is wrong, and what is allowed."""
    file = tmp_path / "sets.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_sweep(file)

    assert why in str(refused.value)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("nothing.at.all", 1, "there is nothing of that kind"),
        ("risk", 1, "allowed is a mapping"),
        ("risk.", 1, "unknown"),
        ("risk.drawdown_pct_max.deeper", 1, "there is nothing of that kind"),
        ("universe.tiers.tier_1_core.bases[99]", "SOL", "there is nothing of that kind"),
        ("exits.trailing", "perhaps", "exits.trailing"),
        ("app.mode", "LIVE", ""),
    ],
)
def test_key_path_that_is_none_is_refused(tmp_path: Path, path: str, value: object, why: str) -> None:
    """A typing error changes nothing; and no set trades for money, whatever it asks for."""
    plan, kept = plan_sweep(tmp_path), list[str]()
    if not why:
        run_sweep(plan, [{path: value}], 1, lambda _, stored: kept.append(stored.read_settings()["app.mode"]))
        assert ["PAPER"] == kept
        return
    with pytest.raises(ConfigError) as refused:
        run_sweep(plan, [{path: value}], 1, lambda *_: None)

    assert why in str(refused.value)


def test_places_in_lists_are_reached(tmp_path: Path) -> None:
    """By their number."""
    plan, kept = plan_sweep(tmp_path), list[str]()
    path = "universe.tiers.tier_1_core.bases[0]"
    run_sweep(plan, [{path: "SOL"}], 1, lambda _, stored: kept.append(stored.read_settings()[path]))

    assert ["SOL"] == kept
    assert CandleFolderSource(plan.request.candles, plan.now).products()
