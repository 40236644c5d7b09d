"""How ``trader why --summary`` looks: cycles, verdicts, products, and what kept entries from being made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.cli.columns import Column, render_table
from desk.cli.why_screen import fold_words_after
from desk.counting import write_count
from desk.journal.words import write_share

_DENIALS_SHOWN = 5
_CODES_SHOWN = 2


def render_summary(told: Mapping[str, Any], width: int) -> list[str]:
    """Lay a summary out in lines of at most *width*."""
    cycles = ", ".join(f"{count} {outcome}" for outcome, count in told["cycles"].items())
    head = f"{told['scope']} · {told['from']} to {told['to']} · cycles: {cycles}"
    total = sum(told["verdicts"].values())
    verdicts = [
        {
            "code": code,
            "count": count,
            "share": write_share(count, total),
            "held": told["held"]["verdicts"].get(code, 0),
        }
        for code, count in told["verdicts"].items()
    ]
    lines = fold_words_after("", head, width)
    lines += ["", *render_table(_VERDICTS, verdicts, width)]
    lines += ["", *render_table(_PRODUCTS, _list_products(told["products"], told["held"]["products"]), width), ""]
    lines += [line for head, text in _pair_denials(told["wanted"]) for line in fold_words_after(head, text, width)]
    lines += [f"BROKEN {each} → trader audit verify" for each in told["broken"]]
    return lines


_VERDICTS: Sequence[Column] = (
    Column("verdict", lambda row: str(row["code"])),
    Column("product-cycles", lambda row: str(row["count"]), is_number=True),
    Column("share", lambda row: str(row["share"]), rank=1, is_number=True),
    Column("held then", lambda row: str(row["held"]), rank=2, is_number=True),
)
_PRODUCTS: Sequence[Column] = (
    Column("product", lambda row: str(row["product"])),
    Column("cycles", lambda row: str(row["cycles"]), rank=2, is_number=True),
    Column("held", lambda row: str(row["held"]), rank=3, is_number=True),
    Column("ordered", lambda row: str(row["ordered"]), rank=1, is_number=True),
    Column("most often", lambda row: str(row["first"])),
    Column("then", lambda row: str(row["second"]), rank=4),
)


def _list_products(products: Mapping[str, Mapping[str, int]], held: Mapping[str, int]) -> list[dict[str, Any]]:
    rows = []
    for product, counts in products.items():
        total = sum(counts.values())
        most = [f"{code} {write_share(count, total)}" for code, count in list(counts.items())[:_CODES_SHOWN]]
        first, second = [*most, "", ""][:_CODES_SHOWN]
        row = {"product": product, "cycles": total, "held": held.get(product, 0)}
        rows.append({**row, "ordered": counts.get("ENTERING", 0), "first": first, "second": second})
    return rows


def _pair_denials(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not wanted["count"]:
        yield "", "no trigger fired where nothing was held: nothing was in reach of being bought"
        return
    count, ordered = wanted["count"], wanted["ordered"]
    denied = count - ordered
    fired = f"a trigger fired {write_count(count, 'time')} where nothing was held"
    yield "", f"{fired}; {write_count(ordered, 'time')} an order to buy was decided."
    if denied:
        yield "", f"What denied the other {denied}:"
    for each in wanted["denied"][:_DENIALS_SHOWN]:
        share = write_share(each["count"], denied).rjust(7)
        meaning = each["meaning"] or "this release does not know the code"
        yield f"{share}  ", f"{each['code']}: {meaning}"
        change = f"to change it: {each['setting']}" if each["setting"] else f"it ends with {each['would_need']}"
        nearest = f"; nearest miss: {each['nearest']}" if each["nearest"] else ""
        yield " " * 9, f"{change}{nearest}"
    if rest := wanted["denied"][_DENIALS_SHOWN:]:
        yield "", f"and {sum(each['count'] for each in rest)} more by {', '.join(each['code'] for each in rest)}"
