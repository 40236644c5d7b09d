"""How ``trader cycle`` ends, and what it says then."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.cli.cycle import explain_failure
from desk.folder_lock import lock_folder
from factories_settings import CONFIG
from trader.adapters.local.files import FileStateStore
from trader.model.ids import Instant, Scope
from unit.desk.operated_folder import VARIABLES
from unit.desk.visiting import visits

AT, AT_TEXT = Instant(1_767_538_800), "2026-01-04T15:00:00Z"
LATER = ("2026-01-04T15:05:00Z", "2026-01-04T15:10:00Z")
SCOPE = Scope("PAPER#main")
EPOCH = re.compile(r"\b1[67]\d{8}\b")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "TRADER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(CONFIG))


def trader(*arguments: object) -> int:
    """The code a command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), [str(each) for each in arguments])
    return int(left.value.code or 0)


def cycle(home: Path, *options: str, at: str = AT_TEXT) -> int:
    """Run one cycle in PAPER."""
    return trader("cycle", "--mode", "PAPER", "--home", home, "--at", at, *options)


def folder_in(home: Path) -> Path:
    return home / "synthetic-7"


def test_cycle_that_completes_or_was_finished_already_ends_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second finds nothing to do, and says so."""
    codes = [cycle(tmp_path), cycle(tmp_path)]

    assert [0, 0] == codes
    assert "20260104T150000Z: SKIPPED (cycle 20260104T150000Z is finished)" in capsys.readouterr().out


def test_halt_on_purpose_ends_with_0_and_a_switch_that_cannot_be_read_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The word that is none is shown, with those that are."""
    cycle(tmp_path)
    switch = folder_in(tmp_path) / "kill-switch"
    switch.write_text("HALT\n", encoding="utf-8")
    on_purpose = cycle(tmp_path, at=LATER[0])
    halted = capsys.readouterr().out
    switch.write_text("off\n", encoding="utf-8")
    bad_word = cycle(tmp_path, at=LATER[1])
    bad = " ".join(capsys.readouterr().out.split())
    switch.unlink()
    gone = cycle(tmp_path, at="2026-01-04T15:15:00Z")

    assert (0, 1, 1) == (on_purpose, bad_word, gone)
    assert "HALTED (the kill switch says HALT)" in halted
    assert f"the kill switch {switch} says 'off', which is no word of it; allowed are RUN, REDUCE_ONLY, HALT" in bad
    assert f"HALTED (the kill switch cannot be read: {switch}: " in " ".join(capsys.readouterr().out.split())


def test_cycle_beside_another_ends_with_75(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says who has the lease, and until when, as a person reads time."""
    FileStateStore(folder_in(tmp_path)).acquire(SCOPE, "pid-7-abc", AT, 60)

    code = cycle(tmp_path)

    output = capsys.readouterr().out
    assert code == 75
    assert "SKIPPED (lease held by pid-7-abc until 2026-01-04T15:01:00Z)" in output
    assert not EPOCH.search(output)


def test_aborted_cycle_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Here for a tick from before the last one."""
    cycle(tmp_path, at=LATER[0])
    capsys.readouterr()

    code = cycle(tmp_path, "--json")

    told = json.loads(capsys.readouterr().out)
    assert (1, "ABORTED") == (code, told["outcome"])
    assert "trader ledger forget-cycle" in told["reason"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "\xff\n", '{"epoch":1}', "null"])
