"""Figures of a document as they stand in the page: written for people, with the exact value and its place beside it.

Each is a ``<data>`` element: ``value`` is what stands in the JSON, ``data-at`` where. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from desk.backtest.report.markup import Html, build_tag, join_html
from desk.journal.words import write_money, write_price, write_span

UNDEFINED = "–"
MONEY, PERCENT, PRICE = "money", "percent", "price"
#: Figures whose ratio is read in percent, with so many decimals; all others are read as they are.
_PERCENTS: Mapping[str, int] = {
    **dict.fromkeys(("total_return", "cagr", "volatility", "max_drawdown", "alpha", "mean_mfe", "mean_mae"), 2),
    **dict.fromkeys(("days_up", "exposure", "time_in_market", "maker_share", "hit_ratio"), 1),
    **dict.fromkeys(("fee_ratio", "break_even_fee"), 3),
    **dict.fromkeys(("maker_fee_ratio", "taker_fee_ratio"), 2),
}
#: Amounts that are neither gain nor loss: what is paid, and what is owned.
_UNCOLORED = frozenset({"fees", "spread", "slippage", "traded", "capital", "equity", "held", "value"})
#: Figures whose sign is written when it is a plus.
_SIGNED = frozenset({"total_return", "cagr", "alpha", "return_ratio"})
_NAMES = {
    **{each: each.capitalize() for each in ("sharpe", "sortino", "calmar")},
    "cagr": "CAGR",
    "sqn": "SQN",
    "mean_mfe": "mean MFE",
    "mean_mae": "mean MAE",
    "break_even_fee": "break-even fee",
}


@dataclass(frozen=True, slots=True)
class Run:
    """The document of one fill model, read by the places of its values."""

    model: str
    content: Mapping[str, Any]

    def read(self, *place: str | int) -> Any:
        """Return what stands at a place of the content."""
        value: Any = self.content
        for each in place:
            value = value[each]
        return value

    def show(self, *place: str | int, unit: str = "") -> Html:
        """Show a figure, or a plain value in a given unit."""
        value, name = self.read(*place), str(place[-1])
        if isinstance(value, Mapping) and "convention" in value:
            unit, value, place = value["unit"], value["value"], (*place, "value")
        if isinstance(value, Mapping):
            return self._show_parts(value, place, name)
        at = "/".join(map(str, (self.model, *place)))
        raw = "null" if value is None else str(value)
        shown = write_value(value, unit, name)
        return build_tag("data", shown, value=raw, data_at=at, class_=choose_class(value, unit, name))

    def _show_parts(self, value: Mapping[str, Any], place: tuple[str | int, ...], name: str) -> Html:
        """Show a figure of several values: a drawdown, a range, or counts by name."""
        if "peak_day" in value:
            told = "recovered " if value["recovered_day"] else "not recovered "
            parts = (self.show(*place, "peak_day"), " to ", self.show(*place, "trough_day"), ", ", told)
            depth, days = self.show(*place, "depth", unit=PERCENT), self.show(*place, "days", unit="days")
            down = self.show(*place, "days_down", unit="count")
            return join_html([depth, ", ", *parts, self.show(*place, "recovered_day"), ", ", days, ", ", down, " down"])
        if value.keys() == {"low", "high"}:
            unit = PERCENT if name in _PERCENTS else "ratio"
            return join_html([self.show(*place, "low", unit=unit), " … ", self.show(*place, "high", unit=unit)])
        counts = (join_html([key, " ", self.show(*place, key, unit="count")]) for key in sorted(value))
        return join_html(counts, ", ") or Html("none")


def write_value(value: Any, unit: str, name: str = "") -> str:
    """Write a value in its unit; a dash for what is undefined. Rounding: half even, for reading only."""
    if value is None:
        return UNDEFINED
    if unit == MONEY:
        return write_money(Decimal(value))
    if unit == PRICE:
        return write_price(Decimal(value))
    if unit == "seconds":
        return write_span(round(value))
    if unit == "days":
        return f"{value:,} day" if value == 1 else f"{value:,} days"
    if unit == PERCENT or name in _PERCENTS:
        return f"{float(value) * 100:{'+' if name in _SIGNED else ''}.{_PERCENTS.get(name, 2)}f} %"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_name(name: str) -> str:
    """Write the name of a figure for people."""
    return _NAMES.get(name) or name.replace("_", " ")


def choose_class(value: Any, unit: str, name: str) -> str | None:
    """Return how a value is colored: its sign is always written as well."""
    if (
        value is None
        or name in _UNCOLORED
        or (unit not in {MONEY, PERCENT, "R"} and name not in {"total_return", "cagr"})
    ):
        return None
    number = Decimal(str(value))
    return "loss" if number < 0 else ("gain" if number > 0 else None)


def show_figure(value: Any, unit: str, name: str) -> Html:
    """Show a value of a row whose place its table tells, colored like any other."""
    told, shown = choose_class(value, unit, name), write_value(value, unit, name)
    return Html(f"<td class={told}>{shown}" if told else f"<td>{shown}")
