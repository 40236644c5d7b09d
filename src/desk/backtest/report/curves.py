"""Equity, drawdown and exposure day by day, beside what holding would have been worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from desk.backtest.report.markup import Html, build_frame, build_tag, join_html
from desk.backtest.report.plot import (
    WIDTH,
    Scale,
    Values,
    build_band,
    build_legend,
    build_line,
    build_path,
    build_plot,
    fit_scale,
    list_dates,
    list_ticks,
)
from desk.backtest.report.values import MONEY, PERCENT, Run, show_figure, write_value

_DAY = 86_400
_HELD = {"btc_held": "BTC held", "equal_weight_held": "equal weight held"}


def build_curves(runs: Sequence[Run]) -> Html:
    """Build the curves of the first run, and the equity of the others."""
    run = runs[0]
    return join_html(
        [
            build_tag("h2", "Equity, drawdown and benchmarks", id="equity"),
            _build_equity(runs),
            build_tag("h3", "Drawdown"),
            _build_drawdown(run),
            _build_days(run),
        ]
    )


def build_exposure(run: Run) -> Html:
    """Build the part of the equity that was at work, day by day."""
    ratios: Values = run.read("exposure", "ratio")
    scale = fit_scale(ratios, with_zero=True)
    days = _fit_days([run])
    # A mean of a day is a step as wide as the day.
    xs = [edge for pair in pairwise(_place_days(run, days)) for edge in pair]
    steps = [each for each in ratios for _ in range(2)]
    path = build_path(build_band(xs, [None if each is None else 0.0 for each in steps], steps, scale), "area held")
    known = [each for each in ratios if each is not None]
    highest = f"at most {max(known):.1%} of the equity" if known else "no day is known"
    marks = [(scale.place_down(each), f"{each:.0%}") for each in list_ticks(scale, 4)]
    return join_html(
        [
            build_tag("h2", "Exposure", id="exposure"),
            build_tag(
                "p",
                "Held, by what it cost, over the equity: ",
                run.show("activity", "exposure"),
                " on the mean; ",
                "something was held for ",
                run.show("activity", "time_in_market"),
                " of the time. Turnover, both sides: ",
                run.show("activity", "turnover_per_year"),
                " times the equity a year.",
            ),
            _plot_days([path], f"Exposure by day: {highest}. The table of days has every value.", marks, days, "low"),
            build_tag("p", run.read("exposure", "convention"), class_="note"),
        ]
    )


def _build_equity(runs: Sequence[Run]) -> Html:
    run = runs[0]
    opening = float(run.read("curve", "opening"))
    days = _fit_days(runs)
    lines: dict[str, tuple[object, list[int], list[float | None]]] = {}
    for name, told in _HELD.items():
        if run.read("benchmarks", name) is not None:
            worth = run.show("benchmarks", name, "performance", "total_return")
            lines[name.replace("_", "-")] = (
                join_html([told, " ", worth]),
                _place_days(run, days),
                [opening, *_read_numbers(run, "benchmarks", name, "equity")],
            )
    for number, each in reversed(list(enumerate(runs))):
        told = join_html([f"this run, {each.model} fills ", each.show("performance", "total_return")])
        lines[f"run-{number}"] = told, _place_days(each, days), [opening, *_read_numbers(each, "curve", "equity")]
    scale = fit_scale(value for *_, values in lines.values() for value in values)
    paths = [
        build_path(f"M0 {scale.place_down(opening)}H{WIDTH}", "zero"),
        *(build_path(build_line(xs, values, scale), f"line {name}") for name, (_, xs, values) in lines.items()),
    ]
    marks = [(scale.place_down(each), f"{each:,.0f}") for each in list_ticks(scale)]
    last = write_value(run.read("run", "equity"), MONEY)
    label = f"Equity by day: {write_value(run.read('run', 'capital'), MONEY)} at the beginning, {last} at the end."
    legend = [(f"line {name}", told) for name, (told, *_) in reversed(lines.items())]
    return join_html([build_legend(legend), _plot_days(paths, label, marks, days)])


def _build_drawdown(run: Run) -> Html:
    own: Values = [0.0, *run.read("curve", "drawdown")]
    held = {
        name: _follow_drawdown(float(run.read("curve", "opening")), _read_numbers(run, "benchmarks", name, "equity"))
        for name in _HELD
        if run.read("benchmarks", name) is not None
    }
    scale = fit_scale([*own, *(each for values in held.values() for each in values)], with_zero=True)
    days = _fit_days([run])
    xs = _place_days(run, days)
    paths = [
        build_path(build_band(xs, own, [0.0] * len(own), scale), "area run-0"),
        *(build_path(build_line(xs, values, scale), f"line {name.replace('_', '-')}") for name, values in held.items()),
        build_path(build_line(xs, own, scale), "line run-0"),
    ]
    marks = [(scale.place_down(each), f"{each:.0%}") for each in list_ticks(scale, 4)]
    deepest = write_value(run.read("performance", "max_drawdown", "value"), PERCENT)
    return _plot_days(paths, f"Drawdown by day; the deepest is {deepest}.", marks, days, "low")


def _follow_drawdown(opening: float, equity: Sequence[float | None]) -> list[float | None]:
    """Follow how far a benchmark is below its highest; for the picture alone."""
    peak, found = opening, list[float | None]([0.0])
    for each in equity:
        peak = peak if each is None else max(peak, each)
        found.append(None if each is None else each / peak - 1)
    return found


def _read_numbers(run: Run, *place: str) -> list[float | None]:
    return [None if each is None else float(each) for each in run.read(*place)]


def _fit_days(runs: Sequence[Run]) -> Scale:
    """Return the scale from the opening to the last day of the longest run: an interrupted one is shorter."""
    ends = [each for run in runs for each in _list_ends(run)]
    return Scale(min(ends) - _DAY, max(ends))


def _place_days(run: Run, scale: Scale) -> list[int]:
    """Return where the opening and the end of each day lie."""
    ends = _list_ends(run)
    return [scale.place(each) for each in (ends[0] - _DAY, *ends)]


def _plot_days(
    paths: Sequence[Html], label: str, marks: Sequence[tuple[int, str]], days: Scale, class_: str = ""
) -> Html:
    dates = [(days.place(at), told) for at, told in list_dates(int(days.low), int(days.high))]
    return build_plot(paths, label, marks, dates, class_, data_days=round((days.high - days.low) / _DAY))


def _list_ends(run: Run) -> list[int]:
    epoch = date(1970, 1, 1).toordinal()
    return [(date.fromisoformat(day).toordinal() - epoch + 1) * _DAY for day in run.read("curve", "days")]


def _build_days(run: Run) -> Html:
    """Build the table of every day: what the pictures show, in numbers."""
    columns: dict[str, tuple[str, str, Sequence[Any]]] = {
        "equity": ("curve/equity", MONEY, run.read("curve", "equity")),
        "return": ("curve/return_ratio", PERCENT, run.read("curve", "return_ratio")),
        "drawdown": ("curve/drawdown", PERCENT, run.read("curve", "drawdown")),
        "held": ("exposure/held", MONEY, run.read("exposure", "held")),
        "exposure": ("exposure/ratio", PERCENT, run.read("exposure", "ratio")),
    }
    for name, told in _HELD.items():
        if run.read("benchmarks", name) is not None:
            columns[told] = f"benchmarks/{name}/equity", MONEY, run.read("benchmarks", name, "equity")

    def list_rows() -> Iterator[Html]:
        for number, day in enumerate(run.read("curve", "days")):
            cells = (show_figure(values[number], unit, "") for _, unit, values in columns.values())
            yield join_html([Html("<tr><td>"), day, *cells])

    head = [build_tag("th", "day", scope="col", data_column=f"{run.model}/curve/days")]
    head += [
        build_tag("th", name, scope="col", data_column=f"{run.model}/{place}", data_unit=unit)
        for name, (place, unit, _) in columns.items()
    ]
    caption = f"Every day, {run.model} fills"
    table = build_tag(
        "table",
        build_tag("caption", caption),
        build_tag("thead", build_tag("tr", *head)),
        build_tag("tbody", *list_rows()),
        id="days",
    )
    return build_tag("details", build_tag("summary", "Every day in numbers"), build_frame(table, caption))
