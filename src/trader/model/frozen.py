"""What a cycle does most often with frozen values, made quick: copies of them, and what is derived from them once.

A cycle makes a hundred copies, most of values with dozens of fields. ``replace`` copies the fields as they lie there,
where the standard library reads each by its name and hands it to the constructor again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from inspect import getattr_static
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    # A type checker knows these, and the names of the fields by the one.
    from dataclasses import replace as replace  # noqa: PLC0414 - handed on
    from functools import cached_property as cached_property  # noqa: PLC0414 - handed on
else:

    class cached_property:  # noqa: N801 - used as that of the standard library is
        """An attribute derived once from a value. No lock, which costs most of it before Python 3.12."""

        def __init__(self, derive: Callable[[Any], Any]) -> None:
            self._derive, self._name, self.__doc__ = derive, derive.__name__, derive.__doc__

        def __get__(self, value: Any, kind: type | None = None) -> Any:
            if value is None:
                return self
            derived = value.__dict__[self._name] = self._derive(value)
            return derived

    def replace(value: Any, /, **changes: Any) -> Any:
        """Copy a frozen value with these fields changed. Raises: TypeError for a field that it does not have."""
        kind = type(value)
        plan = _plan_copy(kind)
        if plan is None:
            return dataclasses.replace(value, **changes)
        copy = _create(kind)
        if plan.read is None:
            # A dict's own copy is one of memory, even where something was taken out of it once.
            kept = value.__dict__.copy()
            if len(kept) != plan.size:
                for name in plan.derived:
                    kept.pop(name, None)
            kept.update(changes)
            if len(kept) != plan.size:
                raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(kept.keys() - plan.setters))}")
            _fill(copy, "__dict__", kept)
            return copy
        for put, field in zip(plan.setters.values(), plan.read(value), strict=True):
            put(copy, field)
        for name, change in changes.items():
            if name not in plan.setters:
                raise TypeError(f"{kind.__name__} has no field {name}")
            plan.setters[name](copy, change)
        return copy


_create, _fill = object.__new__, object.__setattr__


class _Plan(NamedTuple):
    """How a class is copied: slot by slot, or, where it has none, all of its ``__dict__`` but what is *derived*."""

    size: int
    read: Callable[[Any], tuple[Any, ...]] | None
    derived: tuple[str, ...]
    setters: Mapping[str, Any]


@cache
def _plan_copy(kind: type) -> _Plan | None:
    """Plan the copies of a class; None for one that does something when it is made, or keeps more than its fields."""
    fields = dataclasses.fields(kind)
    # One field is read by itself, not as a tuple of one.
    if len(fields) < 2 or hasattr(kind, "__post_init__") or not all(each.init for each in fields):
        return None
    names = tuple(each.name for each in fields)
    if kind.__dictoffset__:
        derived = tuple(name for name in dir(kind) if isinstance(getattr_static(kind, name), cached_property))
        return _Plan(len(names), None, derived, dict.fromkeys(names))
    return _Plan(len(names), attrgetter(*names), (), {name: getattr(kind, name).__set__ for name in names})
