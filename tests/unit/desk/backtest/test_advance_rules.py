"""Whoever gives the ledger a field says what a quiet tick makes of it, and whether anything waits for its instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from desk.backtest.advance import ADVANCED, MADE_ANEW, UNCHANGED
from desk.backtest.next_due import CLEARED_LATER, DUE, HISTORY
from trader.model.ids import Instant
from trader.model.ledger import Ledger


def parts_of(hint: Any) -> Iterator[Any]:
    """The types that a type is made of, itself included."""
    yield hint
    for part in get_args(hint) if get_origin(hint) is not None or isinstance(hint, UnionType) else ():
        yield from parts_of(part)


def stored_types(root: type) -> Iterator[type]:
    """Every dataclass that lies in a value of this one."""
    seen, todo = set(), [root]
    while todo:
        kind = todo.pop()
        if kind in seen:
            continue
        seen.add(kind)
        yield kind
        for hint in get_type_hints(kind).values():
            todo += [part for part in parts_of(hint) if isinstance(part, type) and is_dataclass(part)]


def fields_with_instants() -> set[str]:
    """Every stored field in whose type an instant occurs."""
    return {
        f"{kind.__name__}.{name}"
        for kind in stored_types(Ledger)
        for name, hint in get_type_hints(kind).items()
        if any(part is Instant for part in parts_of(hint))
    }


def test_every_field_of_the_ledger_has_one_rule() -> None:
    """It stays, is written anew by the next tick, or is carried on."""
    rules = [*UNCHANGED, *MADE_ANEW, *ADVANCED]

    assert sorted(rules) == sorted(each.name for each in fields(Ledger))


def test_every_stored_instant_is_due_cleared_or_history() -> None:
    """Each is named once, and nothing is named that is not stored."""
    named = [*DUE, *CLEARED_LATER, *HISTORY]

    assert sorted(named) == sorted(fields_with_instants())
