"""The command ``trader``."""

from __future__ import annotations

import sys
import warnings


def main() -> None:
    """Run the command that was typed, and leave the process.

    What libraries tell programmers stays off the screen from the first import on, unless Python is told otherwise (-W).
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    from desk.cli.app import build, run

    run(build())
