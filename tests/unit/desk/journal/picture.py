"""A screen as a picture: what a command prints on 80 columns, in an SVG that needs no font of anybody else's."""

from __future__ import annotations

from xml.sax.saxutils import escape

COLUMNS = 80
_CHARACTER, _LINE, _MARGIN = 7.3, 17, 14
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def draw_screen(typed: str, printed: str) -> str:
    """Draw a command and what it printed. Units: pixels."""
    lines = [f"$ {typed}", *printed.rstrip("\n").split("\n")]
    width, height = round(COLUMNS * _CHARACTER + 2 * _MARGIN), len(lines) * _LINE + 2 * _MARGIN
    drawn = [
        f'<text x="{_MARGIN}" y="{_MARGIN + 12 + number * _LINE}" xml:space="preserve"'
        f' fill="{"#7ee787" if number == 0 else "#d6dbe1"}">{escape(line)}</text>'
        for number, line in enumerate(lines)
        if line.strip()
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' font-family="{_FONT}" font-size="12" role="img">',
            f"<title>{escape(typed)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )
