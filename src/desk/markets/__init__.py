"""The market a command runs on: candles from a folder, or a synthetic one. Neither needs an account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from desk.markets.candle_folder import CandleFolder
from desk.markets.candle_market import DECIMALS_SAMPLE, CandleMarket, SeriesKey, make_product
from desk.markets.series import Series
from desk.markets.synthetic import DEMO_SEED, make_synthetic_market
from trader.adapters.config.plugins import find_plugin
from trader.errors import ConfigError
from trader.model.codec import digest_of
from trader.model.durations import Duration, count_in, write_duration
from trader.model.ids import Instant
from trader.model.market import Candle, Granularity, Product
from trader.ports import Clock
from trader.settings import Settings
from trader.settings.checks.bars import find_misfits
from trader.settings.look_backs import OF_BENCHMARK, change_look_backs
from trader.strategies import registry
from trader.strategies.base import read_needs

_BAR = Granularity.FIVE_MINUTE.seconds


@dataclass(frozen=True, slots=True)
class MarketSetup:
    """A market and the settings that fit its bars. ``name`` tells its state apart from that of other markets."""

    name: str
    title: str
    settings: Settings
    products: Sequence[Product]
    series: Mapping[SeriesKey, Series | Sequence[Candle]]

    def market(self, clock: Clock) -> CandleMarket:
        """Open the market as of a clock."""
        return CandleMarket(self.products, self.series, self.settings.simulation, clock)


def set_up_synthetic(settings: Settings, until: Instant, hours: int, seed: int = DEMO_SEED) -> MarketSetup:
    """Set up the synthetic market up to an instant."""
    made = _make_market(seed, Instant(until // _BAR * _BAR), hours)
    return MarketSetup(f"synthetic-{seed}", f"synthetic market, seed {seed}", settings, made.products, made.series)


#: The newest one is kept: a process that sets up one run after the other makes it once.
_make_market = lru_cache(maxsize=1)(make_synthetic_market)


def set_up_candles(
    settings: Settings,
    folder: Path,
    start: Instant,
    end: Instant,
    now: Instant | None = None,
    *,
    stretch: bool = False,
) -> MarketSetup:
    """Set up a market from a folder of candles that cover a window.

    The configured granularity is used where the folder has it for enough products, else the finest that it has; the
    period of a cycle is then at least one bar, and look-backs are as ``fit_settings`` says. With *now* no candle may
    still be open then. Raises: ConfigError if the folder does not cover the window; DataError.
    """
    candles = CandleFolder(folder, now)
    granularity = candles.choose_granularity(settings.bars.granularity, start, end)
    settings = fit_settings(settings, granularity, stretch=stretch)
    accounting = settings.app.accounting_asset
    names = [name for name in candles.products(granularity, start, end) if name.endswith(f"-{accounting}")]
    if not names:
        raise ConfigError(f"{folder}: no {granularity} candles quoted in {accounting} cover the window")
    series: dict[SeriesKey, Series | Sequence[Candle]] = {}
    products = []
    for name in names:
        opened = candles.open_series(name, granularity)
        series[name, granularity] = opened
        products.append(make_product(name, opened.take_newest(DECIMALS_SAMPLE)))
    wanted = settings.bars
    if (wanted.benchmark, wanted.benchmark_granularity) not in series:
        key = (wanted.benchmark, wanted.benchmark_granularity)
        if wanted.benchmark in candles.products(wanted.benchmark_granularity, start, end):
            series[key] = candles.open_series(*key)
    for length in list_lengths(settings):
        covered = candles.products(length, start, end)
        series |= {
            (name, length): candles.open_series(name, length)
            for name in names
            if name in covered and (name, length) not in series
        }
    title = f"{folder.name}: {len(names)} products, {granularity}{', look-backs stretched' if stretch else ''}"
    return MarketSetup(f"candles-{_short(str(folder.resolve()))}", title, settings, products, series)


def list_lengths(settings: Settings) -> tuple[Granularity, ...]:
    """List the lengths of bar that enabled strategies need of their own, shortest first."""
    built = registry.build(settings.strategies, find_plugin)
    found = {
        need.granularity
        for name, strategy in built.items()
        if settings.strategies[name].enabled
        for need in read_needs(name, strategy)
    }
    return tuple(sorted(found, key=lambda each: each.seconds))


def fit_settings(settings: Settings, granularity: Granularity, *, stretch: bool = False) -> Settings:
    """Fit the settings to bars of another length: no cycle is shorter than a bar, and orders last as many cycles.

    A look-back is as long as before, and as many bars as that is now; with *stretch* it is as many bars as before, and
    as long as that is now, which is another strategy.
    Raises: ConfigError for a look-back that is no whole number of these bars.
    """
    if granularity is settings.bars.granularity:
        return settings
    if stretch:
        settings = _stretch(settings, granularity)
    period = max(settings.cycle.period_seconds, granularity.seconds)
    longer = Fraction(period, settings.cycle.period_seconds)
    rules = settings.execution
    give_up, reprice = int(rules.give_up_minutes * longer), int(rules.reprice_seconds * longer)
    memory = max(settings.cycle.order_memory_seconds, give_up * 60 + period)
    bars = replace(settings.bars, granularity=granularity)
    if misfits := find_misfits(replace(settings, bars=bars)):
        raise ConfigError((*misfits, f"{granularity} bars are too long for that; finer ones fit, or --stretch"))
    fitted = replace(
        settings,
        bars=bars,
        cycle=replace(settings.cycle, period_seconds=period, order_memory_seconds=memory),
        execution=replace(rules, give_up_minutes=give_up, reprice_seconds=reprice),
    )
    return replace(fitted, digest=digest_of(replace(fitted, digest="")))


def _stretch(settings: Settings, granularity: Granularity) -> Settings:
    """Give every look-back as many bars of another length as it has of the configured one."""
    before = settings.bars.granularity.seconds

    def stretch(path: str, duration: Duration) -> Duration:
        if path == OF_BENCHMARK:
            return duration
        return write_duration(count_in(duration, before) * granularity.seconds)

    return change_look_backs(settings, stretch)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
