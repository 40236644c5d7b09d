"""How ``trader why --summary`` looks: cycles, verdicts, products, and what kept entries from being made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.cli.columns import Column, render_table
from desk.cli.why_screen import fold_words_after

_DENIALS_SHOWN = 5
_CODES_SHOWN = 2


def render_summary(told: Mapping[str, Any], width: int) -> list[str]:
    """Lay a summary out in lines of at most *width*."""
    cycles = ", ".join(f"{count} {outcome}" for outcome, count in told["cycles"].items())
    head = f"{told['scope']} · {told['from']} to {told['to']} · cycles: {cycles}"
    total = sum(told["verdicts"].values())
    verdicts = [
        {"code": code, "count": count, "share": f"{100 * count / total:.1f} %"}
        for code, count in told["verdicts"].items()
    ]
    lines = fold_words_after("", head, width)
    lines += ["", *render_table(_VERDICTS, verdicts, width)]
    lines += ["", *render_table(_PRODUCTS, _list_products(told["products"]), width), ""]
    lines += [line for head, text in _pair_denials(told["wanted"]) for line in fold_words_after(head, text, width)]
    lines += [f"BROKEN {each} → trader audit verify" for each in told["broken"]]
    return lines


_VERDICTS: Sequence[Column] = (
    Column("verdict", lambda row: str(row["code"])),
    Column("product-cycles", lambda row: str(row["count"]), is_number=True),
    Column("share", lambda row: str(row["share"]), rank=1, is_number=True),
)
_PRODUCTS: Sequence[Column] = (
    Column("product", lambda row: str(row["product"])),
    Column("cycles", lambda row: str(row["cycles"]), rank=2, is_number=True),
    Column("entered", lambda row: str(row["entered"]), rank=1, is_number=True),
    Column("most often", lambda row: str(row["first"])),
    Column("then", lambda row: str(row["second"]), rank=3),
)


def _list_products(products: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    rows = []
    for product, counts in products.items():
        total = sum(counts.values())
        most = [f"{code} {100 * count / total:.0f} %" for code, count in list(counts.items())[:_CODES_SHOWN]]
        first, second = [*most, "", ""][:_CODES_SHOWN]
        entered = counts.get("ENTERING", 0)
        rows.append({"product": product, "cycles": total, "entered": entered, "first": first, "second": second})
    return rows


def _pair_denials(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not wanted["count"]:
        yield "", "no trigger fired that meant something: nothing was in reach of being bought"
        return
    count, entered = wanted["count"], wanted["entered"]
    yield "", f"a trigger fired {count} times where nothing was held; entered {entered}. What denied the others:"
    for each in wanted["denied"][:_DENIALS_SHOWN]:
        share, meaning = f"{each['share_pct']} %".rjust(7), each["meaning"] or "this release does not know the code"
        yield f"{share}  ", f"{each['code']}: {meaning}"
        change = f"to change it: {each['setting']}" if each["setting"] else f"it ends with {each['would_need']}"
        nearest = f"; nearest miss: {each['nearest']}" if each["nearest"] else ""
        yield " " * 9, f"{change}{nearest}"
