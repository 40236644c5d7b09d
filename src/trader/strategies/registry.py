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
from trader.settings import Settings
from trader.settings.policy import StrategySettings
from trader.strategies.base import Strategy

_NOT_STRATEGIES = {"base", "registry"}


def list_names() -> tuple[str, ...]:
    """Name every strategy there is a file for."""
    found = (module.name for module in pkgutil.iter_modules(trader.strategies.__path__))
    return tuple(sorted(name for name in found if name not in _NOT_STRATEGIES))


def find_settings_class(name: str) -> type:
    """Return the settings class of one strategy. Raises: ConfigError if there is no such strategy."""
    return cast(type, _module(name).SETTINGS)


def build(settings: Mapping[StrategyId, StrategySettings]) -> Mapping[StrategyId, Strategy]:
    """Bind every strategy to its settings, in the order of their names.

    One that is not enabled is asked for nothing, but says which exits apply to the lots that it may still have.
    """
    return {
        strategy_id: cast(type[Strategy], _module(strategy_id).STRATEGY)(strategy_id, section.settings)
        for strategy_id, section in sorted(settings.items())
    }


def find_contradictions(settings: Settings) -> tuple[str, ...]:
    """Collect what enabled strategies say of settings that cannot work together, as a condition that can never hold."""
    found: list[str] = []
    for strategy_id, section in sorted(settings.strategies.items()):
        if section.enabled:
            found += _module(strategy_id).find_contradictions(strategy_id, settings)
    return tuple(found)


def _module(name: str) -> ModuleType:
    if name not in list_names():
        raise ConfigError(f"strategies.{name}: no such strategy; allowed are {', '.join(list_names())}")
    return importlib.import_module(f"trader.strategies.{name}")
