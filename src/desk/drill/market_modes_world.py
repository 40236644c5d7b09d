"""One lot, one market and one venue whose mode changes: the world in which `make market-modes` plays its cases.

The lot is opened by the cycle itself, out of an entry that is remembered and not sent yet. Then the situation is made,
the market takes its mode, and cycles are played as in production. No bar trades enough to fill anything, so what is
sold is sold by an order of ours, or by a trick of the venue that the situation names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, cast

from desk.drill.market_modes_venue import ModeMarket, Situation, TrickyVenue
from desk.in_memory import (
    InMemoryAuditLog,
    InMemoryKillSwitch,
    InMemorySimAccountStore,
    InMemoryStateStore,
    ManualClock,
)
from desk.markets.candle_market import make_product
from desk.markets.series import CandleSeries
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.model.ids import Asset, Instant, ProductId, Scope, StrategyId, client_order_id, cycle_id_at
from trader.model.inputs import Tick
from trader.model.ledger import open_ledger
from trader.model.market import Candle, Granularity
from trader.model.money import ZERO, Notional, Price, Quantity, plain
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.ports import ExchangeAdapter, Identity, Ports
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.archive import load_whole
from trader.sim.exchange import SimulatedExchange
from trader.sim.orders import SimOrder
from trader.stages.pipeline import Pipeline

#: Every mode of a market, and what the venue says of the product in it.
MODES: Mapping[str, Mapping[str, Any]] = {
    "online": {},
    "limit_only": {"limit_only": True},
    "post_only": {"post_only": True},
    "cancel_only": {"cancel_only": True},
    "in_auction": {"in_auction": True},
    "view_only": {"view_only": True},
    "trading_disabled": {"trading_disabled": True},
    "is_disabled": {"is_disabled": True},
    "status=offline": {"status": "offline"},
    "status=delisted": {"status": "delisted"},
}
#: The modes in which the venue takes orders; in all others it takes cancellations only.
TAKING = frozenset({"online", "limit_only", "post_only"})

ENTRY_PRICE, STOP, TARGET, QUANTITY = Price(100), Price(94), Price(112), Quantity(1)
#: So much of an entry that rests is bought when the mode begins.
BOUGHT = Quantity("0.6")

_PRODUCT, _BENCHMARK, _BASE, _USD = ProductId("ETH-USD"), ProductId("BTC-USD"), Asset("ETH"), Asset("USD")
_SCOPE, _STRATEGY = Scope("PAPER#modes"), StrategyId("rules_engine")
# 2026-11-22T12:00:00Z; cycles begin ten seconds after a bar closed.
_START, _STEP, _AFTER_CLOSE = 1_795_348_800, 300, 10
_FIRST_CYCLE = Instant(_START + _AFTER_CLOSE)
_MODE_BEGINS = Instant(_FIRST_CYCLE + 3 * _STEP)
_RUN_SECONDS, _DAY, _HOUR = 210, 86_400, 3600
#: What the account's owner has beside our lot: a sale too much would be of these.
_FOREIGN = Decimal(5)
# Too little for any order to get a share of it.
_NO_VOLUME = 1e-9

#: Plays one cycle; a test may put a faulty one here.
Run = Callable[[Tick, Pipeline, Ports], CycleReport]


class WaitingClock(ManualClock):
    """A clock that moves when told to, and by itself while somebody waits."""

    _rest = 0.0

    def wait(self, seconds: float) -> None:
        """Let so much time pass; the fraction of a second that is over waits for the next."""
        whole = math.floor(self._rest + seconds)
        self._rest += seconds - whole
        self.advance(whole)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the venue has of the lot at the end of a cycle, and what the cycle said.

    ``bare`` is held and nothing sells it; ``excess`` the most that was ever sold, on sale or in doubt beyond the lot.
    """

    outcome: CycleOutcome
    held: Quantity
    sold: Quantity
    orders: tuple[str, ...]
    bare: Quantity
    rings: bool
    why: str
    excess: Decimal

    @property
    def is_silent(self) -> bool:
        """Whether a lot is bare and the cycle did not ring for it."""
        return self.bare > 0 and not self.rings

    def __str__(self) -> str:
        sold = ["sold" if self.held == 0 else f"sold {_show(self.sold)}"] if self.sold else []
        bare = []
        if self.bare:
            what = "nothing" if self.bare == self.held else f"nothing for {_show(self.bare)}"
            bare = [f"{what}: {'rings' if self.rings else 'SILENT'} ({self.why})"]
        parts = [*sold, *self.orders, *bare]
        if not self.bare and self.outcome is CycleOutcome.ABORTED:
            parts.append("rings")
        return ", ".join(parts)


