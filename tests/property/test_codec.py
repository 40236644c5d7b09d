"""What is stored is read back as the same value, whatever is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from property.histories import History, histories
from property.strategies import World, worlds
from trader.model.codec import canonical_json, decode, digest_of, encode
from trader.model.ledger import Ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderIntent
from trader.model.unknown import UnknownFields
from trader.sim.account import SimAccount

_NUMBERS = st.one_of(
    st.integers(-(10**9), 10**12).flatmap(lambda number: st.integers(0, 18).map(lambda p: (number, p))),
    st.just((0, 0)),
    st.just((1, -9)),
).map(lambda pair: Decimal(pair[0]).scaleb(-pair[1]))

for _kind in (Decimal, Price, Quantity, Notional):
    st.register_type_strategy(_kind, _NUMBERS.map(_kind))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
# As a newer release would have written them; tests/property/test_newer.py has many more.
UNKNOWN = st.sampled_from(
    [
        UnknownFields(()),
        UnknownFields((("new_a", '{"b":["1.50",null,0.1]}'),)),
        UnknownFields((("new", "1"), ("née", '"ü"'))),
    ]
)
st.register_type_strategy(UnknownFields, UNKNOWN)
# Short texts: names of things. Accents and quotes are allowed, what they mean to JSON is the point.
st.register_type_strategy(str, st.text(max_size=6))
st.register_type_strategy(int, st.integers(-(2**63), 2**63))

KINDS = (Fill, OrderIntent, OrderRecord, SimAccount, Ledger)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(st.data())
def test_value_survives_text(kind: type, data: st.DataObject) -> None:
    """Encoded, written as JSON, read and decoded, any value of the kind is itself, with every optional part."""
    value = data.draw(st.from_type(kind))

    assert value == decode(kind, encode(value))
    assert value == decode(kind, json.loads(canonical_json(value)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(st.data())
def test_text_is_what_the_json_library_would_write(kind: type, data: st.DataObject) -> None:
    """To the byte: digests of before stay, and so do the ids that follow from them."""
    text = canonical_json(data.draw(st.from_type(kind)))

    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@given(worlds())
def test_ledger_of_a_world_survives_text(world: World) -> None:
    """The ledgers of the other properties, which look like real ones."""
    ledger = world.portfolio.ledger

    assert ledger == decode(Ledger, json.loads(canonical_json(ledger)))


@given(histories())
def test_history_survives_text(history: History) -> None:
    """Fills and states one by one, and units keep their types."""
    for fill in history.fills:
        again = decode(Fill, json.loads(canonical_json(fill)))

        assert fill == again
        assert (Price, Quantity, Notional) == (type(again.price), type(again.quantity), type(again.fee))


@given(st.one_of(st.from_type(SimAccount), worlds().map(lambda world: world.portfolio.ledger)), st.randoms())
def test_text_depends_on_the_value_alone(value: SimAccount | Ledger, chance: Any) -> None:
    """Entries put in another order, at any depth, or written and read before: the same bytes, the same digest."""
    text, shuffled = canonical_json(value), in_other_order(value, chance)

    assert text == canonical_json(shuffled)
    assert digest_of(value) == digest_of(shuffled)
    assert text == canonical_json(decode(type(value), json.loads(text)))


def in_other_order(value: Any, chance: Any) -> Any:
    """The same value with every mapping in it rebuilt in another order."""
    if isinstance(value, Mapping):
        items = [(key, in_other_order(item, chance)) for key, item in value.items()]
        chance.shuffle(items)
        return dict(items)
    if isinstance(value, tuple):
        return tuple(in_other_order(item, chance) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{each.name: in_other_order(getattr(value, each.name), chance) for each in fields(value)}
        )
    return value
