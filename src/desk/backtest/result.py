"""What a backtest came to, taken from its books: trades, fees, equity, and what was said of the products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.tally import Tally
from desk.backtest.world import World
from desk.run import check_cash
from trader.model.ids import Instant
from trader.model.money import ZERO
from trader.model.orders import Side
from trader.model.portfolio import assess_equity
from trader.settings.app import FillModel


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """One run, in the accounting asset. ``cash_difference``: what its fills do not explain, zero in sound books."""

    fills: FillModel
    start: Instant
    end: Instant
    ticks: int
    exact: int
    entries: int
    exits: int
    fees: Decimal
    equity_open: Decimal
    equity_close: Decimal | None
    lots: int
    cash_difference: Decimal
    verdicts: Mapping[str, int]

    @property
    def return_pct(self) -> Decimal | None:
        """What the equity gained, in percent of what it began with; None if nobody knows its end."""
        return None if self.equity_close is None else (self.equity_close / self.equity_open - 1) * 100


def measure_result(world: World, tally: Tally, start: Instant, end: Instant) -> BacktestResult:
    """Take the totals of a finished run from its fills and its books."""
    ledger, capital = world.ledger, world.settings.app.capital
    assert ledger is not None, "a run has books"
    fills = tuple(world.store.fills.values())
    return BacktestResult(
        fills=world.settings.simulation.fills,
        start=start,
        end=end,
        ticks=tally.ticks,
        exact=tally.exact,
        entries=len({fill.venue_order_id for fill in fills if fill.side is Side.BUY}),
        exits=len({fill.venue_order_id for fill in fills if fill.side is Side.SELL}),
        fees=sum((fill.fee for fill in fills), ZERO),
        equity_open=capital,
        equity_close=assess_equity(ledger),
        lots=len(ledger.lots),
        cash_difference=check_cash(capital, fills, ledger).difference,
        verdicts=dict(sorted(tally.verdicts.items())),
    )
