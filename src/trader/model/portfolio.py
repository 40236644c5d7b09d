"""The ledger marked with quotes: equity, exposure, drawdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.commands import NO_COMMANDS, StandingCommands
from trader.model.cycle_state import EquityMark, EquityMarks, RegimeReading
from trader.model.fill_bounds import IMPLAUSIBLE
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, StrategyId, utc_day, utc_week
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import HUNDRED, ZERO, Notional, notional
from trader.model.order_record import OrderRecord
from trader.model.orders import Side
from trader.model.trading_state import TradingState

#: A spread that opens, an auction, a feed that hangs are over by then, and three ticks of five minutes have looked. A
#: fall is not: neither the lot's own stop nor the stops of the day, the week and the drawdown have seen it.
UNBELIEVED_SECONDS_MAX = 900


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A ledger, what it is worth now, and what holds for this cycle whatever the proposals are.

    ``equity`` is None if anything held has no price: then nobody knows. ``pegs`` maps a stable quote asset to its
    price. ``reading`` is what the regime rests on. ``data_failures`` says what could not be read,
    reads that failed as a whole first. ``peers`` says of each proposed
    asset which others it moves with. ``ledger_bytes`` and ``ledger_bytes_max`` are those of the inputs.
    """

    ledger: Ledger
    now: Instant
    scheduled_at: Instant
    clusters: Mapping[Asset, tuple[str, ...]]
    tiers: Mapping[Asset, str]
    equity: Notional | None
    trading_state: TradingState = TradingState.RUN
    pegs: Mapping[Asset, Decimal] = field(default_factory=dict)
    data_complete: bool = True
    data_failures: tuple[str, ...] = ()
    reading: RegimeReading = RegimeReading()
    ledger_bytes: int = 0
    ledger_bytes_max: int = 0
    commands: StandingCommands = NO_COMMANDS
    peers: Mapping[Asset, frozenset[Asset]] = field(default_factory=dict)

    def lot_value(self, lot: Lot) -> Notional:
        """Mark a lot at the last accepted bid; at what it cost where none was ever accepted."""
        mark = self.ledger.accepted_marks.get(lot.base)
        return lot.cost if mark is None else notional(mark.price, lot.quantity)

    def exposures(self) -> dict[tuple[StrategyId, Asset], Decimal]:
        """Sum marked lots, parents, working buys and buys in doubt by strategy and asset, in the accounting asset.

        An unanswered buy counts in full: it may be filling right now. So does what a parent may still buy, whatever of
        it is on the book just now.
        """
        table: defaultdict[tuple[StrategyId, Asset], Decimal] = defaultdict(lambda: ZERO)
        for lot in self.ledger.lots.values():
            table[lot.strategy, lot.base] += self.lot_value(lot)
        for parent in self.ledger.parents.values():
            if parent.may_buy:
                table[parent.strategy, parent.base] += parent.notional_left
        for record in self.ledger.orders.values():
            intent = record.intent
            if not record.is_active or self._is_of_parent(record):
                continue
            if intent.is_entry or (intent.side is Side.BUY and not record.is_understood):
                table[intent.strategy, intent.base] += notional(intent.limit_price, record.remaining)
        return dict(table)

    def free_cash(self, quote: Asset) -> Notional:
        """Cash of one quote asset that no parent, no working or doubtful buy, and no open conversion can still take."""
        parents, orders = self.ledger.parents.values(), self.ledger.orders.values()
        taken = sum((parent.reserve for parent in parents if parent.quote == quote), ZERO)
        taken += sum(
            (r.open_cost for r in orders if r.intent.quote == quote and r.is_active and not self._is_of_parent(r)), ZERO
        )
        taken += sum(
            (c.intent.amount for c in self.ledger.conversions.values() if c.is_open and c.intent.source == quote), ZERO
        )
        return Notional(max(self.ledger.cash.get(quote, ZERO) - taken, ZERO))

    def _is_of_parent(self, record: OrderRecord) -> bool:
        """Whether an order is a child of a parent that counts for all of its children."""
        if not record.intent.is_entry:
            return False
        parent = self.ledger.parents.get(record.intent.lot_id)
        return parent is not None and parent.may_buy


def list_exposed_bases(ledger: Ledger) -> frozenset[Asset]:
    """List the base assets of what is held, and of what is being bought or may be."""
    buys = (each.intent.base for each in ledger.active_orders if each.intent.side is Side.BUY)
    return ledger.held_bases().union((parent.base for parent in ledger.parents.values()), buys)


def find_unbelieved(ledger: Ledger, now: Instant) -> Mapping[str, int]:
    """Name the held products of which no quote has been believed for too long. Units: seconds."""
    ages = {product_id: now - since for product_id, since in sorted(ledger.unbelieved.items())}
    return {product_id: age for product_id, age in ages.items() if age >= UNBELIEVED_SECONDS_MAX}


