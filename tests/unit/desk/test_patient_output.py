"""What is said by something that goes on whether or not somebody reads."""

from __future__ import annotations

import io
import os
import pty
import threading
import time
from pathlib import Path
from typing import TextIO

import pytest

from desk.patient_output import write_at_once


def a_pipe() -> tuple[int, TextIO]:
    """A pipe: the end that is read, and the end that is written."""
    reading, writing = os.pipe()
    return reading, os.fdopen(writing, "w", encoding="utf-8")


def test_text_is_there_at_once(tmp_path: Path) -> None:
    """Past every buffer, in a file as in memory."""
    memory = io.StringIO()
    with (tmp_path / "said").open("w", encoding="utf-8") as file:
        written = write_at_once(file, "one\n"), write_at_once(memory, "two\n")

        assert ("one\n", "two\n") == ((tmp_path / "said").read_text(encoding="utf-8"), memory.getvalue())
    assert (True, True) == written


def test_reader_who_has_gone_ends_nothing() -> None:
    """As `head` does after its lines."""
    reading, out = a_pipe()
    os.close(reading)

    assert not write_at_once(out, "a line\n")
    out.close()


def test_reader_who_reads_no_more_is_not_waited_for() -> None:
    """A terminal that was stopped, a pager that shows its first page: what finds no room is not written."""
    reading, out = a_pipe()
    begun = time.monotonic()
    written = [write_at_once(out, "x" * 30_000) for _ in range(4)]

    assert [True, True, False, False] == written
    assert time.monotonic() - begun < 5
    os.close(reading)
    out.close()


def test_terminal_that_nobody_reads_is_not_waited_for() -> None:
    """As that of a connection that hangs: it has room for less than a line, and a sale must not wait for the rest."""
    reading, writing = pty.openpty()
    out = os.fdopen(writing, "w", encoding="utf-8")
    written: list[bool] = []

    def write() -> None:
        while all(written):
            written.append(write_at_once(out, "x" * 177 + "\n"))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert os.get_blocking(writing)
    os.close(reading)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_full_disk_ends_nothing() -> None:
    """Nor does it stay in a buffer, for the end of the process to fail on."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert not write_at_once(full, "a line\n")


def test_stream_that_is_closed_or_was_never_there_ends_nothing() -> None:
    """As with `>&-` in a shell."""
    closed = io.StringIO()
    closed.close()

    assert [False, False] == [write_at_once(stream, "a line\n") for stream in (None, closed)]


def test_letters_that_a_terminal_does_not_know_are_replaced(tmp_path: Path) -> None:
    """In an old locale."""
    with (tmp_path / "said").open("w", encoding="ascii") as file:
        written = write_at_once(file, "equity · …\n")

    assert written
    assert (tmp_path / "said").read_bytes() == b"equity ? ?\n"
