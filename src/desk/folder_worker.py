"""Whether a process works in a folder: it holds the folder's lock for as long as it does."""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path

#: It stays when its process ends, and so does the number in it; only the lock says whether somebody is there.
_NAME = ".running"


def find_worker(folder: Path) -> str | None:
    """Name the process that works in a folder, by its number; None if nobody does."""
    with contextlib.suppress(FileNotFoundError), (folder / _NAME).open(encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"process {file.read().strip() or 'unknown'}"
    return None
