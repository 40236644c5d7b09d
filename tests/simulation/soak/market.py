"""A market, an account and sets of rules out of a seed: short, busy, and another one in every world."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache

from desk.markets.candle_market import SeriesKey
from desk.markets.series import CandleSeries
from factories_settings import shipped_settings
from simulation.scenarios import MIXED
from simulation.world import BENCHMARK, START, STEP, Bar, Scenario, a_product, candles_of
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Candle, Granularity, Product
from trader.model.money import Notional
from trader.settings import Settings

#: Bars that a world's market goes on for; what comes after is quiet.
BARS = 130
_TAIL = 60
_RULES = 7
_DAY = 86_400
#: Years ahead, so that no clock of this machine is within a token's life of it.
_FIRST_DAY = START + 3_000 * _DAY

SOL, ETH, ADA_USDC = ProductId("SOL-USD"), ProductId("ETH-USD"), ProductId("ADA-USDC")
_PEGS = (ProductId("USDT-USD"), ProductId("USDT-USDC"))
_CASTS = ((SOL,), (SOL, ETH), (ADA_USDC,), (SOL, ADA_USDC), (SOL, ETH, ADA_USDC))

Overrides = tuple[tuple[str, object], ...]

_HOLDS = tuple(f"strategies.rules_engine.settings.rules[{row}].hold_hours_max" for row in range(_RULES))
_STOPS = tuple(f"strategies.rules_engine.settings.rules[{row}].stop_pct" for row in range(_RULES))
_TARGETS = tuple(f"strategies.rules_engine.settings.rules[{row}].target_pct" for row in range(_RULES))
_BUSY: Overrides = (
    ("universe.enter_after_cycles", 1),
    ("triggers.atr_ratio_min", 0),
    ("risk.loss_streak_max", 50),
    ("risk.failed_cooldown_minutes", 1),
    ("risk.trades_per_day_max", 1000),
    # The checker's cap knows no regime.
    ("regime.size_multiplier.bull", 1),
)
_NO_PACE: Overrides = (
    ("risk.product_spacing_minutes", 0),
    ("risk.entry_spacing_seconds", 0),
    ("risk.entries_per_hour_max", 100),
    ("risk.cooldown_win_minutes", 0),
    ("risk.cooldown_loss_minutes", 0),
    ("risk.cooldown_stop_minutes", 0),
)


@dataclass(frozen=True, eq=False)
class SoakScenario(Scenario):
    """A market that begins at *origin*, under one of several sets of rules."""

    origin: Instant = START
    hours: tuple[float, ...] = ()
    products_of: tuple[ProductId, ...] = ()
    rules: Overrides = field(default=())

    @cached_property
    def settings(self) -> Settings:
        """The shipped settings, cut down to the scripted products."""
        return _settings(self._bases(("SOL", "ETH")), self._bases(("ADA",)), self.rules)

    def _bases(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if any(each.startswith(name + "-") for each in self.products_of))

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """Metadata; the least notional is below what the least quantity is worth, so that only that one makes dust."""
        return tuple(
            replace(a_product(product_id), quote_size_min=Notional("0.05")) for product_id in (*self.scripts, BENCHMARK)
        )

    @cached_property
    def series(self) -> dict[SeriesKey, Sequence[Candle] | CandleSeries]:
        """The candles, indexed once."""
        shift = self.origin - START
        made: dict[SeriesKey, Sequence[Candle] | CandleSeries] = {}
        for product_id, script in self.scripts.items():
            rows = candles_of(script, self._history(product_id))
            moved = [row._replace(start=row.start + shift) for row in rows]
            made[product_id, Granularity.FIVE_MINUTE] = CandleSeries(Granularity.FIVE_MINUTE, moved)
        first = self.origin // 3600 * 3600 - 170 * 3600
        hours = [Candle(first + at * 3600, close, close, close, close, 100.0) for at, close in enumerate(self.hours)]
        made[BENCHMARK, Granularity.ONE_HOUR] = CandleSeries(Granularity.ONE_HOUR, hours)
        return made

    def at(self, bar: int, late: int = 10) -> Instant:
        """When the schedule fires after a bar."""
        return Instant(self.origin + bar * STEP + late)

    def variant(self, rules: Mapping[str, object], products: Sequence[ProductId] | None = None) -> SoakScenario:
        """The same market under other rules, or with other products in the universe."""
        merged = tuple({**dict(self.rules), **rules}.items())
        chosen = self.products_of if products is None else tuple(products)
        other = replace(self, rules=merged, products_of=chosen)
        for name in ("products", "series"):
            other.__dict__[name] = getattr(self, name)
        return other


def random_scenario(chance: random.Random, name: str) -> SoakScenario:
    """Draw a market, an account and the rules it starts with."""
    cast = chance.choice(_CASTS)
    scripts: dict[ProductId, Sequence[Bar]] = {each: _script(chance) for each in cast}
    if ADA_USDC in cast:
        scripts |= dict.fromkeys(_PEGS, [Bar(1.0)] * (BARS + _TAIL))
    opening = {Asset("USD"): Decimal(chance.choice((10_000, 20_000)))}
    if chance.random() < 0.3:
        opening[Asset("USDC")] = Decimal(500)
    foreign = MIXED.foreign if SOL in cast and chance.random() < 0.3 else ()
    if foreign:
        opening[Asset("SOL")] = Decimal(40)
    origin = Instant(_FIRST_DAY + chance.randrange(300) * _DAY + chance.randrange(288) * STEP)
    foreign = tuple(replace(each, decided_at=origin, expires_at=Instant(origin + 10**7)) for each in foreign)
    return SoakScenario(
        name=name,
        beats=(),
        scripts=scripts,
        opening=opening,
        foreign=foreign,
        unmoved=frozenset(each for each in cast if chance.random() < 0.3),
        origin=origin,
        hours=tuple(_benchmark(chance)),
        products_of=cast,
        rules=(
            *_BUSY,
            *(_NO_PACE if chance.random() < 0.8 else ()),
            # Caps that bind, the same for all of a world's life: the checker measures everything held by them.
            ("risk.total_pct_max", chance.choice((25, 25, 4))),
            ("risk.open_positions_max", chance.choice((8, 8, 1))),
            ("universe.clusters.LAYER1.allocation_max_pct", chance.choice((10, 10, 3))),
            *random_rules(chance).items(),
        ),
    )


def random_rules(chance: random.Random) -> dict[str, object]:
    """Draw how long is held, how near stop and target are, and how orders are laid."""
    hours, stop, reach = chance.choice((1, 1, 2, 48)), chance.choice((0.7, 1.5, 3)), chance.choice((1, 1.5, 3))
    return {
        **dict.fromkeys(_HOLDS, hours),
        **dict.fromkeys(_STOPS, stop),
        **dict.fromkeys(_TARGETS, reach * stop),
        "strategies.rules_engine.settings.conviction_min": chance.choice((0.1, 0.3)),
        "execution.attach_brackets": chance.random() < 0.7,
        "execution.entry_ttl_cycles": chance.choice((1, 2, 4)),
        "execution.max_reprices": chance.choice((0, 1, 2)),
        "exits.trailing": chance.random() < 0.5,
        "exits.trailing_arm_pct": 0.6,
        "exits.trailing_giveback_pct": 0.3,
    }


@lru_cache(maxsize=256)
def _settings(core: tuple[str, ...], rotational: tuple[str, ...], rules: Overrides) -> Settings:
    return shipped_settings(
        {
            "app.mode": "PAPER",
            "universe.tiers.tier_1_core.bases": list(core),
            "universe.tiers.tier_2_rotational.bases": list(rotational),
            "universe.tiers.tier_3_dynamic.discover_max": 0,
            **dict(rules),
        }
    )


def _script(chance: random.Random) -> list[Bar]:
    """String pieces together: calm, a rise that the rules act on, a dip, a fall, a spike, a drift."""
    bars = [Bar(100.0)]
    while len(bars) < BARS:
        bars += _piece(chance, bars[-1].close)
    return [*bars[:BARS], *_calm(chance, bars[BARS - 1].close, _TAIL)]


def _piece(chance: random.Random, last: float) -> list[Bar]:
    kind = chance.choice(("calm", "rise", "rise", "rise", "dip", "dip", "fall", "spike", "drift", "drift"))
    # The price stays within reach of where it was: the caps are in money, and the venue's book is not endless.
    if last > 150:
        kind = "fall"
    elif last < 70:
        kind = "rise"
    if kind == "rise":
        step = chance.uniform(0.004, 0.012)
        return [Bar(_cents(last * (1 + step * (n + 1))), volume=30_000) for n in range(5)]
    if kind == "dip":
        thin = chance.choice((3, 12, 80, 3000))
        return [Bar(_cents(last), low=_cents(last * chance.uniform(0.97, 0.995)), volume=thin)]
    if kind == "fall":
        to = last * chance.uniform(0.88, 0.97)
        return [Bar(_cents(to), low=_cents(to * 0.99), volume=chance.choice((40, 3000)))]
    if kind == "spike":
        return [Bar(_cents(last * 1.01), high=_cents(last * chance.uniform(1.03, 1.2)), volume=3000)]
    if kind == "drift":
        step = chance.uniform(-0.004, 0.006)
        return [Bar(_cents(last * (1 + step) ** (n + 1)), volume=chance.choice((3, 9, 3000))) for n in range(4)]
    return _calm(chance, last, 3)


def _calm(chance: random.Random, price: float, count: int) -> list[Bar]:
    return [Bar(_cents(price * (1 + chance.uniform(-0.001, 0.001)))) for _ in range(count)]


def _benchmark(chance: random.Random) -> list[float]:
    drift = chance.choice((0.0, 0.0, 0.0003, -0.0002, 0.0008))
    price, closes = 50_000.0, []
    for _ in range(170 + 72):
        price *= 1 + drift + chance.uniform(-0.002, 0.002)
        closes.append(round(price, 2))
    return closes


def _cents(price: float) -> float:
    return round(price, 2)
