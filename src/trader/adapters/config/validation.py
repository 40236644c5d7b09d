"""Whether a tree of plain values fits the settings classes, and if not, what would.

pydantic validates the core's own frozen dataclasses. Every misfit becomes one line: key path, value, what is allowed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, NewType, get_args, get_origin, get_type_hints

# pydantic would import these with its first schema. Named here, they are part of the start and not of the first cycle.
import pydantic.dataclasses
import pydantic.fields  # noqa: F401
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError, SchemaValidator, core_schema

from trader.adapters.config.strict_yaml import join_path
from trader.settings.bounds import Between, Matching

#: What pydantic adds to the place of an error when a mapping's key, not its value, is meant.
_KEY_MARK = "[key]"
#: Keys of earlier releases, and what they are called now.
RENAMED: Mapping[str, str] = {
    "risk.failed_rest_minutes": "risk.failed_cooldown_minutes",
    "risk.loss_streak_rest_minutes": "risk.loss_streak_cooldown_minutes",
    "risk.peg_rest_minutes": "risk.peg_cooldown_minutes",
    "execution.convert_pairs": "execution.conversion_pairs",
}
_WORD_OF = {str: "text", bool: "a boolean", int: "a number", Decimal: "a number", dict: "a mapping", list: "a list"}


def fit(kind: Any, tree: Any, path: str = "") -> tuple[Any, tuple[tuple[str, str], ...]]:
    """Build a *kind* from the tree, or name everything that does not fit.

    Shape: returns the value and no problems, or None and all of them as (key path, what is wrong there).
    """
    try:
        return _validator(kind).validate_python((tree,))[0], ()
    except ValidationError as error:
        # The first place is the tuple around the tree.
        found = ((each["type"], each["loc"][1:], each) for each in error.errors(include_url=False))
        return None, tuple(_problem(kind, path, name, loc, each) for name, loc, each in found)


@cache
def _validator(kind: Any) -> SchemaValidator:
    # pydantic takes a configuration for a tuple, not for a dataclass; from there every dataclass inside inherits it.
    adapter: TypeAdapter[Any] = TypeAdapter(tuple[kind], config=ConfigDict(extra="forbid"))
    return SchemaValidator(_strict(adapter.core_schema))


def _strict(schema: Any) -> Any:
    """Replace the readers of plain values: pydantic's own are too kind ("6" is 6) or too strict (6 is no 6.0)."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if (read := _READERS.get(schema.get("type", ""))) is not None:
        return core_schema.no_info_plain_validator_function(read)
    return {key: _strict(item) for key, item in schema.items()}


def _misfit() -> PydanticCustomError:
    return PydanticCustomError("misfit", "has another type")


def _exactly(kind: type, value: Any) -> Any:
    # By type and not by isinstance, because a bool is an int to Python.
    if type(value) is not kind:
        raise _misfit()
    return value


def _decimal(value: Any) -> Decimal:
    return value if type(value) is Decimal else Decimal(_exactly(int, value))


_READERS: Mapping[str, Any] = {
    "bool": lambda value: _exactly(bool, value),
    "int": lambda value: _exactly(int, value),
    "str": lambda value: _exactly(str, value),
    "decimal": _decimal,
    "float": lambda value: float(_decimal(value)),
}


def _problem(kind: Any, path: str, name: str, loc: tuple[int | str, ...], error: Any) -> tuple[str, str]:
    steps = tuple(step for step in loc if step != _KEY_MARK)
    here = path
    for step in steps:
        here = join_path(here, step)
    if name == "unexpected_keyword_argument":
        if here in RENAMED:
            return here, f"is called {RENAMED[here]} now"
        return here, describe_unknown_key(str(steps[-1]), list_keys(_kind_at(kind, steps[:-1])))
    if _KEY_MARK in loc:
        return here, f"unknown key; allowed is {_allowed(_key_kind(_kind_at(kind, steps[:-1])))}"
    if name == "missing":
        return here, f"is missing; allowed is {_allowed(_kind_at(kind, steps))}"
    if name == "value_error":
        return here, str(error["ctx"]["error"])
    value = error["input"]
    is_what = "not among them" if name == "enum" and isinstance(value, str) else _word(value)
    return here, f"{_shown(value)} is {is_what}; allowed is {_allowed(_kind_at(kind, steps))}"


def describe_unknown_key(key: str, known: tuple[str, ...]) -> str:
    """Say that there is no such key, and which ones are closest; all of them if none is close."""
    close = difflib.get_close_matches(key, known, n=3)
    return f"unknown key; closest: {', '.join(close)}" if close else f"unknown key; allowed: {', '.join(known)}"


def list_keys(kind: Any) -> tuple[str, ...]:
    """Name the keys of a settings class, in the order they are declared."""
    return tuple(each.name for each in fields(_bare(kind)))


def _word(value: Any) -> str:
    return "empty" if value is None else _WORD_OF.get(type(value), "something else")


def _shown(value: Any) -> str:
    """Write a value as it stands in the file, text in quotes so that "6" and 6 look different."""
    return json.dumps(value, default=str, ensure_ascii=False) if not isinstance(value, Decimal) else str(value)


def _allowed(kind: Any) -> str:
    """Say in words what a value of this kind looks like."""
    bare = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return f"one of {', '.join(member.value for member in bare)}"
    # A range around a range narrows it, and stands last.
    for mark in reversed(tuple(_marks(kind))):
        if isinstance(mark, Matching):
            return mark.words
        if isinstance(mark, Between):
            return f"{'a whole number' if bare is int else 'a number'} from {mark.low} to {mark.high}"
    if get_origin(bare) is tuple:
        return f"a list, each item {_allowed(get_args(bare)[0])}"
    words = {bool: "true or false", str: "text", int: "a whole number", float: "a number", Decimal: "a number"}
    return words.get(bare, "a mapping of keys to values")


def _kind_at(kind: Any, steps: tuple[int | str, ...]) -> Any:
    """Follow a key path through the type hints."""
    for step in steps:
        bare = _bare(kind)
        if is_dataclass(bare):
            kind = get_type_hints(bare, include_extras=True)[str(step)]
        else:
            arguments = get_args(bare)
            kind = arguments[1] if isinstance(step, str) else arguments[0]
    return kind


def _key_kind(kind: Any) -> Any:
    return get_args(_bare(kind))[0]


def _marks(kind: Any) -> Iterator[Any]:
    while get_origin(kind) is Annotated or isinstance(kind, NewType):
        yield from getattr(kind, "__metadata__", ())
        kind = _unwrapped(kind)


def _bare(kind: Any) -> Any:
    while get_origin(kind) is Annotated or isinstance(kind, NewType):
        kind = _unwrapped(kind)
    return kind


def _unwrapped(kind: Any) -> Any:
    return kind.__supertype__ if isinstance(kind, NewType) else get_args(kind)[0]
