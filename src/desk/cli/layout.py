"""Tables that cut nothing: on a narrow terminal less important columns go, then each row becomes lines of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trader.model.money import plain

#: A cell: text, or parts that are kept whole and may stand on several lines.
Cell = str | tuple[str, ...]

_DIGITS, _PRICE_DIGITS, _QUANTITY_DIGITS = 6, 8, 14
#: A column takes so much more than its text, a table one more.
_FRAME, _GAP = 3, "  "
_WIDE_MIN = 40


@dataclass(frozen=True, slots=True)
class Column:
    """A column. The highest ``rank`` is left out first, 0 never. A *wide* one may break between the parts of a cell.

    In rows that became lines a value has its column's name before it, unless it *speaks for itself*.
    """

    name: str
    rank: int = 0
    is_wide: bool = False
    speaks_for_itself: bool = False
    colors: Mapping[str, str] = field(default_factory=dict)


def print_table(console: Console, title: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table as wide as the console, or its rows one below the other if it is too narrow for that."""
    for rank in sorted({column.rank for column in columns}, reverse=True):
        kept = [number for number, column in enumerate(columns) if column.rank <= rank]
        room = _measure_room(columns, rows, kept, console.width)
        if room is not None:
            table = Table(title=Text(title, style="italic"), title_justify="left")
            for number in kept:
                table.add_column(columns[number].name, no_wrap=True, overflow="fold")
            for row in rows:
                table.add_row(*(_style(columns[each], row[each], room) for each in kept))
            console.print(table)
            return
    # A digest in it is left to the terminal, which can copy it whole.
    console.print(Text(title, style="bold"), soft_wrap=True)
    for row in rows:
        parts = [part for column, cell in zip(columns, row, strict=True) for part in _tell(column, cell)]
        print_text(console, "\n  ".join(pack(parts, console.width - len(_GAP))))


def print_text(console: Console, text: str) -> None:
    """Print text as it is; brackets in it are no markup."""
    console.print(Text(text))


def pack(parts: Sequence[str], width: int) -> list[str]:
    """Fill lines with parts; one that is longer than a line is broken at its blanks."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + len(_GAP) + cell_len(part) <= width:
            lines[-1] += _GAP + part
        elif cell_len(part) <= width:
            lines.append(part)
        else:
            lines += textwrap.wrap(part, width, break_long_words=False, break_on_hyphens=False)
    return lines


def format_number(value: Decimal | float | str) -> str:
    """Write a number for a person: six significant digits, no exponent."""
    return str(value) if isinstance(value, (str, bool)) else _format(value, _DIGITS)


def format_amount(value: Decimal | str | None) -> str:
    """Write an amount of a quote asset, in hundredths; where there is none, that it is unknown."""
    return "unknown" if value is None else format(Decimal(value), ".2f")


def format_price(value: Decimal | str | None) -> str:
    """Write a price, with as many digits as any product's has; nothing where there is none."""
    return "" if value is None else _format(Decimal(value), _PRICE_DIGITS)


def format_quantity(value: Decimal | str) -> str:
    """Write a quantity of a base asset."""
    return _format(Decimal(value), _QUANTITY_DIGITS)


def _format(value: Decimal | float, digits: int) -> str:
    return plain(Decimal(format(value, f".{digits}g")))


def _measure_room(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], kept: Sequence[int], width: int
) -> int | None:
    """Return how wide the wide column may be, 0 if there is none; None if the table does not fit."""
    needed, wanted = 1, 0
    for number in kept:
        cells = [columns[number].name, *(_join(row[number]) for row in rows)]
        widest = max(map(cell_len, cells))
        needed += _FRAME
        if columns[number].is_wide:
            wanted = widest
        else:
            needed += widest
    room = width - needed
    return None if room < min(wanted, _WIDE_MIN) else min(room, wanted)


def _style(column: Column, cell: Cell, room: int) -> Text:
    if column.is_wide:
        return Text("\n".join(pack((cell,) if isinstance(cell, str) else cell, room)))
    text = _join(cell)
    return Text(text, style=column.colors.get(text, ""))


def _tell(column: Column, cell: Cell) -> tuple[str, ...]:
    if not cell:
        return ()
    if isinstance(cell, tuple):
        return cell
    return (cell if column.speaks_for_itself else f"{column.name} {cell}",)


def _join(cell: Cell) -> str:
    return cell if isinstance(cell, str) else _GAP.join(cell)
