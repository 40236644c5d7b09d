"""The order book that a market of candles is taken to have: what rests on a side, spread over a few levels.

A venue's sizes are multiples of an increment, and a book is asked for within a band; so both are kept to here, for
every market that is made of candles.
"""

from __future__ import annotations

from decimal import Decimal

from trader.model.market import Depth, Product, Quote
from trader.model.money import BPS, ZERO, Notional, Price, Quantity, ceil_to, floor_to, notional

LEVELS = 10

Level = tuple[Price, Quantity]


def make_levels(touch: Quote, side: Notional, product: Product, limit: int = LEVELS) -> tuple[list[Level], list[Level]]:
    """Spread a notional over ten levels a basis point apart, from bid and ask on; return the best *limit* of each side.

    Where the price increment is coarser than that there are fewer levels, which reach as far.
    Rounding: the distance up to the price increment, each size down to the base increment.
    """
    step = max(ceil_to(touch.mid / BPS, product.price_increment), product.price_increment)
    count = max(int(touch.mid / BPS * LEVELS / step), 1)
    part = side / count
    bids, asks = [], []
    for index in range(min(limit, count)):
        bid, ask = Price(touch.bid - index * step), Price(touch.ask + index * step)
        if bid > 0:
            bids.append((bid, Quantity(floor_to(part / bid, product.base_increment))))
        asks.append((ask, Quantity(floor_to(part / ask, product.base_increment))))
    return bids, asks


def measure_depth(touch: Quote, side: Notional, product: Product, band_bps: Decimal) -> Depth:
    """Sum what the levels show within a band around the mid, as who reads a venue's book does."""
    bids, asks = make_levels(touch, side, product)
    reach = touch.mid * band_bps / BPS
    bid = sum((notional(price, size) for price, size in bids if price >= touch.mid - reach), ZERO)
    ask = sum((notional(price, size) for price, size in asks if price <= touch.mid + reach), ZERO)
    return Depth(product.product_id, Notional(bid), Notional(ask))
