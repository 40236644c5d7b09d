"""The figures as one canonical JSON: sorted keys, money as text, each figure beside its convention, and a digest.

The same result gives the same bytes, on every machine: statistics are rounded to twelve significant digits, so that
the last bits, in which libraries of mathematics differ, are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from desk.backtest.figures import conventions
from desk.backtest.figures.benchmarks import Benchmark
from desk.backtest.figures.conventions import Convention
from desk.backtest.figures.curve import Curve
from desk.backtest.figures.summary import BacktestSummary
from trader.model.codec import canonical_json, digest_of, encode
from trader.model.ids import rfc3339

_DIGITS = 12


def build_document(summary: BacktestSummary, ticks_run: int) -> dict[str, Any]:
    """Build the whole document: content, its digest, and how many ticks were run to get it, which is no part of it."""
    content = build_content(summary)
    return {"content": content, "digest": digest_of(content), "ticks_run": ticks_run}


def write_document(summary: BacktestSummary, ticks_run: int) -> str:
    """Write the document as canonical JSON."""
    return canonical_json(build_document(summary, ticks_run))


def build_content(summary: BacktestSummary) -> dict[str, Any]:
    """Build what the digest is of. docs/backtest-result.md says what each field is."""
    record, comparison = summary.record, summary.comparison
    content = {
        "schema": conventions.SCHEMA,
        "run": {
            "start": rfc3339(record.start),
            "end": rfc3339(record.end),
            "ticks": record.ticks,
            "fill_model": record.fill_model,
            "accounting_asset": record.accounting_asset,
            "capital": encode(record.capital),
            "equity": encode(record.equity),
            "products": list(record.products),
            "rates": encode(record.rates),
        },
        "curve": {"convention": conventions.CURVE, "opening": encode(record.capital), **_tell_curve(summary.curve)},
        "performance": _tell(summary.performance, conventions.PERFORMANCE),
        "intervals": _tell(summary.intervals, conventions.INTERVALS),
        "costs": _tell(summary.costs, conventions.COSTS),
        "activity": _tell(summary.activity, conventions.ACTIVITY),
        "exposure": {"convention": conventions.EXPOSURE, **encode(summary.exposure)},
        "trades": _tell(summary.trades, conventions.TRADES),
        "entries": _tell(summary.entries, conventions.ENTRIES),
        "refusals": {"convention": conventions.REFUSALS, "by_code": dict(summary.refusals)},
        "verdicts": dict(record.verdicts),
        "largest": {
            "day_gain": encode(summary.largest_days[0]),
            "day_loss": encode(summary.largest_days[1]),
            "trade_gain": encode(summary.largest_trades[0]),
            "trade_loss": encode(summary.largest_trades[1]),
            "product_gain": encode(summary.largest_products[0]),
            "product_loss": encode(summary.largest_products[1]),
        },
        "round_trips": {
            "convention": conventions.EXCURSIONS,
            "rows": [encode(each) for each in summary.round_trips if not each.is_open],
        },
        "open_lots": {
            "convention": conventions.OPEN_LOTS,
            "rows": [encode(each) for each in summary.round_trips if each.is_open],
        },
        "attribution": {"convention": conventions.ATTRIBUTION, **encode(summary.attribution)},
        "benchmarks": {
            "convention": conventions.BENCHMARK,
            "btc_held": _tell_benchmark(comparison.held_btc),
            "equal_weight_held": _tell_benchmark(comparison.held_equal),
            "against_btc": _tell(comparison.against_btc, conventions.AGAINST),
        },
    }
    rounded: dict[str, Any] = _round(content)
    return rounded


def _tell(figures: Any, told: Mapping[str, Convention]) -> dict[str, Any]:
    """Put each figure beside its unit and its convention; null where there are none."""
    return {
        name: {"value": encode(getattr(figures, name, None)), "unit": each.unit, "convention": each.sentence}
        for name, each in told.items()
    }


def _tell_curve(curve: Curve) -> dict[str, Any]:
    if not curve.points:
        return {"days": []}
    columns = {each.name: [getattr(point, each.name) for point in curve.points] for each in fields(curve.points[0])}
    columns["days"] = columns.pop("day")
    told: dict[str, Any] = encode(columns)
    return told


def _tell_benchmark(benchmark: Benchmark | None) -> dict[str, Any] | None:
    if benchmark is None:
        return None
    return {
        "products": list(benchmark.products),
        "costs": encode(benchmark.costs),
        "equity": encode([each.equity for each in benchmark.curve.points]),
        "performance": _tell(benchmark.performance, conventions.PERFORMANCE),
    }


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return float(format(value, f".{_DIGITS}g"))
    if isinstance(value, Mapping):
        return {name: _round(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_round(each) for each in value]
    return value