def find_implausible(ledger: Ledger) -> Mapping[str, str]:
    """Return the assets of which something was booked that cannot be, and why, until a person has looked."""
    return {base: why for base, why in sorted(ledger.reduce_only.items()) if why.startswith(IMPLAUSIBLE)}


def equity_of(ledger: Ledger, pegs: Mapping[Asset, Decimal]) -> Notional | None:
    """Mark the whole ledger: cash at its peg, lots at the last accepted bid. None if any price is missing.

    None as well while something is booked whose numbers cannot be, or the cash is not what its parts make it: nobody
    knows then what the cash is, see ``fill_bounds`` and ``capital``. Dust is worth nothing here: it cannot be sold.
    """
    if find_implausible(ledger) or ledger.unproven is not None:
        return None
    total = ZERO
    for asset, amount in ledger.cash.items():
        peg = Decimal(1) if asset == ledger.accounting_asset or not amount else pegs.get(asset)
        if peg is None:
            return None
        total += amount * peg
    for lot in ledger.lots.values():
        mark = ledger.accepted_marks.get(lot.base)
        if mark is None:
            return None
        total += notional(mark.price, lot.quantity)
    return Notional(total)


def assess_equity(ledger: Ledger) -> Notional | None:
    """Mark the whole ledger, cash included, at the last accepted prices. None if one is missing.

    It is for people: nothing is decided by it, since a stablecoin's price may be of long ago.
    """
    return equity_of(ledger, {asset: mark.price for asset, mark in ledger.accepted_marks.items()})


def advance_equity_marks(ledger: Ledger, equity: Notional | None, now: Instant) -> Ledger:
    """Carry the marks forward: a new UTC day or week starts at the last equity known before it, the peak only rises.

    So a fall while nobody looked belongs to the day that sees it. Without an equity nothing is written: no mark is ever
    invented.
    """
    if equity is None:
        return ledger
    if ledger.unmarked_flow:
        ledger = _after_flow(ledger, equity)
    day, week, old = utc_day(now), utc_week(now), ledger.equity_marks
    last = EquityMark(equity, now)
    if old is None:
        return replace(ledger, equity_marks=EquityMarks(day, equity, week, equity, equity, last))
    # A release that keeps no last equity may have begun a day since: what is older than that day is no opening of ours.
    is_kept = old.last is not None and utc_day(old.last.at) == old.day
    opening = old.last.equity if old.last is not None and is_kept else equity
    return replace(
        ledger,
        equity_marks=replace(
            old,
            day=day,
            day_equity=old.day_equity if old.day == day else opening,
            week=week,
            week_equity=old.week_equity if old.week == week else opening,
            peak_equity=max(old.peak_equity, equity),
            last=last if old.last is None else replace(old.last, equity=equity, at=now),
        ),
    )


def record_flow(ledger: Ledger, amount: Notional) -> Ledger:
    """Record a deposit (positive) or withdrawal (negative): cash and capital move at once.

    The marks follow when the equity is next known, see ``advance_equity_marks``: before, its share is unknown.
    """
    cash, capital = Notional(ledger.cash.get(ledger.accounting_asset, ZERO) + amount), Notional(ledger.capital + amount)
    return replace(
        ledger,
        capital=capital,
        recorded_capital=capital,
        cash={**ledger.cash, ledger.accounting_asset: cash},
        unmarked_flow=Notional(ledger.unmarked_flow + amount),
    )


def _after_flow(ledger: Ledger, equity: Notional) -> Ledger:
    """Scale every mark by what the flow made of the equity: a loss of 4 % before it is a loss of 4 % after it.

    So a withdrawal cannot trip a stop, and a deposit cannot hide a loss. Nothing was there before: marks begin anew.
    """
    before, marks = equity - ledger.unmarked_flow, ledger.equity_marks
    ledger = replace(ledger, unmarked_flow=Notional(0))
    if marks is None or before <= 0 or equity <= 0:
        return replace(ledger, equity_marks=None)
    last = marks.last
    return replace(
        ledger,
        equity_marks=replace(
            marks,
            day_equity=Notional(marks.day_equity * equity / before),
            week_equity=Notional(marks.week_equity * equity / before),
            peak_equity=Notional(marks.peak_equity * equity / before),
            last=None if last is None else replace(last, equity=Notional(last.equity * equity / before)),
        ),
    )


def loss_pct(start: Notional, equity: Notional) -> Decimal:
    """How far equity is below where it started, in percent of the start; zero or below if it is not."""
    return (start - equity) / start * HUNDRED if start > 0 else ZERO
