"""Every number that the page prints is one of the JSON, and every figure of the JSON is in the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from desk.backtest.archive import StoredBacktest
from desk.backtest.figures import conventions
from desk.backtest.figures.summary import summarize_backtest
from desk.backtest.report.page import build_report
from factories_figures import BooksMaker, hourly_prices
from factories_report import a_kept_backtest, a_large_summary, a_summary, keep_backtest, many_prices

Attributes = dict[str, str | None]


@dataclass
class Table:
    """A table as it is read: the attributes of it and of its heads, and the text of each cell."""

    about: Attributes
    heads: list[Attributes] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


class Page(HTMLParser):
    """What a page holds: its figures, its tables, its pictures, and the text that people read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.figures: list[tuple[Attributes, str]] = []
        self.months: dict[str, str] = {}
        self.tables: list[Table] = []
        self.pictures: list[Attributes] = []
        self.paths: list[tuple[Attributes, Attributes]] = []
        self._figure: Attributes | None = None
        self._month: str | None = None
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "data":
            self._figure = about
            self.figures.append((about, ""))
        elif "data-month" in about:
            self._month = about["data-month"]
        elif tag == "table":
            self.tables.append(Table(about))
        elif tag == "th" and about.get("scope") == "col":
            self.tables[-1].heads.append(about)
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag == "td":
            self.tables[-1].rows[-1].append("")
            self._in_cell = True
        elif tag == "svg":
            self.pictures.append(about)
        elif tag == "path":
            self.paths.append((self.pictures[-1], about))

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self._figure = None
        elif tag in {"td", "table"}:
            self._in_cell = False
        elif tag == "span":
            self._month = None

    def handle_data(self, data: str) -> None:
        if self._figure is not None:
            about, told = self.figures[-1]
            self.figures[-1] = about, told + data
        if self._month is not None:
            self.months[self._month] = data
        if self._in_cell:
            self.tables[-1].rows[-1][-1] += data


def read_place(stored: StoredBacktest, place: str) -> Any:
    """What stands at a place of the documents."""
    model, *rest = place.split("/")
    value: Any = stored.documents[model]["content"]
    for each in rest:
        value = value[int(each)] if isinstance(value, list) else value[each]
    return value


def is_rounded(shown: str, value: Any) -> bool:
    """Whether what is shown is the value, but for a rounding at its last digit."""
    if value is None:
        return shown in {"–", ""}
    if isinstance(value, str) and not value.lstrip("-").replace(".", "", 1).isdigit():
        return shown == value
    digits = shown.replace(",", "").removesuffix(" days").removesuffix(" day")
    is_percent = digits.endswith(" %")
    read = Decimal(digits.removesuffix(" %"))
    last = Decimal(1).scaleb(int(read.as_tuple().exponent))
    exact = Decimal(str(value)) * (100 if is_percent else 1)
    return abs(read - exact) <= last / 2 or float(read) == pytest.approx(float(exact), rel=1e-7)


def check_rows(stored: StoredBacktest, table: Table) -> int:
    """Compare each cell of a table of rows with its field; returns how many were compared."""
    rows = read_place(stored, str(table.about["data-rows"]))
    count = 0
    for cells in table.rows[1:]:
        row = rows[int(cells[0]) - 1]
        assert len(cells) == len(table.heads)
        for shown, head in zip(cells[1:], table.heads[1:], strict=True):
            value = row[head["data-field"]]
            if head["data-unit"] == "when":
                value = None if value is None else f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"
            assert shown == value if head["data-unit"] == "text" else is_rounded(shown, value), (shown, value, head)
            count += 1
    return count


def check_columns(stored: StoredBacktest, table: Table) -> int:
    """Compare each cell of a table of columns with its place; returns how many were compared."""
    count = 0
    for place, head in enumerate(table.heads):
        values = read_place(stored, str(head["data-column"]))
        shown = [cells[place] for cells in table.rows[1:]]
        assert len(values) == len(shown)
        assert all(is_rounded(told, value) for told, value in zip(shown, values, strict=True)), head
        count += len(values)
    return count


