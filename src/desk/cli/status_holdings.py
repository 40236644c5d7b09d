"""Rows of ``trader status`` about what is held and what is under way: lots with their protection, orders, doubts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from desk.cli.status_mends import Mends
from desk.cli.status_screen import Part, Row, Section
from desk.cli.status_words import (
    format_change,
    format_clock,
    format_money,
    format_number,
    format_pct,
    format_span,
    seconds_between,
    shorten,
)
from trader.model.orders import OrderPurpose
from trader.model.portfolio import UNBELIEVED_SECONDS_MAX

Told = Mapping[str, Any]

#: Why nothing protects a lot where that is as it should be.
_SALES = ("it is being sold", "it is too little for the venue", "it is sold out, and its entry may still be filled")
#: What the screen says of the states of a parent.
_PARENT_WORDS = {"WORKING": "buying", "SLEEPING": "asleep", "ENDING": "ending"}
_UNPRICED = "NO PRICE BELIEVED"
_UNSEEN_COVER = " at venue by the ledger; the last run has not looked"


def make_lots_section(told: Told, mends: Mends) -> Section:
    """Make a row for each lot: those that nothing protects first, then those without a price, then the largest."""
    if not told["lots"]:
        return Section((Row(("lots none",)),))
    by_value = sorted(told["lots"], key=_value, reverse=True)
    rows = [_lot_row(lot, told, mends) for lot in by_value]
    rows.sort(key=lambda row: (not row.mend, _UNPRICED in row.text))
    fault = "NOT PROTECTED OR WITHOUT A PRICE" if any(_UNPRICED in row.text for row in rows) else "NOT PROTECTED"
    return Section(tuple(rows), "lot", fault)


def _value(lot: Told) -> Decimal:
    """Value a lot; where no price is stored, at what it cost."""
    if lot["value"] is not None:
        return Decimal(lot["value"])
    return Decimal(lot["quantity"]) * Decimal(lot["entry_price"]) if lot["entry_price"] is not None else Decimal(0)


def _lot_row(lot: Told, told: Told, mends: Mends) -> Row:
    kind, _, why = lot["protection"].partition(": ")
    mend = ""
    if kind == "none" and why not in _SALES:
        cover, mend = f" NOT at venue: {shorten(why)}", _mend_lot(told, mends)
    elif lot["protection"] == "in place":
        cover = f" at venue ✓ {format_clock(lot['seen_at'], told['now'])}" if lot["seen_at"] else _UNSEEN_COVER
        cover = cover if lot["protected_by"] else ", its bracket has not been shown by the venue yet"
    else:
        cover = f", {why}"
    age, head = lot["price_unbelieved_seconds"], f"{lot['product']} {format_number(lot['quantity'])}"
    if age >= UNBELIEVED_SECONDS_MAX:
        head, mend = f"{head} {_UNPRICED} for {format_span(age)}", mend or mends.name("reconcile")
    distance = "" if lot["stop_distance_pct"] is None else _tell_distance(Decimal(lot["stop_distance_pct"]))
    gain = [] if lot["gain_pct"] is None else [Part(format_change(lot["gain_pct"]), 1, wraps=True)]
    target = (
        [] if lot["target_price"] is None else [Part(f"target {format_number(lot['target_price'])}", 2, wraps=True)]
    )
    days = "" if lot["days"] is None else f" of {lot['days']}"
    day = Part(f"day {lot['day']}{days}", 3, wraps=True)
    stop = f"stop {format_number(lot['stop_price'])}"
    return Row((head, *gain, f"{stop}{distance}{cover}", *target, day, Part(lot["lot"], 4, wraps=True)), mend)


def _tell_distance(pct: Decimal) -> str:
    return f" ({format_pct(pct)} below)" if pct >= 0 else f" (PASSED by {format_pct(-pct)})"


def _mend_lot(told: Told, mends: Mends) -> str:
    """Name what protects a lot: a run, if the kill switch lets it send anything."""
    return mends.allow_exits if told["trading_state"] == "HALT" else mends.name("reconcile")


def _tell_end(expires_at: str, now: str) -> str:
    word = "dies" if seconds_between(now, expires_at) > 0 else "was to die"
    return f"{word} {format_clock(expires_at, now)}"


def make_orders_section(told: Told, mends: Mends) -> Section:
    """Count the active orders, and make a row for each that opens or ends a lot; a doubt that lasts comes first."""
    orders, doubts = told["orders"], [each for each in told["orders"] if each["in_doubt"]]
    guards = [each for each in orders if each["purpose"] == OrderPurpose.PROTECTION]
    total = f"orders {len(orders)} active · {len(guards)} protecting · {len(doubts)} in doubt"
    shown = [each for each in orders if each["purpose"] != OrderPurpose.PROTECTION or each["in_doubt"]]
    rows = sorted((_order_row(each, told, mends) for each in shown), key=lambda row: not row.mend)
    moves = tuple(
        Row((f"conversion {format_money(each['amount'])} {each['source']} into {each['target']} {each['status']}",))
        for each in told["conversions"]
    )
    red = tuple(row for row in rows if row.mend)
    calm = (row for row in rows if not row.mend)
    return Section((*red, Row((total,)), *calm, *moves), "order", "IN DOUBT")


def make_parents_sections(told: Told) -> list[Section]:
    """Count the parents by what they do, and make a row for each; no section if there is none.

    A function of an older release tells of none.
    """
    parents = told.get("parents", ())
    if not parents:
        return []
    own = [each["state"] for each in parents if each["understood"]]
    counts = [f"{own.count(state)} {word}" for state, word in _PARENT_WORDS.items() if state in own]
    counts += [f"{len(parents) - len(own)} left to a newer release"] if len(own) < len(parents) else []
    costs: dict[str, Decimal] = {}
    for each in parents:
        costs[each["quote"]] = costs.get(each["quote"], Decimal(0)) + Decimal(each["cost_max"])
    counts += [f"{format_money(str(cost))} {quote} to spend at most" for quote, cost in costs.items() if cost]
    total = Row((f"parents {' · '.join(counts)}",))
    return [Section((total, *(_parent_row(each, told["now"]) for each in parents)), "parent")]


def _parent_row(parent: Told, now: str) -> Row:
    left = Decimal(parent["quantity"]) - Decimal(parent["filled"])
    wanted = f"wanted {parent['product']} {format_number(str(left))} at {parent['price_max']} at most"
    end = f"given up {format_clock(parent['give_up_at'], now)}" if parent["end"] is None else f"over: {parent['end']}"
    return Row((wanted, end, Part(parent["style"], 3), Part(parent["state"], 2), Part(parent["parent"], 4)))


def _order_row(order: Told, told: Told, mends: Mends) -> Row:
    now, left = told["now"], Decimal(order["quantity"]) - Decimal(order["filled"])
    price = f"{order['product']} {order['side'].lower()} {format_number(str(left))} at {order['limit_price']}"
    end = [] if order["expires_at"] is None else [_tell_end(order["expires_at"], now)]
    kind = Part(order["configuration"], 3)
    if not order["in_doubt"]:
        return Row((price, *end, kind, Part(order["status"], 2), Part(order["order"], 4)))
    age = f"IN DOUBT for {format_span(order['age_seconds'])}"
    is_old = order["age_seconds"] > told["period_seconds"] and not told.get("busy")
    return Row((price, age, *end, order["order"], kind), mends.name("reconcile") if is_old else "")
