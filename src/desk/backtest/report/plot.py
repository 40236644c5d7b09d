"""Plots as inline SVG without a library: lines and areas that stretch with the page, and labels that do not.

The picture is stretched to the width there is, so strokes keep their width and points are ends of strokes, which
stay round or square; labels are HTML laid over it, at places in percent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil, floor, log10

from desk.backtest.report.markup import Html, build_tag, join_html

#: Units of a picture, whatever its size on a screen.
WIDTH, HEIGHT = 2000, 1000
_TICKS, _DATES = 5, 8
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = 86_400
_ROOM = 0.04
_EDGE = 0.04
Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from *low* to *high* on a line of *size* units; upside down if it is an ordinate."""

    low: float
    high: float
    size: int = WIDTH

    def place(self, value: float) -> int:
        """Return where a value lies, in units from the left."""
        return round((value - self.low) / (self.high - self.low) * self.size)

    def place_down(self, value: float) -> int:
        """Return where a value lies, in units from the top."""
        return self.size - self.place(value)


def fit_scale(values: Iterable[float | None], *, with_zero: bool = False) -> Scale:
    """Return a scale that holds all values and a little room above and below."""
    known = [each for each in values if each is not None] or [0.0]
    low, high = min(known), max(known)
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    # Zero is the edge of a scale that has values on one side of it only.
    begins, ends = with_zero and low == 0 < high, with_zero and high == 0 > low
    return Scale(low if begins else low - room, high if ends else high + room, HEIGHT)


def list_ticks(scale: Scale, count: int = _TICKS) -> list[float]:
    """List round numbers within a scale, about so many."""
    step = (scale.high - scale.low) / count
    size = 10.0 ** floor(log10(step))
    step = next(each * size for each in (1, 2, 5, 10) if each * size >= step * 0.999)
    return [number * step for number in range(ceil(scale.low / step), floor(scale.high / step) + 1)]


def list_dates(start: int, end: int) -> list[tuple[int, str]]:
    """List instants for the labels of a time axis, a handful at most, each with its label."""
    first = datetime.fromtimestamp(start, UTC).date()
    last = datetime.fromtimestamp(end, UTC).date()
    days = (last - first).days
    for step in (1, 2, 7, 14):
        if days <= step * (_DATES - 1):
            dates = [first + timedelta(number * step) for number in range(days // step + 1)]
            return [
                (at, f"{each.day} {MONTHS[each.month - 1]}")
                for each in dates
                if start <= (at := _to_instant(each)) <= end
            ]
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((each for each in (1, 2, 3, 6, 12, 24, 60) if months <= each * (_DATES - 1)), 120)
    begin = first.year * 12 + first.month - 1
    dates = [date(each // 12, each % 12 + 1, 1) for each in range(begin, begin + months) if each % step == 0]
    return [
        (at, str(each.year) if step >= 12 else f"{MONTHS[each.month - 1]} {each.year}")
        for each in dates
        if start <= (at := _to_instant(each)) <= end
    ]


def _to_instant(day: date) -> int:
    return day.toordinal() * _DAY - date(1970, 1, 1).toordinal() * _DAY


def build_line(xs: Sequence[int], values: Values, scale: Scale) -> str:
    """Build the path of a line that is broken where a value is missing."""
    parts: list[str] = []
    is_drawing = False
    for x, value in zip(xs, values, strict=True):
        if value is not None:
            parts.append(f"{'' if is_drawing else 'M'}{x} {scale.place_down(value)}")
        is_drawing = value is not None
    return " ".join(parts)


def build_band(xs: Sequence[int], lows: Values, highs: Values, scale: Scale) -> str:
    """Build the path of the area between two lines, in as many pieces as there are without a missing value."""
    pieces: list[list[int]] = [[]]
    for number, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low is None or high is None:
            pieces.append([])
        else:
            pieces[-1].append(number)

    def build_piece(piece: Sequence[int]) -> str:
        over = [(xs[each], highs[each]) for each in piece]
        under = [(xs[each], lows[each]) for each in reversed(piece)]
        told = " ".join(f"{x} {scale.place_down(value)}" for x, value in (*over, *under) if value is not None)
        return f"M{told}Z"

    return "".join(build_piece(piece) for piece in pieces if piece)


def build_path(d: str, class_: str) -> Html:
    """Build a path of a class; nothing for an empty one."""
    return build_tag("path", d=d, class_=class_) if d else Html("")


def build_plot(
    paths: Iterable[Html],
    label: str,
    marks: Iterable[tuple[int, str]],
    dates: Iterable[tuple[int, str]],
    class_: str = "",
    **attributes: object,
) -> Html:
    """Build a plot: its paths, a sentence that says what is in it, and labels at units from the top and the left."""
    marks, dates = list(marks), list(dates)
    grid = build_path("".join(f"M0 {y}H{WIDTH}" for y, _ in marks), "grid")
    picture = build_tag(
        "svg",
        grid,
        *paths,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
        **attributes,
    )
    ordinate = (build_tag("span", told, style=f"top:{y / HEIGHT:.1%}") for y, told in marks)
    abscissa = (
        build_tag("span", told, style=f"left:{x / WIDTH:.1%}", class_=_choose_side(x / WIDTH)) for x, told in dates
    )
    return build_tag(
        "div",
        build_tag("div", picture, class_="picture"),
        build_tag("div", *ordinate, class_="ordinate", aria_hidden="true"),
        build_tag("div", *abscissa, class_="abscissa", aria_hidden="true"),
        class_=f"plot {class_}".strip(),
    )


def _choose_side(place: float) -> str | None:
    """Return on which side of its place a label stands, where it would hang over an edge."""
    return "right" if place < _EDGE else ("left" if place > 1 - _EDGE else None)


def build_legend(entries: Iterable[tuple[str, object]]) -> Html:
    """Build a legend from classes of paths and what each is."""
    return build_tag(
        "ul",
        *(
            build_tag("li", build_tag("i", class_=f"key {name}", aria_hidden="true"), join_html([" ", told]))
            for name, told in entries
        ),
        class_="legend",
    )
