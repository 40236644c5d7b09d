"""``--report PATH``: the page of a backtest that is kept, in one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trader.adapters.local.atomic_files import replace_text
from trader.errors import ConfigError

if TYPE_CHECKING:
    from desk.backtest.archive import StoredBacktest

ReportOption = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write its page, one HTML file.")]


def check_report(path: Path | None) -> None:
    """Refuse before a run what could not be written after it. Raises: ConfigError."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ConfigError(f"--report {path}: is a folder, or lies in none; allowed is a file in a folder that exists")


def write_report(stored: StoredBacktest, path: Path) -> None:
    """Write the page of a backtest. Raises: ConfigError, LedgerCorrupt."""
    from desk.backtest.report.page import build_report

    page = build_report(stored)
    try:
        replace_text(path, page)
    except OSError as error:
        raise ConfigError(f"--report {path}: {error.strerror}; allowed is a file that can be written") from error
    print(f"report: {path}, {len(page.encode()) / 1000:,.0f} kB", file=sys.stderr)
