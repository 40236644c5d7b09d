"""What a backtest came to, losses first."""

from __future__ import annotations

from collections.abc import Iterator

from desk.backtest.report.markup import Html, build_tag, join_html
from desk.backtest.report.values import MONEY, UNDEFINED, Run


def build_opening(run: Run) -> Html:
    """Build the tiles of the first run: what it lost, what it cost, what it earned, and what holding would have."""
    return join_html(
        [
            build_tag("h2", "What it came to", id="result"),
            build_tag(
                "p",
                f"With {run.model} fills the equity went from ",
                run.show("run", "capital", unit=MONEY),
                " to ",
                run.show("run", "equity", unit=MONEY),
                f" {run.read('run', 'accounting_asset')}, open lots at their ",
                "last bid. Results of the past, on candles that know no order book, are no promise.",
            ),
            build_tag(
                "dl",
                *(
                    build_tag(
                        "div", build_tag("dt", name), build_tag("dd", value), build_tag("dd", more, class_="more")
                    )
                    for name, value, more in _list_tiles(run)
                ),
                class_="tiles",
            ),
        ]
    )


def _list_tiles(run: Run) -> Iterator[tuple[str, object, object]]:
    show = run.show
    deepest, longest = (run.read("performance", each, "value") for each in ("deepest", "longest"))
    yield (
        "deepest drawdown",
        show("performance", "max_drawdown"),
        UNDEFINED
        if deepest is None
        else join_html(
            [
                show("performance", "deepest", "value", "peak_day"),
                " to ",
                show("performance", "deepest", "value", "trough_day"),
                ", longest ",
                UNDEFINED if longest is None else show("performance", "longest", "value", "days", unit="days"),
            ]
        ),
    )
    for name, kind, told in (
        ("day", "day_loss", "day"),
        ("trade", "trade_loss", "product"),
        ("product", "product_loss", "name"),
    ):
        if run.read("largest", kind) is not None:
            yield f"worst {name}", show("largest", kind, "net", unit=MONEY), show("largest", kind, told)
    yield "losses in a row", show("trades", "losses_in_a_row"), join_html(["of ", show("trades", "trades"), " trades"])
    yield "net", show("costs", "net"), join_html(["gross ", show("costs", "gross")])
    yield "total return", show("performance", "total_return"), join_html(_tell_held(run))
    interval = run.read("intervals", "sharpe", "value")
    yield (
        "Sharpe",
        show("performance", "sharpe"),
        UNDEFINED if interval is None else join_html(["95 %: ", show("intervals", "sharpe")]),
    )
    yield (
        "fee paid a side",
        show("activity", "fee_ratio"),
        join_html(["break-even ", show("activity", "break_even_fee"), ", fees ", show("costs", "fees")]),
    )
    alpha = run.read("benchmarks", "against_btc", "alpha", "value")
    if alpha is not None:
        against = ("benchmarks", "against_btc")
        yield (
            "alpha against BTC",
            show(*against, "alpha"),
            join_html(["t ", show(*against, "t_alpha"), ", beta ", show(*against, "beta")]),
        )


def _tell_held(run: Run) -> Iterator[object]:
    told = [
        join_html([name, " ", run.show("benchmarks", key, "performance", "total_return")])
        for key, name in (("btc_held", "BTC held"), ("equal_weight_held", "equal weight"))
        if run.read("benchmarks", key) is not None
    ]
    yield join_html(told, ", ") if told else "no benchmark has a price on the first day"
