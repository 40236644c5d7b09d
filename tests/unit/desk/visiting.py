"""Whether a command is a visitor of a folder while it holds a lease there."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

from desk.folder_lock import keep_visitors_out

_MOMENT_SECONDS = 0.3


def visits(folder: Path, command: Callable[[], int]) -> tuple[bool, int]:
    """Run a command while visitors are kept out: tell whether it waited for that to end, and its exit code."""
    with ThreadPoolExecutor(1) as pool:
        with keep_visitors_out(folder):
            running = pool.submit(command)
            while not running.done() and not running.running():
                sleep(0.01)
            sleep(_MOMENT_SECONDS)
            waited = not running.done()
        return waited, running.result()
