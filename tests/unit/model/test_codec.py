"""What is written is read back the same, and what does not belong is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, NewType

import pytest

from trader.errors import MalformedData
from trader.model.codec import canonical_json, decode, digest_of, encode
from trader.model.ids import Scope
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity

Name = NewType("Name", str)


class Colour(StrEnum):
    """Some enum."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    """Scalars of every type."""

    name: Name
    price: Price
    ratio: float
    count: int
    is_open: bool
    colour: Colour
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Containers of every type."""

    leaves: tuple[Leaf, ...]
    by_colour: Mapping[Colour, Annotated[Decimal, "a mark"]]
    best: Leaf | None = None
    names: tuple[Name, ...] = ()
    sizes: Mapping[str, tuple[Quantity, ...]] = field(default_factory=dict)


def a_leaf(**changes: object) -> Leaf:
    values = {
        "name": Name("x"),
        "price": Price("1.50"),
        "ratio": 0.1,
        "count": 3,
        "is_open": True,
        "colour": Colour.RED,
    }
    return Leaf(**{**values, **changes})  # type: ignore[arg-type]


def a_plain_leaf(**changes: object) -> dict[str, object]:
    return {**encode(a_leaf()), **changes}


@pytest.mark.parametrize(
    "value",
    [
        a_leaf(),
        a_leaf(note="", price=Price("-0"), ratio=1e-300, count=-1, is_open=False),
        a_leaf(price=Price("123456789012345678901234567890.123456789"), note="naïve"),
    ],
)
def test_scalars_come_back_the_same(value: Leaf) -> None:
    """Every type of scalar, large and small."""
    assert value == decode(Leaf, encode(value))


def test_nested_values_come_back_the_same() -> None:
    """Tuples, mappings, optionals and dataclasses inside one another."""
    value = Branch(
        leaves=(a_leaf(), a_leaf(note="second")),
        by_colour={Colour.BLUE: Decimal("0.1"), Colour.RED: Decimal(7)},
        best=a_leaf(colour=Colour.BLUE),
        names=(Name("a"), Name("b")),
        sizes={"s": (Quantity("0.5"), Quantity(2))},
    )

    assert value == decode(Branch, encode(value))


def test_types_come_back_too() -> None:
    """A price is a Price again, a whole number an int, an enum its member."""
    leaf = decode(Leaf, encode(a_leaf()))

    assert [Price, float, int, bool, Colour] == [
        type(value) for value in (leaf.price, leaf.ratio, leaf.count, leaf.is_open, leaf.colour)
    ]


def test_ledger_comes_back_the_same() -> None:
    """The value this was made for."""
    ledger = open_ledger(Scope("PAPER#main"), "USD", Notional("10000"))  # type: ignore[arg-type]

    assert ledger == decode(Ledger, encode(ledger))


def test_field_with_a_default_may_be_missing() -> None:
    """A record of an older schema lacks what was added since."""
    plain = a_plain_leaf()
    del plain["note"]

    assert a_leaf() == decode(Leaf, plain)


def test_missing_field_is_refused_by_name() -> None:
    """Without a default there is nothing to put there."""
    plain = a_plain_leaf()
    del plain["count"]

    with pytest.raises(MalformedData, match="Leaf lacks 'count'"):
        decode(Leaf, plain)


def test_unknown_field_is_refused_by_name() -> None:
    """It belongs to a newer schema: reading on would lose it."""
    with pytest.raises(MalformedData, match="Leaf has no field 'colr'"):
        decode(Leaf, a_plain_leaf(colr="red"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", 1.5),
        ("price", 1),
        ("price", "abc"),
        ("price", None),
        ("ratio", "0.1"),
        ("ratio", True),
        ("count", True),
        ("count", 1.0),
        ("count", "1"),
        ("is_open", 1),
        ("is_open", "true"),
        ("colour", "green"),
        ("colour", 1),
        ("name", 7),
        ("note", 7),
    ],
)
def test_value_of_another_type_is_refused_by_field(name: str, value: object) -> None:
    """A float is no money, a boolean no number, a number no text."""
    with pytest.raises(MalformedData, match=rf"Leaf\.{name}"):
        decode(Leaf, a_plain_leaf(**{name: value}))


def test_place_of_a_fault_deep_inside_is_named() -> None:
    """Every level on the way is in the message."""
    plain = encode(Branch(leaves=(a_leaf(),), by_colour={}))
    plain["leaves"][0]["count"] = "many"

    with pytest.raises(MalformedData, match=r"Branch\.leaves: Leaf\.count: expected int, found str 'many'"):
        decode(Branch, plain)


def test_number_where_a_list_belongs_is_refused() -> None:
    """Containers are checked as well as what is in them."""
    with pytest.raises(MalformedData, match="expected"):
        decode(Branch, {"leaves": 7, "by_colour": {}})


def test_value_without_a_plain_form_is_refused() -> None:
    """Nothing is written that could not be read."""
    with pytest.raises(MalformedData, match="bytes has no plain form"):
        encode(b"raw")


def test_json_is_the_same_whatever_the_order_of_the_keys() -> None:
    """The digest names a value, not the way it was put together."""
    one = {"b": Decimal("1.50"), "a": 1}
    other = {"a": 1, "b": Decimal("1.5")}

    assert canonical_json(one) == canonical_json(other)
    assert '{"a":1,"b":"1.5"}' == canonical_json(one)
    assert digest_of(one) == digest_of(other)


def test_digest_changes_with_the_value() -> None:
    """The smallest change gives another name."""
    assert digest_of(a_leaf()) != digest_of(a_leaf(price=Price("1.500000000000000001")))


def test_number_that_is_none_has_no_json() -> None:
    """NaN is not JSON, and a decision on it was a bug."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})
