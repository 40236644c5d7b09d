"""What ``--help`` tells to type works as it stands."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from architecture.tree import ROOT
from desk.cli.app import build
from desk.cli.help_text import EXAMPLES
from desk.markets.synthetic import DEMO_SEED
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.local.clock import SystemClock
from trader.adapters.local.files import FileStateStore
from trader.model.ids import Scope
from unit.desk.operated_folder import run

_TRADER = [sys.executable, "-c", "from desk.cli import main; main()"]
#: These go on until somebody ends them.
_STAY = {"sandbox venue", "sandbox up"}
#: A market of a day and more before it.
_CANDLES_BEGIN, _CANDLES_END = 1_758_067_200, 1_759_708_800
#: What is red in this folder, or not there to be done, and answered so: every other example ends with 0.
_CODES = {"resume": {0, 1}, "ledger adopt": {0, 1}}


def find_commands() -> Iterator[str]:
    """Every command by its words."""

    def iterate(command: object, words: str) -> Iterator[str]:
        if not hasattr(command, "commands"):
            yield words.strip()
            return
        for name, each in command.commands.items():
            yield from iterate(each, f"{words} {name}")

    yield from iterate(get_command(build()), "")


def test_every_command_has_an_example_and_no_other_has() -> None:
    """Or one could be added without."""
    assert sorted(EXAMPLES) == sorted(find_commands())


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueServer]:
    now = SystemClock().now()
    server = VenueServer(Venue(make_synthetic_source(DEMO_SEED, now), SystemClock(), opening={}), port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, venue: VenueServer) -> Path:
    """A folder as a person has it: a configuration, a finished run whose books are remembered, candles and a key."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("config", "template.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "key.json").write_text(json.dumps(venue.key.file()), encoding="utf-8")
    (folder / "DIR").mkdir()
    rows = [f"{at},100,{101 + at % 7},99,{100 + at % 5},1000" for at in range(_CANDLES_BEGIN, _CANDLES_END, 300)]
    text = "start,open,high,low,close,volume\n" + "\n".join(rows) + "\n"
    (folder / "DIR/BTC-USD-5m.csv.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TRADER_HOME", raising=False)
        for words in (
            "cycle --mode PAPER --at 2026-01-04T15:00:00Z",
            "run --ticks 60 --mode PAPER",
            "use --home .trader/runs/paper-synthetic-7-1",
        ):
            assert 0 == run(*words.split()), words
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, venue: VenueServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which something is typed."""
    folder = tmp_path / "typed"
    shutil.copytree(made, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TRADER_HOME")
    monkeypatch.setenv("TRADER_VENUE_URL", venue.url)
    # It remembers a place by its whole path.
    assert 0 == run("use", "--home", ".trader/runs/paper-synthetic-7-1")
    return folder


def find_lot() -> str:
    """A lot that is held there."""
    store = FileStateStore(Path(".trader/runs/paper-synthetic-7-1"))
    ledger = store.look(Scope("PAPER#main")).ledger
    assert ledger is not None
    return next(iter(ledger.lots))


def find_backtest() -> str:
    """A backtest that is kept there."""
    if not Path(".trader/backtests").exists():
        assert run(*shlex.split(EXAMPLES["backtest run"][0])[1:]) == 0
    return next(Path(".trader/backtests").glob("*/backtest.json")).parent.name


def run_and_interrupt(words: list[str]) -> tuple[int, str]:
    """Type a command that stays, and end it with Ctrl-C as soon as it has said something."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "80"}
    with subprocess.Popen(
        [*_TRADER, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        return process.wait(60), said + process.stdout.read()


@pytest.mark.parametrize("words", [words for words in EXAMPLES if words not in _STAY])
def test_examples_do_what_they_say(
    words: str, place: Path, venue: VenueServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or answer in a line what is not there to be done; none is refused as a wrong word."""
    for example in EXAMPLES[words]:
        told = example.replace("https://api.coinbase.com", venue.url).replace("LOT", find_lot())
        typed = shlex.split(told.replace("NAME", find_backtest()) if "NAME" in told else told)
        if words == "run" and "--venue" in typed:
            code, said = run_and_interrupt(typed[1:])
            assert (130, False) == (code, "Traceback" in said), said
            continue
        code = run(*typed[1:])
        told = capsys.readouterr()
        assert code in _CODES.get(words, {0}), (example, told)
        assert code == 0 or told.err.count("\n") <= 1, told.err


@pytest.mark.parametrize("words", sorted(_STAY))
def test_examples_that_stay_end_with_ctrl_c(words: str, place: Path) -> None:
    """In order, and with nothing but what they were asked for."""
    ports = ["--port", "0"] if words == "sandbox venue" else ["--aws-port", "0", "--venue-port", "0"]
    for example in EXAMPLES[words]:
        code, said = run_and_interrupt([*shlex.split(example)[1:], *ports])
        if "no sam found" in said:
            # It has ended by itself: the signal met an interpreter that was going anyway.
            pytest.skip("no SAM anywhere")

        assert (True, False) == (code in {0, 130}, "Traceback" in said), said
