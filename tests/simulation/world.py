"""A whole world in memory: market, venue, store, audit, switch and clock; it can be copied at any instant and compared.

Ticks come ten seconds after a bar closed, as a schedule has it, so that a restart within the same bar meets the same
market. Time stands still within a cycle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import ClassVar

from desk.in_memory import (
    InMemoryAuditLog,
    InMemoryKillSwitch,
    InMemorySimAccountStore,
    InMemoryStateStore,
    ManualClock,
)
from desk.markets.candle_market import CandleMarket, SeriesKey
from desk.markets.series import CandleSeries
from factories import RULES
from factories_settings import shipped_settings
from trader.adapters.local.lease import LeaseItem, read_ledger
from trader.cycle.run_time import LEASE_MARGIN_SECONDS
from trader.entry.wiring import build_pipeline
from trader.model.codec import digest_of, sha256_hex
from trader.model.commands import CommandKind, StandingCommands
from trader.model.ids import Asset, Instant, ProductId, Scope, cycle_id_at
from trader.model.inputs import StrategyContext, Tick
from trader.model.ledger import Ledger
from trader.model.lots import EVERY_EXIT, GeneralExit
from trader.model.market import BarsNeeded, Candle, Granularity, Product
from trader.model.money import Notional, Price, Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderIntent
from trader.model.trading_state import TradingState
from trader.ports import Identity, Ports, TimeBudget
from trader.settings import Settings
from trader.settings.evidence import NO_EVIDENCE, Evidence
from trader.sim.account import SimAccount
from trader.sim.archive import load_whole
from trader.sim.exchange import SimulatedExchange
from trader.stages.pipeline import Pipeline
from trader.strategies.base import Answer

SCOPE = Scope("PAPER#main")
#: The boundary between history and script; the first tick comes ten seconds later.
START = Instant(1_795_348_800)  # 2026-11-22T12:00:00Z
STEP = 300
AFTER_BOUNDARY = 10
_HISTORY = 320
_RAMP = 5


@dataclass(frozen=True, slots=True)
class Beat:
    """One run of a script: after which bar boundary, and what the operator set the switch to just before.

    It is a tick, unless it *watches* or is for a *command*.
    """

    bar: int
    switch: TradingState | None = None
    late: int = 0
    watches: bool = False
    command: CommandKind | None = None

    @property
    def decides(self) -> bool:
        """Whether it is a tick."""
        return not self.watches and self.command is None

    @property
    def at(self) -> Instant:
        """When the schedule fires, or the command is said."""
        return Instant(START + self.bar * STEP + AFTER_BOUNDARY + self.late)


@dataclass(frozen=True, slots=True)
class Bar:
    """One scripted bar: its close, and how far it reached; what is not said follows from open and close."""

    close: float
    high: float | None = None
    low: float | None = None
    volume: float = 3000.0


@dataclass(frozen=True)
class Told:
    """A strategy that says what a story makes it say. It keeps nothing: every run of a sweep shares it."""

    answers: Callable[[StrategyContext], Sequence[Answer]]
    reads_triggers: ClassVar[bool] = False
    bars: Sequence[BarsNeeded] = ()
    exits: Set[GeneralExit] = EVERY_EXIT

    def propose(self, context: StrategyContext) -> Sequence[Answer]:
        """Answer by what is shown, and by nothing else."""
        return self.answers(context)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A market written by hand, the settings, the ticks. ``unmoved`` products do not rise before the script begins.

    ``answers`` stands in the place of the shipped strategies, where a story needs words that none of them says.
    """

    name: str
    beats: tuple[Beat, ...]
    scripts: Mapping[ProductId, Sequence[Bar]]
    overrides: Mapping[str, object] = field(default_factory=dict)
    opening: Mapping[Asset, Decimal] = field(default_factory=lambda: {Asset("USD"): Decimal(10_000)})
    foreign: tuple[OrderIntent, ...] = ()
    unmoved: frozenset[ProductId] = frozenset()
    answers: Callable[[StrategyContext], Sequence[Answer]] | None = None
    evidence: Evidence = NO_EVIDENCE

    @cached_property
    def settings(self) -> Settings:
        """The shipped settings, cut down to the scripted products."""
        bases = sorted({product_id.split("-", maxsplit=1)[0] for product_id in self.scripts} - {"USDT"})
        settings = shipped_settings(
            {
                "app.mode": "PAPER",
                "universe.tiers.tier_1_core.bases": [base for base in bases if base in ("SOL", "ETH")],
                "universe.tiers.tier_2_rotational.bases": [base for base in bases if base not in ("SOL", "ETH")],
                "universe.tiers.tier_3_dynamic.discover_max": 0,
                **self.overrides,
            }
        )
        settings = replace(settings, evidence=self.evidence)
        if self.answers is None:
            return settings
        alone = replace(settings, strategies={RULES: settings.strategies[RULES]})
        return replace(alone, digest=digest_of(alone))

    @cached_property
    def pipeline(self) -> Pipeline:
        """Every stage bound to the settings; stateless, so all runs share it."""
        if self.answers is None:
            return build_pipeline(self.settings)
        return Pipeline.build(self.settings, {RULES: Told(self.answers)})

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """Metadata of every scripted product, and of the benchmark."""
        return tuple(a_product(product_id) for product_id in (*self.scripts, BENCHMARK))

    @cached_property
    def series(self) -> dict[SeriesKey, Sequence[Candle] | CandleSeries]:
        """The candles, indexed once."""
        made: dict[SeriesKey, Sequence[Candle] | CandleSeries] = {
            (product_id, Granularity.FIVE_MINUTE): CandleSeries(
                Granularity.FIVE_MINUTE, candles_of(script, self._history(product_id))
            )
            for product_id, script in self.scripts.items()
        }
        made[BENCHMARK, Granularity.ONE_HOUR] = CandleSeries(Granularity.ONE_HOUR, _benchmark())
        return made

    def _history(self, product_id: ProductId) -> list[Bar]:
        if product_id.startswith("USDT"):
            return [Bar(1.0)] * _HISTORY
        return quiet_day() if product_id in self.unmoved else [*quiet_day()[_RAMP:], *a_rise()]


