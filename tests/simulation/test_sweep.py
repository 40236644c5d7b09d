"""A sweep that is killed on its way comes to the same; its file is read with one clear line for each mistake."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.backtest import sweep
from desk.backtest.archive import Archive
from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.request import BacktestRequest
from desk.backtest.sweep import SweepPlan, read_sweep, run_sweep
from desk.bench.sweep import write_market
from factories_settings import CONFIG
from trader.errors import ConfigError, DataError
from trader.model.ids import Instant
from trader.model.market import FeeRates, Granularity
from trader.settings.app import FillModel

END = Instant(1_767_600_000)


#: The shipped rules on bars of fifteen minutes: all but three of their look-backs are a whole number of them.
_QUARTERS: dict[str, object] = {
    "bars.granularity": "FIFTEEN_MINUTE",
    "triggers.outlier_window": "105m",
    "triggers.atr_period": "75m",
    "triggers.confirmations.rsi_period": "75m",
}


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
        ("exits.²", 1, "exits.²: unknown"),
        ("app.mode", "LIVE", "app.mode: is PAPER in this backtest"),
    ],
)
def test_key_path_that_is_none_is_refused(tmp_path: Path, path: str, value: object, why: str) -> None:
    """A typing error changes nothing; and no set trades for money, whatever it asks for."""
    plan = plan_sweep(tmp_path)
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


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({"app.mode": "LIVE"}, {}, "set 1: app.mode: is PAPER in this backtest whatever a set says"),
        ({"app.mode": "PAPER"}, {}, "set 1: app.mode"),
        (
            {"simulation.taker_fee_ratio": Decimal("0.001")},
            {"fees": FeeRates(Decimal(0), Decimal(0))},
            "set 1: simulation.taker_fee_ratio: is 0 in",
        ),
        (
            {"strategies.mean_reversion.enabled": True},
            {"strategies": ("rules_engine",)},
            "set 1: strategies.mean_reversion.enabled: is False in",
        ),
        (
            {"simulation.fills": "pessimistic"},
            {"models": (FillModel.NEUTRAL,)},
            "set 1: simulation.fills: --fills says",
        ),
        (_QUARTERS, {}, "set 1: bars.granularity: is FIVE_MINUTE in"),
        ({"foo": 3}, {}, "set 1: config: foo: there is nothing of that kind"),
        ({"spread_bps": 3}, {}, "set 1: config: spread_bps: there is nothing of that kind"),
        ({"1": 3}, {}, "set 1: config: 1: there is nothing of that kind"),
    ],
)
def test_value_that_would_not_be_run_is_refused_before_anything_is(
    tmp_path: Path, change: dict[str, object], more: dict[str, object], said: str
) -> None:
    """By the mode, an option, or the candles: else the table would name a value that nobody tried."""
    plan = plan_sweep(tmp_path)
    plan = replace(plan, request=replace(plan.request, **more))

    with pytest.raises(ConfigError, match=re.escape(said)):
        run_sweep(plan, [change], 1, lambda *_: None)
    assert not plan.home.exists()


def test_value_that_the_candles_overrule_is_refused_where_no_length_was_asked_for(tmp_path: Path) -> None:
    """Which bars there are is known when the set is run."""
    plan = plan_sweep(tmp_path)
    plan = replace(plan, request=replace(plan.request, granularity=None))

    with pytest.raises(ConfigError, match=r"bars\.granularity: is FIVE_MINUTE in this backtest"):
        run_sweep(plan, [_QUARTERS], 1, lambda *_: None)


def test_file_that_nobody_wrote_is_refused_at_once(tmp_path: Path) -> None:
    """More combinations than any memory has, and bytes without end."""
    file = tmp_path / "sets.yaml"
    file.write_text("grid:\n" + "".join(f"  k{each}: [1,2,3,4,5,6,7,8,9,10]\n" for each in range(12)), encoding="utf-8")

    with pytest.raises(ConfigError, match="1000000000000 sets; allowed are 1 to 10000"):
        read_sweep(file)
    with pytest.raises(ConfigError, match="--sweep /dev/zero: is larger than 4000000 bytes"):
        read_sweep(Path("/dev/zero"))


def test_killed_process_of_a_sweep_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the machine kills it that has no memory left."""

    def broken(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(sweep, "_iterate_done", broken)

    with pytest.raises(DataError, match=r"was killed.*the same command goes on"):
        run_sweep(plan_sweep(tmp_path), [{"simulation.spread_bps": 1}], 2, lambda *_: None)