def test_damaged_ledger_ends_with_1_and_one_line(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file, of which nothing is written over."""
    cycle(tmp_path)
    path = folder_in(tmp_path) / "scope=PAPER#main" / "ledger.json"
    path.write_bytes(damage.encode("latin-1"))
    capsys.readouterr()

    code = cycle(tmp_path, at=LATER[0])

    output = capsys.readouterr()
    _market, line = output.err.splitlines()
    assert (1, "") == (code, output.out)
    assert line.startswith(f"LedgerCorrupt: {path}: ")
    assert damage.encode("latin-1") == path.read_bytes()


@pytest.mark.parametrize("damage", ["", "{", "[]", "\xff\n", "null"])
def test_damaged_account_of_the_simulated_venue_ends_with_1(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the cycle it is a venue that does not answer: it names the file and decides nothing."""
    cycle(tmp_path)
    path = folder_in(tmp_path) / "venue-main.json"
    path.write_bytes(damage.encode("latin-1"))
    capsys.readouterr()

    code = cycle(tmp_path, "--json", at=LATER[0])

    told = json.loads(capsys.readouterr().out)
    assert (1, "ABSTAINED") == (code, told["outcome"])
    assert str(path) in told["reason"]
    assert damage.encode("latin-1") == path.read_bytes()


@pytest.mark.parametrize("mode", ["PAPER", "DRY_RUN"])
def test_venue_that_cannot_be_reached_is_said_once_and_ends_with_1(
    tmp_path: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, with its address, and no table of what is missing because of it."""
    code = trader("cycle", "--mode", mode, "--home", tmp_path, "--venue", "http://127.0.0.1:1")

    output = " ".join(capsys.readouterr().out.split())
    assert code == 1
    assert "http://127.0.0.1:1 cannot be reached, nothing listens there" in output
    assert 1 == output.count("ConnectionRefusedError") == output.count("PRODUCT_MISSING")
    assert re.search(r"\d+ products REFUSED PRODUCT_MISSING: for that reason", output)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("products: GET /market/products: ConnectionError (gaierror)", "there is no such host"),
        ("products: GET /market/products: ReadTimeout", "there is no answer in time"),
        ("products: GET /market/products: SSLError", "no TLS connection comes about"),
        ("products: GET /market/products: HTTP 503", ""),
    ],
)
def test_failure_is_explained_where_it_is_that_nobody_answers(reason: str, words: str) -> None:
    """An answer of the venue speaks for itself."""
    told = explain_failure(reason, "https://x.example")

    assert (f"https://x.example cannot be reached, {words}: {reason}" if words else reason) == told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file or directory"),
        (b"", "no JSON"),
        (b'{"scheduled_time": "2026', "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "an event is an object, found list"),
        (b"{}", "event with keys 'none'"),
        (b'{"scheduled_time": "2026-01-04"}', "has no time zone"),
        (b'{"command": "status"}', "only a tick, or a change of the kill switch, runs from this command"),
        (b'{"scheduled_time": "2026-01-04T15:00:00Z", "watch": true}', "only a tick"),
    ],
)
def test_event_that_is_none_is_one_line(
    tmp_path: Path, content: bytes | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file; nothing is made."""
    event, home = tmp_path / "event.json", tmp_path / "home"
    if content is not None:
        event.write_bytes(content)

    code = trader("cycle", "--home", home, "--event", event)

    output = capsys.readouterr()
    assert (78, "", 1) == (code, output.out, output.err.count("\n"))
    assert output.err.startswith(f"--event {event}: ")
    assert told in output.err
    assert not home.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--candles . --venue http://x", "--candles . and --venue http://x exclude one another"),
        ("--candles . --seed 3", "--candles . and --seed 3 exclude one another"),
        ("--venue http://x --seed 7", "--venue http://x and --seed 7 exclude one another"),
        ("--candles . --venue http://x --seed 3", "--candles . and --venue http://x and --seed 3 exclude one another"),
        ("--venue http://x --at 2026-01-04", "--at 2026-01-04 and --venue http://x exclude one another"),
        ("--venue http://x --event e.json", "--event e.json and --venue http://x exclude one another"),
        ("--at 2026-01-04 --event e.json", "--at 2026-01-04 and --event e.json exclude one another"),
        ("--at yesterday", "--at: 'yesterday' is not an instant"),
        ("--at 0001-01-01", "--at: '0001-01-01'; allowed are instants from 1971-01-01T00:00:00Z"),
        ("--at 9999-12-31", "to 3000-01-01T00:00:00Z"),
        ("--venue localhost:8787", "--venue: 'localhost:8787' is not an address; allowed is https://api.coinbase.com"),
        ("--venue ftp://x", "is not an address"),
        ("--venue http://x:99999", "is not an address"),
        ("--venue http://x:0", "is not an address"),
        ("--venue http://[::1", "is not an address"),
        ("--venue http://", "is not an address"),
        ("--candles nowhere", "nowhere is not there; allowed is a folder of candles"),
        ("--candles pyproject.toml", "pyproject.toml is no folder; allowed is a folder of candles"),
        ("--mode LIVE", "--mode: app.mode: LIVE contradicts exchange.read_only: true"),
    ],
)
def test_options_that_cannot_be_meant_are_one_line(
    tmp_path: Path, options: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are refused before anything is made, and never ignored."""
    code = trader("cycle", "--home", tmp_path, *options.split())

    output = capsys.readouterr()
    assert (78, "", 1) == (code, output.out, output.err.count("\n"))
    assert told in output.err
    assert [] == list(tmp_path.iterdir())


def test_address_with_a_blank_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So is no address at all."""
    codes = [trader("cycle", "--home", tmp_path, "--venue", address) for address in ("http://a b", "")]

    assert [78, 78] == codes
    assert 2 == capsys.readouterr().err.count("is not an address")


def test_folder_of_candles_without_any_that_fit_says_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a person reads time, not in seconds."""
    code = trader("cycle", "--home", tmp_path, "--candles", tmp_path, "--at", AT_TEXT)

    told = capsys.readouterr().err
    assert code == 78
    assert f"{tmp_path}: no candles from {AT_TEXT} to {AT_TEXT}\n" == told
    assert not EPOCH.search(told)


def test_cycle_without_an_instant_is_one_of_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name is that of this minute."""
    before = time.strftime("%Y%m%dT%H", time.gmtime())
    code = trader("cycle", "--home", tmp_path, "--json")

    assert code == 0
    assert json.loads(capsys.readouterr().out)["cycle"][:11] in {before, time.strftime("%Y%m%dT%H", time.gmtime())}


def test_cycle_beside_a_loop_says_that_somebody_works_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is allowed, and shall not be a surprise; alone there is nothing to say."""
    alone = cycle(tmp_path), capsys.readouterr().err
    with lock_folder(folder_in(tmp_path)):
        beside = cycle(tmp_path), capsys.readouterr().err

    said = f"process {os.getpid()} works in {folder_in(tmp_path)} as well; "
    assert (0, 0) == (alone[0], beside[0])
    assert [said in alone[1], said in beside[1]] == [False, True]


def test_cycle_is_a_visitor_of_the_folder_while_it_runs(tmp_path: Path) -> None:
    """A loop that begins there meanwhile does not take its lease for that of a dead process."""
    cycle(tmp_path)

    assert visits(folder_in(tmp_path), lambda: cycle(tmp_path)) == (True, 0)
