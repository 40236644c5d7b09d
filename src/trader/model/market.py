"""What the market says: products, quotes, depth, bars."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

from trader.errors import DataError, MalformedData, MissingData, StaleData
from trader.model.durations import Duration, count_in
from trader.model.flaws import find_flaw
from trader.model.frozen import cached_property
from trader.model.ids import Asset, Instant, ProductId
from trader.model.money import BPS, Notional, Price, Quantity
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

K = TypeVar("K", bound=str)
T = TypeVar("T")


def split_answers(answers: Mapping[K, T | DataError]) -> tuple[dict[K, T], dict[K, str]]:
    """Part what was answered with a value from what has none, and say why it has none."""
    values: dict[K, T] = {}
    causes: dict[K, str] = {}
    for name, answer in answers.items():
        if isinstance(answer, DataError):
            causes[name] = str(answer)
        else:
            values[name] = answer
    return values, causes


class Granularity(StrEnum):
    """Length of a bar, in the venue's words."""

    ONE_MINUTE = "ONE_MINUTE"
    FIVE_MINUTE = "FIVE_MINUTE"
    FIFTEEN_MINUTE = "FIFTEEN_MINUTE"
    THIRTY_MINUTE = "THIRTY_MINUTE"
    ONE_HOUR = "ONE_HOUR"
    TWO_HOUR = "TWO_HOUR"
    FOUR_HOUR = "FOUR_HOUR"
    SIX_HOUR = "SIX_HOUR"
    ONE_DAY = "ONE_DAY"

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return _SECONDS[self]


_SECONDS: Mapping[Granularity, int] = {
    Granularity.ONE_MINUTE: 60,
    Granularity.FIVE_MINUTE: 300,
    Granularity.FIFTEEN_MINUTE: 900,
    Granularity.THIRTY_MINUTE: 1800,
    Granularity.ONE_HOUR: 3600,
    Granularity.TWO_HOUR: 7200,
    Granularity.FOUR_HOUR: 14400,
    Granularity.SIX_HOUR: 21600,
    Granularity.ONE_DAY: 86400,
}


@dataclass(frozen=True)
class Product:
    """One spot market of the venue, as its metadata describe it today.

    Increments change within weeks: they are read at run time and never hard-coded.
    ``alias`` names the canonical product when this one is listed on the same order book (BTC-USDC → BTC-USD).
    """

    product_id: ProductId
    base: Asset
    quote: Asset
    base_increment: Quantity
    price_increment: Price
    quote_increment: Notional
    base_size_min: Quantity
    base_size_max: Quantity
    quote_size_min: Notional
    quote_size_max: Notional
    volume_24h: Notional
    price: Price | None = None
    status: str = "online"
    is_disabled: bool = False
    trading_disabled: bool = False
    cancel_only: bool = False
    limit_only: bool = False
    post_only: bool = False
    in_auction: bool = False
    view_only: bool = False
    alias: ProductId | None = None
    listed_at: Instant | None = None
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def canonical_id(self) -> ProductId:
        """The product whose book this is."""
        return self.alias or self.product_id

    @cached_property
    def flaw(self) -> str | None:
        """What makes no sense about its numbers, see ``find_flaw``; None if they do."""
        return find_flaw(self)

    @cached_property
    def trading_restrictions(self) -> tuple[str, ...]:
        """Every flag that forbids opening a position here; empty if none does.

        ``post_only`` is not among them (entries are post-only), ``limit_only`` neither (we send limits only).
        """
        restrictions = [] if self.status == "online" else [f"status={self.status or 'empty'}"]
        restrictions += [
            name
            for name, closed in (
                ("is_disabled", self.is_disabled),
                ("trading_disabled", self.trading_disabled),
                ("cancel_only", self.cancel_only),
                ("in_auction", self.in_auction),
                ("view_only", self.view_only),
            )
            if closed
        ]
        return tuple(restrictions)


@dataclass(frozen=True)
class Quote:
    """Best bid and ask, with the venue's own timestamp."""

    product_id: ProductId
    bid: Price
    ask: Price
    time: Instant

    @property
    def is_crossed(self) -> bool:
        """Whether this is not a market: a side missing, or the bid above or at the ask."""
        return self.bid <= 0 or self.bid >= self.ask

    @cached_property
    def mid(self) -> Price:
        """Middle of bid and ask."""
        return Price((self.bid + self.ask) / 2)

    @cached_property
    def spread_bps(self) -> Decimal:
        """Distance of ask and bid in basis points of the mid."""
        return (self.ask - self.bid) / self.mid * BPS


