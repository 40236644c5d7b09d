"""What a strategy may answer beside a trade: how much of a product it wants to hold, and where a lot is to end now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trader.model.ids import Asset, ClientOrderId, ProductId, StrategyId
from trader.model.money import ZERO, Price
from trader.model.parent_life import ParentStyle


@dataclass(frozen=True, slots=True)
class TargetWeight:
    """How much of its own capital a strategy wants to hold in a product.

    It is compared with what is held, less what is being sold, and what a parent order may still buy. Where they differ
    by more than ``band`` the difference is bought, or sold of the oldest lots first; a weight of zero sells all of it.
    What is bought has its stop at ``stop_loss_pct`` below its price, and a target and a time only if they are named.
    Shape: weight and band from 0 to 1, parts of ``StrategyContext.capital``. Units: percent of the entry price;
    minutes, None as ``execution.give_up_minutes`` says.
    """

    strategy: StrategyId
    product_id: ProductId
    base: Asset
    weight: Decimal
    stop_loss_pct: Decimal
    band: Decimal = ZERO
    take_profit_pct: Decimal | None = None
    max_hold_hours: int | None = None
    give_up_minutes: int | None = None
    style: ParentStyle = ParentStyle.PASSIVE
    conviction: float = 1.0
    reason: str = "target weight"


@dataclass(frozen=True, slots=True)
class StopChange:
    """Where the stop of a lot is to be from now on: further up, never down.

    It is made once a day and lot at most, if it moves the stop by a quarter of a day's volatility at least, and stays a
    whole one below the bid.
    """

    strategy: StrategyId
    product_id: ProductId
    base: Asset
    lot_id: ClientOrderId
    stop_price: Price
    reason: str = "stop change"
