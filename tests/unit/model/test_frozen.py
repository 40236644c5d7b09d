"""Copies of frozen values, and what is derived of them once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

from factories import a_ledger, a_product
from trader.model.cycle_state import Cooldown
from trader.model.frozen import cached_property, replace
from trader.model.ids import Instant


@dataclass(frozen=True)
class Pair:
    """Two numbers, and how often their sum was asked for."""

    left: int
    right: int
    asked: list[int] = field(default_factory=list)

    @cached_property
    def total(self) -> int:
        """What both come to."""
        self.asked.append(1)
        return self.left + self.right


@dataclass(frozen=True, slots=True)
class Single:
    """One field, in a slot."""

    only: int


VALUES = [
    (Pair(1, 2), {"left": 3}),
    (Cooldown(Instant(5), "stop"), {"reason": "loss"}),
    (Single(1), {"only": 2}),
    (a_product(), {"view_only": True}),
    (a_ledger(), {"audit_head": "x", "unrecorded": 2}),
]


@pytest.mark.parametrize(("value", "changes"), VALUES)
def test_copy_is_what_the_standard_library_makes(value: Any, changes: dict[str, Any]) -> None:
    """With slots, without, with one field only."""
    before = dataclasses.replace(value)

    copy = replace(value, **changes)

    assert dataclasses.replace(value, **changes) == copy
    assert type(value) is type(copy)
    assert before == value


@pytest.mark.parametrize("value", [value for value, _ in VALUES])
def test_copy_refuses_a_field_that_is_none(value: Any) -> None:
    """A wrong name would be forgotten, or stay beside the fields for good."""
    with pytest.raises(TypeError, match="nope"):
        replace(value, nope=1)


def test_copy_refuses_what_is_derived() -> None:
    """It follows from the fields, whatever somebody would have it be."""
    with pytest.raises(TypeError, match="total"):
        replace(Pair(1, 2), total=7)


def test_derived_attribute_is_made_once_and_anew_for_a_copy() -> None:
    """What is kept beside the fields is no part of the value."""
    pair = Pair(1, 2)
    totals = pair.total, pair.total

    copy = replace(pair, left=5)

    assert ((3, 3), 7) == (totals, copy.total)
    assert [1, 1] == pair.asked


def test_copy_is_as_frozen_as_its_original() -> None:
    """It was made past the constructor, and past nothing else."""
    copy = replace(Pair(1, 2), left=5)

    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.left = 6  # type: ignore[misc]
