"""Random histories of one account: what truly happened at the venue, and the views of it that reach us.

A history is causal: a sale sells what was bought before it. A view shows any part of a history, in any order, some of
it twice, an order as it was at any earlier moment; the last view shows everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from hypothesis import strategies as st

from factories_market import NOW
from trader.model.conversions import ConversionIntent, ConversionRecord, ConversionReport, ConversionStatus
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, Scope, StrategyId, TradeId, VenueOrderId
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger, open_ledger
from trader.model.market import Balance
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, Fill, OrderConfiguration, OrderIntent, OrderPurpose, OrderStatusReport, Side

Value = TypeVar("Value")

CYCLE = CycleId("20261122T101500Z")
USD, USDC = Asset("USD"), Asset("USDC")
STRATEGIES = (StrategyId("rules_engine"), StrategyId("mean_reversion"))
PRODUCTS = (ProductId("BTC-USD"), ProductId("SOL-USDC"), ProductId("DOGE-USD"))
CAPITAL = Notional("10000.01")

#: Nothing in doubt is given up and nothing finished is forgotten before this.
PATIENCE_SECONDS = 100


@dataclass(frozen=True)
class VenueOrderStory:
    """One order: as decided, as the venue saw it one look after the other, and its fills.

    ``parent`` is the entry whose attached bracket it is; then no record of it exists until the venue shows it.
    """

    intent: OrderIntent
    record: OrderRecord | None
    states: tuple[OrderStatusReport, ...]
    fills: tuple[Fill, ...]


@dataclass(frozen=True, repr=False)
class History:
    """What truly happened, what the ledger knew at first, and what was looked at in between."""

    ledger: Ledger
    orders: tuple[VenueOrderStory, ...]
    conversions: tuple[ConversionReport, ...]
    foreign: tuple[Fill, ...]
    views: tuple[AccountView, ...]

    @property
    def fills(self) -> tuple[Fill, ...]:
        """All fills that are ours."""
        return tuple(fill for order in self.orders for fill in order.fills)

    def full_view(self, read_at: int = NOW + PATIENCE_SECONDS) -> AccountView:
        """Everything as it is in the end."""
        return AccountView(
            read_at=Instant(read_at),
            balances=balances(),
            orders=tuple(order.states[-1] for order in self.orders),
            fills=(*self.fills, *self.foreign),
            conversions=self.conversions,
        )

    def __repr__(self) -> str:
        lines = []
        for order in self.orders:
            intent = order.intent
            lines.append(f"{intent.purpose} {intent.client_order_id} {intent.quantity} at {intent.limit_price}")
            lines += [f"  seen {state.status} {state.filled_quantity}" for state in order.states]
            lines += [
                f"  {fill.trade_id} at +{fill.time - NOW}: {fill.quantity} x {fill.price}" for fill in order.fills
            ]
        for view in self.views:
            orders = [f"{state.venue_order_id} {state.status} {state.filled_quantity}" for state in view.orders]
            lines.append(f"view +{view.read_at - NOW}: {orders} fills {[fill.trade_id for fill in view.fills]}")
        return "\n  ".join(["History:", *lines])

    def _repr_pretty_(self, printer: object, cycle: bool) -> None:
        printer.text(repr(self))  # type: ignore[attr-defined]


def balances() -> dict[Asset, Balance]:
    """More of everything than any history touches."""
    assets = ("USD", "USDC", "BTC", "SOL", "DOGE")
    return {Asset(asset): Balance(Asset(asset), Decimal(10**9), Decimal(0)) for asset in assets}


# --- raw numbers: what happens to one lot

# Parts of the entry that fill, one after the other; what is sold after each, in hundredths of what is then held.
_SELLS = st.integers(0, 120).map(lambda pct: 0 if pct < 20 else pct - 20)
_STEPS = st.lists(st.tuples(st.integers(1, 999), _SELLS, st.integers(0, 2)), min_size=1, max_size=4)
_TRADES = st.tuples(st.integers(0, 1), st.integers(0, len(PRODUCTS) - 1), st.booleans(), _STEPS, st.integers(0, 3))
# Seconds after the start; which fills, order states and conversions are shown, a bit each; how they are shuffled.
_LOOKS = st.lists(
    st.tuples(
        st.integers(0, PATIENCE_SECONDS),
        st.integers(0, 2**20 - 1),
        st.integers(0, 2**24 - 1),
        st.integers(0, 3),
        st.integers(0, 17),
    ),
    max_size=4,
)
_MANY = st.lists(_TRADES, min_size=1, max_size=3)
_MOVES = st.lists(st.integers(1, 99_999), max_size=2)
# Of an entry that is not wholly filled.
_ENDS = (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.OPEN, OrderStatus.FAILED)
_STARTS = (OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.PENDING, OrderStatus.OPEN)


@st.composite
def histories(draw: st.DrawFn, *, views_max: int = 4) -> History:
    """Some trades, perhaps conversions, foreign trading beside them, and views of it all."""
    raw = draw(_MANY)
    seed = draw(st.integers(0, 2**32 - 1))
    orders: list[VenueOrderStory] = []
    for number, (strategy, product, attached, steps, end) in enumerate(raw):
        orders += _trade(f"t247-{number}", strategy, product, steps, end, (seed >> number) % 4, attached=attached)
    ledger = open_ledger(Scope("PAPER#main"), USD, CAPITAL)
    for order in orders:
        if order.record is not None:
            ledger = ledger.with_order(order.record)
    ledger, conversions = _with_converts(ledger, draw(_MOVES))
    foreign = tuple(_foreign(number) for number in range(seed % 3))
    history = History(ledger, tuple(orders), conversions, foreign, ())
    looks = draw(_LOOKS)[:views_max]
    return replace(history, views=tuple(_view(history, *look) for look in looks))


def _view(history: History, after: int, fills: int, orders: int, conversions: int, turn: int) -> AccountView:
    every = (*history.fills, *history.foreign)
    states = [state for order in history.orders for state in order.states]
    return AccountView(
        read_at=Instant(NOW + after),
        balances=balances(),
        orders=tuple(_some(states, orders, turn)),
        fills=tuple(_some(every, fills, turn)),
        conversions=tuple(_some(history.conversions, conversions, turn)),
    )


def _some(items: Sequence[Value], mask: int, turn: int) -> list[Value]:
    # Those whose bit is set, in an order of their own, the first of them perhaps twice.
    shown = [item for number, item in enumerate(items) if (mask >> number) & 1]
    shown = sorted(shown, key=lambda item: (items.index(item) + 1) * (2 * turn + 1) % 37)
    return shown + shown[:1] * (turn % 2)


def _trade(
    name: str,
    strategy: int,
    product: int,
    steps: Sequence[tuple[int, int, int]],
    end: int,
    start: int,
    *,
    attached: bool,
) -> list[VenueOrderStory]:
    increment = Decimal(("0.00000001", "0.001", "1")[product])
    price = Decimal(("97512.37", "241.7", "0.39217")[product])
    whole = sum(part for part, _, _ in steps) * increment
    entry = _entry(name, strategy, product, Quantity(whole if end == 3 else whole + increment), Price(price))
    entry = replace(entry, attach_bracket=attached)
    buys: list[Fill] = []
    sales: list[Fill] = []
    held, at = Decimal(0), int(NOW)
    for number, (part, sold, pause) in enumerate(steps):
        buys.append(_fill(entry, f"{name}-b{number}", part * increment, price - number * Decimal("0.00001"), at))
        held += part * increment
        at += pause
        quantity = held * sold // 100 // increment * increment
        if quantity > 0:
            sales.append(_fill(_sale(entry, attached), f"{name}-s{number}", quantity, price * (100 + number) / 100, at))
            held -= quantity
            at += pause
    final = OrderStatus.FILLED if end == 3 else _ENDS[end]
    stories = [_story(entry, buys, final, start)]
    if sales:
        sale = _sale(entry, attached)
        over = OrderStatus.CANCELLED if end % 2 else OrderStatus.OPEN
        sold_all = sum((fill.quantity for fill in sales), Decimal(0)) == sale.quantity
        stories.append(_story(sale, sales, OrderStatus.FILLED if sold_all else over, start, child_of=entry))
    return stories


def _story(
    intent: OrderIntent,
    fills: Sequence[Fill],
    final: OrderStatus,
    start: int,
    child_of: OrderIntent | None = None,
) -> VenueOrderStory:
    is_child = child_of is not None and child_of.attach_bracket
    states = []
    filled = Decimal(0)
    for fill in fills:
        states.append(_state(intent, OrderStatus.OPEN, filled, child_of if is_child else None))
        filled += fill.quantity
    if final is OrderStatus.FILLED and start == 2:
        # The documented change of mind: cancelled, and then the last fill comes in.
        states.append(_state(intent, OrderStatus.CANCELLED, filled, child_of if is_child else None))
    states.append(_state(intent, final, filled, child_of if is_child else None))
    status = _STARTS[start]
    known = status in (OrderStatus.PENDING, OrderStatus.OPEN)
    record = OrderRecord(intent, status, VenueOrderId(f"v-{intent.client_order_id}") if known else None)
    return VenueOrderStory(intent, None if is_child else record, tuple(states), tuple(fills))


def _state(intent: OrderIntent, status: OrderStatus, filled: Decimal, parent: OrderIntent | None) -> OrderStatusReport:
    venue_id = VenueOrderId(f"v-{intent.client_order_id}")
    return OrderStatusReport(
        venue_order_id=venue_id,
        client_order_id=ClientOrderId(venue_id) if parent is not None else intent.client_order_id,
        product_id=intent.product_id,
        side=intent.side,
        status=status,
        filled_quantity=Quantity(filled),
        created_at=NOW,
        originating_order_id=VenueOrderId(f"v-{parent.client_order_id}") if parent is not None else None,
    )


def _entry(name: str, strategy: int, product: int, quantity: Quantity, price: Price) -> OrderIntent:
    product_id = PRODUCTS[product]
    base, _, quote = product_id.partition("-")
    return OrderIntent(
        client_order_id=ClientOrderId(name),
        cycle_id=CYCLE,
        strategy=STRATEGIES[strategy],
        product_id=product_id,
        base=Asset(base),
        quote=Asset(quote),
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=quantity,
        limit_price=price,
        lot_id=ClientOrderId(name),
        decided_at=NOW,
        bracket=Bracket(Price(price * Decimal("0.94")), Price(price * Decimal("1.5"))),
        max_hold_until=Instant(NOW + 3600),
        fee_rate_max=Decimal("0.009"),
    )


def _sale(entry: OrderIntent, attached: bool) -> OrderIntent:
    return replace(
        entry,
        client_order_id=ClientOrderId(f"{entry.client_order_id}-sale"),
        side=Side.SELL,
        purpose=OrderPurpose.PROTECTION if attached else OrderPurpose.EXIT,
        configuration=OrderConfiguration.BRACKET_GTC if attached else OrderConfiguration.LIMIT_IOC,
        bracket=None,
        attach_bracket=False,
    )


def _fill(intent: OrderIntent, trade: str, quantity: Decimal, price: Decimal, at: int) -> Fill:
    return Fill(
        trade_id=TradeId(trade),
        venue_order_id=VenueOrderId(f"v-{intent.client_order_id}"),
        product_id=intent.product_id,
        side=intent.side,
        price=Price(price),
        quantity=Quantity(quantity),
        # As venues do it: a fraction of a cent, rounded somewhere far behind the point.
        fee=Notional((price * quantity * Decimal("0.0073")).quantize(Decimal("1e-12"))),
        time=Instant(at),
    )


def _foreign(number: int) -> Fill:
    stranger = _entry("stranger", 0, 0, Quantity(1), Price(97_500))
    return _fill(stranger, f"foreign-{number}", Decimal(1), Decimal(97_500), int(NOW) + number)


def _with_converts(ledger: Ledger, cents: Sequence[int]) -> tuple[Ledger, tuple[ConversionReport, ...]]:
    told = []
    for number, amount in enumerate(cents):
        moved = Notional(Decimal(amount) / 100)
        source, target = (USD, USDC) if amount % 2 else (USDC, USD)
        intent = ConversionIntent(f"convert-{number}", CYCLE, source, target, moved, NOW)
        ledger = ledger.with_conversion(ConversionRecord(intent, ConversionStatus.QUOTED, f"vc-{number}"))
        done = amount % 3 > 0
        told.append(
            ConversionReport(
                f"vc-{number}",
                ConversionStatus.COMPLETED if done else ConversionStatus.FAILED,
                moved if done else Notional(0),
            )
        )
    return ledger, tuple(told)
