"""Find a strategy by its name: a new one is a new file here and a new section in policy.yaml, nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import cast

import trader.strategies
from trader.errors import ConfigError
from trader.model.ids import StrategyId
from trader.model.policy import StrategySettings
from trader.model.settings import Settings
from trader.strategies.base import Strategy

_NOT_STRATEGIES = {"base", "registry"}
_FEASIBILITY = "_feasibility"


def list_names() -> tuple[str, ...]:
    """Name every strategy there is a file for."""
    found = (module.name for module in pkgutil.iter_modules(trader.strategies.__path__))
    return tuple(sorted(name for name in found if name not in _NOT_STRATEGIES and not name.endswith(_FEASIBILITY)))


def find_settings_class(name: str) -> type:
    """Return the settings class of one strategy. Raises: ConfigError if there is no such strategy."""
    return cast(type, _module(name).SETTINGS)


def build(settings: Mapping[StrategyId, StrategySettings]) -> Mapping[StrategyId, Strategy]:
    """Bind every enabled strategy to its settings, in the order of their names."""
    return {
        strategy_id: cast(type[Strategy], _module(strategy_id).STRATEGY)(strategy_id, section.settings)
        for strategy_id, section in sorted(settings.items())
        if section.enabled
    }


def find_contradictions(settings: Settings) -> tuple[str, ...]:
    """Ask every enabled strategy which of its settings, with all others, leave a gate nothing to decide.

    The answer stands beside the strategy: a file of its name and ``_feasibility``, with ``find_contradictions`` in it.
    """
    modules = {module.name for module in pkgutil.iter_modules(trader.strategies.__path__)}
    found: list[str] = []
    for strategy_id, section in sorted(settings.strategies.items()):
        if section.enabled and strategy_id + _FEASIBILITY in modules:
            module = importlib.import_module(f"trader.strategies.{strategy_id}{_FEASIBILITY}")
            found += module.find_contradictions(strategy_id, settings)
    return tuple(found)


def _module(name: str) -> ModuleType:
    if name not in list_names():
        raise ConfigError(f"strategies.{name}: no such strategy; allowed are {', '.join(list_names())}")
    return importlib.import_module(f"trader.strategies.{name}")
