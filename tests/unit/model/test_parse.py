"""Plain values become frozen ones by their type hints, and everything that does not fit is named at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NewType

import pytest

from trader.errors import MalformedData
from trader.model.money import Price
from trader.model.parse import Misfits, Problem, ProblemKind, Readers, split_hint

JSON = {bool: (bool,), int: (int,), str: (str,), float: (float, int), Decimal: (str,)}
YAML = {bool: (bool,), int: (int,), str: (str,), float: (int, Decimal), Decimal: (int, Decimal), object: ()}


@dataclass(frozen=True, slots=True)
class Check:
    """A mark that applies a function, as a range or a shape would."""

    check: Callable[[Any], Any]


def refuse(value: object) -> object:
    """A check that nothing passes."""
    raise ValueError(f"{value} will not do")


class Color(StrEnum):
    """Some enum."""

    RED = "red"
    BLUE = "blue"


Name = NewType("Name", str)
Refused = Annotated[Name, "a remark", Check(refuse)]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Refuses to be large."""

    count: int
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a count above 9."""
        if self.count > 9:
            raise ValueError(f"{self.count} is too many")


@dataclass(frozen=True, slots=True)
class Tree:
    """Refers to itself."""

    leaf: Leaf
    colors: tuple[Color, ...] = ()
    by_color: Mapping[Color, Leaf] = field(default_factory=dict)
    best: Leaf | None = None
    below: tuple[Tree, ...] = ()


def problems_of(hint: object, plain: object, table: Mapping[type, tuple[type, ...]] = JSON) -> tuple[Problem, ...]:
    """Everything that is found wrong."""
    with pytest.raises(Misfits) as caught:
        Readers(table)[hint](plain)
    return caught.value.problems


# --- what is read


def test_type_may_refer_to_itself() -> None:
    """At any depth, and with the rest left at its defaults."""
    plain = {"leaf": {"count": 1}, "below": [{"leaf": {"count": 2}, "best": {"count": 3, "note": "x"}}]}

    tree = Readers(JSON)[Tree](plain)

    assert Tree(Leaf(1), below=(Tree(Leaf(2), best=Leaf(3, "x")),)) == tree


@pytest.mark.parametrize(
    ("table", "hint", "plain", "expected"),
    [
        (JSON, Decimal, "1.50", Decimal("1.50")),
        (JSON, Price, "1.50", Price("1.50")),
        (JSON, float, 2, 2.0),
        (JSON, float, 0.1, 0.1),
        (YAML, Decimal, Decimal("1.50"), Decimal("1.50")),
        (YAML, Decimal, 2, Decimal(2)),
        (YAML, Price, 2, Price(2)),
        (YAML, float, Decimal("0.1"), 0.1),
        (YAML, float, 2, 2.0),
    ],
)
def test_table_says_what_a_scalar_is_made_from(
    table: Mapping[type, tuple[type, ...]], hint: type, plain: object, expected: object
) -> None:
    """A subclass of Decimal is made from what a Decimal is made from, and is one."""
    value = Readers(table)[hint](plain)

    assert expected == value
    assert hint is type(value)


@pytest.mark.parametrize(
    ("table", "hint", "plain"),
    [
        (JSON, Decimal, 1),
        (JSON, Decimal, Decimal(1)),
        (JSON, float, "0.1"),
        (JSON, float, True),
        (JSON, int, True),
        (JSON, int, 1.0),
        (JSON, bool, 1),
        (JSON, str, Color.RED),
        (YAML, Decimal, "1"),
        (YAML, Decimal, True),
        (YAML, float, 0.1),
        (YAML, int, Decimal(1)),
    ],
)
def test_value_of_no_type_in_the_table_is_refused(
    table: Mapping[type, tuple[type, ...]], hint: type, plain: object
) -> None:
    """By exact type: a boolean is no number, though Python says so."""
    (problem,) = problems_of(hint, plain, table)

    assert (ProblemKind.WRONG_TYPE, hint, plain) == (problem.kind, problem.hint, problem.value)


def test_scalar_made_from_nothing_is_left_as_it_was_found() -> None:
    """Whoever knows what it is reads it."""
    plain = {"any": ["thing", None]}

    assert plain is Readers(YAML)[object](plain)


@pytest.mark.parametrize("hint", [object, bytes, int | str, int | str | None, Leaf | Tree])
def test_hint_that_says_too_little_is_refused(hint: Any) -> None:
    """Before any value is read: it would have to be guessed what was meant."""
    with pytest.raises(MalformedData, match="cannot be read back") as caught:
        Readers(JSON)[hint](None)

    assert not isinstance(caught.value, Misfits)


# --- marks


def test_checks_are_asked_from_the_inside_out() -> None:
    """Each gets what the one before it made of the value; a mark that is no check is passed over."""
    doubled = Annotated[int, Check(lambda value: value * 2), "a remark"]
    hint = Annotated[doubled, Check(lambda value: value + 1)]

    assert 7 == Readers(JSON)[hint](3)


def test_check_sees_the_value_that_was_made() -> None:
    """Not the plain one."""
    seen: list[object] = []
    hint = Annotated[Decimal, Check(seen.append)]

    Readers(JSON)[hint]("1.5")

    assert [Decimal("1.5")] == seen


def test_refusal_of_a_check_is_told_in_its_words() -> None:
    """With the whole hint, so that a reader of the problem can say what is allowed."""
    assert (Problem(ProblemKind.REFUSED, "x will not do", Refused, "x"),) == problems_of(Refused, "x")


def test_value_of_another_type_does_not_reach_the_check() -> None:
    """What is no number has no range."""
    (problem,) = problems_of(Refused, 7)

    assert (ProblemKind.WRONG_TYPE, Refused) == (problem.kind, problem.hint)


def test_split_hint_finds_the_type_and_its_marks() -> None:
    """Through any nesting of NewType and Annotated."""
    inner = NewType("inner", Annotated[str, "a", "b"])  # type: ignore[valid-newtype]

    assert (str, ("a", "b", "c")) == split_hint(Annotated[inner, "c"])
    assert (int, ()) == split_hint(int)


# --- what is told


def test_all_problems_are_found_each_with_its_place() -> None:
    """In the order of the class; what it does not know comes last."""
    problems = problems_of(
        Tree,
        {
            "older": 1,
            "colors": ["red", "green", 7],
            "by_color": {"red": {"count": "many"}, "pink": {}},
            "best": {"count": 10},
            "below": {},
        },
    )

    assert [
        (ProblemKind.MISSING_FIELD, ("leaf",), Leaf, None),
        (ProblemKind.NO_MEMBER, ("colors", 1), Color, "green"),
        (ProblemKind.WRONG_TYPE, ("colors", 2), Color, 7),
        (ProblemKind.WRONG_TYPE, ("by_color", "red", "count"), int, "many"),
        (ProblemKind.WRONG_KEY, ("by_color", "pink"), Color, "pink"),
        (ProblemKind.MISSING_FIELD, ("by_color", "pink", "count"), int, None),
        (ProblemKind.REFUSED, ("best",), Leaf, {"count": 10}),
        (ProblemKind.WRONG_TYPE, ("below",), tuple[Tree, ...], {}),
        (ProblemKind.UNKNOWN_FIELD, ("older",), Tree, 1),
    ] == [(each.kind, each.path, each.hint, each.value) for each in problems]


@pytest.mark.parametrize(
    ("hint", "plain", "expected"),
    [
        (int, "x", "expected int, found str 'x'"),
        (Decimal, "x", "[<class 'decimal.ConversionSyntax'>]"),
        (float, 10**400, "int too large to convert to float"),
        (Color, "green", "'green' is not a valid Color"),
        (Color, [], "expected Color, found list []"),
        (tuple[int, ...], 7, "expected tuple, found int 7"),
        (tuple[int, ...], [1, "x"], "expected int, found str 'x'"),
        (Mapping[Color, int], [], "expected Mapping, found list []"),
        (Mapping[Color, int], {"green": 1}, "'green' is not a valid Color"),
        (Leaf, [], "expected Leaf, found list []"),
        (Leaf, {}, "Leaf lacks 'count'"),
        (Leaf, {"count": 1, "cnt": 2}, "Leaf has no field 'cnt'"),
        (Leaf, {"count": 10}, "10 is too many"),
        (Tree, {"leaf": {"count": 10}}, "Tree.leaf: 10 is too many"),
        (Tree, {"leaf": {"count": 1}, "best": {}}, "Tree.best: Leaf lacks 'count'"),
        (Tree, {"leaf": {"count": None}}, "Tree.leaf: Leaf.count: expected int, found NoneType None"),
    ],
)
def test_text_names_the_first_problem_by_the_classes_above_it(hint: Any, plain: object, expected: str) -> None:
    """Places in lists and keys of mappings are not in it."""
    with pytest.raises(Misfits) as caught:
        Readers(JSON)[hint](plain)

    assert expected == str(caught.value)


def test_text_names_an_unknown_field_before_all_else() -> None:
    """It says that the value is of a newer schema, and with that why the rest does not fit."""
    with pytest.raises(Misfits, match=r"^Tree\.below: Tree\.leaf: Leaf has no field 'weight'$"):
        Readers(JSON)[Tree]({"leaf": {}, "below": [{"leaf": {"weight": 1}}], "best": 1})
