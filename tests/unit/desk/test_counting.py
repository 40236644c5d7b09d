"""How a number of things is written."""

from __future__ import annotations

import pytest

from desk.counting import write_count


@pytest.mark.parametrize(
    ("count", "words", "written"),
    [
        (0, ("lot",), "0 lots"),
        (1, ("lot",), "1 lot"),
        (2, ("lot",), "2 lots"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("line is", "lines are"), "1 line is"),
    ],
)
def test_only_one_is_told_as_one(count: int, words: tuple[str, ...], written: str) -> None:
    """None are several; what has another plural is given both."""
    assert written == write_count(count, *words)
