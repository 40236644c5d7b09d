"""How cycles and runs look to people, and to machines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from desk.run import RunSummary
from trader.cycle import CycleReport
from trader.model.codec import encode
from trader.model.decisions import Details, Outcome, Verdict
from trader.model.ledger import Ledger
from trader.model.money import plain
from trader.model.orders import OrderIntent

_DIGITS = 6
_NUMBERS_SHOWN = 4
_LIMIT_ENDS = ("_min", "_max")
_COLOURS = {
    Outcome.ENTERING: "green",
    Outcome.EXITING: "yellow",
    Outcome.PROTECTING: "yellow",
    Outcome.HELD: "cyan",
    Outcome.REFUSED: "dim",
}


def print_cycle(report: CycleReport, console: Console) -> None:
    """Print the verdict on every product, the orders, and the ledger before and after."""
    decision = report.decision
    console.print(f"cycle {report.tick.cycle_id}: {report.outcome}" + (f" ({report.reason})" if report.reason else ""))
    if decision is not None:
        equity = "unknown" if decision.equity is None else format_number(decision.equity)
        console.print(f"regime {decision.regime}, equity {equity}", highlight=False)
        console.print(_verdict_table(decision.verdicts))
        if decision.plan.intents:
            console.print(_order_table(decision.plan.intents, report))
    if report.before is not None and report.after is not None:
        console.print(_ledger_table(report.before, report.after))


def print_run(summary: RunSummary, console: Console) -> None:
    """Print the totals of a run, what was said how often, and the proof of the cash."""
    table = Table("figure", "value", title="run", title_justify="left")
    for name, value in make_run_json(summary).items():
        if name not in {"verdicts", "cash_check", "outcomes"}:
            table.add_row(name, str(value))
    console.print(table)
    counts = Table("verdict", "product-cycles", title="verdicts", title_justify="left")
    for code, count in summary.verdicts.most_common():
        counts.add_row(str(code), str(count))
    console.print(counts)
    check = summary.cash_check
    if check is not None:
        console.print(
            f"cash check: expected {plain(check.expected)}, actual {plain(check.actual)}, "
            f"difference {plain(check.difference)}",
            highlight=False,
        )


def make_cycle_json(report: CycleReport) -> dict[str, Any]:
    """Lay a cycle out as one object."""
    decision = report.decision
    return {
        "cycle": report.tick.cycle_id,
        "outcome": report.outcome.value,
        "reason": report.reason,
        "regime": decision.regime.value if decision else None,
        "equity": encode(decision.equity) if decision else None,
        "verdicts": encode(decision.verdicts) if decision else [],
        "orders": encode(decision.plan.intents) if decision else [],
        "fills": encode(report.new_fills),
        "before": _ledger_json(report.before),
        "after": _ledger_json(report.after),
    }


def make_run_json(summary: RunSummary) -> dict[str, Any]:
    """Lay a run out as one object."""
    return {
        "ticks": summary.ticks,
        "entries": summary.entries,
        "exits": summary.exits,
        "fees": encode(summary.fees),
        "equity_open": encode(summary.equity_open),
        "equity_close": encode(summary.equity_close),
        "outcomes": dict(summary.outcomes),
        "verdicts": dict(summary.verdicts),
        "cash_check": encode(summary.cash_check),
    }


def format_number(value: Decimal | float | str) -> str:
    """Write a number for a person: six significant digits, no exponent."""
    if isinstance(value, (str, bool)):
        return str(value)
    return plain(Decimal(format(value, f".{_DIGITS}g")))


def _ledger_json(ledger: Ledger | None) -> Any:
    if ledger is None:
        return None
    return {"cash": encode(ledger.cash), "lots": encode(tuple(ledger.lots.values())), "dust": encode(ledger.dust)}


def _verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    table = Table("product", "verdict", "by", "code", "decisive numbers", title="verdicts", title_justify="left")
    for verdict in verdicts:
        colour = _COLOURS[verdict.outcome]
        table.add_row(
            verdict.product_id,
            f"[{colour}]{verdict.outcome}[/]",
            verdict.stage,
            verdict.code or "",
            _numbers(verdict.details),
        )
    return table


def _numbers(details: Details) -> str:
    """Show the numbers closest to deciding otherwise first; a refusal without limits shows what it has."""
    limits = {name: name + end for name in details for end in _LIMIT_ENDS if name + end in details}
    ranked = sorted(limits, key=lambda name: -_closeness(details[name], details[limits[name]]))
    shown = [each for name in ranked for each in (name, limits[name])]
    shown += [name for name in details if name not in shown]
    # A text may come from anywhere, an error of a strategy for one: brackets in it are no markup.
    return escape("  ".join(f"{name} {format_number(details[name])}" for name in shown[:_NUMBERS_SHOWN]))


def _closeness(value: Decimal | float | str, limit: Decimal | float | str) -> float:
    """How near a number is to its limit: 1 at the limit, smaller the further away on either side."""
    if isinstance(value, str) or isinstance(limit, str) or not value or not limit:
        return 0.0
    ratio = abs(float(value) / float(limit))
    return min(ratio, 1 / ratio)


def _order_table(intents: tuple[OrderIntent, ...], report: CycleReport) -> Table:
    table = Table("order", "product", "side", "purpose", "configuration", "quantity", "price", "became", title="orders")
    orders = report.after.orders if report.after is not None else {}
    for intent in intents:
        record = orders.get(intent.client_order_id)
        table.add_row(
            intent.client_order_id,
            intent.product_id,
            intent.side,
            intent.purpose,
            intent.configuration,
            plain(intent.quantity),
            plain(intent.limit_price),
            f"{record.status}" + (f" {record.note}" if record.note else "") if record else "not sent",
        )
    return table


def _ledger_table(before: Ledger, after: Ledger) -> Table:
    table = Table("ledger", "before", "after", title="ledger", title_justify="left")
    for asset in sorted({*before.cash, *after.cash}):
        table.add_row(f"cash {asset}", *(format_number(each.cash.get(asset, Decimal(0))) for each in (before, after)))
    for lot_id in {**before.lots, **after.lots}:
        lots = [each.lots.get(lot_id) for each in (before, after)]
        name = next(f"lot {lot.product_id} ({lot.strategy})" for lot in lots if lot is not None)
        table.add_row(name, *("" if lot is None else format_number(lot.quantity) for lot in lots))
    table.add_row("active orders", *(str(len(each.active_orders())) for each in (before, after)))
    return table
