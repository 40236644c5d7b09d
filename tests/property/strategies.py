"""Random but plausible worlds: portfolios in every state of half-done, and proposals that want too much of them.

Everything is drawn as small whole numbers in one go and built from them afterwards: that is fast, and what fails
shrinks to a world that can be read. Prices and sizes keep to the increments of their product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

from factories_market import NOW, flat_bars
from factories_settings import shipped_settings
from trader.model.conversions import ConversionIntent, ConversionRecord
from trader.model.cycle_state import EquityMarks, Regime
from trader.model.decisions import Plan, RiskReview, TradeProposal
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, Scope, StrategyId, TradeId, VenueOrderId
from trader.model.inputs import Candidate
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import FeeRates, Product, Quote
from trader.model.money import BPS, ONE, Notional, Price, Quantity, ceil_to, floor_to
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, Fill, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.portfolio import Portfolio, equity_of
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.stages.execution import ExecutionContext, ExecutionEngine
from trader.stages.risk import RiskManager
from trader.stages.valuation import accept_marks

CYCLE = CycleId("20261122T101500Z")
SCOPE = Scope("PAPER#main")
USD, USDC = Asset("USD"), Asset("USDC")
Value = TypeVar("Value")
Kind = tuple[StrategyId, int, int]

STRATEGIES = (StrategyId("rules_engine"), StrategyId("mean_reversion"))
FEES = FeeRates(Decimal("0.005"), Decimal("0.009"))


@dataclass(frozen=True)
class Stock:
    """One asset of the random worlds: where its price stands and how finely it is cut."""

    base: str
    price: str
    price_increment: str
    base_increment: str
    tier: str
    quotes: tuple[str, ...] = ("USD",)


STOCKS = (
    Stock("BTC", "97500", "0.01", "0.00000001", "tier_1_core", ("USD", "USDC")),
    Stock("ETH", "3350", "0.01", "0.00000001", "tier_1_core"),
    Stock("SOL", "242", "0.05", "0.001", "tier_1_core", ("USD", "USDC")),
    Stock("DOGE", "0.392", "0.00001", "0.1", "tier_2_rotational"),
    Stock("AVAX", "41.2", "0.01", "0.5", "tier_2_rotational", ("USD", "USDC")),
    Stock("ADA", "0.93", "0.0001", "0.00000001", "tier_2_rotational"),
    Stock("PEPE", "0.0000213", "0.00000001", "1", "tier_3_dynamic"),
    Stock("ARB", "0.71", "0.0001", "0.01", "tier_3_dynamic", ("USDC",)),
)


def decimals(low: int, high: int, digits: int) -> st.SearchStrategy[Decimal]:
    """Decimals with *digits* places, between two whole numbers of their last place."""
    return st.integers(low, high).map(lambda number: Decimal(number).scaleb(-digits))


@cache
def _products() -> Mapping[ProductId, Product]:
    found: dict[ProductId, Product] = {}
    for stock in STOCKS:
        main = ProductId(f"{stock.base}-{stock.quotes[0]}")
        for quote in stock.quotes:
            product_id = ProductId(f"{stock.base}-{quote}")
            found[product_id] = Product(
                product_id=product_id,
                base=Asset(stock.base),
                quote=Asset(quote),
                base_increment=Quantity(stock.base_increment),
                price_increment=Price(stock.price_increment),
                quote_increment=Notional("0.01"),
                base_size_min=Quantity(stock.base_increment),
                base_size_max=Quantity("1000000000"),
                quote_size_min=Notional(1),
                quote_size_max=Notional("150000000"),
                volume_24h=Notional("50000000"),
                alias=None if product_id == main else main,
            )
    return found


def listings(index: int) -> tuple[Product, ...]:
    """The products that lead to one stock's book, the canonical one first."""
    stock = STOCKS[index]
    return tuple(_products()[ProductId(f"{stock.base}-{quote}")] for quote in stock.quotes)