class ModeWorld:
    """One situation in one mode, from the opening of the lot to the end of the last cycle."""

    def __init__(self, mode: str, situation: Situation, settings: Settings, run: Run = run_cycle) -> None:
        self._flags, self._situation, self._settings, self._run = MODES[mode], situation, settings, run
        self._clock, self._switch = WaitingClock(_FIRST_CYCLE), InMemoryKillSwitch()
        self._store, self._accounts = InMemoryStateStore(), InMemorySimAccountStore[SimAccount]()
        series = _make_series(situation.price)
        product = make_product(_PRODUCT, series[_PRODUCT, Granularity.FIVE_MINUTE].candles)
        product = replace(product, price_increment=Price("0.01"))
        self._market = ModeMarket([product], series, settings.simulation, self._clock)
        # Coins that our own cancelled order holds are missed only where there are no others.
        foreign = ZERO if situation.hold_seconds else _FOREIGN
        self._venue = SimulatedExchange(
            self._market,
            self._market,
            settings.simulation,
            self._clock,
            self._accounts,
            opening={_USD: Decimal(settings.app.capital), _BASE: foreign},
            order_prefix=settings.execution.order_prefix,
        )
        self._tricks = TrickyVenue(self._venue, self._market, self._accounts, settings, self._clock, self._watch)
        self._lot_id = client_order_id(settings.execution.order_prefix, _SCOPE, _PRODUCT)
        self._pipeline, self._excess = Pipeline.build(settings, {}), ZERO

    def set_up(self) -> None:
        """Open the lot, make the situation, and let the mode begin. Raises: RuntimeError if the lot is not there."""
        self._remember_entry()
        self._cycle()
        if self._situation.is_entry_open:
            self._tricks.fill(self._entry_order(), BOUGHT)
        self._clock.set(Instant(_FIRST_CYCLE + _STEP))
        report = self._cycle()
        if report.outcome is not CycleOutcome.COMPLETED or not self._read(report).orders:
            raise RuntimeError(f"{self._situation.name}: the lot was not set up: {report.outcome} {report.reason}")
        if self._situation.is_bare:
            self._venue.cancel([each.venue_order_id for each in self._active(Side.SELL)])
        if self._situation.has_resting_sale:
            self._tricks.begin(self._situation, {}, self._switch)
            self._clock.set(Instant(_FIRST_CYCLE + 2 * _STEP))
            self._cycle()
        self._tricks.begin(self._situation, self._flags, self._switch)
        self._switch.word = self._situation.switch
        self._clock.set(_MODE_BEGINS)

    def reopen(self) -> None:
        """Let the market be online again."""
        self._tricks.reopen()

    def play(self) -> Seen:
        """Play the cycle that is due, and look at the venue from outside; the next one is due a period later."""
        begun = self._clock.now()
        seen = self._read(self._cycle())
        self._clock.set(Instant(begun + _STEP))
        return seen

    def _cycle(self) -> CycleReport:
        now = self._clock.now()
        ports = Ports(
            market=self._market,
            exchange=cast("ExchangeAdapter", self._tricks),
            store=self._store,
            audit=InMemoryAuditLog(),
            kill_switch=self._switch,
            clock=self._clock,
            identity=Identity(_SCOPE, "drill", "drill"),
        )
        return self._run(Tick(cycle_id_at(now), now, Instant(now + _RUN_SECONDS)), self._pipeline, ports)

    def _remember_entry(self) -> None:
        """Write books that look as if their last run had died before it sent the entry that it had committed."""
        app, is_open = self._settings.app, self._situation.is_entry_open
        now = self._clock.now()
        entry = OrderIntent(
            client_order_id=self._lot_id,
            cycle_id=cycle_id_at(now),
            strategy=_STRATEGY,
            product_id=_PRODUCT,
            base=_BASE,
            quote=_USD,
            side=Side.BUY,
            purpose=OrderPurpose.ENTRY,
            configuration=OrderConfiguration.POST_ONLY_GTD if is_open else OrderConfiguration.LIMIT_IOC,
            quantity=QUANTITY,
            limit_price=Price("99.90") if is_open else Price(101),
            lot_id=self._lot_id,
            decided_at=now,
            expires_at=Instant(now + _DAY) if is_open else None,
            bracket=Bracket(STOP, TARGET),
            attach_bracket=True,
            max_hold_until=_MODE_BEGINS if self._situation.is_due else Instant(now + _DAY),
            fee_rate_max=Decimal("0.02"),
            reason="drill",
        )
        ledger = open_ledger(_SCOPE, app.accounting_asset, Notional(app.capital)).with_order(OrderRecord(entry))
        grant = self._store.acquire(_SCOPE, "drill", now, _RUN_SECONDS)
        self._store.commit(grant, ledger, release=True)

    # --- eyes

    def _read(self, report: CycleReport) -> Seen:
        self._watch()
        bought, sold = self._filled(Side.BUY), self._filled(Side.SELL)
        held, selling = Quantity(bought - sold), self._active(Side.SELL)
        bare = max(held - sum((each.remaining for each in selling), ZERO), ZERO)
        orders = [_describe(each) for each in selling]
        orders += [f"entry {_show(each.remaining)}" for each in self._active(Side.BUY)]
        return Seen(
            outcome=report.outcome,
            held=held,
            sold=Quantity(sold),
            orders=tuple(orders),
            bare=Quantity(bare),
            rings=report.outcome is CycleOutcome.ABORTED and self._lot_id in report.exposed,
            why=report.exposed.get(self._lot_id, report.reason).removeprefix("the venue takes no order now: "),
            excess=self._excess,
        )

    def _watch(self) -> None:
        """Note if more of the lot is sold, on sale or in doubt than was bought; looked at after every order."""
        ledger, account = self._store.ledger(_SCOPE), self._account()
        at_venue = {each.client_order_id for each in (*account.active.values(), *account.finished.values())}
        doubts = [] if ledger is None else [each for each in ledger.orders.values() if each.is_in_doubt]
        in_doubt = [r for r in doubts if r.intent.side is Side.SELL and r.intent.client_order_id not in at_venue]
        on_sale = sum((each.remaining for each in self._active(Side.SELL)), ZERO)
        excess = self._filled(Side.SELL) + on_sale - self._filled(Side.BUY)
        self._excess = max(self._excess, excess + sum((each.remaining for each in in_doubt), ZERO))

    def _account(self) -> SimAccount:
        return load_whole(self._accounts) or SimAccount()

    def _active(self, side: Side) -> list[SimOrder]:
        return [each for each in self._account().active.values() if each.side is side]

    def _filled(self, side: Side) -> Decimal:
        return sum((fill.quantity for fill in self._account().fills if fill.side is side), ZERO)

    def _entry_order(self) -> SimOrder:
        return next(each for each in self._active(Side.BUY) if each.client_order_id == self._lot_id)


