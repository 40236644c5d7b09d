"""Whether the money of the books is there: by their own sums, and as the last look at the venue showed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from trader.model.denials import DenialCode
from trader.model.ids import Asset
from trader.model.money import ZERO, Notional
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

if TYPE_CHECKING:
    from trader.model.ledger import Ledger

#: Sums of long decimals are rounded at the 28th digit, and not all in the same way.
_ROUNDING_MAX = Decimal("1e-6")
#: Conversions are one to one, so that all of them together bring nothing. So much of the capital is let pass.
_CONVERTED_RATIO_MAX = Decimal("0.001")

#: Numbers and names behind a refusal, as in ``model.decisions``.
_Told = Mapping[str, str | Decimal]


@dataclass(frozen=True, slots=True)
class CashShortage:
    """More cash in the books than at the venue, over all quote assets at par.

    ``found`` is what was available there, and what orders and conversions of ours may hold or have just moved.
    """

    booked: Notional
    found: Notional
    unknown: UnknownFields = NONE_UNKNOWN


def find_imbalance(ledger: Ledger) -> Mapping[Asset, Decimal]:
    """Compare the cash with what the parts say it must be; all zero in a sound ledger.

    Cash = capital paid in + conversions + the cash flows of every sub-ledger. Units: per quote asset.
    """
    expected: dict[Asset, Decimal] = {ledger.accounting_asset: Decimal(ledger.capital)}
    for flows in (ledger.converted, *(each.cash_flow for each in ledger.by_strategy.values())):
        for asset, change in flows.items():
            expected[asset] = expected.get(asset, ZERO) + change
    assets = sorted(set(expected) | set(ledger.cash))
    return {asset: ledger.cash.get(asset, ZERO) - expected.get(asset, ZERO) for asset in assets}


def why_unproven(ledger: Ledger) -> _Told | None:
    """Say which sum of the ledger is not what its parts make it, with both numbers; None if all are.

    The capital is what the last recorded flow made of it. Whatever is changed by hand in the stored ledger beside its
    own counterpart is found; whoever changes both must have read this.
    """
    recorded = ledger.recorded_capital
    if recorded is not None and recorded != ledger.capital:
        return {"capital": ledger.capital, "recorded": recorded}
    for asset, difference in find_imbalance(ledger).items():
        if abs(difference) > _ROUNDING_MAX:
            cash = ledger.cash.get(asset, ZERO)
            return {"asset": asset, "cash": cash, "proven": cash - difference}
    gained, most = sum(ledger.converted.values(), ZERO), ledger.capital * _CONVERTED_RATIO_MAX
    return {"converted": gained, "converted_max": most} if gained > most else None


def find_negative(cash: Mapping[Asset, Notional]) -> tuple[Asset, ...]:
    """Name the assets of which there is less than nothing."""
    return tuple(asset for asset, amount in cash.items() if amount < 0)


def why_not_fund(ledger: Ledger) -> tuple[DenialCode, _Told] | None:
    """Say why nothing may be bought with the money of these books, or None."""
    if (unproven := ledger.unproven) is not None:
        return DenialCode.LEDGER_UNPROVEN, unproven
    if negative := find_negative(ledger.cash):
        return DenialCode.CASH_NEGATIVE, {"asset": negative[0], "cash": ledger.cash[negative[0]], "limit": ZERO}
    if (shortage := ledger.cash_shortage) is not None:
        return DenialCode.CAPITAL_MISSING, {"booked": shortage.booked, "found": shortage.found}
    return None
