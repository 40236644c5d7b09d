"""Every setting there is, declared once. The YAML triplet has exactly these keys; defaults live in the YAML.

One class per stage, named like its module and its section. Percentages end in ``_pct``, basis points in ``_bps``,
fractions 0..1 in ``_ratio``. Money and what multiplies money is Decimal, thresholds of statistics are float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from trader.model.bounds import (
    AccountName,
    Amount,
    AssetName,
    AtLeastOne,
    BarCount,
    Between,
    Bps,
    Count,
    Day,
    FloatRatio,
    Pct,
    ProductName,
    Ratio,
    Seconds,
)
from trader.model.ids import StrategyId
from trader.model.market import Granularity
from trader.model.policy import (
    AllocationSettings,
    CostSettings,
    ExecutionSettings,
    ExitsSettings,
    RegimeSettings,
    RiskSettings,
    StrategySettings,
    TriggersSettings,
)


class Mode(StrEnum):
    """How real it is."""

    DRY_RUN = "DRY_RUN"
    PAPER = "PAPER"
    LIVE = "LIVE"


# --- app.yaml


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Who trades, in which mode, with how much. ``capital`` is all it may use, in ``accounting_asset``."""

    mode: Mode
    account: AccountName
    capital: Amount
    accounting_asset: AssetName


@dataclass(frozen=True, slots=True)
class CycleSettings:
    """The tick. A tick older than the maximum may exit but not enter."""

    period_seconds: Annotated[int, Between("60", "86400")]
    lease_seconds: Annotated[int, Between("30", "3600")]
    max_tick_age_seconds: Seconds
    reserve_seconds: Seconds
    quiet_period_seconds: Annotated[int, Between("60", "86400")]
    order_memory_seconds: Annotated[int, Between("60", "604800")]


@dataclass(frozen=True, slots=True)
class BarsSettings:
    """Which candles are read."""

    granularity: Granularity
    count: Annotated[int, Between("50", "349")]
    benchmark: ProductName
    benchmark_granularity: Granularity
    benchmark_count: Annotated[int, Between("24", "349")]


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """The venue. ``read_only`` must be false before LIVE may start."""

    read_only: bool
    fee_cache_hours: Annotated[int, Between("1", "168")]
    assumed_maker_fee_ratio: Ratio
    assumed_taker_fee_ratio: Ratio
    balance_tolerance_ratio: Ratio
    public_per_second: Annotated[float, Between("0.1", "100")]
    private_per_second: Annotated[float, Between("0.1", "100")]
    fills_per_second: Annotated[float, Between("0.1", "100")]
    parallel_requests: Annotated[int, Between("1", "32")]


class FillModel(StrEnum):
    """How kind the simulated venue is."""

    NEUTRAL = "neutral"
    OPTIMISTIC = "optimistic"
    PESSIMISTIC = "pessimistic"


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """The simulated venue. Its spread is assumed, in the open, because candles carry none."""

    fills: FillModel
    spread_bps: Bps
    impact_bps: Bps
    volume_share_ratio: Ratio
    maker_fee_ratio: Ratio
    taker_fee_ratio: Ratio
    visibility_lag_seconds: Seconds


# --- universe.yaml


@dataclass(frozen=True, slots=True)
class TierSettings:
    """What a product of this tier must offer, and how much of the equity the whole tier may take."""

    spread_bps_max: Bps
    volume_24h_min: Amount
    depth_min: Amount
    allocation_max_pct: Pct
    base_size_pct: Pct
    slippage_bps_max: Bps
    bases: tuple[AssetName, ...] = ()
    discover_max: Count = 0
    price_min: Amount = Decimal(0)


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Assets that move together, and how much of the equity they may take together."""

    bases: tuple[AssetName, ...]
    allocation_max_pct: Pct


@dataclass(frozen=True, slots=True)
class UniverseSettings:
    """Which products may be traded."""

    products_cache_minutes: Count
    quote_age_seconds_max: Seconds
    listing_age_days_min: Count
    enter_after_cycles: AtLeastOne
    leave_after_cycles: AtLeastOne
    failures_max_ratio: FloatRatio
    correlation_max: FloatRatio
    correlation_bars: BarCount
    depth_band_bps: Bps
    tiers: Mapping[str, TierSettings]
    never_trade: tuple[AssetName, ...]
    stable_bases: tuple[AssetName, ...]
    bans: Mapping[AssetName, Day]
    clusters: Mapping[str, ClusterSettings]


@dataclass(frozen=True, slots=True)
class Settings:
    """The triplet as one value. ``digest`` names exactly this configuration in every audit record."""

    app: AppSettings
    cycle: CycleSettings
    bars: BarsSettings
    exchange: ExchangeSettings
    simulation: SimulationSettings
    universe: UniverseSettings
    regime: RegimeSettings
    triggers: TriggersSettings
    strategies: Mapping[StrategyId, StrategySettings]
    exits: ExitsSettings
    allocation: AllocationSettings
    costs: CostSettings
    risk: RiskSettings
    execution: ExecutionSettings
    digest: str = ""
