"""Ledgers, orders, fills, proposals and the stages that judge them, for tests: sound by default, open to keywords."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from factories_market import NOW, TIER_1, a_lot, a_product, a_quote, flat_bars, some_bars, universe_settings, with_move
from factories_settings import shipped_settings
from trader.model.booking import book_fill
from trader.model.conversions import ConversionIntent, ConversionRecord
from trader.model.cycle_state import EquityMark, EquityMarks, Regime, RegimeState
from trader.model.decisions import Approval, TradeProposal
from trader.model.edges import Edge, EdgeSource
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, Scope, StrategyId, TradeId, VenueOrderId
from trader.model.inputs import AccountView, Candidate, CycleInputs, StrategyContext
from trader.model.ledger import Ledger, SubLedger, open_ledger
from trader.model.lots import EVERY_EXIT, GeneralExit, Lot
from trader.model.market import Balance, Bars, BarsNeeded, Depth, FeeRates, Granularity, Product, Quote
from trader.model.money import ZERO, Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import (
    Bracket,
    Fill,
    Liquidity,
    OrderConfiguration,
    OrderIntent,
    OrderPurpose,
    OrderStatusReport,
    Side,
)
from trader.model.parent_life import ParentStyle
from trader.model.parents import ParentOrder
from trader.model.portfolio import Portfolio
from trader.model.trading_state import TradingState
from trader.settings.policy import RiskSettings, StrategySettings
from trader.stages.execution import ExecutionContext
from trader.stages.risk import RiskManager
from trader.strategies.base import Answer

__all__ = ["NOW", "a_lot", "a_product", "a_quote", "shipped_settings"]

SCOPE = Scope("PAPER#main")
USD, USDC, USDT = Asset("USD"), Asset("USDC"), Asset("USDT")
RULES, OTHER = StrategyId("rules_engine"), StrategyId("mean_reversion")
CYCLE = CycleId("20261122T101500Z")
PREFIX = shipped_settings().execution.order_prefix
FIVE_MINUTES = 300


# --- orders


def an_intent(
    name: str = "entry", *, product_id: str = "ETH-USD", notional: str | None = None, **over: Any
) -> OrderIntent:
    """A post-only buy of one unit at 100, decided now, protected at 94 and 112; *notional* sets the quantity.

    Ids are ``t247-<name>``, so that tests can name what they mean.
    """
    base, _, quote = product_id.partition("-")
    order_id = ClientOrderId(PREFIX + name)
    intent = OrderIntent(
        client_order_id=order_id,
        cycle_id=CYCLE,
        strategy=RULES,
        product_id=ProductId(product_id),
        base=Asset(base),
        quote=Asset(quote),
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=Quantity(1),
        limit_price=Price(100),
        lot_id=order_id,
        decided_at=NOW,
        expires_at=Instant(NOW + 2 * FIVE_MINUTES),
        bracket=Bracket(Price(94), Price(112)),
        attach_bracket=True,
        max_hold_until=Instant(NOW + 48 * 3600),
    )
    intent = replace(intent, **over)
    return intent if notional is None else replace(intent, quantity=Quantity(Decimal(notional) / intent.limit_price))


def an_exit_intent(name: str = "exit", *, lot: str = "entry", **over: Any) -> OrderIntent:
    """An immediate sale of one unit down to 99.50, out of the lot that ``t247-<lot>`` opened."""
    plain: dict[str, Any] = {
        "side": Side.SELL,
        "purpose": OrderPurpose.EXIT,
        "configuration": OrderConfiguration.LIMIT_IOC,
        "limit_price": Price("99.50"),
        "lot_id": ClientOrderId(PREFIX + lot),
        "expires_at": None,
        "bracket": None,
        "attach_bracket": False,
        "max_hold_until": None,
        "reason": "time",
    }
    return an_intent(name, **{**plain, **over})


def a_bracket_intent(name: str = "bracket", *, lot: str = "entry", **over: Any) -> OrderIntent:
    """A protective order for one unit: target 112, stop 94."""
    plain: dict[str, Any] = {
        "purpose": OrderPurpose.PROTECTION,
        "configuration": OrderConfiguration.BRACKET_GTC,
        "limit_price": Price(112),
        "stop_price": Price(94),
        "reason": "protection",
    }
    return an_exit_intent(name, lot=lot, **{**plain, **over})


def an_order_record(
    intent: OrderIntent | None = None, status: OrderStatus = OrderStatus.OPEN, **over: Any
) -> OrderRecord:
    """An order that rests at the venue under ``venue-<client id>``; without a venue id where it is in doubt."""
    intent = an_intent() if intent is None else intent
    unknown = status in (OrderStatus.INTENDED, OrderStatus.IN_DOUBT) or status.is_unseen
    record = OrderRecord(
        intent=intent,
        status=status,
        venue_order_id=None if unknown else venue_id_of(intent),
        final_at=intent.decided_at if status.is_final else None,
    )
    return replace(record, **over)


def venue_id_of(intent: OrderIntent) -> VenueOrderId:
    """The venue's id of an order of these tests."""
    return VenueOrderId(f"venue-{intent.client_order_id}")


