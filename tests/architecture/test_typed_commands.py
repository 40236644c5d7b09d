"""Every `trader …` that a page or a message tells to type is a command there is, with options it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from architecture.test_docs import PAGES, relative
from architecture.tree import ROOT
from desk.cli.app import build

_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_TYPED = re.compile(r"(?:^|[(:] ?|\s\.venv/bin/|^\.venv/bin/|&& )trader (.+)")
#: What ends a command in a shell, and what is there for a reader only.
_ENDS = re.compile(r"\s(?:#|&&|\||;|>|&)(?:\s|$).*")
#: Told as history, or answered with what to type instead.
_PAST = {"CHANGELOG.md"}


@cache
def root() -> Any:
    return get_command(build())


def find_typed(text: str) -> Iterator[str]:
    """The words behind each `trader` of a page, in its blocks for a shell and in its lines."""
    blocks = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ")
    spans = _CODE.findall(_BLOCK.sub("", text))
    for line in [*blocks.splitlines(), *spans]:
        if found := _TYPED.search(line):
            yield _ENDS.sub("", found[1])


def find_problem(typed: str) -> str:
    """What a person who types it would be told, or nothing."""
    words = typed.replace("…", "").split()
    command = root()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        word = words.pop(0)
        if word not in command.commands:
            # A list of words, as in `trader trades | fills`, or the name of a group.
            return f"no command {word}"
        command = command.commands[word]
    if words and hasattr(command, "default_name"):
        command = command.commands[command.default_name]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    wrong = [each for each in words if each.startswith("--") and each.partition("=")[0] not in known]
    return f"{command.name} has no option {wrong[0].partition('=')[0]}" if wrong else ""


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in _PAST], ids=relative)
def test_what_a_page_tells_to_type_is_there(page: Path) -> None:
    """Command, and every option."""
    typed = list(find_typed(page.read_text(encoding="utf-8")))

    assert [] == [f"trader {each}: {problem}" for each in typed if (problem := find_problem(each))]


def test_something_is_told_to_type_and_a_wrong_word_is_found() -> None:
    """Or the test above would pass on anything."""
    typed = [each for page in PAGES for each in find_typed(page.read_text(encoding="utf-8"))]

    assert len(typed) >= 100
    assert "no command stauts" == find_problem("stauts --home x")
    assert "status has no option --hom" == find_problem("status --hom x")
    assert "show has no option --tabel" == find_problem("ledger show --tabel=x")


def test_what_the_template_tells_to_type_is_there() -> None:
    """In the texts of alarms, which are read when it matters."""
    text = " ".join((ROOT / "template.yaml").read_text(encoding="utf-8").split())
    typed = [each.strip(" .`;") for each in re.findall(r"[;:] ?(trader [^;`]+)", text)]

    assert typed
    assert [] == [problem for each in typed if (problem := find_problem(each.removeprefix("trader ")))]
