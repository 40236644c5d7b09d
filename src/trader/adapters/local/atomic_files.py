"""Files that a crash leaves with their old content or the new, never half of either. Raises OSError."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trader.errors import StoreUnavailable, TraderError
from trader.model.codec import translate_damage


def read_text(path: Path) -> str | None:
    """Read a file; None if there is none. Raises: LedgerCorrupt for bytes that are no text."""
    try:
        with translate_damage(path):
            return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def read_lines(path: Path, start: int = 0) -> list[bytes]:
    """Read the whole lines of a file from a byte on, without their ends; none if there is no file.

    What an earlier crash left of a line was never committed.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def replace_text(path: Path, text: str) -> None:
    """Replace the content of a file in one step."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Replace the content of a file in one step; a crash before it may leave a file beside it, ``.NAME.`` and more."""
    written = _written_beside(path, content)
    try:
        written.replace(path)
    except OSError:
        written.unlink(missing_ok=True)
        raise
    keep_names(path.parent)


def create_text(path: Path, text: str) -> None:
    """Create a file with all its content in one step. Raises: FileExistsError if there is one already."""
    written = _written_beside(path, text.encode())
    try:
        # A link, unlike a rename, refuses to replace what is there.
        path.hardlink_to(written)
    finally:
        written.unlink(missing_ok=True)
    keep_names(path.parent)


def append_lines(path: Path, lines: list[str]) -> None:
    """Append whole lines. What an earlier crash left of a line was never committed, and is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        content = file.read()
        kept = content.rfind(b"\n") + 1
        if not kept:
            # Before the first line: else a power cut may take the name of a file that has lines.
            keep_names(path.parent)
        file.truncate(kept)
        file.seek(0, os.SEEK_END)
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def keep_names(folder: Path) -> None:
    """Let a power cut keep which files there are in a folder; what is in them is another matter."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Keep other processes, and other holders in this one, out while the block runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def translate_errors(path: Path, into: Callable[[str], TraderError] = StoreUnavailable) -> Iterator[None]:
    """Turn what the disk raises inside into one error of ours, with the path."""
    try:
        yield
    except OSError as error:
        raise into(f"{path}: {error}") from error


def _written_beside(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
