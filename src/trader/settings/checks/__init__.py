"""Which settings contradict one another, so that a gate can never open or never close.

Every value may be in range and nothing could ever be bought, or a limit could never be reached. Each finding is one
line: the key with its value, the other key with its value, and what would be allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from trader.model.cycle_state import Regime
from trader.model.ids import Asset
from trader.model.money import HUNDRED, ZERO, plain
from trader.settings import Settings
from trader.settings.checks import bars, money
from trader.settings.schedule import ScheduleSettings

#: The loss stops, smallest span of time first.
_STOPS = ("day_loss_pct_max", "week_loss_pct_max", "drawdown_pct_max")
#: Limits in section risk that forbid every entry when they are zero.
_NEVER_ZERO = (
    "open_positions_max",
    "entries_per_cycle_max",
    "entries_per_hour_max",
    "trades_per_day_max",
    "position_pct_max",
    "product_pct_max",
    "correlated_pct_max",
    "total_pct_max",
)
_PACE = ("entries_per_cycle_max", "entries_per_hour_max", "trades_per_day_max")


def find_contradictions(settings: Settings) -> tuple[str, ...]:
    """Name every combination of settings under which a gate cannot decide; none for a sound configuration.

    What a strategy's own settings contradict is for the strategy to say: ``strategies.registry.find_contradictions``.
    """
    checks = (_cycle, _tiers, _bases, _regime, _strategies, _costs, _pace, _stops)
    own = tuple(line for check in checks for line in check(settings))
    return (*own, *bars.find_contradictions(settings), *money.find_contradictions(settings))


def _cycle(settings: Settings) -> Iterator[str]:
    cycle = settings.cycle
    if not 0 < cycle.max_tick_age_seconds < cycle.period_seconds:
        yield (
            f"cycle.max_tick_age_seconds: {cycle.max_tick_age_seconds} would let no tick enter, or one that the next "
            f"has overtaken; allowed is 1 to below cycle.period_seconds {cycle.period_seconds}"
        )
    if cycle.order_memory_seconds < cycle.quiet_period_seconds:
        yield (
            f"cycle.order_memory_seconds: {cycle.order_memory_seconds} forgets an order before its absence means "
            f"anything; allowed is at least cycle.quiet_period_seconds {cycle.quiet_period_seconds}"
        )
    if settings.simulation.volume_share_ratio == 0:
        yield "simulation.volume_share_ratio: 0 never fills an order; allowed is above 0"
    if settings.universe.quote_age_seconds_max == 0:
        yield "universe.quote_age_seconds_max: 0 makes every quote stale; allowed is at least 1"


def _tiers(settings: Settings) -> Iterator[str]:
    universe = settings.universe
    if not universe.tiers:
        yield "universe.tiers: none means that nothing can be traded; allowed is at least one tier"
    for name, tier in universe.tiers.items():
        key = f"universe.tiers.{name}"
        if not tier.bases and tier.discover_max == 0:
            yield f"{key}: has no bases and discover_max 0, so nothing is in it; allowed is one of the two"
        for percent in ("base_size_pct", "allocation_max_pct"):
            if getattr(tier, percent) == 0:
                yield f"{key}.{percent}: 0 means that nothing in this tier can be bought; allowed is above 0"
        if tier.base_size_pct > tier.allocation_max_pct:
            yield (
                f"{key}.base_size_pct: {plain(tier.base_size_pct)} is more than the whole tier may take; "
                f"allowed is at most {key}.allocation_max_pct {plain(tier.allocation_max_pct)}"
            )
        if tier.slippage_bps_max * 2 < tier.spread_bps_max:
            yield (
                f"{key}.slippage_bps_max: {plain(tier.slippage_bps_max)} above the mid does not reach the ask at "
                f"spread_bps_max {plain(tier.spread_bps_max)}; allowed is at least half of that"
            )


def _bases(settings: Settings) -> Iterator[str]:
    universe = settings.universe
    tier_of: dict[Asset, str] = {}
    for name, tier in universe.tiers.items():
        key = f"universe.tiers.{name}.bases"
        for base in tier.bases:
            if (other := tier_of.setdefault(base, name)) != name:
                yield f"{key}: {base} is in universe.tiers.{other}.bases too; allowed is one tier"
            for forbidden in ("stable_bases", "never_trade"):
                if base in getattr(universe, forbidden):
                    yield f"{key}: {base} is in universe.{forbidden}, which forbids it; allowed is one of the two"
    for name, cluster in universe.clusters.items():
        if cluster.allocation_max_pct == 0:
            yield (
                f"universe.clusters.{name}.allocation_max_pct: 0 forbids its assets; allowed is above 0, "
                "and universe.never_trade for what is never to be bought"
            )
    for asset, until in universe.bans.items():
        try:
            date.fromisoformat(until)
        except ValueError:
            yield f"universe.bans.{asset}: {until} is no day of the calendar; allowed is YYYY-MM-DD"


def _costs(settings: Settings) -> Iterator[str]:
    if settings.costs.edge_multiple == 0:
        yield "costs.edge_multiple: 0 lets purchases pass that do not earn their cost; allowed is above 0"


def _regime(settings: Settings) -> Iterator[str]:
    regime = settings.regime
    if regime.bear_trend_pct >= regime.crash_trend_pct:
        yield (
            f"regime.bear_trend_pct: a fall of {regime.bear_trend_pct:g} is a crash already; "
            f"allowed is less than regime.crash_trend_pct {regime.crash_trend_pct:g}"
        )
    if regime.bull_volatility_pct >= regime.crash_volatility_pct:
        yield (
            f"regime.bull_volatility_pct: {regime.bull_volatility_pct:g} never decides, because more is a crash; "
            f"allowed is less than regime.crash_volatility_pct {regime.crash_volatility_pct:g}"
        )
    if regime.bull_trend_pct == regime.bear_trend_pct == 0:
        yield "regime.bull_trend_pct: 0 with regime.bear_trend_pct 0 leaves no room for chop; allowed is one above 0"
    sizes = regime.size_multiplier
    for each in (*money.TRADED_REGIMES, Regime.CRASH):
        if each not in sizes:
            yield f"regime.size_multiplier.{each}: is missing; allowed is a number from 0 to 3"
    for each in (Regime.CRASH, Regime.UNKNOWN):
        if sizes.get(each, ZERO) != 0:
            yield f"regime.size_multiplier.{each}: {plain(sizes[each])} would enter in a crash; allowed is 0"
    if all(sizes.get(each, ZERO) == 0 for each in money.TRADED_REGIMES):
        yield "regime.size_multiplier: 0 for bull, chop and bear forbids every entry; allowed is one above 0"


def _strategies(settings: Settings) -> Iterator[str]:
    enabled = {name: section for name, section in settings.strategies.items() if section.enabled}
    if not enabled:
        yield "strategies: none is enabled, so nothing can ever be bought; allowed is enabled: true for at least one"
    total = sum((section.weight_pct for section in enabled.values()), ZERO)
    if total > HUNDRED:
        weights = " + ".join(f"{name} {plain(section.weight_pct)}" for name, section in sorted(enabled.items()))
        yield f"strategies: the weights {weights} = {plain(total)} promise more than there is; allowed is at most 100"
    for name, section in enabled.items():
        for limit in ("weight_pct", "trades_per_cycle_max"):
            if getattr(section, limit) == 0:
                yield (
                    f"strategies.{name}.{limit}: 0 forbids every entry of an enabled strategy; "
                    "allowed is above 0, or enabled: false"
                )
        yield from _schedule(f"strategies.{name}.schedule", section.schedule, settings.cycle.period_seconds)


def _schedule(key: str, schedule: ScheduleSettings, period_seconds: int) -> Iterator[str]:
    if 0 < schedule.every_minutes * 60 < period_seconds:
        yield (
            f"{key}.every_minutes: {schedule.every_minutes} never decides, because cycle.period_seconds "
            f"{period_seconds} is longer; allowed is 0 for every cycle, or a longer time"
        )
    if schedule.at is not None and schedule.catch_up_seconds < period_seconds:
        yield (
            f"{key}.catch_up_hours: {schedule.catch_up_seconds // 3600} may be over before the next tick, because "
            f"cycle.period_seconds {period_seconds} is longer; allowed is at least that"
        )


def _pace(settings: Settings) -> Iterator[str]:
    risk = settings.risk
    for name in _NEVER_ZERO:
        if getattr(risk, name) == 0:
            yield f"risk.{name}: 0 forbids every entry; allowed is above 0, and the kill switch to stop entries"
    for shorter, longer in pairwise(_PACE):
        if 0 < getattr(risk, longer) < getattr(risk, shorter):
            yield (
                f"risk.{shorter}: {getattr(risk, shorter)} can never be reached; "
                f"allowed is at most risk.{longer} {getattr(risk, longer)}"
            )
    if 0 < risk.open_positions_max < risk.entries_per_cycle_max:
        yield (
            f"risk.entries_per_cycle_max: {risk.entries_per_cycle_max} can never be reached; "
            f"allowed is at most risk.open_positions_max {risk.open_positions_max}"
        )
    if risk.entry_spacing_seconds > 3600:
        # Entries are remembered for an hour, so a longer spacing would count a missing entry as a recent one.
        yield f"risk.entry_spacing_seconds: {risk.entry_spacing_seconds} forbids every entry; allowed is at most 3600"
    if risk.peg_min == 0:
        yield "risk.peg_min: 0 lets every broken peg pass; allowed is above 0"


def _stops(settings: Settings) -> Iterator[str]:
    risk, exits = settings.risk, settings.exits
    for name in _STOPS:
        if getattr(risk, name) == 0:
            yield f"risk.{name}: 0 is reached without any loss and forbids every entry; allowed is above 0"
    for shorter, longer in pairwise(_STOPS):
        if 0 < getattr(risk, longer) < getattr(risk, shorter):
            yield (
                f"risk.{shorter}: {plain(getattr(risk, shorter))} can never be reached first; "
                f"allowed is at most risk.{longer} {plain(getattr(risk, longer))}"
            )
    if exits.trailing and not 0 < exits.trailing_giveback_pct < exits.trailing_arm_pct:
        yield (
            f"exits.trailing_giveback_pct: {plain(exits.trailing_giveback_pct)} would sell at the peak or at a loss; "
            f"allowed is above 0 and below exits.trailing_arm_pct {plain(exits.trailing_arm_pct)}"
        )
