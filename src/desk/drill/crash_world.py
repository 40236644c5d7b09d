"""One world of the crash day: candles, a simulated venue, books, and one lot in each product before the fall.

The lots are opened by the cycle itself: the ledger is given entries that are remembered and not sent yet, and the first
tick sends, books and protects them. Then the kill switch says REDUCE_ONLY, so that nothing else is bought. The account
also has coins of its owner, as many as are bought of each product: to sell too much would be possible, and is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from desk.drill.crash_lots import LotStory, Sale, SoldBy
from desk.in_memory import (
    InMemoryAuditLog,
    InMemoryKillSwitch,
    InMemorySimAccountStore,
    InMemoryStateStore,
    ManualClock,
)
from desk.markets.candle_market import CandleMarket, SeriesKey, make_product
from desk.run import make_tick
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.entry.wiring import build_pipeline
from trader.errors import DataError
from trader.model.cycle_state import EntryPacing
from trader.model.decisions import Direction, TriggerKind
from trader.model.ids import (
    ClientOrderId,
    Instant,
    ProductId,
    Scope,
    StrategyId,
    VenueOrderId,
    client_order_id,
    cycle_id_at,
    utc_day,
)
from trader.model.ledger import Ledger, open_ledger
from trader.model.lots import Lot
from trader.model.market import Candle, Quote
from trader.model.money import HUNDRED, ONE, ZERO, Notional, Price, Quantity, ceil_to, floor_to, limit_of_stop
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.trading_state import TradingState
from trader.ports import Identity, Ports
from trader.settings import Settings
from trader.settings.app import FillModel
from trader.settings.policy import RuleSettings
from trader.sim.account import SimAccount
from trader.sim.archive import load_whole
from trader.sim.exchange import SimulatedExchange
from trader.strategies.rules_engine import RulesEngineSettings

#: What one lot is worth when it is bought.
LOT_WORTH = Decimal(200)
_SCOPE, _STRATEGY = Scope("PAPER#main"), StrategyId("rules_engine")
#: So far above the last close that the entry fills at once.
_ENTRY = Decimal("1.01")


class Protection(StrEnum):
    """What protects a lot at the venue."""

    BRACKET = "bracket"
    STOP_LIMIT = "stop_limit"


@dataclass(frozen=True, slots=True)
class Variant:
    """Which order protects the lots, and how kind the simulated venue is."""

    protection: Protection
    fills: FillModel

    def __str__(self) -> str:
        return f"{self.protection}, {self.fills}"


@dataclass(frozen=True, slots=True)
class Window:
    """From the tick that buys to the last one. Units: ``seconds`` between two ticks."""

    start: Instant
    end: Instant
    seconds: int

    def ticks(self) -> Sequence[Instant]:
        """Return every scheduled instant, both ends included."""
        return [Instant(at) for at in range(self.start, self.end + 1, self.seconds)]


@dataclass(slots=True)
class _Watched:
    """What was seen of one lot at the ends of the cycles that left some of it: bids, and how often it was exposed."""

    last_bid: Price | None = None
    lowest_bid: Price | None = None
    lowest_at: Instant | None = None
    exposed: int = 0
    silent: int = 0


@dataclass
class CrashWorld:
    """A market as of a clock, the venue on it, and the books; ``series`` has one length of bar for each product."""

    settings: Settings
    series: Mapping[SeriesKey, Sequence[Candle]]
    variant: Variant
    window: Window
    outcomes: list[str] = field(default_factory=list)
    _watched: dict[ClientOrderId, _Watched] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the world together; it stands at the start of the window."""
        self.settings = replace(self.settings, simulation=replace(self.settings.simulation, fills=self.variant.fills))
        self._rows = {
            product_id: (granularity.seconds, rows)
            for (product_id, granularity), rows in sorted(self.series.items(), key=lambda each: -each[0][1].seconds)
        }
        self._clock = ManualClock(self.window.start)
        products = [make_product(product_id, rows) for product_id, (_, rows) in sorted(self._rows.items())]
        self._market = CandleMarket(products, self.series, self.settings.simulation, self._clock)
        self._entries = [self._enter(product.product_id) for product in products]
        capital = {self.settings.app.accounting_asset: Decimal(self.settings.app.capital)}
        self._owned = {entry.base: entry.quantity for entry in self._entries}
        self._accounts = InMemorySimAccountStore(SimAccount(totals={**capital, **self._owned}))
        self._store, self._switch = InMemoryStateStore(), InMemoryKillSwitch(TradingState.RUN)
        exchange = SimulatedExchange(
            self._market, self._market, self.settings.simulation, self._clock, self._accounts, opening=capital
        )
        self._ports = Ports(
            self._market, exchange, self._store, InMemoryAuditLog(), self._switch, self._clock,
            Identity(_SCOPE, "drill", "drill"),
        )  # fmt: skip
        self._pipeline = build_pipeline(self.settings)

    def play(self) -> tuple[LotStory, ...]:
        """Buy, protect, and run all ticks. Raises: RuntimeError if the lots are not there and covered at the start."""
        self._remember_entries()
        self._run(self.window.start)
        lots = self._ledger().lots
        if len(lots) != len(self._entries) or any(watched.exposed for watched in self._watched.values()):
            raise RuntimeError(f"{self.variant}: {len(lots)} of {len(self._entries)} lots: {self.outcomes}")
        self._switch.word = TradingState.REDUCE_ONLY
        for at in self.window.ticks()[1:]:
            self._run(at)
        orders = {record.intent.client_order_id: record for record in self._store.finished(_SCOPE)}
        orders.update(self._ledger().orders)
        by_venue = {each.venue_order_id: each.intent for each in orders.values() if each.venue_order_id is not None}
        return tuple(self._tell(lot, by_venue) for lot in lots.values())

    # --- the lots

    def _enter(self, product_id: ProductId) -> OrderIntent:
        """Make the entry of one lot: stop and target hang from the last close, as the shipped rule says."""
        product, quote = self._market.products([product_id])[product_id], self._quote(product_id)
        if isinstance(product, DataError) or product.price is None or quote is None:
            raise RuntimeError(f"{product_id} has no price at the start of the window")
        rule, increment, now = self._rule(), product.price_increment, self.window.start
        stop = Price(ceil_to(product.price * (ONE - rule.stop_pct / HUNDRED), increment))
        target = Price(ceil_to(product.price * (ONE + rule.target_pct / HUNDRED), increment))
        has_target = self.variant.protection is Protection.BRACKET
        name = client_order_id(self.settings.execution.order_prefix, _SCOPE, product_id)
        return OrderIntent(
            client_order_id=name,
            cycle_id=cycle_id_at(now),
            strategy=_STRATEGY,
            product_id=product_id,
            base=product.base,
            quote=product.quote,
            side=Side.BUY,
            purpose=OrderPurpose.ENTRY,
            configuration=OrderConfiguration.LIMIT_IOC,
            quantity=Quantity(floor_to(LOT_WORTH / product.price, product.base_increment)),
            limit_price=Price(ceil_to(quote.ask * _ENTRY, increment)),
            lot_id=name,
            decided_at=now,
            bracket=Bracket(stop, target if has_target else None),
            attach_bracket=has_target,
            max_hold_until=Instant(now + rule.hold_hours_max * 3600),
            fee_rate_max=self.settings.simulation.taker_fee_ratio,
            reason="drill",
        )

    def _rule(self) -> RuleSettings:
        own = self.settings.strategies[_STRATEGY].settings
        assert isinstance(own, RulesEngineSettings)
        return next(
            rule for rule in own.rules if (rule.trigger, rule.direction) == (TriggerKind.PRICE_MOVE, Direction.UP)
        )

    def _remember_entries(self) -> None:
        """Write books that look as if their last run had died before it sent what it had committed."""
        app, now = self.settings.app, self.window.start
        ledger = open_ledger(_SCOPE, app.accounting_asset, Notional(app.capital))
        for entry in self._entries:
            ledger = ledger.with_order(OrderRecord(entry))
        last = {entry.base: now for entry in self._entries}
        pacing = EntryPacing(utc_day(now), len(last), (now,) * len(last), last)
        grant = self._store.acquire(_SCOPE, "drill", now, self.window.seconds)
        self._store.commit(grant, replace(ledger, entry_pacing=pacing), release=True)

    # --- the ticks

    def _run(self, at: Instant) -> None:
        self._clock.set(at)
        report = run_cycle(make_tick(at, self.settings), self._pipeline, self._ports)
        self.outcomes.append(report.outcome)
        self._watch(report, at)

    def _watch(self, report: CycleReport, at: Instant) -> None:
        """Look from outside at what the cycle left: what is held, at which price, and what covers it at the venue."""
        account, rings = self._account(), _name_ringing(report)
        for entry in self._entries:
            held = account.totals.get(entry.base, ZERO) - self._owned[entry.base]
            if held <= 0:
                continue
            watched, quote = self._watched.setdefault(entry.lot_id, _Watched()), self._quote(entry.product_id)
            if quote is not None:
                watched.last_bid = quote.bid
                if watched.lowest_bid is None or quote.bid < watched.lowest_bid:
                    watched.lowest_bid, watched.lowest_at = quote.bid, at
            selling = [each for each in account.active.values() if each.base == entry.base and each.side is Side.SELL]
            if sum((order.remaining for order in selling), ZERO) < held:
                watched.exposed += 1
                watched.silent += entry.lot_id not in rings

    def _tell(self, lot: Lot, orders: Mapping[VenueOrderId, OrderIntent]) -> LotStory:
        """Put together what became of a lot, from the fills at the venue and from what was watched."""
        account, watched = self._account(), self._watched.get(lot.lot_id, _Watched())
        seconds, rows = self._rows[lot.product_id]
        closed = [each for each in rows if self.window.start <= each.start <= self.window.end - seconds]
        lowest, stop = min(closed, key=lambda each: each.low), lot.bracket.stop_price
        passed = next((each.start + seconds for each in closed if Decimal(str(each.low)) <= stop), None)
        first = next(each for each in orders.values() if each.lot_id == lot.lot_id and each.is_protection)
        limit = first.limit_price
        if first.configuration is OrderConfiguration.BRACKET_GTC:
            limit = limit_of_stop(stop, self._increment(lot.product_id))
        sales = tuple(
            Sale(_name_seller(orders[fill.venue_order_id], fill.price), fill.time, fill.price, fill.quantity, fill.fee)
            for fill in account.fills
            if fill.side is Side.SELL and fill.product_id == lot.product_id
        )
        return LotStory(
            product_id=lot.product_id,
            bar=timedelta(seconds=seconds),
            quantity=lot.quantity,
            cost=Notional(lot.cost + lot.entry_fees),
            entry_price=lot.entry_price,
            stop_price=stop,
            own_limit=limit,
            lowest_price=Price(str(lowest.low)),
            passed_at=Instant(passed) if passed is not None else None,
            sales=sales,
            last_bid=watched.last_bid,
            lowest_bid=watched.lowest_bid,
            lowest_at=watched.lowest_at,
            missing=Quantity(max(self._owned[lot.base] - account.totals.get(lot.base, ZERO), ZERO)),
            exposed=watched.exposed,
            silent=watched.silent,
        )

    # --- eyes

    def _account(self) -> SimAccount:
        return load_whole(self._accounts) or SimAccount()

    def _ledger(self) -> Ledger:
        ledger = self._store.ledger(_SCOPE)
        assert ledger is not None
        return ledger

    def _quote(self, product_id: ProductId) -> Quote | None:
        quote = self._market.quotes([product_id])[product_id]
        return None if isinstance(quote, DataError) else quote

    def _increment(self, product_id: ProductId) -> Price:
        product = self._market.products([product_id])[product_id]
        assert not isinstance(product, DataError)
        return product.price_increment


def _name_seller(intent: OrderIntent, price: Price) -> str:
    """Say who sold: the venue's order at its stop or its target, or the second line for which reason."""
    if not intent.is_protection:
        return intent.reason
    is_target = intent.configuration is OrderConfiguration.BRACKET_GTC and price >= intent.limit_price
    return SoldBy.TARGET if is_target else SoldBy.STOP


def _name_ringing(report: CycleReport) -> frozenset[ClientOrderId]:
    """Name the lots that a cycle rings for by ABORTED: exposed ones, and those whose sale did not leave."""
    orders = report.after.orders if report.after is not None else {}
    withheld: Iterable[ClientOrderId] = (orders[each].intent.lot_id for each in report.withheld_exits if each in orders)
    return frozenset((*report.exposed, *withheld)) if report.outcome is CycleOutcome.ABORTED else frozenset()
