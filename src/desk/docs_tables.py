"""The generated tables and the drawn picture in docs: written by ``make docs``, compared by a test."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from desk.backtest.figures import conventions
from desk.cli.exit_codes import MEANINGS
from desk.docs_pictures import write_lives
from desk.environment import VARIABLES
from trader.model.denials import DenialCode
from trader.model.order_life import TRANSITIONS, OrderStatus
from trader.model.parent_life import PARENT_TRANSITIONS, ParentEnd, ParentState

#: The picture of both lives, which docs/life-of-an-order.md shows.
LIVES = "pictures/order-life.svg"


def write_tables() -> Mapping[str, str]:
    """Return every generated file, by its name in docs."""
    return {
        "denials.md": _denials(),
        "order-life.md": _order_life(),
        LIVES: write_lives(),
        "exit-codes.md": _exit_codes(),
        "environment.md": _environment(),
        "backtest-figures.md": _backtest_figures(),
    }


def _denials() -> str:
    rows = [f"| `{code}` | {code.stage} | {code.meaning} |" for code in DenialCode]
    return "\n".join(
        [
            "# Why not: every denial code",
            "",
            "Generated from `src/trader/model/denials.py` by `make docs`. Every product considered ends a cycle with",
            "one verdict; a refusal carries one of these codes and the numbers behind it.",
            "",
            "| code | first given by | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _order_life() -> str:
    rows = [f"| `{status}` | {'yes' if status.is_final else 'no'} | {_successors(status)} |" for status in OrderStatus]
    return "\n".join(
        [
            "# The life of an order: what may be observed after what",
            "",
            "Generated from `src/trader/model/order_life.py` by `make docs`. CONTINGENT, INTENDED, IN_DOUBT, REJECTED,",
            "WITHHELD and ABANDONED are ours; the others are the venue's. An observation that is not in the row is an",
            "old page and is ignored. [life-of-an-order.md](life-of-an-order.md) tells what it means, and shows it.",
            "",
            "| status | final | may be followed by |",
            "|---|---|---|",
            *rows,
            "",
            *_parent_life(),
        ]
    )


def _parent_life() -> list[str]:
    """Write the section on parents: their states, and why they end."""
    follow = {
        state: ", ".join(f"`{each}`" for each in ParentState if each in states) or "nothing: it leaves the ledger"
        for state, states in PARENT_TRANSITIONS.items()
    }
    return [
        "## The life of a parent order",
        "",
        "What risk approves to be bought, which is bought by one child order after the other. From",
        "`src/trader/model/parent_life.py`.",
        "",
        "| state | may be followed by |",
        "|---|---|",
        *(f"| `{state}` | {names} |" for state, names in follow.items()),
        "",
        "Why it gets no more children: " + ", ".join(f"`{end}`" for end in ParentEnd) + ".",
        "",
    ]


def _exit_codes() -> str:
    rows = [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(
        [
            "# How a command ends",
            "",
            "Generated from `src/desk/cli/exit_codes.py` by `make docs`. Tables and JSON go to standard output, all",
            "else to standard error: one line for each problem, with what is allowed.",
            "",
            "| exit code | means |",
            "|--:|---|",
            *rows,
            "",
        ]
    )


def _environment() -> str:
    rows = [
        f"| `{name}` | {read_by} | {'yes' if by_stack else 'no'} | {meaning} |"
        for name, read_by, by_stack, meaning in VARIABLES
    ]
    return "\n".join(
        [
            "# Every environment variable",
            "",
            "Generated from `src/desk/environment.py` by `make docs`. DRY_RUN and PAPER on a laptop need none. An",
            "option that is typed counts more than a variable. A variable that begins with `TRADER_` and that neither",
            "the function nor a command reads is refused as a typing error.",
            "",
            "| variable | read by | set by the stack | says |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _backtest_figures() -> str:
    rows = [
        f"| `{section}` | `{name}` | {each.unit} | {each.sentence} |"
        for section, figures in conventions.SECTIONS.items()
        for name, each in figures.items()
    ]
    notes = [f"- `{section}`: {sentence}" for section, sentence in conventions.NOTES.items()]
    return "\n".join(
        [
            "# Every figure of a backtest",
            "",
            "Generated from `src/desk/backtest/figures/conventions.py` by `make docs`. The same sentence stands beside",
            "each value in the JSON, whose fields [backtest-result.md](backtest-result.md) lists. Undefined is null,",
            "never 0.",
            "",
            "| of | figure | unit | convention |",
            "|---|---|---|---|",
            *rows,
            "",
            *notes,
            "",
        ]
    )


def _successors(status: OrderStatus) -> str:
    return ", ".join(f"`{other}`" for other in OrderStatus if other in TRANSITIONS[status]) or "nothing"


def main() -> None:
    """Write the tables into the folder given, ``docs`` by default."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    if not folder.is_dir():
        sys.exit(f"docs: {folder}: there is no such folder; allowed is one that is there, as docs")
    for name, text in write_tables().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
