"""How a cycle looks to people, and to machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console

from desk.cli.layout import Column, format_amount, format_number, format_price, format_quantity, print_table, print_text
from trader.cycle import CycleReport
from trader.model.codec import encode
from trader.model.decisions import Details, Outcome, Verdict
from trader.model.ids import rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.orders import OrderIntent

_NUMBERS_SHOWN = 4
_LIMIT_ENDS = ("_min", "_max")
_CAUSE = "cause"
_COLORS: dict[str, str] = {
    Outcome.ENTERING: "green",
    Outcome.EXITING: "yellow",
    Outcome.PROTECTING: "yellow",
    Outcome.HELD: "cyan",
    Outcome.REFUSED: "dim",
}
_VERDICTS = (
    Column("product", speaks_for_itself=True),
    Column("verdict", speaks_for_itself=True, colors=_COLORS),
    Column("by", rank=1, speaks_for_itself=True),
    Column("code", speaks_for_itself=True),
    Column("decisive numbers", is_wide=True, speaks_for_itself=True),
)
_ORDERS = (
    Column("product", speaks_for_itself=True),
    Column("side", speaks_for_itself=True),
    Column("quantity"),
    Column("price"),
    Column("stop"),
    Column("target"),
    Column("became", is_wide=True),
    Column("purpose", rank=1, speaks_for_itself=True),
    Column("configuration", rank=2, speaks_for_itself=True),
    Column("order", rank=3),
)
_LOTS = (
    Column("product", speaks_for_itself=True),
    Column("quantity"),
    Column("bought at"),
    Column("stop"),
    Column("target"),
    Column("sold by", rank=1),
    Column("strategy", rank=2),
    Column("lot", rank=3),
)
_LEDGER = (Column("ledger", speaks_for_itself=True), Column("before"), Column("after"))


def print_cycle(report: CycleReport, console: Console, reason: str = "") -> None:
    """Print the verdict on every product, the orders, what is held, and the ledger before and after.

    *reason* says better than the report why it ended as it did.
    """
    decision, why = report.decision, reason or report.reason
    print_text(console, f"cycle {report.tick.cycle_id}: {report.outcome}" + (f" ({why})" if why else ""))
    if decision is not None:
        print_text(console, f"regime {decision.regime}, equity {format_amount(decision.equity)}")
        _print_verdicts(decision.verdicts, why, console)
        if decision.plan.intents:
            print_table(console, "orders", _ORDERS, _order_rows(decision.plan.intents, report))
    if report.after is not None and report.after.lots:
        lots = [lot for position in report.after.positions() for lot in position.lots]
        print_lots([make_lot_json(lot) for lot in lots], console)
    if report.before is not None and report.after is not None:
        print_table(console, "ledger", _LEDGER, list(_ledger_rows(report.before, report.after)))


def print_lots(lots: Sequence[dict[str, Any]], console: Console) -> None:
    """Print what is held, with the stop and the target of each lot."""
    rows = [
        (
            each["product_id"],
            format_quantity(each["quantity"]),
            format_price(each["entry_price"]),
            format_price(each["stop_price"]),
            format_price(each["target_price"]),
            each["max_hold_until"] or "no limit",
            each["strategy"],
            each["lot_id"],
        )
        for each in lots
    ]
    print_table(console, "lots held", _LOTS, rows)


def make_lot_json(lot: Lot) -> dict[str, Any]:
    """Lay a lot out as one object: what it is, what it cost, and where it ends."""
    return {
        "lot_id": lot.lot_id,
        "product_id": lot.product_id,
        "strategy": lot.strategy,
        "quantity": encode(lot.quantity),
        "entry_price": encode(lot.entry_price) if lot.quantity else None,
        "stop_price": encode(lot.bracket.stop_price),
        "target_price": encode(lot.bracket.target_price),
        "max_hold_until": None if lot.max_hold_until is None else rfc3339(lot.max_hold_until),
    }


def make_cycle_json(report: CycleReport, reason: str = "") -> dict[str, Any]:
    """Lay a cycle out as one object."""
    decision = report.decision
    return {
        "cycle": report.tick.cycle_id,
        "outcome": report.outcome.value,
        "reason": reason or report.reason,
        "regime": decision.regime.value if decision else None,
        "equity": encode(decision.equity) if decision else None,
        "verdicts": encode(decision.verdicts) if decision else [],
        "orders": encode(decision.plan.intents) if decision else [],
        "fills": encode(report.new_fills),
        "before": _ledger_json(report.before),
        "after": _ledger_json(report.after),
    }


def _ledger_json(ledger: Ledger | None) -> Any:
    if ledger is None:
        return None
    return {"cash": encode(ledger.cash), "lots": encode(tuple(ledger.lots.values())), "dust": encode(ledger.dust)}


def _print_verdicts(verdicts: Sequence[Verdict], why: str, console: Console) -> None:
    """Print the verdicts; what one cause kept from being judged is told in one line, and the cause only once."""
    keys = [(str(each.outcome), str(each.code or ""), str(each.details.get(_CAUSE, ""))) for each in verdicts]
    shared = {key: count for key, count in Counter(keys).items() if key[2] and count > 1}
    for (outcome, code, cause), count in shared.items():
        told = "for that reason" if cause in why else cause
        print_text(console, f"{count} products {outcome} {code}: {told}")
    rows = [
        (each.product_id, str(each.outcome), each.stage, str(each.code or ""), _pick_numbers(each.details))
        for each, key in zip(verdicts, keys, strict=True)
        if key not in shared
    ]
    if rows:
        print_table(console, "verdicts", _VERDICTS, rows)


def _pick_numbers(details: Details) -> tuple[str, ...]:
    """Take the numbers closest to deciding otherwise first; a refusal without limits shows what it has."""
    limits = {name: name + end for name in details for end in _LIMIT_ENDS if name + end in details}
    ranked = sorted(limits, key=lambda name: -_closeness(details[name], details[limits[name]]))
    shown = [each for name in ranked for each in (name, limits[name])]
    shown += [name for name in details if name not in shown]
    return tuple(f"{name} {format_number(details[name])}" for name in shown[:_NUMBERS_SHOWN])


def _closeness(value: Decimal | float | str, limit: Decimal | float | str) -> float:
    """How near a number is to its limit: 1 at the limit, smaller the further away on either side."""
    if isinstance(value, str) or isinstance(limit, str) or not value or not limit:
        return 0.0
    ratio = abs(float(value) / float(limit))
    return min(ratio, 1 / ratio)


def _order_rows(intents: Iterable[OrderIntent], report: CycleReport) -> list[tuple[str, ...]]:
    orders = report.after.orders if report.after is not None else {}
    rows: list[tuple[str, ...]] = []
    for intent in intents:
        record, bracket = orders.get(intent.client_order_id), intent.bracket
        became = "not sent"
        if record is not None:
            became = f"{record.status}" + (f" {record.note}" if record.note else "")
        rows.append(
            (
                intent.product_id,
                intent.side,
                format_quantity(intent.quantity),
                format_price(intent.limit_price),
                format_price(bracket.stop_price if bracket is not None else intent.stop_price),
                format_price(bracket.target_price if bracket is not None else None),
                became,
                intent.purpose,
                intent.configuration,
                intent.client_order_id,
            )
        )
    return rows


def _ledger_rows(before: Ledger, after: Ledger) -> Iterable[tuple[str, str, str]]:
    for asset in sorted({*before.cash, *after.cash}):
        was, becomes = (format_amount(each.cash.get(asset, Decimal(0))) for each in (before, after))
        yield f"cash {asset}", was, becomes
    for lot_id in {**before.lots, **after.lots}:
        lots = [each.lots.get(lot_id) for each in (before, after)]
        name = next(f"lot {lot.product_id} ({lot.strategy})" for lot in lots if lot is not None)
        was, becomes = ("" if lot is None else format_quantity(lot.quantity) for lot in lots)
        yield name, was, becomes
    was, becomes = (str(len(each.active_orders)) for each in (before, after))
    yield "active orders", was, becomes
