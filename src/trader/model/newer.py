"""Whether a newer release wrote the ledger, and left something in it that this one must not enter beside.

Unknown fields alone say nothing: they restate nothing that known ones determine, and are kept. An unknown word is
another matter, as is a schema that this release only knows to come next, and a ``min_reader`` above its own number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from trader.model.parse import split_hint
from trader.model.schema import READER, SCHEMA
from trader.model.unknown import OpenEnum

if TYPE_CHECKING:
    from trader.model.ledger import Ledger

#: A field of the ledger that this release never writes: what a reader must be able to understand, as a number.
MIN_READER = "min_reader"


def why_newer(ledger: Ledger) -> Mapping[str, str | int] | None:
    """Say by which field and value a newer release keeps this one from entering; None if nothing does."""
    if ledger.schema > SCHEMA:
        return {"field": "schema", "value": ledger.schema, "reads": SCHEMA}
    least = dict(ledger.unknown).get(MIN_READER)
    # What is no number asks for a reader that nobody knows.
    if least is not None and not (least.isdecimal() and int(least) <= READER):
        return {"field": MIN_READER, "value": least, "reads": READER}
    if not _has_unknown_words(ledger):
        return None
    return next(({"field": path[1:], "value": word.value} for path, word in find_unknown_words(ledger)), None)


def _has_unknown_words(value: Any) -> bool:
    """Whether ``find_unknown_words`` finds any. Every cycle asks and hardly ever has one: no way is written down."""
    if isinstance(value, OpenEnum):
        return not value.is_known
    if isinstance(value, tuple):
        return any(map(_has_unknown_words, value))
    if isinstance(value, Mapping):
        return any(map(_has_unknown_words, value)) or any(map(_has_unknown_words, value.values()))
    kind: Any = type(value)
    names = _list_leading(kind)
    return any(_has_unknown_words(getattr(value, name)) for name in names)


def find_unknown_words(value: Any, path: str = "") -> Iterator[tuple[str, OpenEnum]]:
    """Find every word of an open enum that this release does not know, and the way to it from the value."""
    if isinstance(value, OpenEnum):
        if not value.is_known:
            yield path, value
    elif is_dataclass(value):
        kind: Any = type(value)
        for name in _list_leading(kind):
            yield from find_unknown_words(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, tuple):
        for place, each in enumerate(value):
            yield from find_unknown_words(each, f"{path}.{place}")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(key, OpenEnum):
                yield from find_unknown_words(key, path)
            yield from find_unknown_words(each, f"{path}.{key}")


@cache
def _list_leading(kind: Any) -> tuple[str, ...]:
    """List the fields below which a word of an open enum may stand: a walk through the rest would find nothing."""
    if not is_dataclass(kind):
        return ()
    hints = get_type_hints(kind, include_extras=True)
    return tuple(each.name for each in fields(kind) if _leads_to_word(hints[each.name]))


def _leads_to_word(hint: Any) -> bool:
    bare, _ = split_hint(hint)
    if get_args(bare):
        return any(_leads_to_word(each) for each in get_args(bare))
    if not isinstance(bare, type):
        return False
    kind: Any = bare
    return bool(_list_leading(kind)) if is_dataclass(bare) else issubclass(bare, OpenEnum)
