"""How far a download is, and what it and a folder of candles come to, on a terminal or in plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from desk.cli.layout import Column, print_table
from desk.counting import write_count
from trader.errors import TraderError
from trader.model.ids import Instant, rfc3339

if TYPE_CHECKING:
    from desk.backtest.data.coinbase import Downloaded, Progress
    from desk.backtest.data.gaps import Gap
    from desk.backtest.data.inspection import Listed

#: Where nobody watches, a line this often.
_LINE_SECONDS = 10.0
_DIGEST_LENGTH = 12
_DOWNLOADS = (
    Column("product", speaks_for_itself=True),
    Column("candles"),
    Column("gaps"),
    Column("missing"),
    Column("longest gap", rank=1),
)
_FILES = (
    Column("product", speaks_for_itself=True),
    Column("granularity", speaks_for_itself=True),
    Column("first"),
    Column("last"),
    Column("candles"),
    Column("gaps"),
    Column("missing", rank=1),
    Column("kB", rank=2),
    Column("sha256", rank=3),
)


class DownloadScreen:
    """Shows a download on stderr: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
        )
        self._bar = Bar(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = None if self._bar is None else self._bar.add_task("", total=None, pace="")
        self._monotonic = monotonic
        self._begun = self._line_at = monotonic()
        self.told = "nothing new"

    def __enter__(self) -> DownloadScreen:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Show how far it is, how fast, and how long the rest may take."""
        now, pace = self._monotonic(), self._tell_pace(progress)
        self.told = f"{progress.done} of {write_count(progress.total, 'bucket')}"
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, description=progress.product_id, completed=progress.done, total=progress.total, pace=pace
            )
        elif now - self._line_at >= _LINE_SECONDS:
            self._line_at = now
            self._print(f"{progress.product_id}: {self.told}, {pace}")

    def tell_trouble(self, error: TraderError, pause: float) -> None:
        """Say why something is asked for again, and how soon."""
        self._print(f"{' '.join(str(error).split())}; asked again in {pause:.0f} s")

    def _tell_pace(self, progress: Progress) -> str:
        seconds = self._monotonic() - self._begun
        if not progress.asked or seconds <= 0:
            return ""
        rate = progress.asked / seconds
        left = timedelta(seconds=round((progress.total - progress.done) / rate))
        return f"{rate:.0f} buckets a second, {left} left"

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)


def print_downloads(console: Console, found: Sequence[Downloaded]) -> None:
    """Print what there is of each product now, from whichever run."""
    rows = []
    for each in found:
        longest = max(each.gaps, key=lambda gap: gap.buckets, default=None)
        counts = (str(each.candles), str(len(each.gaps)), str(sum(gap.buckets for gap in each.gaps)))
        rows.append((each.product_id, *counts, "" if longest is None else str(longest)))
    print_table(console, "candles", _DOWNLOADS, rows)


def print_files(console: Console, folder: Path, files: Sequence[Listed]) -> None:
    """Print a folder's files of candles, a row each."""
    print_table(console, str(folder), _FILES, [_make_row(each) for each in files])


def tell_gaps(gaps: Sequence[Gap]) -> str:
    """Write holes of one file in a line."""
    longest = max(gaps, key=lambda gap: gap.buckets)
    missing = write_count(sum(gap.buckets for gap in gaps), "bucket")
    return f"{len(gaps)}, of {missing}; the longest {longest}"


def _make_row(each: Listed) -> tuple[str, ...]:
    size, digest = f"{each.size / 1000:.0f}", each.digest[:_DIGEST_LENGTH]
    gaps = each.gaps
    told = (str(len(each.starts)), str(len(gaps)), str(sum(gap.buckets for gap in gaps))) if each.starts else ("",) * 3
    span = tuple(rfc3339(Instant(each.starts[at])) for at in (0, -1)) if each.starts else ("unreadable", "")
    return (each.file.product_id, each.file.granularity, *span, *told, size, digest)
