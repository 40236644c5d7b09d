"""A document of figures read again: what a screen shows of a run that is over, and of one that was kept long ago."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from desk.backtest.figures.activity import Activity, CostStack, Entries
from desk.backtest.figures.attribution import LargestDay, Share
from desk.backtest.figures.bootstrap import Intervals
from desk.backtest.figures.performance import Performance
from desk.backtest.figures.regression import Regression
from desk.backtest.figures.round_trips import RoundTrip
from desk.backtest.figures.trades import LargestTrade, Trades
from trader.model.codec import decode, translate_damage

_HELD = ("btc_held", "equal_weight_held")


@dataclass(frozen=True, slots=True)
class ToldRun:
    """What was run. Units: the accounting asset; ``equity`` is None if nobody knows it."""

    start: str
    end: str
    ticks: int
    fill_model: str
    accounting_asset: str
    capital: Decimal
    equity: Decimal | None
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToldFigures:
    """The figures of one document; None of what it holds none of. ``refusals`` begin with the most frequent code."""

    run: ToldRun
    days: tuple[str, ...]
    performance: Performance
    held_btc: Performance | None
    held_equal: Performance | None
    against_btc: Regression | None
    intervals: Intervals
    costs: CostStack
    activity: Activity
    trades: Trades
    entries: Entries
    refusals: Mapping[str, int]
    open_lots: tuple[RoundTrip, ...]
    worst_day: LargestDay | None
    worst_trade: LargestTrade | None
    worst_product: Share | None


def read_figures(document: Mapping[str, Any]) -> ToldFigures:
    """Read what ``build_document`` built, or what was kept of it. Raises: LedgerCorrupt if it holds something else."""
    content = document["content"]
    with translate_damage("document"):
        run, largest, benchmarks = content["run"], content["largest"], content["benchmarks"]
        held = [benchmarks[name] and _read(Performance, benchmarks[name]["performance"]) for name in _HELD]
        against = benchmarks["against_btc"]
        is_compared = any(each["value"] is not None for each in against.values())
        refusals = sorted(content["refusals"]["by_code"].items(), key=lambda each: (-each[1], each[0]))
        return ToldFigures(
            run=decode(ToldRun, {name: run[name] for name in ToldRun.__dataclass_fields__}),
            days=tuple(content["curve"]["days"]),
            performance=_read(Performance, content["performance"]),
            held_btc=held[0],
            held_equal=held[1],
            against_btc=_read(Regression, against) if is_compared else None,
            intervals=_read(Intervals, content["intervals"]),
            costs=_read(CostStack, content["costs"]),
            activity=_read(Activity, content["activity"]),
            trades=_read(Trades, content["trades"]),
            entries=_read(Entries, content["entries"]),
            refusals=dict(refusals),
            open_lots=decode(tuple[RoundTrip, ...], content["open_lots"]["rows"]),
            worst_day=decode(LargestDay | None, largest["day_loss"]),
            worst_trade=decode(LargestTrade | None, largest["trade_loss"]),
            worst_product=decode(Share | None, largest["product_loss"]),
        )


def _read(kind: Any, section: Mapping[str, Any]) -> Any:
    """Read the figures that stand beside their units."""
    return decode(kind, {name: section[name]["value"] for name in kind.__dataclass_fields__})
