"""``trader backtest list | show | diff``: the backtests that are kept, what each came to, and where two part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer

from desk.backtest.archive import FINISHED, SECTIONS, Archive, StoredBacktest
from desk.cli.backtest_report import ReportOption, check_report, write_report
from desk.cli.columns import Column, Row, fold_words, render_table
from desk.cli.market_options import HOME, HomeOption
from desk.cli.options import AsJson
from desk.cli.screen import measure_width, print_lines
from desk.counting import write_count
from trader.errors import LedgerCorrupt

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the beginning of it.")]

_UNKNOWN = "–"
#: Of each backtest in the list, by section and name of the figure.
HEADLINES = {
    "return %": ("performance", "total_return"),
    "drawdown %": ("performance", "max_drawdown"),
    "trades": ("trades", "trades"),
    "fees": ("costs", "fees"),
}
_SERIES_SHOWN = 6


def list_command(home: HomeOption = HOME, as_json: AsJson = False) -> None:
    """List the backtests that are kept, the newest first. Ends with 1 if one cannot be read."""
    archive = Archive(home)
    found = archive.list_stored()
    kept = [each for each in found if isinstance(each, StoredBacktest)]
    damaged = [each for each in found if not isinstance(each, StoredBacktest)]
    if as_json:
        pages = [{"name": each.name, "state": each.state, **each.page} for each in kept]
        print(json.dumps({"backtests": pages, "damaged": damaged}, ensure_ascii=False))
    elif kept:
        print_lines(render_table(_list_columns(), list(_list_rows(kept)), measure_width()))
    elif not damaged:
        print(f"no backtests in {archive.folder}; trader backtest makes one")
    if damaged:
        raise LedgerCorrupt("; ".join(damaged))


def show(name: NameArgument, report: ReportOption = None, home: HomeOption = HOME, as_json: AsJson = False) -> None:
    """Print every figure of a backtest that is kept; with --json its documents, with --report also its page."""
    check_report(report)
    stored = Archive(home).find(name)
    if report is not None:
        write_report(stored, report)
    if as_json:
        print(json.dumps(stored.documents, ensure_ascii=False, sort_keys=True))
        return
    width = measure_width()
    print_lines(line for text in _tell_page(stored) for line in fold_words(text, width, "  "))
    for model, document in stored.documents.items():
        print_lines(["", *render_table(_name_figures([model]), list(_list_figures([document])), width)])


def diff(
    left: Annotated[str, typer.Argument(metavar="A", help="Its name, or the beginning of it.")],
    right: Annotated[str, typer.Argument(metavar="B", help="That of the other one.")],
    home: HomeOption = HOME,
    as_json: AsJson = False,
) -> None:
    """Compare two backtests: code, settings, candles and what was asked, then every figure that is not the same."""
    archive = Archive(home)
    pair = archive.find(left), archive.find(right)
    causes, figures = list(_list_causes(*pair)), list(_list_differences(*pair))
    if as_json:
        print(json.dumps({"causes": causes, "figures": figures}, ensure_ascii=False))
        return
    width, names = measure_width(), [each.name for each in pair]
    if causes:
        print_lines(render_table(_name_pair("what", names), causes, width))
    else:
        print("the same code, settings, candles and instants")
    told = render_table(_name_pair("figure", names), figures, width) if figures else ["every figure is the same"]
    print_lines(["", *told])


# --- one


def _tell_page(stored: StoredBacktest) -> Iterator[str]:
    page = stored.page
    yield f"{stored.name}, {_tell_state(stored)}, in {stored.path}"
    yield f"{page['from']} to {page['to']}, {write_count(page['ticks'], 'tick')}, {page['granularity']}"
    yield f"{', '.join(page['strategies']) or 'no strategy'} on {', '.join(page['products'])}"


def _tell_state(stored: StoredBacktest) -> str:
    if stored.state == FINISHED:
        return FINISHED
    done = (f"{model} {count}" for model, count in stored.page["done"].items())
    return f"interrupted: {', '.join(done)} of {stored.page['ticks']} ticks"


def _name_figures(models: Sequence[str]) -> list[Column]:
    def column(head: str, place: int) -> Column:
        return Column(head, lambda row: str(row["values"][place]), is_number=True)

    values = (column(each, place) for place, each in enumerate(models))
    name, unit = Column("figure", lambda row: str(row["name"])), Column("unit", lambda row: str(row["unit"]), rank=1)
    return [name, *values, unit]


def _list_figures(documents: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for section in SECTIONS:
        # One that another release made may have a figure more, or less.
        units = {name: each["unit"] for document in documents for name, each in document["content"][section].items()}
        for name, unit in units.items():
            figures = [each["content"][section].get(name, {"value": None}) for each in documents]
            values = [_write(each["value"]) for each in figures]
            yield {"name": f"{section}.{name}", "values": values, "unit": unit}


def _write(value: Any) -> str:
    if value is None:
        return _UNKNOWN
    if isinstance(value, float):
        return format(value, ".6g")
    if isinstance(value, Mapping) and "peak_day" in value:
        return f"{value['peak_day']} to {value['recovered_day'] or 'the end'}"
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_write(each)}" for name, each in value.items())
    return str(value)


# --- all of them


def _list_columns() -> list[Column]:
    def column(head: str, rank: int, *, is_number: bool = False) -> Column:
        return Column(head, lambda row: str(row[head]), rank, is_number=is_number)

    heads = (column(head, rank + 1, is_number=True) for rank, head in enumerate(HEADLINES))
    return [column("name", 0), column("from", 0), column("to", 0), column("strategies", 6), column("fills", 0), *heads]


def _list_rows(kept: Sequence[StoredBacktest]) -> Iterator[Row]:
    for stored in kept:
        page = stored.page
        shared = {
            "name": stored.name,
            "from": page["from"].removesuffix("T00:00:00Z"),
            "to": page["to"].removesuffix("T00:00:00Z"),
            "strategies": ",".join(page["strategies"]),
        }
        for model, count in page["done"].items():
            document = stored.documents.get(model)
            state = model if count == page["ticks"] else f"{model}, {count} of {page['ticks']}"
            yield {**shared, "fills": state, **{head: tell_headline(document, *at) for head, at in HEADLINES.items()}}


def tell_headline(document: Mapping[str, Any] | None, section: str, name: str) -> str:
    """Write one figure of a document for a column of a list."""
    if document is None:
        return _UNKNOWN
    figure = document["content"][section][name]
    value = figure["value"]
    if isinstance(value, float) and figure["unit"] == "ratio":
        return f"{value * 100:.2f}"
    return format(Decimal(value), ".2f") if isinstance(value, str) else _write(value)


# --- two of them


def _name_pair(head: str, names: Sequence[str]) -> list[Column]:
    return [
        Column(head, lambda row: str(row["what"])),
        Column(names[0], lambda row: str(row["a"]), is_number=True),
        Column(names[1] if names[1] != names[0] else f"{names[1]} again", lambda row: str(row["b"]), is_number=True),
    ]


def _list_causes(left: StoredBacktest, right: StoredBacktest) -> Iterator[Row]:
    a, b = left.page["identity"], right.page["identity"]
    if a["code"] != b["code"]:
        yield {"what": "code", "a": a["code"][:12], "b": b["code"][:12]}
    yield from _list_changes(left.read_settings(), right.read_settings(), without=("digest",))
    yield from _list_changes(_head("--", a["asked"]), _head("--", b["asked"]))
    changed = list(_list_changes(_head("candles of ", a["data"]), _head("candles of ", b["data"])))
    yield from changed[:_SERIES_SHOWN]
    if len(changed) > _SERIES_SHOWN:
        yield {"what": f"and {len(changed) - _SERIES_SHOWN} more series", "a": "", "b": ""}


def _head(head: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{head}{name}": each for name, each in values.items()}


def _list_changes(a: Mapping[str, Any], b: Mapping[str, Any], without: Sequence[str] = ()) -> Iterator[Row]:
    for name in sorted({*a, *b} - {*without}):
        if a.get(name) != b.get(name):
            yield {"what": name, "a": _write(a.get(name)), "b": _write(b.get(name))}


def _list_differences(left: StoredBacktest, right: StoredBacktest) -> Iterator[Row]:
    for model in left.documents:
        if model not in right.documents:
            continue
        for row in _list_figures([left.documents[model], right.documents[model]]):
            a, b = row["values"]
            if a != b:
                yield {"what": f"{model}: {row['name']}", "a": a, "b": b}
