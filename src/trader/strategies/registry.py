"""Find a strategy by its name: a new one is a new file here and a new section in policy.yaml, nothing else.

Several sections may name one strategy, each its own settings. Whoever puts things together may also hand in where the
strategies of other packages are found: asked for a name that is none of ours.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import cast

import trader.strategies
from trader.errors import ConfigError
from trader.model.ids import StrategyId
from trader.settings import Settings
from trader.settings.policy import StrategySettings
from trader.strategies.base import Strategy

_NOT_STRATEGIES = {"base", "registry"}

#: Finds the module of another package's strategy by its name, or None.
FindOther = Callable[[str], ModuleType | None]


def list_names() -> tuple[str, ...]:
    """Name every strategy there is a file for."""
    found = (module.name for module in pkgutil.iter_modules(trader.strategies.__path__))
    return tuple(sorted(name for name in found if name not in _NOT_STRATEGIES))


def find_none(name: str) -> ModuleType | None:  # noqa: ARG001 - whatever the name
    """Find no strategy of another package."""
    return None


def find_settings_class(name: str, find_other: FindOther = find_none) -> type:
    """Return the settings class of one strategy. Raises: ConfigError if there is no such strategy."""
    return cast(type, _module(name, find_other).SETTINGS)


def build(
    settings: Mapping[StrategyId, StrategySettings], find_other: FindOther = find_none
) -> Mapping[StrategyId, Strategy]:
    """Bind every strategy to its settings, in the order of their names.

    One that is not enabled is asked for nothing, but says which exits apply to the lots that it may still have.
    Raises: ConfigError if there is no such strategy.
    """
    return {
        strategy_id: cast(type[Strategy], _module_of(strategy_id, section, find_other).STRATEGY)(
            strategy_id, section.settings
        )
        for strategy_id, section in sorted(settings.items())
    }


def find_contradictions(settings: Settings, find_other: FindOther = find_none) -> tuple[str, ...]:
    """Collect what enabled strategies say of settings that cannot work together, as a condition that can never hold."""
    found: list[str] = []
    for strategy_id, section in sorted(settings.strategies.items()):
        if section.enabled:
            found += _module_of(strategy_id, section, find_other).find_contradictions(strategy_id, settings)
    return tuple(found)


def _module_of(strategy_id: StrategyId, section: StrategySettings, find_other: FindOther) -> ModuleType:
    return _module(section.strategy or strategy_id, find_other)


def _module(name: str, find_other: FindOther) -> ModuleType:
    if name in list_names():
        return importlib.import_module(f"trader.strategies.{name}")
    other = find_other(name)
    if other is None:
        raise ConfigError(f"strategies.{name}: no such strategy; allowed are {', '.join(list_names())}")
    return other
