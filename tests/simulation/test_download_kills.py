"""Real downloads, really killed, from a venue that fails: the same files as from one that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from architecture.tree import ROOT
from desk.backtest.data.coinbase import CoinbaseDownload, Wanted
from desk.backtest.data.inspection import check_folder
from desk.folder_lock import LOCK_NAME
from desk.in_memory import ManualClock
from desk.markets.series import CandleSeries
from desk.sandbox.app import App, Request
from desk.sandbox.fault_replies import Delivery
from desk.sandbox.market import PriceSource
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from factories_venue import SOL, START, a_product, a_simulation
from trader.adapters.coinbase.limits import RateLimits
from trader.adapters.coinbase.market_data import open_market
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity

BTC = ProductId("BTC-USD")
MINUTE = Granularity.ONE_MINUTE
BUCKETS = 7_000
FIRST = Instant(START - BUCKETS * 60)
KILLS = 12
_PATIENCE_SECONDS = 120
_ODD_EVERY = 23
#: What a page of candles is made of now and then: rows that no venue should send, among those it should.
_ODD_ROWS: tuple[dict[str, Any], ...] = (
    {"high": "0.01"},
    {"volume": "-1"},
    {"close": "NaN"},
    {"start": "12"},
    {"open": None},
    {"start": str(START * 1000)},
)


def make_path(price: float) -> list[Candle]:
    """Minutes of a market with silent ones among them."""
    chance = random.Random(price)
    rows = []
    for at in range(BUCKETS):
        close = round(price * (1 + chance.random() / 100), 2)
        row = Candle(FIRST + at * 60, price, price * 1.01, price * 0.99, close, round(chance.random() * 99, 8))
        rows += [row] if chance.random() > 0.01 else []
    return rows


class OddApp:
    """The venue's front, of which now and then a page of candles has a row that is none."""

    def __init__(self, app: App, chance: random.Random) -> None:
        self._app, self._chance = app, chance
        self.is_odd = False
        self._pages = 0

    def answer(self, request: Request) -> Delivery:
        delivery = self._app.answer(request)
        if not (self.is_odd and delivery.reply is not None and delivery.reply.status == 200):
            return delivery
        if not request.path.endswith("/candles"):
            return delivery
        self._pages += 1
        if self._pages % _ODD_EVERY:
            return delivery
        try:
            rows = json.loads(delivery.reply.body)["candles"]
        except ValueError:
            return delivery
        if rows:
            rows[self._chance.randrange(len(rows))] |= self._chance.choice(_ODD_ROWS)
        return replace(delivery, reply=replace(delivery.reply, body=json.dumps({"candles": rows}).encode()))


@pytest.fixture
def venue() -> Iterator[VenueServer]:
    series = {(each, MINUTE): CandleSeries(MINUTE, make_path(price)) for each, price in ((SOL, 100.0), (BTC, 5e4))}
    clock = ManualClock(START)
    with VenueServer(
        Venue(PriceSource([a_product(SOL), a_product(BTC)], series), clock, settings=a_simulation())
    ) as server:
        clock.advance(60)
        yield server


def look(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes, but for the lock's."""
    files = (each for each in folder.rglob("*") if each.is_file() and each.name != LOCK_NAME)
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def download_undisturbed(venue: VenueServer, folder: Path) -> dict[str, bytes]:
    market = open_market(venue.url, limits=RateLimits(public_per_second=10_000))
    try:
        found = CoinbaseDownload(market, folder).run(Wanted((SOL, BTC), MINUTE, FIRST, START))
    finally:
        market.close()
    assert [None, None] == [each.problem for each in found]
    return look(folder)


def start(venue: VenueServer, folder: Path, first: Instant = FIRST) -> subprocess.Popen[str]:
    window = ["--from", rfc3339(first), "--to", rfc3339(START)]
    words = ["--out", str(folder), "--products", "SOL-USD,BTC-USD", "--granularity", "1m", "--venue", venue.url]
    return subprocess.Popen(
        [sys.executable, "-c", "from desk.cli import main; main()", "data", "download", *words, *window],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def make_trouble(venue: VenueServer, chance: random.Random) -> None:
    """Everything that may be wrong with an answer, now and then, without end."""
    faults = ["slow", "rate_limited_html", "rate_limited_json", "internal_error", "bad_gateway", "truncated", "cut_off"]
    faults += ["empty", "reset_before", "timeout_before", "extra_keys", "numbers_for_text"]
    chance.shuffle(faults)
    for each in faults:
        venue.venue.faults.add(each, "GET", "/market", every=chance.randint(40, 90), count=0, seconds=0.1)


def wait_for_work(process: subprocess.Popen[str], folder: Path, before: float) -> None:
    """Until the process has the folder, or has ended."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        lock = folder / LOCK_NAME
        if lock.exists() and lock.stat().st_mtime > before:
            return
        time.sleep(0.005)


@pytest.mark.parametrize("seed", [20261130])
def test_kills_and_faults_at_random_change_no_byte(venue: VenueServer, tmp_path: Path, seed: int) -> None:
    """A process is killed again and again at some moment of its work; the last one ends, and all is as it should be."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    expected = download_undisturbed(venue, tmp_path / "whole")
    odd = OddApp(venue._server.front, chance)
    venue._server.front = odd  # type: ignore[assignment]
    odd.is_odd = True
    make_trouble(venue, chance)
    folder, kills, torn = tmp_path / "torn", 0, 0
    for _ in range(4 * KILLS):
        before = time.time()
        # Some of them want less than all of it, so that files grow on both sides.
        process = start(venue, folder, Instant(FIRST + chance.choice([0, 0, 120_000])))
        wait_for_work(process, folder, before)
        time.sleep(chance.uniform(0, 1.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        for file in folder.glob("*.csv.gz"):
            # Whatever lies there can be read at any moment.
            checked = check_folder(folder, Instant(START + 60))
            assert () == checked.faults, (seed, file)
        torn += look(folder) != expected
        if kills >= KILLS:
            break
    left = look(folder)

    for _ in range(6):
        process = start(venue, folder)
        said = process.communicate(timeout=_PATIENCE_SECONDS)
        if process.returncode == 0:
            break
    assert 0 == process.returncode, (seed, said)
    assert kills >= KILLS
    assert torn > 1, f"seed {seed}: of {kills} kills hardly one came before the end"
    assert expected == look(folder), (seed, sorted(left))
    seen = {each.fault for each in venue.venue.traffic.log() if each.fault}
    assert len(seen) > 5, (seed, seen)


def test_ctrl_c_leaves_what_is_there_and_says_how_it_goes_on(venue: VenueServer, tmp_path: Path) -> None:
    """At any moment of its work; the same command does the rest, and asks for no bucket of what was kept."""
    expected = download_undisturbed(venue, tmp_path / "whole")
    folder = tmp_path / "stopped"
    process, before = start(venue, folder), time.time()
    wait_for_work(process, folder, before - 5)
    until = time.monotonic() + _PATIENCE_SECONDS
    while not list(folder.glob(".unfinished/*/*.csv")) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=_PATIENCE_SECONDS)[1]

    assert 130 == process.returncode, said
    assert "Traceback" not in said
    assert f"the same command goes on: trader data download --out {folder}" in said
    assert count_buckets(said) > 0
    process = start(venue, folder)
    said = process.communicate(timeout=_PATIENCE_SECONDS)[1]
    assert 0 == process.returncode, said
    assert expected == look(folder)


def count_buckets(said: str) -> int:
    """How many buckets it says were there when it was interrupted."""
    (line,) = [each for each in said.splitlines() if each.startswith("interrupted after ")]
    return int(line.split()[2])
