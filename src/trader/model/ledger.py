"""What persists between cycles: cash, lots, orders and memory. Built from fills only.

Every change returns a new ledger. Nothing here reads a market: marking with quotes is ``model.portfolio``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.capital import CashShortage, why_unproven
from trader.model.commands import CommandMark
from trader.model.conversions import ConversionRecord
from trader.model.cycle_state import (
    AcceptedMark,
    AlarmState,
    Cooldown,
    CycleMark,
    EntryPacing,
    EquityMarks,
    FailureStreak,
    FeeCache,
    LossStreak,
    Membership,
    ProductCache,
    RegimeState,
    RunMark,
)
from trader.model.frozen import cached_property, replace
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, Scope, StrategyId
from trader.model.lots import Dust, Lot, Position
from trader.model.market import Product
from trader.model.money import ZERO, Notional, Quantity
from trader.model.newer import why_newer
from trader.model.order_record import OrderRecord, compute_left
from trader.model.orders import OrderIntent, OrderPurpose, Side
from trader.model.parents import ParentOrder
from trader.model.round_trips import RoundTrip, keep_round_trip, make_round_trip
from trader.model.schema import SCHEMA
from trader.model.tallies import NO_TALLY, OrderTally, name_tally, name_tally_for
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: The base increment of a product whose metadata nobody remembers: the finest there is.
_FINEST_INCREMENT = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class SubLedger:
    """One strategy's part of the books. The parts add up to the whole, to the smallest unit."""

    cash_flow: Mapping[Asset, Notional] = field(default_factory=dict)
    realized: Notional = Notional(0)
    fees: Notional = Notional(0)
    wins: int = 0
    losses: int = 0
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True)
class Ledger:
    """Everything one scope remembers.

    ``capital`` sums what was paid in; it changes by recorded flows only. ``closed_lots`` keeps those that are sold out
    for as long as their orders are remembered, so that a late fill finds them. ``parents`` are the approvals that are
    still being bought, by the id of the lot that they open. ``tallies`` counts what became of the orders that are not
    remembered one by one. ``accepted_marks`` is what each held asset is worth until a newer quote of it is believed,
    ``unbelieved`` says of each held product since when none is; ``dust`` has one row for each asset. ``owed`` names the
    audit objects that wait beside the ledger to be stored; ``unrecorded`` counts those for which there was no room any
    more. ``portfolio`` is that of the account the books are about; all fills up to ``fills_known_until`` are known as
    ours or somebody else's. Of each slot ``applied_commands`` has the newest that was acted on. ``bars_on_record`` says
    of each series that the last tick read up to which bar the audit has it. ``round_trips`` has a row for each of the
    newest lots that closed, see ``model.round_trips``. ``recorded_capital`` is the capital as the last recorded flow
    left it. By the last look at the venue ``cash_shortage`` is missing there, or is in other quote assets than in the
    books: ``cash_shifted`` names those of which there is too little. ``checkpoint`` is the newest UTC month that the
    audit has a checkpoint of, or begins in.
    """

    scope: Scope
    accounting_asset: Asset
    capital: Notional
    cash: Mapping[Asset, Notional]
    lots: Mapping[ClientOrderId, Lot] = field(default_factory=dict)
    closed_lots: Mapping[ClientOrderId, Lot] = field(default_factory=dict)
    orders: Mapping[ClientOrderId, OrderRecord] = field(default_factory=dict)
    parents: Mapping[ClientOrderId, ParentOrder] = field(default_factory=dict)
    conversions: Mapping[str, ConversionRecord] = field(default_factory=dict)
    converted: Mapping[Asset, Notional] = field(default_factory=dict)
    by_strategy: Mapping[StrategyId, SubLedger] = field(default_factory=dict)
    dust: tuple[Dust, ...] = ()
    accepted_marks: Mapping[Asset, AcceptedMark] = field(default_factory=dict)
    unbelieved: Mapping[ProductId, Instant] = field(default_factory=dict)
    equity_marks: EquityMarks | None = None
    unmarked_flow: Notional = Notional(0)
    entry_pacing: EntryPacing = EntryPacing()
    tallies: Mapping[str, OrderTally] = field(default_factory=dict)
    cooldowns: Mapping[Asset, Cooldown] = field(default_factory=dict)
    loss_streak: LossStreak = LossStreak()
    regime: RegimeState = RegimeState()
    membership: Mapping[ProductId, Membership] = field(default_factory=dict)
    products: ProductCache | None = None
    fees: FeeCache | None = None
    depegged: Mapping[Asset, Instant] = field(default_factory=dict)
    strategy_runs: Mapping[StrategyId, Instant] = field(default_factory=dict)
    failure_streak: FailureStreak = FailureStreak()
    reduce_only: Mapping[Asset, str] = field(default_factory=dict)
    drawdown_halt: bool = False
    cancels: tuple[ClientOrderId, ...] = ()
    last_cycle: CycleMark | None = None
    last_run: RunMark | None = None
    alarms: AlarmState = field(default_factory=AlarmState)
    audit_head: str = ""
    owed: tuple[str, ...] = ()
    unrecorded: int = 0
    portfolio: str = ""
    fills_known_until: Instant = Instant(0)
    applied_commands: Mapping[str, CommandMark] = field(default_factory=dict)
    bars_on_record: Mapping[str, Instant] = field(default_factory=dict)
    round_trips: tuple[RoundTrip, ...] = ()
    recorded_capital: Notional | None = None
    cash_shortage: CashShortage | None = None
    cash_shifted: tuple[Asset, ...] = ()
    checkpoint: str = ""
    schema: int = SCHEMA
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def known_products(self) -> Mapping[ProductId, Product]:
        """What is known of products, by their ids."""
        return self.products.by_id if self.products is not None else {}

    def positions(self) -> tuple[Position, ...]:
        """Group the lots by strategy and product, in a stable order."""
        groups: dict[tuple[StrategyId, ProductId], list[Lot]] = {}
        for lot in sorted(self.lots.values(), key=lambda each: (each.strategy, each.product_id, each.lot_id)):
            groups.setdefault((lot.strategy, lot.product_id), []).append(lot)
        return tuple(
            Position(strategy, product_id, lots[0].base, tuple(lots)) for (strategy, product_id), lots in groups.items()
        )

    @cached_property
    def active_orders(self) -> tuple[OrderRecord, ...]:
        """The orders that may still change something, in the order they were decided."""
        active = (record for record in self.orders.values() if record.is_active)
        return tuple(sorted(active, key=lambda record: (record.intent.decided_at, record.intent.client_order_id)))

    @cached_property
    def orders_by_lot(self) -> Mapping[ClientOrderId, Sequence[OrderRecord]]:
        """Every remembered order, by the lot that it opened, closes or protects."""
        by_lot: dict[ClientOrderId, list[OrderRecord]] = {}
        for record in self.orders.values():
            by_lot.setdefault(record.intent.lot_id, []).append(record)
        return by_lot

    @cached_property
    def newer(self) -> Mapping[str, str | int] | None:
        """By which field and value a newer release keeps this one from entering; None if nothing does."""
        return why_newer(self)

    @cached_property
    def unproven(self) -> Mapping[str, str | Decimal] | None:
        """By which sum that is not what its parts make it this ledger may not enter; None if nothing is wrong."""
        return why_unproven(self)

    def with_products(self, products: ProductCache | None) -> Ledger:
        """Take over what is known of products by now."""
        return self if products is self.products else replace(self, products=products)

    def find_parent(self, strategy: StrategyId, base: Asset) -> ParentOrder | None:
        """Return the parent by which a strategy buys an asset, if it may still buy."""
        return next((p for p in self.parents.values() if (p.strategy, p.base) == (strategy, base) and p.may_buy), None)

    def with_parent(self, parent: ParentOrder) -> Ledger:
        """Remember this parent order, replacing what was known of it."""
        return replace(self, parents={**self.parents, parent.parent_id: parent})

    def without_parent(self, parent_id: ClientOrderId) -> Ledger:
        """Forget a parent that is over."""
        return replace(self, parents={key: each for key, each in self.parents.items() if key != parent_id})

    def count_try(self, intent: OrderIntent, *, has_filled: bool) -> Ledger:
        """Count for its parent what the market made of a child: one more try in vain, or the first of new ones."""
        parent = self.parents.get(intent.lot_id) if intent.is_entry else None
        if parent is None:
            return self
        return self.with_parent(replace(parent, tries=0 if has_filled else parent.tries + 1))

    def note_taken(self, intent: OrderIntent) -> Ledger:
        """Note that the venue has, or had, a child of a parent."""
        parent = self.parents.get(intent.lot_id) if intent.is_entry else None
        if parent is None or parent.taken_at is not None:
            return self
        return self.with_parent(replace(parent, taken_at=intent.decided_at))

    def has_open_entry(self, lot_id: ClientOrderId, settled: Instant) -> bool:
        """Whether an entry of a lot, or fills of it, are still waited for; *settled* as for ``awaits_fills``."""
        return any(each.intent.is_entry and each.awaits_fills(settled) for each in self.orders_of(lot_id))

    def with_order(self, record: OrderRecord) -> Ledger:
        """Remember this order, replacing what was known of it."""
        return replace(self, orders={**self.orders, record.intent.client_order_id: record})

    def tolerated_quantity(self, record: OrderRecord) -> Decimal:
        """Return what an order may report above its fills for the venue's rounding: half a base increment."""
        product = self.known_products.get(record.intent.product_id)
        return (product.base_increment if product is not None else _FINEST_INCREMENT) / 2

    def awaits_listing(self, record: OrderRecord) -> bool:
        """Whether an order reports fills that the venue has not listed, and that are more than its rounding."""
        missing = record.unreported_quantity
        return bool(missing) and missing > self.tolerated_quantity(record)

    def tally(self, order: OrderIntent | str) -> OrderTally:
        """Return what became of the orders made for the same as this one, or under this key."""
        return self.tallies.get(order if isinstance(order, str) else name_tally(order), NO_TALLY)

    def lot_tally(self, lot_id: ClientOrderId, purpose: OrderPurpose) -> OrderTally:
        """Return what became of the orders made for a lot and purpose."""
        return self.tally(name_tally_for(lot_id, purpose))

    def with_tally(self, order: OrderIntent | str, tally: OrderTally) -> Ledger:
        """Remember what became of such orders."""
        return replace(self, tallies={**self.tallies, order if isinstance(order, str) else name_tally(order): tally})

    def contingent(self, order_id: ClientOrderId) -> OrderRecord | None:
        """Return the order that waits for the end of this sale, if there is one."""
        waiting = (each for each in self.orders.values() if each.intent.contingent_on == order_id)
        return next((each for each in waiting if each.is_contingent and each.is_understood), None)

    def with_conversion(self, record: ConversionRecord) -> Ledger:
        """Remember this conversion, replacing what was known of it."""
        return replace(self, conversions={**self.conversions, record.intent.conversion_id: record})

    def with_lot(self, lot: Lot) -> Ledger:
        """Keep this lot, replacing what was known of it."""
        return replace(self, lots={**self.lots, lot.lot_id: lot})

    def with_closed_lot(self, lot: Lot) -> Ledger:
        """Move a lot that is sold out, or written off as dust, out of the open ones, and keep a row of what it was."""
        lots = {key: other for key, other in self.lots.items() if key != lot.lot_id}
        row = make_round_trip(lot, self.orders_of(lot.lot_id))
        rows = self.round_trips if row is None else keep_round_trip(self.round_trips, row)
        return replace(self, lots=lots, closed_lots={**self.closed_lots, lot.lot_id: lot}, round_trips=rows)

    def held_bases(self) -> frozenset[Asset]:
        """Return the base assets of every open lot."""
        return frozenset(lot.base for lot in self.lots.values())

    def orders_of(self, lot_id: ClientOrderId) -> Sequence[OrderRecord]:
        """Return every remembered order that opened, closes or protects this lot."""
        return self.orders_by_lot.get(lot_id, ())

    def quantity_withheld(self, lot_id: ClientOrderId) -> Quantity:
        """Return what of a lot is left to orders of a newer release: all that they may still sell."""
        sales = (each for each in self.orders_of(lot_id) if each.intent.side is Side.SELL and not each.is_understood)
        return Quantity(sum((each.remaining for each in sales if each.is_active), ZERO))

    def quantity_on_sale(self, lot_id: ClientOrderId, settled: Instant, without: Collection[ClientOrderId]) -> Quantity:
        """Return what orders may still sell of a lot, *without* some of them; *settled* as for ``awaits_fills``."""
        sales = (
            compute_left(each, self.orders_of(lot_id))
            for each in self.orders_of(lot_id)
            if each.intent.side is Side.SELL
            and each.intent.client_order_id not in without
            and each.awaits_fills(settled)
        )
        return Quantity(sum(sales, ZERO))

    def with_cash(self, asset: Asset, change: Decimal, strategy: StrategyId | None = None) -> Ledger:
        """Add to the cash of one asset, and to the sub-ledger of the strategy that caused it."""
        ledger = replace(self, cash=_added(self.cash, asset, change))
        if strategy is None:
            return replace(ledger, converted=_added(self.converted, asset, change))
        part = self.by_strategy.get(strategy, SubLedger())
        return replace(
            ledger,
            by_strategy={**self.by_strategy, strategy: replace(part, cash_flow=_added(part.cash_flow, asset, change))},
        )

    def without(self, lot_ids: Iterable[ClientOrderId], order_ids: Iterable[ClientOrderId]) -> Ledger:
        """Forget closed lots and finished orders."""
        lots, orders = self.closed_lots.keys() & set(lot_ids), self.orders.keys() & set(order_ids)
        if not lots and not orders:
            return self
        return replace(
            self,
            closed_lots={key: lot for key, lot in self.closed_lots.items() if key not in lots},
            orders={key: record for key, record in self.orders.items() if key not in orders},
        )


def _added(amounts: Mapping[Asset, Notional], asset: Asset, change: Decimal) -> dict[Asset, Notional]:
    return {**amounts, asset: Notional(amounts.get(asset, ZERO) + change)}


def open_ledger(scope: Scope, accounting_asset: Asset, capital: Notional) -> Ledger:
    """Open the books: all of the capital in cash, nothing else."""
    return Ledger(scope, accounting_asset, capital, {accounting_asset: capital}, recorded_capital=capital)
