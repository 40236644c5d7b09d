"""Stops that strategies raise: whether a change is worth an order, and the lot with its new stop.

The order at the venue follows, see ``execution.protection``. Until it has, or where the venue refuses it, the new stop
is that of the exit engine, and the old order stays as the brake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from trader import indicators
from trader.model.decisions import Denial, Detail
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Bars, Quote
from trader.model.money import ONE, Price, from_float
from trader.model.targets import StopChange
from trader.strategies.base import STAGE

_DAY = 86_400
_DAYS = 365
#: A day of five-minute bars; of longer ones as many as there are.
_BARS_MAX = 288
_LEAST_DAYS = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class ChangedStops:
    """The ledger with the stops that were raised, what to put on record of them, and why others were not."""

    ledger: Ledger
    notes: tuple[AuditNote, ...]
    denials: tuple[Denial, ...]


def change_stops(
    ledger: Ledger,
    changes: Iterable[StopChange],
    quotes: Mapping[ProductId, Quote],
    contexts: Mapping[StrategyId, StrategyContext],
    now: Instant,
) -> ChangedStops:
    """Raise the stops of lots, each once a day at most; of several changes of a lot the first that may be made.

    One is made if it moves the stop up by a quarter of the product's daily volatility at least, and leaves it a whole
    one below the bid. *quotes* are believed ones. Units: volatility is that of the last day's closed bars, a ratio.
    """
    notes: list[AuditNote] = []
    denials: list[Denial] = []
    for change in changes:
        lot, quote = ledger.lots[change.lot_id], quotes.get(change.product_id)
        refusal = _why_not(change, lot, quote, contexts[change.strategy], now)
        if refusal is not None:
            code, details = refusal
            told = {"lot": lot.lot_id, "stop": change.stop_price, **details}
            denials.append(Denial(change.product_id, code, STAGE, told, change.strategy))
            continue
        ledger = change_stop(ledger, lot, change.stop_price, now)
        body = {"lot": lot.lot_id, "before": lot.bracket.stop_price, "stop": change.stop_price, "at": now}
        notes.append(AuditNote(EventKind.STOP_CHANGED, lot.lot_id, {**body, "reason": change.reason}))
    return ChangedStops(ledger, tuple(notes), tuple(denials))


def change_stop(ledger: Ledger, lot: Lot, stop_price: Price, at: Instant) -> Ledger:
    """Give a lot its new stop, and the parent that still adds to it: what that buys comes with a bracket of its own."""
    raised = replace(lot, bracket=replace(lot.bracket, stop_price=stop_price), stop_changed_at=at)
    parent, ledger = ledger.parents.get(lot.lot_id), replace(ledger, lots={**ledger.lots, lot.lot_id: raised})
    if parent is None:
        return ledger
    return ledger.with_parent(replace(parent, bracket=replace(parent.bracket, stop_price=stop_price)))


def _why_not(
    change: StopChange, lot: Lot, quote: Quote | None, context: StrategyContext, now: Instant
) -> tuple[DenialCode, Mapping[str, Detail]] | None:
    if lot.stop_changed_at is not None and now - lot.stop_changed_at < _DAY:
        return DenialCode.STOP_TOO_SOON, {"seconds": now - lot.stop_changed_at, "limit": _DAY}
    if quote is None:
        return DenialCode.QUOTE_MISSING, {"product": change.product_id}
    held = context.held.get(change.product_id)
    volatility = None if held is None or held.bars is None else _daily_volatility(held.bars)
    if volatility is None:
        return DenialCode.HISTORY_TOO_SHORT, {"bars": 0 if held is None or held.bars is None else len(held.bars)}
    present, stop = lot.bracket.stop_price, change.stop_price
    least, most = present * (ONE + volatility * _LEAST_DAYS), quote.bid * (ONE - volatility)
    if stop <= present or stop < least:
        return DenialCode.STOP_TOO_LOW, {"present": present, "least": least}
    if stop > most:
        return DenialCode.STOP_TOO_HIGH, {"bid": quote.bid, "limit": most}
    return None


def _daily_volatility(bars: Bars) -> Decimal | None:
    """Return the volatility of a day, a ratio; None of too few bars."""
    count = min(len(bars) - 1, _BARS_MAX)
    return from_float(indicators.annualized_volatility(bars, count) / sqrt(_DAYS)) if count > 1 else None
