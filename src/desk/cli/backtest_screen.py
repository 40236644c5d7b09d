"""What a backtest came to, on one screen: how it is counted, losses first, beside what holding would have earned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from desk.cli.columns import Column, Row, fold_words, render_table
from desk.counting import write_count
from desk.journal.words import write_money, write_price, write_span

if TYPE_CHECKING:
    from desk.backtest.figures.bootstrap import Interval
    from desk.backtest.figures.performance import Performance
    from desk.backtest.figures.round_trips import RoundTrip
    from desk.backtest.figures.told import ToldFigures

UNDEFINED = "–"
_INDENT = "  "
_CONVENTIONS = (
    "Marked at the bid at the end of each UTC day, 365 days a year, sample deviation, risk-free 0; "
    f"{UNDEFINED} is undefined. What each figure means: --json, docs/backtest-result.md"
)
_OPEN_SHOWN = 6
_REFUSALS_SHOWN = 8


def render_summary(told: ToldFigures, width: int) -> Iterator[str]:
    """Render the screen of one run, no line wider than *width*."""
    for line in (*_tell_run(told), *_tell_worst(told)):
        yield from fold_words(line, width, _INDENT)
    yield ""
    yield from render_table(_name_columns(told), list(_list_rows(told)), width)
    yield ""
    for line in (*_tell_costs(told), *_tell_trades(told), *_tell_open_lots(told), *_tell_refusals(told)):
        yield from fold_words(line, width, _INDENT)


def _tell_run(told: ToldFigures) -> Iterator[str]:
    run, days = told.run, told.days
    yield (
        f"backtest, {run.fill_model} fills, {days[0]} to {days[-1]}: {write_count(len(days), 'day')}, "
        f"{write_count(run.ticks, 'tick')}, {write_count(len(run.products), 'product')}"
    )
    end = UNDEFINED if run.equity is None else write_money(run.equity)
    yield f"equity {write_money(run.capital)} → {end} {run.accounting_asset}"
    if unmarked := told.performance.days_unmarked:
        yield f"{write_count(unmarked, 'day')} without a mark stand where the day before stood"
    if told.held_btc is None:
        yield "no benchmark: it has no price on the first day"
    yield _CONVENTIONS


def _name_columns(told: ToldFigures) -> list[Column]:
    def column(head: str, rank: int) -> Column:
        return Column(head, lambda row: str(row[head]), rank, is_number=True)

    heads = (column(head, rank) for rank, head in enumerate(_list_performances(told)))
    return [Column("", lambda row: str(row["name"])), *heads]


def _list_performances(told: ToldFigures) -> dict[str, Performance]:
    held = {"BTC held": told.held_btc, "equal weight held": told.held_equal}
    return {"this run": told.performance} | {name: each for name, each in held.items() if each is not None}


def _list_rows(told: ToldFigures) -> Iterator[Row]:
    performances, intervals = _list_performances(told), told.intervals

    def tell(name: str, write: Callable[[Performance], str]) -> Row:
        return {"name": name, **{head: write(each) for head, each in performances.items()}}

    yield tell("deepest drawdown", lambda each: _write_pct(each.max_drawdown, sign=""))
    yield tell("  from", lambda each: each.deepest.peak_day if each.deepest else UNDEFINED)
    yield tell("  trough", lambda each: each.deepest.trough_day if each.deepest else UNDEFINED)
    yield tell("  recovered", lambda each: (each.deepest.recovered_day or "not yet") if each.deepest else UNDEFINED)
    yield tell("longest drawdown", lambda each: write_count(each.longest.days, "day") if each.longest else UNDEFINED)
    yield tell("total return", lambda each: _write_pct(each.total_return))
    yield tell("CAGR", lambda each: _write_pct(each.cagr))
    yield tell("volatility", lambda each: _write_pct(each.volatility, sign=""))
    yield tell("Sharpe", lambda each: _write_ratio(each.sharpe))
    yield tell("Sortino", lambda each: _write_ratio(each.sortino))
    yield tell("Calmar", lambda each: _write_ratio(each.calmar))
    ranges = {
        "CAGR, 95 %": _write_interval(intervals.cagr, _write_pct),
        "Sharpe, 95 %": _write_interval(intervals.sharpe, _write_ratio),
        "drawdown, 95 %": _write_interval(intervals.max_drawdown, _write_pct),
    }
    for name, written in ranges.items():
        if written:
            yield {"name": name, **dict.fromkeys(performances, ""), "this run": written}


def _write_interval(interval: Interval | None, write: Callable[[float], str]) -> str:
    return "" if interval is None else f"{write(interval.low)} … {write(interval.high)}"


def _tell_worst(told: ToldFigures) -> Iterator[str]:
    day, trade, product = told.worst_day, told.worst_trade, told.worst_product
    worst = [
        f"day {day.day} {write_money(day.net)}" if day is not None else "",
        f"trade {trade.product} {write_money(trade.net)}" if trade is not None else "",
        f"product {product.name} {_write_money(product.net)}" if product is not None else "",
    ]
    if any(worst):
        yield f"worst: {', '.join(filter(None, worst))}; {told.trades.losses_in_a_row} losses in a row"


def _tell_costs(told: ToldFigures) -> Iterator[str]:
    costs, activity, against = told.costs, told.activity, told.against_btc
    yield (
        f"costs: gross {_write_money(costs.gross)}, less fees {write_money(costs.fees)}, "
        f"spread {write_money(costs.spread)}, slippage {write_money(costs.slippage)}: net {_write_money(costs.net)}"
    )
    paid, break_even = (_write_pct(each, 3, "") for each in (activity.fee_ratio, activity.break_even_fee))
    maker = _write_pct(activity.maker_share, 1, "")
    yield f"fee paid {paid} a side, break-even {break_even}, maker share {maker}"
    turnover = _write_ratio(activity.turnover_per_year)
    exposure, presence = (_write_pct(each, 1, "") for each in (activity.exposure, activity.time_in_market))
    yield f"turnover {turnover} a year, exposure {exposure}, in the market {presence}"
    if against is not None:
        yield (
            f"against BTC: alpha {_write_pct(against.alpha)} a year (t {_write_ratio(against.t_alpha)}), "
            f"beta {_write_ratio(against.beta)} (t {_write_ratio(against.t_beta)})"
        )


def _tell_trades(told: ToldFigures) -> Iterator[str]:
    trades, entries = told.trades, told.entries
    held = UNDEFINED if trades.held_seconds is None else write_span(int(trades.held_seconds))
    yield (
        f"{write_count(trades.trades, 'trade')}: {trades.wins} won, hit ratio {_write_pct(trades.hit_ratio, 1, '')}, "
        f"profit factor {_write_ratio(trades.profit_factor)}, expectancy {_write_money(trades.expectancy)}, "
        f"with open lots {_write_money(trades.expectancy_with_open)}, SQN {_write_ratio(trades.sqn)}, "
        f"effective {_write_ratio(trades.effective_trades, 1)}; held {held}, "
        f"best {_write_pct(trades.mean_mfe)}, worst {_write_pct(trades.mean_mae)} on the mean"
    )
    how = ", ".join(f"{status} {count}" for status, count in entries.given_up_by_status.items())
    yield (
        f"{write_count(entries.decided, 'entry order')}: {entries.filled} filled, {entries.filled_in_part} in part, "
        f"{entries.given_up} given up"
        + (f" ({how})" if how else "")
        + (f", {entries.working} still working" if entries.working else "")
    )


def _tell_open_lots(told: ToldFigures) -> Iterator[str]:
    lots = told.open_lots
    if not lots:
        yield "open lots: none"
        return
    shown = sorted(lots, key=lambda each: (each.net is not None, each.net or Decimal(0), each.lot))
    more = f"; {len(lots) - _OPEN_SHOWN} more" if len(lots) > _OPEN_SHOWN else ""
    yield f"open lots, at their marks: {'; '.join(map(_tell_lot, shown[:_OPEN_SHOWN]))}{more}"


def _tell_lot(lot: RoundTrip) -> str:
    mark = UNDEFINED if lot.mark is None else write_price(lot.mark)
    return f"{lot.product} {write_price(lot.left)} at {mark}, net {_write_money(lot.net)}"


def _tell_refusals(told: ToldFigures) -> Iterator[str]:
    refusals: Mapping[str, int] = told.refusals
    if not refusals:
        yield "refusals: none"
        return
    shown: Sequence[tuple[str, int]] = list(refusals.items())[:_REFUSALS_SHOWN]
    more = f", {len(refusals) - len(shown)} more codes" if len(refusals) > len(shown) else ""
    yield f"refusals by code: {', '.join(f'{code} {count:,}' for code, count in shown)}{more}"


def _write_pct(ratio: float | None, digits: int = 1, sign: str = "+") -> str:
    return UNDEFINED if ratio is None else f"{ratio * 100:{sign}.{digits}f} %"


def _write_ratio(value: float | None, digits: int = 2) -> str:
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def _write_money(value: Decimal | None) -> str:
    return UNDEFINED if value is None else write_money(value)
