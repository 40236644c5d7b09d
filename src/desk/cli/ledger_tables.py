"""How a ledger, and a change of one, look to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console

from desk.cli.columns import fold_words
from desk.cli.layout import Column, print_table
from desk.counting import write_count
from desk.recovery.diff import Line, describe
from desk.recovery.ledger_item import StoredLedger
from desk.recovery.rebuild import Foreign, Rebuilt
from trader.errors import describe_end
from trader.model.capital import find_imbalance
from trader.model.codec import canonical_json
from trader.model.ids import Instant, Scope, rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import ZERO, plain
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Side

_SHOWN = 20
_CHANGES = (Column("what", speaks_for_itself=True), Column("was"), Column("becomes", is_wide=True))
_CASH = (Column("cash", speaks_for_itself=True), Column("amount", is_wide=True), Column("off by"))
_LOTS = (
    Column("product", speaks_for_itself=True),
    Column("quantity"),
    Column("cost"),
    Column("at"),
    Column("stop"),
    Column("target"),
    Column("protected"),
    Column("strategy", speaks_for_itself=True),
    Column("lot"),
)
_ORDERS = (Column("for", speaks_for_itself=True), Column("what", is_wide=True), Column("doubt"), Column("order"))
_MEMORY = (Column("memory", speaks_for_itself=True), Column("value", is_wide=True, speaks_for_itself=True))

Rows = list[Sequence[str]]


def print_stored(scope: Scope, stored: StoredLedger, now: Instant, console: Console) -> None:
    """Print the lease, and the ledger or why there is none."""
    ledger = stored.ledger
    lease = "free"
    if stored.owner:
        lease = (
            f"{'held' if stored.is_held(now) else 'run out'}: {stored.owner} until {describe_end(stored.expires_at)}"
        )
    _print(console, f"{scope}: lease {lease}; epoch {stored.epoch}, version {stored.version}")
    if ledger is None:
        _print(console, f"no ledger: {stored.problem or 'none was committed yet'}")
        return
    mark = ledger.last_cycle
    _print(console, f"last cycle {describe(mark)}; audit head {ledger.audit_head or 'none'}")
    _print(console, f"portfolio {ledger.portfolio or 'not told yet'}; {_size(ledger)}")
    for title, columns, rows in (
        (f"capital {plain(ledger.capital)}", _CASH, _cash(ledger)),
        ("lots", _LOTS, _lots(ledger)),
        ("working orders and open conversions", _ORDERS, _orders(ledger)),
        ("marks and cool-downs", _MEMORY, _rests(ledger)),
    ):
        if rows:
            print_table(console, title, columns, rows)


def _size(ledger: Ledger) -> str:
    """Say how large the books are, and what they are so large of."""
    parts = ("lots", "closed_lots", "orders", "tallies", "conversions", "dust", "owed")
    counts = ", ".join(f"{len(getattr(ledger, part))} {part.replace('_', ' ')}" for part in parts)
    return f"{len(canonical_json(ledger))} bytes of text: {counts}"


def print_change(lines: Iterable[Line], console: Console) -> None:
    """Print what would be different, or that nothing would be."""
    rows = [(line.what, line.was, line.becomes) for line in lines]
    if rows:
        print_table(console, "differences", _CHANGES, rows)
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
        lines.append(
            f"foreign, not booked: {write_count(len(others) - _SHOWN, 'more fill')} of orders that are not ours"
        )
    return lines


def _fill(fill: Fill) -> str:
    return f"{fill.trade_id}: {fill.side} {plain(fill.quantity)} {fill.product_id} at {plain(fill.price)}"


def _cash(ledger: Ledger) -> Rows:
    rows: Rows = []
    imbalance = find_imbalance(ledger)
    for asset, amount in sorted(ledger.cash.items()):
        rows.append((asset, plain(amount), plain(imbalance.get(asset, ZERO))))
    for strategy, book in sorted(ledger.by_strategy.items()):
        rows.append((f"book {strategy}", describe(book), ""))
    for dust in ledger.dust:
        rows.append((f"dust of {dust.strategy or 'several'}", describe(dust), ""))
    return rows


def _lots(ledger: Ledger) -> Rows:
    rows: Rows = []
    for position in ledger.positions():
        for lot in position.lots:
            rows.append(
                (
                    lot.product_id,
                    plain(lot.quantity),
                    plain(lot.cost),
                    plain(lot.entry_price) if lot.quantity else "",
                    plain(lot.bracket.stop_price),
                    plain(lot.bracket.target_price) if lot.bracket.target_price is not None else "",
                    _protection(ledger, lot),
                    lot.strategy,
                    lot.lot_id,
                )
            )
    return rows


def _protection(ledger: Ledger, lot: Lot) -> str:
    active = [record for record in ledger.orders_of(lot.lot_id) if record.is_active]
    covered = sum((record.remaining for record in active if record.intent.side is Side.SELL), ZERO)
    if covered:
        return f"{plain(covered)} by {', '.join(record.status for record in active if record.intent.side is Side.SELL)}"
    return "by its entry" if any(r.intent.is_entry and r.intent.attach_bracket for r in active) else "NO"


def _orders(ledger: Ledger) -> Rows:
    rows: Rows = []
    for record in ledger.active_orders:
        rows.append((record.intent.product_id, describe(record), _doubt(record), record.intent.client_order_id))
    for name, conversion in sorted(ledger.conversions.items()):
        if conversion.is_open:
            rows.append(("conversion", describe(conversion), conversion.venue_conversion_id or "not quoted", name))
    return rows


def _doubt(record: OrderRecord) -> str:
    if not record.is_in_doubt:
        return ""
    return f"in doubt since {rfc3339(record.sent_at or record.intent.decided_at)}"


def _rests(ledger: Ledger) -> Rows:
    rows: Rows = []
    if ledger.equity_marks is not None:
        rows.append(("marks", describe(ledger.equity_marks)))
    if ledger.unmarked_flow:
        rows.append(("flow not marked yet", plain(ledger.unmarked_flow)))
    if ledger.drawdown_halt:
        rows.append(("drawdown", "HALTED: no entries"))
    for base, why in sorted(ledger.reduce_only.items()):
        rows.append((f"reduce only {base}", why))
    for base, cooldown in sorted(ledger.cooldowns.items()):
        rows.append((f"cool-down {base}", f"until {rfc3339(cooldown.until)} after {cooldown.reason}"))
    if ledger.loss_streak.losses:
        rows.append(("losses in a row", str(ledger.loss_streak.losses)))
    if ledger.loss_streak.cooldown_until:
        rows.append(("cool-down after losses", f"until {rfc3339(ledger.loss_streak.cooldown_until)}"))
    if ledger.failure_streak.failed_cycles:
        rows.append(("failed cycles", str(ledger.failure_streak.failed_cycles)))
    rows.append(("regime", f"{ledger.regime.current}"))
    rows.append(("trades today", f"{ledger.entry_pacing.trades_today} ({ledger.entry_pacing.day or 'no day yet'})"))
    return rows


def _print(console: Console, text: str) -> None:
    for line in fold_words(text, console.width, "  "):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
