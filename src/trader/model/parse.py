"""Plain values to frozen ones, driven by type hints; everything that does not fit is found in one reading.

Stored JSON and the YAML files are read by the same rules. They differ in one thing, which each hands in as a table:
what plain values a scalar is made from.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints

from trader.errors import MalformedData
from trader.model.unknown import OpenEnum, UnknownFields, is_for_unknown

Reader = Callable[[Any], Any]

#: How a check, a number or a class says no.
_REFUSALS = (MalformedData, ValueError, ArithmeticError)


class ProblemKind(Enum):
    """The ways in which a plain value can fail to fit."""

    UNKNOWN_FIELD = auto()
    MISSING_FIELD = auto()
    WRONG_KEY = auto()
    WRONG_TYPE = auto()
    NO_MEMBER = auto()
    REFUSED = auto()


class Problem(NamedTuple):
    """One thing that does not fit.

    ``words`` say what is wrong. ``hint`` is the type hint of what belongs there, with its marks; for an unknown field
    it is the class. ``value`` is what was found there. ``path`` leads there from the root: names of fields, keys,
    places in lists; ``classes`` tells the same way as ``Ledger.lots: Lot.cost: ``.
    """

    kind: ProblemKind
    words: str
    hint: Any
    value: Any
    path: tuple[str | int, ...] = ()
    classes: str = ""


class Misfits(MalformedData):
    """What was read does not fit its type hint: the text tells one problem and where, ``problems`` holds them all."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        # An unknown field says most, wherever it is: the value may be of a newer schema. Else the first problem.
        first = min(self.problems, key=lambda problem: problem.kind is not ProblemKind.UNKNOWN_FIELD)
        super().__init__(first.classes + first.words)

    def below(self, step: str | int, classes: str = "") -> Iterable[Problem]:
        """Return the problems as they look from one step further up."""
        return (each._replace(path=(step, *each.path), classes=classes + each.classes) for each in self.problems)


class Readers(dict[Any, Reader]):
    """The reader of each type hint, made when it is first asked for: ``readers[Ledger](plain)``.

    *made_from* is the table of scalars: the plain types that each is made from, exactly these, because a bool is an
    int to Python. Without any, a value stays as it was found. Marks of Annotated that have a ``check`` are asked what
    they make of the value; a ValueError from there is a problem like any other.

    *keep* writes down what a newer release put there: a class with a field for it keeps unknown fields, an open enum
    unknown words. Without it, and elsewhere, they do not fit; unless unknown fields are simply to be ignored.

    Raises: Misfits for a value that does not fit, MalformedData for a hint that no value can be read by.
    """

    def __init__(
        self,
        made_from: Mapping[type, tuple[type, ...]],
        keep: Callable[[Any], str] | None = None,
        *,
        ignores_unknown: bool = False,
    ) -> None:
        super().__init__()
        self._made_from, self._keep, self._ignores_unknown = made_from, keep, ignores_unknown

    def __missing__(self, hint: Any) -> Reader:
        bare, marks = split_hint(hint)
        read = self._reader(bare, hint)
        checks = tuple(mark.check for mark in marks if hasattr(mark, "check"))
        self[hint] = read = _checking(read, checks, hint) if checks else read
        return read

    def _reader(self, bare: Any, hint: Any) -> Reader:
        origin = get_origin(bare)
        if origin in (Union, types.UnionType):
            return self._optional_reader(bare)
        if origin is tuple:
            return self._tuple_reader(bare, hint)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping_reader(bare, hint)
        if is_dataclass(bare):
            return self._dataclass_reader(bare, hint)
        if issubclass(bare, Enum):
            return _enum_reader(bare, hint, is_open=self._keep is not None and issubclass(bare, OpenEnum))
        return self._scalar_reader(bare, hint)

    def _optional_reader(self, bare: Any) -> Reader:
        members = [member for member in get_args(bare) if member is not type(None)]
        if len(members) != 1 or len(get_args(bare)) != 2:
            raise MalformedData(f"{bare} cannot be read back: which member is meant is not written")
        read = self[members[0]]
        return lambda value: None if value is None else read(value)

    def _tuple_reader(self, bare: Any, hint: Any) -> Reader:
        read_item = self[get_args(bare)[0]]

        def read(value: Any) -> Any:
            if type(value) is not list:
                raise _wrong_type(value, bare, hint)
            items: list[Any] = []
            problems: list[Problem] = []
            for place, each in enumerate(value):
                try:
                    items.append(read_item(each))
                except Misfits as misfits:
                    problems += misfits.below(place)
            if problems:
                raise Misfits(problems)
            return tuple(items)

        return read

    def _mapping_reader(self, bare: Any, hint: Any) -> Reader:
        key_hint, item_hint = get_args(bare)
        read_key, read_item = self[key_hint], self[item_hint]

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise _wrong_type(value, bare, hint)
            items: dict[Any, Any] = {}
            problems: list[Problem] = []
            for name, each in value.items():
                key = name
                try:
                    key = read_key(name)
                except Misfits as misfits:
                    problems.append(Problem(ProblemKind.WRONG_KEY, str(misfits), key_hint, name, (name,)))
                try:
                    items[key] = read_item(each)
                except Misfits as misfits:
                    problems += misfits.below(name)
            if problems:
                raise Misfits(problems)
            return items

        return read

    def _dataclass_reader(self, kind: Any, hint: Any) -> Reader:
        hints = get_type_hints(kind, include_extras=True)
        required = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
        # Made with the first value and not before, so that types may refer to one another.
        members = cache(
            lambda: {each.name: self[hints[each.name]] for each in fields(kind) if not is_for_unknown(each)}
        )
        keep = self._keep if any(map(is_for_unknown, fields(kind))) else None
        is_strict = keep is None and not self._ignores_unknown

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise _wrong_type(value, kind, hint)
            found: dict[str, Any] = {}
            problems: list[Problem] = []
            for name, read_member in members().items():
                if name in value:
                    try:
                        found[name] = read_member(value[name])
                    except Misfits as misfits:
                        problems += misfits.below(name, f"{kind.__name__}.{name}: ")
                elif name in required:
                    problems.append(_missing_field(kind, name, hints[name]))
            unknown = [name for name in value if name not in members()] if len(found) < len(value) else []
            if problems or (unknown and is_strict):
                strange = (_unknown_field(kind, name, value[name]) for name in unknown if is_strict)
                raise Misfits((*problems, *strange))
            if unknown and keep is not None:
                found["unknown"] = UnknownFields(tuple((name, keep(value[name])) for name in sorted(unknown)))
            try:
                return kind(**found)
            except _REFUSALS as error:
                raise _refused(error, value, hint) from error

        return read

    def _scalar_reader(self, kind: Any, hint: Any) -> Reader:
        plain_types = self._made_from.get(Decimal if issubclass(kind, Decimal) else kind)
        if plain_types is None:
            raise MalformedData(f"{kind!r} cannot be read back")
        if not plain_types:
            return lambda value: value

        def take(value: Any) -> Any:
            if type(value) is not kind:
                raise _wrong_type(value, kind, hint)
            return value

        def make(value: Any) -> Any:
            if type(value) not in plain_types:
                raise _wrong_type(value, kind, hint)
            try:
                return kind(value)
            except _REFUSALS as error:
                raise _refused(error, value, hint) from error

        return take if plain_types == (kind,) else make


