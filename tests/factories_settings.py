"""The shipped configuration, and one key changed: what a test of a setting starts from."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from trader.adapters.config.files import FILES, find_file, fit_settings
from trader.adapters.config.strict_yaml import read_tree
from trader.errors import ConfigError
from trader.model.codec import digest_of
from trader.model.ids import StrategyId
from trader.settings import Settings
from trader.settings.evidence import Evidence, EvidenceKind, RuleEvidence, StrategyEvidence

CONFIG = Path(__file__).resolve().parent.parent / "config"

Trees = dict[str, dict[str, Any]]

#: The rules of the shipped table, as evidence names them.
RULES_OF_ENGINE = (
    "price_move up",
    "price_move down",
    "volume_spike up",
    "breakout up",
    "reversal up",
    "momentum up",
    "momentum down",
)


class Gone:
    """Stands for a key that is to be taken away."""


GONE = Gone()


def shipped_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """The shipped settings with some keys changed, by key path: ``{"risk.total_pct_max": "10"}``.

    Text is read as YAML would read it, so "10" is a number and "true" a boolean; none of the contradictions between
    keys is looked for, because a test may well want one.
    """
    trees = with_overrides(shipped_trees(), overrides or {})
    settings, misfits = fit_settings({section: tree[section] for tree in trees.values() for section in tree})
    if settings is None:
        raise ConfigError(tuple(f"{path}: {what}" for path, what in misfits))
    return replace(settings, digest=digest_of(settings))


def shipped_trees() -> Trees:
    """What the three shipped files say, by file name; the caller may change it."""
    return deepcopy(_read())


def with_overrides(trees: Trees, overrides: Mapping[str, object]) -> Trees:
    """A copy of the trees with each key path set to its value, or taken away with ``GONE``.

    Raises: KeyError if there is nothing at the path above the key, so that a typing error in a test cannot pass.
    """
    changed = deepcopy(trees)
    for path, value in overrides.items():
        _override(changed, path, value)
    return changed


def with_override(trees: Trees, path: str, value: object) -> Trees:
    """A copy of the trees with one key path set, such as ``strategies.rules_engine.settings.rules[0].stop_pct``."""
    return with_overrides(trees, {path: value})


def _override(trees: Trees, path: str, value: object) -> None:
    *above, last = steps_of(path)
    home: Any = trees[find_file(path)]
    for step in above:
        home = home[step]
    if isinstance(value, Gone):
        del home[last]
    elif isinstance(last, int) and last == len(home):
        home.append(_as_read(value))
    else:
        home[last] = _as_read(value)


def steps_of(path: str) -> list[str | int]:
    """The keys and places in lists that a key path is made of."""
    parts = re.findall(r"[^.\[\]]+|\[\d+\]", path)
    return [int(part[1:-1]) if part.startswith("[") else part for part in parts]


@cache
def _read() -> Trees:
    found = {name: read_tree((CONFIG / name).read_text(encoding="utf-8")) for name in FILES}
    problems = tuple(f"{name}: {problem}" for name, tree in found.items() for problem in tree.problems)
    if problems:
        raise ConfigError(problems)
    return {name: tree.root for name, tree in found.items()}


def _as_read(value: object) -> object:
    """The value as the YAML reader would have given it: no float, no tuple."""
    if isinstance(value, str):
        return read_tree(f"value: {value}").root.get("value") if value else ""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, list | tuple):
        return [_as_read(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _as_read(item) for key, item in value.items()}
    return value


def assumed_evidence(hit_ratio: str = "0.5", **of_rules: str) -> Evidence:
    """How often the targets of both strategies are assumed to come before their stops; of some rules otherwise.

    A rule is named as an identifier: ``price_move_up="0.9"``.
    """
    ratios = dict.fromkeys(RULES_OF_ENGINE, hit_ratio) | {_spell(rule): each for rule, each in of_rules.items()}
    of_all = ratios.pop("all", hit_ratio)
    return Evidence(
        {
            StrategyId("rules_engine"): an_assumption("rules_engine", ratios),
            StrategyId("mean_reversion"): an_assumption("mean_reversion", {"all": of_all}),
        }
    )


def an_assumption(strategy: str, ratios: Mapping[str, str]) -> StrategyEvidence:
    """A file that nobody measured: how often the target of each rule is assumed to come first."""
    return StrategyEvidence(
        schema=1,
        strategy=StrategyId(strategy),
        kind=EvidenceKind.ASSUMED,
        measured_on="2026-01-02",
        since="2025-01-01",
        until="2026-01-01",
        rules=tuple(RuleEvidence(rule, hit_ratio=Decimal(ratio)) for rule, ratio in ratios.items()),
    )


def a_measurement(strategy: str, **lowest: str) -> StrategyEvidence:
    """A file of what was counted: the lower end of each rule's mean, a rule named as an identifier."""
    return StrategyEvidence(
        schema=1,
        strategy=StrategyId(strategy),
        kind=EvidenceKind.MEASURED,
        measured_on="2026-01-02",
        since="2025-01-01",
        until="2026-01-01",
        data_digest="ab" * 32,
        rules=tuple(RuleEvidence(_spell(rule), 200, Decimal(low) + 1, Decimal(low)) for rule, low in lowest.items()),
    )


def _spell(rule: str) -> str:
    """Name a rule as evidence does: the direction stands apart."""
    return re.sub("_(up|down)$", r" \1", rule)
