"""Conversions of one quote asset into another: quoted, committed once, and looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from desk.sandbox.account import VenueAccount
from desk.sandbox.ids import derive_uuid
from desk.sandbox.replies import JsonObject, refuse_invalid, refuse_not_found
from desk.sandbox.venue_clock import Micros, VenueTime, add_seconds
from trader.model.ids import Asset
from trader.model.money import plain

_PAIRS = frozenset(
    {frozenset(pair) for pair in (("USD", "USDC"), ("USD", "PYUSD"), ("EUR", "EURC"), ("PYUSD", "USDC"))}
)
_QUOTE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Conversion:
    """One quote and what became of it."""

    trade_id: str
    source: Asset
    target: Asset
    amount: Decimal
    quoted: Micros
    committed: Micros | None = None


class ConversionDesk:
    """Quotes and commits over the venue's book. Raises: Refusal."""

    def __init__(
        self, book: VenueAccount, time: VenueTime, new_number: Callable[[], int], asset_of: Callable[[str], str]
    ) -> None:
        self._book = book
        self._time = time
        self._new_number = new_number
        self._asset_of = asset_of
        self.known: dict[str, Conversion] = {}

    def quote(self, source: str, target: str, amount: str) -> Conversion:
        """Offer a conversion. Asked again, it is another one."""
        here, there = Asset(self._asset_of(source)), Asset(self._asset_of(target))
        if frozenset({here, there}) not in _PAIRS:
            raise refuse_invalid("Unsupported account in this conversion")
        try:
            wanted = Decimal(amount)
        except InvalidOperation as error:
            raise refuse_invalid("amount is not a number") from error
        if not wanted.is_finite() or wanted <= 0:
            raise refuse_invalid("amount must be positive")
        if wanted > self._book.available(here):
            raise refuse_invalid("Insufficient balance in source account")
        trade_id = derive_uuid(f"convert|{self._new_number()}")
        self.known[trade_id] = Conversion(trade_id, here, there, wanted, self._time.moment())
        return self.known[trade_id]

    def commit(self, trade_id: str, source: str, target: str) -> Conversion:
        """Do it. A second commit is refused: the first one did it."""
        found = self.find(trade_id, source, target)
        if found.committed is not None:
            raise refuse_invalid("trade was committed already")
        if self._time.has_come(add_seconds(found.quoted, _QUOTE_SECONDS)):
            raise refuse_invalid("quote has expired")
        if found.amount > self._book.available(found.source):
            raise refuse_invalid("Insufficient balance in source account")
        at = self._time.moment()
        self._book.move(found.source, -found.amount, at)
        self._book.move(found.target, found.amount, at)
        self.known[trade_id] = replace(found, committed=at)
        return self.known[trade_id]

    def find(self, trade_id: str, source: str, target: str) -> Conversion:
        """Look a conversion up; the two accounts have to be named again."""
        found = self.known.get(trade_id)
        if found is None or (self._asset_of(source), self._asset_of(target)) != (found.source, found.target):
            raise refuse_not_found("convert trade not found")
        return found

    def encode(self, conversion: Conversion, lag_seconds: float) -> JsonObject:
        """Write a conversion down."""
        source, target = conversion.source, conversion.target

        def amount(value: Decimal, currency: str) -> JsonObject:
            return {"value": plain(value), "currency": currency, "cbrn": ""}

        given, got, nothing = amount(conversion.amount, source), amount(conversion.amount, target), Decimal(0)
        fee = {"title": "", "description": "", "amount": amount(nothing, source), "label": "", "disclosure": None}
        one = {"amount": amount(Decimal(1), target), "scale": 2}
        return {
            "trade": {
                "id": conversion.trade_id,
                "status": f"TRADE_STATUS_{self._status(conversion, lag_seconds)}",
                "user_entered_amount": given,
                "amount": given,
                "subtotal": given,
                "total": got,
                "fees": [],
                "total_fee": fee,
                "source": {
                    "type": "LEDGER_ACCOUNT",
                    "ledger_account": {"account_id": _account(source), "currency": source},
                },
                "target": {
                    "type": "LEDGER_ACCOUNT",
                    "ledger_account": {"account_id": _account(target), "currency": target},
                },
                "unit_price": {"target_to_fiat": one, "target_to_source": one, "source_to_fiat": one},
                "user_warnings": [],
                "user_reference": conversion.trade_id[:8].upper(),
                "source_currency": source,
                "target_currency": target,
                "cancellation_reason": None,
                "source_id": _account(source),
                "target_id": _account(target),
                "subscription_info": None,
                "exchange_rate": amount(Decimal(1), target),
                "tax_details": [],
                "trade_incentive_info": None,
                "total_fee_without_tax": fee,
                "fiat_denoted_total": given,
            }
        }

    def _status(self, conversion: Conversion, lag_seconds: float) -> str:
        if conversion.committed is None:
            return "CREATED"
        return "COMPLETED" if self._time.has_come(add_seconds(conversion.committed, lag_seconds)) else "STARTED"


def _account(asset: str) -> str:
    return derive_uuid(f"account|{asset}")


def _ledger(asset: str) -> JsonObject:
    return {"type": "LEDGER_ACCOUNT", "ledger_account": {"account_id": _account(asset), "currency": asset}}
