"""What the venue says of the account, its fills and its conversions, as values of ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from trader.adapters.coinbase.wire.base import Number, Timestamp, WireModel, fit, read_answer
from trader.errors import DataError, MalformedData, VenueProtocol
from trader.model.conversions import ConversionReport, ConversionStatus
from trader.model.ids import Asset, Instant, ProductId, TradeId, VenueOrderId
from trader.model.market import Balance
from trader.model.money import ZERO, Notional, Price, Quantity
from trader.model.orders import Fill, Liquidity, Side

#: The kinds of wallet that an order spends from. One that nobody has heard of is none of them.
_SPENDABLE = ("CRYPTO", "FIAT")
_KIND_PREFIX = "ACCOUNT_TYPE_"
_OUR_PLATFORM = "ACCOUNT_PLATFORM_CONSUMER"


# --- the account


class _Amount(WireModel):
    value: Number
    currency: str = ""


class _Account(WireModel, available_balance="available"):
    currency: str
    available: _Amount
    hold: _Amount


class _AccountKind(WireModel):
    currency: str
    type: str = ""
    platform: str = _OUR_PLATFORM

    @property
    def is_spendable(self) -> bool:
        """Whether an order can spend from it; vaults and other platforms are out of its reach."""
        return self.platform == _OUR_PLATFORM and self.type.removeprefix(_KIND_PREFIX) in _SPENDABLE


def read_balances(call: object, rows: Collection[Any]) -> Mapping[Asset, Balance | DataError]:
    """Sum the wallets of each currency that an order can spend from; one that cannot be read spoils its own currency.

    A row that does not even tell its currency is nobody's. Raises: VenueProtocol if none of them does.
    """
    if rows and not any(_kind(row) for row in rows):
        return read_answer(call, _refuse_all, rows)
    found: dict[Asset, Balance | DataError] = {}
    for row, asset in _spendable(rows):
        old = found.get(asset, Balance(asset, ZERO, ZERO))
        if isinstance(old, DataError):
            continue
        try:
            wire = fit(_Account, row, "account")
            sums = old.available + wire.available.value, old.hold + wire.hold.value
        except (VenueProtocol, ArithmeticError) as error:
            found[asset] = MalformedData(f"{call}: {error}")
        else:
            found[asset] = Balance(asset, *sums)
    return found


def _refuse_all(rows: Collection[Any]) -> Mapping[Asset, Balance | DataError]:
    raise VenueProtocol(f"accounts: none of {len(rows)} rows names a currency")


def read_portfolios(rows: Iterable[Any]) -> frozenset[str]:
    """Name the portfolios of the wallets that an order can spend from, as far as the venue says."""
    told = (row.get("retail_portfolio_id") for row, _ in _spendable(rows))
    return frozenset(name for name in told if isinstance(name, str) and name)


def _spendable(rows: Iterable[Any]) -> Iterator[tuple[Any, Asset]]:
    for row in rows:
        kind = _kind(row)
        if kind is not None and kind.is_spendable:
            yield row, Asset(kind.currency)


def _kind(row: Any) -> _AccountKind | None:
    try:
        return fit(_AccountKind, row, "account")
    except VenueProtocol:
        return None


class KeyPermissions(WireModel):
    """What our key may do, and in which portfolio."""

    can_view: bool
    can_trade: bool
    can_transfer: bool
    portfolio_uuid: str = ""
    portfolio_type: str = ""


def read_permissions(raw: Any) -> KeyPermissions:
    """Read what the key may do. Raises: VenueProtocol."""
    return fit(KeyPermissions, raw, "key permissions")


# --- fills


class _Fill(WireModel):
    order_id: str
    trade_type: str
    trade_time: Timestamp
    product_id: str
    side: Side
    price: Number
    size: Number
    commission: Number
    size_in_quote: bool = False
    liquidity_indicator: str = ""
    entry_id: str | None = None
    trade_id: str | None = None


def read_fill(raw: Any) -> Fill:
    """Read one fill; a size in quote becomes base units. Raises: VenueProtocol, for corrections and reversals too."""
    wire = fit(_Fill, raw, "fill")
    if wire.trade_type != "FILL":
        raise VenueProtocol(f"fill of order {wire.order_id} is a {wire.trade_type[:40]}; a person must look")
    if wire.price <= 0 or wire.size <= 0:
        raise VenueProtocol(f"fill of order {wire.order_id}: {wire.size} at {wire.price} is no execution")
    name = wire.entry_id or (f"{wire.order_id}|{wire.trade_id}" if wire.trade_id else None)
    if name is None:
        raise VenueProtocol(f"fill of order {wire.order_id} has no id")
    word = wire.liquidity_indicator
    return Fill(
        trade_id=TradeId(name),
        venue_order_id=VenueOrderId(wire.order_id),
        product_id=ProductId(wire.product_id),
        side=wire.side,
        price=Price(wire.price),
        quantity=Quantity(wire.size / wire.price if wire.size_in_quote else wire.size),
        fee=Notional(wire.commission),
        time=Instant(wire.trade_time),
        liquidity=Liquidity(word) if word in (Liquidity.MAKER, Liquidity.TAKER) else Liquidity.UNKNOWN,
    )


# --- conversions


class _Fee(WireModel):
    amount: _Amount | None = None


class _Trade(WireModel):
    id: str
    status: str = ""
    amount: _Amount | None = None
    subtotal: _Amount | None = None
    total: _Amount | None = None
    user_entered_amount: _Amount | None = None
    total_fee: _Fee | None = None


class _TradeReply(WireModel):
    trade: _Trade


_CONVERSION_STATUSES = {
    "COMPLETED": ConversionStatus.COMPLETED,
    "CANCELED": ConversionStatus.FAILED,
    "CANCELLED": ConversionStatus.FAILED,
    "EXPIRED": ConversionStatus.FAILED,
    "FAILED": ConversionStatus.FAILED,
}


#: Nobody has committed it yet, and after a while nobody can.
_ONLY_QUOTED = "CREATED"


def read_conversion_id(raw: Any) -> str:
    """Read the venue's id of a quoted conversion. Raises: VenueProtocol."""
    return fit(_TradeReply, raw, "conversion").trade.id


def read_conversion(raw: Any, source: Asset, target: Asset) -> ConversionReport:
    """Read how far a conversion got; a status nobody knows leaves it open. Raises: VenueProtocol."""
    trade = fit(_TradeReply, raw, "conversion").trade
    word = trade.status.removeprefix("TRADE_STATUS_")
    status = _CONVERSION_STATUSES.get(word, ConversionStatus.QUOTED)
    received = _received(trade, source, target) if status is ConversionStatus.COMPLETED else ZERO
    is_begun = status is ConversionStatus.QUOTED and word != _ONLY_QUOTED
    return ConversionReport(trade.id, status, Notional(received), is_begun)


def _received(trade: _Trade, source: Asset, target: Asset) -> Decimal:
    """Say what arrived: the least that is told in the target asset, else the amount less the fee.

    Every pair the venue converts is one to one, so an amount of the source is one of the target.
    """
    told = [each for each in (trade.amount, trade.subtotal, trade.total) if each is not None]
    arrived = [each.value for each in told if each.currency == target]
    if arrived:
        return min(arrived)
    entered = [each for each in (*told, trade.user_entered_amount) if each is not None and each.currency == source]
    if not entered:
        raise VenueProtocol(f"conversion {trade.id} is done, and its amount is not told")
    fee = trade.total_fee.amount if trade.total_fee is not None else None
    return min(each.value for each in entered) - (ZERO if fee is None else fee.value)
