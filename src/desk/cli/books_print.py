"""How tables of the books are printed: on a screen, as CSV or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from desk.cli import books_columns
from desk.cli.columns import Column, Row, choose_columns, fold_words, render_table, write_csv
from desk.cli.screen import measure_width, print_lines
from desk.counting import write_count
from trader.errors import ConfigError
from trader.model.codec import encode


def count_shown(rows: Sequence[Row], every: Sequence[Row], name: str) -> str:
    """Count what is shown, and of how many it was chosen, as words."""
    return f"{len(rows)} of {write_count(len(every), name)}" if len(rows) < len(every) else write_count(len(rows), name)


def print_books(
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    foot: Sequence[str],
    more: Mapping[str, Any],
    *,
    place: Sequence[str],
    as_csv: bool,
    as_json: bool,
) -> None:
    """Print rows in the form that is asked for; in a table of cycles each one's reason stands below it, in full.

    *foot* are lines below the table, *place* says whose books they are; *more* is what JSON has beside the rows.
    Without a row the table is one line, and its foot. Raises: ConfigError if two forms are asked for.
    """
    if as_csv and as_json:
        raise ConfigError("--csv and --json are two forms; allowed is one of them")
    if as_json:
        print(json.dumps({name: encode(list(rows)), **more}, ensure_ascii=False))
        return
    if as_csv:
        names = list(rows[0]) if rows else books_columns.NAMES[name]
        print(write_csv([encode(row) for row in rows], names), end="")
        return
    width = measure_width()
    head, rule, *body = render_table(columns, rows, width) if rows else [f"no {name}", ""]
    lines = [head, *([rule] if rule else [])]
    for line, row in zip(body, rows, strict=True):
        reason = str(row.get("reason") or "") if name == "cycles" else ""
        lines += [line, *(f"  {each}" for each in fold_words(reason, width - 2, "") if each)]
    shown = choose_columns(columns, rows, width)
    left_out = [column.head for column in columns if column not in shown] if rows else []
    hint = [f"no room for {', '.join(left_out)}: --json and --csv have them"] if left_out else []
    # Where it lies is left to the terminal, which can copy it whole.
    print_lines([*lines, *(line for text in (*foot, *hint) for line in fold_words(text, width, "  ")), *place])
