"""What was done to a text: the first line that is not as it was, and how it came about as far as that shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from desk.counting import write_count


def describe_change(before: Sequence[str], after: Sequence[str]) -> tuple[int, str]:
    """Say at which line two unequal texts part, and what happened there.

    Shape: lines, or digests of lines. Units: lines are counted from 1; of what is gone, the number it had.
    """
    pairs = zip(before, after, strict=False)
    at = next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))
    if list(before) == list(after):
        return max(at, 1), "the end of the line was changed"
    missing, added = len(before) - len(after), len(after) - len(before)
    if at == len(after):
        return at + 1, f"{write_count(missing, 'line is', 'lines are')} gone from its end"
    if missing > 0 and _is_within(after, before):
        return at + 1, f"a line is gone, {missing} in all"
    if added > 0 and _is_within(before, after):
        return at + 1, f"a line was put in, {added} in all"
    if Counter(before) == Counter(after):
        return at + 1, "the lines stand in another order"
    return at + 1, "the line was changed"


def _is_within(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether all of the one stands in the other, in its order."""
    rest = iter(whole)
    return all(line in rest for line in part)
