"""One process for each folder: whoever comes second is told at once who is there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from desk.errors import NotNow
from trader.adapters.local.atomic_files import translate_errors

#: It stays when its process ends, and so does the number in it; only the lock says whether somebody is there.
LOCK_NAME = ".running"
#: Who only looks has the lock for a moment, and a number is written a moment after the lock was taken.
_TRIES, _PAUSE_SECONDS = 10, 0.01


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Have a folder to oneself while the block runs.

    Raises: NotNow naming the folder and the process that works there; StoreUnavailable.
    """
    with translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_NAME).open("a+", encoding="ascii")
    with file:
        if not _take(file):
            raise NotNow(f"{folder}: process {_read_pid(folder)} works there already; one at a time can")
        # A disk that is full keeps nobody out: the number is for people. Past the buffer, which closing would flush.
        with contextlib.suppress(OSError):
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield


def find_worker(folder: Path) -> str | None:
    """Name the process that works in a folder, by its number; None if nobody does."""
    with contextlib.suppress(FileNotFoundError), (folder / LOCK_NAME).open(encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_pid(folder)
    return None


def _take(file: TextIO) -> bool:
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _read_pid(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return str(int((folder / LOCK_NAME).read_text(encoding="ascii")))
    return "unknown"
