"""Strategies of other packages, in a folder as an installer would leave it, and several instances of one strategy."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from architecture.tree import ROOT
from factories import some_facts
from factories_settings import shipped_trees, with_overrides
from trader.adapters.config.files import load_settings, parse_settings
from trader.adapters.config.plugins import find_plugin, list_plugins
from trader.entry.wiring import build_pipeline
from trader.errors import ConfigError
from trader.model.ids import StrategyId
from trader.strategies.mean_reversion import MeanReversion

MODULE = dedent('''
    """Buys nothing, and says so."""

    from dataclasses import dataclass

    from trader.model.decisions import Denial
    from trader.model.denials import DenialCode
    from trader.model.lots import EVERY_EXIT


    @dataclass(frozen=True, slots=True)
    class Terms:
        patience: int


    class Idle:
        reads_triggers = False
        bars = ()
        exits = EVERY_EXIT

        def __init__(self, strategy_id, settings):
            self.strategy_id, self.settings = strategy_id, settings

        def propose(self, context):
            details = {"patience": self.settings.patience}
            return [Denial(each, DenialCode.MOVE_BELOW_MIN, "strategies", details) for each in context.candidates]


    def find_contradictions(strategy_id, settings):
        patience = settings.strategies[strategy_id].settings.patience
        return () if patience else (f"strategies.{strategy_id}.settings.patience: 0 never waits; allowed is above 0",)


    STRATEGY, SETTINGS = Idle, Terms
''')
SECTION: dict[str, Any] = {
    "enabled": True,
    "weight_pct": 20,
    "trades_per_cycle_max": 1,
    "settings": {"patience": 3},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages on the path: one, with one strategy."""
    install(tmp_path, "idleness", "idle", MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, package: str, name: str, text: str, *, target: str = "") -> None:
    """Leave a package as an installer does: its module, and what it says of itself."""
    (site / f"{package}.py").write_text(text, encoding="utf-8")
    about = site / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    line = f"[trader.strategies]\n{name} = {target or package}\n"
    (about / "entry_points.txt").write_text(line, encoding="utf-8")


def configured(**sections: Any) -> Any:
    """The shipped configuration with more sections of strategies."""
    return with_overrides(shipped_trees(), {f"strategies.{name}": each for name, each in sections.items()})


