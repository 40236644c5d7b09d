"""The writer of `make release-drill`: it edits stored text as a release after this one would have written it.

It knows nothing of this release's classes: what it puts there is looked for again, later, in the bare text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trader.model.codec import canonical_json
from trader.model.schema import SCHEMA

#: What no release of today means anything by, at any depth.
ADDED = {"note": "of the next release", "parts": [{"amount": "1.50", "left": None}], "weight": 0.1}
FIELD, PURPOSE, CONFIGURATION, STATUS = "next_release", "HEDGE", "PEGGED_GTC", "PARKED"
#: An attribute beside the ledger that no release of today has, and a command of a kind that none knows.
SLOT, KIND = "next_slots", "rebalance"


@dataclass(frozen=True, slots=True)
class Planted:
    """One thing put into stored text: whose it is, the way to it from there, and its canonical JSON.

    *owner* names a collection of the ledger and a key in it; an empty collection is the ledger itself, and ``item`` the
    item that it lies in.
    """

    owner: tuple[str, str]
    way: tuple[str, ...]
    text: str


def add_field(ledger: dict[str, Any], owner: tuple[str, str], *way: str) -> Planted:
    """Add a field to the record at the end of the way."""
    return add_value(ledger, owner, (*way, FIELD), ADDED)


def add_value(ledger: dict[str, Any], owner: tuple[str, str], way: tuple[str, ...], value: Any) -> Planted:
    """Put a value at the end of the way."""
    at: Any = find_owner(ledger, owner)
    for step in way[:-1]:
        at = at[step]
    at[way[-1]] = value
    return Planted(owner, way, canonical_json(value))


def add_everywhere(ledger: dict[str, Any], lots: Iterable[str], orders: Iterable[str]) -> list[Planted]:
    """Add a field at every depth there is, and ask for readers that this release is none of."""
    root = ("", "")
    planted = [add_field(ledger, root), add_value(ledger, root, ("schema",), SCHEMA + 1)]
    planted.append(add_value(ledger, root, ("min_reader",), 10_000))
    planted += [add_field(ledger, root, name) for name in ("entry_pacing", "equity_marks", "loss_streak", "regime")]
    planted += [add_field(ledger, ("by_strategy", name)) for name in ledger["by_strategy"]]
    planted += [add_field(ledger, ("lots", lot_id), *way) for lot_id in lots for way in ((), ("bracket",))]
    planted += [add_field(ledger, ("orders", each), *way) for each in orders for way in ((), ("intent",))]
    return planted


def add_slots(item: dict[str, Any], now: int) -> list[Planted]:
    """Leave two commands beside the ledger, a FLATTEN with a field more among them, and an attribute of its own."""
    item[SLOT] = ADDED
    item["commands"] = {kind: _write_command(kind, now) for kind in ("flatten", KIND)}
    ways = [(SLOT,), *(("commands", kind) for kind in item["commands"])]
    return [Planted(("item", ""), way, canonical_json(_follow(item, way))) for way in ways]


def _write_command(kind: str, now: int) -> str:
    command = {"kind": kind, "issued_at": now, "command_id": "next-1", "who": "operator", "why": "drill", FIELD: ADDED}
    told = {**command, "target": "", "until": None, "abandon": False}
    return f"{now:012d} next-1 {canonical_json(told)}"


def find_owner(ledger: Mapping[str, Any], owner: tuple[str, str]) -> Any:
    """Find the record that something was planted in: where it was, or where such records go; None if it is gone."""
    collection, key = owner
    if not collection:
        return ledger
    return next(
        (ledger[each][key] for each in (collection, f"closed_{collection}") if key in ledger.get(each, ())), None
    )


def is_there(planted: Planted, owner: Mapping[str, Any]) -> bool:
    """Whether it still stands where it was put, byte for byte."""
    return canonical_json(_follow(owner, planted.way)) == planted.text


def _follow(owner: Any, way: Iterable[str]) -> Any:
    at = owner
    for step in way:
        at = at.get(step) if isinstance(at, dict) else None
    return at


def edit_text(text: str, edit: Callable[[dict[str, Any]], None]) -> str:
    """Edit a stored text and write it as it was written."""
    plain = json.loads(text)
    edit(plain)
    return canonical_json(plain)
