"""docs/asking.md shows what the commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from architecture.tree import ROOT
from unit.desk.journal.page import PAGE, RUN, answer_from, print_screens


def test_screens_of_the_page_are_what_the_commands_print(synthetic_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write them anew: PYTHONPATH=src:tests python -m unit.desk.journal.page."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(ROOT)
    page = PAGE.read_text(encoding="utf-8")

    assert print_screens(page, answer_from(synthetic_home)) == page
    assert f"`trader {RUN}`" in page
    assert 6 == page.count("$ trader ")
