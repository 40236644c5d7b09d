"""Every trade with its reason. Cells have no markup of their own, so that five thousand of them fit into the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.backtest.report.markup import Html, build_frame, build_tag, join_html
from desk.backtest.report.values import MONEY, PERCENT, PRICE, UNDEFINED, Run, show_figure, write_value
from desk.counting import write_count
from desk.journal.words import write_when
from trader.model.ids import Instant

#: What a trade takes in the picture of its product: a stop, an entry, an exit.
_MARKS = 48
#: The style sheet prints no more.
_PRINTED = 500
_WHEN, _TEXT = "when", "text"
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "product": ("product", _TEXT),
    "net": ("net", MONEY),
    "reason": ("bought because", _TEXT),
    "exit_reason": ("sold because", _TEXT),
    "return_ratio": ("return", PERCENT),
    "r_multiple": ("R", "R"),
    "opened_at": ("opened", _WHEN),
    "closed_at": ("closed", _WHEN),
    "quantity": ("quantity", PRICE),
    "entry_price": ("entry", PRICE),
    "stop": ("first stop", PRICE),
    "exit_price": ("exit", PRICE),
    "fees": ("fees", MONEY),
    "mfe": ("best", PERCENT),
    "mae": ("worst", PERCENT),
    "strategy": ("strategy", _TEXT),
}
#: Of a lot that is held: what is left of it, its mark and what it is worth, in place of how it ended.
_OPEN = {"left": ("left", PRICE), "mark": ("mark", PRICE), "value": ("value", MONEY)}
_ENDED = ("closed_at", "exit_reason", "exit_price", "r_multiple", "mfe", "mae")


def build_rows(run: Run) -> Mapping[int, Html]:
    """Build the row of every trade, by its place in the document."""
    columns = _choose_columns(run)
    return {number: _build_row(each, columns) for number, each in enumerate(run.read("round_trips", "rows"))}


def build_trades(run: Run, rows: Mapping[int, Html], kept: Sequence[int]) -> Html:
    """Build the table of the trades that are kept, in the order in which they were closed, and of what is held."""
    lots, columns = run.read("open_lots", "rows"), _choose_columns(run)
    left_out = len(rows) - len(kept)
    count = write_count(len(rows), "trade")
    held = {name: each for name, each in columns.items() if name not in _ENDED} | _OPEN
    told = f"; {left_out} with the smallest gains and losses are only in the JSON, not in this page" if left_out else ""
    field = build_tag("input", type="search", id="filter", placeholder="filter: product, reason, 2025-10 …")
    return join_html(
        [
            build_tag("h2", "Trades", id="trades"),
            build_tag("p", f"{count}{told}. ", run.read("round_trips", "convention"), class_="note"),
            build_tag(
                "p",
                build_tag("label", "Filter ", field),
                " ",
                build_tag("output", for_="filter"),
                class_="filter",
                hidden=True,
            ),
            build_tag("p", f"On paper the first {_PRINTED} of them, as they are sorted.", class_="paper note")
            if len(kept) > _PRINTED
            else "",
            _build_table(run, "round_trips", columns, [(each, rows[each]) for each in kept], "Trades", "trips"),
            build_tag("h2", "Open lots", id="open"),
            build_tag("p", run.read("open_lots", "convention"), class_="note"),
            _build_table(
                run,
                "open_lots",
                held,
                [(number, _build_row(each, held)) for number, each in enumerate(lots)],
                "Open lots",
                "lots",
            )
            if lots
            else build_tag("p", "None."),
        ]
    )


def choose_rows(trips: Sequence[Mapping[str, Any]], rows: Mapping[int, str], bytes_max: int) -> list[int]:
    """Choose trades that fit with their marks: all, or those with the greatest gains and losses, in their order."""
    kept, room = [], bytes_max
    for number in sorted(rows, key=lambda each: (-abs(float(trips[each]["net"] or 0)), each)):
        room -= len(rows[number].encode()) + _MARKS
        if room < 0:
            break
        kept.append(number)
    return sorted(kept)


def _choose_columns(run: Run) -> Mapping[str, tuple[str, str]]:
    """Return all columns, without the strategy where there is but one."""
    names = {each["strategy"] for kind in ("round_trips", "open_lots") for each in run.read(kind, "rows")}
    return {name: each for name, each in _COLUMNS.items() if name != "strategy" or len(names) > 1}


def _build_table(
    run: Run,
    section: str,
    columns: Mapping[str, tuple[str, str]],
    rows: Sequence[tuple[int, Html]],
    caption: str,
    name: str,
) -> Html:
    head = [build_tag("th", "#", scope="col")]
    head += [
        build_tag("th", told, scope="col", data_field=field, data_unit=unit) for field, (told, unit) in columns.items()
    ]
    body = join_html(Html(f"<tr><td>{number + 1}{row}") for number, row in rows)
    table = build_tag(
        "table",
        build_tag("caption", caption),
        build_tag("thead", build_tag("tr", *head)),
        build_tag("tbody", body),
        id=name,
        class_="wide many" if len(rows) > _PRINTED else "wide",
        data_rows=f"{run.model}/{section}/rows",
    )
    return build_frame(table, caption)


def _build_row(trip: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> Html:
    return join_html(_list_cells(trip, columns))


def _list_cells(trip: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> Iterator[object]:
    for field, (_, unit) in columns.items():
        value = trip[field]
        if unit in {_WHEN, _TEXT}:
            yield Html("<td>")
            yield UNDEFINED if value is None else (write_when(Instant(value)) if unit == _WHEN else value)
        else:
            # Only the net is colored: a page full of color says nothing.
            yield show_figure(value, unit, field) if field == "net" else _show_plain(value, unit)


def _show_plain(value: Any, unit: str) -> Html:
    return Html(f"<td>{write_value(value, unit)}")
