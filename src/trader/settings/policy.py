"""The settings of policy.yaml: how the system decides. One class per stage, named like its module and its section.

Percentages end in ``_pct``, basis points in ``_bps``, fractions 0..1 in ``_ratio``. Money and what multiplies money
is Decimal, thresholds of statistics are float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from trader.model.cycle_state import Regime
from trader.model.decisions import Direction, TriggerKind
from trader.model.parent_life import ParentStyle
from trader.settings.bounds import (
    Amount,
    AssetName,
    AssetPair,
    AtLeastOne,
    Between,
    Bps,
    Count,
    FloatPct,
    FloatRatio,
    HoldHours,
    LookBack,
    Multiple,
    OrderPrefix,
    Pct,
    ProductName,
    Ratio,
    Seconds,
    StrategyName,
)
from trader.settings.schedule import EVERY_CYCLE, ScheduleSettings


@dataclass(frozen=True, slots=True)
class RegimeSettings:
    """What kind of market it is, from the benchmark's closed hours. Units: percent; volatility annualized."""

    crash_trend_pct: FloatPct
    crash_volatility_pct: FloatPct
    bull_trend_pct: FloatPct
    bull_volatility_pct: FloatPct
    bear_trend_pct: FloatPct
    confirm_cycles: AtLeastOne
    size_multiplier: Mapping[Regime, Annotated[Decimal, Between("0", "3")]]


@dataclass(frozen=True, slots=True)
class ByRegime:
    """One threshold per regime; crash uses bear's."""

    chop: FloatPct
    bull: FloatPct
    bear: FloatPct

    def at(self, regime: Regime) -> float:
        """Return the threshold in force."""
        if regime is Regime.BULL:
            return self.bull
        return self.bear if regime in (Regime.BEAR, Regime.CRASH) else self.chop


@dataclass(frozen=True, slots=True)
class PriceMoveSettings:
    """Returns over a short and a long window."""

    short_window: LookBack
    long_window: LookBack
    short_pct: ByRegime
    long_pct: ByRegime
    strength_both: FloatRatio
    strength_long: FloatRatio
    strength_short: FloatRatio
    confidence_both: FloatRatio
    confidence_long: FloatRatio
    confidence_short: FloatRatio


@dataclass(frozen=True, slots=True)
class VolumeSpikeSettings:
    """Volume of the last window against the mean of the windows before it."""

    window: LookBack
    history: LookBack
    ratio: ByRegime
    move_min_pct: FloatPct
    strength_span: Annotated[float, Between("0.01", "100")]
    confidence_span: Annotated[float, Between("0.01", "100")]


@dataclass(frozen=True, slots=True)
class BreakoutSettings:
    """Close above the high of the bars before it."""

    lookback: LookBack
    strength_min: FloatRatio
    confidence: FloatRatio


@dataclass(frozen=True, slots=True)
class ReversalSettings:
    """A bounce from a low that is old enough, confirmed."""

    lookback: LookBack
    low_age_min: LookBack
    bounce_pct_min: FloatPct
    strength_span_pct: Annotated[float, Between("0.1", "1000")]
    confidence: FloatRatio
    confirmations_min: Annotated[int, Between("0", "4")]


@dataclass(frozen=True, slots=True)
class ConfirmationSettings:
    """Signs that a fall has turned."""

    vwap_window: LookBack
    low_window: LookBack
    rsi_period: LookBack
    rsi_level: FloatPct
    bounce_window: LookBack
    bounce_pct_min: FloatPct


@dataclass(frozen=True, slots=True)
class MomentumSettings:
    """A long return, and how steadily it came."""

    lookback: LookBack
    share_window: LookBack
    move_min_pct: FloatPct
    strength_span_pct: Annotated[float, Between("0.1", "1000")]


@dataclass(frozen=True, slots=True)
class TriggersSettings:
    """What counts as an event on closed bars."""

    max_gap_ratio: FloatRatio
    per_cycle_max: AtLeastOne
    outlier_window: LookBack
    outlier_move_pct: FloatPct
    outlier_volume_ratio: FloatRatio
    atr_period: LookBack
    atr_windows: Annotated[int, Between("1", "1000")]
    atr_ratio_min: Multiple
    price_move: PriceMoveSettings
    volume_spike: VolumeSpikeSettings
    breakout: BreakoutSettings
    reversal: ReversalSettings
    momentum: MomentumSettings
    confirmations: ConfirmationSettings


