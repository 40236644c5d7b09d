"""Words that nobody may be there to read, from something that goes on whether or not somebody is.

A terminal that was closed, or stopped by Ctrl-S, a pipe whose reader has gone or reads no more, a disk that is full:
each of them would end a process that prints, or keep it from its work for as long as that lasts.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
from collections.abc import Iterator
from typing import TextIO

#: A pipe that has room at all has room for so much.
_PIECE_BYTES = select.PIPE_BUF
_PATIENCE_MS = 500


def write_at_once(stream: TextIO | None, text: str) -> bool:
    """Write a text past every buffer; False if that cannot be done just now. It never raises, and hardly waits."""
    if stream is None:
        return False
    with contextlib.suppress(OSError, ValueError):
        file = _find_file(stream)
        if file is not None:
            return _write_pieces(file, text.encode(stream.encoding or "utf-8", "replace"))
        stream.write(text)
        stream.flush()
        return True
    return False


def _find_file(stream: TextIO) -> int | None:
    """Return the number of a stream's file; None for one in memory. Raises: ValueError for one that is closed."""
    try:
        return stream.fileno()
    except io.UnsupportedOperation:
        return None


def _write_pieces(file: int, data: bytes) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    while data:
        if not poll.poll(_PATIENCE_MS):
            return False
        with _unblocked(file):
            data = data[os.write(file, data[:_PIECE_BYTES]) :]
    return True


@contextlib.contextmanager
def _unblocked(file: int) -> Iterator[None]:
    """Let a write take what there is room for. A terminal has room as soon as there is any, and waits for the rest.

    For this write only: whoever shares the file, such as the shell of a terminal, does not expect that of it.
    """
    before = os.get_blocking(file)
    os.set_blocking(file, False)
    try:
        yield
    finally:
        os.set_blocking(file, before)
