"""Accounts, permissions, fees, conversions; and portfolios and payment methods, as far as a bot looks at them."""

from __future__ import annotations

from decimal import Decimal

from desk.sandbox.auth import Permission
from desk.sandbox.calls import Call, Route
from desk.sandbox.configurations import read_text
from desk.sandbox.ids import PORTFOLIO_ID, derive_uuid
from desk.sandbox.replies import JsonObject, refuse_invalid, refuse_not_found
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME
from trader.model.ids import Asset
from trader.model.market import Balance
from trader.model.money import ZERO, plain

FIAT = frozenset({"USD", "EUR", "GBP", "SGD"})

_PAGE = 49
_PAGE_MAX = 250
_OPENED = "2024-01-02T10:20:30.456Z"


def list_accounts(venue: Venue, call: Call) -> JsonObject:
    """List wallets. An asset that was never held has none."""
    rows = _accounts(venue, call)
    limit, cursor = call.query.count("limit", _PAGE, _PAGE_MAX), call.query.text("cursor")
    begin = 0
    if cursor:
        names = [row["uuid"] for row in rows]
        if cursor not in names:
            raise refuse_invalid("invalid cursor")
        begin = names.index(cursor) + 1
    page = rows[begin : begin + limit]
    more = begin + limit < len(rows)
    return {"accounts": page, "has_next": more, "cursor": page[-1]["uuid"] if more else "", "size": len(page)}


def get_account(venue: Venue, call: Call) -> JsonObject:
    """Return one wallet."""
    for row in _accounts(venue, call):
        if row["uuid"] == call.arguments["uuid"]:
            return {"account": row}
    raise refuse_not_found("account not found")


def get_key_permissions(_: Venue, call: Call) -> JsonObject:
    """Tell what this key may do."""
    assert call.key is not None
    may = call.key.permissions
    return {
        "can_view": Permission.VIEW in may,
        "can_trade": Permission.TRADE in may,
        "can_transfer": Permission.TRANSFER in may,
        "portfolio_uuid": call.key.portfolio,
        "portfolio_type": "DEFAULT",
    }


def get_transaction_summary(venue: Venue, _: Call) -> JsonObject:
    """Tell the fee tier. Totals are numbers or text, as the venue pleases; rates are always text."""
    value = sum((each.value for each in venue.account.executions), ZERO)
    fees = sum((each.fill.fee for each in venue.account.executions), ZERO)

    def total(amount: Decimal) -> object:
        return plain(amount) if venue.options.totals_are_text else float(amount)

    return {
        "total_volume": total(value),
        "total_fees": total(fees),
        "fee_tier": {
            "pricing_tier": "Intro 1",
            "usd_from": "",
            "usd_to": "",
            "taker_fee_rate": plain(venue.settings.taker_fee_ratio),
            "maker_fee_rate": plain(venue.settings.maker_fee_ratio),
            "aop_from": "0",
            "aop_to": "1000000",
            "volume_types_and_range": [{"volume_types": ["VOLUME_TYPE_SPOT"], "vol_from": "0", "vol_to": "10000"}],
        },
        "margin_rate": None,
        "goods_and_services_tax": None,
        "advanced_trade_only_volume": total(value),
        "advanced_trade_only_fees": total(fees),
        "coinbase_pro_volume": total(ZERO),
        "coinbase_pro_fees": total(ZERO),
        "total_balance": plain(venue.account.totals.get(Asset("USD"), ZERO)),
        "has_promo_fee": False,
        "volume_breakdown": [{"volume_type": "VOLUME_TYPE_SPOT", "volume": total(value)}],
        "has_cost_plus_commission": False,
    }


def create_conversion_quote(venue: Venue, call: Call) -> JsonObject:
    """Offer a conversion."""
    body = call.body
    offer = venue.conversions.quote(*(read_text(body, name) for name in ("from_account", "to_account", "amount")))
    return venue.conversions.encode(offer, venue.options.lags.conversion)


def commit_conversion(venue: Venue, call: Call) -> JsonObject:
    """Do a conversion that was offered."""
    sides = (read_text(call.body, "from_account"), read_text(call.body, "to_account"))
    done = venue.conversions.commit(call.arguments["trade_id"], *sides)
    return venue.conversions.encode(done, venue.options.lags.conversion)


def get_conversion(venue: Venue, call: Call) -> JsonObject:
    """Look a conversion up."""
    sides = (call.query.text("from_account"), call.query.text("to_account"))
    found = venue.conversions.find(call.arguments["trade_id"], *sides)
    return venue.conversions.encode(found, venue.options.lags.conversion)


