"""What single events of the audit make of the ledger, where the event alone says it: one function for each kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from decimal import Decimal

from desk.recovery.chain import Recorded
from trader.model.booking import book_dust, seal_fills
from trader.model.capital import CashShortage
from trader.model.checkpoints import find_month
from trader.model.codec import decode_told
from trader.model.commands import Command, CommandMark
from trader.model.cycle_state import EquityMarks, FailureStreak, Membership, RegimeState
from trader.model.events import EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.lots import Dust, Lot
from trader.model.market import Balance, Quote
from trader.model.money import ZERO, Notional, Price
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.settings import Settings
from trader.stages.exits import ExitEngine
from trader.stages.proposals.stop_changes import change_stop
from trader.stages.reconcile.vanished import give_up_vanished
from trader.stages.universe.believed_quotes import believe_pegs, believe_quotes
from trader.stages.valuation import mark_equity, price_pegs

_PLENTY = Decimal(10) ** 30

EventHandler = Callable[[Ledger, Recorded, Settings], Ledger]


def mark_lots(ledger: Ledger, event: Recorded, settings: Settings) -> Ledger:
    """Mark the lots and the books with the quotes that the cycle saw and believed; take what it saw of the cash."""
    quotes: dict[ProductId, Quote] = {
        quote.product_id: quote for quote in (decode_told(Quote, plain) for plain in event.body["quotes"])
    }
    now = Instant(event.body["now"])
    believed = believe_quotes(ledger, quotes, {}, now, settings.universe, settings.exits).quotes
    ledger = ExitEngine(settings.exits, settings.cycle.quiet_period_seconds).raise_peaks(ledger, believed)
    pegs = believe_pegs(quotes, now, settings)
    ledger = mark_equity(ledger, believed, price_pegs(pegs, settings.risk.pegs), now, settings.risk)[0]
    shortage = event.body.get("cash_shortage")
    return replace(ledger, cash_shortage=None if shortage is None else decode_told(CashShortage, shortage))


def apply_risk_check(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    """Take the equity marks and the failure streak as recorded; a halt that a person must lift is never lifted here."""
    body = event.body
    told = body["equity_marks"]
    marks: EquityMarks | None = decode_told(EquityMarks, told) if told is not None else None
    return replace(
        ledger,
        equity_marks=marks or ledger.equity_marks,
        failure_streak=decode_told(FailureStreak, body["failure_streak"])
        if "failure_streak" in body
        else ledger.failure_streak,
        drawdown_halt=ledger.drawdown_halt or bool(body.get("drawdown_halt")),
    )


def _dusted(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    lot = ledger.lots.get(ClientOrderId(event.body["lot"]))
    return ledger if lot is None else book_dust(ledger, lot)


def _regime(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    return replace(ledger, regime=decode_told(RegimeState, event.body["state"]))


def _universe(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    return replace(ledger, membership=decode_told(Mapping[ProductId, Membership], event.body["membership"]))


def _strategies(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    if "runs" not in event.body:
        return ledger
    return replace(ledger, strategy_runs=decode_told(Mapping[StrategyId, Instant], event.body["runs"]))


def _abstained(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    return replace(ledger, failure_streak=decode_told(FailureStreak, event.body["failure_streak"]))


def _adjusted(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    """Lift what an operator lifted, forget what an operator forgot, give up what an operator says is gone."""
    if "forgotten" in event.body:
        return replace(ledger, last_cycle=None)
    ledger = give_up_vanished(ledger, map(ClientOrderId, event.body.get("given_up", ())), event.at)
    return lift_reduce_only(ledger, event.body.get("lifted", ()))


def lift_reduce_only(ledger: Ledger, bases: Collection[str]) -> Ledger:
    """Allow entries into these assets again; what is still missing at the venue forbids them again at once."""
    return replace(ledger, reduce_only={base: why for base, why in ledger.reduce_only.items() if base not in bases})


def _commanded(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    command: Command = decode_told(Command, event.body["command"])
    mark = CommandMark(command.issued_at, command.command_id, event.body["run"])
    return replace(ledger, applied_commands={**ledger.applied_commands, command.slot: mark})


def _raised(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    """Give a lot, and the parent that adds to it, the stop that its strategy gave it."""
    lot = ledger.lots.get(ClientOrderId(event.body["lot"]))
    if lot is None:
        return ledger
    return change_stop(ledger, lot, Price(event.body["stop"]), Instant(event.body["at"]))


def _forgotten(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    slots = event.body["slots"]
    return replace(
        ledger, applied_commands={slot: mark for slot, mark in ledger.applied_commands.items() if slot not in slots}
    )


def _cleared(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    """Let the drawdown begin anew where an operator said so."""
    marks, peak = ledger.equity_marks, Notional(event.body["peak"])
    return replace(
        ledger, drawdown_halt=False, equity_marks=None if marks is None else replace(marks, peak_equity=peak)
    )


def _began(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    """Remember of which month the record has the beginning: no checkpoint of it is needed."""
    return replace(ledger, checkpoint=find_month(event.at)) if event.body.get("opening") else ledger


def _checkpointed(ledger: Ledger, event: Recorded, _: Settings) -> Ledger:
    return replace(ledger, checkpoint=str(event.body["month"]))


def recall_order(ledger: Ledger, record: OrderRecord) -> Ledger:
    """Put an order back that had left, and showed once more; its fills are booked."""
    return ledger.with_order(seal_fills(record, max((fill.time for fill in record.fills), default=Instant(0))))


def recall_released(
    ledger: Ledger, finished: dict[ClientOrderId, OrderRecord], released: Collection[ClientOrderId]
) -> tuple[Ledger, list[ClientOrderId], list[ClientOrderId]]:
    """Put orders that a turn let go back from the *finished* ones; also return which are known then, and which not.

    What a turn noted is settled like a whole account: that has withheld already what waited for the end of its sale.
    """
    for order_id in released:
        if order_id not in ledger.orders and order_id in finished:
            ledger = ledger.with_order(OrderRecord(finished.pop(order_id).intent, OrderStatus.CONTINGENT))
    known = [order_id for order_id in released if order_id in ledger.orders]
    return ledger, known, [order_id for order_id in released if order_id not in ledger.orders]


EVENT_HANDLERS: dict[str, EventHandler] = {
    EventKind.DUST_BOOKED: _dusted,
    EventKind.STOP_CHANGED: _raised,
    EventKind.INPUTS_GATHERED: mark_lots,
    EventKind.REGIME_ASSESSED: _regime,
    EventKind.UNIVERSE_SELECTED: _universe,
    EventKind.STRATEGIES_PROPOSED: _strategies,
    EventKind.CYCLE_SETTLED: _abstained,
    EventKind.LEDGER_ADJUSTED: _adjusted,
    EventKind.COMMAND_APPLIED: _commanded,
    EventKind.COMMANDS_FORGOTTEN: _forgotten,
    EventKind.DRAWDOWN_CLEARED: _cleared,
    EventKind.FLOW_RECORDED: _began,
    EventKind.CHECKPOINT_WRITTEN: _checkpointed,
}


def assume_plenty(ledger: Ledger) -> dict[Asset, Balance]:
    """Return balances under which nothing is missing: what is missing now, the venue says at the end."""
    held = {*ledger.cash, *(record.intent.base for record in ledger.orders.values())}
    parts: tuple[Lot | Dust, ...] = (*ledger.lots.values(), *ledger.dust)
    held |= {part.base for part in parts}
    return {base: Balance(base, _PLENTY, ZERO) for base in held}
