"""The question before a sale: what would be sold, at what the last mark says, and whether it shall be."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal

import typer

from desk.cli.exit_codes import ExitCode
from desk.cli.layout import format_amount, format_price
from desk.controls import UNSEEN
from desk.counting import write_count
from trader.errors import ConfigError
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import ZERO, notional, plain


def ask_to_sell(what: str, ledger: Ledger | None, lots: Sequence[Lot], unseen: str, *, is_agreed: bool) -> bool:
    """Say what would be sold, and ask unless it *is_agreed* to or nothing is held; return whether was asked.

    Raises: ConfigError if nobody can be asked; Exit if the answer is anything but yes: nothing was said then.
    """
    if not is_agreed and not sys.stdin.isatty():
        raise ConfigError(f"{what}: nobody can be asked whether to sell, since this is no terminal; allowed is --yes")
    if unseen:
        return _ask(f"what is held is {UNSEEN} ({unseen})\nSell all that it is about?", is_agreed=is_agreed)
    if ledger is None or not lots:
        print("nothing is held: there is nothing to sell now")
        return False
    worth, unpriced = ZERO, 0
    for lot in lots:
        at, mark = "no price is known", ledger.accepted_marks.get(lot.base)
        if mark is None:
            unpriced += 1
        else:
            value = notional(mark.price, lot.quantity)
            worth += value
            at = f"at {format_price(mark.price)}: {format_amount(value)} {lot.quote}"
        print(f"to be sold: {plain(lot.quantity)} {lot.product_id} {at} ({lot.lot_id})")
    return _ask(_name_question(len(lots), worth, unpriced, ledger.accounting_asset), is_agreed=is_agreed)


def _name_question(count: int, worth: Decimal, unpriced: int, asset: str) -> str:
    without = f", {unpriced} of them without a price," if unpriced else ""
    return f"Sell {write_count(count, 'lot')}{without} worth about {format_amount(worth)} {asset}?"


def _ask(question: str, *, is_agreed: bool) -> bool:
    if is_agreed:
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline().strip().lower()
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was said", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if answer not in ("y", "yes"):
        print("nothing was said, and nothing is sold", file=sys.stderr)
        raise typer.Exit(ExitCode.WRONG)
    return True
