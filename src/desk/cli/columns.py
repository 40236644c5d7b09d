"""Tables that are never cut: where a terminal is too narrow, whole columns are left out, the least important first."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

_GAP = "  "

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, how a row is written in it, and its rank: 0 is always shown, the highest goes first."""

    head: str
    write: Callable[[Row], str]
    rank: int = 0
    is_number: bool = False


def choose_columns(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Column]:
    """Choose the columns for which there is room; those of rank 0 are always among them."""
    shown = list(columns)
    while _measure(shown, rows) > width and any(column.rank for column in shown):
        shown.remove(max(reversed(shown), key=lambda column: column.rank))
    return shown


def render_table(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[str]:
    """Lay rows out, a line each below two lines of head, as wide as *width* if the columns of rank 0 fit into it."""
    shown = choose_columns(columns, rows, width)
    widths = [_measure_column(column, rows) for column in shown]
    heads = _join(shown, [column.head for column in shown], widths)
    lines = (_join(shown, [column.write(row) for column in shown], widths) for row in rows)
    return [heads, _GAP.join("─" * each for each in widths), *lines]


def write_csv(rows: Iterable[Row], names: Sequence[str]) -> str:
    """Write rows as CSV, every number in full."""
    file = io.StringIO()
    writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if row.get(name) is None else row[name] for name in names} for row in rows)
    return file.getvalue()


def fold_words(text: str, width: int, indent: str) -> list[str]:
    """Break a text at its spaces, but not before a %, so that no line is wider; what has no space stays whole."""
    lines: list[str] = []
    line = ""
    for word in re.split(r" (?!%)", text.strip()):
        if line and cell_len(f"{line} {word}") > width:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _measure(columns: Sequence[Column], rows: Sequence[Row]) -> int:
    return sum(_measure_column(each, rows) for each in columns) + len(_GAP) * (len(columns) - 1)


def _measure_column(column: Column, rows: Sequence[Row]) -> int:
    return max(map(cell_len, (column.head, *(column.write(row) for row in rows))))


def _join(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for column, text, width in zip(columns, cells, widths, strict=True):
        room = " " * (width - cell_len(text))
        padded.append(room + text if column.is_number else text + room)
    return _GAP.join(padded).rstrip()
