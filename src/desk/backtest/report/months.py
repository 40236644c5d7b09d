"""The months as a heat map: what each gained or lost, colored by how much."""

from __future__ import annotations

from collections.abc import Mapping

from desk.backtest.report.markup import Html, build_tag, join_html
from desk.backtest.report.plot import MONTHS
from desk.backtest.report.values import MONEY, Run

#: A month of this much colors a cell fully; smaller ones by their part of the greatest there is, if that is less.
_FULL = 70


def build_months(run: Run) -> Html:
    """Build a row of twelve months for each year of the run."""
    rows = {each["name"]: number for number, each in enumerate(run.read("attribution", "by_month"))}
    returns = measure_months(run)
    years = sorted({name[:4] for name in rows})
    greatest = max((abs(each) for each in returns.values()), default=0.0) or 1.0
    return join_html(
        [
            build_tag("h2", "Months", id="months"),
            *(
                join_html(
                    [
                        build_tag("h3", year),
                        build_tag(
                            "ol",
                            *(
                                _build_month(run, rows, returns, f"{year}-{number:02}", greatest)
                                for number in range(1, 13)
                            ),
                            class_="months",
                        ),
                    ]
                )
                for year in years
            ),
            build_tag("p", "Return of a unit over the month, and what the marked equity gained in it.", class_="note"),
        ]
    )


def measure_months(run: Run) -> Mapping[str, float]:
    """Return what a unit gained in each month, from its value at the end of the month before; nothing after a zero."""
    found: dict[str, float] = {}
    last = before = 1.0
    month = ""
    for day, nav in zip(run.read("curve", "days"), run.read("curve", "nav"), strict=True):
        if day[:7] != month:
            month, before = day[:7], last
        if before > 0:
            found[month] = nav / before - 1
        last = nav
    return found


def _build_month(run: Run, rows: Mapping[str, int], returns: Mapping[str, float], name: str, greatest: float) -> Html:
    label = build_tag("b", MONTHS[int(name[5:]) - 1])
    if name not in rows:
        return build_tag("li", label, class_="none")
    change = returns.get(name)
    told = "–" if change is None else f"{change:+.1%}".replace("%", " %")
    strength = round(abs(change or 0.0) / greatest * _FULL)
    return build_tag(
        "li",
        label,
        build_tag("span", told, data_month=name),
        run.show("attribution", "by_month", rows[name], "net", unit=MONEY),
        class_="down" if (change or 0.0) < 0 else "up",
        style=f"--strength:{strength}%",
    )
