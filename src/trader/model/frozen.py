"""What a cycle does most often with frozen values, made quick: copies of them, and what is derived from them once.

A cycle makes a hundred copies, most of values with dozens of fields. ``replace`` copies the fields as they lie there,
where the standard library reads each by its name and hands it to the constructor again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from inspect import getattr_static
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
        if plan.copy is not None:
            copy = plan.copy(value)
            try:
                for name, change in changes.items():
                    _put(copy, name, change)
            except AttributeError as error:
                raise TypeError(f"{kind.__name__} has no field {name}") from error
            return copy
        # A dict's own copy is one of memory, even where something was taken out of it once.
        kept = value.__dict__.copy()
        if len(kept) != plan.size:
            for name in plan.derived:
                kept.pop(name, None)
        kept.update(changes)
        if len(kept) != plan.size:
            names = {each.name for each in dataclasses.fields(kind)}
            raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(kept.keys() - names))}")
        copy = _create(kind)
        _put(copy, "__dict__", kept)
        return copy


_create, _put = object.__new__, object.__setattr__


class _Plan(NamedTuple):
    """How a class is copied: slot by slot, or, where it has none, all of its ``__dict__`` but what is *derived*."""

    size: int
    copy: Callable[[Any], Any] | None
    derived: tuple[str, ...]


@cache
def _plan_copy(kind: type) -> _Plan | None:
    """Plan the copies of a class; None for one that does something when it is made, or keeps more than its fields."""
    fields = dataclasses.fields(kind)
    if not fields or hasattr(kind, "__post_init__") or not all(each.init for each in fields):
        return None
    if kind.__dictoffset__:
        derived = tuple(name for name in dir(kind) if isinstance(getattr_static(kind, name), cached_property))
        return _Plan(len(fields), None, derived)
    return _Plan(len(fields), vars(kind).get("__copy__") or _write_copy(kind), ())


def _write_copy(kind: type) -> Callable[[Any], Any]:
    """Write the method that copies a class's slots one by one, as ``dataclasses`` writes its own.

    A class that the build has spelled out brings one, see layers/spell_out.py.
    """
    names = [each.name for each in dataclasses.fields(kind)]
    lines = [f" put_{name}(copy, value.{name})" for name in names]
    text = "\n".join(("def copy(value):", " copy = create(kind)", *lines, " return copy"))
    made: dict[str, Any] = {"create": _create, "kind": kind}
    made |= {f"put_{name}": getattr(kind, name).__set__ for name in names}
    exec(text, made)  # noqa: S102 - the names are fields of our own classes
    copy: Callable[[Any], Any] = made["copy"]
    return copy