def an_order_state(
    intent: OrderIntent | None = None, status: OrderStatus = OrderStatus.OPEN, **over: Any
) -> OrderStatusReport:
    """The same order as the venue lists it."""
    intent = an_intent() if intent is None else intent
    state = OrderStatusReport(
        venue_order_id=venue_id_of(intent),
        client_order_id=intent.client_order_id,
        product_id=intent.product_id,
        side=intent.side,
        status=status,
        filled_quantity=Quantity(0),
        created_at=intent.decided_at,
    )
    return replace(state, **{**over, "filled_quantity": Quantity(over.get("filled_quantity", 0))})


def a_fill(intent: OrderIntent | None = None, number: int = 1, **over: Any) -> Fill:
    """Everything an order wanted, at its limit, for a fee of 0.50, a minute after it was decided."""
    intent = an_intent() if intent is None else intent
    plain: dict[str, Any] = {"price": intent.limit_price, "quantity": intent.quantity, "fee": "0.50", **over}
    return Fill(
        trade_id=TradeId(plain.get("trade_id", f"trade-{intent.client_order_id}-{number}")),
        venue_order_id=plain.get("venue_order_id", venue_id_of(intent)),
        product_id=intent.product_id,
        side=intent.side,
        price=Price(plain["price"]),
        quantity=Quantity(plain["quantity"]),
        fee=Notional(plain["fee"]),
        time=Instant(plain.get("time", intent.decided_at + 60)),
        liquidity=Liquidity.MAKER,
    )


def a_convert_intent(name: str = "convert-1", *, amount: str = "100", **over: Any) -> ConversionIntent:
    """USDC into USD, decided now."""
    return replace(ConversionIntent(name, CYCLE, USDC, USD, Notional(amount), NOW), **over)


# --- the ledger


def a_ledger(
    *,
    working: Iterable[OrderIntent | OrderRecord] = (),
    lots: Iterable[Lot] = (),
    conversions: Iterable[ConversionRecord] = (),
    cash: str | Mapping[Asset, str] = "10000",
    **over: Any,
) -> Ledger:
    """Books of 10,000 USD, all marks at 10,000, the market known to be choppy.

    An intent among the *working* orders is one that was never answered. What the *cash* is not of the 10,000, somebody
    has gained or lost who has no lot any more.
    """
    amounts = {USD: cash} if isinstance(cash, str) else cash
    gained = {USD: ZERO, **{Asset(asset): Decimal(amount) for asset, amount in amounts.items()}}
    gained[USD] -= 10_000
    flows = {asset: Notional(amount) for asset, amount in gained.items() if amount}
    ledger = replace(
        open_ledger(SCOPE, USD, Notional(10_000)),
        cash={asset: Notional(amount) for asset, amount in amounts.items()},
        by_strategy={StrategyId("of_before"): SubLedger(cash_flow=flows)} if flows else {},
        equity_marks=some_marks(),
        lots={lot.lot_id: lot for lot in lots},
        conversions={record.intent.conversion_id: record for record in conversions},
    )
    for each in working:
        ledger = ledger.with_order(each if isinstance(each, OrderRecord) else OrderRecord(each, OrderStatus.IN_DOUBT))
    return replace(ledger, **over)


def some_marks(
    day: str = "10000", week: str = "10000", peak: str = "10000", *, last: str | None = None, at: Instant = NOW
) -> EquityMarks:
    """Where the day, the week and the best of all times stood, and the last equity known, if any, at an instant."""
    mark = EquityMark(Notional(last), at) if last is not None else None
    return EquityMarks("2026-11-22", Notional(day), "2026-W47", Notional(week), Notional(peak), mark)


def a_held_ledger(intent: OrderIntent | None = None, *more: OrderRecord, **over: Any) -> Ledger:
    """Books that hold what one entry bought: its filled order, its lot, the cash it left; and *more* orders."""
    entry = an_intent(decided_at=Instant(NOW - 1800)) if intent is None else intent
    final_at = Instant(entry.decided_at + 100)
    record = an_order_record(entry, OrderStatus.FILLED, reported_filled=entry.quantity, final_at=final_at)
    ledger = book_fill(a_ledger(working=[record]), entry.client_order_id, a_fill(entry))
    for each in more:
        ledger = ledger.with_order(each)
    return replace(ledger, **over)


