"""The scripts: short stories of a few ticks, each about one thing that sends orders."""

from __future__ import annotations

from decimal import Decimal

from factories import RULES
from simulation.world import START, STEP, Bar, Beat, Scenario, a_rise
from trader.model.commands import CommandKind
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.money import Price, Quantity
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.targets import StopChange, TargetWeight
from trader.model.trading_state import TradingState
from trader.strategies.base import Answer

SOL, ETH, ADA_USDC = ProductId("SOL-USD"), ProductId("ETH-USD"), ProductId("ADA-USDC")
_PEGS = {ProductId("USDT-USD"): [Bar(1.0)] * 40, ProductId("USDT-USDC"): [Bar(1.0)] * 40}

_RULES = 7
#: No rest between entries and exits: what is under test is the order path, not the pace.
_NO_PACE: dict[str, object] = {
    "risk.product_spacing_minutes": 0,
    "risk.entry_spacing_seconds": 0,
    "risk.entries_per_hour_max": 20,
}
_LONG_REST: dict[str, object] = {"risk.cooldown_win_minutes": 600}
#: A calm market after the script's start: fills the entry at the second bar, then waits.
_DIP = [Bar(100.0), Bar(100.0, low=99.0)]


def _calm(count: int, price: float = 100.2) -> list[Bar]:
    return [Bar(round(price + 0.02 * (index % 3), 2)) for index in range(count)]


def _beats(*bars: int, **switches: TradingState) -> tuple[Beat, ...]:
    return tuple(Beat(bar, switches.get(f"at_{bar}")) for bar in bars)


#: A post-only order with its bracket; it fills, the bracket waits, the target is reached.
ENTRY = Scenario(
    "entry",
    _beats(0, 1, 2, 3, 5, 6),
    {SOL: [*_DIP, *_calm(2), Bar(118.0, high=119.0), *_calm(30, 118.0)]},
    _LONG_REST,
)

#: The holding time ends: the bracket is cancelled, then the lot is sold.
EXIT_BY_TIME = Scenario(
    "exit by time",
    _beats(0, 2, 3, 16, 17),
    {SOL: [*_DIP, *_calm(40)]},
    {f"strategies.rules_engine.settings.rules[{row}].hold_hours_max": 1 for row in range(_RULES)},
)

#: The operator flattens one lot, and one entry that has not filled yet.
FLATTEN = Scenario(
    "flatten",
    _beats(0, 2, 3, 4, 5, at_3=TradingState.FLATTEN),
    {SOL: [*_DIP, *_calm(40)], ETH: [Bar(100.1), Bar(101.0), Bar(102.0), *_calm(40, 102.0)]},
    {**_NO_PACE, "execution.entry_ttl_cycles": 6},
)

#: The venue's stop is hit in a fall.
STOPPED = Scenario("stopped", _beats(0, 2, 3, 4, 5), {SOL: [*_DIP, Bar(100.0), Bar(90.0, low=89.0), *_calm(30, 90.0)]})

#: The entry never fills: a second try as a maker, then the taker's price is paid.
REPRICE = Scenario(
    "reprice",
    _beats(0, 2, 4, 5, 6),
    {SOL: [Bar(round(100.3 + 0.3 * index, 2)) for index in range(40)]},
    {**_NO_PACE, "execution.max_reprices": 1},
)

#: The only book is quoted in USDC, the cash is USD.
CONVERT = Scenario(
    "convert",
    _beats(0, 2, 3, 5, 6),
    {ADA_USDC: [*_DIP, *_calm(2), Bar(118.0, high=119.0), *_calm(35, 118.0)], **_PEGS},
    _LONG_REST,
)

#: The bracket does not travel with the entry: it follows the fill, and the stop is hit.
PROTECTION = Scenario(
    "protection",
    _beats(0, 2, 3, 4, 5, 6),
    {SOL: [*_DIP, *_calm(2), Bar(90.0, low=89.0), *_calm(30, 90.0)]},
    {"execution.attach_brackets": False},
)

#: Two products at once, and room for one and a third under the cap on everything together.
CAPPED = Scenario(
    "capped",
    _beats(0, 1, 2, 3, 5, 6),
    {SOL: [*_DIP, *_calm(40)], ETH: [Bar(100.0), Bar(100.4), Bar(100.0, low=99.0), *_calm(40)]},
    {**_NO_PACE, "risk.total_pct_max": 4, "risk.product_pct_max": 3},
)

#: The operator flattens by a command: one lot, and one entry that has not filled yet. Later he lets it trade again.
COMMANDED = Scenario(
    "commanded",
    (
        *_beats(0, 2),
        Beat(2, late=120, command=CommandKind.FLATTEN),
        *_beats(3, 4),
        Beat(4, late=120, command=CommandKind.RESUME),
        *_beats(5, 6),
    ),
    FLATTEN.scripts,
    FLATTEN.overrides,
)

#: Of two lots the older one is sold by a command; later a product is paused.
CLOSED = Scenario(
    "closed",
    (
        *_beats(0, 2),
        Beat(2, late=120, command=CommandKind.CLOSE),
        Beat(3),
        Beat(3, late=120, command=CommandKind.PAUSE),
        *_beats(4, 5),
    ),
    {SOL: [*_DIP, *_calm(40)], ETH: [*_DIP, *_calm(40)]},
    _NO_PACE,
)

