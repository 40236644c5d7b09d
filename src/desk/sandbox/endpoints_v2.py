"""The few paths of the older API that another client asks for before it does anything."""

from __future__ import annotations

from desk.sandbox.calls import Call, Route
from desk.sandbox.endpoints_account import FIAT
from desk.sandbox.ids import derive_uuid
from desk.sandbox.replies import JsonObject
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME, to_micros, to_text
from trader.model.money import plain

_OPENED = "2024-01-02T10:20:30Z"


def list_currencies(_: Venue, __: Call) -> JsonObject:
    """List fiat currencies."""
    return {"data": [{"id": asset, "name": asset, "min_size": "0.01"} for asset in sorted(FIAT)]}


def list_crypto_currencies(venue: Venue, _: Call) -> JsonObject:
    """List the assets that are traded."""
    assets = sorted({asset for product in venue.market.products() for asset in (product.base, product.quote)} - FIAT)
    rows = [
        {
            "asset_id": derive_uuid(f"asset|{asset}"),
            "code": asset,
            "name": asset,
            "color": "#0433FF",
            "sort_index": index,
            "exponent": 8,
            "type": "crypto",
            "address_regex": "",
        }
        for index, asset in enumerate(assets)
    ]
    return {"data": rows}


def get_exchange_rates(venue: Venue, call: Call) -> JsonObject:
    """Tell how much of each asset one unit of a currency is."""
    currency = call.query.text("currency", "USD")
    rates = {currency: "1"}
    for product in venue.market.products():
        if product.quote == currency and product.price is not None and product.price > 0:
            rates[product.base] = plain(round(1 / product.price, 16))
    return {"data": {"currency": currency, "rates": rates}}


def list_accounts(venue: Venue, _: Call) -> JsonObject:
    """List wallets in the older shape."""
    rows = [
        {
            "id": derive_uuid(f"account|{asset}"),
            "name": f"{asset} Wallet",
            "primary": False,
            "type": "fiat" if asset in FIAT else "wallet",
            "currency": {"code": asset, "name": asset, "type": "fiat" if asset in FIAT else "crypto"},
            "balance": {"amount": plain(balance.total), "currency": asset},
            "created_at": _OPENED,
            "updated_at": _OPENED,
            "resource": "account",
            "resource_path": f"/v2/accounts/{derive_uuid(f'account|{asset}')}",
        }
        for asset, balance in venue.account.balances(END_OF_TIME).items()
    ]
    page = {"ending_before": None, "starting_after": None, "limit": 100, "order": "desc", "next_uri": None}
    return {"pagination": page, "data": rows}


def get_server_time(venue: Venue, _: Call) -> JsonObject:
    """Tell the time in the older shape."""
    seconds = venue.server_seconds()
    return {"data": {"iso": to_text(to_micros(seconds))[:19] + "Z", "epoch": seconds}}


ROUTES = (
    Route("GET", "/v2/currencies", list_currencies, None),
    Route("GET", "/v2/currencies/crypto", list_crypto_currencies, None),
    Route("GET", "/v2/exchange-rates", get_exchange_rates, None),
    Route("GET", "/v2/time", get_server_time, None),
    Route("GET", "/v2/accounts", list_accounts),
)
