"""``trader run`` as real processes: two at once, interrupted, and on a disk that is full."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 120
_LONG = ("--ticks", "400")


def start(home: Path, *options: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Start a run in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADER_")}
    command = ["run", "--mode", "PAPER", "--home", str(home), "--json", *options]
    return subprocess.Popen(
        [sys.executable, "-c", "from desk.cli import main; main()", *command],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,  # noqa: PLW1509 - a limit of the process can be set no other way
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a process; its exit code and what it said."""
    output, errors = process.communicate(timeout=_PATIENCE_SECONDS)
    return process.returncode, output, errors


def totals_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a run that finishes, and return its totals."""
    code, output, errors = finish(process)
    assert code == 0, errors
    totals: dict[str, Any] = json.loads(output)
    return totals


def wait_for_ticks(home: Path, ticks: int) -> None:
    """Wait until so many ticks are done."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if any(path.read_bytes().count(b"\n") >= ticks for path in home.glob("runs/*/ticks.jsonl")):
            return
        time.sleep(0.005)
    raise AssertionError("no ticks")


@pytest.fixture(scope="module")
def totals_alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """The totals of a run of so many ticks that nobody disturbs; each is run once."""
    return cache(lambda ticks: totals_of(start(tmp_path_factory.mktemp("alone"), "--ticks", ticks)))


def test_two_that_begin_together_never_crash(tmp_path: Path) -> None:
    """One runs; the others are refused at once, in one line that names the folder and the process that works there."""
    # Long enough that the first still runs when the last begins, on a busy machine too.
    processes = {process.pid: process for process in (start(tmp_path, "--ticks", "900") for _ in range(3))}

    ends = {pid: finish(process) for pid, process in processes.items()}

    (winner,) = (pid for pid, (code, _, _) in ends.items() if code == 0)
    folder = tmp_path / "runs" / "paper-synthetic-7-1"
    refusal = f"NotNow: {folder}: process {winner} works there already; one at a time can"
    for pid, (code, output, errors) in ends.items():
        if pid != winner:
            assert (75, "", refusal) == (code, output, errors.splitlines()[-1])
    assert [folder] == sorted((tmp_path / "runs").glob("[!.]*"))


def test_two_different_runs_that_begin_together_get_two_names(tmp_path: Path) -> None:
    """Neither waits for the other."""
    processes = [start(tmp_path, "--ticks", ticks) for ticks in ("10", "11")]

    totals = [totals_of(process) for process in processes]

    assert [10, 11] == [each["ticks"] for each in totals]
    assert ["paper-synthetic-7-1", "paper-synthetic-7-2"] == sorted(each.name for each in tmp_path.glob("runs/[!.]*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_says_how_far_it_is_and_what_resumes_it(
    tmp_path: Path, number: signal.Signals, totals_alone: Callable[[str], dict[str, Any]]
) -> None:
    """The line that it prints, typed into a shell, goes on and ends with the totals of a run left alone."""
    home = tmp_path / "with blank"
    process = start(home, *_LONG)
    wait_for_ticks(home, 5)
    process.send_signal(number)

    code, output, errors = finish(process)

    reached, resume = errors.splitlines()[-2:]
    command = resume.partition("the same command resumes: ")[2]
    assert (130, "") == (code, output)
    assert reached.startswith("interrupted after ")
    assert f" of {_LONG[1]} cycles: " in reached
    assert shlex.split(command)[:2] == ["trader", "run"]
    again = start(home, *shlex.split(command)[2:])
    assert totals_alone(_LONG[1]) == totals_of(again)


@pytest.mark.parametrize("bytes_max", [0, 100, 20_000])
def test_run_that_meets_a_full_disk_is_resumed_by_the_same_command(
    tmp_path: Path, bytes_max: int, totals_alone: Callable[[str], dict[str, Any]]
) -> None:
    """No file may grow beyond so many bytes: one line says so and what to type, and nothing is lost."""
    home = tmp_path / "full"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, resource.RLIM_INFINITY))

    code, output, errors = finish(start(home, "--ticks", "60", before=limit))

    (line,) = [each for each in errors.splitlines() if each.startswith("StoreUnavailable: ")]
    assert (1, "") == (code, output)
    assert "File too large" in line
    assert "once that is mended, the same command resumes: trader run --ticks 60" in line
    assert "Traceback" not in errors
    assert totals_alone("60") == totals_of(start(home, "--ticks", "60"))
    assert ["paper-synthetic-7-1"] == [each.name for each in home.glob("runs/[!.]*")]
