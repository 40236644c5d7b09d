"""Find the next tick at which a column crosses a threshold; each crossing is searched once."""

from __future__ import annotations

from collections.abc import Hashable

from desk.backtest.data.columns import Floats

_CHUNKS = (32, 256, 4096)
#: Crossings of what is long sold are worth no memory; what is still watched is searched once more.
_KEPT_MAX = 1000


class Watch:
    """The crossings found so far. A key stands for one threshold of one thing; one that moves is another key."""

    def __init__(self) -> None:
        self._found: dict[Hashable, int] = {}

    def first_at_or_below(self, key: Hashable, column: Floats, threshold: float, begin: int) -> int:
        """Return the first tick from *begin* on at which a column is not above a threshold; its length if none is."""
        found = self._found.get(key, -1)
        if found < begin:
            found = self._keep(key, _search(column, threshold, begin, is_below=True))
        return found

    def first_at_or_above(self, key: Hashable, column: Floats, threshold: float, begin: int) -> int:
        """Return the first tick from *begin* on at which a column is not below a threshold; its length if none is."""
        found = self._found.get(key, -1)
        if found < begin:
            found = self._keep(key, _search(column, threshold, begin, is_below=False))
        return found

    def _keep(self, key: Hashable, found: int) -> int:
        if len(self._found) >= _KEPT_MAX:
            self._found.clear()
        self._found[key] = found
        return found


def _search(column: Floats, threshold: float, begin: int, *, is_below: bool) -> int:
    end, size = len(column), 0
    while begin < end:
        part = column[begin : begin + _CHUNKS[min(size, len(_CHUNKS) - 1)]]
        hits = part <= threshold if is_below else part >= threshold
        at = int(hits.argmax())
        if hits[at]:
            return begin + at
        begin, size = begin + len(part), size + 1
    return end
