"""One process for each folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.errors import NotNow
from desk.folder_lock import LOCK_NAME, find_worker, join_folder, keep_visitors_out, lock_folder
from trader.errors import StoreUnavailable

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


def test_worker_who_cannot_be_looked_for_may_be_there(tmp_path: Path) -> None:
    """As in a folder of another login: who halts a system must not be kept from it, nor told that nothing runs."""
    (tmp_path / LOCK_NAME).mkdir()

    assert find_worker(tmp_path) == "unknown"


@pytest.mark.parametrize("accident", ["moved", "removed", "lock removed", "lock of another"])
def test_folder_that_is_another_one_now_is_noticed(accident: str, tmp_path: Path) -> None:
    """What lies there now may be somebody else's, and is not made anew."""
    folder = tmp_path / "books"
    with lock_folder(folder) as lock:
        lock.check()
        if accident == "moved":
            folder.rename(tmp_path / "elsewhere")
        else:
            (folder / LOCK_NAME).unlink()
        if accident == "removed":
            folder.rmdir()
        if accident == "lock of another":
            (folder / LOCK_NAME).write_text("1\n", encoding="ascii")

        with pytest.raises(StoreUnavailable, match="was moved or removed while this process worked there"):
            lock.check()
    assert folder.exists() == accident.startswith("lock")


def test_visitor_is_seen_until_he_goes(tmp_path: Path) -> None:
    """He keeps nobody from working there, and another may come as well."""
    with lock_folder(tmp_path):
        with join_folder(tmp_path), join_folder(tmp_path), keep_visitors_out(tmp_path) as is_alone:
            seen = is_alone
        with keep_visitors_out(tmp_path) as is_alone:
            alone = is_alone

    assert (False, True) == (seen, alone)
