"""The settings of universe.yaml: which products may be traded, and how much of the equity each group may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trader.model.frozen import cached_property
from trader.model.ids import Asset
from trader.settings.bounds import Amount, AssetName, AtLeastOne, Bps, Count, Day, FloatRatio, LookBack, Pct, Seconds


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


@dataclass(frozen=True)
class UniverseSettings:
    """Which products may be traded."""

    products_cache_minutes: Count
    quote_age_seconds_max: Seconds
    listing_age_days_min: Count
    enter_after_cycles: AtLeastOne
    leave_after_cycles: AtLeastOne
    failures_max_ratio: FloatRatio
    correlation_max: FloatRatio
    correlation_window: LookBack
    depth_band_bps: Bps
    tiers: Mapping[str, TierSettings]
    never_trade: tuple[AssetName, ...]
    stable_bases: tuple[AssetName, ...]
    bans: Mapping[AssetName, Day]
    clusters: Mapping[str, ClusterSettings]

    @cached_property
    def dynamic_tier(self) -> str:
        """Tier of what no tier lists: the first that discovers products, or the last where none does."""
        tiers = sorted(self.tiers)
        return next((tier for tier in tiers if self.tiers[tier].discover_max), tiers[-1])

    def find_tier(self, base: Asset) -> TierSettings:
        """Return the limits that hold for an asset, whatever the venue lists: its tier's, or the dynamic one's."""
        return self._tiers_by_base.get(base, self.tiers[self.dynamic_tier])

    @cached_property
    def _tiers_by_base(self) -> Mapping[Asset, TierSettings]:
        # The first tier that lists an asset counts.
        return {base: tier for _, tier in sorted(self.tiers.items(), reverse=True) for base in tier.bases}
