"""How a screen of ``trader status`` is laid out: rows of parts, as many as fit, and nothing that matters cut.

A row that is too long for its line gives up the parts that matter least; what must stay goes on in the next line. Where
there are more rows than lines, the first of each section stay and the others are counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

_GAP, _ARROW, _INDENT = "  ", "→ ", "  "
#: The rank of a section that goes before any row of another is left out.
_FIRST = 3
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
    """One thing that is said. A text among the parts must stay. With ``mend`` it is red, and that is what mends it.

    A ``hint`` is a command as well, for what is as somebody wanted it.
    """

    parts: tuple[str | Part, ...]
    mend: str = ""
    hint: str = ""

    @property
    def text(self) -> str:
        """All that it says, but what mends it."""
        return _GAP.join(each.text if isinstance(each, Part) else each for each in self.parts)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one kind, the red ones first; those for which there is no room are counted, as *noun* and *fault* say.

    Where there are too many lines a section of ``rank`` 3 is the first to go, and others of a rank when rows have been
    counted; nothing red goes.
    """

    rows: tuple[Row, ...]
    noun: str = ""
    fault: str = ""
    rank: int = 0

    def count(self, kept: int) -> Row:
        """Make the row that stands for those behind the first; with what mends them, unless that was said above."""
        rest = self.rows[kept:]
        red = [row for row in rest if row.mend]
        noun = self.noun if len(rest) == 1 else f"{self.noun}s"
        text = f"and {len(rest)} more {noun}" if kept else f"{len(rest)} {noun}"
        text += f", {len(red)} of them {self.fault}" if red and self.fault else ""
        known = {row.mend for row in self.rows[:kept]}
        return Row((text,), next((row.mend for row in red if row.mend not in known), ""))


def lay_out(sections: Sequence[Section], width: int, height: int) -> list[Text]:
    """Lay the sections out in lines: at most *height*, unless what must stay is more."""
    for is_roomy in (True, False):
        blocks = [[_lay_row(row, width, is_roomy=is_roomy) for row in section.rows] for section in sections]
        if sum(len(lines) for block in blocks for lines in block) <= height:
            return [line for block in blocks for lines in block for line in lines]
    kept: list[int | None] = [len(section.rows) for section in sections]

    def draw(number: int) -> list[Text]:
        section, count = sections[number], kept[number]
        if count is None:
            return []
        lines = [line for block in blocks[number][:count] for line in block]
        return lines + (_lay_row(section.count(count), width, is_roomy=False) if count < len(section.rows) else [])

    drawn = [draw(number) for number in range(len(sections))]
    while sum(map(len, drawn)) > height and (found := _shorten(sections, kept, drawn)) is not None:
        number, kept[found[0]] = found
        drawn[number] = draw(number)
    # A row that went may have been longer than it had to be: what still fits comes back.
    for number, section in enumerate(sections):
        while (count := kept[number]) != len(section.rows):
            kept[number] = 1 if count is None else count + 1
            before, drawn[number] = drawn[number], draw(number)
            if sum(map(len, drawn)) > height:
                kept[number], drawn[number] = count, before
                break
    return [line for lines in drawn for line in lines]


def _shorten(
    sections: Sequence[Section], kept: Sequence[int | None], drawn: Sequence[Sequence[Text]]
) -> tuple[int, int | None] | None:
    """Choose a section and to how many rows it is shortened, None to nothing; None if nothing can be."""
    gone = [n for n, each in enumerate(sections) if kept[n] is not None and each.rank and not each.rows[0].mend]
    gone = sorted(gone, key=lambda n: -sections[n].rank)
    if gone and sections[gone[0]].rank == _FIRST:
        return gone[0], None
    for least in (1, 0):
        several = [n for n, count in enumerate(kept) if (count or 0) > least and len(sections[n].rows) > 1]
        if several:
            number = max(several, key=lambda n: len(drawn[n]))
            return number, (kept[number] or 0) - 1
        if gone:
            return gone[0], None
    return None


def _lay_row(row: Row, width: int, *, is_roomy: bool) -> list[Text]:
    parts = [each if isinstance(each, Part) else Part(each, 0) for each in row.parts]
    # Leave out the least, until the rest fits or must stay. What may go on in the next line takes no room of this one.
    wrapping = [each for each in parts if is_roomy and each.wraps]
    going = sorted((each for each in parts if each.rank and each not in wrapping), key=lambda each: each.rank)
    while going and cell_len(_GAP.join(each.text for each in parts if each not in wrapping)) > width:
        parts.remove(going.pop())
    lines = _pack([each.text for each in parts], width)
    if command := row.mend or row.hint:
        lines = _add_command(lines, command, width)
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


def _add_command(lines: list[str], command: str, width: int) -> list[str]:
    """Add what is to be typed: behind the text, or below it; over several lines so that a shell reads it as one."""
    if cell_len(f"{lines[-1]} {_ARROW}{command}") <= width:
        return [*lines[:-1], f"{lines[-1]} {_ARROW}{command}"]
    added = [_INDENT + _ARROW]
    words = _WORD.findall(command)
    for place, word in enumerate(words, 1):
        gap = " " if added[-1].strip() != _ARROW.strip() else ""
        # Room is kept for the backslash.
        if not gap or cell_len(f"{added[-1]}{gap}{word}" + (" \\" if place < len(words) else "")) <= width:
            added[-1] += gap + word
        else:
            added[-1] += " \\"
            added.append(_INDENT * 2 + word)
    return lines + added
