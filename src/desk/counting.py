"""How a number of things is written in a sentence."""

from __future__ import annotations


def write_count(count: int, one: str, many: str = "") -> str:
    """Write how many there are: ``1 lot``, ``0 lots``. *many* is what several are called, if not by an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
