"""What a loop leaves behind when it ends: what rests at the venue, what the mode means for it, how to go on."""

from __future__ import annotations

from collections.abc import Iterator

from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import plain
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderConfiguration, OrderIntent, Side
from trader.settings import Settings
from trader.settings.app import Mode

_MEANING = {
    Mode.DRY_RUN: "DRY_RUN: nothing was ever sent, so nothing rests anywhere",
    Mode.PAPER: "PAPER: the venue is simulated in this folder, and nothing fills while nothing looks; the next "
    "runs make up for it, two days of candles each",
    Mode.LIVE: "LIVE: the venue goes on working these orders; but no holding time ends, no stop is moved and the kill "
    "switch is not obeyed until the loop runs again",
}


def describe_rest(ledger: Ledger | None, settings: Settings, now: Instant, command: str) -> list[str]:
    """Say it in lines; *command* is what starts the loop again."""
    lines = list(_describe_ledger(ledger, now)) if ledger is not None else []
    if not lines and settings.app.mode is not Mode.DRY_RUN:
        lines = ["nothing is held, and no order of ours is open"]
    return [*lines, _MEANING[settings.app.mode], f"to go on, the same command: {command}"]


def _describe_ledger(ledger: Ledger, now: Instant) -> Iterator[str]:
    for lot in sorted(ledger.lots.values(), key=lambda each: (each.product_id, each.lot_id)):
        yield _describe_lot(ledger, lot)
    for record in ledger.active_orders:
        if record.is_in_doubt:
            yield f"{_name(record)}: in doubt, nobody knows whether the venue has it; the next run asks"
        elif record.intent.is_entry:
            yield f"{_name(record)} at {plain(record.intent.limit_price)}: open, {_describe_end(record, now)}"


def _describe_lot(ledger: Ledger, lot: Lot) -> str:
    held = f"{lot.product_id} {plain(lot.quantity)} held"
    sales = [each for each in ledger.orders_of(lot.lot_id) if each.is_at_venue and each.intent.side is Side.SELL]
    if not sales:
        return f"{held}: NOT protected at the venue; the next run protects or sells it"
    told = []
    for each in sales:
        part = "" if each.remaining == lot.quantity else f" for {plain(each.remaining)} of it"
        told.append(_describe_sale(each.intent, lot) + part)
    if (bare := lot.quantity - sum(each.remaining for each in sales)) > 0:
        told.append(f"{plain(bare)} of it in no order")
    return f"{held}: " + "; ".join(told)


def _describe_sale(intent: OrderIntent, lot: Lot) -> str:
    if not intent.is_protection:
        return f"being sold at {plain(intent.limit_price)}"
    stop = f"stop {plain(intent.stop_price or lot.bracket.stop_price)}"
    has_target = intent.configuration is OrderConfiguration.BRACKET_GTC
    return (f"{stop} and target {plain(intent.limit_price)}" if has_target else stop) + " at the venue"


def _describe_end(record: OrderRecord, now: Instant) -> str:
    expires = record.intent.expires_at
    if expires is None:
        return "until it fills or the next run cancels it"
    return f"it dies by itself at {rfc3339(expires)}" + ("" if expires > now else ", which is over")


def _name(record: OrderRecord) -> str:
    return f"{record.intent.product_id} {record.intent.side.lower()} {plain(record.intent.quantity)}"
