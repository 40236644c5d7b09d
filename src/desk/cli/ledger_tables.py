"""How a ledger, and a change of one, look to a person."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from desk.recovery.diff import Line, describe
from desk.recovery.ledger_item import StoredLedger
from desk.recovery.rebuild import Foreign, Rebuilt
from trader.model.codec import canonical_json
from trader.model.ids import Instant, Scope, rfc3339
from trader.model.ledger import Ledger, cash_imbalance
from trader.model.lots import Lot
from trader.model.money import ZERO, plain
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Side

_SHOWN = 20


def print_stored(scope: Scope, stored: StoredLedger, now: Instant, console: Console) -> None:
    """Print the lease, and the ledger or why there is none."""
    ledger = stored.ledger
    lease = "free"
    if stored.owner:
        lease = f"{'held' if stored.is_held(now) else 'run out'}: {stored.owner} until {rfc3339(stored.expires_at)}"
    _print(console, f"{scope}: lease {lease}; epoch {stored.epoch}, version {stored.version}")
    if ledger is None:
        _print(console, f"no ledger: {stored.problem or 'none was committed yet'}")
        return
    mark = ledger.last_cycle
    _print(console, f"last cycle {describe(mark)}; audit head {ledger.audit_head or 'none'}")
    _print(console, f"portfolio {ledger.portfolio or 'not told yet'}; {_size(ledger)}")
    for table in (_cash(ledger), _lots(ledger), _orders(ledger), _rests(ledger)):
        if table.row_count:
            console.print(table)


def _size(ledger: Ledger) -> str:
    """Say how large the books are, and what they are so large of."""
    parts = ("lots", "closed_lots", "orders", "tallies", "conversions", "dust", "owed")
    counts = ", ".join(f"{len(getattr(ledger, part))} {part.replace('_', ' ')}" for part in parts)
    return f"{len(canonical_json(ledger))} bytes of text: {counts}"


def print_change(lines: Iterable[Line], console: Console) -> None:
    """Print what would be different, or that nothing would be."""
    table = Table("what", "was", "becomes", title="differences", title_justify="left")
    for line in lines:
        table.add_row(escape(line.what), escape(line.was), escape(line.becomes))
    if table.row_count:
        console.print(table)
    else:
        _print(console, "no difference")


def print_rebuilt(made: Rebuilt, console: Console) -> None:
    """Print what could not be known, and what is left out because nothing explains it."""
    for each in made.unknown:
        _print(console, f"not known: {each}")
    for each in describe_foreign(made.foreign):
        _print(console, each)


def describe_foreign(foreign: Foreign) -> list[str]:
    """Say what the venue lists and no announced intent explains; the owner's own fills are only counted."""
    lines = [
        f"foreign, not booked: order {state.client_order_id or state.venue_order_id} carries our prefix, {state.side} "
        f"{plain(state.filled_quantity)} filled of {state.product_id}, {state.status}"
        for state in foreign.orders
    ]
    ours = {state.venue_order_id for state in foreign.orders}
    lines += [f"foreign, not booked: fill {_fill(fill)}" for fill in foreign.fills if fill.venue_order_id in ours]
    others = [fill for fill in foreign.fills if fill.venue_order_id not in ours]
    lines += [f"foreign, not booked: fill {_fill(fill)} of an order that is not ours" for fill in others[:_SHOWN]]
    if len(others) > _SHOWN:
        lines.append(f"foreign, not booked: {len(others) - _SHOWN} more fills of orders that are not ours")
    return lines


def _fill(fill: Fill) -> str:
    return f"{fill.trade_id}: {fill.side} {plain(fill.quantity)} {fill.product_id} at {plain(fill.price)}"


def _cash(ledger: Ledger) -> Table:
    table = Table("cash", "amount", "off by", title=f"capital {plain(ledger.capital)}", title_justify="left")
    imbalance = cash_imbalance(ledger)
    for asset, amount in sorted(ledger.cash.items()):
        table.add_row(asset, plain(amount), plain(imbalance.get(asset, ZERO)))
    for strategy, book in sorted(ledger.by_strategy.items()):
        table.add_row(f"book {strategy}", describe(book), "")
    for dust in ledger.dust:
        table.add_row(f"dust of {dust.strategy or 'several'}", describe(dust), "")
    return table


def _lots(ledger: Ledger) -> Table:
    table = Table("lot", "product", "strategy", "quantity", "cost", "at", "stop", "target", "protected", title="lots")
    for position in ledger.positions():
        for lot in position.lots:
            table.add_row(
                lot.lot_id,
                lot.product_id,
                lot.strategy,
                plain(lot.quantity),
                plain(lot.cost),
                plain(lot.entry_price) if lot.quantity else "",
                plain(lot.bracket.stop_price),
                plain(lot.bracket.target_price) if lot.bracket.target_price is not None else "",
                _protection(ledger, lot),
            )
    return table


def _protection(ledger: Ledger, lot: Lot) -> str:
    active = [record for record in ledger.orders_of(lot.lot_id) if record.is_active]
    covered = sum((record.remaining for record in active if record.intent.side is Side.SELL), ZERO)
    if covered:
        return f"{plain(covered)} by {', '.join(record.status for record in active if record.intent.side is Side.SELL)}"
    return "by its entry" if any(r.intent.is_entry and r.intent.attach_bracket for r in active) else "NO"


def _orders(ledger: Ledger) -> Table:
    table = Table("order", "what", "for", "doubt", title="working orders and open conversions", title_justify="left")
    for record in ledger.active_orders():
        table.add_row(record.intent.client_order_id, describe(record), record.intent.product_id, _doubt(record))
    for name, conversion in sorted(ledger.conversions.items()):
        if conversion.is_open:
            table.add_row(name, describe(conversion), "conversion", conversion.venue_conversion_id or "not quoted")
    return table


def _doubt(record: OrderRecord) -> str:
    if not record.is_in_doubt:
        return ""
    return f"in doubt since {rfc3339(record.sent_at or record.intent.decided_at)}"


def _rests(ledger: Ledger) -> Table:
    table = Table("memory", "value", title="marks and cool-downs", title_justify="left")
    if ledger.equity_marks is not None:
        table.add_row("marks", describe(ledger.equity_marks))
    if ledger.unmarked_flow:
        table.add_row("flow not marked yet", plain(ledger.unmarked_flow))
    if ledger.drawdown_halt:
        table.add_row("drawdown", "HALTED: no entries")
    for base, why in sorted(ledger.reduce_only.items()):
        table.add_row(f"reduce only {base}", why)
    for base, cooldown in sorted(ledger.cooldowns.items()):
        table.add_row(f"cool-down {base}", f"until {rfc3339(cooldown.until)} after {cooldown.reason}")
    if ledger.loss_streak.losses:
        table.add_row("losses in a row", str(ledger.loss_streak.losses))
    if ledger.loss_streak.cooldown_until:
        table.add_row("cool-down after losses", f"until {rfc3339(ledger.loss_streak.cooldown_until)}")
    if ledger.failure_streak.failed_cycles:
        table.add_row("failed cycles", str(ledger.failure_streak.failed_cycles))
    table.add_row("regime", f"{ledger.regime.current}")
    table.add_row("trades today", f"{ledger.entry_pacing.trades_today} ({ledger.entry_pacing.day or 'no day yet'})")
    return table


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