def a_view(*, at: int = NOW + 120, balances: Mapping[str, str] | None = None, **over: Any) -> AccountView:
    """What the venue says of the account: nothing but plenty of everything; of what is not told, plenty of dollars."""
    held = {"ETH": "1000", "BTC": "1000", "SOL": "1000"} if balances is None else balances
    view = AccountView(
        read_at=Instant(at),
        balances={
            Asset(asset): Balance(Asset(asset), Decimal(amount), Decimal(0))
            for asset, amount in {"USD": "1e7", "USDC": "1e7", **held}.items()
        },
    )
    return replace(view, **over)


# --- proposals and those who judge them


def a_proposal(product_id: str = "SOL-USD", *, notional: str = "300", **over: Any) -> TradeProposal:
    """A convinced buy worth *notional* to somebody who owns 10,000; stop 6 %, target 12 %, two days."""
    proposal = TradeProposal(
        strategy=RULES,
        product_id=ProductId(product_id),
        base=Asset(product_id.partition("-")[0]),
        side=Side.BUY,
        size_pct=Decimal(notional) / 100,
        confidence=0.8,
        conviction=0.6,
        reason="price_move up",
        stop_loss_pct=Decimal(6),
        take_profit_pct=Decimal(12),
        max_hold_hours=48,
    )
    return replace(proposal, **over)


def an_edge(pct: str) -> Edge:
    """What a hundred trades until the new year have earned at least."""
    return Edge(EdgeSource.MEASURED, Decimal(pct), 100, "2026-01-01")


def a_sale(lot: Lot, **over: Any) -> TradeProposal:
    """A wish to sell all of a lot."""
    plain: dict[str, Any] = {
        "strategy": lot.strategy,
        "side": Side.SELL,
        "lot_id": lot.lot_id,
        "size_pct": Decimal(0),
        "reason": "time",
    }
    return a_proposal(lot.product_id, **{**plain, **over})


def a_parent(product_id: str = "ETH-USD", **over: Any) -> ParentOrder:
    """What may still be bought of one unit at 100.20 at most, for half an hour; stop 94, target 112."""
    base, _, quote = product_id.partition("-")
    parent = ParentOrder(
        parent_id=ClientOrderId(PREFIX + "parent"),
        strategy=RULES,
        product_id=ProductId(product_id),
        base=Asset(base),
        quote=Asset(quote),
        quantity=Quantity(1),
        price_max=Price("100.20"),
        style=ParentStyle.PASSIVE_THEN_TAKER,
        bracket=Bracket(Price(94), Price(112)),
        max_hold_until=Instant(NOW + 48 * 3600),
        decided_at=NOW,
        give_up_at=Instant(NOW + 1800),
        fee_rate_max=Decimal("0.009"),
        edge_pct=Decimal("6.6"),
        edge_multiple=Decimal("1.5"),
        edge_source=EdgeSource.MEASURED,
        reason="price_move up",
    )
    return replace(parent, **over)


def a_portfolio(ledger: Ledger | None = None, *, equity: str | None = "10000", **over: Any) -> Portfolio:
    """A ledger worth 10,000, in a world without themes and tiers; lots are worth what they cost.

    A punctual tick, everything readable, the switch at RUN, USDC and USDT worth a dollar.
    """
    plain = Portfolio(
        ledger=a_ledger() if ledger is None else ledger,
        now=NOW,
        scheduled_at=NOW,
        clusters={},
        tiers={},
        equity=None if equity is None else Notional(equity),
        pegs={USDC: Decimal(1), USDT: Decimal(1)},
    )
    return replace(plain, **over)


#: Limits so wide that a test sees only the one it narrows.
WIDE = {
    "position_pct_max": Decimal(100),
    "product_pct_max": Decimal(100),
    "correlated_pct_max": Decimal(100),
    "total_pct_max": Decimal(100),
    "open_positions_max": 100,
    "entries_per_cycle_max": 100,
    "entries_per_hour_max": 100,
    "trades_per_day_max": 1000,
}


def risk_settings(**over: Any) -> RiskSettings:
    """The shipped limits."""
    return replace(shipped_settings().risk, **over)


def strategy_settings(**over: Any) -> StrategySettings:
    """An enabled strategy with all the equity and no settings of its own."""
    plain = StrategySettings(weight_pct=Decimal(100), trades_per_cycle_max=10, settings=None, enabled=True)
    return replace(plain, **over)


