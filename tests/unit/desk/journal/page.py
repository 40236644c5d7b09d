"""The screens of docs/asking.md and the pictures in README, printed by the commands above them.

``PYTHONPATH=src:tests python -m unit.desk.journal.page`` writes them anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

from architecture.tree import ROOT
from desk.cli.app import build
from desk.cli.app import run as run_command
from unit.desk.journal.picture import COLUMNS, draw_screen

PAGE = ROOT / "docs/asking.md"
RUN = "run --mode PAPER --ticks 48"
_SCREEN = re.compile(r"```text\n\$ trader (.*)\n(?:(?!```).*\n)*```\n")
_WIDTH = "100"
#: The screens that README shows, by the name of their file.
PICTURES = ROOT / "docs/pictures"
PICTURED = {"status": "status", "why": "why XLM-USD --at 2025-12-31T23:40:00Z", "lots": "lots"}


def print_screens(page: str, answer: Callable[[str], str]) -> str:
    """The page with every screen printed anew."""
    return _SCREEN.sub(lambda found: f"```text\n$ trader {found[1]}\n{answer(found[1])}```\n", page)


def answer_from(home: Path) -> Callable[[str], str]:
    """How the commands answer about a run that is the only one there is, unless they name another folder."""

    def answer(words: str) -> str:
        out = io.StringIO()
        before, os.environ["TRADER_HOME"] = os.environ.get("TRADER_HOME"), str(home.parents[1])
        try:
            with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
                run_command(build(), shlex.split(words))
        finally:
            del os.environ["TRADER_HOME"]
            os.environ.update({"TRADER_HOME": before} if before is not None else {})
        return out.getvalue().replace(str(home), f".trader/runs/{home.name}")

    return answer


def draw_pictures(answer: Callable[[str], str]) -> dict[str, str]:
    """Every picture by the name of its file, on a terminal of 80 columns; a folder's place is its own affair."""
    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), str(COLUMNS)
    try:
        drawn = {name: draw_screen(f"trader {words}", answer(words)) for name, words in PICTURED.items()}
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return drawn


def main() -> None:
    """Write the page, and the pictures."""
    os.environ["COLUMNS"] = _WIDTH
    with tempfile.TemporaryDirectory() as homes:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            run_command(build(), [*shlex.split(RUN), "--home", homes])
        (switch,) = Path(homes).rglob("kill-switch")
        page = print_screens(PAGE.read_text(encoding="utf-8"), answer_from(switch.parent))
        PAGE.write_text(page, encoding="utf-8")
        PICTURES.mkdir(exist_ok=True)
        for name, text in draw_pictures(answer_from(switch.parent)).items():
            (PICTURES / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
