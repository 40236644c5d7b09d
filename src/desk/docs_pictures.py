"""The picture of the lives of a parent and of an order, drawn from their tables: written by ``make docs``.

Only where a box stands is said here. Which boxes there are and which arrows lead where is what the tables say; a status
without a place is an error, so that nobody adds one and forgets the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from trader.model.order_life import TRANSITIONS, OrderStatus
from trader.model.parent_life import PARENT_TRANSITIONS, ParentState

_WIDTH, _HEIGHT, _BOX, _LINE = 860, 540, 126, 15
_FONT = "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif"
_INK, _PALE, _OURS, _VENUES, _OVER = "#24292f", "#f6f8fa", "#fff3c4", "#d6e8ff", "#e3e6ea"


_Table = Mapping[Any, frozenset[Any]]


class _Spot(NamedTuple):
    """The middle of a side of a box, or of the box. Units: pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Box:
    """Statuses that share a box, as they may be followed by the same; its left upper corner, and its colour."""

    names: Sequence[str]
    x: int
    y: int
    fill: str

    @property
    def height(self) -> int:
        return 18 + _LINE * len(self.names)

    @property
    def middle(self) -> _Spot:
        return _Spot(self.x + _BOX / 2, self.y + self.height / 2)

    def find_edge(self, other: _Spot, shift: float = 0) -> _Spot:
        """Return where a line to another spot leaves the box, moved along the edge."""
        dx, dy = other.x - self.middle.x, other.y - self.middle.y
        if abs(dx) * self.height > abs(dy) * _BOX:
            return _Spot(self.x + (_BOX if dx > 0 else 0), self.middle.y + shift)
        return _Spot(self.middle.x + shift, self.y + (self.height if dy > 0 else 0))


_PARENTS = (
    _Box((ParentState.WORKING,), 170, 46, _VENUES),
    _Box((ParentState.SLEEPING,), 170, 116, _OURS),
    _Box((ParentState.ENDING,), 400, 81, _OVER),
)
_LEAVES = _Box(("leaves the ledger",), 620, 81, "#ffffff")
_AT_VENUE = tuple(
    each for each in OrderStatus if each in TRANSITIONS[OrderStatus.INTENDED] & TRANSITIONS[OrderStatus.ABANDONED]
)
_RESTING = tuple(each for each in _AT_VENUE if not each.is_final)
_ORDERS = (
    _Box((OrderStatus.CONTINGENT,), 20, 270, _OURS),
    _Box((OrderStatus.INTENDED,), 180, 270, _OURS),
    _Box((OrderStatus.IN_DOUBT,), 340, 270, _OURS),
    _Box((OrderStatus.WITHHELD,), 20, 400, _OVER),
    _Box((OrderStatus.REJECTED,), 180, 400, _OVER),
    _Box((OrderStatus.ABANDONED,), 340, 400, _OVER),
    _Box(_RESTING, 545, 300, _VENUES),
    _Box((OrderStatus.FILLED,), 712, 270, _OVER),
    _Box((OrderStatus.CANCELLED, OrderStatus.EXPIRED), 712, 340, _OVER),
    _Box((OrderStatus.FAILED,), 712, 420, _OVER),
)
#: The frame around what the venue says: an arrow to it leads to any of its boxes.
_FRAME = (525, 240, 325, 240)


def write_lives() -> str:
    """Draw both lives as SVG. Raises: ValueError for a state that has no place, or two that share one and differ."""
    _check_places(_PARENTS, PARENT_TRANSITIONS)
    _check_places(_ORDERS, TRANSITIONS)
    left, top, width, height = _FRAME
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}"'
                f' height="{_HEIGHT}" font-family="{_FONT}" font-size="12" role="img">'
            ),
            "<title>the lives of a parent and of an order</title>",
            (
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
                f' orient="auto"><path d="M0 0L8 4L0 8z" fill="{_INK}"/></marker></defs>'
            ),
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="#ffffff"/>',
            _write(20, 28, "A parent: what one approval may still buy", bold=True),
            *_draw_parents(),
            _write(20, 184, "An order: each child, each protection, each sale", bold=True),
            (
                f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="8" fill="{_PALE}" stroke="#8c959f"'
                ' stroke-dasharray="4 3"/>'
            ),
            _write(left + 10, top + height - 10, "as the venue tells it"),
            *_draw_orders(),
            "</svg>",
            "",
        ]
    )


