"""How an operator's word is waited for, and what is printed of what came of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

import typer

from desk.aftermath import Aftermath, OpenBooks, Trade, list_buying, open_books, settle_books, why_unsold
from desk.cli.exit_codes import ExitCode
from desk.cli.layout import format_amount, format_price
from desk.cli.word_options import WordOptions
from desk.confirmation import CommandWord, Ending, Pace, Stage, Word, follow
from desk.controls import UNSEEN, Controls
from desk.errors import NotNow, Overtaken
from trader.errors import MalformedData, StoreError
from trader.model.commands import CommandKind, StandingCommands
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import plain
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.ports import Clock, StateReading

#: A tick may come a minute late, and its run takes its time.
_BEYOND_A_PERIOD_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who attends to one word: where it was said, what was stored then, and where to look afterwards.

    ``books`` are missing if nothing can be seen from here, and ``unseen`` says why.
    """

    controls: Controls
    scope: Scope
    clock: Clock
    books: OpenBooks | None
    unseen: str
    timeout_seconds: int
    look: str

    def attend(self, word: Word, name: str, pace: Pace) -> None:
        """Wait until a finished run has acted on a word, and print what came of it.

        Raises: NotNow if nobody has confirmed it in time, Overtaken; and Exit on Ctrl-C. The word stands in any case.
        """
        if self.books is None:
            raise NotNow(f"{name} is given; what comes of it is {UNSEEN} ({self.unseen}): {self.look}")
        _note(f"waiting for a run to confirm it, {self.timeout_seconds} s at most; Ctrl-C leaves it standing")
        try:
            ending = follow(
                word, self.controls, self.scope, self.books, self.clock, pace, self.timeout_seconds, tell=_note
            )
            self._tell_aftermath(self.books, word)
        except KeyboardInterrupt:
            tell_interrupted(f"{name} stands nevertheless: {self.look}")
        self._conclude(ending, name)

    def _tell_aftermath(self, books: OpenBooks, word: Word) -> None:
        try:
            aftermath = settle_books(books, self.controls, self.scope)
        except StoreError as error:
            print(f"what was sold and cancelled is {UNSEEN}: {error}")
            return
        print_aftermath(aftermath)
        ledger, commands = aftermath.reading.ledger, aftermath.reading.commands
        if ledger is not None:
            state = commands.trading_state(self._read_switch())
            for line in list_left(word, ledger, state, self.clock.now(), commands):
                print(line)

    def _read_switch(self) -> TradingState:
        try:
            return self.controls.read_switch()
        except MalformedData:
            return TradingState.HALT
        except StoreError:
            # Whatever it says, it is not known here to hold anything up.
            return TradingState.HALT if self.controls.is_local else TradingState.RUN

    def _conclude(self, ending: Ending, name: str) -> None:
        judgment, reading = ending.judgment, ending.reading
        if judgment.stage is Stage.OVERTAKEN:
            raise Overtaken(f"{name}: {judgment.told}: {self.look}")
        if judgment.stage is Stage.DONE:
            last = reading.ledger.last_run if reading is not None and reading.ledger is not None else None
            by = f" by run {last.run_id}, {last.outcome}" if last is not None else ""
            print(f"{name}: confirmed after {ending.seconds:.1f} s{by}")
            return
        if ending.worker_is_gone:
            raise NotNow(
                f"{name}: nothing runs there any more; {_name_stage(ending)}; the next run acts on it: {self.look}"
            )
        raise NotNow(f"{name}: not confirmed within {self.timeout_seconds} s; {_name_stage(ending)}: {self.look}")


def prepare(
    controls: Controls,
    scope: Scope,
    clock: Clock,
    reading: StateReading | None,
    unseen: str,
    timeout_seconds: int,
    look: str,
) -> Attendance:
    """Open the books on what was seen; what cannot be seen keeps nobody from saying anything."""
    books = None
    if reading is not None:
        try:
            books = open_books(controls, scope, reading.ledger)
        except StoreError as error:
            unseen = str(error)
        if reading.ledger is None and not controls.is_local:
            _note(f"note: there is no ledger of {scope} yet; --mode says whose is meant")
    return Attendance(controls, scope, clock, books, unseen, timeout_seconds, look)


