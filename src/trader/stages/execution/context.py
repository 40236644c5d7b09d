"""The outside world as execution sees it, and the rounding that every order shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.ids import Asset, CycleId, Instant, ProductId, StrategyId
from trader.model.inputs import Candidate
from trader.model.market import FeeRates, Product, Quote
from trader.model.money import Notional, Quantity, floor_to, is_multiple
from trader.model.orders import OrderConfiguration, OrderIntent

STAGE = "execution"


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What execution needs to know of the outside.

    ``entry_quotes`` are those on which something may be bought; ``available`` is None where there is no account to ask;
    ``limits`` says of parents, by strategy and asset, how much they may still buy; zero ends one.
    """

    cycle_id: CycleId
    now: Instant
    scheduled_at: Instant
    products: Mapping[ProductId, Product]
    quotes: Mapping[ProductId, Quote]
    candidates: Mapping[ProductId, Candidate]
    fees: FeeRates
    available: Mapping[Asset, Decimal] | None
    entry_quotes: Mapping[ProductId, Quote] = field(default_factory=dict)
    limits: Mapping[tuple[StrategyId, Asset], Notional] = field(default_factory=dict)


def name_restrictions(product: Product, configuration: OrderConfiguration) -> tuple[str, ...]:
    """Name every flag for which the venue takes no order of this kind now; empty if none stands."""
    closed = product.trading_restrictions
    crosses = configuration in (OrderConfiguration.LIMIT_IOC, OrderConfiguration.LIMIT_GTC)
    return (*closed, "post_only") if product.post_only and crosses else closed


def is_in_increments(intent: OrderIntent, product: Product) -> bool:
    """Tell whether quantity and prices of an order are whole steps of the product as it is now."""
    prices = [intent.limit_price, intent.stop_price]
    prices += [intent.bracket.stop_price, intent.bracket.target_price] if intent.bracket is not None else []
    return is_multiple(intent.quantity, product.base_increment) and all(
        is_multiple(price, product.price_increment) for price in prices if price is not None
    )


def round_sellable(quantity: Decimal, product: Product, price: Decimal, highest: Decimal | None = None) -> Quantity:
    """Return what of a quantity the venue lets us sell at a price, or at most at *highest*, at once.

    Rounding: down, and zero below a minimum.
    """
    most = min(quantity, product.base_size_max, product.quote_size_max / (price if highest is None else highest))
    rounded = floor_to(most, product.base_increment)
    if rounded < product.base_size_min or rounded * price < product.quote_size_min:
        return Quantity(0)
    return Quantity(rounded)
