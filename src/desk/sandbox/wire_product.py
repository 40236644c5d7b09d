"""A product as the venue writes it today, with all of its members."""

from __future__ import annotations

from desk.sandbox.replies import JsonObject
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import to_micros, to_text
from trader.model.market import Product
from trader.model.money import plain
from trader.sim.fills import to_price

_NAMES = {
    "ADA": "Cardano",
    "BTC": "Bitcoin",
    "DOGE": "Dogecoin",
    "ETH": "Ethereum",
    "EUR": "Euro",
    "SOL": "Solana",
    "USD": "US Dollar",
    "XRP": "XRP",
}
_LISTED = 1_672_531_200
#: Members nobody trades by.
_BLANK = (
    "market_cap",
    "base_cbrn",
    "quote_cbrn",
    "product_cbrn",
    "icon_color",
    "icon_url",
    "display_name_overwrite",
    "about_description",
    "best_bid_price",
    "best_ask_price",
)


def encode_product(venue: Venue, product: Product, *, tells_view_only: bool) -> JsonObject:
    """Write a product. ``view_only`` is told only to those who asked on the private path."""
    day = venue.market.day(product.product_id)
    last = venue.market.last(product.product_id)
    change = (day.close / day.open - 1) * 100 if day is not None else None
    body: JsonObject = {
        "product_id": product.product_id,
        "price": plain(last) if last is not None else "",
        "price_percentage_change_24h": format(change, ".12f") if change is not None else "",
        "volume_24h": plain(to_price(day.volume)) if day is not None else "",
        "volume_percentage_change_24h": "0" if day is not None else "",
        "base_increment": plain(product.base_increment),
        "quote_increment": plain(product.quote_increment),
        "quote_min_size": plain(product.quote_size_min),
        "quote_max_size": plain(product.quote_size_max),
        "base_min_size": plain(product.base_size_min),
        "base_max_size": plain(product.base_size_max),
        "base_name": _NAMES.get(product.base, product.base),
        "quote_name": _NAMES.get(product.quote, product.quote),
        "watched": False,
        "is_disabled": product.is_disabled,
        "new": False,
        "status": product.status,
        "cancel_only": product.cancel_only,
        "limit_only": product.limit_only,
        "post_only": product.post_only,
        "trading_disabled": product.trading_disabled,
        "auction_mode": product.in_auction,
        "product_type": "SPOT",
        "quote_currency_id": product.quote,
        "base_currency_id": product.base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": product.alias or "",
        "alias_to": [name for name in venue.market.aliases(product.product_id) if name != product.product_id]
        if product.alias is None
        else [],
        "base_display_symbol": product.base,
        "quote_display_symbol": "USD" if product.quote == "USDC" and product.alias is not None else product.quote,
        "view_only": product.view_only and tells_view_only,
        "price_increment": plain(product.price_increment),
        "display_name": product.product_id,
        "product_venue": "CBE",
        "approximate_quote_24h_volume": plain(product.volume_24h),
        "new_at": to_text(to_micros(product.listed_at or _LISTED))[:19] + "Z",
        "is_alpha_testing": False,
        "high_24h": plain(to_price(day.high)) if day is not None else "",
        "low_24h": plain(to_price(day.low)) if day is not None else "",
        "hidden_from_discovery": False,
    }
    return body | dict.fromkeys(_BLANK, "")
