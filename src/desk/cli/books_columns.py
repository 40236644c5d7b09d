"""The columns of the tables of trades, fills, lots, parents and cycles, and which go first where there is no room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from desk.cli.columns import Column
from desk.journal.words import read_decimal, write_money, write_pct, write_price, write_span
from trader.model.money import plain

Write = Callable[[Mapping[str, Any]], str]


def _text(name: str) -> Write:
    return lambda row: "" if row.get(name) is None else str(row[name])


def _minute(name: str) -> Write:
    return lambda row: str(row[name])[:16].replace("T", " ") if row.get(name) else ""


def _second(name: str) -> Write:
    return lambda row: str(row[name])[:19].replace("T", " ")


def _seconds(row: Mapping[str, Any]) -> str:
    return f"{row['seconds_left']} s"


def _state(row: Mapping[str, Any]) -> str:
    """Say of a parent that this release does not understand that it is not worked."""
    return str(row["state"]) if row["understood"] else "NEWER"


def _number(name: str, write: Callable[[Any], str]) -> Write:
    def show(row: Mapping[str, Any]) -> str:
        number = read_decimal(row.get(name))
        return "?" if number is None else write(number)

    return show


def _protection(row: Mapping[str, Any]) -> str:
    """Say yes only of what a run has seen at the venue."""
    kind = row["protection"].partition(":")[0]
    if kind == "in place":
        return "yes" if row["protection_seen_at"] is not None else "unseen"
    return "unknown" if kind == "unknown" else "NO"


def _span(name: str) -> Write:
    return lambda row: write_span(int(row[name]))


TRADES: Sequence[Column] = (
    Column("sold", _minute("sold_at"), rank=3),
    Column("product", _text("product")),
    Column("quantity", _number("quantity", plain), rank=5, is_number=True),
    Column("entry", _number("entry_price", write_price), rank=2, is_number=True),
    Column("exit", _number("exit_price", write_price), rank=2, is_number=True),
    Column("fees", _number("fees", write_money), rank=4, is_number=True),
    Column("net", _number("net_gain", write_money), is_number=True),
    Column("gain", _number("gain_pct", write_pct), is_number=True),
    Column("held", _span("held_seconds"), rank=6),
    Column("why sold", _text("exit_reason"), rank=1),
    Column("strategy", _text("strategy"), rank=7),
    Column("bought", _minute("bought_at"), rank=8),
    Column("left", lambda row: "" if row["left_is"] == "nothing" else f"{row['left']:f} {row['left_is']}", rank=9),
    Column("lot", _text("lot"), rank=10),
)
FILLS: Sequence[Column] = (
    Column("at", _minute("at")),
    Column("product", _text("product")),
    Column("side", _text("side")),
    Column("quantity", _number("quantity", plain), rank=1, is_number=True),
    Column("price", _number("price", plain), is_number=True),
    Column("notional", _number("notional", write_money), rank=2, is_number=True),
    Column("fee", _number("fee", write_money), rank=3, is_number=True),
    Column("purpose", _text("purpose"), rank=4),
    Column("liquidity", _text("liquidity"), rank=5),
    Column("strategy", _text("strategy"), rank=6),
    Column("lot", _text("lot"), rank=7),
    Column("trade", _text("trade"), rank=8),
)
LOTS: Sequence[Column] = (
    Column("product", _text("product")),
    Column("quantity", _number("quantity", plain), is_number=True),
    Column("entry", _number("entry_price", write_price), rank=4, is_number=True),
    Column("mark", _number("mark", plain), rank=5, is_number=True),
    Column("gain", _number("gain_pct", write_pct), is_number=True),
    Column("stop", _number("stop", plain), is_number=True),
    Column("below", _number("stop_distance_pct", lambda pct: f"{pct:.2f} %"), rank=2, is_number=True),
    Column("target", lambda row: row["target"] or "none", rank=6, is_number=True),
    Column("protected", _protection, rank=1),
    Column("since", _minute("protected_since"), rank=8),
    Column("day", lambda row: str(row["day"]) if row["days"] is None else f"{row['day']} of {row['days']}", rank=3),
    Column("sold by", lambda row: _minute("sold_by")(row) or "no limit", rank=7),
    Column("strategy", _text("strategy"), rank=9),
    Column("lot", _text("lot"), rank=10),
)
PARENTS: Sequence[Column] = (
    Column("product", _text("product")),
    Column("state", _state),
    Column("wanted", _number("quantity", plain), is_number=True),
    Column("filled", _number("filled", plain), is_number=True),
    Column("open", _number("open", plain), rank=2, is_number=True),
    Column("in doubt", _number("in_doubt", plain), rank=1, is_number=True),
    Column("at most", _number("price_max", plain), is_number=True),
    Column("left", _seconds, rank=3, is_number=True),
    Column("tries", _text("tries"), rank=5, is_number=True),
    Column("why it ends", _text("end"), rank=4),
    Column("style", _text("style"), rank=6),
    Column("given up", _second("give_up_at"), rank=7),
    Column("strategy", _text("strategy"), rank=8),
    Column("parent", _text("parent"), rank=9),
)
CYCLES: Sequence[Column] = (
    Column("run", _text("run")),
    Column("outcome", _text("outcome")),
    Column("sent", _text("orders_sent"), rank=2, is_number=True),
    Column("fills", _text("fills"), rank=3, is_number=True),
    Column("equity", _number("equity", write_money), rank=1, is_number=True),
    Column("regime", _text("regime"), rank=4),
    Column("switch", _text("trading_state"), rank=5),
)
CYCLES_OF_PRODUCT: Sequence[Column] = (CYCLES[0], Column("verdict", _text("verdict")), *CYCLES[1:])

#: What the rows of each table hold, for CSV without a row.
NAMES: Mapping[str, Sequence[str]] = {
    "trades": (
        "lot", "product", "strategy", "bought_at", "sold_at", "quantity", "entry_price", "exit_price", "fees",
        "net_gain", "gain_pct", "quote", "held_seconds", "exit_reason", "left", "left_is",
    ),
    "fills": (
        "at", "product", "side", "quantity", "price", "notional", "fee", "liquidity", "purpose", "strategy", "reason",
        "lot", "order", "venue_order", "trade",
    ),
    "lots": (
        "lot", "product", "strategy", "opened_at", "quantity", "entry_price", "cost", "entry_fees", "realized", "mark",
        "mark_at", "gain", "gain_pct", "stop", "stop_distance_pct", "target", "protection", "protected_since",
        "protection_seen_at", "day", "days", "sold_by",
    ),
    "parents": (
        "parent", "product", "strategy", "style", "state", "understood", "quantity", "filled", "open", "in_doubt",
        "price_max", "cost_max", "tries", "decided_at", "give_up_at", "seconds_left", "end",
    ),
    "cycles": (
        "run", "at", "epoch", "outcome", "reason", "orders_sent", "orders_refused", "fills", "equity", "regime",
        "trading_state", "standing", "verdict",
    ),
}  # fmt: skip