@cache
def configurations() -> tuple[Settings, ...]:
    """The shipped settings with both strategies on, at weights that bind; then the same in other tempers."""
    both = {
        "strategies.rules_engine.weight_pct": 14,
        "strategies.mean_reversion.enabled": "true",
        "strategies.mean_reversion.weight_pct": 9,
    }
    plain = {"execution.auto_convert": "false", "execution.attach_brackets": "false", "execution.max_reprices": 0}
    tight = {
        "risk.total_pct_max": 8,
        "risk.open_positions_max": 4,
        "risk.entries_per_cycle_max": 4,
        "risk.notional_min": 2,
        "universe.tiers.tier_1_core.allocation_max_pct": 5,
        "universe.tiers.tier_2_rotational.allocation_max_pct": 3,
        "universe.clusters.LAYER1.allocation_max_pct": 2,
        "execution.max_reprices": 0,
    }
    return (
        shipped_settings(both),
        shipped_settings({**both, **plain}),
        shipped_settings({**both, **tight}),
    )


@dataclass(frozen=True, repr=False)
class World:
    """What risk and execution are asked to decide, and under which settings."""

    settings: Settings
    portfolio: Portfolio
    market: ExecutionContext
    regime: Regime
    proposals: tuple[TradeProposal, ...]

    def review(self) -> RiskReview:
        """Let risk decide."""
        return self.risk_manager().check_all(self.proposals, self.portfolio, self.regime)

    def plan(self, review: RiskReview | None = None) -> Plan:
        """Let risk decide, and execution make orders of it."""
        approvals = (self.review() if review is None else review).approvals
        allowed = self.portfolio.trading_state is TradingState.RUN and self.multiplier > 0
        return ExecutionEngine(self.settings).plan(approvals, self.portfolio, self.market, entries_allowed=allowed)

    def risk_manager(self) -> RiskManager:
        """Risk bound to the settings, as the pipeline binds it."""
        settings = self.settings
        return RiskManager(
            settings.risk,
            settings.universe,
            settings.strategies,
            settings.regime.size_multiplier,
            settings.cycle.max_tick_age_seconds,
            settings.exchange.assumed_taker_fee_ratio,
            settings.app.accounting_asset,
            settings.cycle.quiet_period_seconds,
        )

    def __repr__(self) -> str:
        ledger, portfolio = self.portfolio.ledger, self.portfolio
        lines = [
            f"configuration {configurations().index(self.settings)}, {portfolio.trading_state}, {self.regime}",
            f"equity {portfolio.equity}, pegs {dict(portfolio.pegs)}, available {self.market.available}",
            f"cash { {asset: str(amount) for asset, amount in ledger.cash.items()} }",
            *(f"lot {each.strategy} {each.product_id} {each.quantity}" for each in ledger.lots.values()),
            *(
                f"order {each.intent.strategy} {each.intent.side} {each.intent.quantity} {each.intent.product_id} at"
                f" {each.intent.limit_price}: {each.status}, claimed {each.reported_filled}, booked {each.filled}"
                for each in ledger.orders.values()
                if each.is_active
            ),
            *(f"converting {each.intent.amount} {each.intent.source}" for each in ledger.conversions.values()),
            *(f"wish {each.strategy} {each.side} {each.base} {each.size_pct} %" for each in self.proposals),
        ]
        return "\n  ".join(["World:", *lines])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def multiplier(self) -> Decimal:
        """What the regime makes of sizes and of the cap per position."""
        return self.settings.regime.size_multiplier.get(self.regime, Decimal(0))


def with_plan(ledger: Ledger, plan: Plan) -> Ledger:
    """The ledger once the plan is committed and nothing of it has been answered: all of it in doubt."""
    for convert in plan.conversions:
        ledger = ledger.with_conversion(ConversionRecord(convert))
    for intent in plan.intents:
        ledger = ledger.with_order(OrderRecord(intent, OrderStatus.IN_DOUBT, sent_at=NOW))
    return ledger


# --- raw numbers

_GUARDS = ("none", "bracket", "bracket in doubt", "half a bracket", "exit", "attached")
# Those that are over several times, as an order that lives keeps others of its asset out.
_STATUSES = (*OrderStatus, *(status for status in OrderStatus if status.is_final), OrderStatus.CANCELLED)
# Per mille filled, per mille of that booked.
_PROGRESS = ((0, 0), (333, 1000), (500, 0), (500, 500), (1000, 1000), (1000, 0))