def measure_timeout(word: WordOptions, period_seconds: int) -> int:
    """Return how long to wait: as was said, or until a tick must have acted on it."""
    return word.timeout_seconds or period_seconds + _BEYOND_A_PERIOD_SECONDS


def tell_idle(look: str) -> None:
    """Say that nothing runs where something was said: there is nothing to wait for."""
    print(f"nothing runs there: the next run acts on it, as trader cycle or trader run --venue makes one: {look}")


def tell_interrupted(told: str) -> NoReturn:
    """Say what stands, and leave the process as interrupted. Raises: Exit."""
    _note(f"interrupted: {told}")
    raise typer.Exit(ExitCode.INTERRUPTED)


def print_aftermath(aftermath: Aftermath) -> None:
    """Print a line for each order that was cancelled or filled, and the sum of what was sold."""
    for record in aftermath.cancelled:
        intent = record.intent
        quantity = plain(intent.quantity - record.filled)
        print(
            f"cancelled {intent.side.lower()} {quantity} {intent.product_id} at {format_price(intent.limit_price)}"
            f" ({intent.purpose.lower()} of {intent.lot_id})"
        )
    for trade in aftermath.trades:
        quote, done = trade.product_id.rpartition("-")[2], "sold" if trade.side is Side.SELL else "bought"
        of = f"lot {trade.lot}" if trade.lot else f"order {trade.order}"
        print(
            f"{done} {plain(trade.quantity)} {trade.product_id} at {format_price(trade.notional / trade.quantity)}:"
            f" {format_amount(trade.notional)} {quote}, fee {format_amount(trade.fee)} ({of})"
        )
    sales: dict[str, list[Trade]] = {}
    for trade in aftermath.trades:
        if trade.side is Side.SELL:
            sales.setdefault(trade.product_id.rpartition("-")[2], []).append(trade)
    for quote, sold in sales.items():
        if len(sold) > 1:
            proceeds, fees = sum(each.notional for each in sold), sum(each.fee for each in sold)
            print(f"sold in all: {format_amount(Decimal(proceeds))} {quote}, fees {format_amount(Decimal(fees))}")
    if not aftermath.cancelled and not aftermath.trades:
        print("nothing was cancelled or sold")


def list_left(word: Word, ledger: Ledger, state: TradingState, now: Instant, commands: StandingCommands) -> list[str]:
    """List what a word is about and is still there, each with its reason."""
    kind = word.command.kind if isinstance(word, CommandWord) else None
    target = word.command.target if isinstance(word, CommandWord) else ""
    lots: list[Lot] = []
    if kind is CommandKind.FLATTEN and commands.is_flattening:
        lots = list(ledger.lots.values())
    elif kind is CommandKind.CLOSE:
        lots = [lot for lot_id, lot in ledger.lots.items() if lot_id == target]
    told = [
        f"left: {plain(lot.quantity)} {lot.product_id} ({lot.lot_id}): {why_unsold(ledger, lot, state, now)}"
        for lot in lots
    ]
    return told + [f"left: {_name_buy(each)}" for each in list_buying(ledger) if _is_meant(each, word, now)]


def _is_meant(record: OrderRecord, word: Word, now: Instant) -> bool:
    """Whether an order that buys is one that the word lets nobody keep."""
    if not isinstance(word, CommandWord):
        return True
    command, intent = word.command, record.intent
    if command.kind is CommandKind.PAUSE:
        return command.is_pausing(intent.base, intent.strategy, now)
    return command.kind is CommandKind.FLATTEN or (
        command.kind is CommandKind.CLOSE and intent.lot_id == command.target
    )


def _name_buy(record: OrderRecord) -> str:
    intent = record.intent
    why = "no run has cancelled it yet"
    if record.is_in_doubt:
        why = "nobody knows yet whether the venue has it"
    elif record.status is OrderStatus.CANCEL_QUEUED:
        why = "its cancel is not through yet"
    return f"buy {plain(record.remaining)} {intent.product_id} at {format_price(intent.limit_price)}: {why}"


def _name_stage(ending: Ending) -> str:
    told = ending.judgment.told
    return f"{ending.judgment.stage}{f' ({told})' if told else ''}"


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
