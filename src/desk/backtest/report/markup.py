"""HTML from values: whatever is no HTML yet is escaped, so that no text of a strategy becomes markup or a script."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

#: Tags that hold nothing and have no end.
_VOID = frozenset({"input", "meta", "path", "line", "rect"})


class Html(str):
    """Text that is HTML already. Made by this module, and from the files that are shipped beside it."""

    __slots__ = ()


def write_html(value: object) -> Html:
    """Return HTML as it is and anything else escaped, quotes too."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def build_tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Build an element. An underscore in the name of an attribute is a hyphen, one at its end is left out.

    An attribute that is None is left out, one that is True has no value.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        told = key.rstrip("_").replace("_", "-")
        parts.append(f" {told}" if value is True else f' {told}="{escape(str(value))}"')
    parts.append(">")
    if name not in _VOID:
        parts += [*map(write_html, children), f"</{name}>"]
    elif name in {"path", "line", "rect"}:
        # In SVG, unlike HTML, what is not closed goes on.
        parts[-1] = "/>"
    return Html("".join(parts))


def join_html(parts: Iterable[object], separator: str = "") -> Html:
    """Join parts to one piece of HTML."""
    return Html(write_html(separator).join(map(write_html, parts)))


def build_table(heads: Iterable[object], rows: Iterable[Iterable[object]], caption: str, **attributes: object) -> Html:
    """Build a table whose cells are the parts of each row; the first of a row is its head.

    It scrolls in a frame of its own where the page is narrower, and the frame can be reached by the keyboard.
    """
    head = build_tag("tr", *(each if _is_head(each) else build_tag("th", each, scope="col") for each in heads))
    body = (build_tag("tr", build_tag("th", first, scope="row"), *_build_cells(rest)) for first, *rest in rows)
    table = build_tag(
        "table", build_tag("caption", caption), build_tag("thead", head), build_tag("tbody", *body), **attributes
    )
    return build_frame(table, caption)


def build_frame(table: Html, label: str) -> Html:
    """Put a table into the frame in which it scrolls."""
    return build_tag("div", table, class_="frame", role="region", tabindex="0", aria_label=label)


def _build_cells(cells: Iterable[object]) -> Iterable[Html]:
    return (build_tag("td", each) for each in cells)


def _is_head(each: object) -> bool:
    return isinstance(each, Html) and each.startswith("<th")
