"""Frozen values to plain JSON and back, driven by their type hints; the same value always gives the same bytes.

Decimals travel as text, so nothing is lost. Fields that hold their default are written too: a reader of the audit
should not need the code. Unknown fields are refused on reading: they belong to a newer schema.
"""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Annotated, Any, NewType, Union, get_args, get_origin, get_type_hints

from trader.errors import MalformedData
from trader.model.money import plain

Reader = Callable[[Any], Any]
Writer = Callable[[Any], str]


def canonical_json(value: Any) -> str:
    """Write a value as JSON with sorted keys and no spaces.

    Units: Decimals become plain text; an exception becomes its class name and message.
    Raises: MalformedData for a type that has no plain form, ValueError for a number that is not finite.
    """
    return _WRITERS[type(value)](value)


def encode(value: Any) -> Any:
    """Turn a value into dicts, lists, text, numbers, booleans and None: what its canonical JSON says."""
    return json.loads(canonical_json(value))


def decode(kind: Any, plain_value: Any) -> Any:
    """Build a value of *kind* from what ``encode`` made of one.

    Raises: MalformedData naming the field, if anything is missing, unknown or of another type.
    """
    return _reader(kind)(plain_value)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON."""
    return sha256_hex(canonical_json(value))


def sha256_hex(text: str) -> str:
    """Return the SHA-256 of text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


class _Writers(dict[type, Writer]):
    """The writer of each class, found out once: half of a record's time would go into asking otherwise."""

    def __missing__(self, kind: type) -> Writer:
        writer = self[kind] = _writer(kind)
        return writer


_WRITERS = _Writers()


def _writer(kind: type) -> Writer:
    if is_dataclass(kind):
        return _dataclass_writer(kind)
    for base, writer_of in _WRITERS_OF:
        if issubclass(kind, base):
            return writer_of(kind)
    raise MalformedData(f"{kind.__name__} has no plain form")


def _enum_writer(kind: Any) -> Writer:
    return {member: canonical_json(member.value) for member in kind}.__getitem__


def _write_mapping(value: Mapping[Any, Any]) -> str:
    texts = {str(key): _WRITERS[type(item)](item) for key, item in value.items()}
    return f"{{{','.join([f'{encode_basestring(key)}:{texts[key]}' for key in sorted(texts)])}}}"


def _write_sequence(value: Sequence[Any]) -> str:
    return f"[{','.join([_WRITERS[type(item)](item) for item in value])}]"


#: The first base that fits decides: an Enum may be a str, and a bool is an int.
_WRITERS_OF: tuple[tuple[Any, Callable[[type], Writer]], ...] = (
    (Enum, _enum_writer),
    (Mapping, lambda _: _write_mapping),
    (tuple | list, lambda _: _write_sequence),
    (frozenset | set, lambda _: lambda value: _write_sequence(sorted(value))),
    # Digits, a point and a sign: nothing in it needs an escape.
    (Decimal, lambda _: lambda value: f'"{plain(value)}"'),
    (str, lambda _: encode_basestring),
    (bool | None, lambda _: {True: "true", False: "false", None: "null"}.__getitem__),
    (int, lambda _: int.__repr__),
    (float, lambda _: partial(json.dumps, allow_nan=False)),
    (Exception, lambda _: lambda value: encode_basestring(f"{type(value).__name__}: {value}")),
)


def _dataclass_writer(kind: Any) -> Writer:
    names = sorted(each.name for each in fields(kind))
    form = "{" + ",".join(f'"{name}":%s' for name in names) + "}"
    if len(names) < 2:
        return lambda value: form % tuple(canonical_json(getattr(value, name)) for name in names)
    values = attrgetter(*names)
    return lambda value: form % tuple([_WRITERS[type(item)](item) for item in values(value)])


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
