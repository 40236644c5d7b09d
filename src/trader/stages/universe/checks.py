"""Why a product is left out of the universe: each check in its fixed order, with the numbers behind a refusal.

Metadata first, then the market's size and age, then the quote, then the bars: what costs a request is asked last.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from trader.errors import DataError
from trader.model.cycle_state import FailureStreak
from trader.model.decisions import Denial, Details
from trader.model.denials import DenialCode, find_data_code
from trader.model.frozen import replace
from trader.model.ids import Instant, utc_day
from trader.model.market import Bars, Product, Quote
from trader.settings.policy import RiskSettings
from trader.settings.universe import TierSettings, UniverseSettings

Refusal = tuple[DenialCode, Details]

#: What is said of data of which nobody knows why they are missing.
NOT_READ = "not read"
#: What is said of a product that the venue's whole list does not have.
UNLISTED = "the venue does not list it"

_SECONDS_PER_DAY = 86400
#: A quote dated further ahead of us than this has no age: it would look fresh for ever.
_AHEAD_SECONDS = 60

#: Refusals that say the data failed, not the product.
DATA_FAILURES = frozenset(
    {
        DenialCode.QUOTE_MISSING,
        DenialCode.QUOTE_STALE,
        DenialCode.QUOTE_CROSSED,
        DenialCode.DATA_MISSING,
        DenialCode.DATA_STALE,
        DenialCode.DATA_MALFORMED,
        DenialCode.DATA_GAPPED,
    }
)


def check_metadata(product: Product, settings: UniverseSettings, now: Instant) -> Refusal | None:
    """Refuse what the venue has closed or what we never trade: NOT_TRADABLE, EXCLUDED, STABLE_BASE, BANNED.

    A ban ends at the start of its date, UTC.
    """
    if restrictions := product.trading_restrictions:
        return DenialCode.NOT_TRADABLE, {"trading_restrictions": ", ".join(restrictions)}
    if product.base in settings.never_trade:
        return DenialCode.EXCLUDED, {"base": product.base}
    if product.base in settings.stable_bases:
        return DenialCode.STABLE_BASE, {"base": product.base}
    until = settings.bans.get(product.base)
    if until is not None and utc_day(now) < until:
        return DenialCode.BANNED, {"today": utc_day(now), "until": until}
    return None


def check_market(product: Product, tier: TierSettings, settings: UniverseSettings, now: Instant) -> Refusal | None:
    """Refuse what is too cheap, too thin or too young: PRICE_BELOW_MIN, VOLUME_BELOW_MIN, LISTING_TOO_NEW.

    A product whose listing the venue does not date passes: only its oldest ones are undated, and a young one cannot
    have the bars that are asked for later.
    """
    if tier.price_min > 0 and (product.price is None or product.price < tier.price_min):
        found = "missing" if product.price is None else product.price
        return DenialCode.PRICE_BELOW_MIN, {"price": found, "price_min": tier.price_min}
    if product.volume_24h < tier.volume_24h_min:
        return DenialCode.VOLUME_BELOW_MIN, {
            "volume_24h": product.volume_24h,
            "volume_24h_min": tier.volume_24h_min,
        }
    if product.listed_at is not None:
        age_days = (now - product.listed_at) // _SECONDS_PER_DAY
        if age_days < settings.listing_age_days_min:
            details: Details = {"age_days": age_days, "age_days_min": settings.listing_age_days_min}
            return DenialCode.LISTING_TOO_NEW, details
    return None


def check_quote(
    quote: Quote | None, cause: str, spread_bps_max: Decimal, settings: UniverseSettings, now: Instant
) -> Refusal | None:
    """Refuse a quote that is no market to trade on: QUOTE_MISSING, _STALE, _CROSSED, SPREAD_EXCEEDS_MAX.

    *cause* says why there is none.
    """
    if quote is None:
        return DenialCode.QUOTE_MISSING, {"cause": cause}
    age = now - quote.time
    if not -_AHEAD_SECONDS <= age <= settings.quote_age_seconds_max:
        return DenialCode.QUOTE_STALE, {"age_seconds": age, "age_seconds_max": settings.quote_age_seconds_max}
    if quote.is_crossed:
        return DenialCode.QUOTE_CROSSED, {"bid": quote.bid, "ask": quote.ask}
    spread_bps = quote.spread_bps
    if spread_bps > spread_bps_max:
        return DenialCode.SPREAD_EXCEEDS_MAX, {"spread_bps": spread_bps, "spread_bps_max": spread_bps_max}
    return None


def check_bars(bars: Bars | DataError | None, gap_ratio_max: float, count_min: int) -> Refusal | None:
    """Refuse bars that cannot be trusted: DATA_MISSING, _STALE, _MALFORMED, _GAPPED, HISTORY_TOO_SHORT."""
    if bars is None:
        return DenialCode.DATA_MISSING, {"reason": NOT_READ}
    if isinstance(bars, DataError):
        return find_data_code(bars), {"reason": str(bars)}
    if bars.filled_ratio > gap_ratio_max:
        return DenialCode.DATA_GAPPED, {"gap_ratio": bars.filled_ratio, "gap_ratio_max": gap_ratio_max}
    if len(bars) < count_min:
        return DenialCode.HISTORY_TOO_SHORT, {"bars": len(bars), "bars_min": count_min}
    return None


def name_data_failures(denials: Iterable[Denial]) -> tuple[str, ...]:
    """Name each product that was left out because its data failed, and what failed."""
    found = ((each, each.details.get("cause", each.details.get("reason"))) for each in denials)
    return tuple(
        f"{each.product_id}: {each.code}" + (f": {cause}" if cause else "")
        for each, cause in found
        if each.code in DATA_FAILURES
    )


def count_failure(streak: FailureStreak, risk: RiskSettings, now: Instant, *, data_complete: bool) -> FailureStreak:
    """Count cycles whose data failed; enough of them in a row earn a cool-down, one good cycle clears the count."""
    if data_complete:
        return replace(streak, failed_cycles=0) if streak.failed_cycles else streak
    failed = streak.failed_cycles + 1
    if failed < risk.failed_cycles_max:
        return replace(streak, failed_cycles=failed)
    return replace(streak, failed_cycles=0, cooldown_until=Instant(now + risk.failed_cooldown_minutes * 60))