def split_hint(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take NewType and Annotated off a type hint.

    Shape: returns the bare type and the marks of every Annotated, the innermost first.
    """
    marks: tuple[Any, ...] = ()
    while True:
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif get_origin(hint) is Annotated:
            hint, marks = hint.__origin__, (*hint.__metadata__, *marks)
        else:
            return hint, marks


def _enum_reader(kind: Any, hint: Any, *, is_open: bool) -> Reader:
    members = {member.value: member for member in kind}

    def read(value: Any) -> Any:
        if type(value) is not str:
            raise _wrong_type(value, kind, hint)
        if value not in members:
            if is_open:
                return kind.keep(value)
            words = f"{value!r} is not a valid {kind.__name__}"
            raise Misfits((Problem(ProblemKind.NO_MEMBER, words, hint, value),))
        return members[value]

    return read


def _checking(read: Reader, checks: tuple[Reader, ...], hint: Any) -> Reader:
    def read_and_check(value: Any) -> Any:
        found = read(value)
        try:
            for check in checks:
                found = check(found)
        except _REFUSALS as error:
            raise _refused(error, value, hint) from error
        return found

    return read_and_check


def _missing_field(kind: Any, name: str, hint: Any) -> Problem:
    return Problem(ProblemKind.MISSING_FIELD, f"{kind.__name__} lacks {name!r}", hint, None, (name,))


def _unknown_field(kind: Any, name: str, value: Any) -> Problem:
    return Problem(ProblemKind.UNKNOWN_FIELD, f"{kind.__name__} has no field {name!r}", kind, value, (name,))


def _wrong_type(value: Any, kind: Any, hint: Any) -> Misfits:
    words = f"expected {getattr(kind, '__name__', kind)}, found {type(value).__name__} {value!r}"
    return Misfits((Problem(ProblemKind.WRONG_TYPE, words, hint, value),))


def _refused(error: Exception, value: Any, hint: Any) -> Misfits:
    return Misfits((Problem(ProblemKind.REFUSED, str(error), hint, value),))
