"""The tables in docs say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desk.docs_tables import write_tables
from desk.environment import VARIABLES
from trader.model.denials import DenialCode

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(write_tables()))
def test_generated_table_is_up_to_date(name: str) -> None:
    """`make docs` would change nothing."""
    expected = write_tables()[name]

    assert expected == (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("code", list(DenialCode))
def test_every_denial_code_is_given_somewhere(code: DenialCode) -> None:
    """A code that no stage gives would be a promise nobody keeps."""
    sources = [path for path in (ROOT / "src" / "trader").rglob("*.py") if path.name != "denials.py"]

    used = [path for path in sources if re.search(rf"DenialCode\.{code}\b", path.read_text(encoding="utf-8"))]

    assert used


def test_every_denial_code_follows_the_grammar() -> None:
    """SUBJECT_CONDITION: at least two words, capitals only."""
    odd = [code for code in DenialCode if not re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)]

    assert [] == odd


_NAME = re.compile(r"\b(?:TRADER|COINBASE|POWERTOOLS)_[A-Z][A-Z_0-9]*[A-Z0-9]\b")


def test_every_variable_that_is_read_is_in_the_table_and_no_other() -> None:
    """Whoever adds one tells what it says."""
    files = [*(ROOT / "src").rglob("*.py"), ROOT / "template.yaml", ROOT / "Makefile"]
    read = {
        name
        for path in files
        if path.name != "environment.py" or "entry" in path.parts
        for name in _NAME.findall(path.read_text(encoding="utf-8"))
    }
    listed = {each.name for each in VARIABLES}

    assert set() == read - listed
    assert set() == {name for name in listed if _NAME.fullmatch(name)} - read


def test_variables_that_the_stack_sets_are_those_of_the_template() -> None:
    """The others are no business of the function."""
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    by_stack = {each.name for each in VARIABLES if each.by_stack and _NAME.fullmatch(each.name)}

    assert by_stack == {name for name in _NAME.findall(template) if f"{name}:" in template}
