"""The tables in docs say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desk.docs_tables import write_tables
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