@dataclass(frozen=True, slots=True)
class StrategySettings:
    """What every strategy has: its part of the equity, when it is asked, and settings of its own class.

    ``strategy`` is the strategy that this section is an instance of; unless it is said, that of the section's own name.
    """

    weight_pct: Pct
    trades_per_cycle_max: Count
    settings: object
    schedule: ScheduleSettings = EVERY_CYCLE
    enabled: bool = False
    strategy: StrategyName | None = None


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """One row of the rules table: what a trigger of this kind and direction becomes."""

    trigger: TriggerKind
    direction: Direction
    stop_pct: Annotated[Decimal, Between("0.1", "50")]
    target_pct: Annotated[Decimal, Between("0.1", "500")]
    hold_hours_max: HoldHours
    size_factor: Annotated[Decimal, Between("0", "5")]
    confirmations_min: Annotated[int, Between("0", "4")] = 0
    move_pct_min: FloatPct = 0.0
    style: ParentStyle = ParentStyle.PASSIVE_THEN_TAKER


@dataclass(frozen=True, slots=True)
class ExitsSettings:
    """When a lot is sold whatever the triggers say, judged on a believed bid; and what of a lot is dust."""

    spread_multiple_max: Annotated[Decimal, Between("1", "100")]
    dust_value_max: Amount
    trailing: bool
    trailing_arm_pct: Pct
    trailing_giveback_pct: Pct
    crash_tighten_ratio: Ratio


@dataclass(frozen=True, slots=True)
class AllocationSettings:
    """How several strategies share the equity."""

    net_opposed: bool
    one_entry_per_product: bool


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """What is never exceeded. Percentages of the bot's equity."""

    failed_cycles_max: AtLeastOne
    failed_cooldown_minutes: Count
    day_loss_pct_max: Pct
    week_loss_pct_max: Pct
    drawdown_pct_max: Pct
    trades_per_day_max: Count
    entries_per_hour_max: Count
    entry_spacing_seconds: Seconds
    product_spacing_minutes: Count
    cooldown_win_minutes: Count
    cooldown_loss_minutes: Count
    cooldown_stop_minutes: Count
    loss_streak_max: AtLeastOne
    loss_streak_cooldown_minutes: Count
    peg_min: Ratio
    peg_cooldown_minutes: Count
    pegs: Mapping[AssetName, tuple[ProductName, ...]]
    open_positions_max: Count
    entries_per_cycle_max: Count
    position_pct_max: Pct
    product_pct_max: Pct
    correlated_pct_max: Pct
    total_pct_max: Pct
    notional_min: Amount


@dataclass(frozen=True, slots=True)
class CostSettings:
    """What a round trip is assumed to lose beside the fees and the spread, and how many times all that it must earn."""

    slippage_bps: Bps
    edge_multiple: Annotated[Decimal, Between("0", "10")]


@dataclass(frozen=True, slots=True)
class ExecutionSettings:
    """How approvals become orders."""

    order_prefix: OrderPrefix
    preferred_quotes: tuple[AssetName, ...]
    auto_convert: bool
    conversion_pairs: tuple[AssetPair, ...]
    attach_brackets: bool
    entry_ttl_cycles: AtLeastOne
    reprice_seconds: Seconds
    max_reprices: Count
    give_up_minutes: AtLeastOne
    exit_slippage_bps: Bps
    exit_slippage_bps_max: Bps
    exit_slippage_step_bps: Bps
    refusal_wait_seconds: Annotated[int, Between("1", "3600")]
    refusal_wait_seconds_max: Annotated[int, Between("1", "86400")]

    @property
    def refusal_waits(self) -> tuple[int, int]:
        """Return the first and the longest wait after refusals. Units: seconds."""
        return self.refusal_wait_seconds, self.refusal_wait_seconds_max
