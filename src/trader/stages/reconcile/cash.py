"""Whether the cash of the books is at the venue. It is the account's owner's business what else lies there.

Compared is the sum over all quote assets at par, since an owner may have turned one into another. Only what nothing
that is under way can explain is missing: an order in doubt may have been filled, what a cancelled one held may not be
free yet, and a balance may lag behind the fill that it follows from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from trader.model.capital import CashShortage, find_negative
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.market import Balance
from trader.model.money import ONE, ZERO, Notional, notional
from trader.model.order_record import OrderRecord
from trader.model.orders import Side
from trader.settings import Settings

MISSING_CASH = "less cash at the venue than in the books"
SHIFTED_CASH = "cash lies in other quote assets at the venue than in the books"
NEGATIVE_CASH = "less than nothing is left of a quote asset"


def check_cash(
    ledger: Ledger, view: AccountView, unconfirmed: Collection[Asset], settings: Settings, notes: list[AuditNote]
) -> Ledger:
    """Prove the cash by the venue's balances; what is missing there is remembered, with both numbers.

    A shortage that is not known yet counts unless the accounting asset is *unconfirmed*. While a wallet cannot be read
    what was known stays. Tolerated is ``exchange.balance_tolerance_ratio`` of the configured capital.
    """
    assets = settings.execution.preferred_quotes
    if not view.odd_wallets.keys().isdisjoint(assets):
        return ledger
    tolerance = settings.app.capital * settings.exchange.balance_tolerance_ratio
    booked = {asset: Decimal(ledger.cash.get(asset, ZERO)) for asset in assets}
    found = {asset: view.balances[asset].available if asset in view.balances else ZERO for asset in assets}
    if any(booked[asset] - found[asset] > tolerance for asset in assets):
        for asset, amount in sum_under_way(ledger, view.read_at, settings).items():
            if asset in found:
                found[asset] += amount
    shortage, shifted = None, tuple(asset for asset in assets if booked[asset] - found[asset] > tolerance)
    whole, there = sum(booked.values(), ZERO), sum(found.values(), ZERO)
    if whole - there > tolerance:
        if ledger.cash_shortage is None and ledger.accounting_asset in unconfirmed:
            return ledger
        known = ledger.cash_shortage or CashShortage(Notional(0), Notional(0))
        shortage, shifted = replace(known, booked=Notional(whole), found=Notional(there)), ()
    if shortage == ledger.cash_shortage and shifted == ledger.cash_shifted:
        return ledger
    notes += _note_change(ledger, shortage, shifted, booked, found)
    return replace(ledger, cash_shortage=shortage, cash_shifted=shifted)


def sum_under_way(ledger: Ledger, now: Instant, settings: Settings) -> Mapping[Asset, Decimal]:
    """Sum by asset the most that orders and conversions of ours may hold, have spent unseen, or have just moved.

    What was over before the quiet period had its time to show.
    """
    settled = Instant(now - settings.cycle.quiet_period_seconds)
    taker = max(settings.exchange.assumed_taker_fee_ratio, ledger.fees.rates.taker if ledger.fees is not None else ZERO)
    sums: dict[Asset, Decimal] = {}
    for record in ledger.orders.values():
        amount = (
            _sum_purchase(record, settled, taker)
            if record.intent.side is Side.BUY
            else sum((fill.notional for fill in record.fills if fill.time > settled), ZERO)
        )
        if amount:
            sums[record.intent.quote] = sums.get(record.intent.quote, ZERO) + amount
    for conversion in ledger.conversions.values():
        if conversion.is_open or conversion.final_at is None or conversion.final_at > settled:
            for asset in (conversion.intent.source, conversion.intent.target):
                sums[asset] = sums.get(asset, ZERO) + conversion.intent.amount
    return sums


def _sum_purchase(record: OrderRecord, settled: Instant, taker: Decimal) -> Decimal:
    """Return what a purchase may hold or have spent: nobody says which of the two rates a hold is made with."""
    if record.is_active:
        left = Decimal(record.remaining)
    elif record.final_at is not None and record.final_at > settled:
        left = max(record.intent.quantity - record.filled, ZERO)
    else:
        return ZERO
    return notional(record.intent.limit_price, left) * (ONE + max(record.intent.fee_rate_max, taker))


def _note_change(
    ledger: Ledger,
    shortage: CashShortage | None,
    shifted: tuple[Asset, ...],
    booked: Mapping[Asset, Decimal],
    found: Mapping[Asset, Decimal],
) -> list[AuditNote]:
    """Note what begins or ends; that a shortage goes on is on record with the inputs of every decision."""
    body = {"ledger": booked, "venue": found}
    notes = []
    if (shortage is None) is not (ledger.cash_shortage is None):
        told = {"reason": MISSING_CASH, "is_over": shortage is None, **body}
        notes.append(AuditNote(EventKind.MISMATCH_FOUND, f"cash|{'over' if shortage is None else 'missing'}", told))
    if new := set(shifted) - set(ledger.cash_shifted):
        told = {"reason": SHIFTED_CASH, "short": sorted(new), **body}
        notes.append(AuditNote(EventKind.MISMATCH_FOUND, "cash|shifted", told))
    return notes


def note_negative(before: Mapping[Asset, Notional], ledger: Ledger) -> list[AuditNote]:
    """Note the assets of which the books have less than nothing now, and had not *before*."""
    known = find_negative(before)
    return [
        AuditNote(
            EventKind.MISMATCH_FOUND,
            f"cash|{asset}|negative",
            {"reason": NEGATIVE_CASH, "asset": asset, "cash": ledger.cash[asset]},
        )
        for asset in find_negative(ledger.cash)
        if asset not in known
    ]


def list_short(before: Ledger, after: Ledger) -> Collection[Asset]:
    """Name the accounting asset if cash is missing that was not known to be: that counts if it shows a second time."""
    return (after.accounting_asset,) if after.cash_shortage is not None and before.cash_shortage is None else ()


def find_total(balances: Mapping[Asset, Balance], settings: Settings) -> Decimal:
    """Sum what is available of the quote assets, at par."""
    return sum((balances[each].available for each in settings.execution.preferred_quotes if each in balances), ZERO)
