"""Everything a decision is made from. A decision is a pure function of this value and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trader.errors import DataError
from trader.model.commands import NO_COMMANDS, StandingCommands
from trader.model.conversions import ConversionReport
from trader.model.cycle_state import Membership, Regime
from trader.model.decisions import Denial, Details, Trigger
from trader.model.denials import DenialCode
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, VenueOrderId, is_tick_id
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Balance, Bars, BarsNeeded, Depth, FeeRates, Granularity, Product, Quote
from trader.model.money import Notional
from trader.model.orders import Fill, OrderPurpose, OrderStatusReport
from trader.model.round_trips import RoundTrip
from trader.model.trading_state import TradingState


@dataclass(frozen=True, slots=True)
class Tick:
    """One invocation: the instant it was scheduled for, and when it must be done.

    A tick of the schedule decides everything. Any other run, which an event woke, finishes what was begun, sells and
    protects; it asks no strategy and enters nothing.
    """

    cycle_id: CycleId
    scheduled_at: Instant
    deadline: Instant

    @property
    def decides(self) -> bool:
        """Whether it is a tick, which has its place in the order of the schedule; an event is never too late."""
        return is_tick_id(self.cycle_id)


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row of a listing that cannot be read, and why; of what it names, that which could be read.

    Whose it is the ledger says. A row of the account's owner is nobody's business.
    """

    reason: str
    venue_order_id: VenueOrderId | None = None
    client_order_id: ClientOrderId | None = None
    originating_order_id: VenueOrderId | None = None
    product_id: ProductId | None = None


