"""The settings of app.yaml: who trades, in which mode, with how much, how often, and on what venue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from trader.model.durations import count_in
from trader.model.market import Granularity
from trader.settings.bounds import AccountName, Amount, AssetName, Between, Bps, LookBack, ProductName, Ratio, Seconds


class Mode(StrEnum):
    """How real it is."""

    DRY_RUN = "DRY_RUN"
    PAPER = "PAPER"
    LIVE = "LIVE"


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Who trades, in which mode, with how much. ``capital`` is all it may use, in ``accounting_asset``.

    ``live_without_evidence`` lets LIVE buy what nobody has measured.
    """

    mode: Mode
    account: AccountName
    capital: Amount
    accounting_asset: AssetName
    live_without_evidence: bool = False


#: The schedule may wake a run 59 s late; it must be over, and its lease with it, before the next tick.
_PAUSE_SECONDS = 90
_RUN_SECONDS_MAX = 840


@dataclass(frozen=True, slots=True)
class CycleSettings:
    """The tick. A tick older than the maximum may exit but not enter."""

    period_seconds: Annotated[int, Between("180", "86400")]
    max_tick_age_seconds: Seconds
    quiet_period_seconds: Annotated[int, Between("60", "86400")]
    order_memory_seconds: Annotated[int, Between("60", "604800")]

    @property
    def run_seconds(self) -> int:
        """How long one run may take: the function's time-out, and what a run on a laptop gives itself."""
        return min(self.period_seconds - _PAUSE_SECONDS, _RUN_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class BarsSettings:
    """Which candles are read."""

    granularity: Granularity
    history: LookBack
    benchmark: ProductName
    benchmark_granularity: Granularity
    benchmark_history: LookBack

    @property
    def count(self) -> int:
        """How many bars of each product are read."""
        return count_in(self.history, self.granularity.seconds)

    @property
    def benchmark_count(self) -> int:
        """How many bars of the benchmark are read."""
        return count_in(self.benchmark_history, self.benchmark_granularity.seconds)


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
