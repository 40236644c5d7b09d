"""One process for each folder: whoever comes second is told at once who is there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from desk.errors import NotNow

_NAME = ".running"


@contextmanager
def occupy_folder(folder: Path) -> Iterator[None]:
    """Have a folder to oneself while the block runs. Raises: NotNow naming the process that has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise NotNow(f"process {pid} works in {folder} already; one at a time can") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
