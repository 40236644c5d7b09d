"""Frozen values to plain JSON and back, driven by their type hints; the same value always gives the same bytes.

Decimals travel as text, so nothing is lost. Fields that hold their default are written too: a reader of the audit
should not need the code. What a newer release added to stored state is kept on reading and written back, fields and
words, see ``trader.model.unknown``; any other class refuses an unknown field.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from math import isfinite
from operator import attrgetter
from typing import Any, TypeVar

from trader.errors import LedgerCorrupt, MalformedData
from trader.model.money import plain
from trader.model.parse import Readers
from trader.model.schema import upgrade
from trader.model.unknown import is_for_unknown

Writer = Callable[[Any], str]

T = TypeVar("T")


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

    Raises: MalformedData naming the field, if anything is missing or of another type, or unknown where it is not kept.
    """
    return _READERS[kind](plain_value)


def decode_told(kind: Any, plain_value: Any) -> Any:
    """Build a value of *kind* from what a record of the audit tells; unknown fields that cannot be kept are left out.

    Raises: MalformedData naming the field, if anything is missing or of another type.
    """
    return _LENIENT_READERS[kind](plain_value)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON."""
    return sha256_hex(canonical_json(value))


def sha256_hex(text: str) -> str:
    """Return the SHA-256 of text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


# JSON may print a float without a point.
_MADE_FROM: Mapping[type, tuple[type, ...]] = {
    bool: (bool,), int: (int,), str: (str,), float: (float, int), Decimal: (str,)
}  # fmt: skip
_READERS = Readers(_MADE_FROM, keep=canonical_json)
_LENIENT_READERS = Readers(_MADE_FROM, keep=canonical_json, ignores_unknown=True)


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


class _Words(dict[Enum, str]):
    """How the members of an enum are written; a word that is none of them is written as it was read."""

    def __missing__(self, kept: Enum) -> str:
        return canonical_json(kept.value)


def _enum_writer(kind: Any) -> Writer:
    return _Words({member: canonical_json(member.value) for member in kind}).__getitem__


def _write_mapping(value: Mapping[Any, Any]) -> str:
    texts = {str(key): _WRITERS[type(item)](item) for key, item in value.items()}
    return f"{{{','.join([f'{encode_basestring(key)}:{texts[key]}' for key in sorted(texts)])}}}"


def _write_sequence(value: Sequence[Any]) -> str:
    return f"[{','.join([_WRITERS[type(item)](item) for item in value])}]"


def _write_float(value: float) -> str:
    if not isfinite(value):
        raise ValueError(f"{value} is no number that JSON knows")
    return float.__repr__(value)


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
    (float, lambda _: _write_float),
    (Exception, lambda _: lambda value: encode_basestring(f"{type(value).__name__}: {value}")),
)


def _dataclass_writer(kind: Any) -> Writer:
    names = sorted(each.name for each in fields(kind) if not is_for_unknown(each))
    form = "{" + ",".join(f'"{name}":%s' for name in names) + "}"
    if len(names) < 2:
        return lambda value: form % tuple(canonical_json(getattr(value, name)) for name in names)
    values = attrgetter(*names)

    def write(value: Any) -> str:
        return form % tuple([_WRITERS[type(item)](item) for item in values(value)])

    def write_all(value: Any) -> str:
        return _write_together(value, names) if value.unknown else write(value)

    return write_all if any(map(is_for_unknown, fields(kind))) else write


def _write_together(value: Any, names: Sequence[str]) -> str:
    texts = {**{name: canonical_json(getattr(value, name)) for name in names}, **dict(value.unknown)}
    return f"{{{','.join([f'{encode_basestring(name)}:{texts[name]}' for name in sorted(texts)])}}}"


def read_stored(kind: type[T], text: str, where: str, upgraded: Callable[[Any], Any] = upgrade) -> T:
    """Read what was stored as JSON, by this schema, the one before or the next one.

    What names its schema, a ledger or an account, is *upgraded* by ``upgrade_stored``.
    Raises: LedgerCorrupt naming the place.
    """
    with translate_damage(where):
        value: T = decode(kind, upgraded(json.loads(text)))
    return value


@contextmanager
def translate_damage(where: object) -> Iterator[None]:
    """Turn what stored text that makes no sense raises inside into LedgerCorrupt naming the place."""
    try:
        yield
    except KeyError as error:
        raise LedgerCorrupt(f"{where}: {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise LedgerCorrupt(f"{where}: is of another shape than is read: {error}") from error
    except (MalformedData, ValueError, RecursionError) as error:
        raise LedgerCorrupt(f"{where}: {error}") from error
