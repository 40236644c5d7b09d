"""Schema 2 is closed with release 0.3.0: what it stores is listed, and stays readable as it is.

tests/fixtures/schema_2/fields.json has every field of everything that is stored, and its type. A field of that list
never goes and never changes its type without schema 3, and a field that is not in it has a default: so this release's
ledgers are read by the next ones, and theirs by it. Only who closes the next schema writes the list anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from trader.model.checkpoints import Checkpoint
from trader.model.commands import Command
from trader.model.ledger import Ledger
from trader.sim.account import SimAccount

LISTED: dict[str, str] = json.loads(
    (Path(__file__).parents[2] / "fixtures/schema_2/fields.json").read_text(encoding="utf-8")
)
ROOTS = (Ledger, SimAccount, Checkpoint, Command)


def stored_types() -> list[type]:
    """Every dataclass that lies in something that is stored, in the order of their names."""
    seen, todo = set[type](), list[type](ROOTS)
    while todo:
        kind = todo.pop()
        if kind in seen:
            continue
        seen.add(kind)
        for hint in get_type_hints(kind).values():
            todo += [part for part in _parts_of(hint) if isinstance(part, type) and is_dataclass(part)]
    return sorted(seen, key=lambda kind: kind.__name__)


def _parts_of(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint) if get_origin(hint) is not None or isinstance(hint, UnionType) else ():
        yield from _parts_of(part)


def stored_fields() -> dict[str, tuple[str, Field[Any]]]:
    """Every stored field by its class and name: its type as it is written, and what dataclasses know of it."""
    return {f"{kind.__name__}.{each.name}": (str(each.type), each) for kind in stored_types() for each in fields(kind)}


def test_no_listed_field_has_gone_or_become_another() -> None:
    """A ledger of 0.3.0 has them all."""
    found = {name: kind for name, (kind, _) in stored_fields().items()}

    assert {name: found.get(name) for name in LISTED} == LISTED


def test_field_that_is_newer_has_a_default() -> None:
    """A ledger of 0.3.0 has none of them."""
    newer = {name: each for name, (_, each) in stored_fields().items() if name not in LISTED}

    assert [] == [name for name, each in newer.items() if each.default is MISSING and each.default_factory is MISSING]


def test_list_is_of_what_is_stored() -> None:
    """The books, what is in them, and the simulated account beside them."""
    assert {"Ledger.parents", "Ledger.recorded_capital", "Lot.stop_changed_at", "SimAccount.paid_in"} <= set(LISTED)
    assert len(LISTED) > 250
