"""One process for each folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.errors import NotNow
from desk.folder_lock import LOCK_NAME, find_worker, lock_folder

_PROGRAM = """
import sys
from pathlib import Path
from desk.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("there", flush=True)
    sys.stdin.read()
"""


def occupy_elsewhere(folder: Path) -> subprocess.Popen[str]:
    """Let another process occupy a folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def test_second_process_is_told_the_folder_and_who_works_there(tmp_path: Path) -> None:
    """At once; it does not wait."""
    with occupy_elsewhere(tmp_path) as process:
        with pytest.raises(NotNow) as refused, lock_folder(tmp_path):
            pass
        worker = find_worker(tmp_path)
        process.communicate("")

    assert f"{tmp_path}: process {process.pid} works there already; one at a time can" == str(refused.value)
    assert str(process.pid) == worker


def test_folder_of_a_dead_process_is_free(tmp_path: Path) -> None:
    """Its number stays in the file and means nothing."""
    with occupy_elsewhere(tmp_path) as process:
        process.kill()
        process.communicate()

    assert f"{process.pid}\n" == (tmp_path / LOCK_NAME).read_text(encoding="ascii")
    assert find_worker(tmp_path) is None
    with lock_folder(tmp_path):
        assert str(os.getpid()) == find_worker(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"who?"])
def test_number_that_cannot_be_read_is_said_to_be_unknown(tmp_path: Path, content: bytes) -> None:
    """The lock counts, not what is in the file."""
    with lock_folder(tmp_path):
        (tmp_path / LOCK_NAME).write_bytes(content)

        assert find_worker(tmp_path) == "unknown"


def test_folder_that_is_not_there_has_no_worker(tmp_path: Path) -> None:
    """Looking makes nothing."""
    assert find_worker(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()
