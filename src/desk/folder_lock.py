"""One process for each folder: whoever comes second is told at once who is there.

A command that runs one cycle, or writes the ledger, is a visitor: it may come while somebody works there, and the lease
keeps the two apart. Whoever begins to work looks for visitors before he frees the lease of the dead.
"""

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
from desk.run_batch import RunFiles
from trader.adapters.local.atomic_files import translate_errors
from trader.errors import StoreUnavailable

#: It stays when its process ends, and so does the number in it; only the lock says whether somebody is there.
LOCK_NAME = ".running"
_VISITORS_NAME = ".visited"
#: Who only looks has the lock for a moment, and a number is written a moment after the lock was taken.
_TRIES, _PAUSE_SECONDS = 10, 0.01


class FolderLock:
    """A folder that one has to oneself."""

    def __init__(self, folder: Path, file: TextIO) -> None:
        self._folder, self._file = folder, file

    def check(self) -> None:
        """Make sure that it is the same folder still. Raises: StoreUnavailable if it was moved or removed."""
        ours, there = os.fstat(self._file.fileno()), None
        try:
            there = (self._folder / LOCK_NAME).stat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:
            # A disk that does not answer just now tells neither.
            return
        if there is None or (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise StoreUnavailable(
                f"{self._folder}: it, or {LOCK_NAME} in it, was moved or removed while this process worked there; "
                "what lies there now is not touched"
            )


@contextmanager
def lock_folder(folder: Path) -> Iterator[FolderLock]:
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
        yield FolderLock(folder, file)


@contextmanager
def join_folder(folder: Path) -> Iterator[None]:
    """Take a lease in a folder, if at all, while the block runs.

    What the death of a run left half done there is finished first. Raises: StoreUnavailable, LedgerCorrupt.
    """
    with translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _VISITORS_NAME).open("a", encoding="ascii")
    with file:
        with translate_errors(folder):
            fcntl.flock(file, fcntl.LOCK_SH)
        RunFiles(folder).finish()
        yield


@contextmanager
def keep_visitors_out(folder: Path) -> Iterator[bool]:
    """Let nobody begin a visit while the block runs; tell whether nobody is there. Raises: StoreUnavailable."""
    with translate_errors(folder):
        file = (folder / _VISITORS_NAME).open("a", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def find_worker(folder: Path) -> str | None:
    """Name the process that works in a folder, by its number; None if nobody does.

    Where that cannot be found out, as without the right to look, somebody may be there, whose number is unknown.
    """
    try:
        with (folder / LOCK_NAME).open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
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
