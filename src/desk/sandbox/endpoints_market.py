"""Products, candles, trades, books: the private paths and their public twins."""

from __future__ import annotations

from decimal import Decimal

from desk.markets.levels import Level
from desk.sandbox.calls import Call, Route
from desk.sandbox.replies import JsonObject, Refusal, refuse_invalid, refuse_not_found, refuse_value
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import to_micros, to_text
from desk.sandbox.wire_product import encode_product
from trader.model.ids import ProductId
from trader.model.market import Granularity, Product
from trader.model.money import BPS, plain
from trader.sim.fills import to_price

_PRODUCT_TYPES = frozenset({"UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE", "EQUITY", "OPTION_GROUP", "FUTURE_GROUP"})
_SORT_ORDERS = frozenset(
    {
        "PRODUCTS_SORT_ORDER_UNDEFINED",
        "PRODUCTS_SORT_ORDER_VOLUME_24H_DESCENDING",
        "PRODUCTS_SORT_ORDER_LIST_TIME_DESCENDING",
    }
)
_TRADES_MAX = 100
_TRADES_SILENTLY_CUT = 1000
_LEVELS_MAX = 1000
_ALL = 2**31


def get_server_time(venue: Venue, _: Call) -> JsonObject:
    """Tell the venue's time, in camel case as this one endpoint does."""
    seconds = venue.server_seconds()
    fraction = venue.time.moment() % 1_000_000
    return {
        "iso": to_text(to_micros(seconds))[:19] + "Z",
        "epochSeconds": str(seconds),
        "epochMillis": str(seconds * 1000 + fraction // 1000),
    }


def list_products(venue: Venue, call: Call) -> JsonObject:
    """List products, by turnover. Only spot ones exist; ids that are not known are left out."""
    kind = call.query.choice("product_type", _PRODUCT_TYPES, "SPOT")
    order = call.query.choice("products_sort_order", _SORT_ORDERS)
    wanted = call.query.many("product_ids")
    offset = call.query.count("offset", 0, _ALL)
    limit = call.query.count("limit", _ALL, _ALL)
    tells_view_only = call.key is not None and call.query.flag("get_tradability_status")
    call.query.flag("get_all_products")
    found = venue.market.products() if kind in {"SPOT", "UNKNOWN_PRODUCT_TYPE"} else []
    found = [each for each in found if not wanted or each.product_id in wanted]
    if order.endswith("LIST_TIME_DESCENDING"):
        found.sort(key=lambda each: -(each.listed_at or 0))
    else:
        found.sort(key=lambda each: -each.volume_24h)
    page = found[offset : offset + limit]
    bodies = [encode_product(venue, each, tells_view_only=tells_view_only) for each in page]
    return {"products": bodies, "num_products": len(bodies), "pagination": None}


def get_product(venue: Venue, call: Call) -> JsonObject:
    """Return one product, without a wrapper."""
    product = _product(venue, call)
    tells_view_only = call.key is not None and call.query.flag("get_tradability_status")
    current = next(each for each in venue.market.products() if each.product_id == product.product_id)
    return encode_product(venue, current, tells_view_only=tells_view_only)


def get_candles(venue: Venue, call: Call) -> JsonObject:
    """Return buckets newest first: both ends included, silent buckets absent, the running one too."""
    product = _product(venue, call)
    start, end = call.query.seconds("start"), call.query.seconds("end")
    word = call.query.text("granularity")
    if start is None or end is None or not word:
        raise refuse_invalid("start, end and granularity are required")
    try:
        granularity = Granularity(word)
    except ValueError as error:
        raise refuse_value("granularity", word) from error
    limit = call.query.count("limit", venue.options.candle_window_max, venue.options.candle_window_max)
    if end < start or (end - start) // granularity.seconds + 1 > venue.options.candle_window_max:
        raise refuse_invalid(
            "start and end argument is invalid - number of candles requested should be less than "
            f"{venue.options.candle_window_max}"
        )
    rows = venue.market.candles(product.product_id, granularity, start, end)
    if (lag := venue.options.lags.candles) > 0:
        rows = [row for row in rows if row.start + granularity.seconds <= venue.time.now() - lag]
    return {
        "candles": [
            {
                "start": str(row.start),
                "low": plain(to_price(row.low)),
                "high": plain(to_price(row.high)),
                "open": plain(to_price(row.open)),
                "close": plain(to_price(row.close)),
                "volume": plain(to_price(row.volume)),
            }
            for row in reversed(rows[-limit:])
        ]
    }


def get_ticker(venue: Venue, call: Call) -> JsonObject:
    """Return the last trades and the touch. More than a thousand is a server error, as at the real venue."""
    product = _product(venue, call)
    asked = call.query.count("limit", _TRADES_MAX, _ALL)
    if asked > _TRADES_SILENTLY_CUT:
        raise Refusal(500, "INTERNAL", "")
    start, end = call.query.seconds("start"), call.query.seconds("end")
    rows = venue.market.trades(product.product_id, min(asked, _TRADES_MAX), start, end)
    touch = venue.market.touch(product.product_id)
    return {
        "trades": [
            {
                "trade_id": str(row.start % 100_000_000 * 10 + index % 10),
                "product_id": product.product_id,
                "price": plain(to_price(row.close)),
                "size": plain(to_price(row.volume)),
                "time": to_text(to_micros(row.start)),
                "side": "SELL" if row.start % 2 else "BUY",
                "bid": "",
                "ask": "",
                "exchange": "coinbase",
            }
            for index, row in enumerate(rows)
        ],
        "best_bid": plain(touch.bid) if touch else "",
        "best_ask": plain(touch.ask) if touch else "",
    }


def get_book(venue: Venue, call: Call) -> JsonObject:
    """Return levels of one product's book. ``last`` is the mid, which is no trade."""
    product = _known(venue, call, call.query.text("product_id"))
    limit = call.query.count("limit", _LEVELS_MAX, _LEVELS_MAX)
    bids, asks = venue.market.levels(product.product_id, limit)
    body: JsonObject = {
        "pricebook": {
            "product_id": product.product_id,
            "bids": _levels(bids),
            "asks": _levels(asks),
            "time": to_text(venue.time.moment()),
        },
        "last": "",
        "mid_market": "",
        "spread_bps": "",
        "spread_absolute": "",
    }
    if bids and asks:
        spread, mid = asks[0][0] - bids[0][0], (asks[0][0] + bids[0][0]) / 2
        body["last"] = body["mid_market"] = plain(mid)
        body["spread_bps"] = plain((spread / mid * BPS).quantize(Decimal("1e-12")))
        body["spread_absolute"] = plain(spread)
    return body


def get_best_bid_ask(venue: Venue, call: Call) -> JsonObject:
    """Return one level a side of each product asked for, or of all. A side without a market is empty."""
    wanted = call.query.many("product_ids")
    names = [product.product_id for product in venue.market.products()]
    books = []
    for product_id in (name for name in names if not wanted or name in wanted):
        bids, asks = venue.market.levels(product_id, 1)
        at = to_text(venue.time.moment())
        books.append({"product_id": product_id, "bids": _levels(bids), "asks": _levels(asks), "time": at})
    return {"pricebooks": books}


def _product(venue: Venue, call: Call) -> Product:
    return _known(venue, call, call.arguments["product_id"])


def _known(venue: Venue, call: Call, product_id: str) -> Product:
    product = venue.market.product(ProductId(product_id))
    if product is not None:
        return product
    if not product_id:
        raise refuse_invalid("valid product_id is required")
    if call.key is None:
        raise refuse_not_found(f"Product {product_id} not supported", details=False)
    raise refuse_not_found("valid product_id is required")


def _levels(levels: list[Level]) -> list[JsonObject]:
    return [{"price": plain(price), "size": plain(size)} for price, size in levels]


_TWINS = (
    ("/products", list_products),
    ("/products/{product_id}", get_product),
    ("/products/{product_id}/candles", get_candles),
    ("/products/{product_id}/ticker", get_ticker),
    ("/product_book", get_book),
)

ROUTES = (
    Route("GET", "/time", get_server_time, None),
    Route("GET", "/best_bid_ask", get_best_bid_ask),
    *(Route("GET", template, endpoint) for template, endpoint in _TWINS),
    *(Route("GET", "/market" + template, endpoint, None, cached=True) for template, endpoint in _TWINS),
)
