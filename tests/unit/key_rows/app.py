"""What each key of ``app.yaml`` decides, the simulated venue aside."""

import contextlib
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from factories_market import NOW, a_lot
from factories_settings import shipped_trees, with_overrides
from trader.adapters.coinbase.limits import RateLimitGroup, TimeoutPolicy, make_rate_limiters
from trader.adapters.config.files import parse_settings
from trader.entry.wiring import VenueAccess, build_local_ports, read_limits
from trader.errors import ConfigError, DataError, VenueError
from trader.model.cycle_state import FeeCache
from trader.model.ids import Instant, ProductId
from trader.model.inputs import AccountView
from trader.model.market import Depth, FeeRates, Quote
from trader.model.order_life import OrderStatus
from trader.settings import Settings
from trader.stages.reconcile.account import reconcile
from unit.adapters.coinbase.stub import FakeTime, Reply, a_market, serving
from unit.config_keys import Row
from unit.key_rows import shapes
from unit.key_rows.books import a_fill, a_record, an_order, in_doubt, ordered, view
from unit.key_rows.cycles import Banded, Cycles, a_cycle
from unit.key_rows.world import SOL, Seen, a_ledger, believing, decision, holding, on

_BURST = Seen(bars=shapes.burst())


class _Crashing(Banded):
    """A market in whose reading our process dies."""

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        raise RuntimeError("out of memory")


def _wired(settings: Settings) -> object:
    """One cycle in the world that the composition root puts together: the orders its exchange then has."""
    cycles = Cycles(settings)
    with tempfile.TemporaryDirectory() as home:
        try:
            ports = build_local_ports(settings, Path(home), VenueAccess(cycles.market, cycles.tape), cycles.clock)
        except ConfigError:
            return "refused"
        cycles.exchange = ports.exchange
        return cycles.run(store=ports.store, audit=ports.audit, kill_switch=ports.kill_switch)


def _started(settings: Settings) -> str:
    """Whether the loader accepts LIVE with this permission."""
    keys = {"app.mode": settings.app.mode.value, "exchange.read_only": settings.exchange.read_only}
    try:
        parse_settings(with_overrides(shipped_trees(), keys))
    except ConfigError:
        return "refused"
    return "accepted"


def _after_doubt(settings: Settings) -> object:
    """An entry was sent 200 seconds ago, and no listing shows it; its product has just jumped again."""
    ledger = reconcile(a_ledger(settings, **in_doubt(200)), view(USD="10000"), settings).ledger
    return decision(settings, _BURST, ledger=ledger)


def _late_fill(settings: Settings) -> object:
    """The venue reports the fill of an order that expired 4000 seconds ago, one look at the account later."""
    record = a_record(an_order(age=5000), OrderStatus.EXPIRED, final_at=Instant(NOW - 4000))
    ledger = reconcile(a_ledger(settings, **ordered(record)), view(USD="10000"), settings).ledger
    return reconcile(ledger, view(a_fill(record, "100"), USD="10000", SOL="1"), settings).ledger.lots


def _short_balance(settings: Settings) -> object:
    """The venue has half a thousandth less than another strategy's lot; the rules engine wants more of it."""
    account: AccountView = view(USD="10000", SOL="0.9995")
    ledger = a_ledger(settings, **holding(a_lot(SOL, strategy="mean_reversion")))
    return decision(settings, _BURST, ledger=reconcile(ledger, account, settings).ledger)


def _fees_of_yesterday(settings: Settings) -> object:
    """The account paid ten times as much thirty hours ago as it does now."""
    cache = FeeCache(Instant(NOW - 30 * 3600), FeeRates(Decimal("0.05"), Decimal("0.09")))
    return a_cycle(lambda each: a_ledger(each, fees=cache))(settings)


def _seconds_for_ten(group: RateLimitGroup) -> Callable[[Settings], float]:
    """How long ten requests of a kind take the clock of the adapter that the function builds."""

    def measure(settings: Settings) -> float:
        time = FakeTime()
        limiters = make_rate_limiters(read_limits(settings), time.timing())[group]
        for _ in range(10):
            for limiter in limiters:
                limiter.wait_turn()
        return time.passed

    return measure


def _books_read_together(settings: Settings) -> int:
    """How many of eight books are read from a venue that answers none before all eight are asked for."""
    together = threading.Barrier(8)
    names = [ProductId(f"P{number}-USD") for number in range(8)]

    def answer(_: object) -> Reply:
        try:
            together.wait(2)
        except threading.BrokenBarrierError:
            return Reply({"error": "NOT_FOUND"}, 404)
        bids, asks = ([{"price": price, "size": "1"}] for price in ("100", "101"))
        book = {"product_id": "P0-USD", "bids": bids, "asks": asks, "time": "2025-01-21T07:15:55.518582Z"}
        return Reply({"pricebook": book})

    limits = replace(read_limits(settings), public_per_second=1_000_000)
    with serving() as stub:
        stub.on("GET", "/market/product_book", answer)
        with contextlib.suppress(VenueError):
            market = a_market(stub, limits=limits, timeouts=TimeoutPolicy(answer_seconds=10))
            return sum(isinstance(each, Depth) for each in market.depth(names, Decimal(1000)).values())
    return 0


ROWS: dict[str, Row] = {
    "app.mode": Row("PAPER", _wired),
    "app.account": Row("other", a_cycle()),
    "app.capital": Row(5000, a_cycle()),
    "app.accounting_asset": Row("USDC", a_cycle()),
    "app.live_without_evidence": Row("true", on(_BURST), {"app.mode": "LIVE"}),
    "cycle.period_seconds": Row(600, on(_BURST)),
    "cycle.max_tick_age_seconds": Row(200, on(_BURST, late=150)),
    "cycle.quiet_period_seconds": Row(120, _after_doubt),
    "cycle.order_memory_seconds": Row(7200, _late_fill),
    # Over a week the benchmark fell 6 %, over two 16 %, over the last four days not at all.
    "bars.granularity": Row("ONE_MINUTE", a_cycle()),
    "bars.history": Row("1400m", a_cycle()),
    "bars.benchmark": Row("ETH-USD", a_cycle()),
    "bars.benchmark_granularity": Row("ONE_DAY", a_cycle()),
    "bars.benchmark_history": Row("100h", a_cycle()),
    "exchange.read_only": Row("false", _started, {"app.mode": "LIVE"}),
    "exchange.fee_cache_hours": Row(48, believing(_fees_of_yesterday)),
    "exchange.assumed_maker_fee_ratio": Row("0.02", believing(a_cycle(has_account=False))),
    "exchange.assumed_taker_fee_ratio": Row("0.02", believing(a_cycle(has_account=False))),
    "exchange.balance_tolerance_ratio": Row(0, _short_balance),
    "exchange.public_per_second": Row(4, _seconds_for_ten(RateLimitGroup.PUBLIC)),
    "exchange.private_per_second": Row(4, _seconds_for_ten(RateLimitGroup.PRIVATE)),
    "exchange.fills_per_second": Row(2, _seconds_for_ten(RateLimitGroup.FILLS)),
    "exchange.parallel_requests": Row(4, _books_read_together),
}
