"""What each key of the section ``universe`` decides, tiers and clusters included."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from factories_market import NOW, TIER_1, TIER_3, a_lot
from factories_settings import shipped_settings, shipped_trees, steps_of
from trader.model.cycle_state import Membership, ProductCache
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars
from trader.model.money import Notional, Quantity
from trader.settings import Settings
from trader.settings.universe import TierSettings
from unit.config_keys import Outcome, Row, every
from unit.key_rows import shapes
from unit.key_rows.books import chased
from unit.key_rows.cycles import a_cycle
from unit.key_rows.world import SOL, Seen, a_ledger, decided, decision, holding, on

_BURST = shapes.burst()
_TIERS = shipped_settings().universe.tiers


def _shipped(key: str) -> str:
    """The text at a key as shipped."""
    value: Any = shipped_trees()["universe.yaml"]
    for step in steps_of(key):
        value = value[step]
    return str(value)


# --- the universe as a whole


def _member(settings: Settings) -> object:
    """A member fails a check for the second time in a row, and passes in the next cycle."""
    ledger = a_ledger(settings, membership={ProductId(SOL): Membership(member=True, disagreeing_cycles=1)})
    after = decided(settings, Seen(bars=_BURST, product={"volume_24h": Notional(1)}), ledger=ledger).ledger
    return decision(settings, Seen(bars=_BURST), ledger=after)


def _half_blind(settings: Settings) -> object:
    """One of the two products that are considered has no quote."""
    shown, unseen = Seen(bars=_BURST), Seen("ETH-USD", _BURST)
    return decision(settings, shown, unseen, quotes={ProductId(SOL): shown.quote(NOW)})


def _held_near(cap_pct: Decimal, base: str, bars: Bars, settings: Settings) -> tuple[Seen, dict[str, Any]]:
    """Another asset, held for one percent less than a cap, and the books of whoever holds it."""
    share = cap_pct * Decimal("0.0099")
    value = Decimal(settings.app.capital) * share / (1 - share)
    seen = Seen(f"{base}-USD", bars, price="100")
    return seen, holding(a_lot(f"{base}-USD", quantity=Quantity(value / 100), cost=Notional(value)))


def _beside(bars: Bars) -> Outcome:
    """BTC, which is in no cluster, jumps while ADA is held for nearly the cap of its cluster."""

    def outcome(settings: Settings) -> object:
        seen, books = _held_near(settings.universe.clusters["LAYER1"].allocation_max_pct, "ADA", bars, settings)
        return decision(settings, Seen("BTC-USD", _BURST), seen, ledger=a_ledger(settings, **books))

    return outcome


def _unlisted(settings: Settings) -> object:
    """The venue listed nothing 50 minutes ago, and lists the products now."""
    bases = tuple(base for tier in settings.universe.tiers.values() for base in tier.bases)
    cache = ProductCache(Instant(NOW - 50 * 60), (), unlisted=bases)
    return a_cycle(lambda each: a_ledger(each, products=cache))(settings)


_TWO_ONLY = {f"universe.tiers.{TIER_1}.bases": ["SOL", "ETH"], "universe.tiers.tier_2_rotational.bases": []}

_WHOLE: Mapping[str, Row] = {
    "products_cache_minutes": Row(30, _unlisted),
    "quote_age_seconds_max": Row(60, on(Seen(bars=_BURST, age=40))),
    "listing_age_days_min": Row(10, on(Seen(bars=_BURST, product={"listed_at": Instant(NOW - 20 * 86400)}))),
    "enter_after_cycles": Row(
        2, on(Seen(bars=_BURST), books={"membership": {ProductId(SOL): Membership(member=False, disagreeing_cycles=1)}})
    ),
    "leave_after_cycles": Row(2, _member),
    "failures_max_ratio": Row("0.4", _half_blind, _TWO_ONLY),
    # Over a day the two correlate by 0.78, over the last few bars by nearly one.
    "correlation_max": Row("0.7", _beside(shapes.jump())),
    "correlation_window": Row("25m", _beside(shapes.jump())),
    "depth_band_bps": Row(5, a_cycle(per_bps=10_000)),
    "never_trade": Row(["SOL"], on(Seen(bars=_BURST))),
    "bans": Row({"SOL": "2027-01-31"}, on(Seen(bars=_BURST))),
}


def _stable(key: str) -> Row:
    """An asset that jumps is no longer taken for a stable one."""
    base = _shipped(key)
    return Row("NONE", on(Seen(f"{base}-USD", _BURST)), {f"universe.tiers.{TIER_1}.bases": [base]})


# --- tiers

# At the shipped multiple the rule is not worth a wide spread, or the costs of a taker.
_CHEAP = {"costs.edge_multiple": 1}


def _in(tier: str, **seen: Any) -> Seen:
    """A product of this tier that jumps."""
    base = next(iter(_TIERS[tier].bases), "NEW")
    return replace(Seen(f"{base}-USD", _BURST), **seen)


def _tier_rows(name: str, tier: TierSettings) -> dict[str, Row]:
    """Each limit of a tier: a product is just inside it, and just outside the changed one."""
    product = _in(name)
    taking = on(product, books=chased(3, product_id=product.product_id))
    rows = {
        "spread_bps_max": Row(
            tier.spread_bps_max * 8 / 10, on(replace(product, spread_bps=str(tier.spread_bps_max * 9 / 10))), _CHEAP
        ),
        "volume_24h_min": Row(
            tier.volume_24h_min * 2, on(replace(product, product={"volume_24h": Notional(tier.volume_24h_min)}))
        ),
        "depth_min": Row(tier.depth_min * 2, on(replace(product, depth=str(tier.depth_min)))),
        "allocation_max_pct": Row("0.4", on(product)),
        "base_size_pct": Row(tier.base_size_pct / 2, on(product)),
        # Three tries went unfilled: this one takes, if its edge is worth that.
        "slippage_bps_max": Row(tier.slippage_bps_max - 1, taking, _CHEAP),
    }
    return {f"universe.tiers.{name}.{field}": row for field, row in rows.items()}


def _tier_base(key: str) -> Row:
    """Whoever is in no tier is judged as a find."""
    return Row("NONE", on(Seen(f"{_shipped(key)}-USD", _BURST)))


_FOUND = f"universe.tiers.{TIER_3}"
_FINDS: Mapping[str, Row] = {
    f"{_FOUND}.discover_max": Row(0, on(_in(TIER_3))),
    f"{_FOUND}.price_min": Row(100, on(_in(TIER_3, price="99"))),
}


# --- clusters


def _crowded(base: str, cluster: str) -> Outcome:
    """An asset jumps while another one of its cluster is held for nearly the cluster's cap."""
    other = next(each for each in shipped_settings().universe.clusters[cluster].bases if each != base)
    cap = shipped_settings().universe.clusters[cluster].allocation_max_pct

    def outcome(settings: Settings) -> object:
        seen, books = _held_near(cap, other, shapes.quiet(), settings)
        return decision(settings, Seen(f"{base}-USD", _BURST), seen, ledger=a_ledger(settings, **books))

    return outcome


