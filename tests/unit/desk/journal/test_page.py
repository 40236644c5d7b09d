"""docs/asking.md shows what the commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.docs_tables import LIVES
from unit.desk.journal.page import PAGE, PICTURES, RUN, answer_from, draw_pictures, print_screens


def test_screens_of_the_page_are_what_the_commands_print(synthetic_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write them anew: PYTHONPATH=src:tests python -m unit.desk.journal.page."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(ROOT)
    page = PAGE.read_text(encoding="utf-8")

    assert print_screens(page, answer_from(synthetic_home)) == page
    assert f"`trader {RUN}`" in page
    assert 6 == page.count("$ trader ")


def test_pictures_show_what_the_commands_print(synthetic_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is small, reads nothing from anywhere, and stands in README."""
    monkeypatch.chdir(ROOT)
    drawn = draw_pictures(answer_from(synthetic_home))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert drawn == {name: (PICTURES / f"{name}.svg").read_text(encoding="utf-8") for name in drawn}
    of_screens = {path.name for path in PICTURES.glob("*.svg")} - {Path(LIVES).name}
    assert sorted(f"{name}.svg" for name in drawn) == sorted(of_screens)
    assert max(map(len, drawn.values())) < 6_000
    assert [] == [name for name, text in drawn.items() if "http" in text.replace("http://www.w3.org/2000/svg", "")]
    assert [] == [name for name in drawn if f"](docs/pictures/{name}.svg)" not in readme]
