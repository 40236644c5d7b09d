"""What a cycle must remember of earlier ones beside money: regime, pace, cool-downs, caches, how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trader.errors import DataError, MissingData
from trader.model.frozen import cached_property, replace
from trader.model.ids import Asset, CycleId, Instant, ProductId, utc_day
from trader.model.listings import remember_row
from trader.model.market import FeeRates, Product
from trader.model.money import Notional, Price
from trader.model.unknown import NONE_UNKNOWN, OpenEnum, UnknownFields

#: So long single entries are remembered.
PACING_MEMORY_SECONDS = 86_400


class Regime(OpenEnum):
    """What kind of market it is."""

    BULL = "bull"
    CHOP = "chop"
    BEAR = "bear"
    CRASH = "crash"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EquityMark:
    """What everything was worth at one instant."""

    equity: Notional
    at: Instant
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class EquityMarks:
    """Equity at the start of the UTC day and week, and its peak; scaled along with every deposit or withdrawal.

    ``last`` is the newest equity that was known: the next day and week begin with it.
    """

    day: str
    day_equity: Notional
    week: str
    week_equity: Notional
    peak_equity: Notional
    last: EquityMark | None = None
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class AcceptedMark:
    """The last bid of a held asset that was believed, and when it was quoted."""

    price: Price
    at: Instant
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class EntryPacing:
    """When we last did what."""

    day: str = ""
    trades_today: int = 0
    entries: tuple[Instant, ...] = ()
    last_entry: Mapping[Asset, Instant] = field(default_factory=dict)
    unknown: UnknownFields = NONE_UNKNOWN

    def count_trades(self, count: int, now: Instant) -> EntryPacing:
        """Count trades, or uncount them, on the UTC day of an instant; another day begins anew. Old entries go."""
        day = utc_day(now)
        today = max((self.trades_today if self.day == day else 0) + count, 0)
        kept = tuple(each for each in self.entries if now - each < PACING_MEMORY_SECONDS)
        return replace(self, day=day, trades_today=today, entries=kept)

    def count_entry(self, base: Asset, at: Instant, now: Instant) -> EntryPacing:
        """Count an entry decided at an instant, which is a trade as well."""
        counted = self.count_trades(1, now)
        return replace(counted, entries=(*counted.entries, at), last_entry={**self.last_entry, base: at})

    def give_back(self, base: Asset, at: Instant) -> EntryPacing:
        """Give back the place that an entry decided at an instant took, and which never came to be."""
        entries, last = list(self.entries), dict(self.last_entry)
        if last.get(base) == at:
            del last[base]
            if at in entries:
                entries.remove(at)
        pacing = replace(self, entries=tuple(entries), last_entry=last)
        return pacing.count_trades(-1, at) if pacing.day == utc_day(at) else pacing


@dataclass(frozen=True, slots=True)
class Cooldown:
    """No entries into one asset before an instant, and why."""

    until: Instant
    reason: str
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class LossStreak:
    """Losing round trips in a row, over the whole ledger, and the cool-down they earned."""

    losses: int = 0
    cooldown_until: Instant = Instant(0)
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class RegimeState:
    """The regime in force, and a different one that must hold for some cycles before it takes over."""

    current: Regime = Regime.UNKNOWN
    candidate: Regime = Regime.UNKNOWN
    held_cycles: int = 0
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """What the benchmark says now (``raw``), the numbers behind it, and the memory that follows.

    The regime in force is ``state.current``. Units: trend over all bars given, volatility annualized; None if the
    benchmark could not be read.
    """

    raw: Regime = Regime.UNKNOWN
    trend_pct: float | None = None
    volatility_pct: float | None = None
    state: RegimeState = RegimeState()

    def details(self) -> dict[str, str | float]:
        """Return what a denial names of it; nothing if the benchmark could not be read."""
        if self.trend_pct is None or self.volatility_pct is None:
            return {}
        return {"raw": self.raw.value, "trend_pct": self.trend_pct, "volatility_pct": self.volatility_pct}


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a product is in the universe, and for how many cycles the checks have said otherwise."""

    member: bool
    disagreeing_cycles: int = 0
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True)
class ProductCache:
    """Metadata of the products that can matter, as of one instant: the last of each that made sense.

    ``causes`` says of those whose newest row made none, or that are missing from the list although they are held, what
    was wrong: nothing more is bought there. ``unlisted`` are the configured and held assets of which the whole list,
    read well, had nothing.
    """

    fetched_at: Instant
    products: tuple[Product, ...]
    causes: Mapping[ProductId, str] = field(default_factory=dict)
    unlisted: tuple[Asset, ...] = ()
    unknown: UnknownFields = NONE_UNKNOWN

    @cached_property
    def by_id(self) -> Mapping[ProductId, Product]:
        """The products by their id."""
        return {product.product_id: product for product in self.products}

    def renew(self, answers: Mapping[ProductId, Product | DataError]) -> ProductCache:
        """Take over what was answered about some products, in a stable order; the instant of the whole stays.

        What was not answered stays as it is known. Of a row that makes no sense see ``remember_row``.
        """
        products, causes = dict(self.by_id), dict(self.causes)
        for product_id, answer in answers.items():
            product, cause = remember_row(answer, products.get(product_id))
            if product is not None:
                products[product_id] = product
            if cause and not isinstance(answer, MissingData):
                causes[product_id] = cause
            elif not cause:
                causes.pop(product_id, None)
        return replace(self, products=tuple(products[each] for each in sorted(products)), causes=causes)

    def drop_unusable(self) -> ProductCache:
        """Leave out the products by which no order can be made, as an older release may have stored them."""
        flaws = {each.product_id: flaw for each in self.products if (flaw := each.flaw) is not None}
        if not flaws:
            return self
        kept = tuple(each for each in self.products if each.product_id not in flaws)
        return replace(self, products=kept, causes={**self.causes, **flaws})


@dataclass(frozen=True, slots=True)
class FeeCache:
    """The account's fee rates as of one instant."""

    fetched_at: Instant
    rates: FeeRates
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class FailureStreak:
    """Cycles in a row that the venue or the data failed, and the cool-down they earned."""

    failed_cycles: int = 0
    cooldown_until: Instant = Instant(0)
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class RunMark:
    """The last run that finished, of a tick or not: when it took the lease and gave it back, and how it ended."""

    run_id: CycleId
    began_at: Instant
    ended_at: Instant
    outcome: str
    reason: str = ""
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class AlarmState:
    """What the alarms were told, so that they are told when it is over.

    ``ringing`` has each number that was not zero, and when it last was not: it is reported until it was zero later.
    ``unread_switches`` counts the runs in a row that could not read the kill switch.
    """

    ringing: Mapping[str, Instant] = field(default_factory=dict)
    unread_switches: int = 0
    unknown: UnknownFields = NONE_UNKNOWN


class CyclePhase(OpenEnum):
    """How far the last cycle got."""

    COMMITTED = "COMMITTED"
    FINISHED = "FINISHED"


@dataclass(frozen=True, slots=True)
class CycleMark:
    """The last cycle whose decision was committed."""

    cycle_id: CycleId
    phase: CyclePhase
    unknown: UnknownFields = NONE_UNKNOWN
