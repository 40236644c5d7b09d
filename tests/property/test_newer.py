"""Whatever a newer release adds to a ledger, and wherever, is written back byte for byte, and words deny entries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from property.strategies import World, worlds
from trader.model.codec import canonical_json, encode, read_stored
from trader.model.ledger import Ledger
from trader.model.newer import find_unknown_words, why_newer
from trader.model.schema import upgrade_stored
from trader.model.unknown import OpenEnum

_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)
#: No class has fields of such names.
_FIELDS = st.dictionaries(st.text(max_size=4).map("new_{}".format), _VALUES, min_size=1, max_size=2)
_WORDS = st.text(max_size=6).map("NEW {}".format)


def find_records(value: Any, plain: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Every record of a ledger, with the plain JSON of it."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from find_records(each, plain[str(key)])
    elif isinstance(value, tuple):
        for each, told in zip(value, plain, strict=True):
            yield from find_records(each, told)
    elif is_dataclass(value) and not isinstance(value, type):
        yield value, plain
        for each in fields(value):
            if each.name != "unknown":
                yield from find_records(getattr(value, each.name), plain[each.name])


def read(plain: Any) -> Ledger:
    return read_stored(Ledger, json.dumps(plain), "test", upgrade_stored)


@given(worlds(), st.data())
def test_unknown_fields_of_any_ledger_come_back_byte_for_byte(world: World, data: st.DataObject) -> None:
    """In any of its records; what is known is the same as without them, and they alone deny nothing."""
    ledger = world.portfolio.ledger
    plain = encode(ledger)
    records = [told for _, told in find_records(ledger, plain)]
    for place in data.draw(st.sets(st.integers(0, len(records) - 1), min_size=1, max_size=5)):
        records[place].update(data.draw(_FIELDS))

    found = read(plain)

    assert canonical_json(plain) == canonical_json(found)
    assert why_newer(ledger) == why_newer(found)


@given(worlds(), st.data())
def test_unknown_word_of_any_ledger_comes_back_and_denies(world: World, data: st.DataObject) -> None:
    """In any field that is of an open enum."""
    ledger = world.portfolio.ledger
    plain = encode(ledger)
    places = [
        (told, each.name)
        for value, told in find_records(ledger, plain)
        for each in fields(value)
        if isinstance(getattr(value, each.name), OpenEnum)
    ]
    told, name = data.draw(st.sampled_from(places))
    told[name] = data.draw(_WORDS)

    found = read(plain)

    assert canonical_json(plain) == canonical_json(found)
    assert [told[name]] == [word.value for _, word in find_unknown_words(found)]
    assert why_newer(found) is not None
