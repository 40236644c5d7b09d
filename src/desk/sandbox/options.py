"""What may differ between one simulated venue and another: lags, quirks, limits, rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.ids import Asset, ProductId
from trader.settings.app import FillModel, SimulationSettings


@dataclass(frozen=True, slots=True)
class Lags:
    """How long after the fact each answer tells it. Units: seconds of the venue's clock.

    ``pending``: an accepted order is not on the book yet. ``order``: GET of one order says 404 after its creation.
    ``listing``, ``fills``, ``balance``: those lists are as they were. ``settled``: a finished order is not settled.
    ``cancel``: a cancellation is queued, and the order may still fill. ``hold``: what a cancelled order held is not
    free yet. ``conversion``: a committed conversion runs. ``candles``: a bar that closed is not published yet, nor is
    the one that runs.
    """

    pending: float = 0.0
    order: float = 0.0
    listing: float = 0.0
    fills: float = 0.0
    settled: float = 0.0
    balance: float = 0.0
    cancel: float = 0.0
    hold: float = 0.0
    conversion: float = 0.0
    candles: float = 0.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket. Units: requests per second, and requests at once."""

    per_second: float
    burst: float


#: What the documents of the sister exchange say, which runs on the same infrastructure.
PUBLISHED_LIMITS: Mapping[str, RateLimit] = {
    "public": RateLimit(10, 15),
    "private": RateLimit(30, 30),
    "fills": RateLimit(10, 20),
}

#: Neutral fills, 4 bps between bid and ask, 2 bps of impact, a tenth of the volume, the lowest tier's fees of 2025.
USUAL_RULES = SimulationSettings(
    fills=FillModel.NEUTRAL,
    spread_bps=Decimal(4),
    impact_bps=Decimal(2),
    volume_share_ratio=Decimal("0.1"),
    maker_fee_ratio=Decimal("0.006"),
    taker_fee_ratio=Decimal("0.012"),
    visibility_lag_seconds=0,
)

USUAL_OPENING: Mapping[Asset, Decimal] = {Asset("USD"): Decimal(10_000), Asset("USDC"): Decimal(1_000)}


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """Everything that is not the market. Without a limit for a class of requests, that class is not limited.

    ``public_cache_seconds`` is how old public answers may be; None means a second on a real clock, and no cache on one
    that is set by hand, which could stand still without end. ``protection_ratio`` is how far from the touch a market
    order may go, per product in ``protection``. ``clock_offset_seconds`` is how far the venue's own clock is ahead,
    as ``/time`` and the token check see it. ``slices`` cuts every execution into that many fills. A client id is known
    again for ``id_memory_seconds``; None never forgets, and 0 is a venue that does not tell ids apart.
    """

    lags: Lags = Lags()
    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)
    delay_seconds: float = 0.0
    public_cache_seconds: float | None = None
    candle_window_max: int = 350
    duplicate_id_is_rejected: bool = False
    id_memory_seconds: float | None = None
    totals_are_text: bool = False
    token_lifetime_max_seconds: int = 120
    token_skew_seconds: int = 0
    clock_offset_seconds: int = 0
    protection_ratio: Decimal = Decimal("0.02")
    protection: Mapping[ProductId, Decimal] = field(default_factory=dict)
    open_orders_max: int = 500
    slices: int = 1
    vault_rows: bool = False