BENCHMARK = ProductId("BTC-USD")


def a_product(product_id: ProductId) -> Product:
    """A sound product with increments 0.01 and 0.001, minimum 1 in quote."""
    base, _, quote = product_id.rpartition("-")
    return Product(
        product_id=product_id,
        base=Asset(base),
        quote=Asset(quote),
        base_increment=Quantity("0.001"),
        price_increment=Price("0.0001" if base == "USDT" else "0.01"),
        quote_increment=Notional("0.01"),
        base_size_min=Quantity("0.002"),
        base_size_max=Quantity(100_000),
        quote_size_min=Notional(1),
        quote_size_max=Notional(1_000_000),
        volume_24h=Notional(0),
    )


def quiet_day() -> list[Bar]:
    """A day, and some hours before it, in which nothing happens around 97."""
    return [Bar(round(97 + 0.15 * math.sin(index / 7), 2)) for index in range(_HISTORY)]


def a_rise() -> list[Bar]:
    """From 97 to 100 on ten times the volume: the shipped rules act on it."""
    return [Bar(round(97 + 0.6 * (index + 1), 2), volume=30_000) for index in range(_RAMP)]


def candles_of(script: Sequence[Bar], history: Sequence[Bar]) -> list[Candle]:
    """Lay the bars end to end, so that the script begins at START."""
    bars = (*history, *script)
    rows, before = [], bars[0].close
    for index, bar in enumerate(bars, start=-len(history)):
        high = max(before, bar.close) if bar.high is None else bar.high
        low = min(before, bar.close) if bar.low is None else bar.low
        rows.append(Candle(START + index * STEP, before, high, low, bar.close, bar.volume))
        before = bar.close
    return rows


def _benchmark() -> list[Candle]:
    closes = [50_000 + 100 * math.sin(index / 5) for index in range(170 + 72)]
    first = START // 3600 * 3600 - 170 * 3600
    return [Candle(first + index * 3600, close, close, close, close, 100.0) for index, close in enumerate(closes)]


class Store(InMemoryStateStore):
    """The store in memory, which does not decode the same text twice. What it gives out is frozen, so it may."""

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        return _ledger_of(item.ledger)


_ledger_of = lru_cache(maxsize=512)(lambda text: read_ledger(text, "the ledger in memory"))