@dataclass(frozen=True, slots=True)
class Depth:
    """What rests on the order book near the mid. Units: quote asset, within the band it was asked for."""

    product_id: ProductId
    bid_notional: Notional
    ask_notional: Notional


class Candle(NamedTuple):
    """One bucket as a venue reports it. Units: start in epoch seconds, volume in base units."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True)
class Bars:
    """Closed candles of one product on a full grid, oldest first, in columns.

    A bar is stamped with its start. Buckets without a trade hold the previous close and no volume; ``filled`` counts
    them. Statistics only: no price of an order ever comes from here.
    """

    granularity: Granularity
    start: tuple[int, ...]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    volume: tuple[float, ...]
    filled: int = 0

    def __len__(self) -> int:
        return len(self.start)

    def count(self, duration: Duration) -> int:
        """Say how many of these bars a look-back is."""
        return count_in(duration, self.granularity.seconds)

    @property
    def filled_ratio(self) -> float:
        """Share of bars that had no trade."""
        return self.filled / len(self) if len(self) else 1.0

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every number, for the record that a decision can be replayed from."""
        layout = struct.Struct(f"<{len(self)}q{5 * len(self)}d")
        packed = layout.pack(*self.start, *self.open, *self.high, *self.low, *self.close, *self.volume)
        return hashlib.sha256(packed).hexdigest()


@dataclass(frozen=True, slots=True)
class BarsNeeded:
    """How many closed bars of which length somebody decides by, of each product."""

    granularity: Granularity
    count: int

    def __str__(self) -> str:
        return f"{self.granularity} x {self.count}"


def expected_last_start(granularity: Granularity, now: Instant) -> int:
    """Return the start of the newest bar that is closed at *now*."""
    return now // granularity.seconds * granularity.seconds - granularity.seconds


def bars_from_candles(
    candles: Iterable[Candle], granularity: Granularity, now: Instant, count: int, *, settled_after: int = 0
) -> Bars:
    """Lay candles on a full grid of *count* closed bars that ends with the newest closed one.

    The running bucket is dropped. Holes are filled with the previous close and zero volume and counted.
    A missing newest bucket is not a hole: the venue may simply not have published it.

    Shape: candles in any order, duplicates allowed (the last one wins); returns up to *count* bars, fewer for a
    young product. Units: *settled_after* seconds a bucket must have been closed for.
    Raises: MissingData without any closed candle; StaleData if the newest expected bucket is missing;
    MalformedData if a number is not finite, not positive, or the low is above the high.
    """
    step = granularity.seconds
    last = expected_last_start(granularity, Instant(now - settled_after))
    first = last - (count - 1) * step
    by_start = {candle.start: candle for candle in candles if first <= candle.start <= last}
    if not by_start:
        raise MissingData(f"no closed {granularity} candle between {first} and {last}")
    if last not in by_start:
        newest = max(by_start)
        raise StaleData(f"newest closed {granularity} candle starts at {newest}, expected {last}", newest)
    return _on_grid(by_start, granularity, range(min(by_start), last + 1, step))


def _on_grid(by_start: Mapping[int, Candle], granularity: Granularity, grid: Sequence[int]) -> Bars:
    rows: list[Candle] = []
    filled = 0
    for start in grid:
        candle = by_start.get(start)
        if candle is None:
            close = rows[-1].close
            candle = Candle(start, close, close, close, close, 0.0)
            filled += 1
        elif not _is_sound(candle):
            raise MalformedData(f"{granularity} candle at {start} makes no sense: {tuple(candle)}")
        rows.append(candle)
    starts, opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    return Bars(granularity, starts, opens, highs, lows, closes, volumes, filled)


def _is_sound(candle: Candle) -> bool:
    # Comparisons with NaN are false, so this also refuses NaN; infinity fails the upper bound.
    return 0 < candle.low <= candle.high < float("inf") and (
        candle.low <= candle.open <= candle.high
        and candle.low <= candle.close <= candle.high
        and 0 <= candle.volume < float("inf")
    )


@dataclass(frozen=True, slots=True)
class FeeRates:
    """What the account pays. Units: fractions of the notional (0.006 is 0.6 %)."""

    maker: Decimal
    taker: Decimal
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class Balance:
    """What the venue says the account holds of one asset; several wallets are summed."""

    asset: Asset
    available: Decimal
    hold: Decimal

    @property
    def total(self) -> Decimal:
        """Available and held together."""
        return self.available + self.hold