# Every draw costs time, so several small numbers are drawn as one. Sizes are in hundredths of a percent of the money
# there is, so that caps bind in worlds of every wealth.
_KINDS = len(STRATEGIES) * len(STOCKS) * 2
_WHAT_AND_SIZE = st.integers(0, _KINDS * 450 - 1).map(lambda number: (number // 450, number * 7 % 450))
# Gain per mille, guard.
_SITUATION = st.integers(0, 300 * len(_GUARDS) - 1).map(
    lambda number: (number // len(_GUARDS) - 150, _GUARDS[number % len(_GUARDS)])
)
_HISTORY = st.sampled_from([(status, progress) for progress in _PROGRESS for status in _STATUSES])
_LOTS = st.lists(st.tuples(_WHAT_AND_SIZE, _SITUATION), max_size=6)
_ORDERS = st.lists(st.tuples(_WHAT_AND_SIZE, _HISTORY), max_size=5)
# With the conviction in percent.
_BUYS = st.lists(st.tuples(_WHAT_AND_SIZE, st.integers(0, 100)), min_size=2, max_size=5)
_MONEY = st.sampled_from((1_000_000, 10_000, 300_000)).flatmap(lambda cents: st.integers(cents, cents * 3))
# In which asset, in percent: USD, USDC.
_PURSES = st.sampled_from(((100, 0), (0, 100), (60, 40), (1, 99), (98, 2), (50, 50)))
# Into how few kinds of things the world is squeezed, so that proposals meet orders and lots of their own kind.
_VARIETY = st.sampled_from((32, 32, 12, 4))


def _rarely(usual: Value, *rare: Value) -> st.SearchStrategy[Value]:
    """One value nearly always, each of the others once in thirty."""
    return st.integers(0, 29).map(lambda number: rare[number - 17] if 17 <= number < 17 + len(rare) else usual)


_SWITCHES = _rarely(TradingState.RUN, TradingState.REDUCE_ONLY, TradingState.HALT, TradingState.FLATTEN)
_REGIMES = st.one_of(_rarely(Regime.CHOP, Regime.CRASH, Regime.UNKNOWN), st.sampled_from((Regime.BULL, Regime.BEAR)))
_PEGS = _rarely("1", "0.999", "1.002", "0.97", "")
_SETTINGS = st.integers(0, 2).map(lambda number: configurations()[number])
_WEATHER = st.integers(0, 10**6)
_BITS = st.integers(0, 255)
_AVAILABLE = st.sampled_from((None, None, None, 130, 100, 4, 2, 1))


_FEW_LOTS = st.lists(st.tuples(_WHAT_AND_SIZE, _SITUATION), max_size=4)
_WORKING = st.sampled_from(
    [
        *((OrderStatus.IN_DOUBT, (0, 0)),) * 3,
        (OrderStatus.INTENDED, (0, 0)),
        (OrderStatus.OPEN, (333, 1000)),
        (OrderStatus.CANCELLED, (1000, 0)),
    ]
)
_FEW_ORDERS = st.lists(st.tuples(_WHAT_AND_SIZE, _WORKING), min_size=1, max_size=3)
_BINDING = st.sampled_from((1, 2, 2, 0)).map(lambda number: configurations()[number])
_MANY_BUYS = st.lists(st.tuples(_WHAT_AND_SIZE, st.integers(0, 100)), min_size=4, max_size=6)
_TIGHT_PURSES = st.sampled_from(((4, 96), (100, 0), (5, 95), (95, 5), (3, 97)))


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    switches: st.SearchStrategy[TradingState] = _SWITCHES,
    regimes: st.SearchStrategy[Regime] = _REGIMES,
) -> World:
    """A portfolio in some state, the market around it, and proposals to buy and to sell."""
    settings = draw(_SETTINGS)
    variety = draw(_VARIETY)
    quotes = _quotes(draw(_WEATHER))
    ledger = _ledger(draw(_MONEY), draw(_PURSES), draw(_LOTS), draw(_ORDERS), variety, quotes)
    if draw(_rarely(False, True, True)):
        source, target = draw(st.permutations((USD, USDC)))
        amount = Notional(draw(st.integers(1, 300)))
        open_convert = ConversionIntent("open", CYCLE, source, target, amount, Instant(NOW - 300))
        ledger = ledger.with_conversion(ConversionRecord(open_convert))
    peg = draw(_PEGS)
    pegs = {USDC: Decimal(peg)} if peg else {}
    portfolio = _portfolio(ledger, quotes, pegs, draw(switches), draw(_BITS))
    proposals = [*_proposals(draw(_BUYS), variety), *_sales(ledger, draw(_BITS))]
    return World(settings, portfolio, _market(ledger, quotes, draw(_AVAILABLE)), draw(regimes), tuple(proposals))


@st.composite
def eager_worlds(draw: st.DrawFn) -> World:
    """Worlds in which little but caps and cash stands against buying: several entries compete for what is left."""
    quotes = _quotes(draw(_WEATHER))
    # Small, so that many of them leave room; the wishes are as large as ever.
    lots = [((what, size // 5), situation) for (what, size), situation in draw(_FEW_LOTS)]
    ledger = _ledger(draw(_MONEY), draw(_TIGHT_PURSES), lots, draw(_FEW_ORDERS), _KINDS, quotes)
    portfolio = _portfolio(ledger, quotes, {USDC: ONE}, TradingState.RUN, draw(_BITS))
    proposals = _proposals(draw(_MANY_BUYS), _KINDS)
    return World(draw(_BINDING), portfolio, _market(ledger, quotes, None), Regime.CHOP, tuple(proposals))


def plain_world(usd: int, usdc: int, *bases: str) -> World:
    """A world of nothing but money, in which each of these assets is wanted for a twentieth of it, the first most."""
    quotes = _quotes(0)
    cash = {USD: Notional(usd), USDC: Notional(usdc)}
    ledger = _balanced(Ledger(SCOPE, USD, Notional(usd + usdc), cash))
    names = [stock.base for stock in STOCKS]
    proposals = [_buy((STRATEGIES[0], names.index(base), 0), 500, 90 - rank) for rank, base in enumerate(bases)]
    portfolio = _portfolio(ledger, quotes, {USDC: ONE}, TradingState.RUN, 0)
    return World(configurations()[0], portfolio, _market(ledger, quotes, None), Regime.CHOP, tuple(proposals))


def _proposals(buys: Sequence[tuple], variety: int) -> list[TradeProposal]:
    return [
        _buy(_kind(what + 6 * number, variety), size + 1, conviction)
        for number, ((what, size), conviction) in enumerate(buys)
    ]


def _quotes(weather: int) -> Mapping[ProductId, Quote]:
    quotes: dict[ProductId, Quote] = {}
    for index, stock in enumerate(STOCKS):
        # Up to 60 per mille either way, another for each stock.
        move = weather * (2 * index + 1) % 121 - 60
        increment = Decimal(stock.price_increment)
        bid = floor_to(Decimal(stock.price) * (1000 + move) / 1000, increment)
        ask = bid + increment * (1 + abs(move) % 3)
        if weather % 31 == index + 17:
            bid, ask = ask, bid
        for listing in listings(index):
            quotes[listing.product_id] = Quote(listing.product_id, Price(bid), Price(ask), NOW)
    return quotes


def _ledger(
    cents: int,
    buying_power: tuple[int, int],
    lots: Sequence[tuple],
    orders: Sequence[tuple],
    variety: int,
    quotes: Mapping[ProductId, Quote],
) -> Ledger:
    money = Decimal(cents) / 100
    cash = {asset: Notional(money * pct / 100) for asset, pct in zip((USD, USDC), buying_power, strict=True)}
    ledger = _balanced(Ledger(SCOPE, USD, Notional(money), cash))
    for number, ((what, size), situation) in enumerate(lots):
        amount = money * size / 10_000
        ledger = _with_lot(ledger, f"lot{number}", _kind(what + 10 * number, variety), amount, *situation, quotes)
    for number, ((what, size), history) in enumerate(orders):
        amount = money * size / 10_000
        ledger = _with_entry(ledger, f"entry{number}", _kind(what + 22 * number + 3, variety), amount, *history, quotes)
    return ledger


def _balanced(ledger: Ledger) -> Ledger:
    """Let conversions account for the cash: what its parts do not add up to, nothing is bought with."""
    capital = {ledger.accounting_asset: ledger.capital}
    moved = {asset: Notional(amount - capital.get(asset, Decimal(0))) for asset, amount in ledger.cash.items()}
    return replace(ledger, converted=moved)


def _kind(number: int, variety: int) -> Kind:
    # Strategy, stock, and which of its books. The caller adds something for each, so that they differ by nature.
    number %= variety
    return STRATEGIES[number % 2], number // 2 % len(STOCKS), number // 2 // len(STOCKS)


def _who_and_where(kind: Kind) -> tuple[StrategyId, Product]:
    strategy, stock, book = kind
    return strategy, listings(stock)[book % len(listings(stock))]


def _with_lot(
    ledger: Ledger,
    name: str,
    kind: Kind,
    amount: Decimal,
    gain: int,
    protection: str,
    quotes: Mapping[ProductId, Quote],
) -> Ledger:
    strategy, listing = _who_and_where(kind)
    price = floor_to(quotes[listing.product_id].bid * (1000 + gain) / 1000, listing.price_increment)
    quantity = Quantity(max(floor_to(amount / price, listing.base_increment), listing.base_increment))
    entry = _entry_intent(name, strategy, listing, quantity, Price(price), attach=protection == "attached")
    record = OrderRecord(
        entry, OrderStatus.FILLED, VenueOrderId(f"v-{name}"), reported_filled=quantity, final_at=Instant(NOW - 300)
    )
    ledger = ledger.with_order(_filled(record, quantity)).with_lot(_lot(entry, quantity))
    return _with_guard(ledger, entry, protection)


def _with_guard(ledger: Ledger, entry: OrderIntent, protection: str) -> Ledger:
    bracket = entry.bracket
    assert bracket is not None
    sale = replace(
        entry,
        client_order_id=ClientOrderId(f"guard-{entry.client_order_id}"),
        side=Side.SELL,
        purpose=OrderPurpose.PROTECTION,
        configuration=OrderConfiguration.BRACKET_GTC,
        limit_price=bracket.target_price,
        stop_price=bracket.stop_price,
        bracket=None,
        attach_bracket=False,
        expires_at=None,
    )
    if protection in ("none", "attached"):
        return ledger
    record = OrderRecord(sale, OrderStatus.OPEN, VenueOrderId(f"v-{sale.client_order_id}"))
    if protection == "bracket in doubt":
        record = OrderRecord(sale, OrderStatus.IN_DOUBT)
    elif protection == "half a bracket":
        half = floor_to(sale.quantity / 2, _products()[sale.product_id].base_increment)
        record = replace(record, intent=replace(sale, quantity=Quantity(half)))
    elif protection == "exit":
        exit_ = replace(
            sale,
            purpose=OrderPurpose.EXIT,
            configuration=OrderConfiguration.LIMIT_IOC,
            limit_price=bracket.stop_price,
            stop_price=None,
        )
        record = OrderRecord(exit_, OrderStatus.IN_DOUBT)
    return ledger.with_order(record)


def _with_entry(
    ledger: Ledger,
    name: str,
    kind: Kind,
    amount: Decimal,
    status: OrderStatus,
    progress: tuple[int, int],
    quotes: Mapping[ProductId, Quote],
) -> Ledger:
    strategy, listing = _who_and_where(kind)
    filled, booked = progress
    price = quotes[listing.product_id].bid
    quantity = Quantity(max(floor_to(amount / price, listing.base_increment), listing.base_increment))
    if status is OrderStatus.FILLED:
        filled = 1000
    if status in (OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.REJECTED) or status.is_unseen:
        filled = 0
    claimed = Quantity(floor_to(quantity * filled / 1000, listing.base_increment))
    known = Quantity(floor_to(claimed * booked / 1000, listing.base_increment))
    intent = _entry_intent(name, strategy, listing, quantity, price, attach=int(amount) % 2 == 1)
    in_doubt = status in (OrderStatus.INTENDED, OrderStatus.IN_DOUBT)
    record = OrderRecord(
        intent,
        status,
        None if in_doubt else VenueOrderId(f"v-{name}"),
        reported_filled=claimed,
        final_at=NOW if status.is_final else None,
    )
    ledger = ledger.with_order(_filled(record, known))
    return ledger.with_lot(_lot(intent, known)) if known > 0 else ledger


def _entry_intent(
    name: str, strategy: StrategyId, listing: Product, quantity: Quantity, price: Price, *, attach: bool
) -> OrderIntent:
    increment = listing.price_increment
    return OrderIntent(
        client_order_id=ClientOrderId(f"t247-{name}"),
        cycle_id=CycleId("20261122T100500Z"),
        strategy=strategy,
        product_id=listing.product_id,
        base=listing.base,
        quote=listing.quote,
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=quantity,
        limit_price=price,
        lot_id=ClientOrderId(f"t247-{name}"),
        decided_at=Instant(NOW - 600),
        expires_at=Instant(NOW + 300),
        bracket=Bracket(
            Price(floor_to(price * Decimal("0.94"), increment)), Price(ceil_to(price * Decimal("1.12"), increment))
        ),
        attach_bracket=attach,
        max_hold_until=Instant(NOW + 3600),
        fee_rate_max=FEES.maker,
    )


def _filled(record: OrderRecord, quantity: Quantity) -> OrderRecord:
    intent = record.intent
    fill = Fill(
        trade_id=TradeId(f"trade-{intent.client_order_id}"),
        venue_order_id=VenueOrderId(f"v-{intent.client_order_id}"),
        product_id=intent.product_id,
        side=intent.side,
        price=intent.limit_price,
        quantity=quantity,
        fee=Notional(intent.limit_price * quantity * FEES.maker),
        time=Instant(NOW - 400),
    )
    return replace(record, fills=(fill,)) if quantity > 0 else record


def _lot(entry: OrderIntent, quantity: Quantity) -> Lot:
    assert entry.bracket is not None
    cost = Notional(entry.limit_price * quantity)
    return Lot(
        lot_id=entry.client_order_id,
        strategy=entry.strategy,
        product_id=entry.product_id,
        base=entry.base,
        quote=entry.quote,
        quantity=quantity,
        cost=cost,
        entry_fees=Notional(cost * FEES.maker),
        opened_at=Instant(NOW - 400),
        bracket=entry.bracket,
        max_hold_until=entry.max_hold_until or NOW,
    )


def _portfolio(
    ledger: Ledger, quotes: Mapping[ProductId, Quote], pegs: Mapping[Asset, Decimal], switch: TradingState, themes: int
) -> Portfolio:
    ledger = accept_marks(ledger, {product_id: quote for product_id, quote in quotes.items() if not quote.is_crossed})
    equity = equity_of(ledger, pegs)
    if equity is not None:
        ledger = replace(ledger, equity_marks=EquityMarks("2026-11-22", equity, "2026-W47", equity, equity))
    listed = configurations()[0].universe.clusters
    clusters = {
        Asset(stock.base): tuple(
            name
            for number, (name, cluster) in enumerate(sorted(listed.items()))
            # Beside the listed ones, some that were measured: the stock moves with a held one of that theme.
            if stock.base in cluster.bases or ((themes >> index) & 1 and number == index % len(listed))
        )
        for index, stock in enumerate(STOCKS)
    }
    tiers = {Asset(stock.base): stock.tier for stock in STOCKS}
    return Portfolio(ledger, NOW, NOW, clusters, tiers, equity, switch, pegs)


def _market(ledger: Ledger, quotes: Mapping[ProductId, Quote], available_pct: int | None) -> ExecutionContext:
    candidates = {}
    for index, stock in enumerate(STOCKS):
        books = listings(index)
        main = books[0]
        candidates[main.product_id] = Candidate(main, books, stock.tier, quotes[main.product_id], flat_bars(2))
    available = None
    if available_pct is not None:
        available = {asset: amount * available_pct / 100 for asset, amount in ledger.cash.items()}
    return ExecutionContext(CYCLE, NOW, NOW, _products(), quotes, candidates, FEES, available, quotes)


def _buy(kind: Kind, size: int, conviction: int) -> TradeProposal:
    strategy, listing = _who_and_where(kind)
    return TradeProposal(
        strategy=strategy,
        product_id=listing.canonical_id,
        base=listing.base,
        side=Side.BUY,
        size_pct=Decimal(size) / 100,
        confidence=0.8,
        conviction=conviction / 100,
        reason="random",
        stop_loss_pct=Decimal(6),
        take_profit_pct=Decimal(20),
        max_hold_hours=24,
    )


def _sales(ledger: Ledger, chosen: int) -> list[TradeProposal]:
    # Of any lots, and now and then of one that is not there.
    lots = [lot for number, lot in enumerate(ledger.lots.values()) if (chosen >> number) & 1]
    sales = [sale_of(lot) for lot in lots]
    if chosen % 7 == 0:
        sales.append(replace(_buy((STRATEGIES[0], 0, 0), 1, 50), side=Side.SELL, lot_id=ClientOrderId("no such lot")))
    return sales


def sale_of(lot: Lot) -> TradeProposal:
    """A proposal to sell all of a lot."""
    return TradeProposal(
        strategy=lot.strategy,
        product_id=lot.product_id,
        base=lot.base,
        side=Side.SELL,
        size_pct=Decimal(0),
        confidence=1.0,
        conviction=1.0,
        reason="random",
        lot_id=lot.lot_id,
    )


def slipped(bid: Decimal, bps: Decimal) -> Decimal:
    """A bid, so many basis points lower."""
    return bid * (ONE - bps / BPS)