@dataclass(frozen=True, slots=True)
class AccountListing:
    """Wallets and orders as the venue lists them, the owner's orders included.

    ``portfolios`` are those that the wallets belong to; none where the venue does not say.
    """

    balances: Mapping[Asset, Balance | DataError]
    orders: Sequence[OrderStatusReport | OddRow] = ()
    portfolios: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AccountView:
    """What the venue says about us, and about the owner of the account.

    ``orders`` and ``fills`` are complete since the instants that were asked for; the odd ones could not be read, and
    neither could the wallets in ``odd_wallets`` and the conversions in ``unread_conversions``. ``unresolved`` are
    products of rows that may belong to an order in doubt: that could not be found out. ``missing`` are the orders that
    were asked for by their ids and that the venue left out.
    """

    read_at: Instant
    balances: Mapping[Asset, Balance]
    orders: tuple[OrderStatusReport, ...] = ()
    fills: tuple[Fill, ...] = ()
    conversions: tuple[ConversionReport, ...] = ()
    odd_orders: tuple[OddRow, ...] = ()
    odd_fills: tuple[OddRow, ...] = ()
    odd_wallets: Mapping[Asset, str] = field(default_factory=dict)
    unread_conversions: frozenset[str] = frozenset()
    unresolved: frozenset[ProductId] = frozenset()
    missing: frozenset[VenueOrderId] = frozenset()
    portfolios: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CycleInputs:
    """The world as one cycle read it, the ledger already reconciled with the venue.

    ``products`` and ``quotes`` are by product id, aliases included; ``bars`` holds a series or the reason there is
    none; ``available`` is what the venue lets us spend (None where there is no account to ask); ``depth`` is read
    for products with a proposal only; ``complete`` is false if any part of the market could not be read at all.
    ``strategy_bars`` are bars that due strategies need beside those: read for them alone, and only when they are due.
    ``causes`` says why a product, its quote or its depth is missing; ``failures`` are the reads that failed as a whole,
    each with its cause ("quotes: GET /best_bid_ask: HTTP 503"). ``trading_state`` is what the switch and the
    ``commands`` together allow. ``ledger_bytes`` is what the ledger takes in its store,
    ``ledger_bytes_max`` from how much on nothing is entered any more; 0 where the store takes any size.
    """

    cycle_id: CycleId
    now: Instant
    scheduled_at: Instant
    trading_state: TradingState
    ledger: Ledger
    products: Mapping[ProductId, Product]
    quotes: Mapping[ProductId, Quote]
    bars: Mapping[ProductId, Bars | DataError]
    benchmark: Bars | DataError
    fees: FeeRates
    available: Mapping[Asset, Decimal] | None = None
    depth: Mapping[ProductId, Depth] = field(default_factory=dict)
    complete: bool = True
    causes: Mapping[ProductId, str] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    ledger_bytes: int = 0
    ledger_bytes_max: int = 0
    commands: StandingCommands = NO_COMMANDS
    strategy_bars: Mapping[BarsNeeded, Mapping[ProductId, Bars | DataError]] = field(default_factory=dict)

    @property
    def decides(self) -> bool:
        """Whether it is a tick that decides everything, or a run that only sells and protects."""
        return is_tick_id(self.cycle_id)

    @property
    def enters(self) -> bool:
        """Whether anything may be bought in this run."""
        return self.decides and self.trading_state.permits(OrderPurpose.ENTRY)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that passed the universe's checks so far, with what the stages need to know of it.

    ``product`` is the canonical one; ``listings`` are all products that trade on the same order book, itself included.
    """

    product: Product
    listings: tuple[Product, ...]
    tier: str
    quote: Quote
    bars: Bars


@dataclass(frozen=True, slots=True)
class UniverseSelection:
    """Who may be traded this cycle. Every considered product is a candidate or has a denial, never both.

    ``tiers`` names the tier of each base asset considered, ``products`` the product it is looked at through.
    """

    considered: tuple[ProductId, ...]
    candidates: Mapping[ProductId, Candidate]
    denials: tuple[Denial, ...]
    membership: Mapping[ProductId, Membership]
    tiers: Mapping[Asset, str]
    products: Mapping[Asset, ProductId]


@dataclass(frozen=True, slots=True)
class Detection:
    """The best trigger of each product that has one, and why the other candidates have none."""

    triggers: Mapping[ProductId, Trigger]
    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class BelievedQuotes:
    """The quotes of held products that may be believed; of the others, why not, with the numbers."""

    quotes: Mapping[ProductId, Quote] = field(default_factory=dict)
    refusals: Mapping[ProductId, tuple[DenialCode, Details]] = field(default_factory=dict)

    def filter(self, quotes: Mapping[ProductId, Quote]) -> Mapping[ProductId, Quote]:
        """Leave out what is held and not believed; what is not held is for the universe to judge."""
        if not self.refusals:
            return quotes
        return {product_id: quote for product_id, quote in quotes.items() if product_id not in self.refusals}

    def describe(self, product_id: ProductId) -> Details:
        """Return why the quote of a held product is not believed; nothing if it is."""
        if product_id not in self.refusals:
            return {}
        code, details = self.refusals[product_id]
        return {"unbelieved": code.value, **details}

    def explain(self, denials: Iterable[Denial]) -> tuple[Denial, ...]:
        """Tell the denials for want of a quote that there was one, and why it was not believed."""
        return tuple(
            replace(each, details={**each.details, **self.describe(each.product_id)})
            if each.code is DenialCode.QUOTE_MISSING
            else each
            for each in denials
        )


@dataclass(frozen=True, slots=True)
class HeldProduct:
    """What is known of a product on which a strategy holds a lot, candidate or not.

    ``quote`` is None if it is not believed, ``bars`` if they could not be read. They may have gaps, and be fewer
    than a candidate has.
    """

    base: Asset
    quote: Quote | None
    bars: Bars | None


@dataclass(frozen=True, slots=True)
class StrategyContext:
    """What a strategy may look at: its own lots, the triggers, the candidates, the costs. Nothing else exists.

    ``held`` has the product of every one of its lots, by the lot's product id, whatever the universe says of it: the
    universe gates entries only. ``series`` has the bars that it declared to need, see ``bars``; candidates of which any
    of those could not be read are left out, with a denial.
    ``equity`` is all that the books are worth, ``capital`` the strategy's own part of it: equity × the cap of the
    total exposure × its weight; ``cash`` what of that part neither lots nor working buys take; each None while nobody
    knows the equity. ``round_trips`` are the strategy's newest lots that closed, oldest first, see ``RoundTrip``.
    ``round_trip_ratio`` gives, per product, what buying as a maker and selling again costs, as a fraction of the
    notional; ``base_size_pct`` the tier's base size; ``core_products`` those of the first tier.
    """

    now: Instant
    regime: Regime
    candidates: Mapping[ProductId, Candidate]
    triggers: Mapping[ProductId, Trigger]
    lots: tuple[Lot, ...]
    round_trip_ratio: Mapping[ProductId, Decimal]
    base_size_pct: Mapping[ProductId, Decimal]
    core_products: frozenset[ProductId] = frozenset()
    held: Mapping[ProductId, HeldProduct] = field(default_factory=dict)
    series: Mapping[tuple[ProductId, Granularity], Bars] = field(default_factory=dict)
    equity: Notional | None = None
    capital: Notional | None = None
    cash: Notional | None = None
    round_trips: tuple[RoundTrip, ...] = ()

    def bars(self, product_id: ProductId, granularity: Granularity) -> Bars | None:
        """Return the closed bars of a candidate or of a held product; None if they could not be read.

        Shape: as many as the strategy declared to need of that length, fewer of a young product; of the length that
        every cycle reads as many as it reads, where nothing else was declared.
        """
        found = self.series.get((product_id, granularity))
        if found is not None:
            return found
        shown = self.candidates.get(product_id) or self.held.get(product_id)
        own = None if shown is None else shown.bars
        return own if own is not None and own.granularity is granularity else None