def _check_places(boxes: Sequence[_Box], table: _Table) -> None:
    placed = [name for box in boxes for name in box.names]
    if sorted(placed) != sorted(table):
        raise ValueError(f"the picture has boxes for {sorted(placed)}; needed are those of {sorted(table)}")
    for box in boxes:
        if len({table[name] - set(box.names) for name in box.names}) > 1:
            raise ValueError(f"{', '.join(box.names)} are not followed by the same; each needs a box of its own")


def _draw_parents() -> Iterator[str]:
    for start, end in _find_arrows(_PARENTS, PARENT_TRANSITIONS):
        returns = bool(PARENT_TRANSITIONS[ParentState(end.names[0])] & set(start.names))
        yield _draw_line(start, end, 14 if returns and start.y < end.y else -14 if returns else 0)
    for box in _PARENTS:
        if not PARENT_TRANSITIONS[ParentState(box.names[0])]:
            yield _draw_line(box, _LEAVES)
    yield from map(_draw_box, (*_PARENTS, _LEAVES))


def _draw_orders() -> Iterator[str]:
    inner = [box for box in _ORDERS if set(box.names) <= set(_AT_VENUE)]
    outer = [box for box in _ORDERS if box not in inner]
    for box in outer:
        if set(_AT_VENUE) <= TRANSITIONS[OrderStatus(box.names[0])]:
            yield _draw_bow(box)
            arrows = _find_arrows((box, *outer), TRANSITIONS)
        else:
            arrows = _find_arrows((box, *_ORDERS), TRANSITIONS)
        yield from (_draw_line(start, end) for start, end in arrows if start is box and end is not box)
    yield from (_draw_line(start, end) for start, end in _find_arrows(inner, TRANSITIONS))
    yield from map(_draw_box, _ORDERS)


def _find_arrows(boxes: Sequence[_Box], table: _Table) -> Iterator[tuple[_Box, _Box]]:
    for start in dict.fromkeys(boxes):
        for end in dict.fromkeys(boxes):
            if start is not end and table[start.names[0]] & set(end.names):
                yield start, end


def _draw_line(start: _Box, end: _Box, shift: float = 0) -> str:
    a, b = start.find_edge(end.middle, shift), end.find_edge(start.middle, shift)
    return f'<path d="M{a.x:g} {a.y:g}L{b.x:g} {b.y:g}" stroke="{_INK}" fill="none" marker-end="url(#tip)"/>'


def _draw_bow(box: _Box) -> str:
    """Draw an arrow around the other boxes to the frame: above those of the upper row, below those of the lower."""
    left, top, _, height = _FRAME
    is_upper = box.y < top + height / 2
    y, way = (box.y, -1) if is_upper else (box.y + box.height, 1)
    far = y + way * (28 + (left - box.x) / 9 + (0 if is_upper else 40))
    end = _Spot(left + 20 + (box.x - 20) / 8, top if is_upper else top + height)
    return (
        f'<path d="M{box.middle.x:g} {y:g}C{box.middle.x:g} {far:.0f} {end.x:g} {far:.0f} {end.x:g} {end.y:g}"'
        f' stroke="{_INK}" fill="none" marker-end="url(#tip)"/>'
    )


def _draw_box(box: _Box) -> str:
    rows = [_write(box.middle.x, box.y + 21 + _LINE * n, name, centered=True) for n, name in enumerate(box.names)]
    shape = f'<rect x="{box.x}" y="{box.y}" width="{_BOX}" height="{box.height}" rx="6"'
    return "\n".join((f'{shape} fill="{box.fill}" stroke="{_INK}"/>', *rows))


def _write(x: float, y: float, text: str, *, bold: bool = False, centered: bool = False) -> str:
    more = ' font-weight="600"' if bold else ""
    more += ' text-anchor="middle"' if centered else ""
    size = ' font-size="9"' if len(text) > 18 and centered else ""
    return f'<text x="{x:g}" y="{y:g}" fill="{_INK}"{more}{size}>{text}</text>'