@dataclass
class World:
    """One history of a scenario. Everything that changes lies in these five things."""

    scenario: Scenario
    store: Store
    audit: InMemoryAuditLog
    kill_switch: InMemoryKillSwitch
    books: InMemorySimAccountStore[SimAccount]
    clock: ManualClock

    def __post_init__(self) -> None:
        settings = self.scenario.settings
        self.market = CandleMarket(self.scenario.products, self.scenario.series, settings.simulation, self.clock)
        self.exchange = self.open_exchange(TimeBudget())

    def open_exchange(self, budget: TimeBudget) -> SimulatedExchange:
        """The venue as one invocation opens it."""
        settings = self.scenario.settings
        return SimulatedExchange(
            self.market,
            self.market,
            settings.simulation,
            self.clock,
            self.books,
            opening=self.scenario.opening,
            order_prefix=settings.execution.order_prefix,
            budget=budget,
        )

    def fork(self) -> World:
        """Copy the world as it is; what happens to the copy does not happen here."""
        store = Store()
        store.texts = dict(self.store.texts)
        store._fills = {scope: dict(lines) for scope, lines in self.store._fills.items()}
        store._finished = {scope: dict(lines) for scope, lines in self.store._finished.items()}
        store.owed = dict(self.store.owed)
        audit = InMemoryAuditLog()
        audit.texts = dict(self.audit.texts)
        return World(
            self.scenario,
            store,
            audit,
            InMemoryKillSwitch(self.kill_switch.word),
            InMemorySimAccountStore(self.books.load(), self.books.archive.copy()),
            copy(self.clock),
        )

    def digest(self) -> str:
        """Name the state: two worlds with one digest have one future."""
        parts = [self.store.texts, self.audit.texts, *self.store._fills.values(), *self.store._finished.values()]
        texts = [f"{key}={text}" for part in parts for key, text in part.items()]
        books = repr((self.books.load(), self.books.archive.between("", "~")))
        return sha256_hex("|".join([*texts, str(self.kill_switch.word), str(self.clock.at), books]))

    def ports(self, owner: str, wrap: Callable[[str, object], object] | None = None) -> Ports:
        """The world as one invocation sees it; *wrap* may put something between."""
        budget = TimeBudget()
        parts = {name: getattr(self, name) for name in ("market", "store", "audit", "kill_switch", "clock")}
        parts["exchange"] = self.open_exchange(budget)
        if wrap is not None:
            parts = {name: wrap(name, part) for name, part in parts.items()}
        return Ports(**parts, identity=Identity(SCOPE, owner, "test"), budget=budget)

    def ledger(self) -> Ledger | None:
        """The ledger as stored."""
        return self.store.ledger(SCOPE)

    def commands(self) -> StandingCommands:
        """What stands in the slots."""
        return self.store.look(SCOPE).commands

    def lease_owner(self) -> str:
        """Who holds the lease; nobody is an empty text."""
        return str(json.loads(self.store.texts[SCOPE])["owner"]) if SCOPE in self.store.texts else ""

    def stored_fills(self) -> Sequence[Fill]:
        """Every fill that was stored."""
        return self.store.fills(SCOPE)

    def stored_orders(self) -> Sequence[OrderRecord]:
        """Every order that was stored as finished."""
        return self.store.finished(SCOPE)

    def owed_texts(self) -> Mapping[str, str]:
        """Every audit object that waits beside the ledger to be stored, by its key."""
        return {key: text for (_, key), text in self.store.owed.items()}

    def audit_texts(self) -> Mapping[str, str]:
        """Every object of the audit log by its key."""
        return self.audit.texts

    def book(self) -> SimAccount:
        """The venue's own book with all that ever left it, brought up to now."""
        self.exchange.balances()
        book = load_whole(self.books)
        assert book is not None
        return book

    def free_the_lease(self) -> None:
        """Give back the lease of an invocation that is known to be dead, as a supervisor of one process may."""
        grant = self.store.acquire(SCOPE, "supervisor", Instant(self.clock.at + 10**6), 30)
        self.store.release(grant)


def open_world(scenario: Scenario) -> World:
    """The world before the first tick, with what the account's owner did by hand."""
    world = World(
        scenario, Store(), InMemoryAuditLog(), InMemoryKillSwitch(), InMemorySimAccountStore(), ManualClock(START)
    )
    for intent in scenario.foreign:
        world.exchange.submit(intent)
    return world


#: A run has so long, less than a tick may be late, and a lease that much longer; then the next one may have it.
RUN_SECONDS = 100
LEASE_SECONDS = RUN_SECONDS + LEASE_MARGIN_SECONDS


def tick_of(beat: Beat, now: Instant) -> Tick:
    """The tick of a beat, delivered now."""
    return Tick(cycle_id_at(beat.at), beat.at, Instant(now + RUN_SECONDS))
