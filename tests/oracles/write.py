"""What quantstats, empyrical and ffn say of the same curves, where their convention is ours. Run by ``make oracles``.

Left out is what they compute by another convention, on purpose:

- ffn's CAGR and Calmar: calendar days by 365.25; ours by 365.
- ffn's length of a drawdown: from the first day below the peak; ours from the peak.
- quantstats' days of a drawdown: it knows no opening, and counts the first day in; its end is the last day below.
- empyrical's alpha: compounded to a year, ours times 365; what is compared is the daily one.
- skewness and kurtosis of pandas, which all three hand on: corrected for small samples; ours is that of a population.
- quantstats' win rate of days: it leaves zeros out. Of trades, none of which is zero, it is compared.

An answer that is not a finite number, or an error, is null here: there ours must be None.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

import empyrical
import ffn
import pandas as pd
import quantstats

from oracles.curves import DRAWN, FIRST, OPENING, draw_trades, list_curves

YEAR = 365
NAMES = ("empyrical-reloaded", "ffn", "quantstats")


def read_curve(equities: list[float | None]) -> tuple[pd.Series, pd.Series]:
    """The prices of a curve, its opening first, days without a mark as the day before; and its returns."""
    days = pd.date_range(FIRST, periods=len(equities) + 1)
    prices = pd.Series([OPENING, *equities], index=days, dtype=float).ffill()
    return prices, prices.pct_change().dropna()


def judge_curve(prices: pd.Series, returns: pd.Series) -> dict[str, dict[str, float | None]]:
    """Each figure of one curve, by each who computes it as we do."""
    stats = quantstats.stats
    return {
        "total_return": {
            "empyrical": ask(lambda: empyrical.cum_returns_final(returns)),
            "ffn": ask(lambda: ffn.calc_total_return(prices)),
            "quantstats": ask(lambda: stats.comp(returns)),
        },
        "cagr": {
            "empyrical": ask(lambda: empyrical.annual_return(returns, annualization=YEAR)),
            "quantstats": ask(lambda: stats.cagr(returns, periods=YEAR)),
        },
        "volatility": {
            "empyrical": ask(lambda: empyrical.annual_volatility(returns, annualization=YEAR)),
            "quantstats": ask(lambda: stats.volatility(returns, periods=YEAR)),
        },
        "sharpe": {
            "empyrical": ask(lambda: empyrical.sharpe_ratio(returns, annualization=YEAR)),
            "ffn": ask(lambda: ffn.calc_sharpe(returns, nperiods=YEAR)),
            "quantstats": ask(lambda: stats.sharpe(returns, periods=YEAR)),
        },
        "sortino": {
            "empyrical": ask(lambda: empyrical.sortino_ratio(returns, annualization=YEAR)),
            "ffn": ask(lambda: ffn.calc_sortino_ratio(returns, nperiods=YEAR)),
            "quantstats": ask(lambda: stats.sortino(returns, periods=YEAR)),
        },
        "calmar": {
            "empyrical": ask(lambda: empyrical.calmar_ratio(returns, annualization=YEAR)),
            "quantstats": ask(lambda: stats.calmar(returns, periods=YEAR)),
        },
        "max_drawdown": {
            "empyrical": ask(lambda: empyrical.max_drawdown(returns)),
            "ffn": ask(lambda: ffn.calc_max_drawdown(prices)),
            "quantstats": ask(lambda: stats.max_drawdown(returns)),
        },
    }


def judge_drawdown(prices: pd.Series) -> dict[str, str] | None:
    """The first day below the peak of the deepest drawdown, and the day it was over or the last, by ffn."""
    details = ffn.drawdown_details(ffn.to_drawdown_series(prices))
    if details is None:
        return None
    deepest = min(details.to_dict("records"), key=lambda each: (round(each["drawdown"], 12), each["Start"]))
    return {"first_day_below": deepest["Start"].date().isoformat(), "end": deepest["End"].date().isoformat()}


def judge_pair(ours: pd.Series, benchmark: pd.Series) -> dict[str, float | None]:
    """Alpha of a day and beta, by empyrical, of as many days as both have."""
    both = pd.concat([ours, benchmark], axis=1).dropna()
    pair = both.iloc[:, 0], both.iloc[:, 1]
    return {
        "alpha_compounded": ask(lambda: empyrical.alpha(*pair, annualization=YEAR)),
        "beta": ask(lambda: empyrical.beta(*pair)),
    }


def judge_trades(gains: list[float]) -> dict[str, float | None]:
    """Figures of trades, by quantstats, which takes them for the returns of days."""
    series, stats = pd.Series(gains), quantstats.stats
    return {
        "hit_ratio": ask(lambda: stats.win_rate(series)),
        "profit_factor": ask(lambda: stats.profit_factor(series)),
        "average_win": ask(lambda: stats.avg_win(series)),
        "average_loss": ask(lambda: stats.avg_loss(series)),
        "losses_in_a_row": ask(lambda: stats.consecutive_losses(series)),
    }


def ask(compute: Callable[[], Any]) -> float | None:
    """An answer, if it is a finite number."""
    try:
        value = float(compute())
    except (ArithmeticError, ValueError):
        return None
    return value if isfinite(value) else None


def main() -> None:
    """Write the fixture to the file that is named."""
    curves = {name: read_curve(equities) for name, equities in list_curves().items()}
    told = {
        "versions": {name: version(name) for name in NAMES},
        "curves": {name: judge_curve(*each) for name, each in curves.items()},
        "deepest": {name: judge_drawdown(prices) for name, (prices, _) in curves.items()},
        "pairs": {
            f"seed {seed}": judge_pair(curves[f"seed {seed}"][1], curves[f"seed {seed % DRAWN + 1}"][1])
            for seed in range(1, DRAWN + 1)
        },
        "trades": {str(seed): judge_trades(draw_trades(seed)) for seed in range(1, DRAWN + 1)},
    }
    text = json.dumps(told, indent=1, sort_keys=True, allow_nan=False)
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
