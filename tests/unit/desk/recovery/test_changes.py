"""What was done to a text, by its lines."""

from __future__ import annotations

import pytest

from desk.recovery.changes import describe_change

BEFORE = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("after", "line", "said"),
    [
        (["a", "x", "c", "d"], 2, "the line was changed"),
        (["a", "c", "d"], 2, "a line is gone, 1 in all"),
        (["c", "d"], 1, "a line is gone, 2 in all"),
        (["a", "b"], 3, "2 lines are gone from its end"),
        (["a", "b", "c"], 4, "1 line is gone from its end"),
        ([], 1, "4 lines are gone from its end"),
        (["a", "b", "x", "c", "d"], 3, "a line was put in, 1 in all"),
        (["a", "b", "c", "d", "e"], 5, "a line was put in, 1 in all"),
        (["a", "c", "b", "d"], 2, "the lines stand in another order"),
        (["a", "x", "d"], 2, "the line was changed"),
        (["x", "a", "y", "d", "e"], 1, "the line was changed"),
    ],
)
def test_line_and_kind_of_a_change(after: list[str], line: int, said: str) -> None:
    """The first line that is not as it was; of what is gone, the number it had."""
    assert (line, said) == describe_change(BEFORE, after)
