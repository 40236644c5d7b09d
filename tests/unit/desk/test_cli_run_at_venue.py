"""``trader run --venue``: what it refuses, and how a real process begins and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.exit_codes import ExitCode
from desk.controls import FolderControls
from desk.folder_lock import lock_folder
from desk.real_venue import name_folder
from desk.sandbox.server import VenueServer
from factories_settings import CONFIG
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant, Scope
from trader.model.trading_state import TradingState

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = "http://127.0.0.1:1"
_PATIENCE_SECONDS = 60


def refused(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code and the lines on stderr."""
    with pytest.raises(SystemExit) as ended:
        run_command(build(), ["run", "--config", str(CONFIG), *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err.splitlines()


@pytest.fixture
def live_config(tmp_path: Path) -> Path:
    """The shipped configuration, that trades for real."""
    for file in CONFIG.iterdir():
        text = file.read_text(encoding="utf-8").replace("read_only: true", "read_only: false")
        text = text.replace("live_without_evidence: false", "live_without_evidence: true")
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def venue() -> Iterator[VenueServer]:
    """A simulated venue, as ``trader sandbox venue`` serves it."""
    with VenueServer() as server:
        yield server


class Started:
    """The command in a process of its own."""

    def __init__(self, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-c", "from desk.cli import main; main()", "run", *words]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def end(self, number: signal.Signals) -> tuple[int, list[str], list[str]]:
        """Send a signal; return the exit code and the lines on both streams."""
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=_PATIENCE_SECONDS)
        return self.process.returncode, (out or "").splitlines(), errors.splitlines()


def await_file(path: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert path.exists()


def test_live_is_refused_with_every_reason_at_once(
    live_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the configuration says, the word that confirms it, and the key; nobody was asked for anything."""
    home = tmp_path / "home"
    shipped = refused("--venue", NOWHERE, "--mode", "LIVE", "--home", str(home), capsys=capsys)
    willing = refused(
        "--config", str(live_config), "--venue", NOWHERE, "--mode", "LIVE", "--home", str(home), capsys=capsys
    )
    named = ["read_only: true", "TRADER_LIVE_CONFIRMED", "COINBASE_API_KEY", "COINBASE_API_SECRET"]

    assert (shipped[0], willing[0]) == (ExitCode.CONFIG, ExitCode.CONFIG)
    assert [True] * 4 == [word in line for word, line in zip(named, shipped[1], strict=True)]
    assert [True] * 3 == [word in line for word, line in zip(named[1:], willing[1], strict=True)]
    assert not home.exists()


def test_key_file_takes_the_place_of_the_environment(
    live_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then only the confirmation is missing."""
    words = ("--config", str(live_config), "--venue", NOWHERE, "--mode", "LIVE", "--key", str(tmp_path / "key.json"))

    code, lines = refused(*words, "--home", str(tmp_path / "home"), capsys=capsys)

    assert code == ExitCode.CONFIG
    assert ["TRADER_LIVE_CONFIRMED" in line for line in lines] == [True]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--venue", NOWHERE, "--ticks", "3", "--to", "2026-01-01"), ("--ticks 3", "--to 2026-01-01", "--venue")),
        (("--venue", NOWHERE, "--name", "mine", "--seed", "0"), ("--name mine", "--seed 0", "--venue")),
        (("--venue", NOWHERE, "--candles", "somewhere"), ("--candles somewhere", "--venue")),
        (("--venue", NOWHERE, "--from", "2026-01-01"), ("--from 2026-01-01", "--venue")),
        (("--venue", "nonsense"), ("--venue", "nonsense", "https://api.coinbase.com")),
        (("--key", "key.json", "--ticks", "1"), ("--key key.json", "--venue")),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    words: tuple[str, ...], named: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with what was given; nothing is silently ignored."""
    code, lines = refused(*words, "--home", str(tmp_path / "home"), capsys=capsys)

    assert code == ExitCode.CONFIG
    assert len(lines) == 1
    assert [word for word in named if word not in lines[0]] == []


def test_second_process_in_a_folder_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says who works there, and where."""
    folder = tmp_path / name_folder(NOWHERE)
    with lock_folder(folder):
        code, lines = refused("--venue", NOWHERE, "--home", str(tmp_path), capsys=capsys)

    assert code == ExitCode.NOT_NOW
    assert str(os.getpid()) in lines[-1]
    assert str(folder) in lines[-1]


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGTERM, ExitCode.DONE), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_process_ends_in_order_and_says_how_to_go_on(
    number: signal.Signals, expected: ExitCode, venue: VenueServer, tmp_path: Path
) -> None:
    """After SIGTERM with 0, after Ctrl-C with 130; the same command starts it again."""
    words = ("--venue", venue.url, "--mode", "PAPER", "--home", str(tmp_path))
    started = Started(*words)
    await_file(tmp_path / name_folder(venue.url) / "kill-switch")
    time.sleep(0.5)

    code, out, errors = started.end(number)

    assert code == expected
    assert errors[0].startswith(f"market: {venue.url}; mode: PAPER; folder: {tmp_path}")
    assert out[-2].startswith("PAPER: ")
    assert out[-1].endswith(" ".join(words))


@pytest.mark.parametrize("word", ["RUN", "HALT"])
def test_flatten_that_stands_is_named_at_the_start_with_what_ends_it(
    word: str, venue: VenueServer, tmp_path: Path
) -> None:
    """A loop that buys nothing must not be a riddle; under HALT there are two lines to be typed."""
    home = tmp_path / name_folder(venue.url)
    home.mkdir()
    FileKillSwitch(home / "kill-switch").write(TradingState(word))
    flatten = Command(CommandKind.FLATTEN, Instant(int(time.time())), "")
    FolderControls(home).give(Scope("PAPER#main"), flatten, {})
    started = Started("--venue", venue.url, "--mode", "PAPER", "--home", str(tmp_path))
    until = time.monotonic() + _PATIENCE_SECONDS
    while FileStateStore(home).ledger(Scope("PAPER#main")) is None and time.monotonic() < until:
        time.sleep(0.05)

    _, _, errors = started.end(signal.SIGTERM)

    told = "a flatten stands, under which nothing is bought; to end it"
    assert f"{told}: trader resume --reason TEXT --home {home}" in errors
    assert any(line.startswith("the kill switch says HALT") for line in errors) == (word == "HALT")


def test_venue_that_is_away_is_named_and_waited_for(tmp_path: Path) -> None:
    """Nothing is kept yet when it is asked to end."""
    started = Started("--venue", NOWHERE, "--mode", "PAPER", "--home", str(tmp_path))
    await_file(tmp_path / name_folder(NOWHERE) / ".running")
    time.sleep(1)

    code, out, errors = started.end(signal.SIGTERM)

    assert code == ExitCode.DONE
    assert [NOWHERE in line for line in errors] == [True, True]
    assert "it is asked again" in errors[1]
    assert not out


def test_live_begins_with_a_halt_in_a_new_folder_and_says_what_lifts_it(
    live_config: Path, venue: VenueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person lets the first order out."""
    monkeypatch.setenv("TRADER_LIVE_CONFIRMED", "yes")
    key_file, home = tmp_path / "key.json", tmp_path / "home"
    key_file.write_text(json.dumps(venue.key.file()), encoding="utf-8")
    words = ("--config", str(live_config), "--venue", venue.url, "--mode", "LIVE", "--key", str(key_file))
    started = Started(*words, "--home", str(home))
    switch = home / name_folder(venue.url) / "kill-switch"
    await_file(switch)
    time.sleep(0.5)

    code, out, errors = started.end(signal.SIGTERM)

    assert code == ExitCode.DONE
    assert switch.read_text(encoding="utf-8") == "HALT\n"
    assert f"the kill switch says HALT; to let it trade: echo RUN > {switch}" in errors
    assert out[-2].startswith("LIVE: ")


def test_key_that_the_venue_refuses_at_the_start_ends_the_command(
    live_config: Path, venue: VenueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting does not mend it; the reason is one line."""
    monkeypatch.setenv("TRADER_LIVE_CONFIRMED", "yes")
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps(venue.key.file()), encoding="utf-8")
    venue.venue.revoke_key(venue.key.name)
    words = ("--config", str(live_config), "--venue", venue.url, "--mode", "LIVE", "--key", str(key_file))

    started = Started(*words, "--home", str(tmp_path / "home"))
    out, errors = started.process.communicate(timeout=_PATIENCE_SECONDS)

    assert started.process.returncode == ExitCode.WRONG
    assert errors.splitlines()[-1].startswith("VenueAuth: ")
    assert "Traceback" not in errors + out


def test_reader_who_has_gone_does_not_end_the_loop(venue: VenueServer, tmp_path: Path) -> None:
    """As `head` does: it trades on, obeys a command, and ends in order."""
    home = tmp_path / name_folder(venue.url)
    started = Started("--venue", venue.url, "--mode", "PAPER", "--home", str(tmp_path))
    assert started.process.stdout is not None
    started.process.stdout.close()
    await_file(home / "kill-switch")
    for _ in range(2):
        reconcile = Command(CommandKind.RECONCILE, Instant(int(time.time())), "")
        given = FolderControls(home).give(Scope("PAPER#main"), reconcile, {})
        until = time.monotonic() + _PATIENCE_SECONDS
        while _last_applied(home) != given and time.monotonic() < until:
            time.sleep(0.05)

        assert given == _last_applied(home)

    started.process.stdout = None
    code, _, errors = started.end(signal.SIGTERM)

    assert (ExitCode.DONE, 1) == (code, len(errors))


def _last_applied(home: Path) -> str:
    ledger = FileStateStore(home).ledger(Scope("PAPER#main"))
    mark = ledger.applied_commands.get("reconcile") if ledger is not None else None
    return mark.command_id if mark is not None else ""
