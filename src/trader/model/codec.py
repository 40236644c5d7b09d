"""Frozen values to plain JSON and back, driven by their type hints; the same value always gives the same bytes.

Decimals travel as text, so nothing is lost. Fields that hold their default are written too: a reader of the audit
should not need the code. Unknown fields are refused on reading: they belong to a newer schema.
"""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, NewType, Union, get_args, get_origin, get_type_hints

from trader.errors import MalformedData
from trader.model.money import plain

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]


def encode(value: Any) -> Any:
    """Turn a value into dicts, lists, text, numbers, booleans and None.

    Units: Decimals become plain text; an exception becomes its class name and message.
    Raises: MalformedData for a type that has no plain form.
    """
    kind = type(value)
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = _WRITERS[kind] = _writer(kind)
    return writer(value)


def decode(kind: Any, plain_value: Any) -> Any:
    """Build a value of *kind* from what ``encode`` made of one.

    Raises: MalformedData naming the field, if anything is missing, unknown or of another type.
    """
    return _reader(kind)(plain_value)


def canonical_json(value: Any) -> str:
    """Write a value as JSON with sorted keys and no spaces."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON."""
    return sha256_hex(canonical_json(value))


def sha256_hex(text: str) -> str:
    """SHA-256 of text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


# Which writer serves a class is found out once: half the time of a cycle's record would go into asking otherwise.
_WRITERS: dict[type, Writer] = {}


def _writer(kind: type) -> Writer:
    if issubclass(kind, Enum):
        return lambda value: value.value
    if kind is type(None) or issubclass(kind, bool | int | float | str):
        return lambda value: value
    if issubclass(kind, Decimal):
        return plain
    if issubclass(kind, Mapping):
        return lambda value: {str(key): encode(item) for key, item in value.items()}
    if issubclass(kind, tuple | list):
        return lambda value: [encode(item) for item in value]
    if issubclass(kind, frozenset | set):
        return lambda value: sorted(encode(item) for item in value)
    if is_dataclass(kind):
        names = tuple(each.name for each in fields(kind))
        return lambda value: {name: encode(getattr(value, name)) for name in names}
    if issubclass(kind, Exception):
        return lambda value: f"{type(value).__name__}: {value}"
    raise MalformedData(f"{kind.__name__} has no plain form")


@cache
def _reader(kind: Any) -> Reader:
    if isinstance(kind, NewType):
        return _reader(kind.__supertype__)
    origin = get_origin(kind)
    if origin is Annotated:
        return _reader(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return _optional_reader(kind)
    if origin is tuple:
        item = _reader(get_args(kind)[0])
        return lambda value: tuple(item(each) for each in _expect(value, list, kind))
    if origin is not None and issubclass(origin, Mapping):
        key, item = (_reader(part) for part in get_args(kind))
        return lambda value: {key(name): item(each) for name, each in _expect(value, dict, kind).items()}
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    return _scalar_reader(kind)


def _optional_reader(kind: Any) -> Reader:
    members = [member for member in get_args(kind) if member is not type(None)]
    if len(members) != 1 or len(get_args(kind)) != 2:
        raise MalformedData(f"{kind} cannot be read back: which member is meant is not written")
    inner = _reader(members[0])
    return lambda value: None if value is None else inner(value)


def _dataclass_reader(kind: Any) -> Reader:
    hints = get_type_hints(kind, include_extras=True)
    known = {each.name: each for each in fields(kind)}

    # Resolved on first use, so that types may refer to one another.
    def read(value: Any) -> Any:
        given = _expect(value, dict, kind)
        if unknown := sorted(given.keys() - known.keys()):
            raise MalformedData(f"{kind.__name__} has no field {unknown[0]!r}")
        built: dict[str, Any] = {}
        for name, each in known.items():
            if name in given:
                try:
                    built[name] = _reader(hints[name])(given[name])
                except (MalformedData, ValueError, ArithmeticError) as error:
                    raise MalformedData(f"{kind.__name__}.{name}: {error}") from error
            elif each.default is MISSING and each.default_factory is MISSING:
                raise MalformedData(f"{kind.__name__} lacks {name!r}")
        return kind(**built)

    return read


def _scalar_reader(kind: Any) -> Reader:
    if issubclass(kind, Enum):
        return lambda value: kind(_expect(value, str, kind))
    if issubclass(kind, Decimal):
        return lambda value: kind(_expect(value, str, kind))
    if kind is float:
        return lambda value: float(_expect(value, (int, float), kind))
    if kind in (bool, int, str):
        return lambda value: _expect(value, kind, kind)
    raise MalformedData(f"{kind!r} cannot be read back")


def _expect(value: Any, allowed: Any, kind: Any) -> Any:
    # bool is an int to Python; to us it is not.
    if not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool):
        raise MalformedData(f"expected {getattr(kind, '__name__', kind)}, found {type(value).__name__} {value!r}")
    return value
