"""Rows of candle files: what a row must be, in one place for all who read them and for who looks what is wrong.

Rows are read many at once, as numbers of JSON, which a library reads in one step. Only where that finds anything odd
they are read one by one: to name what is wrong, or to take what Python takes for a number and JSON does not.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from itertools import repeat
from operator import le, lt
from pathlib import Path
from typing import Any

from desk.markets.candle_files import COLUMNS, NAMES
from trader.errors import MalformedData
from trader.model.ids import Instant, rfc3339
from trader.model.market import Candle

#: Before the year 3000; what is later was told in other units than seconds.
LATEST_SECONDS = 32_503_680_000

_INFINITE = float("inf")
# More at once are no faster, and take more memory.
_BYTES_AT_ONCE = 1 << 17
# With no letter but the one of an exponent, JSON can hold nothing but numbers.
_OF_NUMBERS = b"0123456789.,+-eE\n\r\t "

#: Rows as the columns of a file have them, the starts first.
Columns = tuple[list[Any], ...]


def parse_candles(file: Path, rows: bytes, step: int, now: Instant | None = None) -> list[Candle]:
    """Read the rows below a header into candles, oldest first.

    With *now* no candle may still be open then. Raises: MalformedData naming file, line and value of the first row
    that is wrong, or that there is none.
    """
    candles: list[Candle] = []
    for found in _iterate(file, rows, step, now):
        if isinstance(found, MalformedData):
            raise found
        # The tuple's own constructor: Candle's would take most of the time of the whole function.
        candles += map(tuple.__new__, repeat(Candle), zip(*found, strict=True))
    return candles


def parse_columns(file: Path, rows: bytes, step: int, now: Instant | None = None) -> Columns:
    """Read the rows as ``parse_candles`` does, and check each of them; return their columns. Raises: the same."""
    columns: Columns = ([], [], [], [], [], [])
    for found in _iterate(file, rows, step, now):
        if isinstance(found, MalformedData):
            raise found
        for column, values in zip(columns, found, strict=True):
            column.extend(values)
    return columns


def read_starts(file: Path, rows: bytes, step: int) -> list[int]:
    """Read the rows as ``parse_candles`` does; return where their candles start. Raises: the same."""
    starts, faults = find_faults(file, rows, step)
    if faults:
        raise MalformedData(faults[0])
    return starts


def find_faults(file: Path, rows: bytes, step: int, now: Instant | None = None) -> tuple[list[int], list[str]]:
    """Return where the candles of all sound rows start, and what is said of each row that is not.

    The first of what is said is what ``parse_candles`` raises.
    """
    starts: list[int] = []
    faults: list[str] = []
    for found in _iterate(file, rows, step, now):
        if isinstance(found, MalformedData):
            faults.append(str(found))
        else:
            starts += found[0]
    return starts, faults


def is_numeric(rows: bytes) -> bool:
    """Tell whether there is nothing in rows that no number has: what libraries make of the rest differs."""
    return not rows.translate(None, _OF_NUMBERS)


def parse_row(file: Path, number: int, row: str) -> Candle:
    """Read the row of a line. Raises: MalformedData naming file, line and value."""
    place = f"{file}, line {number}"
    cells = row.split(",")
    if len(cells) != COLUMNS:
        raise MalformedData(f"{place}: {len(cells)} cells instead of {COLUMNS}: {row!r}")
    values = []
    for name, cell in zip(NAMES[1:], cells[1:], strict=True):
        try:
            values.append(float(cell))
        except ValueError as error:
            raise MalformedData(f"{place}: {name} {cell!r} is not a number") from error
    try:
        candle = Candle(int(cells[0]), *values)
    except ValueError as error:
        raise MalformedData(f"{place}: start {cells[0]!r} is not a whole number") from error
    check_values(place, candle, repr(row))
    return candle


def check_values(place: str, candle: Candle, shown: str) -> None:
    """Refuse numbers that make no candle. Raises: MalformedData naming the place, and the row as it is shown."""
    # Every comparison with what is not a number is false.
    in_range = 0 < candle.low <= candle.open <= candle.high and candle.low <= candle.close <= candle.high
    if not (in_range and candle.high < _INFINITE and 0 <= candle.volume < _INFINITE):
        raise MalformedData(f"{place}: {shown} is no candle")


def check_start(place: str, start: int, previous: int, step: int, now: Instant | None = None) -> None:
    """Refuse a start off the grid, one that does not ascend, and one of a candle that is open at *now*.

    Raises: MalformedData naming the place.
    """
    if start >= LATEST_SECONDS:
        meant = rfc3339(Instant(start // 1000)) if start // 1000 < LATEST_SECONDS else ""
        told = f": in milliseconds it were {meant}" if meant else ""
        raise MalformedData(f"{place}: start {start} is no instant in seconds{told}")
    if start % step:
        raise MalformedData(f"{place}: start {start} is not a multiple of {step}")
    if start <= previous:
        raise MalformedData(f"{place}: start {start} does not follow {previous}")
    if now is not None and start + step > now:
        raise MalformedData(
            f"{place}: start {start} is of a candle that is open until {rfc3339(Instant(start + step))}"
        )


def _iterate(file: Path, rows: bytes, step: int, now: Instant | None) -> Iterator[Columns | MalformedData]:
    if not rows:
        yield MalformedData(f"{file}: no candles")
    number, previous = 2, -1
    for some in _cut(rows):
        columns = _parse(some, step, previous, now)
        if columns is None:
            previous = yield from _walk(file, number, some, step, previous, now)
        else:
            previous = columns[0][-1]
            yield columns
        number += some.count(b"\n") + 1


def _cut(rows: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(rows):
        end = rows.find(b"\n", at + _BYTES_AT_ONCE)
        end = len(rows) if end < 0 else end
        yield rows[at:end]
        at = end + 1


def _parse(some: bytes, step: int, previous: int, now: Instant | None) -> Columns | None:
    """Read rows at once; None if any of them is not as it should be."""
    if not is_numeric(some):
        return None
    try:
        # A mark after each row: a row with a cell too many or too few brings it out of step.
        cells = json.loads(b"[" + some.replace(b"\n", b",null,") + b"]")
        starts = cells[:: COLUMNS + 1]
        if set(map(type, starts)) != {int} or len(cells) != len(starts) * (COLUMNS + 1) - 1:
            return None
        opens, highs, lows, closes, volumes = (list(map(float, cells[at :: COLUMNS + 1])) for at in range(1, COLUMNS))
    except (ValueError, TypeError, OverflowError):
        return None
    end = LATEST_SECONDS if now is None else min(LATEST_SECONDS, now - step + 1)
    is_sound = (
        previous < starts[0]
        and starts[-1] < end
        and all(map(lt, starts, starts[1:]))
        and not any(map(step.__rmod__, starts))
        and min(lows) > 0
        and all(map(le, lows, opens))
        and all(map(le, opens, highs))
        and all(map(le, lows, closes))
        and all(map(le, closes, highs))
        and max(highs) < _INFINITE
        and min(volumes) >= 0
        and max(volumes) < _INFINITE
    )
    return (starts, opens, highs, lows, closes, volumes) if is_sound else None


def _walk(
    file: Path, number: int, some: bytes, step: int, previous: int, now: Instant | None
) -> Generator[Columns | MalformedData, None, int]:
    for at, row in enumerate(some.decode().split("\n"), start=number):
        try:
            candle = parse_row(file, at, row)
            start, previous = previous, candle.start
            check_start(f"{file}, line {at}", candle.start, start, step, now)
        except MalformedData as error:
            yield error
        else:
            yield tuple([value] for value in candle)
    return previous
