"""The screens of docs/asking.md, printed by the commands above them.

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

PAGE = ROOT / "docs/asking.md"
RUN = "run --mode PAPER --ticks 48"
_SCREEN = re.compile(r"```text\n\$ trader (.*)\n(?:(?!```).*\n)*```\n")
_WIDTH = "100"


def print_screens(page: str, answer: Callable[[str], str]) -> str:
    """The page with every screen printed anew."""
    return _SCREEN.sub(lambda found: f"```text\n$ trader {found[1]}\n{answer(found[1])}```\n", page)


def answer_from(home: Path) -> Callable[[str], str]:
    """How the commands answer about a folder, unless they name another."""

    def answer(words: str) -> str:
        place = [] if "--home" in words else ["--home", str(home)]
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            run_command(build(), [*shlex.split(words), *place])
        return out.getvalue()

    return answer


def main() -> None:
    """Write the page."""
    os.environ["COLUMNS"] = _WIDTH
    with tempfile.TemporaryDirectory() as homes:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            run_command(build(), [*shlex.split(RUN), "--home", homes])
        (switch,) = Path(homes).rglob("kill-switch")
        page = print_screens(PAGE.read_text(encoding="utf-8"), answer_from(switch.parent))
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
