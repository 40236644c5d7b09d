"""Where lines go: a terminal has its width, a pipe as much as there is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable

#: Piped, every column is there: what is searched for must not be missing.
_PIPED = 200


def measure_width() -> int:
    """Return how wide a screen may be: that of the terminal, or what COLUMNS says."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return _PIPED


def print_lines(lines: Iterable[str]) -> None:
    """Print lines. What came from elsewhere may hold what moves a cursor: that is written out."""
    for line in lines:
        print("".join(each if each.isprintable() else ascii(each)[1:-1] for each in line))
