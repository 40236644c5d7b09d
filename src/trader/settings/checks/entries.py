"""Whether what a strategy proposes can ever be large enough to be bought.

The sums that the feasibility of every strategy needs; each yields lines that start with the key path it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from trader.model.money import ONE, ZERO, plain, share
from trader.settings import Settings
from trader.settings.checks.money import find_best_multiplier

_PLACES = Decimal("0.0001")
#: Two values are the fewest that have a standard deviation.
_DEVIATION_MIN = 2


def check_stakes(key: str, risk_pct: Decimal, volatility_target_pct: Decimal) -> Iterator[str]:
    """Name stakes of nothing."""
    if risk_pct == 0:
        yield f"{key}.risk_per_trade_pct: 0 makes every size 0; allowed is above 0"
    if volatility_target_pct == 0:
        yield f"{key}.volatility_target_pct: 0 makes every size 0; allowed is above 0"


def check_window(key: str, needed: int, settings: Settings) -> Iterator[str]:
    """Name a window that the bars do not fill, or of which there is no deviation."""
    count, history = settings.bars.count, settings.bars.history
    if needed > count:
        yield f"{key}: takes {needed} bars, of {count} that are read; allowed is what bars.history {history} covers"
    if needed < _DEVIATION_MIN:
        yield f"{key}: takes {needed} bars, of which there is no deviation; allowed is at least {_DEVIATION_MIN}"


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


def _short(value: Decimal) -> str:
    return plain(value.quantize(_PLACES))
