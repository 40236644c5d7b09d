"""How a screen of ``trader status`` is laid out: rows of parts, as many as fit, and nothing that matters cut.

A row that is too long for its line gives up the parts that matter least; what must stay goes on in the next line. Where
there are more rows than lines, the first of each section stay and the others are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

_GAP, _ARROW, _INDENT = "  ", "→ ", "  "
#: A word of a shell: blanks within quotes are part of it.
_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|\S)+""")


@dataclass(frozen=True, slots=True)
class Part:
    """Some words of a row that may be left out, the highest ``rank`` first.

    One that ``wraps`` goes on in the next line instead, as long as there are lines enough for everything.
    """

    text: str
    rank: int
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is said. A text among the parts must stay. With ``mend`` it is red, and that is what mends it."""

    parts: tuple[str | Part, ...]
    mend: str = ""

    @property
    def text(self) -> str:
        """All that it says, but what mends it."""
        return _GAP.join(each.text if isinstance(each, Part) else each for each in self.parts)


def _count(rest: Sequence[Row]) -> Row:
    return Row((f"and {len(rest)} more",))


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one kind, the red ones first; ``count`` makes the row that stands for those left out.

    One that ``may_go`` is left out as a whole before anything else is, unless something in it is red.
    """

    rows: tuple[Row, ...]
    count: Callable[[Sequence[Row]], Row] = field(default=_count)
    may_go: bool = False


def lay_out(sections: Sequence[Section], width: int, height: int) -> list[Text]:
    """Lay the sections out in lines: at most *height*, unless what must stay is more."""
    for is_roomy in (True, False):
        blocks = [[_lay_row(row, width, is_roomy=is_roomy) for row in section.rows] for section in sections]
        if sum(len(lines) for block in blocks for lines in block) <= height:
            return [line for block in blocks for lines in block for line in lines]
    kept = [len(section.rows) for section in sections]

    def draw(number: int) -> list[Text]:
        rows, count = sections[number].rows, kept[number]
        lines = [line for block in blocks[number][:count] for line in block]
        left_out = rows[count:]
        return lines + (_lay_row(sections[number].count(left_out), width, is_roomy=False) if left_out and count else [])

    drawn = [draw(number) for number in range(len(sections))]
    while sum(map(len, drawn)) > height and (number := _choose(sections, kept, drawn)) is not None:
        kept[number] -= 1
        drawn[number] = draw(number)
    return [line for lines in drawn for line in lines]


def _choose(sections: Sequence[Section], kept: Sequence[int], drawn: Sequence[Sequence[Text]]) -> int | None:
    """Choose the section to be shortened: one that may go, or else the longest of those with several rows."""
    for number, section in enumerate(sections):
        if section.may_go and kept[number] == 1 and not section.rows[0].mend:
            return number
    several = [number for number in range(len(sections)) if kept[number] > 1]
    return max(several, key=lambda number: len(drawn[number]), default=None)


def _lay_row(row: Row, width: int, *, is_roomy: bool) -> list[Text]:
    parts = [each if isinstance(each, Part) else Part(each, 0) for each in row.parts]
    # Leave out the least, until the rest fits or must stay.
    while cell_len(_GAP.join(each.text for each in parts)) > width and (
        going := [each for each in parts if each.rank and not (is_roomy and each.wraps)]
    ):
        parts.remove(max(going, key=lambda each: each.rank))
    lines = _pack([each.text for each in parts], width)
    if row.mend:
        lines = _add_mend(lines, row.mend, width)
    return [Text(line, style="red" if row.mend else "") for line in lines]


def _pack(parts: Sequence[str], width: int) -> list[str]:
    """Fill lines with parts; one that is longer than a line is broken at its blanks."""
    lines = [""]
    for part in parts:
        gap = _GAP if lines[-1].strip() else ""
        for word in [part] if cell_len(lines[-1] + gap + part) <= width else _break(part, width):
            if cell_len(lines[-1] + gap + word) <= width or not lines[-1].strip():
                lines[-1] += gap + word
            else:
                lines.append(_INDENT + word)
            gap = " "
    return lines


def _break(part: str, width: int) -> list[str]:
    """Keep a part whole that fits a line of its own; else give its words."""
    return [part] if cell_len(_INDENT + part) <= width else part.split()


def _add_mend(lines: list[str], mend: str, width: int) -> list[str]:
    """Add what mends it: behind the text, or below it; over several lines so that a shell reads it as one."""
    if cell_len(f"{lines[-1]} {_ARROW}{mend}") <= width:
        return [*lines[:-1], f"{lines[-1]} {_ARROW}{mend}"]
    added = [_INDENT + _ARROW]
    for word in _WORD.findall(mend):
        gap = " " if added[-1].strip() != _ARROW.strip() else ""
        # Room is kept for the backslash.
        if not gap or cell_len(f"{added[-1]}{gap}{word} \\") <= width:
            added[-1] += gap + word
        else:
            added[-1] += " \\"
            added.append(_INDENT * 2 + word)
    return lines + added
