"""Copies of frozen values with some fields changed, as ``dataclasses.replace`` makes them, in a fifth of the time.

A cycle makes a hundred such copies, most of values with dozens of fields. The fields are copied as they lie there,
where the standard library reads each by its name and hands it to the constructor again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    # A type checker knows this one, and the names of the fields by it.
    from dataclasses import replace as replace  # noqa: PLC0414 - handed on
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """Copy a frozen value with these fields changed. Raises: TypeError for a field that it does not have."""
        plan = _plan_copy(type(value))
        if plan is None:
            return dataclasses.replace(value, **changes)
        copy = _create(type(value))
        if plan.slots is None:
            kept = {**value.__dict__, **changes}
            for name in plan.derived:
                kept.pop(name, None)
            if len(kept) != len(plan.setters):
                raise TypeError(f"{type(value).__name__} has no field {', '.join(sorted(kept.keys() - plan.setters))}")
            _fill(copy, "__dict__", kept)
            return copy
        for get, put in plan.slots:
            put(copy, get(value))
        for name, change in changes.items():
            if name not in plan.setters:
                raise TypeError(f"{type(value).__name__} has no field {name}")
            plan.setters[name](copy, change)
        return copy


_create, _fill = object.__new__, object.__setattr__


class _Plan(NamedTuple):
    """How a class is copied: slot by slot, or, where it has none, all of its ``__dict__`` but what is *derived*."""

    slots: tuple[tuple[Callable[[Any], Any], Callable[[Any, Any], None]], ...] | None
    derived: tuple[str, ...]
    setters: Mapping[str, Any]


@cache
def _plan_copy(kind: type) -> _Plan | None:
    """Plan the copies of a class; None for one that does something when it is made, or keeps more than its fields."""
    fields = dataclasses.fields(kind)
    if hasattr(kind, "__post_init__") or not all(each.init for each in fields):
        return None
    names = tuple(each.name for each in fields)
    if kind.__dictoffset__:
        derived = tuple(name for name in dir(kind) if isinstance(getattr_static(kind, name), cached_property))
        return _Plan(None, derived, dict.fromkeys(names))
    slots = [getattr(kind, name) for name in names]
    pairs = tuple((slot.__get__, slot.__set__) for slot in slots)
    return _Plan(pairs, (), {name: slot.__set__ for name, slot in zip(names, slots, strict=True)})
