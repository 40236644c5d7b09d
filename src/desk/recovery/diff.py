"""Two ledgers side by side, field by field and entry by entry, in words a person can check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from trader.model.codec import canonical_json
from trader.model.conversions import ConversionRecord
from trader.model.cycle_state import Cooldown, CycleMark, EquityMarks, FailureStreak, LossStreak, Membership
from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger, SubLedger
from trader.model.lots import Dust, Lot
from trader.model.money import plain
from trader.model.order_record import OrderRecord

_TEXT_MAX = 100
#: Caches, what the last look at the venue showed of the cash, what is told of the last run and to the alarms, and the
#: anchor that every write moves, and whether a checkpoint is due: no difference that means anything.
UNCOMPARED = frozenset(
    {
        "products",
        "fees",
        "audit_head",
        "fills_known_until",
        "last_run",
        "alarms",
        "bars_on_record",
        "cash_shortage",
        "cash_shifted",
        "checkpoint",
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One difference: what, and what it was and becomes; empty where there was or will be nothing."""

    what: str
    was: str
    becomes: str


def find_differences(old: Ledger | None, new: Ledger) -> tuple[Line, ...]:
    """List every difference that means something; without an old ledger everything the new one holds is one."""
    found: list[Line] = []
    for each in fields(new):
        if each.name in UNCOMPARED:
            continue
        was, becomes = getattr(old, each.name, None), getattr(new, each.name)
        if was == becomes:
            continue
        if isinstance(becomes, Mapping):
            before: Mapping[str, Any] = was if isinstance(was, Mapping) else {}
            keys = sorted({str(key) for key in (*before, *becomes)})
            found += [
                Line(f"{each.name} {key}", _said(before, key), _said(becomes, key))
                for key in keys
                if before.get(key) != becomes.get(key)
            ]
        elif old is not None or becomes not in ((), "", False, None):
            found.append(Line(each.name, "" if old is None else describe(was), describe(becomes)))
    return tuple(found)


def _said(entries: Mapping[str, Any], key: str) -> str:
    return describe(entries[key]) if key in entries else ""


def describe(value: Any) -> str:
    """Say a value of the ledger in one line."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, tuple) and value and all(isinstance(each, Dust) for each in value):
        return "; ".join(_dust(each) for each in value)
    say = _SAYINGS.get(type(value))
    if say is not None:
        return say(value)
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"


def _lot(lot: Lot) -> str:
    cost = f"{plain(lot.quantity)} {lot.base} for {plain(lot.cost)} {lot.quote}"
    return f"{cost}, fees {plain(lot.entry_fees)}, realized {plain(lot.realized)}"


def _order(record: OrderRecord) -> str:
    intent = record.intent
    order = f"{intent.purpose} {intent.side} {plain(intent.quantity)} {intent.base} at {plain(intent.limit_price)}"
    return f"{order}: {record.status}, filled {plain(record.filled)}"


def _conversion(record: ConversionRecord) -> str:
    intent = record.intent
    return f"{plain(intent.amount)} {intent.source} into {intent.target}: {record.status}"


def _sub_ledger(sub_ledger: SubLedger) -> str:
    flows = ", ".join(f"{plain(amount)} {asset}" for asset, amount in sorted(sub_ledger.cash_flow.items()))
    result = f"realized {plain(sub_ledger.realized)}, fees {plain(sub_ledger.fees)}"
    return f"flows {flows or 'none'}; {result}; {sub_ledger.wins} won, {sub_ledger.losses} lost"


def _dust(dust: Dust) -> str:
    return f"{plain(dust.quantity)} {dust.base} for {plain(dust.cost)}"


def _cooldown(cooldown: Cooldown) -> str:
    return f"until {rfc3339(cooldown.until)} after {cooldown.reason}"


def _marks(marks: EquityMarks) -> str:
    days = f"{marks.day} {plain(marks.day_equity)}, {marks.week} {plain(marks.week_equity)}"
    return f"{days}, peak {plain(marks.peak_equity)}"


def _until(at: Instant) -> str:
    return f", cool-down until {rfc3339(at)}" if at else ""


_SAYINGS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "none",
    Lot: _lot,
    OrderRecord: _order,
    ConversionRecord: _conversion,
    SubLedger: _sub_ledger,
    Cooldown: _cooldown,
    LossStreak: lambda streak: f"{streak.losses} lost in a row" + _until(streak.cooldown_until),
    FailureStreak: lambda streak: f"{streak.failed_cycles} failed in a row" + _until(streak.cooldown_until),
    Membership: lambda each: (
        ("in" if each.member else "out") + (f", {each.disagreeing_cycles} against" if each.disagreeing_cycles else "")
    ),
    CycleMark: lambda mark: f"{mark.cycle_id} {mark.phase}",
    EquityMarks: _marks,
}
