"""Strategies of other packages, by the entry-point group ``trader.strategies``.

Looked for only where the configuration names a strategy that is not ours: until then nothing here costs a start
anything.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from trader.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "trader.strategies"
#: What a strategy's module has, ours as well as theirs.
_OFFERED = ("STRATEGY", "SETTINGS", "find_contradictions")


def find_plugin(name: str) -> ModuleType | None:
    """Import the module that an installed package has registered under a name; None if none has.

    Raises: ConfigError for a name that two packages claim, and for a module that cannot be imported or is no strategy.
    """
    # A package that lies on the path twice, as an editable one may, is one.
    found = {each.value: each for each in _list_entry_points() if each.name == name}
    if len(found) > 1:
        raise ConfigError(f"strategies.{name}: {' and '.join(sorted(found))} are both registered as it; allowed is one")
    return _load(name, *found.values()) if found else None


def list_plugins() -> tuple[str, ...]:
    """Name the strategies that installed packages have registered."""
    return tuple(sorted({each.name for each in _list_entry_points()}))


def _list_entry_points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - a start without a plug-in does without it

    return tuple(entry_points(group=GROUP))


def _load(name: str, entry: EntryPoint) -> ModuleType:
    try:
        module: ModuleType = entry.load()
    except (ImportError, AttributeError) as error:
        problem = f"cannot be imported: {type(error).__name__}: {error}"
        raise ConfigError(f"strategies.{name}: {entry.value} {problem}") from error
    if missing := [each for each in _OFFERED if not hasattr(module, each)]:
        raise ConfigError(f"strategies.{name}: {entry.value} is no strategy: it lacks {', '.join(missing)}")
    if not is_dataclass(module.SETTINGS):
        raise ConfigError(f"strategies.{name}: {entry.value} is no strategy: its SETTINGS is no dataclass")
    return module
