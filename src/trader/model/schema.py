"""The schemas of everything that is stored: this one, the one reader of the one before it, and the next one.

Schema 2 renamed fields and told two ends of an order apart. What schema 1 wrote is turned into what schema 2 writes
before it is decoded; nothing else in the code knows the old names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trader.errors import MalformedData

SCHEMA = 2

#: Rises with each release that has learnt to read what only the release after it will write. What is stored may ask for
#: a higher one, as ``min_reader``: then this release only exits.
READER = 1

#: Keys that tell what a mapping is, and its keys that have other names now. One key is not enough: a mapping by
#: strategy has the names that its owner gave them.
_RENAMED: tuple[tuple[tuple[str, str], Mapping[str, str]], ...] = (
    (("leg", "client_order_id"), {"leg": "purpose", "kind": "configuration", "after": "depends_on",
                                  "attach": "attach_bracket"}),
    (("filled_claimed", "intent"), {"filled_claimed": "reported_filled", "over_at": "final_at"}),
    (("convert_id", "source"), {"convert_id": "conversion_id", "venue_convert_id": "venue_conversion_id"}),
    (("venue_convert_id", "status"), {"venue_convert_id": "venue_conversion_id", "over_at": "final_at"}),
    (("rest_until", "losses"), {"rest_until": "cooldown_until"}),
    (("rest_until", "failed_cycles"), {"rest_until": "cooldown_until"}),
    (("against", "member"), {"against": "disagreeing_cycles"}),
    (("numbers", "code"), {"numbers": "details"}),
    (("measures", "confidence"), {"measures": "features"}),
    (("accounting_asset", "capital"), {
        "closed": "closed_lots", "converts": "conversions", "books": "by_strategy", "marks": "equity_marks",
        "pacing": "entry_pacing", "streak": "loss_streak", "health": "failure_streak",
    }),
    (("matched_until", "totals"), {"live": "active", "converts": "conversions"}),
    (("fee_due", "executions"), {"kind": "configuration", "over_at": "final_at"}),
)  # fmt: skip
_EVENTS: Mapping[str, str] = {"FactsGathered": "InputsGathered", "ConvertObserved": "ConversionObserved"}
_BODIES: Mapping[str, Mapping[str, str]] = {
    "InputsGathered": {"switch": "trading_state"},
    "RegimeAssessed": {"memory": "state"},
    "RiskChecked": {"marks": "equity_marks", "health": "failure_streak"},
    "CycleSettled": {"health": "failure_streak"},
    "OrderIntended": {"convert": "conversion"},
    "OrderObserved": {"state": "report"},
    "ConversionObserved": {"convert": "conversion", "state": "report"},
}
#: What an order that was withheld says of itself. Any other LAPSED one was given up after a doubt.
_WITHHELD = re.compile(
    r"no time left in this invocation|the kill switch forbids it|order \S+ is not over|conversion \S+ is not done|"
    r"the lot became smaller than the order|another order sells of its lot"
)


def upgrade(plain: Any) -> Any:
    """Turn plain JSON of schema 1 into what schema 2 writes; what is of schema 2 comes back as it is."""
    if isinstance(plain, list):
        return [upgrade(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    names: dict[str, str] = {}
    for marks, renamed in _RENAMED:
        names |= renamed if all(mark in plain for mark in marks) else {}
    upgraded = {names.get(key, key): upgrade(value) for key, value in plain.items()}
    if upgraded.get("status") == "LAPSED":
        upgraded["status"] = "WITHHELD" if _WITHHELD.fullmatch(str(upgraded.get("note", ""))) else "ABANDONED"
    return upgraded


def upgrade_stored(plain: Any) -> Any:
    """Turn a stored ledger or simulated account of schema 1 into one of schema 2; any other comes back as it is.

    One of the next schema is read as one of this: what is new in it is kept, see ``trader.model.newer``.
    Raises: MalformedData for a schema that this code does not read.
    """
    if not isinstance(plain, dict):
        return plain
    return {**upgrade(plain), "schema": SCHEMA} if is_schema_1(plain) else plain


def is_schema_1(plain: Mapping[str, Any]) -> bool:
    """Whether a ledger, a simulated account or the head of an audit object is of schema 1. The latter two name none.

    Raises: MalformedData if it is neither of that, nor of the present schema or the next one.
    """
    schema = plain.get("schema", 1)
    if schema not in (1, SCHEMA, SCHEMA + 1):
        raise MalformedData(f"schema {schema!r}, this code reads 1 to {SCHEMA + 1}")
    return bool(schema == 1)


def upgrade_event(kind: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Turn one event of an audit object of schema 1, which names no schema, into kind and body of schema 2."""
    kind = _EVENTS.get(kind, kind)
    names = _BODIES.get(kind, {})
    return kind, {names.get(key, key): upgrade(value) for key, value in body.items()}