def a_risk_manager(
    *,
    total_notional_max: str | None = None,
    strategies: Mapping[StrategyId, StrategySettings] | None = None,
    **over: Any,
) -> RiskManager:
    """A risk manager whose caps are wide open, but for what is said; *over* are its settings.

    *total_notional_max* is the cap on everything of a portfolio worth 10,000.
    """
    total = {} if total_notional_max is None else {"total_pct_max": Decimal(total_notional_max) / 100}
    both = {RULES: strategy_settings(), OTHER: strategy_settings()}
    return RiskManager(
        settings=risk_settings(**{**WIDE, **total, **over}),
        universe=universe_settings(),
        strategies=both if strategies is None else strategies,
        size_multiplier=shipped_settings().regime.size_multiplier,
        max_tick_age_seconds=120,
        taker_fee_ratio=Decimal("0.009"),
        accounting_asset=USD,
        quiet_seconds=60,
    )


# --- execution


def an_approval(proposal: TradeProposal | None = None, *, notional: str = "300") -> Approval:
    """A buy that may cost so much."""
    return Approval(a_proposal() if proposal is None else proposal, notional=Notional(notional))


def a_sell_approval(lot: Lot, **over: Any) -> Approval:
    """A sale of all of a lot."""
    return Approval(a_sale(lot, **over), quantity=lot.quantity)


def a_market(
    *books: Product, quotes: Sequence[Quote] = (), tier: str = TIER_1, candidates: bool = True, **over: Any
) -> ExecutionContext:
    """A market of these books, quoted 99.99 to 100.01, all of them candidates, aliases beside their canonical one."""
    listed = {book.product_id: book for book in books or (a_product("SOL-USD"),)}
    shown = {each.product_id: each for each in quotes}
    every = {product_id: shown.get(product_id, a_quote(product_id)) for product_id in listed}
    aliases: dict[ProductId, list[Product]] = {}
    for book in listed.values():
        aliases.setdefault(book.canonical_id, []).append(book)
    plain = ExecutionContext(
        cycle_id=CYCLE,
        now=NOW,
        scheduled_at=NOW,
        products=listed,
        quotes=every,
        candidates={
            product_id: Candidate(listed[product_id], tuple(same), tier, every[product_id], flat_bars(10))
            for product_id, same in aliases.items()
            if candidates and product_id in listed
        },
        fees=FeeRates(Decimal("0.005"), Decimal("0.009")),
        available=None,
        entry_quotes=every,
    )
    return replace(plain, **over)


# --- whole cycles


@dataclass
class Scripted:
    """A strategy that says what a test tells it to, and keeps what it was shown."""

    reads_triggers: bool = field(default=True, kw_only=True)
    bars: Sequence[BarsNeeded] = field(default=(), kw_only=True)
    exits: Set[GeneralExit] = field(default=EVERY_EXIT, kw_only=True)

    answers: Callable[[StrategyContext], Sequence[Answer]] = lambda _: ()
    seen: list[StrategyContext] = field(default_factory=list)

    def propose(self, context: StrategyContext) -> Sequence[Answer]:
        """Answer as told."""
        self.seen.append(context)
        return self.answers(context)


def scripted(*answers: Answer) -> Scripted:
    """A strategy that always says the same."""
    return Scripted(lambda _: answers)


def once(*proposals: TradeProposal) -> Scripted:
    """A strategy that asks once and is content."""
    asked: list[bool] = []

    def answer(_: StrategyContext) -> tuple[TradeProposal, ...]:
        asked.append(True)
        return proposals if len(asked) == 1 else ()

    return Scripted(answer)


def some_facts(
    *, moves: Mapping[str, float] | None = None, ledger: Ledger | None = None, now: int = NOW, **over: Any
) -> CycleInputs:
    """A day of BTC, ETH, SOL, ADA and DOGE, all quiet at 100 but for what moves: percent over the last three bars."""
    walks = dict.fromkeys(("BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD", "DOGE-USD"), 0.0) | dict(moves or {})
    bars = {ProductId(name): _walked(pct) for name, pct in walks.items()}
    quotes = {name: a_quote(name, mid=str(round(series.close[-1], 2)), time=now) for name, series in bars.items()}
    books = a_ledger(regime=RegimeState(Regime.CHOP, Regime.CHOP)) if ledger is None else ledger
    plain = CycleInputs(
        cycle_id=CYCLE,
        now=Instant(now),
        scheduled_at=Instant(now),
        trading_state=TradingState.RUN,
        ledger=books,
        products={name: a_product(name) for name in bars},
        quotes=quotes,
        bars=bars,
        benchmark=flat_bars(168, granularity=Granularity.ONE_HOUR),
        fees=FeeRates(Decimal("0.005"), Decimal("0.009")),
        depth={name: Depth(name, Notional(10_000_000), Notional(10_000_000)) for name in bars},
    )
    return replace(plain, **over)


def _walked(pct: float) -> Bars:
    quiet = some_bars([100.0 + 0.05 * (n % 2) for n in range(300)], reach=0.02)
    return with_move(quiet, pct, 3, reach=0.02) if pct else quiet
