"""What each figure means, in one sentence, and its unit: both stand beside its value wherever it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: Of the content of a document; another number means that a field has another name or another sense.
SCHEMA = 1


class Convention(NamedTuple):
    """The unit of a figure, and how it is computed."""

    unit: str
    sentence: str


_RATIO, _COUNT, _DAYS, _MONEY, _YEAR = "ratio", "count", "days", "money", "ratio per year"

PERFORMANCE: Mapping[str, Convention] = {
    "days": Convention(_DAYS, "UTC days from that of the first tick to that of the last, both included."),
    "days_unmarked": Convention(_DAYS, "Days whose equity nobody knew; each stands where the day before stood."),
    "total_return": Convention(_RATIO, "Value of a unit at the end less one; a unit costs one before the first day."),
    "cagr": Convention(_YEAR, "Value of a unit at the end to the power of 365 by days, less one."),
    "volatility": Convention(_YEAR, "Sample deviation (ddof 1) of daily returns times the root of 365."),
    "sharpe": Convention(
        _YEAR, "Mean by sample deviation (ddof 1) of daily returns times the root of 365; risk-free 0."
    ),
    "sortino": Convention(
        _YEAR, "Mean of daily returns by the root of the mean of all squared losses, times the root of 365; target 0."
    ),
    "calmar": Convention(_RATIO, "CAGR by the depth of the deepest drawdown; null without one."),
    "max_drawdown": Convention(_RATIO, "Lowest unit value by the highest before it, less one; the opening counts."),
    "skewness": Convention(_RATIO, "Third standardized moment of daily returns, as of a population."),
    "kurtosis": Convention(
        _RATIO, "Fourth standardized moment of daily returns, as of a population; a normal one has 3."
    ),
    "days_up": Convention(_RATIO, "Days with a return above zero by all days."),
    "deepest": Convention(
        "drawdown", "The drawdown of greatest depth, from its peak to the day that is as high again."
    ),
    "longest": Convention("drawdown", "The drawdown of most days from its peak to its recovery or to the last day."),
}
INTERVALS: Mapping[str, Convention] = {
    name: Convention(
        unit,
        "Middle 95 % of a stationary bootstrap of daily returns: blocks of 20 days on the mean, 1000 samples by "
        "--seed; null below 40 days.",
    )
    for name, unit in {"cagr": _YEAR, "sharpe": _YEAR, "max_drawdown": _RATIO}.items()
}
COSTS: Mapping[str, Convention] = {
    "gross": Convention(_MONEY, "Net plus fees, spread and slippage: what the prices decided on would have given."),
    "fees": Convention(_MONEY, "Fees of all fills, those of open lots included."),
    "spread": Convention(_MONEY, "Half the assumed spread on every fill that took; nothing on one that rested."),
    "slippage": Convention(
        _MONEY,
        "How much worse than the mid at its decision, or than its stop or target, each fill was, less the spread; "
        "below zero is better.",
    ),
    "net": Convention(_MONEY, "Equity at the end less the capital, open lots at their last bid."),
}
ACTIVITY: Mapping[str, Convention] = {
    "exposure": Convention(_RATIO, "Cost of what was held, on the mean of all seconds, by the mean daily equity."),
    "time_in_market": Convention(_RATIO, "Seconds in which at least one lot was held by all seconds of the run."),
    "traded": Convention(_MONEY, "Notional of all fills, purchases and sales."),
    "turnover_per_year": Convention(_YEAR, "Traded, both sides, by the mean daily equity, times 365 by days."),
    "fee_ratio": Convention(_RATIO, "Fees by traded: what a side paid on the mean."),
    "break_even_fee": Convention(_RATIO, "Net plus fees by traded: the fee per side at which the net is zero."),
    "maker_share": Convention(_RATIO, "Notional of fills that rested by traded."),
}
TRADES: Mapping[str, Convention] = {
    "trades": Convention(_COUNT, "Lots that were sold out; one with a rest too small to sell is."),
    "open_lots": Convention(_COUNT, "Lots held at the end; they are marked, listed, and no trades."),
    "wins": Convention(_COUNT, "Trades with a net above zero, all fees deducted."),
    "losses": Convention(_COUNT, "Trades that are no wins; a net of zero is a loss."),
    "hit_ratio": Convention(_RATIO, "Wins by trades."),
    "profit_factor": Convention(_RATIO, "Sum of wins by sum of losses; null without a loss."),
    "expectancy": Convention(_MONEY, "Mean net of a trade."),
    "expectancy_with_open": Convention(_MONEY, "Mean net of trades and open lots, these at their last bid."),
    "expectancy_r": Convention("R", "Mean of net by risk; risk is entry price less first stop, times quantity."),
    "average_win": Convention(_MONEY, "Mean net of wins."),
    "average_loss": Convention(_MONEY, "Mean net of losses."),
    "sqn": Convention(_RATIO, "Root of trades times mean by sample deviation of net by risk; not capped."),
    "effective_trades": Convention(
        _COUNT,
        "Trades by Kish's design effect: those bought on one UTC day are a cluster, as alike as they turned out.",
    ),
    "t_effective": Convention(_RATIO, "SQN with effective trades instead of their count."),
    "losses_in_a_row": Convention(_COUNT, "Longest run of losses in the order in which trades were closed."),
    "held_seconds": Convention("seconds", "Mean time from first purchase to last sale of a trade."),
    "mean_mfe": Convention(_RATIO, "Mean of the best price seen by the entry price, less one, at least zero."),
    "mean_mae": Convention(_RATIO, "Mean of the worst price seen by the entry price, less one, at most zero."),
}
ENTRIES: Mapping[str, Convention] = {
    "decided": Convention(_COUNT, "Entry orders that were decided, each new try counted."),
    "filled": Convention(_COUNT, "Entry orders filled to the last unit."),
    "filled_in_part": Convention(_COUNT, "Entry orders that ended with a part unfilled."),
    "working": Convention(_COUNT, "Entry orders that still worked at the end."),
    "given_up": Convention(_COUNT, "Entry orders that ended without a fill."),
    "given_up_by_status": Convention(_COUNT, "Entry orders that ended without a fill, by their last status."),
}
AGAINST: Mapping[str, Convention] = {
    "alpha": Convention(_YEAR, "Intercept of daily returns on BTC's by least squares, times 365."),
    "beta": Convention(_RATIO, "Slope of daily returns on BTC's by least squares."),
    "t_alpha": Convention(_RATIO, "Intercept by its standard error, errors taken for independent."),
    "t_beta": Convention(_RATIO, "Slope by its standard error, errors taken for independent."),
    "correlation": Convention(_RATIO, "Correlation of daily returns with BTC's."),
}
BENCHMARK = (
    "Bought at the first tick as a taker, with fee, half the spread and impact; marked at the bid, never sold; "
    "what has no price yet is bought at its first close of that day or left out, what ends stays at its last close."
)
REFUSALS = "How often each reason was the last word on a product in a tick."
EXCURSIONS = (
    "mfe and mae are by whole candles between first purchase and last sale and by the sales themselves, "
    "by the entry price, less one."
)
EXPOSURE = "Cost of what was held, on the mean of the seconds of each day; null for a day without a second of the run."
OPEN_LOTS = "Held at the end: marked at the last bid, the fee and spread of their sale not yet paid."
ATTRIBUTION = "Rows add up to net and fees to the last unit; open lots at their marks; months by the marked equity."
CURVE = "A payment buys units at the end of its day and moves no return; an unmarked day stands where the last stood."

#: The figures of each section, and what is said of a section as a whole, under the names that they have in the JSON.
SECTIONS: Mapping[str, Mapping[str, Convention]] = {
    "performance": PERFORMANCE,
    "intervals": INTERVALS,
    "costs": COSTS,
    "activity": ACTIVITY,
    "trades": TRADES,
    "entries": ENTRIES,
    "against_btc": AGAINST,
}
NOTES: Mapping[str, str] = {
    "curve": CURVE,
    "exposure": EXPOSURE,
    "round_trips": EXCURSIONS,
    "open_lots": OPEN_LOTS,
    "attribution": ATTRIBUTION,
    "benchmarks": BENCHMARK,
    "refusals": REFUSALS,
}
