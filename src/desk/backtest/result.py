"""What a backtest came to, taken from its books: trades, fees, equity, and what was said of the products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.figures.benchmarks import CostRates
from desk.backtest.figures.curve import DayEquity
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.run_record import RunRecord
from desk.backtest.schedule import Schedule
from desk.backtest.tally import DAY_SECONDS, Tally
from desk.backtest.world import Recorded, World, choose_finest
from desk.journal.books import Books
from desk.run import check_cash
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, utc_day
from trader.model.ledger import Ledger
from trader.model.market import split_answers
from trader.model.money import ZERO
from trader.model.orders import Side
from trader.model.portfolio import assess_equity
from trader.settings.app import FillModel
from trader.stages.valuation import accept_marks


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """One run, in the accounting asset. ``cash_difference``: what its fills do not explain, zero in sound books.

    ``exact`` counts the ticks that were run. ``record`` has its books and days, from which
    ``desk.backtest.figures.summary`` makes every figure: it refers to what the run kept anyway, and copies none of it.
    """

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
    record: RunRecord

    @property
    def return_pct(self) -> Decimal | None:
        """What the equity gained, in percent of what it began with; None if nobody knows its end."""
        return None if self.equity_close is None else (self.equity_close / self.equity_open - 1) * 100


def measure_result(world: World, recorded: Recorded, schedule: Schedule, tally: Tally) -> BacktestResult:
    """Take the totals of a finished run from its fills and its books."""
    record = record_run(world, recorded, schedule, tally)
    fills, ledger = record.books.fills, record.books.ledger
    return BacktestResult(
        fills=world.settings.simulation.fills,
        start=record.start,
        end=record.end,
        ticks=tally.ticks,
        exact=tally.exact,
        entries=len({fill.venue_order_id for fill in fills if fill.side is Side.BUY}),
        exits=len({fill.venue_order_id for fill in fills if fill.side is Side.SELL}),
        fees=sum((fill.fee for fill in fills), ZERO),
        equity_open=record.capital,
        equity_close=record.equity,
        lots=len(ledger.lots),
        cash_difference=check_cash(record.capital, fills, ledger).difference,
        verdicts=record.verdicts,
        record=record,
    )


def record_run(world: World, recorded: Recorded, schedule: Schedule, tally: Tally) -> RunRecord:
    """Take from a finished run what its figures are made of. The clock of the world stands at its last tick."""
    settings, simulation = world.settings, world.settings.simulation
    ledger = _mark_bare_lots(world)
    equity = assess_equity(ledger)
    orders = {**world.store.finished, **ledger.orders}
    by_venue_id = {each.venue_order_id: each for each in orders.values() if each.venue_order_id is not None}
    fills = tuple(sorted(world.store.fills.values(), key=lambda each: (each.time, each.trade_id)))
    instants = _list_last_ticks(schedule.ticks)
    return RunRecord(
        start=schedule.ticks[0],
        end=schedule.ticks[-1],
        ticks=tally.ticks,
        fill_model=simulation.fills.value,
        accounting_asset=settings.app.accounting_asset,
        capital=settings.app.capital,
        equity=equity,
        books=Books(ledger, fills, by_venue_id),
        orders=tuple(orders[key] for key in sorted(orders)),
        days=_list_days(instants, tally, equity),
        instants=instants,
        verdicts=dict(sorted(tally.verdicts.items())),
        rates=CostRates(
            simulation.spread_bps, simulation.impact_bps, simulation.maker_fee_ratio, simulation.taker_fee_ratio
        ),
        benchmark=ProductId(settings.bars.benchmark),
        products=tuple(sorted(each.product_id for each in recorded.products)),
    )


def read_prices(recorded: Recorded) -> PriceHistory:
    """Take the finest candles of every product of a recorded market; a product without its own has its alias's."""
    columns = {product_id: choose_finest(recorded, product_id).columns for product_id, _ in recorded.series}
    for each in recorded.products:
        if each.product_id not in columns and each.canonical_id in columns:
            columns[each.product_id] = columns[each.canonical_id]
    return PriceHistory(columns)


def _mark_bare_lots(world: World) -> Ledger:
    """Return the books at the end; what was bought in the last tick is marked at its bid, as the next one would."""
    ledger = world.ledger
    assert ledger is not None, "a run has books"
    bare = [each.product_id for each in ledger.lots.values() if each.base not in ledger.accepted_marks]
    if not bare:
        return ledger
    return accept_marks(ledger, split_answers(world.market.quotes(list(dict.fromkeys(bare))))[0])


def _list_last_ticks(ticks: Sequence[Instant]) -> tuple[Instant, ...]:
    last = {at // DAY_SECONDS: at for at in ticks}
    return tuple(last.values())


def _list_days(instants: Sequence[Instant], tally: Tally, equity: Decimal | None) -> tuple[DayEquity, ...]:
    """List the equity of each day; the last day ends with the books as they are, after the last fill."""
    # Nothing is paid in or out of a backtest.
    lines = tally.days
    days = [
        DayEquity(utc_day(at), lines[day].equity if (day := at // DAY_SECONDS) in lines else None) for at in instants
    ]
    if equity is not None:
        days[-1] = replace(days[-1], equity=equity)
    return tuple(days)