def list_portfolios(_: Venue, __: Call) -> JsonObject:
    """Name the one portfolio there is."""
    return {"portfolios": [_PORTFOLIO]}


def get_portfolio_breakdown(venue: Venue, call: Call) -> JsonObject:
    """Break the portfolio down, with the floats that make this endpoint unfit for accounting."""
    if call.arguments["uuid"] != PORTFOLIO_ID:
        raise refuse_not_found("portfolio not found")
    cash = venue.account.totals.get(Asset("USD"), ZERO)
    positions = [
        {
            "asset": asset,
            "account_uuid": derive_uuid(f"account|{asset}"),
            "total_balance_crypto": float(balance.total),
            "available_to_trade_crypto": float(balance.available),
            "total_balance_fiat": float(balance.total),
            "available_to_trade_fiat": float(balance.available),
            "allocation": 0.0,
            "is_cash": asset in FIAT,
        }
        for asset, balance in venue.account.balances(END_OF_TIME).items()
    ]
    total = {"value": plain(cash), "currency": "USD"}
    return {
        "breakdown": {
            "portfolio": _PORTFOLIO,
            "portfolio_balances": {"total_balance": total, "total_cash_equivalent_balance": total},
            "spot_positions": positions,
            "perp_positions": [],
            "futures_positions": [],
        }
    }


def list_payment_methods(_: Venue, __: Call) -> JsonObject:
    """Name one bank."""
    return {"payment_methods": [_BANK]}


def get_payment_method(_: Venue, call: Call) -> JsonObject:
    """Return the bank."""
    if call.arguments["id"] != _BANK["id"]:
        raise refuse_not_found("payment method not found")
    return {"payment_method": _BANK}


_PORTFOLIO: JsonObject = {"name": "Default", "uuid": PORTFOLIO_ID, "type": "DEFAULT", "deleted": False}
_BANK: JsonObject = {
    "id": derive_uuid("bank"),
    "type": "ACH",
    "name": "TEST BANK ******1234",
    "currency": "USD",
    "verified": True,
    "allow_buy": True,
    "allow_sell": True,
    "allow_deposit": True,
    "allow_withdraw": True,
    "created_at": _OPENED,
    "updated_at": _OPENED,
}


def _accounts(venue: Venue, call: Call) -> list[JsonObject]:
    assert call.key is not None
    portfolio = {"retail_portfolio_id": call.key.portfolio}
    seen = venue.time.seen_until(venue.options.lags.balance)
    rows = []
    for asset, balance in venue.account.balances(seen).items():
        rows.append(_row(asset, balance, "ACCOUNT_TYPE_FIAT" if asset in FIAT else "ACCOUNT_TYPE_CRYPTO"))
        if venue.options.vault_rows and asset not in FIAT:
            rows.append(_row(asset, Balance(asset, Decimal(1), ZERO), "ACCOUNT_TYPE_VAULT"))
    return [row | portfolio for row in rows]


def _row(asset: str, balance: Balance, kind: str) -> JsonObject:
    is_vault = kind == "ACCOUNT_TYPE_VAULT"
    name = f"Cash ({asset})" if asset in FIAT else f"{asset} {'Vault' if is_vault else 'Wallet'}"
    return {
        "uuid": derive_uuid(f"vault|{asset}" if is_vault else f"account|{asset}"),
        "name": name,
        "currency": asset,
        "available_balance": {"value": plain(balance.available), "currency": asset},
        "default": not is_vault,
        "active": True,
        "created_at": _OPENED,
        "updated_at": _OPENED,
        "deleted_at": None,
        "type": kind,
        "ready": asset in FIAT,
        "hold": {"value": plain(balance.hold), "currency": asset},
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


ROUTES = (
    Route("GET", "/accounts", list_accounts),
    Route("GET", "/accounts/{uuid}", get_account),
    Route("GET", "/key_permissions", get_key_permissions),
    Route("GET", "/transaction_summary", get_transaction_summary),
    Route("POST", "/convert/quote", create_conversion_quote, Permission.TRADE),
    Route("POST", "/convert/trade/{trade_id}", commit_conversion, Permission.TRADE),
    Route("GET", "/convert/trade/{trade_id}", get_conversion),
    Route("GET", "/portfolios", list_portfolios),
    Route("GET", "/portfolios/{uuid}", get_portfolio_breakdown),
    Route("GET", "/payment_methods", list_payment_methods),
    Route("GET", "/payment_methods/{id}", get_payment_method),
)