def _cluster_base(key: str) -> Row:
    base, cluster = _shipped(key), str(steps_of(key)[2])
    return Row("NONE", _crowded(base, cluster), _listing(cluster))


def _cluster_cap(key: str) -> Row:
    cluster = str(steps_of(key)[2])
    bases = shipped_settings().universe.clusters[cluster].bases
    return Row(20, _crowded(bases[-1], cluster), _listing(cluster))


def _listing(cluster: str) -> dict[str, object]:
    """All of a cluster in the first tier, so that all of them can be bought."""
    return {f"universe.tiers.{TIER_1}.bases": list(shipped_settings().universe.clusters[cluster].bases)}


_FAMILIES: Mapping[str, Callable[[str], Row]] = {
    "universe.stable_bases[*]": _stable,
    "universe.tiers.*.bases[*]": _tier_base,
    "universe.clusters.*.bases[*]": _cluster_base,
    "universe.clusters.*.allocation_max_pct": _cluster_cap,
}

ROWS: dict[str, Row] = {
    **{f"universe.{key}": row for key, row in _WHOLE.items()},
    **{key: row for name, tier in _TIERS.items() for key, row in _tier_rows(name, tier).items()},
    **_FINDS,
    **{key: row for pattern, make in _FAMILIES.items() for key, row in every(pattern, make).items()},
}
