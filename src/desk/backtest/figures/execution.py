"""What executing cost beside the fees: the spread that takers cross, and the slippage from the price decided on."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from desk.backtest.figures.benchmarks import CostRates
from desk.backtest.figures.exact import add_exactly
from desk.backtest.figures.prices import PriceHistory
from trader.model.money import ZERO
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Liquidity, OrderConfiguration, Side


def price_fills(records: Iterable[OrderRecord], prices: PriceHistory, rates: CostRates) -> tuple[Decimal, Decimal]:
    """Return spread and slippage of all fills of these orders. Units: the accounting asset; above zero is paid.

    Both together are how much worse each fill was than its reference, see ``find_reference``. Of that the spread is
    half of the assumed one for what took, and nothing for what rested; slippage is the rest: impact, rounding, and the
    way the market went between decision and execution. It is below zero where that was for us, as for an order that
    rested below the mid.
    """
    spreads: list[Decimal] = []
    slippages: list[Decimal] = []
    for record in records:
        for fill in record.fills:
            reference = find_reference(record, fill, prices)
            if reference is None:
                continue
            worse = fill.price - reference if fill.side is Side.BUY else reference - fill.price
            takes = fill.liquidity is not Liquidity.MAKER
            spread = reference * rates.half_spread_ratio * fill.quantity if takes else ZERO
            spreads.append(spread)
            slippages.append(worse * fill.quantity - spread)
    return add_exactly(spreads), add_exactly(slippages)


def find_reference(record: OrderRecord, fill: Fill, prices: PriceHistory) -> Decimal | None:
    """Return the price that a fill is held against; None where there is none.

    Of an entry or an exit it is the mid at its decision. Of a protective order it is its target or its stop: those were
    decided on, whatever the market was when the lot was bought.
    """
    intent = record.intent
    if not intent.is_protection:
        return prices.find_mid(intent.product_id, intent.decided_at)
    has_target = intent.configuration is OrderConfiguration.BRACKET_GTC
    return intent.limit_price if has_target and fill.price >= intent.limit_price else intent.stop_price
