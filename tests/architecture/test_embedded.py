"""Programs that stand in a text, for another interpreter to run, import what there is: no linter looks into them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module

import pytest

from architecture.rules import Source
from architecture.tree import sources


def missing_names(source: Source) -> Iterator[str]:
    """Find imports of ours, within texts that are programs, that lead nowhere."""
    for node in source.nodes:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value):
            continue
        try:
            program = ast.parse(node.value)
        except SyntaxError:
            continue
        for each in ast.walk(program):
            if isinstance(each, ast.ImportFrom) and (each.module or "").partition(".")[0] in {"trader", "desk"}:
                module = import_module(each.module or "")
                for alias in each.names:
                    if not hasattr(module, alias.name):
                        yield source.at(node, f"{each.module} has no {alias.name}")


def test_programs_in_texts_import_what_there_is() -> None:
    """A renaming reaches them only if somebody remembers."""
    assert [] == [line for source in sources() for line in missing_names(source)]


def test_there_is_one() -> None:
    """Else the rule would pass on nothing."""
    assert any("choose_signer" in source.text and "_OURS" in source.text for source in sources())


@pytest.mark.parametrize("name", ["client", "signer_for"])
def test_name_that_is_gone_is_found(name: str) -> None:
    """As it was after a renaming."""
    source = Source("src/desk/x.py", f'PROGRAM = """\nfrom trader.adapters.aws.clients import {name}\n"""\n')

    assert [f"trader.adapters.aws.clients has no {name}"] == [line.partition(": ")[2] for line in missing_names(source)]
