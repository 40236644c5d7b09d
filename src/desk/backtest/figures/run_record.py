"""What a finished run leaves, as plain values: all that its figures are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.figures.benchmarks import CostRates
from desk.backtest.figures.curve import DayEquity
from desk.journal.books import Books
from trader.model.ids import Asset, Instant, ProductId
from trader.model.order_record import OrderRecord


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's books at its end, its days, and what was said of products in it.

    Shape: ``instants`` is the last tick of each of ``days``; ``orders`` are all that were ever decided, those too that
    never left. ``books`` are marked with the last quotes; ``equity`` is None where something held has no price.
    ``products`` are those recorded, ``benchmark`` the one that stands for the market.
    """

    start: Instant
    end: Instant
    ticks: int
    fill_model: str
    accounting_asset: Asset
    capital: Decimal
    equity: Decimal | None
    books: Books
    orders: tuple[OrderRecord, ...]
    days: tuple[DayEquity, ...]
    instants: tuple[Instant, ...]
    verdicts: Mapping[str, int]
    rates: CostRates
    benchmark: ProductId
    products: tuple[ProductId, ...]