def problems(trees: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_settings(trees)
    return str(refused.value)


@pytest.mark.usefixtures("site")
def test_strategy_of_another_package_is_found_by_the_name_it_registered() -> None:
    """Its settings are read into its own class, and it is asked like any other."""
    settings = parse_settings(configured(idle=SECTION)).settings
    pipeline = build_pipeline(settings)

    decision = pipeline.decide(some_facts())

    assert 3 == settings.strategies[StrategyId("idle")].settings.patience  # type: ignore[attr-defined]
    assert "Idle" == type(pipeline.strategies[StrategyId("idle")]).__name__
    assert {"patience": 3} in [dict(each.details) for each in decision.verdicts]
    assert ("idle",) == list_plugins()


@pytest.mark.usefixtures("site")
def test_its_settings_and_its_contradictions_are_held_against_the_file() -> None:
    """By key path, as for ours."""
    unknown = {**SECTION, "settings": {"patience": 3, "hurry": 1}}
    idle = {**SECTION, "settings": {"patience": 0}}

    assert "strategies.idle.settings.hurry: unknown key" in problems(configured(idle=unknown))
    assert "strategies.idle.settings.patience: 0 never waits" in problems(configured(idle=idle))


@pytest.mark.usefixtures("site")
def test_name_that_nobody_registered_is_refused_with_those_that_are_there() -> None:
    """Ours and theirs."""
    said = problems(configured(idler=SECTION))

    assert "policy.yaml: strategies.idler: unknown key" in said
    assert "closest: idle" in said


def test_package_that_cannot_be_imported_says_why(site: Path) -> None:
    """Nothing runs without it."""
    install(site, "broken", "worn_out", "import no_such_module\n")
    install(site, "empty", "hollow", "STRATEGY = None\n")
    install(site, "odd", "odd", MODULE.replace("@dataclass(frozen=True, slots=True)", ""))

    assert "worn_out: broken cannot be imported: ModuleNotFoundError: No module named 'no_such_module'" in problems(
        configured(worn_out=SECTION)
    )
    hollow, odd = problems(configured(hollow=SECTION)), problems(configured(odd=SECTION))
    assert "hollow: empty is no strategy: it lacks SETTINGS, find_contradictions" in hollow
    assert "odd: odd is no strategy: its SETTINGS is no dataclass" in odd


def test_name_that_two_packages_claim_is_nobodys(site: Path) -> None:
    """Which one is meant cannot be known."""
    install(site, "laziness", "idle", MODULE)

    assert "strategies.idle: idleness and laziness are both registered as it" in problems(configured(idle=SECTION))


def test_name_of_ours_is_ours_whatever_is_installed(site: Path) -> None:
    """A package cannot stand in with a strategy of the shipped configuration."""
    install(site, "usurper", "mean_reversion", MODULE)

    settings = load_settings(ROOT / "config", {}).settings

    assert isinstance(build_pipeline(settings).strategies[StrategyId("mean_reversion")], MeanReversion)


@pytest.mark.usefixtures("site")
def test_package_that_lies_on_the_path_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an editable one may."""
    again = tmp_path / "again"
    again.mkdir()
    install(again, "idleness", "idle", MODULE)
    monkeypatch.syspath_prepend(str(again))

    assert find_plugin("idle") is not None


def test_nobody_looks_at_installed_packages_while_all_strategies_are_ours() -> None:
    """A cold start pays for what it uses."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom trader.adapters.config.files import load_settings\n"
        "from trader.entry.wiring import build_pipeline\n"
        f"build_pipeline(load_settings(Path({str(ROOT / 'config')!r}), {{}}).settings)\n"
        "print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )

    assert "False" == done.stdout.strip()


# --- instances


def test_one_strategy_may_have_several_sections() -> None:
    """Each with its own name, weight, schedule and settings."""
    trees = shipped_trees()
    plain = trees["policy.yaml"]["strategies"]["mean_reversion"]
    slow = {**plain, "strategy": "mean_reversion", "settings": {**plain["settings"], "band_window": "8h"}}
    trees = with_overrides(
        trees,
        {
            "strategies.rules_engine.weight_pct": 60,
            "strategies.mean_reversion.enabled": True,
            "strategies.slow_reversion": {**slow, "enabled": True, "schedule": {"every_minutes": 60}},
        },
    )

    settings = parse_settings(trees).settings
    pipeline = build_pipeline(settings)

    quick, other = (pipeline.strategies[StrategyId(name)] for name in ("mean_reversion", "slow_reversion"))
    assert isinstance(quick, MeanReversion)
    assert isinstance(other, MeanReversion)
    assert ("4h", "8h") == (quick.settings.band_window, other.settings.band_window)
    assert ("mean_reversion", "slow_reversion") == (quick.strategy_id, other.strategy_id)
    assert Decimal(20) == settings.strategies[StrategyId("slow_reversion")].weight_pct


def test_what_contradicts_itself_in_an_instance_is_named_by_its_section() -> None:
    """The other one is sound."""
    plain = shipped_trees()["policy.yaml"]["strategies"]["mean_reversion"]
    odd = {**plain, "strategy": "mean_reversion", "enabled": True, "settings": {**plain["settings"], "size_factor": 0}}
    trees = with_overrides(configured(odd=odd), {"strategies.rules_engine.weight_pct": 60})

    said = problems(trees)

    assert "strategies.odd.settings: buys for 0 at most" in said
    assert "strategies.mean_reversion" not in said


@pytest.mark.parametrize(
    ("name", "section", "said"),
    [
        ("odd", {**SECTION, "strategy": "no_such"}, "strategies.odd.strategy: unknown key"),
        ("odd", {**SECTION, "strategy": 7}, "strategies.odd.strategy: 7 is a number"),
        (
            "Odd|name",
            {**SECTION, "strategy": "mean_reversion"},
            "Odd|name: unknown key; allowed is a lower-case letter",
        ),
    ],
)
def test_instance_that_cannot_be_is_refused_in_words(name: str, section: dict[str, Any], said: str) -> None:
    """Of what, and what is allowed; a name stands in ids and keys."""
    trees = shipped_trees()
    trees["policy.yaml"]["strategies"][name] = section

    assert said in problems(trees)
