"""Whether what a strategy proposes can ever pay for itself, and ever be large enough to be bought.

The sums that the feasibility of every strategy needs; each yields lines that start with the key path it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

from trader.model.costs import expected_edge_pct, hurdle_pct, round_trip_ratio
from trader.model.ids import Instant, ProductId
from trader.model.market import FeeRates, Quote
from trader.model.money import BPS, ONE, ZERO, Price, plain, share
from trader.settings import Settings
from trader.settings.checks.money import find_best_multiplier
from trader.settings.universe import TierSettings

_PLACES = Decimal("0.0001")


class TradeTerms(Protocol):
    """What a strategy's settings, or one rule of them, say about a trade."""

    @property
    def stop_pct(self) -> Decimal: ...
    @property
    def target_pct(self) -> Decimal: ...
    @property
    def hit_ratio(self) -> Decimal: ...


def check_stakes(key: str, risk_pct: Decimal, volatility_target_pct: Decimal, edge_multiple: Decimal) -> Iterator[str]:
    """Name stakes of nothing, and an edge gate that asks for nothing."""
    if risk_pct == 0:
        yield f"{key}.risk_per_trade_pct: 0 makes every size 0; allowed is above 0"
    if volatility_target_pct == 0:
        yield f"{key}.volatility_target_pct: 0 makes every size 0; allowed is above 0"
    if edge_multiple == 0:
        yield f"{key}.edge_multiple: 0 lets trades pass that do not earn their cost; allowed is above 0"


def check_window(key: str, needed: int, settings: Settings) -> Iterator[str]:
    """Name a window that the bars do not fill."""
    count = settings.bars.count
    if needed > count:
        yield f"{key}: takes {needed} bars, but only {count} are read; allowed is what bars.count {count} covers"


def check_edge(key: str, terms: TradeTerms, multiple: Decimal, settings: Settings) -> Iterator[str]:
    """Name an expected earning that does not cover the cost in any tier, at the tier's widest spread."""
    edge_pct = expected_edge_pct(terms.target_pct, terms.stop_pct, terms.hit_ratio)
    needed = {
        name: hurdle_pct(_round_trip_ratio(tier, settings), multiple) for name, tier in settings.universe.tiers.items()
    }
    if needed and edge_pct <= min(needed.values()):
        name = min(needed, key=lambda each: (needed[each], each))
        yield (
            f"{key}: is expected to earn {_short(edge_pct)} % before costs (target_pct × hit_ratio - stop_pct × "
            f"(1 - hit_ratio)), and the cheapest tier, {name}, asks for {_short(needed[name])} % (assumed fees, "
            f"spread_bps_max, costs.slippage_bps, × edge_multiple {plain(multiple)}); allowed is more than that"
        )


def check_size(key: str, factor: Decimal, settings: Settings) -> Iterator[str]:
    """Name a proposal that is below the smallest order in every tier, at the largest size it can have."""
    capital, least = settings.app.capital, settings.risk.notional_min
    base = max((tier.base_size_pct for tier in settings.universe.tiers.values()), default=ZERO)
    largest = share(capital, base * factor * find_best_multiplier(settings))
    after_fees = largest * (ONE - settings.exchange.assumed_taker_fee_ratio)
    if after_fees < least:
        yield (
            f"{key}: buys for {_short(after_fees)} at most (app.capital {plain(capital)} × the largest base_size_pct "
            f"{plain(base)} × size factor × confidence {_short(factor)}, less fees); "
            f"allowed is at least risk.notional_min {plain(least)}"
        )


def _round_trip_ratio(tier: TierSettings, settings: Settings) -> Decimal:
    fees = FeeRates(settings.exchange.assumed_maker_fee_ratio, settings.exchange.assumed_taker_fee_ratio)
    half = tier.spread_bps_max / 2
    # Any quote will do that is as wide as the tier allows: around a mid of 10000 a basis point is one.
    widest = Quote(ProductId(""), Price(BPS - half), Price(BPS + half), Instant(0))
    return round_trip_ratio(fees, widest, settings.costs.slippage_bps, entry_takes=False)


def _short(value: Decimal) -> str:
    return plain(value.quantize(_PLACES))
