"""Whether an order executes against a bar or a touch, at what price and for how much.

Pure: one order, one piece of market, one answer. Three temperaments, so that a result can be bracketed:

- neutral: a resting limit fills once the price trades through it by one increment, for a share of the bar's volume;
- optimistic: touching the limit is enough;
- pessimistic: through by one increment, half the share, and a stop is served at the bar's low.

A candle's floats become prices by way of their shortest text, which is the text they were read from.
"""

from __future__ import annotations

from decimal import Decimal

from trader.model.market import Candle, Quote
from trader.model.money import BPS, ZERO, Notional, Price, Quantity, ceil_to, floor_to
from trader.model.orders import Liquidity, Side
from trader.settings.app import FillModel, SimulationSettings
from trader.sim.orders import Execution, SimOrder


def would_cross(side: Side, limit_price: Price, touch: Quote) -> bool:
    """Tell whether a limit would execute at once instead of resting."""
    return limit_price >= touch.ask if side is Side.BUY else limit_price <= touch.bid


def fill_marketable(order: SimOrder, touch: Quote, depth: Notional, settings: SimulationSettings) -> Execution | None:
    """Execute against the touch right now, as an immediate-or-cancel limit does.

    Market impact makes the price worse, but never worse than the limit. No more is taken than the book shows.

    Units: *depth* in quote asset, on the side that is hit. Rounding: the price against us, the quantity down.
    """
    impact = settings.impact_bps / BPS
    if order.side is Side.BUY:
        hit, price = touch.ask, min(ceil_to(touch.ask * (1 + impact), order.price_increment), order.limit_price)
        reachable = order.limit_price >= hit
    else:
        hit, price = touch.bid, max(floor_to(touch.bid * (1 - impact), order.price_increment), order.limit_price)
        reachable = order.limit_price <= hit
    if not reachable or hit <= 0:
        return None
    shown = floor_to(depth * _share_factor(settings) / hit, order.base_increment)
    return _execution(Price(price), min(order.remaining, shown), Liquidity.TAKER)


def fill_resting(order: SimOrder, bar: Candle, settings: SimulationSettings) -> Execution | None:
    """Fill a resting limit from one bar, at its own price."""
    if not _is_reached(order.side, order.limit_price, bar, order.price_increment, settings):
        return None
    return _execution(order.limit_price, min(order.remaining, _volume(order, bar, settings)), Liquidity.MAKER)


def fill_bracket(order: SimOrder, bar: Candle, settings: SimulationSettings, *, entered: bool) -> Execution | None:
    """Execute a bracket from one bar: its stop before its target, since a bar does not tell which came first.

    A triggered stop sells everything as a taker: at the stop, or at the open if the bar opened below it, less half
    the spread and the impact. The target is a resting limit. In the bar in which its entry filled (*entered*), the
    bracket may be stopped out, because the price fell through the entry on its way, but it never reaches its target.
    """
    assert order.stop_price is not None
    # Floats keep the order of the decimals they come from, so this refuses nothing that the exact test would accept.
    if bar.low > float(order.stop_price) and bar.high < float(order.limit_price):
        return None
    low = to_price(bar.low)
    if low <= order.stop_price:
        served = min(order.stop_price, to_price(bar.open))
        if settings.fills is FillModel.PESSIMISTIC:
            served = min(served, low)
        worse = (settings.spread_bps / 2 + settings.impact_bps) / BPS
        price = max(floor_to(served * (1 - worse), order.price_increment), order.price_increment)
        return _execution(Price(price), order.remaining, Liquidity.TAKER)
    return None if entered else fill_resting(order, bar, settings)


def to_price(value: float) -> Price:
    """Turn a candle's number back into the decimal text it was read from."""
    return Price(str(value))


def _is_reached(side: Side, limit: Price, bar: Candle, increment: Price, settings: SimulationSettings) -> bool:
    through = ZERO if settings.fills is FillModel.OPTIMISTIC else increment
    if side is Side.BUY:
        return bar.low <= float(limit) and to_price(bar.low) <= limit - through
    return bar.high >= float(limit) and to_price(bar.high) >= limit + through


def _volume(order: SimOrder, bar: Candle, settings: SimulationSettings) -> Decimal:
    part = Decimal(str(bar.volume)) * settings.volume_share_ratio * _share_factor(settings)
    return floor_to(part, order.base_increment)


def _share_factor(settings: SimulationSettings) -> Decimal:
    return Decimal("0.5") if settings.fills is FillModel.PESSIMISTIC else Decimal(1)


def _execution(price: Price, quantity: Decimal, liquidity: Liquidity) -> Execution | None:
    return Execution(price, Quantity(quantity), liquidity) if quantity > 0 else None