def _describe(order: SimOrder) -> str:
    quantity = _show(order.remaining)
    if order.configuration.has_stop:
        return f"bracket {quantity}"
    return f"resting sale {quantity} @ {order.limit_price}"


def _show(quantity: Decimal) -> str:
    text = plain(quantity)
    return text if "." in text else f"{text}.0"


@cache
def _make_series(price: float) -> dict[tuple[ProductId, Granularity], CandleSeries]:
    """Lay out a day at the entry price, then a market in which nobody trades, at *price* from the mode's bar on."""
    entry = float(ENTRY_PRICE)
    rows = [_bar(_START + n * _STEP, entry, 2000.0) for n in range(-361, 0)]
    rows += [_bar(_START, entry, _NO_VOLUME), *(_bar(_START + n * _STEP, price, _NO_VOLUME) for n in range(1, 12))]
    hour = _START // _HOUR * _HOUR
    hours = [_bar(hour + n * _HOUR, 50_000.0, 100.0) for n in range(-200, 1)]
    return {
        (_PRODUCT, Granularity.FIVE_MINUTE): CandleSeries(Granularity.FIVE_MINUTE, rows),
        (_BENCHMARK, Granularity.ONE_HOUR): CandleSeries(Granularity.ONE_HOUR, hours),
    }


def _bar(start: int, price: float, volume: float) -> Candle:
    return Candle(start, price, price, price, price, volume)
