"""Every look-back of the settings, wherever it stands: found by its type, so that no new one is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_type_hints

from trader.model.durations import Duration
from trader.model.frozen import replace
from trader.settings.bounds import LookBack

#: The one that is counted in bars of ``bars.benchmark_granularity``; all others are in those of ``bars.granularity``.
OF_BENCHMARK = "bars.benchmark_history"

SettingsT = TypeVar("SettingsT")


def list_look_backs(settings: object) -> Mapping[str, Duration]:
    """List the look-backs by key path."""
    found: dict[str, Duration] = {}

    def note(path: str, duration: Duration) -> Duration:
        found[path] = duration
        return duration

    change_look_backs(settings, note)
    return found


def change_look_backs(settings: SettingsT, change: Callable[[str, Duration], Duration]) -> SettingsT:
    """Put another look-back in the place of each, which *change* is told with its key path."""
    changed: SettingsT = _change(settings, change, "")
    return changed


def _change(value: Any, change: Callable[[str, Duration], Duration], path: str) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        hints = _read_hints(type(value))
        found = {
            name: _change_field(getattr(value, name), hints[name], change, place) for name, place in _steps(value, path)
        }
        return replace(value, **{name: new for name, new in found.items() if new is not getattr(value, name)})
    if isinstance(value, Mapping):
        new = {key: _change(each, change, f"{path}.{key}") for key, each in value.items()}
        return value if all(new[key] is value[key] for key in value) else new
    if isinstance(value, tuple):
        items = tuple(_change(each, change, f"{path}[{place}]") for place, each in enumerate(value))
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _steps(value: Any, path: str) -> Iterator[tuple[str, str]]:
    for each in fields(value):
        yield each.name, f"{path}.{each.name}" if path else each.name


def _change_field(value: Any, hint: Any, change: Callable[[str, Duration], Duration], path: str) -> Any:
    return change(path, value) if hint == LookBack else _change(value, change, path)


@cache
def _read_hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)
