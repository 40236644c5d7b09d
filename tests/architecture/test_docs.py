"""What the pages refer to is there: links, files, tests."""

import re
from pathlib import Path

import pytest

from architecture.tree import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)(?:#[^)]*)?\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`((?:config|docs|events|layers|requirements|src|tests)/[\w./-]*)`")


def relative(page: Path) -> str:
    """The page's name as a person types it."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_to_files(page: Path) -> None:
    """Those to other sites are left alone."""
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]

    assert [] == [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_tests_that_are_referred_to_exist(page: Path) -> None:
    """Each by its file and its name."""
    named = TEST.findall(page.read_text(encoding="utf-8"))

    assert [] == [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_files_that_are_referred_to_exist(page: Path) -> None:
    """Paths from the top of the repository, in the type of code."""
    named = FILE.findall(page.read_text(encoding="utf-8"))

    assert [] == [path for path in named if not (ROOT / path).exists()]


def test_crash_only_names_its_proofs() -> None:
    """Every section but the last, which says what is not protected."""
    sections = (ROOT / "docs/crash-only.md").read_text(encoding="utf-8").split("\n## ")[1:]

    assert [] == [section.partition("\n")[0] for section in sections[:-1] if not TEST.findall(section)]