#: Watch runs find what happened between two ticks: a fill, whose lot they protect, and the end of the holding time.
#: An entry that could be made meanwhile waits for the tick.
WATCHED = Scenario(
    "watched",
    (
        Beat(0),
        Beat(2, late=50, watches=True),
        Beat(3),
        Beat(3, late=110, watches=True),
        Beat(11),
        Beat(12, late=50, watches=True),
        *_beats(13, 14),
    ),
    {SOL: [*_DIP, *_calm(40)], ETH: [*_DIP, *_calm(40)]},
    {
        **_NO_PACE,
        "execution.attach_brackets": False,
        "risk.entries_per_cycle_max": 1,
        **{f"strategies.rules_engine.settings.rules[{row}].hold_hours_max": 1 for row in range(_RULES)},
    },
)

_OWNERS_ORDER = OrderIntent(
    client_order_id=ClientOrderId("owner-by-hand"),
    cycle_id=CycleId("by hand"),
    strategy=StrategyId("owner"),
    product_id=SOL,
    base=Asset("SOL"),
    quote=Asset("USD"),
    side=Side.SELL,
    purpose=OrderPurpose.EXIT,
    configuration=OrderConfiguration.POST_ONLY_GTD,
    quantity=Quantity(7),
    limit_price=Price(500),
    lot_id=ClientOrderId("owner-by-hand"),
    decided_at=START,
    expires_at=Instant(START + 10**7),
)

#: One product that fills in parts, one of which only dust is bought, a conversion, an entry that expires, a pause, a
#: time exit; and the owner's own coins and order beside ours.
MIXED = Scenario(
    "mixed",
    _beats(0, 2, 3, 4, 5, 16, 17, 18, at_4=TradingState.REDUCE_ONLY, at_5=TradingState.RUN, at_18=TradingState.FLATTEN),
    {
        SOL: [Bar(100.0), Bar(100.0, low=99.0, volume=12), Bar(99.9, low=99.0, volume=9), *_calm(40)],
        ETH: [Bar(100.1), Bar(100.4), Bar(100.6), Bar(100.7, low=99.0, volume=0.015), *_calm(40, 101.0)],
        ADA_USDC: [*_DIP, *_calm(2), Bar(94.0, low=88.0), *_calm(35, 94.0)],
        **_PEGS,
    },
    {
        **_NO_PACE,
        "execution.entry_ttl_cycles": 4,
        **{f"strategies.rules_engine.settings.rules[{row}].hold_hours_max": 1 for row in range(_RULES)},
    },
    {Asset("USD"): Decimal(10_000), Asset("SOL"): Decimal(40)},
    (_OWNERS_ORDER,),
)

#: A lot whose time is over and whose stop is hit in the very bar that closes while the cycle is at work; an entry
#: that needs a conversion, and another that rests. The tick comes half a minute before the bar closes.
SLOW = Scenario(
    "slow",
    (Beat(0), Beat(2), Beat(14, late=260), Beat(16), Beat(17)),
    {
        SOL: [*_DIP, *_calm(12), Bar(90.0, low=89.0), *_calm(30, 90.0)],
        ADA_USDC: [*_calm(9, 97.0), *a_rise(), *_calm(30, 100.0)],
        **_PEGS,
    },
    {f"strategies.rules_engine.settings.rules[{row}].hold_hours_max": 1 for row in range(_RULES)},
    unmoved=frozenset({ADA_USDC}),
)


def _weigh(context: StrategyContext) -> list[Answer]:
    """Want a weight, then a higher stop, then half of it, then none."""
    bar = (context.now - START) // STEP
    weight = "0.2" if bar < 6 else "0.1" if bar == 6 else "0"
    said: list[Answer] = [
        StopChange(lot.strategy, lot.product_id, lot.base, lot.lot_id, Price(88))
        for lot in context.lots
        if bar >= 5 and lot.stop_changed_at is None
    ]
    terms = {"stop_loss_pct": Decimal(20), "band": Decimal("0.02")}
    return [*said, TargetWeight(RULES, SOL, Asset("SOL"), Decimal(weight), **terms)]


#: A target weight that is bought in parts, its stop raised, half of it sold, and then all.
WEIGHED = Scenario(
    "weighed",
    _beats(0, 2, 4, 5, 6, 7),
    {SOL: [Bar(100.0), Bar(100.0, low=99.0, volume=12), *[Bar(99.9, low=99.0)] * 2, *_calm(40)]},
    _NO_PACE,
    answers=_weigh,
)


def make_lots(count: int) -> Scenario:
    """Eight products, of which so many are bought together; after an hour, at the last tick, the lots are sold."""
    products = [ProductId(f"{base}-USD") for base in ("SOL", "ETH", "ADA", "AVAX", "DOT", "LINK", "UNI", "XLM")]
    return Scenario(
        f"{count} lots",
        _beats(0, 2, 3, 16),
        {product_id: [*_DIP, *_calm(40)] for product_id in products},
        {
            **_NO_PACE,
            "risk.entries_per_cycle_max": 8,
            "strategies.rules_engine.trades_per_cycle_max": 8,
            "risk.correlated_pct_max": 100,
            "universe.clusters": {},
            "universe.correlation_max": 1,
            **{f"strategies.rules_engine.settings.rules[{row}].hold_hours_max": 1 for row in range(_RULES)},
        },
        unmoved=frozenset(products[count:]),
    )


SCENARIOS = (
    ENTRY,
    EXIT_BY_TIME,
    FLATTEN,
    STOPPED,
    REPRICE,
    CONVERT,
    PROTECTION,
    CAPPED,
    MIXED,
    COMMANDED,
    CLOSED,
    WATCHED,
    WEIGHED,
)
