"""The fill models side by side: the figures that tell most, then every figure with how it is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from desk.backtest.figures.conventions import SECTIONS
from desk.backtest.report.markup import Html, build_table, build_tag, join_html
from desk.backtest.report.values import Run, write_name

_HEADLINES = (
    ("performance", "max_drawdown"),
    ("performance", "total_return"),
    ("performance", "cagr"),
    ("performance", "sharpe"),
    ("intervals", "sharpe"),
    ("costs", "gross"),
    ("costs", "fees"),
    ("costs", "spread"),
    ("costs", "slippage"),
    ("costs", "net"),
    ("activity", "break_even_fee"),
    ("activity", "maker_share"),
    ("trades", "trades"),
    ("trades", "hit_ratio"),
    ("trades", "profit_factor"),
    ("trades", "expectancy"),
    ("trades", "sqn"),
    ("entries", "decided"),
    ("entries", "filled"),
    ("entries", "given_up"),
)
_SECTIONS = ("performance", "intervals", "costs", "activity", "trades", "entries")
_HELD = {"btc_held": "BTC held", "equal_weight_held": "equal weight held"}


def build_comparison(runs: Sequence[Run]) -> Html:
    """Build both tables; those of one fill model alone have one column."""
    heads = [f"{each.model} fills" for each in runs]
    held = {key: told for key, told in _HELD.items() if runs[0].read("benchmarks", key) is not None}
    short = (
        [_name(section, name), *(each.show(section, name) for each in runs), *_show_held(runs[0], held, section, name)]
        for section, name in _HEADLINES
    )
    intro = "What follows below this table is of " + runs[0].model + " fills."
    return join_html(
        [
            build_tag("h2", "Fill models side by side", id="fills"),
            build_tag(
                "p",
                "How kind the simulated venue is: the same decisions are filled neutrally, kindly or unkindly. ",
                "A result that lives on one of them only is none. ",
                intro,
            ),
            build_table(["", *heads, *held.values()], short, "Fill models side by side", class_="numbers"),
            build_tag(
                "details",
                build_tag("summary", "Every figure, and how it is counted"),
                *(_build_section(section, runs, heads, held) for section in _SECTIONS),
                _build_against(runs, heads),
            ),
        ]
    )


def _show_held(run: Run, held: dict[str, str], section: str, name: str) -> list[object]:
    return [run.show("benchmarks", key, section, name) if section == "performance" else "" for key in held]


def _build_section(section: str, runs: Sequence[Run], heads: Sequence[str], held: dict[str, str]) -> Html:
    beside = held if section == "performance" else {}
    rows = (
        [
            join_html([write_name(name), build_tag("small", f"{figure['unit']}. {figure['convention']}")]),
            *(each.show(section, name) for each in runs),
            *_show_held(runs[0], beside, section, name),
        ]
        for name, figure in _list_figures(runs[0].read(section), section)
    )
    return build_table([section, *heads, *beside.values()], rows, f"Figures: {section}", class_="numbers told")


def _build_against(runs: Sequence[Run], heads: Sequence[str]) -> Html:
    place = "benchmarks", "against_btc"
    rows = (
        [
            join_html([write_name(name), build_tag("small", f"{figure['unit']}. {figure['convention']}")]),
            *(each.show(*place, name) for each in runs),
        ]
        for name, figure in _list_figures(runs[0].read(*place), "against_btc")
    )
    return build_table(["against BTC", *heads], rows, "Figures: against BTC", class_="numbers told")


def _list_figures(figures: Mapping[str, Any], section: str) -> list[tuple[str, Mapping[str, Any]]]:
    """List figures in the order of their conventions, which is one to read; those of a document have none."""
    order = [*SECTIONS[section]]
    return sorted(figures.items(), key=lambda each: (order.index(each[0]) if each[0] in order else len(order), each[0]))


def _name(section: str, name: str) -> str:
    told = write_name(name)
    if section == "entries":
        return f"entry orders {told}"
    return f"{told}, 95 %" if section == "intervals" else told
