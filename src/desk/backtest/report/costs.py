"""From what the prices gave to what is left: each cost as a step down, and the fee at which nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from desk.backtest.report.markup import Html, build_table, build_tag, join_html
from desk.backtest.report.values import Run

_STEPS = ("fees", "spread", "slippage")


def build_costs(runs: Sequence[Run]) -> Html:
    """Build the stack of costs of the first run as a picture and of all as a table."""
    rows = ([name, *(each.show("costs", name) for each in runs)] for name in ("gross", *_STEPS, "net"))
    run = runs[0]
    paid = (
        ["fee paid a side", *(each.show("activity", "fee_ratio") for each in runs)],
        ["break-even fee", *(each.show("activity", "break_even_fee") for each in runs)],
    )
    return join_html(
        [
            build_tag("h2", "Costs", id="costs"),
            build_tag(
                "p",
                "The trades paid ",
                run.show("activity", "fee_ratio"),
                " a side on the mean; the net would be zero at ",
                run.show("activity", "break_even_fee"),
                ". A break-even fee below zero means that the trades lost ",
                "before any fee was paid.",
            ),
            _build_stack(run),
            build_table(
                ["", *(f"{each.model} fills" for each in runs)], (*rows, *paid), "Costs by fill model", class_="numbers"
            ),
        ]
    )


def _build_stack(run: Run) -> Html:
    amounts = {name: run.read("costs", name, "value") for name in ("gross", *_STEPS, "net")}
    if amounts["gross"] is None or amounts["net"] is None:
        return build_tag("p", "What is held has no price, so gross and net are unknown.")
    gross, net = float(amounts["gross"]), float(amounts["net"])
    left = list(accumulate((gross, *(-float(amounts[each]) for each in _STEPS))))
    bars = {"gross": (0.0, gross)}
    bars |= {name: (left[number], left[number + 1]) for number, name in enumerate(_STEPS)}
    bars["net"] = 0.0, net
    low = min(0.0, *(edge for bar in bars.values() for edge in bar))
    high = max(0.0, *(edge for bar in bars.values() for edge in bar))
    span = high - low or 1.0

    def build_bar(name: str, edges: tuple[float, float]) -> Html:
        begin, width = (min(edges) - low) / span, abs(edges[1] - edges[0]) / span
        bar = build_tag("i", style=f"left:{begin:.2%};width:{width:.2%}", class_=_choose_side(name, edges))
        zero = build_tag("u", style=f"left:{-low / span:.2%}")
        return build_tag(
            "li", build_tag("b", name), build_tag("span", zero, bar, aria_hidden="true"), run.show("costs", name)
        )

    return build_tag("ol", *(build_bar(*each) for each in bars.items()), class_="stack")


def _choose_side(name: str, edges: tuple[float, float]) -> str:
    if name in _STEPS:
        return "paid" if edges[1] <= edges[0] else "up"
    return "down" if edges[1] < 0 else "up"
