"""What the numbers of a fill, or of a conversion, may be. What is beyond is booked, and a person must look."""

from __future__ import annotations

from decimal import Decimal

from trader.model.conversions import ConversionIntent, ConversionReport
from trader.model.cycle_state import AcceptedMark
from trader.model.money import ONE, ZERO, plain
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Side

#: How the reason begins for which an asset takes no entries, and the cash is in question, until a person has looked.
IMPLAUSIBLE = "something was booked whose numbers cannot be"

#: The highest rate that Coinbase documents is 1.2 % (Intro 1, taker); its own sample of a fill bears 12.5 %.
_FEE_RATIO_MAX = Decimal("0.15")
#: What makers are paid is a few hundredths of a percent, where anything is.
_REBATE_RATIO_MAX = Decimal("0.01")
#: The fee of the smallest fill may be rounded up to a cent.
_FEE_ROUNDING = Decimal("0.01")
#: No sale is below the limit of its order. That of a stop is 5 % below it, and a person may have renewed a bracket.
_BELOW_LIMIT_RATIO_MAX = Decimal("0.1")
#: A limit follows the market within minutes, and no coin doubles or halves in those.
_PRICE_MULTIPLE_MAX = 2
#: Every pair that is converted is one to one, and nothing is charged.
_CONVERSION_RATIO_MAX = Decimal("0.1")


def why_implausible(record: OrderRecord, fill: Fill, mark: AcceptedMark | None) -> str | None:
    """Say which number of a fill cannot be, and what could; or None.

    *mark* is the last bid of the asset that was believed. A sale may have waited for long: what the market paid then is
    no less sound than its limit. What a purchase costs at most is bounded by its intent, before it is booked.
    """
    low, high = _bound_prices(record, mark)
    if not low <= fill.price <= high:
        return f"price {plain(fill.price)}, {_allow(low, high)}"
    fee_max = max(fill.notional * _FEE_RATIO_MAX, _FEE_ROUNDING)
    rebate_max = max(fill.notional * _REBATE_RATIO_MAX, _FEE_ROUNDING)
    if not -rebate_max <= fill.fee <= fee_max:
        return f"fee {plain(fill.fee)} on {plain(fill.notional)}, {_allow(-rebate_max, fee_max)}"
    return None


def why_implausible_conversion(intent: ConversionIntent, report: ConversionReport) -> str | None:
    """Say that what arrived of a conversion cannot be, and what could; or None."""
    low, high = intent.amount * (ONE - _CONVERSION_RATIO_MAX), intent.amount * (ONE + _CONVERSION_RATIO_MAX)
    if low <= report.received <= high:
        return None
    what = f"{plain(report.received)} {intent.target} for {plain(intent.amount)} {intent.source}"
    return f"{what}, {_allow(low, high)}"


def _bound_prices(record: OrderRecord, mark: AcceptedMark | None) -> tuple[Decimal, Decimal]:
    intent, bid = record.intent, mark.price if mark is not None else None
    if intent.side is Side.BUY:
        lowest = min(intent.limit_price, intent.limit_price if bid is None else bid)
        return lowest / _PRICE_MULTIPLE_MAX, Decimal("Infinity")
    lowest = min(intent.limit_price, intent.stop_price or intent.limit_price)
    highest = max(intent.limit_price, bid or ZERO)
    return lowest * (ONE - _BELOW_LIMIT_RATIO_MAX), highest * _PRICE_MULTIPLE_MAX


def _allow(low: Decimal, high: Decimal) -> str:
    return f"allowed is from {plain(low)}" + (f" to {plain(high)}" if high.is_finite() else " up")
