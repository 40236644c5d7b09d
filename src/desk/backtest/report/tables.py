"""Where the net came from, and what was refused."""

from __future__ import annotations

from collections.abc import Mapping

from desk.backtest.report.markup import Html, build_table, build_tag, join_html
from desk.backtest.report.values import MONEY, Run
from trader.model.denials import DenialCode

#: More rows than these are no table that anybody reads.
_ROWS_MAX = 60
_TABLES: Mapping[str, str] = {
    "by_product": "product",
    "by_rule": "rule",
    "by_exit_reason": "exit reason",
    "by_strategy": "strategy",
    "by_month": "month",
}


def build_attribution(run: Run) -> Html:
    """Build a table for each way in which the net is split, the greatest loss first."""
    return join_html(
        [
            build_tag("h2", "Where the net came from", id="attribution"),
            build_tag("p", run.read("attribution", "convention"), class_="note"),
            build_tag("div", *(_build_shares(run, key, told) for key, told in _TABLES.items()), class_="tables"),
        ]
    )


def _build_shares(run: Run, key: str, told: str) -> Html:
    count = len(run.read("attribution", key))
    columns = {"trades": "count", "wins": "count", "open_lots": "count", "fees": MONEY, "net": MONEY}
    rows = (
        [
            run.show("attribution", key, number, "name"),
            *(run.show("attribution", key, number, name, unit=unit) for name, unit in columns.items()),
        ]
        for number in range(min(count, _ROWS_MAX))
    )
    heads = [told, *(each.replace("_", " ") for each in columns)]
    more = build_tag("p", f"{count - _ROWS_MAX} more rows are in the JSON.") if count > _ROWS_MAX else ""
    return build_tag("div", build_table(heads, rows, f"By {told}", class_="numbers"), more)


def build_refusals(run: Run) -> Html:
    """Build the table of what was refused, most often first, with what each code means."""
    counts = run.read("refusals", "by_code")
    codes = sorted(counts, key=lambda code: (-counts[code], code))
    meanings = {each.value: each.meaning for each in DenialCode}
    rows = ([code, run.show("refusals", "by_code", code, unit="count"), meanings.get(code, "")] for code in codes)
    told = build_table(["code", "ticks", "meaning"], rows, "Refusals by code", class_="numbers told meanings")
    return join_html(
        [
            build_tag("h2", "Refusals", id="refusals"),
            build_tag("p", run.read("refusals", "convention"), class_="note"),
            told if codes else build_tag("p", "Nothing was refused."),
        ]
    )
