"""Whether an order executes against a bar or a touch, at what price and for how much.

Pure: one order, one piece of market, one answer. Three temperaments, so that a result can be bracketed:

- neutral: a resting limit fills once the price trades through it by one increment, for a share of the bar's volume;
- optimistic: touching the limit is enough;
- pessimistic: through by one increment, half the share, and a stop meets the market at the bar's low.

A stop that is reached turns into a limit: a bracket's is 5 % below its trigger, and a market that falls through it
leaves it unfilled.

A candle's floats become prices by way of their shortest text, which is the text they were read from.
"""

from __future__ import annotations

from decimal import Decimal

from trader.model.frozen import replace
from trader.model.ids import Instant
from trader.model.market import Candle, Quote
from trader.model.money import BPS, ZERO, Notional, Price, Quantity, ceil_to, floor_to
from trader.model.orders import Liquidity, OrderConfiguration, Side
from trader.settings.app import FillModel, SimulationSettings
from trader.sim.orders import Execution, SimOrder


def would_cross(side: Side, limit_price: Price, touch: Quote) -> bool:
    """Tell whether a limit would execute at once instead of resting."""
    return limit_price >= touch.ask if side is Side.BUY else limit_price <= touch.bid


def fill_marketable(order: SimOrder, touch: Quote, depth: Notional, settings: SimulationSettings) -> Execution | None:
    """Execute against the touch right now, as a limit does when it arrives.

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
    limit = order.working_limit
    if not _is_reached(order.side, limit, bar, order.price_increment, settings):
        return None
    return _execution(limit, min(order.remaining, _volume(order, bar, settings)), Liquidity.MAKER)


def fill_protective(
    order: SimOrder,
    bar: Candle,
    end: Instant,
    settings: SimulationSettings,
    *,
    entered: bool = False,
    is_upward: bool = False,
) -> tuple[SimOrder, Execution | None]:
    """Match an order with a stop against one bar; return it, triggered if the bar reached the stop, and what executes.

    A triggered stop is a limit, no market order. The market meets it at the stop, or at the open of a bar that opened
    beyond it, and later at each open. There it takes, half the spread and the impact worse, but never beyond the limit;
    where the market is beyond, it rests. What a share of the bar's volume does not fill stays on the book.

    The stop comes before a bracket's target, since a bar does not tell which came first. In the bar in which its entry
    filled (*entered*), a bracket may be stopped out, because the price fell through the entry on its way, but it never
    reaches its target. With *is_upward* the stop is reached from below.

    Rounding: the price against us, the quantity down.
    """
    if order.is_triggered:
        opened = to_price(bar.open)
        if _is_marketable(order.side, order.working_limit, opened):
            return order, _take(order, bar, opened, settings)
        return order, fill_resting(order, bar, settings)
    met_at = _meet_stop(order, bar, settings, is_upward=is_upward)
    if met_at is None:
        has_target = order.configuration is OrderConfiguration.BRACKET_GTC
        return order, fill_resting(order, bar, settings) if has_target and not entered else None
    order = replace(order, triggered_at=end)
    if _is_marketable(order.side, order.working_limit, _worsen(order, met_at, settings)):
        return order, _take(order, bar, met_at, settings)
    # A bar that reached the stop on its way may have seen its better prices before: only its close surely came after.
    began_beyond = _is_beyond(order, to_price(bar.open), is_upward=is_upward)
    return order, fill_resting(order, bar if began_beyond else bar._replace(high=bar.close, low=bar.close), settings)


def to_price(value: float) -> Price:
    """Turn a candle's number back into the decimal text it was read from."""
    return Price(str(value))


def _meet_stop(order: SimOrder, bar: Candle, settings: SimulationSettings, *, is_upward: bool) -> Price | None:
    # Where the market meets an order whose stop this bar reaches; None if it does not.
    assert order.stop_price is not None
    # Floats keep the order of the decimals they come from, so this refuses nothing that the exact test would accept.
    if bar.high < float(order.stop_price) if is_upward else bar.low > float(order.stop_price):
        return None
    low, high, opened = to_price(bar.low), to_price(bar.high), to_price(bar.open)
    if not _is_beyond(order, high if is_upward else low, is_upward=is_upward):
        return None
    if settings.fills is FillModel.PESSIMISTIC:
        return low if order.side is Side.SELL else high
    return opened if _is_beyond(order, opened, is_upward=is_upward) else order.stop_price


def _is_beyond(order: SimOrder, price: Price, *, is_upward: bool) -> bool:
    assert order.stop_price is not None
    return price >= order.stop_price if is_upward else price <= order.stop_price


def _is_marketable(side: Side, limit: Price, market: Price) -> bool:
    return market >= limit if side is Side.SELL else market <= limit


def _worsen(order: SimOrder, market: Price, settings: SimulationSettings) -> Price:
    worse, increment = (settings.spread_bps / 2 + settings.impact_bps) / BPS, order.price_increment
    if order.side is Side.SELL:
        return Price(floor_to(market * (1 - worse), increment))
    return Price(ceil_to(market * (1 + worse), increment))


def _take(order: SimOrder, bar: Candle, market: Price, settings: SimulationSettings) -> Execution | None:
    better = max if order.side is Side.SELL else min
    price = better(_worsen(order, market, settings), order.working_limit)
    return _execution(price, min(order.remaining, _volume(order, bar, settings)), Liquidity.TAKER)


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