def check_figures(stored: StoredBacktest, page: Page) -> None:
    """Compare every figure with its place: the exact value beside it, and what people read."""
    for about, shown in page.figures:
        value = read_place(stored, str(about["data-at"]))
        assert about["value"] == ("null" if value is None else str(value)), about
        # A span of seconds is told in words.
        assert str(about["data-at"]).endswith("held_seconds/value") or is_rounded(shown, value), (about, shown)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> StoredBacktest:
    """Three fill models."""
    return a_kept_backtest(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> StoredBacktest:
    """Many trades of many products in nine months and a half, by one fill model."""
    summary = a_large_summary(400, days=290, products=5)
    return keep_backtest(tmp_path_factory.mktemp("large"), {"pessimistic": summary}, many_prices(5, 290))


@pytest.mark.parametrize("name", ["small", "large"])
def test_every_number_is_that_of_the_json(name: str, request: pytest.FixtureRequest) -> None:
    """All of them: figures by their places, cells by their rows or columns."""
    stored: StoredBacktest = request.getfixturevalue(name)
    page = Page(build_report(stored))
    by_rows = [each for each in page.tables if "data-rows" in each.about]
    by_columns = [each for each in page.tables if any("data-column" in head for head in each.heads)]

    check_figures(stored, page)
    assert len(page.figures) > 150
    assert ["trips", "lots"] == [each.about["id"] for each in by_rows]
    content = next(iter(stored.documents.values()))["content"]
    assert [len(content[each]["rows"]) for each in ("round_trips", "open_lots")] == [len(e.rows) - 1 for e in by_rows]
    assert all(check_rows(stored, each) for each in by_rows)
    assert ["days"] == [each.about["id"] for each in by_columns]
    assert check_columns(stored, by_columns[0]) == 8 * len(content["curve"]["days"])


def list_leaves(value: Any, place: str) -> list[str]:
    """The places of all plain values of a figure."""
    if not isinstance(value, dict):
        return [place]
    return [leaf for name, each in value.items() for leaf in list_leaves(each, f"{place}/{name}")]


@pytest.mark.parametrize("name", ["small", "large"])
def test_every_figure_is_in_the_page(name: str, request: pytest.FixtureRequest) -> None:
    """Of every fill model, and of every section that has a convention, down to the last value."""
    stored: StoredBacktest = request.getfixturevalue(name)
    places = {str(about["data-at"]) for about, _ in Page(build_report(stored)).figures}
    figures = [
        f"{model}/{'benchmarks/' if section == 'against_btc' else ''}{section}/{each}/value"
        for model in stored.documents
        for section, told in conventions.SECTIONS.items()
        for each in told
    ]
    wanted = {leaf for place in figures for leaf in list_leaves(read_place(stored, place), place)}

    assert len(wanted) > 55 * len(stored.documents)
    assert set() == wanted - places


def test_sentences_of_the_conventions_stand_beside_the_figures(small: StoredBacktest) -> None:
    """As in the JSON."""
    text = build_report(small).replace("&#x27;", "'")

    for figures in conventions.SECTIONS.values():
        for each in figures.values():
            assert each.sentence in text


def test_months_are_the_returns_of_a_unit(large: StoredBacktest) -> None:
    """From the last day of the month before to its own."""
    content = large.documents["pessimistic"]["content"]
    shown = Page(build_report(large)).months
    last = {day[:7]: nav for day, nav in zip(content["curve"]["days"], content["curve"]["nav"], strict=True)}
    months = [*last]

    assert [*shown] == months
    assert len(months) == 10
    for before, month in zip([None, *months], months, strict=False):
        change = last[month] / (last[before] if before else 1.0) - 1
        assert is_rounded(shown[month], change)


def test_pictures_of_prices_have_every_entry_exit_and_stop(large: StoredBacktest) -> None:
    """Each where its instant and its price are, within a pixel."""
    content = large.documents["pessimistic"]["content"]
    page = Page(build_report(large))
    pictures = {str(each["data-product"]): each for each in page.pictures if "data-product" in each}
    trips = [*content["round_trips"]["rows"], *content["open_lots"]["rows"]]

    assert {each["product"] for each in trips} == set(pictures)
    for product, about in pictures.items():
        low, high, start, end = (float(about[f"data-{each}"] or 0) for each in ("low", "high", "start", "end"))
        mine = [each for each in trips if each["product"] == product]

        def list_ends(kind: str, own: Attributes = about) -> list[tuple[float, float]]:
            paths = [str(path["d"]) for picture, path in page.paths if picture is own and path["class"] == kind]
            ends = [each.split("h")[0].split("H")[0].split() for path in paths for each in path.split("M")[1:]]
            return sorted((int(x), int(y)) for x, y in ends)

        def place(trip: dict[str, Any], at: str, price: str) -> tuple[float, float]:
            x = (trip[at] - start) / (end - start) * 2000  # noqa: B023 - asked at once
            y = (1 - (float(trip[price]) - low) / (high - low)) * 1000  # noqa: B023
            return x, y

        sold = [each for each in mine if each["closed_at"] is not None]
        won = [place(each, "closed_at", "exit_price") for each in sold if Decimal(each["net"]) > 0]
        lost = [place(each, "closed_at", "exit_price") for each in sold if Decimal(each["net"]) <= 0]
        wanted = {
            "dot entry": [place(each, "opened_at", "entry_price") for each in mine],
            "line stop": [place(each, "opened_at", "stop") for each in mine],
            "dot won": won,
            "dot lost": lost,
        }
        for kind, places in wanted.items():
            found = list_ends(kind)
            assert len(found) == len(places) > 0
            for x, y in places:
                assert min(abs(x - a) + abs(y - b) for a, b in found) <= 1.5


def test_undefined_is_a_dash(tmp_path: Path) -> None:
    """A run without a trade, of which most figures are undefined, has a page all the same."""
    nothing = summarize_backtest(BooksMaker().record(days=1), hourly_prices(DOGE=[1.0]))
    stored = keep_backtest(tmp_path, {"neutral": nothing})
    page = Page(build_report(stored))

    check_figures(stored, page)
    assert [shown for about, shown in page.figures if about["data-at"] == "neutral/performance/sharpe/value"] == [
        "–"
    ] * 3
    assert not [each for each in page.pictures if "data-product" in each]


def test_unpriced_lot_has_a_page(tmp_path: Path) -> None:
    """Nobody knows the equity at the end, nor what the lot is worth."""
    summary = a_summary()
    record = replace(summary.record, equity=None)
    costs = replace(summary.costs, gross=None, net=None)
    stored = keep_backtest(tmp_path, {"neutral": replace(summary, record=record, costs=costs)})
    text = build_report(stored)

    check_figures(stored, Page(text))
    assert "gross and net are unknown" in text
    assert (
        "No prices were kept with this backtest: a sweep keeps none. Run without --sweep, the same keeps them." in text
    )
