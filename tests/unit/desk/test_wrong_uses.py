"""What is typed wrongly is answered in one clear line, with the right code, and loses nothing."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.exit_codes import ExitCode
from desk.folder_lock import LOCK_NAME, lock_folder
from trader.adapters.aws import clients
from unit.desk.wrong_uses import RUN, WRONG_USES, WrongUse, change_world, make_world
from unit.desk.wrong_uses_backtest import BACKTEST_USES

_EPOCH = re.compile(r"\b1[67]\d{8}\b")
_VARIABLE = re.compile(r"\b(?:TRADER|AWS|COINBASE|POWERTOOLS)_[A-Z_]+\b")
#: What is said of a market before anything can be wrong with it.
_NOTES = ("market: ", "note: ", "run ", "starting ")
#: LIVE needs its confirmation, and a loop on a laptop says by which variable.
_NAMED = {"loop-live-unconfirmed": {"TRADER_LIVE_CONFIRMED"}}
_TRADER = [sys.executable, "-c", "from desk.cli import main; main()"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("made"))


class _Server(ThreadingHTTPServer):
    """Answers all that is asked for with the same."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        if self.server.status:
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(self.server.text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def places() -> Iterator[Mapping[str, str]]:
    """A port that is taken, and addresses at which something else listens than a venue."""
    servers = {
        "html": _Server(200, "<html><body>Welcome</body></html>"),
        "forbidden": _Server(403, "<html>Forbidden</html>"),
        "silent": _Server(0, ""),
    }
    for each in servers.values():
        threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses = {name: f"http://127.0.0.1:{each.server_address[1]}" for name, each in servers.items()}
        yield {**addresses, "port": str(taken.getsockname()[1])}
    for each in servers.values():
        each.shutdown()
        each.server_close()


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder in which it is typed, in a shell that exports nothing of ours."""
    folder = tmp_path / "typed"
    shutil.copytree(made, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TRADER_HOME")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(clients, "_SESSION", None)
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file there is, and its bytes; but for those of locks, which say who was there last."""
    files = (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    return {str(each.relative_to(folder)): each.read_bytes() for each in files if each.name != LOCK_NAME}


def type_words(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Type a command, or run a module, in this process; return what it leaves with."""
    monkeypatch.setattr(sys, "argv", words)
    try:
        if words[0] == "trader":
            run_command(build(), words[1:])
            raise AssertionError
        main = importlib.import_module(words[0]).main
        return int(main(words[1:]) if inspect.signature(main).parameters else main() or 0)
    except SystemExit as left:
        if isinstance(left.code, str):
            sys.stderr.write(f"{left.code}\n")
            return 1
        return int(left.code or 0)


@pytest.mark.parametrize("use", [*WRONG_USES, *BACKTEST_USES], ids=lambda use: use.name)
def test_wrong_use_is_answered_and_loses_nothing(
    use: WrongUse,
    world: Path,
    places: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that names the thing, the value and what is allowed; the code; no trace of the inside; all files."""
    change_world(world, use.put)
    for name, text in use.variables.items():
        monkeypatch.setenv(name, text)
    words = shlex.split(use.words.format(**places) if "{" in use.words else use.words)
    before = read_files(world)
    with ExitStack() as stack:
        if use.busy:
            stack.enter_context(lock_folder(world / use.busy))
        code = type_words(words, monkeypatch)

    told = capsys.readouterr()
    lines = [line for line in told.err.splitlines() if not line.startswith(_NOTES)]
    answer = " ".join(told.out.split()) if use.on_screen else told.err
    missing = [each for each in use.said if each.format(**places) not in answer]
    assert (use.code, []) == (code, missing), (told.err, told.out)
    assert "Traceback" not in told.out + told.err
    assert use.code is ExitCode.USAGE or (0 if use.on_screen else use.lines) == len(lines), told.err
    said = (told.out + told.err) if not use.on_screen else told.out
    assert set() == set(_EPOCH.findall(said)) - set(words), said
    named = {name for line in lines for name in _VARIABLE.findall(line.partition("allowed")[0])}
    assert set() == named - set(use.variables) - _NAMED.get(use.name, set()), told.err
    after = read_files(world)
    assert [] == [name for name, text in before.items() if after.get(name) != text]


def test_table_is_as_long_as_it_was_promised_and_names_each_row_once() -> None:
    """150 uses at least, and no two of them of one name."""
    assert [] == [
        name for name, count in Counter(each.name for each in (*WRONG_USES, *BACKTEST_USES)).items() if count > 1
    ]
    assert len(WRONG_USES) >= 150


def _start(words: str, **more: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        [*_TRADER, *shlex.split(words)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,  # type: ignore[call-overload]
    )


def test_full_disk_is_one_line_and_the_run_can_be_resumed(world: Path) -> None:
    """No file may grow beyond 2,000 bytes; with room again the same command goes on to its end."""
    words = "run --ticks 3 --mode PAPER --name full"
    before = read_files(world)
    with _start(words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))) as process:
        said = process.communicate(timeout=60)[1]

    last = said.splitlines()[-1]
    assert (1, True, False) == (process.returncode, "File too large" in last, "Traceback" in said), said
    assert "the same command resumes: trader run" in last
    assert before == {name: text for name, text in read_files(world).items() if name in before}
    with _start(words) as process:
        process.communicate(timeout=60)
    assert 0 == process.returncode


def test_output_that_nobody_reads_is_no_traceback(world: Path) -> None:
    """As of a pager that was left early: the reading end is closed before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [*_TRADER, "cycles", "--home", RUN],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)

    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_that_is_interrupted_says_how_it_goes_on(number: signal.Signals, world: Path) -> None:
    """At whatever moment after its first word; the same command then does the rest."""
    with _start("run --ticks 2000 --mode PAPER --name broken-off") as process:
        while not list(world.glob(".trader/runs/broken-off/ticks.jsonl")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]

    assert (130, False) == (process.returncode, "Traceback" in said), said
    assert "the same command resumes: trader run --ticks 2000 --mode PAPER --name broken-off" in said
