"""The price of each product that was traded, with every entry, exit and stop where it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from desk.backtest.report.markup import Html, build_tag, join_html
from desk.backtest.report.plot import (
    Scale,
    build_band,
    build_legend,
    build_line,
    build_path,
    build_plot,
    fit_scale,
    list_dates,
    list_ticks,
)
from desk.backtest.report.values import MONEY, Run
from desk.counting import write_count
from desk.journal.words import write_number

#: More pictures than these make the page too large; the others are told.
PRODUCTS_MAX = 20
Trip = Mapping[str, Any]


def build_products(run: Run, prices: Mapping[str, Any], kept: Sequence[int]) -> Html:
    """Build a picture for each product that was traded, the greatest loss first, with these trades and what is held."""
    rows = run.read("round_trips", "rows")
    trips = [*(rows[each] for each in kept), *run.read("open_lots", "rows")]
    shares = list(run.read("attribution", "by_product"))
    names = [each["name"] for each in shares if each["name"] in prices]
    idle = [each for each in run.read("run", "products") if each not in {share["name"] for share in shares}]
    parts: list[object] = [build_tag("h2", "Prices, entries, exits and stops", id="products")]
    if names:
        parts += [
            _build_key(),
            build_tag(
                "div",
                *(
                    _build_product(run, number, prices[each["name"]], trips)
                    for number, each in enumerate(shares)
                    if each["name"] in names[:PRODUCTS_MAX]
                ),
                class_="pictures",
            ),
        ]
    elif shares:
        parts.append(
            build_tag(
                "p",
                "No prices were kept with this backtest: a sweep keeps none. Run without --sweep, the same keeps them.",
            )
        )
    if len(names) > PRODUCTS_MAX:
        parts.append(build_tag("p", f"Not drawn: {', '.join(names[PRODUCTS_MAX:])}."))
    if idle:
        parts.append(build_tag("p", f"Never bought: {', '.join(idle)}."))
    return join_html(parts)


def _build_key() -> Html:
    return build_legend(
        [
            ("line price", "close, in the band from low to high"),
            ("dot entry", "entry"),
            ("dot won", "exit with a gain"),
            ("dot lost", "exit with a loss"),
            ("line stop", "first stop, while it was held"),
        ]
    )


def _build_product(run: Run, number: int, series: Mapping[str, Any], every: Sequence[Trip]) -> Html:
    share = run.read("attribution", "by_product", number)
    name = share["name"]
    trips = [each for each in every if each["product"] == name]
    start, step, count = series["start"], series["step"], len(series["close"])
    times = Scale(start, start + step * count)
    scale = fit_scale([*series["low"], *series["high"], *_list_prices(trips)])
    xs = [times.place(start + step * place + step // 2) for place in range(count)]
    paths = [
        build_path(build_band(xs, series["low"], series["high"], scale), "area price"),
        build_path(build_line(xs, series["close"], scale), "line price"),
        *_build_trips(trips, times, scale),
    ]
    dates = [(times.place(at), told) for at, told in list_dates(start, start + step * count)]
    marks = [(scale.place_down(each), write_number(each)) for each in list_ticks(scale, 4)]
    plot = build_plot(
        paths,
        f"Price of {name} with {write_count(len(trips), 'entry', 'entries')}; the table of trades has each of them.",
        marks,
        dates,
        data_product=name,
        data_start=start,
        data_end=start + step * count,
        data_low=f"{scale.low:.8g}",
        data_high=f"{scale.high:.8g}",
    )
    told = build_tag(
        "p",
        run.show("attribution", "by_product", number, "trades", unit="count"),
        " trades, ",
        run.show("attribution", "by_product", number, "wins", unit="count"),
        " won, fees ",
        run.show("attribution", "by_product", number, "fees", unit=MONEY),
        ", net ",
        run.show("attribution", "by_product", number, "net", unit=MONEY),
    )
    return build_tag("section", build_tag("h3", name), told, plot)


def _list_prices(trips: Sequence[Trip]) -> Iterator[float]:
    for each in trips:
        for price in (each["entry_price"], each["exit_price"], each["stop"]):
            if price is not None and Decimal(price) > 0:
                yield float(price)


def _build_trips(trips: Sequence[Trip], times: Scale, scale: Scale) -> Iterator[Html]:
    """Build the stops as lines and the trades as ends of strokes: as many in one path as there are of a kind."""

    def place(trip: Trip, at: str, price: str) -> str:
        return f"M{times.place(trip[at])} {scale.place_down(float(trip[price]))}"

    stops = (f"{place(each, 'opened_at', 'stop')}H{_place_end(each, times)}" for each in trips)
    sold = [each for each in trips if each["closed_at"] is not None and each["exit_price"] is not None]
    yield build_path("".join(stops), "line stop")
    yield build_path("".join(f"{place(each, 'opened_at', 'entry_price')}h0" for each in trips), "dot entry")
    for name, has_won in (("won", True), ("lost", False)):
        exits = (each for each in sold if (Decimal(each["net"]) > 0) is has_won)
        yield build_path("".join(f"{place(each, 'closed_at', 'exit_price')}h0" for each in exits), f"dot {name}")


def _place_end(trip: Trip, times: Scale) -> int:
    return times.size if trip["closed_at"] is None else times.place(trip["closed_at"])
